//! Who may do what: every act by every role, at its own site and at another, allowed exactly as the table here says.

use std::collections::{BTreeMap, BTreeSet};

use lucarne::demo::rehearsal::{Person, file, hire};
use lucarne::governance::account::File;
use lucarne::governance::freeze::Scope;
use lucarne::governance::incident::{Link, Nature};
use lucarne::governance::{Kind, Paperwork, Role, Secret, Terms};
use lucarne::id::{EngagementId, FreezeId, IncidentId, RequestId, SiteName, TokenId, WorkstationId};
use lucarne::node::act::{Act, Order, Outcome};
use lucarne::rfb::encoding::number;

use time::macros::datetime;

use super::house::{House, demo_site, name};
use super::script::Script;

/// Each act with the roles that it is open to; `own` marks what a contact may do on the own site alone. Written out, not
/// taken from the product.
const TABLE: &[(&str, &[Role])] = {
    use Role::{Admin, Auditor, Contact, Crisis, Dpo, Physician, Reviewer, Rssi};
    const ALL: &[Role] = &[Auditor, Contact, Admin, Rssi, Dpo, Crisis, Physician, Reviewer];
    &[
        ("who_am_i", ALL),
        ("acknowledge", ALL),
        ("ask_join", &[Admin, Rssi]),
        ("ask_move", &[Admin, Rssi]),
        ("ask_reset", &[Admin, Rssi]),
        ("ask_envelope", &[Admin, Rssi]),
        ("ask_enable", &[Admin, Rssi]),
        ("ask_prolong", &[Admin, Rssi]),
        ("ask_paper", &[Admin, Rssi]),
        ("ask_site", &[Admin, Rssi]),
        ("ask_masks", &[Admin, Rssi]),
        ("list_requests", &[Admin, Rssi, Dpo, Crisis, Reviewer]),
        ("approve", &[Admin, Rssi]),
        ("turn_down", &[Admin, Rssi]),
        ("disable_account", &[Admin, Rssi, Crisis]),
        ("end_account", &[Admin, Rssi, Crisis]),
        ("unlock_account", &[Admin, Rssi]),
        ("keep_file", &[Admin]),
        ("review", &[Admin, Rssi]),
        ("list_accounts", &[Admin, Rssi, Dpo, Crisis, Reviewer]),
        ("plan", &[Admin]),
        ("plan_again", &[Admin]),
        ("assign", &[Admin]),
        ("unassign", &[Admin, Rssi]),
        ("give_to", &[Admin]),
        ("notice", &[Admin]),
        ("close", &[Admin, Rssi]),
        ("cancel", &[Admin, Rssi]),
        ("list_engagements", &[Auditor, Contact, Admin, Rssi, Dpo, Crisis, Reviewer]),
        ("checklist", &[Auditor, Contact, Admin, Rssi, Dpo, Crisis, Reviewer]),
        ("accept", &[Contact]),
        ("revoke", &[Contact]),
        ("declare_operator", &[Contact]),
        ("real_data", &[Contact]),
        ("show", &[Contact]),
        ("pause", &[Contact, Admin, Rssi, Crisis]),
        ("stop", &[Contact, Admin, Rssi, Crisis]),
        ("list_sites", &[Auditor, Contact, Admin, Rssi, Dpo, Crisis, Reviewer]),
        ("ask_workstation", &[Admin, Rssi]),
        ("keep_posture", &[Admin]),
        ("retire_workstation", &[Admin, Rssi, Crisis]),
        ("list_workstations", &[Admin, Rssi, Dpo, Crisis, Reviewer]),
        ("report", &[Auditor, Contact, Admin, Rssi, Dpo, Crisis, Physician]),
        ("note_incident", &[Rssi, Dpo, Crisis, Physician]),
        ("link_incident", &[Rssi, Dpo, Crisis, Physician]),
        ("tell_authority", &[Rssi, Dpo, Crisis, Physician]),
        ("no_duty_to_tell", &[Rssi, Dpo, Crisis, Physician]),
        ("list_incidents", &[Admin, Rssi, Dpo, Crisis, Physician, Reviewer]),
        ("ask_thaw", &[Admin, Rssi]),
        ("freeze", &[Admin, Rssi, Crisis]),
        ("list_freezes", &[Admin, Rssi, Dpo, Crisis, Reviewer]),
        ("compliance", &[Admin, Rssi, Dpo, Crisis, Reviewer]),
        ("list_papers", &[Admin, Rssi, Dpo, Crisis, Reviewer]),
        ("test_alert", &[Admin, Rssi, Crisis]),
        ("list_alerts", &[Admin, Rssi, Dpo, Crisis, Reviewer]),
        ("reload", &[Admin]),
        ("issue_ticket", &[Auditor]),
        ("issue_token", ALL),
        ("list_tokens", ALL),
        ("end_token", ALL),
        ("logout", ALL),
    ]
};

