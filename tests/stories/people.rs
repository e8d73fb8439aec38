//! R37 and R38, and how people come, move and go: genesis, four eyes, reviews, logins.

use std::time::Duration;

use lucarne::demo::rehearsal::{Person, file, hire, together, went_well};
use lucarne::governance::Role;
use lucarne::governance::account::File;
use lucarne::node::act::{Act, Order, Outcome};
use lucarne::rfb::encoding::number;

use super::eye::{Eye, exact};
use super::house::{House, demo_site};
use super::script::Script;

const DAY: Duration = Duration::from_secs(86_400);

pub async fn house() -> (Script, House) {
    let script = Script::start(2, number::RAW).await;
    let house = House::open(&demo_site("a", script.address)).await;
    (script, house)
}

#[track_caller]
pub fn code(outcome: Outcome) -> String {
    match outcome {
        Outcome::Refused { code, .. } => code,
        other => panic!("{other:?} was not refused"),
    }
}

pub fn join(login: &str, role: Role) -> Act {
    let (name, roles) = ("Paul Durand".to_owned(), vec![role]);
    Act::AskJoin { login: login.to_owned(), name, roles, site: None, file: File::default(), ends: None }
}

async fn asked(house: &House, person: &Person, act: Act) -> lucarne::id::RequestId {
    match house.by(person, act).await {
        Outcome::Asked { request, .. } => request,
        other => panic!("{other:?}"),
    }
}

