//! R09 and R19 to R29: what is on file about people and things, and who answers for them.

use std::time::Duration;

use lucarne::demo::rehearsal::{file, hire, together, went_well};
use lucarne::governance::account::{Clause, File};
use lucarne::governance::engagement::Class;
use lucarne::governance::{Paperwork, Role, Terms};
use lucarne::node::act::{Act, Outcome};

use super::engagements::{Places, code, places};
use super::house::name;

/// An auditor without one thing on file: what is missing.
async fn without(places: &Places, login: &str, file: File) -> String {
    let company = places.company();
    let join = (login, "Paul Durand", vec![Role::Auditor], None, file);
    let paul = hire(places.stage(), &company.admin, &company.rssi, join, "Correct-h0rse").await.unwrap();
    let engagement = places.engaged(places.terms("a")).await;
    let act = Act::Assign { engagement: engagement.clone(), login: login.to_owned() };
    if let Outcome::Refused { code, .. } = places.admin(act).await {
        return code;
    }
    let ticket = |engagement| Act::IssueTicket { engagement, acknowledged: true, short: false, certificate: None };
    assert_eq!(code(places.house.by(&paul, ticket(engagement.clone())).await), "charter_not_acknowledged");
    let sha256 = places.house.entry(|entry| entry.kind() == "charter.acknowledged").await.text("paper_sha256").to_owned();
    assert_eq!(code(places.house.by(&paul, Act::Acknowledge { sha256: "00".repeat(32) }).await), "not_the_charter");
    went_well(places.house.by(&paul, Act::Acknowledge { sha256 }).await).unwrap();
    code(places.house.by(&paul, ticket(engagement)).await)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r19_r20_r24_r26_what_is_not_on_file_blocks_and_is_named() {
    let places = places().await;
    let whole = file(places.house.clock.wall().date());
    assert_eq!(without(&places, "paul1", File { job: None, ..whole.clone() }).await, "no_job");
    places.house.clock.advance(Duration::from_secs(60));
    assert_eq!(without(&places, "paul2", File { clause: None, ..whole.clone() }).await, "no_clause");
    places.house.clock.advance(Duration::from_secs(60));
    assert_eq!(without(&places, "paul3", File { awareness: None, ..whole }).await, "no_awareness");
    // What is recorded is no longer missing.
    let today = places.house.clock.wall().date();
    let file = File { awareness: Some(today), ..File::default() };
    went_well(places.admin(Act::KeepFile { login: "paul3".into(), file }).await).unwrap();
    places.house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r20_a_new_charter_ends_the_view_of_whoever_has_not_acknowledged_it() {
    let places = places().await;
    let engagement = places.engaged(places.terms("a")).await;
    went_well(places.show("a", &engagement).await).unwrap();
    let eye = places.looks(&engagement).await;
    let charter = async || {
        let act = Act::AskPaper { paperwork: Paperwork::Charter, version: "2".into(), sha256: "cd".repeat(32) };
        together(places.stage(), &places.company().admin, &places.company().rssi, act).await.unwrap();
    };
    let (_, ()) = tokio::join!(eye.watch_to_the_end(), charter());
    assert_eq!(places.house.entry(|entry| entry.kind() == "view.ended").await.text("cause"), "charter_not_acknowledged");
    assert_eq!(code(places.ticket(&engagement).await), "charter_not_acknowledged");
    let act = Act::Acknowledge { sha256: "cd".repeat(32) };
    went_well(places.house.by(&places.company().auditor, act).await).unwrap();
    places.looks(&engagement).await.leave().await;
    places.house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r21_the_reminder_is_acknowledged_before_each_view_and_that_is_traced() {
    let places = places().await;
    let engagement = places.engaged(places.terms("a")).await;
    let act = Act::IssueTicket { engagement: engagement.clone(), acknowledged: false, short: false, certificate: None };
    assert_eq!(code(places.house.by(&places.company().auditor, act).await), "not_acknowledged");
    assert!(matches!(places.ticket(&engagement).await, Outcome::Ticket { .. }));
    let issued = places.house.entry(|entry| entry.kind() == "ticket.issued").await;
    assert_eq!(issued.public.get("notice_shown"), Some(&true.into()));
    places.house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r22_the_class_is_visible_throughout_and_an_audit_has_one_that_fits() {
    let places = places().await;
    assert_eq!(code(places.admin(Act::Plan { terms: Terms { class: Class::C1, ..places.terms("b") } }).await), "class_too_low");
    let engagement = places.engaged(places.terms("b")).await;
    went_well(places.show("b", &engagement).await).unwrap();
    let eye = places.looks(&engagement).await;
    let hello = String::from_utf8_lossy(&eye.hello).into_owned();
    assert!(hello.contains("Clinique b · C3"), "the window's title: {hello}");
    assert_eq!(places.house.entry(|entry| entry.kind() == "view.started").await.text("class"), "C3");
    places.house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r23_what_an_owner_leaves_behind_is_listed_until_somebody_answers_for_it() {
    let places = places().await;
    let company = places.company();
    let join = ("alix", "Alix Gestion", vec![Role::Admin], None, File::default());
    let alix = hire(places.stage(), &company.admin, &company.rssi, join, "Correct-h0rse").await.unwrap();
    let planned = places.house.by(&alix, Act::Plan { terms: places.terms("a") }).await;
    let Outcome::Planned { engagement } = planned else { panic!("{planned:?}") };
    let orphans = async || {
        let Outcome::Accounts { accounts, .. } = places.admin(Act::ListAccounts { after: None }).await else {
            panic!("the accounts")
        };
        accounts.into_iter().flat_map(|listed| listed.orphans).collect::<Vec<_>>()
    };
    assert_eq!(orphans().await, []);
    let ends = places.house.clock.wall() + time::Duration::hours(1);
    went_well(places.house.by(&company.rssi, Act::EndAccount { login: "alix".into(), ends }).await).unwrap();
    places.house.clock.advance(Duration::from_secs(3_700));
    assert_eq!(orphans().await, std::slice::from_ref(&engagement));
    went_well(places.admin(Act::GiveTo { engagement: engagement.clone(), login: "admin".into() }).await).unwrap();
    assert_eq!(orphans().await, []);
    places.house.entry(|entry| entry.kind() == "engagement.owner_changed").await;
    places.house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r25_a_clause_outlives_the_account_that_it_binds() {
    let places = places().await;
    let (company, today) = (places.company(), places.house.clock.wall().date());
    let clause = Clause { signed: today, sha256: "ef".repeat(32) };
    let act = Act::KeepFile { login: "claire".into(), file: File { clause: Some(clause.clone()), ..File::default() } };
    went_well(places.admin(act).await).unwrap();
    went_well(places.house.by(&company.rssi, Act::DisableAccount { login: "claire".into() }).await).unwrap();
    places.house.clock.advance(Duration::from_secs(60));
    assert_eq!(code(company.auditor.log_in(places.stage()).await.unwrap()), "account_disabled");
    let Outcome::Accounts { accounts, .. } = places.admin(Act::ListAccounts { after: None }).await else {
        panic!("the accounts")
    };
    let claire = accounts.into_iter().find(|listed| listed.account.login.as_str() == "claire").unwrap();
    assert_eq!(claire.account.file.clause, Some(clause));
    let kept = places.house.entry(|entry| entry.kind() == "account.file_kept").await;
    assert!(format!("{:?}", kept.sealed).contains(&"ef".repeat(32)), "and in the trace");
    places.house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r29_settings_and_papers_count_once_a_second_person_has_approved_them() {
    let places = places().await;
    let company = places.company();
    let act = Act::AskPaper { paperwork: Paperwork::Procedure, version: "9".into(), sha256: "12".repeat(32) };
    let Outcome::Asked { request, .. } = places.admin(act).await else { panic!("nothing was asked") };
    assert_eq!(code(places.admin(Act::Approve { request: request.clone() }).await), "own_request");
    let act = Act::Approve { request: request.clone() };
    assert_eq!(code(places.house.by(places.contact("a"), act).await), "not_your_role");
    went_well(places.house.by(&company.rssi, Act::TurnDown { request: request.clone() }).await).unwrap();
    assert_eq!(code(places.house.by(&company.rssi, Act::Approve { request }).await), "request_unknown");
    // A site whose settings changed since is not shown.
    let engagement = places.engaged(places.terms("a")).await;
    let mut house = places.house;
    house.change_settings(|text| text.replace("max_fps = 60", "max_fps = 59")).await;
    let shown = house.company.show(&**house.node().shared(), &name("a"), &engagement).await.unwrap();
    assert_eq!(code(shown), "site_not_approved");
    let (stage, act) = (&**house.node().shared(), Act::AskSite { site: name("a") });
    together(stage, &house.company.admin, &house.company.rssi, act).await.unwrap();
    went_well(house.company.show(stage, &name("a"), &engagement).await.unwrap()).unwrap();
    house.close().await;
}

/// Nothing that is ordered can be too long for the trace, or put words into its public part.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r09_no_order_is_too_long_for_the_trace_or_speaks_in_its_public_part() {
    let places = places().await;
    let procedure = lucarne::governance::Paper { version: "Ombeline ".repeat(9_000), sha256: "00".repeat(32) };
    let terms = Terms { procedure, ..places.terms("a") };
    assert_eq!(code(places.admin(Act::Plan { terms }).await), "procedure_changed");
    let long = |version: &str| Act::AskPaper { paperwork: Paperwork::Charter, version: version.into(), sha256: "00".repeat(32) };
    assert_eq!(code(places.admin(long("Ombeline Specimen")).await), "version_impossible");
    let job = lucarne::governance::account::Job { reference: "x".repeat(70_000), date: places.house.clock.wall().date() };
    let file = File { job: Some(job), ..File::default() };
    assert_eq!(code(places.admin(Act::KeepFile { login: "claire".into(), file }).await), "text_impossible");
    // All goes on.
    places.engaged(places.terms("a")).await;
    assert!(!places.has("log.gap"));
    places.house.close().await;
}