/// Every act, with values that come as far as the act's own rules.
fn acts(site: &SiteName, engagement: &EngagementId, terms: &Terms) -> Vec<Act> {
    let (login, id) = (|| "nobody".to_owned(), || engagement.clone());
    let request = || RequestId::stored("r-none".to_owned());
    let ends = terms.closes + time::Duration::days(9);
    vec![
        Act::WhoAmI,
        Act::Acknowledge { sha256: String::new() },
        Act::AskJoin {
            login: "x".into(),
            name: String::new(),
            roles: vec![Role::Auditor],
            site: None,
            file: File::default(),
            ends: None,
        },
        Act::AskMove { login: login(), roles: vec![Role::Auditor], site: None },
        Act::AskReset { login: login() },
        Act::AskEnvelope { login: login() },
        Act::AskEnable { login: login() },
        Act::AskProlong { login: login(), ends: None },
        Act::AskPaper { paperwork: Paperwork::Charter, version: "9".into(), sha256: "00".into() },
        Act::AskSite { site: name("elsewhere") },
        Act::AskMasks { site: name("elsewhere"), width: 1, height: 1 },
        Act::ListRequests,
        Act::Approve { request: request() },
        Act::TurnDown { request: request() },
        Act::DisableAccount { login: login() },
        Act::EndAccount { login: login(), ends },
        Act::UnlockAccount { login: login() },
        Act::KeepFile { login: login(), file: File::default() },
        Act::Review { login: login(), keep: true },
        Act::ListAccounts { after: None },
        Act::Plan { terms: Terms { purpose: String::new(), ..terms.clone() } },
        Act::PlanAgain { engagement: id(), terms: Terms { purpose: String::new(), ..terms.clone() } },
        Act::Assign { engagement: id(), login: login() },
        Act::Unassign { engagement: id(), login: login() },
        Act::GiveTo { engagement: id(), login: login() },
        Act::Notice { engagement: id(), reference: String::new() },
        Act::ListEngagements { after: None },
        Act::Checklist { engagement: id(), login: None },
        Act::Accept { engagement: id(), letter: None, declares: false, code: Secret::from("000000") },
        Act::DeclareOperator { engagement: id(), name: String::new() },
        Act::RealData { engagement: id(), reason: Some(String::new()) },
        Act::Show { engagement: id(), wait: true },
        Act::Pause { site: site.clone() },
        Act::Stop { site: site.clone() },
        Act::ListSites,
        Act::Compliance,
        Act::Reload,
        Act::IssueTicket { engagement: id(), acknowledged: false, short: false, certificate: None },
        Act::Revoke { engagement: id() },
        Act::Cancel { engagement: id() },
        Act::Close { engagement: id() },
        Act::Logout,
    ]
}