async fn roles_of(house: &House, login: &str) -> Vec<Role> {
    let Outcome::Accounts { accounts, .. } = house.by(&house.company.rssi, Act::ListAccounts { after: None }).await else {
        panic!("the accounts")
    };
    let found = accounts.into_iter().find(|listed| listed.account.login.as_str() == login);
    found.map(|listed| listed.account.roles.iter().collect()).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn genesis_is_two_codes_once_and_every_later_act_has_an_actor() {
    let (_script, house) = house().await;
    let entries = house.entries();
    let begun = entries.iter().filter(|entry| entry.kind() == "genesis.begun").count();
    let first = entries.iter().filter(|entry| entry.public.get("genesis") == Some(&true.into())).count();
    assert_eq!((begun, first), (1, 2));
    // Nobody orders without a login, or with one that is over.
    let order = |token: Option<&str>| Order { token: token.map(Into::into), act: Act::ListAccounts { after: None } };
    let shared = house.node().shared();
    assert_eq!(code(shared.perform(order(None)).await), "session_over");
    assert_eq!(code(shared.perform(order(Some("0123456789abcdefghjkmnpqrs"))).await), "session_over");
    went_well(house.by(&house.company.admin, Act::Logout).await).unwrap();
    assert_eq!(code(shared.perform(house.company.admin.orders(Act::ListAccounts { after: None })).await), "session_over");
    let refused = house.entry(|entry| entry.kind() == "act.refused").await;
    assert_eq!((refused.text("act_kind"), refused.text("cause")), ("list_accounts", "session_over"));
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r37_administrators_are_approved_by_an_rssi_who_did_not_ask() {
    let (_script, house) = house().await;
    let (admin, rssi) = (&house.company.admin, &house.company.rssi);
    let approve = |request: &lucarne::id::RequestId| Act::Approve { request: request.clone() };
    let request = asked(&house, admin, join("paul", Role::Admin)).await;
    assert_eq!(roles_of(&house, "paul").await, [], "asked for is not granted");
    assert_eq!(code(house.by(admin, approve(&request)).await), "own_request");
    went_well(house.by(rssi, approve(&request)).await).unwrap();
    assert_eq!(roles_of(&house, "paul").await, [Role::Admin]);
    assert_eq!(code(house.by(rssi, approve(&request)).await), "request_unknown");
    // An rssi who asks has nobody but another rssi.
    let request = asked(&house, rssi, join("anna", Role::Dpo)).await;
    assert_eq!(code(house.by(rssi, approve(&request)).await), "own_request");
    assert_eq!(code(house.by(admin, approve(&request)).await), "needs_rssi");
    // Nobody gives themselves anything, nor has it given by somebody they let in.
    let act = Act::AskMove { login: "admin".into(), roles: vec![Role::Admin, Role::Rssi], site: None };
    assert_eq!(code(house.by(admin, act).await), "own_account");
    let request =
        asked(&house, rssi, Act::AskMove { login: "claire".into(), roles: vec![Role::Auditor, Role::Admin], site: None }).await;
    assert_eq!(code(house.by(admin, approve(&request)).await), "needs_rssi");
    assert_eq!(roles_of(&house, "claire").await, [Role::Auditor]);
    // What waits for too long is forgotten.
    let request = asked(&house, admin, join("late", Role::Auditor)).await;
    house.clock.advance(DAY * 15);
    assert_eq!(code(house.by(rssi, approve(&request)).await), "request_unknown");
    house.close().await;
}

/// Neither the requester nor the approver can take the account that they let in together.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_code_has_two_halves_and_a_day() {
    let (_script, house) = house().await;
    let (stage, admin, rssi) = (&**house.node().shared(), &house.company.admin, &house.company.rssi);
    let [asker, approver] = together(stage, admin, rssi, join("paul", Role::Auditor)).await.unwrap().map(Option::unwrap);
    for wrong in [asker.clone(), approver.clone(), format!("{asker}-{asker}"), format!("{approver}-0000000000000")] {
        let refused = Person::enrol(stage, "paul", None, &wrong, "Correct-h0rse").await.err().unwrap();
        assert!(refused.to_string().starts_with("code_wrong"), "{wrong}: {refused}");
    }
    let code_of = format!("{approver}-{asker}");
    let simple = Person::enrol(stage, "paul", None, &code_of, "simple").await.err().unwrap();
    assert!(simple.to_string().contains("at least 10 characters"), "{simple}");
    let paul = Person::enrol(stage, "paul", None, &code_of, "Correct-h0rse").await.unwrap();
    assert!(Person::enrol(stage, "paul", None, &code_of, "Correct-h0rse").await.is_err(), "once");
    went_well(paul.log_in(stage).await.unwrap()).unwrap();
    // A code that nobody used for a day is void.
    let [asker, approver] = together(stage, admin, rssi, join("anna", Role::Auditor)).await.unwrap().map(Option::unwrap);
    house.clock.advance(DAY);
    let late = Person::enrol(stage, "anna", None, &format!("{asker}-{approver}"), "Correct-h0rse").await.err().unwrap();
    assert!(late.to_string().starts_with("code_wrong"), "{late}");
    house.close().await;
}

/// Reset, R36 included: the old password and factor are void at once, and the last twelve do not come back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reset_takes_two_people_voids_what_there_was_and_ends_what_runs() {
    let (_script, house) = house().await;
    house.show("a").await;
    let mut eye = Eye::enter(&house, &house.ticket("a").await, &exact(number::RAW)).await.unwrap();
    eye.ask(false).await;
    assert!(eye.update().await);
    let stage = &**house.node().shared();
    let (admin, rssi, claire) = (&house.company.admin, &house.company.rssi, &house.company.auditor);
    let reset = together(stage, admin, rssi, Act::AskReset { login: "claire".into() });
    let (_, halves) = tokio::join!(eye.watch_to_the_end(), reset);
    let [asker, approver] = halves.unwrap().map(Option::unwrap);
    assert_eq!(code(stage.perform(claire.orders(Act::WhoAmI)).await), "session_over");
    house.clock.advance(Duration::from_secs(60));
    assert_eq!(code(claire.log_in(stage).await.unwrap()), "not_enrolled");
    let code_of = format!("{asker}-{approver}");
    let again = Person::enrol(stage, "claire", None, &code_of, "Correct-h0rse").await.err().unwrap();
    assert!(again.to_string().contains("among the last 12"), "{again}");
    let new = Person::enrol(stage, "claire", None, &code_of, "Autre-cheval-9").await.unwrap();
    assert_ne!(new.secret, claire.secret, "another authenticator");
    went_well(new.log_in(stage).await.unwrap()).unwrap();
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mover_loses_the_old_roles_at_once_and_what_was_looked_at() {
    let (_script, house) = house().await;
    house.show("a").await;
    let mut eye = Eye::enter(&house, &house.ticket("a").await, &exact(number::RAW)).await.unwrap();
    eye.ask(false).await;
    assert!(eye.update().await);
    let stage = &**house.node().shared();
    let act = Act::AskMove { login: "claire".into(), roles: vec![Role::Reviewer], site: None };
    let moved = together(stage, &house.company.admin, &house.company.rssi, act);
    let (_, moved) = tokio::join!(eye.watch_to_the_end(), moved);
    moved.unwrap();
    house.clock.advance(Duration::from_secs(60));
    let engagement = house.engagement("a").await;
    let act = Act::IssueTicket { engagement, acknowledged: true, short: false, certificate: None };
    assert_eq!(code(house.by(&house.company.auditor, act).await), "not_your_role");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leaver_is_let_in_until_the_day_and_looks_on_no_longer() {
    let (_script, house) = house().await;
    house.show("a").await;
    let ends = house.clock.wall() + time::Duration::seconds(40);
    let act = Act::EndAccount { login: "claire".into(), ends };
    went_well(house.by(&house.company.admin, act).await).unwrap();
    let eye = Eye::enter(&house, &house.ticket("a").await, &exact(number::RAW)).await.unwrap();
    let (_, ()) = tokio::join!(eye.watch_to_the_end(), house.pass(44));
    assert_eq!(house.entry(|entry| entry.kind() == "view.ended").await.text("cause"), "account_ended");
    assert_eq!(code(house.company.auditor.log_in(&**house.node().shared()).await.unwrap()), "account_ended");
    // One person takes away; to give back takes two.
    let later = Act::EndAccount { login: "claire".into(), ends: ends + time::Duration::days(9) };
    let Outcome::NotDone { message } = house.by(&house.company.admin, later).await else { panic!("prolonged by one") };
    assert!(message.contains("ask for it to be prolonged"), "{message}");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r38_an_overdue_review_is_shown_then_suspends_and_is_mended_by_another_person() {
    let (_script, house) = house().await;
    let (admin, rssi, stage) = (&house.company.admin, &house.company.rssi, &**house.node().shared());
    let overdue = async || {
        let Outcome::Accounts { accounts, .. } = house.by(rssi, Act::ListAccounts { after: None }).await else {
            panic!("the accounts")
        };
        let due = accounts.into_iter().filter(|listed| listed.review_overdue);
        due.map(|listed| String::from(listed.account.login)).collect::<Vec<_>>()
    };
    assert_eq!(overdue().await, Vec::<String>::new());
    // Ninety days for those who administer; their passwords would be over too.
    house.clock.advance(DAY * 80);
    let review = |login: &str, keep| Act::Review { login: login.to_owned(), keep };
    for person in [admin, rssi] {
        let new = "Autre-cheval-9";
        person.change_password(stage, new).await.unwrap();
    }
    house.clock.advance(DAY * 11);
    assert_eq!(code(house.by(admin, Act::ListAccounts { after: None }).await), "review_overdue");
    assert_eq!(code(house.by(rssi, review("rssi", true)).await), "own_account");
    assert_eq!(code(house.by(admin, review("admin", true)).await), "own_account");
    went_well(house.by(rssi, review("admin", true)).await).unwrap();
    assert_eq!(code(house.by(rssi, Act::ListAccounts { after: None }).await), "review_overdue");
    went_well(house.by(admin, review("rssi", true)).await).unwrap();
    assert_eq!(overdue().await, Vec::<String>::new());
    house.clock.advance(DAY * 89);
    for person in [admin, rssi] {
        person.change_password(stage, "Encore-un-cheval-9").await.unwrap();
    }
    went_well(house.by(rssi, review("admin", true)).await).unwrap();
    house.clock.advance(Duration::from_secs(60));
    assert!(overdue().await.contains(&"claire".to_owned()), "a hundred and eighty days for auditors");
    went_well(house.by(rssi, review("claire", false)).await).unwrap();
    assert_eq!(
        house.entry(|entry| entry.kind() == "account.reviewed" && entry.public["kept"] == false).await.text("outcome"),
        "ok"
    );
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r39_a_login_lies_unused_for_half_an_hour_and_lasts_twelve_hours_at_most() {
    let (_script, house) = house().await;
    let (stage, claire) = (&**house.node().shared(), &house.company.auditor);
    let who = async || stage.perform(claire.orders(Act::WhoAmI)).await;
    for _ in 0..24 {
        house.clock.advance(Duration::from_secs(29 * 60));
        went_well(who().await).unwrap();
    }
    house.clock.advance(Duration::from_secs(29 * 60));
    assert_eq!(code(who().await), "session_over", "twelve hours");
    went_well(claire.log_in(stage).await.unwrap()).unwrap();
    house.clock.advance(Duration::from_secs(31 * 60));
    assert_eq!(code(who().await), "session_over", "half an hour");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_that_nobody_used_for_sixty_days_takes_two_people_to_be_used_again() {
    let script = Script::start(2, number::RAW).await;
    let mut house = House::open(&demo_site("a", script.address)).await;
    house.change_settings(|text| text.replace("inactive_days = 365", "inactive_days = 60")).await;
    let join = ("paul", "Paul Durand", vec![Role::Auditor], None, file(house.clock.wall().date()));
    let stage = &**house.node().shared();
    let paul = hire(stage, &house.company.admin, &house.company.rssi, join, "Correct-h0rse").await.unwrap();
    house.clock.advance(DAY * 50);
    went_well(house.by(&house.company.admin, Act::WhoAmI).await).unwrap();
    went_well(house.by(&house.company.rssi, Act::WhoAmI).await).unwrap();
    house.clock.advance(DAY * 11);
    assert_eq!(code(paul.log_in(stage).await.unwrap()), "account_asleep");
    together(stage, &house.company.admin, &house.company.rssi, Act::AskEnable { login: "paul".into() }).await.unwrap();
    house.clock.advance(Duration::from_secs(60));
    went_well(paul.log_in(stage).await.unwrap()).unwrap();
    house.close().await;
}

/// Neither an overdue review, nor a charter that is owed, a password that is over or a login that lay unused keeps anybody
/// from taking rights away.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r18_what_takes_rights_away_is_kept_from_nobody_whose_role_has_it() {
    let script = Script::start(2, number::RAW).await;
    let mut house = House::open(&demo_site("a", script.address)).await;
    house.change_settings(|text| text.replace("inactive_days = 365", "inactive_days = 365\nidle_minutes = 10")).await;
    let engagement = house.engagement("a").await;
    let contact = &house.company.contacts[&super::house::name("a")];
    house.clock.advance(Duration::from_secs(60));
    went_well(contact.log_in(&**house.node().shared()).await.unwrap()).unwrap();
    let by = async |act: Act| house.node().shared().perform(contact.orders(act)).await;
    let (show, stop) =
        (|| Act::Show { engagement: engagement.clone(), wait: true }, || Act::Stop { site: super::house::name("a") });
    went_well(by(show()).await).unwrap();
    house.clock.advance(Duration::from_secs(11 * 60));
    assert_eq!(code(by(show()).await), "session_over", "half an hour without a word is too long to show");
    went_well(by(stop()).await).unwrap();
    // Her password is over in the middle of a day, and her review with it.
    house.clock.advance(DAY * 90 - Duration::from_secs(3 * 3600));
    went_well(contact.log_in(&**house.node().shared()).await.unwrap()).unwrap();
    house.clock.advance(Duration::from_secs(4 * 3600));
    assert_eq!(code(by(show()).await), "password_expired");
    went_well(by(stop()).await).unwrap();
    went_well(by(Act::Revoke { engagement: engagement.clone() }).await).unwrap();
    // Twelve hours are the end of every login.
    house.clock.advance(Duration::from_secs(9 * 3600));
    assert_eq!(code(by(stop()).await), "session_over");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_of_those_who_let_others_in_cannot_be_taken_away() {
    let (_script, house) = house().await;
    let (admin, rssi) = (&house.company.admin, &house.company.rssi);
    assert_eq!(code(house.by(admin, Act::DisableAccount { login: "rssi".into() }).await), "last_one");
    assert_eq!(code(house.by(rssi, Act::Review { login: "admin".into(), keep: false }).await), "last_one");
    let join = ("anna", "Anna Sécurité", vec![Role::Rssi], None, File::default());
    hire(&**house.node().shared(), admin, rssi, join, "Correct-h0rse").await.unwrap();
    went_well(house.by(admin, Act::DisableAccount { login: "rssi".into() }).await).unwrap();
    house.close().await;
}

/// The only rssi has lost phone and recovery codes. Two people had prepared for it: each kept half of a code.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r57_two_sealed_halves_open_the_account_of_the_last_rssi_once_and_one_opens_nothing() {
    let (_script, house) = house().await;
    let (stage, company) = (&**house.node().shared(), &house.company);
    let (admin, rssi) = (&company.admin, &company.rssi);
    // Nobody asks for one's own; but the owner may be the second, as there is no other rssi.
    assert_eq!(code(house.by(rssi, Act::AskEnvelope { login: rssi.login.clone() }).await), "own_account");
    let envelope = |login: &str| Act::AskEnvelope { login: login.to_owned() };
    let [one, other] = together(stage, admin, rssi, envelope(&rssi.login)).await.unwrap();
    let (one, other) = (one.unwrap(), other.unwrap());
    assert!(matches!(house.by(rssi, Act::WhoAmI).await, Outcome::Person { .. }), "nothing has changed for her");
    let password = "Enveloppe-1";
    for wrong in [one.clone(), format!("{one}-{one}"), format!("{other}-{other}")] {
        let refused = Person::enrol(stage, &rssi.login, None, &wrong, password).await.err().unwrap().to_string();
        assert!(refused.contains("code_wrong"), "{refused}");
    }
    let again = Person::enrol(stage, &rssi.login, None, &format!("{one}-{other}"), password).await.unwrap();
    house.entry(|entry| entry.kind() == "account.envelope_opened").await;
    went_well(again.log_in(stage).await.unwrap()).unwrap();
    assert!(roles_of_by(&house, &again).await.contains(&Role::Rssi), "the same account, with the same roles");
    // Once: and what she had before opens nothing.
    let refused = Person::enrol(stage, &rssi.login, None, &format!("{one}-{other}"), "Enveloppe-2").await.err().unwrap();
    assert!(refused.to_string().contains("code_wrong"), "{refused}");
    house.clock.advance(Duration::from_secs(60));
    assert_eq!(code(rssi.log_in(stage).await.unwrap()), "login_wrong");
    // One that was sealed is void when the account has other roles, when a year is over, and when somebody closed it.
    let seal = async |login: &str| {
        let [one, other] = together(stage, admin, &again, envelope(login)).await.unwrap();
        format!("{}-{}", one.unwrap(), other.unwrap())
    };
    let opens = async |login: &str, code: &str| Person::enrol(stage, login, None, code, "Enveloppe-3").await.is_ok();
    let code = seal("claire").await;
    let other_roles = Act::AskMove { login: "claire".into(), roles: vec![Role::Auditor, Role::Dpo], site: None };
    together(stage, admin, &again, other_roles).await.unwrap();
    assert!(!opens("claire", &code).await, "sealed for other roles");
    let code = seal("claire").await;
    house.by(admin, Act::DisableAccount { login: "claire".into() }).await;
    assert!(!opens("claire", &code).await, "somebody has closed it");
    together(stage, admin, &again, Act::AskEnable { login: "claire".into() }).await.unwrap();
    assert!(opens("claire", &code).await);
    house.close().await;
}

async fn roles_of_by(house: &House, person: &Person) -> Vec<Role> {
    match house.by(person, Act::WhoAmI).await {
        Outcome::Person { account, .. } => account.roles.iter().collect(),
        other => panic!("{other:?}"),
    }
}