/// The same, of incidents, freezes and workstations.
fn acts_of_upkeep() -> Vec<Act> {
    let incident = || IncidentId::stored("i-none".to_owned());
    let station = || WorkstationId::stored("w-none".to_owned());
    vec![
        Act::AskWorkstation { certificate: String::new(), label: String::new(), ends: None },
        Act::KeepPosture { workstation: station(), system: None, antivirus: None },
        Act::RetireWorkstation { workstation: station() },
        Act::ListWorkstations { after: None },
        Act::Report { nature: Nature::Operational, title: String::new(), known: None, links: Vec::new() },
        Act::NoteIncident { incident: incident(), stage: None, note: String::new() },
        Act::LinkIncident { incident: incident(), link: Link::Entry(1) },
        Act::TellAuthority { incident: incident(), reference: String::new() },
        Act::NoDutyToTell { incident: incident(), reason: String::new() },
        Act::ListIncidents { after: None },
        Act::AskThaw { freeze: FreezeId::stored("f-none".to_owned()) },
        Act::Freeze { scope: Scope::Site { site: name("elsewhere") }, reason: String::new() },
        Act::ListFreezes,
        Act::ListPapers,
        Act::TestAlert { role: Role::Crisis },
        Act::ListAlerts,
        Act::IssueToken { label: String::new(), rights: [].into(), ends: datetime!(2026-03-02 10:00 UTC), code: "000000".into() },
        Act::ListTokens { login: None },
        Act::EndToken { token: TokenId::stored("k-none".to_owned()) },
    ]
}

/// Somebody of each role; contacts are of site "a".
async fn people(house: &House) -> BTreeMap<Role, Person> {
    let (stage, company) = (&**house.node().shared(), &house.company);
    let mut people = BTreeMap::new();
    for role in Role::ALL {
        let site = (role == Role::Contact).then(|| name("a"));
        let login = format!("the.{}", role.name());
        let join = (login.as_str(), "Paul Durand", vec![role], site, file(house.clock.wall().date()));
        let person = hire(stage, &company.admin, &company.rssi, join, "Correct-h0rse").await.unwrap();
        people.insert(role, person);
    }
    let acknowledged = house.entry(|entry| entry.kind() == "charter.acknowledged").await;
    let sha256 = acknowledged.text("paper_sha256").to_owned();
    house.by(&people[&Role::Auditor], Act::Acknowledge { sha256 }).await;
    people
}

/// Whether the roles let somebody this far.
fn was_allowed(outcome: &Outcome) -> bool {
    !matches!(outcome, Outcome::Refused { code, .. } if code == "not_your_role" || code == "not_yours")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_act_is_open_to_the_roles_of_the_table_and_to_contacts_at_their_own_site() {
    let script = Script::start(1, number::RAW).await;
    let sites = format!("{}{}", demo_site("a", script.address), demo_site("b", script.address));
    let house = House::open(&sites).await;
    let people = people(&house).await;
    let mut wrong = Vec::new();
    let mut tried = BTreeSet::new();
    for site in ["a", "b"] {
        for (role, person) in &people {
            let terms = house.company.terms(&name(site), Kind::Demo, house.clock.wall(), time::Duration::hours(4));
            let Outcome::Planned { engagement } = house.order(Act::Plan { terms: terms.clone() }).await else { panic!("a plan") };
            for act in acts_of_upkeep().into_iter().chain(acts(&name(site), &engagement, &terms)) {
                let act_name = act.name();
                let written = serde_json::to_string(&person.orders(act)).unwrap();
                let Order { act, .. } = serde_json::from_str(&written).unwrap_or_else(|error| panic!("{written}: {error}"));
                tried.insert(act_name);
                let roles = TABLE.iter().find(|(name, _)| *name == act_name).unwrap_or_else(|| panic!("{act_name}")).1;
                let about_a_site = act.engagement().is_some() || matches!(act, Act::Pause { .. } | Act::Stop { .. });
                let own = *role != Role::Contact || site == "a" || !about_a_site;
                let outcome = house.by(person, act).await;
                if was_allowed(&outcome) != (roles.contains(role) && own) {
                    wrong.push(format!("{act_name} by {} at {site}: {outcome:?}", role.name()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(tried.len(), TABLE.len(), "every act of the table was tried");
    house.close().await;
}
