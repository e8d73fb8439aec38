//! The store: the same rules on SQLite and on PostgreSQL, and no picture without it.

use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::time::Duration;

use lucarne::clock::Clock;
use lucarne::config::Config;
use lucarne::demo::rehearsal::{Rehearsal, Stage, went_well};
use lucarne::governance::account::File;
use lucarne::governance::{Kind, Refusal, Role, Standing};
use lucarne::id::{EngagementId, random};
use lucarne::node::act::{Act, Outcome};
use lucarne::rfb::encoding::number;
use lucarne::tls;

use tokio::task::JoinHandle;

use super::alerts::Receiver;
use super::cli::{complains, says};
use super::eye::{Eye, exact};
use super::house::{House, demo_site, name};
use super::postgres::Postgres;
use super::process::{served_with, whole_entries};
use super::script::{SIZE, Script};

/// Somebody is to join.
fn join(login: &str) -> Act {
    let (name, roles) = ("Paul Durand".to_owned(), vec![Role::Auditor]);
    Act::AskJoin { login: login.to_owned(), name, roles, site: None, file: File::default(), ends: None }
}

async fn house() -> (Script, House, Postgres) {
    let script = Script::start(3, number::RAW).await;
    let (house, server) = House::on_postgres(&demo_site("a", script.address)).await;
    house.show("a").await;
    (script, house, server)
}

/// Lets time pass until the node has noticed what became of the store.
async fn until_traced(house: &House, kind: &str) {
    for _ in 0..600 {
        if house.entries().iter().any(|entry| entry.kind() == kind) {
            return;
        }
        house.clock.sleep(Duration::from_millis(50)).await;
    }
    panic!("{kind} did not come");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_does_not_answer_for_five_seconds_ends_pictures_until_it_is_back() {
    let (script, house, mut server) = house().await;
    let ticket = house.ticket("a").await;
    let mut eye = Eye::enter(&house, &ticket, &exact(number::RAW)).await.unwrap();
    assert!(eye.watch_until(|picture| picture.size() == SIZE).await);
    let spare = house.ticket("a").await;
    let lost = house.clock.now();
    server.crash();
    eye.watch_to_the_end().await;
    let ended = house.entry(|entry| entry.kind() == "view.ended").await;
    assert_eq!(ended.text("cause"), "no_store");
    let took = house.clock.now() - lost;
    assert!(took >= Duration::from_secs(4) && took < Duration::from_secs(8), "{took:?}");
    // Neither somebody with a ticket nor an order is let through; both are told.
    let refused = Eye::enter(&house, &spare, &exact(number::RAW)).await.err().unwrap();
    assert!(refused.contains(Refusal::NoStore.words().rsplit(" / ").next().unwrap()), "{refused}");
    let Outcome::Failed { message } = house.order(Act::ListAccounts { after: None }).await else { panic!("a list from nowhere") };
    assert!(message.contains("the store does"), "{message}");
    let opened = script.connections();
    server.go_on(&house.clock).await;
    until_traced(&house, "store.back").await;
    // It takes Show again, as after every fault.
    assert_eq!(house.site("a").await.standing, Standing::Paused);
    assert!(house.entries().iter().any(|entry| entry.kind() == "site.standing" && entry.text("cause") == "no_store"));
    assert_eq!(script.connections(), opened);
    house.show("a").await;
    let mut eye = Eye::enter(&house, &house.ticket("a").await, &exact(number::RAW)).await.unwrap();
    assert!(eye.watch_until(|picture| picture.size() == SIZE).await);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_is_there_after_the_server_crashed_and_is_traced_once() {
    let (_script, mut house, mut server) = house().await;
    let mut told = Vec::new();
    for n in 0..4 {
        if let Outcome::Asked { request, .. } = house.order(join(&format!("person{n}"))).await {
            told.push(request);
        }
    }
    assert_eq!(told.len(), 4);
    let made = |house: &House| house.entries().iter().filter(|entry| entry.kind() == "request.made").count();
    let before = made(&house);
    server.crash();
    server.go_on(&house.clock).await;
    house.restart().await;
    let Outcome::Requests { requests } = house.order(Act::ListRequests).await else { panic!("the requests") };
    assert!(told.iter().all(|id| requests.iter().any(|waiting| waiting.request.id == *id)), "{requests:?}");
    assert_eq!(made(&house), before);
    house.close().await;
}

/// A wire that died tells nobody: what hangs on it is left, and new connections are made when it is well again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wire_to_the_server_that_dies_in_silence_ends_pictures_and_is_not_waited_for() {
    let script = Script::start(3, number::RAW).await;
    let (house, server, wire) = House::by_wire(&demo_site("a", script.address)).await;
    house.show("a").await;
    let mut eye = Eye::enter(&house, &house.ticket("a").await, &exact(number::RAW)).await.unwrap();
    assert!(eye.watch_until(|picture| picture.size() == SIZE).await);
    // One order is in the middle of something, with more behind it.
    let mut somebody = with_the_right_to_write(&house, &server, 5).await;
    let orders = six_orders(&house);
    let waiting = "SELECT count(*) FROM pg_locks WHERE relation = 'outbox'::regclass AND NOT granted";
    house.until(|| (server.psql(waiting).output().unwrap().stdout == b"1\n").then_some(())).await;
    let lost = house.clock.now();
    wire.dies();
    let (outcomes, _) = tokio::join!(all(orders), eye.watch_to_the_end());
    assert!(somebody.wait().unwrap().success());
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Failed { .. })), "{outcomes:?}");
    assert_eq!(house.entry(|entry| entry.kind() == "view.ended").await.text("cause"), "no_store");
    assert!(house.clock.now() - lost < Duration::from_secs(20), "{:?}", house.clock.now() - lost);
    wire.is_mended();
    let mended = house.clock.now();
    until_traced(&house, "store.back").await;
    house.show("a").await;
    assert!(house.clock.now() - mended < Duration::from_secs(15), "{:?}", house.clock.now() - mended);
    house.close().await;
}

/// Six orders at once.
fn six_orders(house: &House) -> Vec<JoinHandle<Outcome>> {
    let order = |n: u16| {
        let shared = Arc::clone(house.node().shared());
        let order = house.company.admin.orders(Act::AskMasks { site: name("a"), width: n, height: n });
        tokio::spawn(async move { shared.perform(order).await })
    };
    (1..=6).map(order).collect()
}

/// What became of them.
async fn all(orders: Vec<JoinHandle<Outcome>>) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    for order in orders {
        outcomes.push(order.await.unwrap());
    }
    outcomes
}

/// Somebody else at the database who keeps the right to write for so long.
async fn with_the_right_to_write(house: &House, server: &Postgres, seconds: u32) -> Child {
    let mut command = server.psql(&format!("BEGIN; LOCK TABLE outbox IN EXCLUSIVE MODE; SELECT pg_sleep({seconds})"));
    let somebody = command.stdout(Stdio::null()).spawn().unwrap();
    let held = "SELECT count(*) FROM pg_locks WHERE relation = 'outbox'::regclass AND mode = 'ExclusiveLock' AND granted";
    house.until(|| (server.psql(held).output().unwrap().stdout == b"1\n").then_some(())).await;
    somebody
}

/// An act that must wait too long for the right to write fails, alone: pictures go on, and nothing is left behind in the
/// connections that it used.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lock_that_others_hold_fails_acts_and_ends_no_picture() {
    let (_script, house, server) = house().await;
    let mut eye = Eye::enter(&house, &house.ticket("a").await, &exact(number::RAW)).await.unwrap();
    assert!(eye.watch_until(|picture| picture.size() == SIZE).await);
    let mut somebody = with_the_right_to_write(&house, &server, 9).await;
    let orders = six_orders(&house);
    // Who waits to write keeps nobody from reading.
    let asked = house.clock.now();
    assert!(matches!(house.order(Act::ListRequests).await, Outcome::Requests { .. }));
    assert!(house.clock.now() - asked < Duration::from_millis(500), "{:?}", house.clock.now() - asked);
    for outcome in all(orders).await {
        let Outcome::Failed { message } = outcome else { panic!("somebody else has the right to write") };
        assert!(message.contains("the store does not answer"), "{message}");
    }
    assert!(somebody.wait().unwrap().success());
    for n in 10..20u16 {
        let outcome = house.order(Act::AskMasks { site: name("a"), width: n, height: n }).await;
        assert!(matches!(outcome, Outcome::Asked { .. }), "{outcome:?}");
    }
    assert!(!house.entries().iter().any(|entry| entry.kind() == "view.ended" || entry.kind() == "store.lost"));
    eye.ask(false).await;
    assert!(eye.update().await, "she looks on");
    house.close().await;
}

/// Whoever stops by a login that was not used for a while waits for no writer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_does_not_wait_for_those_who_write() {
    let (_script, house, server) = house().await;
    let mut eye = Eye::enter(&house, &house.ticket("a").await, &exact(number::RAW)).await.unwrap();
    assert!(eye.watch_until(|picture| picture.size() == SIZE).await);
    let watching = tokio::spawn(eye.watch_to_the_end());
    house.clock.advance(Duration::from_secs(120));
    let mut somebody = with_the_right_to_write(&house, &server, 5).await;
    let orders = six_orders(&house);
    let contact = house.company.contacts[&name("a")].orders(Act::Stop { site: name("a") });
    let shared = Arc::clone(house.node().shared());
    let stopping = tokio::spawn(async move { shared.perform(contact).await });
    let ended = house.clock.within(house.clock.now() + Duration::from_secs(1), watching).await;
    assert!(ended.is_ok(), "the picture went on for a second");
    all(orders).await;
    stopping.await.unwrap();
    assert!(somebody.wait().unwrap().success());
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_is_one_nodes_at_a_time() {
    let (_script, house, server) = house().await;
    let dir = tempfile::TempDir::new().unwrap();
    let house_key = dir.path().join("key");
    std::fs::copy(house.dir.path().join("data/key"), &house_key).unwrap();
    let config = dir.path().join("n2/lucarne.toml");
    says(&config, &["init", dir.path().join("n2").to_str().unwrap()], "");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, format!("{text}\n{}", server.settings())).unwrap();
    assert!(complains(&config, &["migrate"], "").contains("another node uses this database"));
    house.close().await;
    // Its second factors are of the other's key.
    assert!(complains(&config, &["migrate"], "").contains("put it back from its copy"));
    std::fs::copy(house_key, config.with_file_name("data/key")).unwrap();
    assert!(says(&config, &["migrate"], "").contains("is of this version"));
}

/// Engagements that a node lists, page by page.
async fn listed(people: &Rehearsal) -> Vec<EngagementId> {
    let (mut found, mut next) = (Vec::new(), Some(Act::ListEngagements { after: None }));
    while let Some(act) = next {
        let page = people.company.admin.order(&people.stage, act).await.unwrap();
        next = page.next_page();
        let Outcome::Engagements { engagements, .. } = page else { panic!("{page:?}") };
        found.extend(engagements.into_iter().map(|planned| planned.engagement.id));
    }
    found
}

/// Four people plan without a pause while the node is killed: who was told that it was planned finds it, and
/// everything that was planned has one entry.
async fn killed_in_the_middle_of_acts(store: &str) {
    let mut served = served_with(&format!("exec {}", env!("CARGO_BIN_EXE_lucarne")), store).await;
    let mut told: Vec<EngagementId> = Vec::new();
    for round in 0..4 {
        let plan = || {
            let people = Arc::clone(&served.people);
            tokio::spawn(async move {
                let mut told = Vec::new();
                let terms =
                    people.company.terms(&name("my-site"), Kind::Demo, people.stage.clock.wall(), time::Duration::hours(4));
                let order = || people.company.admin.orders(Act::Plan { terms: terms.clone() });
                while let Ok(Outcome::Planned { engagement }) = people.stage.order(order()).await {
                    told.push(engagement);
                }
                told
            })
        };
        let tasks: Vec<_> = (0..4).map(|_| plan()).collect();
        let moment = u64::from(u16::from_le_bytes(random()) % 1000);
        served.clock.sleep(Duration::from_millis(700 + moment)).await;
        served.kill_and_start().await;
        let before = told.len();
        for task in tasks {
            told.extend(task.await.unwrap());
        }
        assert!(told.len() > before, "acts were going on");
        let mut listed: Vec<String> = listed(&served.people).await.iter().map(ToString::to_string).collect();
        let missing: Vec<_> = told.iter().filter(|id| !listed.contains(&id.to_string())).collect();
        assert!(missing.is_empty(), "round {round}, at {moment} ms: {missing:?} were acknowledged and are lost");
        let made = whole_entries(&served.data().join("trace")).into_iter();
        let made = made.filter(|entry| entry.kind() == "engagement.created");
        let mut traced: Vec<String> = made.map(|entry| entry.text("engagement").to_owned()).collect();
        listed.sort();
        traced.sort();
        assert_eq!(listed, traced, "round {round}, at {moment} ms");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_killed_at_any_moment_loses_no_acknowledged_act_on_sqlite() {
    killed_in_the_middle_of_acts("").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_killed_at_any_moment_loses_no_acknowledged_act_on_postgresql() {
    let server = Postgres::start(&Clock::system()).await;
    killed_in_the_middle_of_acts(&server.settings()).await;
}

/// The certificate of the server is verified: another's ends the start with words, and no password goes to it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_by_tls_is_verified() {
    let server = Postgres::start_with_tls(&Clock::system()).await;
    let served = served_with(&format!("exec {}", env!("CARGO_BIN_EXE_lucarne")), &server.settings()).await;
    let listed = served.people.company.admin.order(&served.people.stage, Act::ListAccounts { after: None }).await.unwrap();
    assert!(format!("{listed:?}").contains("claire"));
    let elsewhere = tempfile::TempDir::new().unwrap();
    tls::make_certificates(elsewhere.path(), &["localhost".to_owned()]).unwrap();
    let text = std::fs::read_to_string(&served.config).unwrap();
    let other = served.config.with_file_name("other.toml");
    let (from, to) = (server.ca().display().to_string(), elsewhere.path().join("ca.pem").display().to_string());
    std::fs::write(&other, text.replace(&from, &to).replace("data = \"data\"", "data = \"other\"")).unwrap();
    let words = complains(&other, &["migrate"], "");
    assert!(words.contains("the store does not answer") && words.contains("certificate"), "{words}");
}

/// Settings hold no password, and no server elsewhere is reached in the clear.
#[test]
fn wrong_settings_of_the_server_say_what_to_write() {
    let good = include_str!("../../src/cli/lucarne.toml");
    let with = |store: &str| Config::parse(Path::new("/etc/lucarne/lucarne.toml"), &format!("{good}\n[store]\n{store}\n"));
    assert!(with("postgres = \"postgres://lucarne@db.example.org/lucarne\"\nca = \"ca.pem\"").is_ok());
    assert!(with("postgres = \"postgres://lucarne@[::1]:5433/lucarne\"").is_ok());
    assert!(with("postgres = \"postgres://lucarne@%2Frun%2Fpostgresql/lucarne\"").is_ok());
    let cases = [
        ("postgres = \"mysql://lucarne@localhost/lucarne\"", "write it as"),
        ("postgres = \"postgres://lucarne@localhost:0/lucarne\"", "write it as"),
        ("postgres = \"postgres:///lucarne\"", "write it as"),
        ("postgres = \"postgres://lucarne@/lucarne\"", "write it as"),
        ("postgres = \"postgres://lucarne:secret@localhost/lucarne\"", "settings hold no password"),
        ("postgres = \"postgres://lucarne@localhost/lucarne?password=secret\"", "the password into `password_file`"),
        ("postgres = \"postgres://lucarne@localhost/lucarne?hostaddr=192.0.2.1\"", "the host before the path"),
        ("postgres = \"postgres://lucarne@localhost/lucarne?h%6Fst=192.0.2.1\"", "the host before the path"),
        ("postgres = \"postgres://lucarne@db.example.org/lucarne#\"\nca = \"ca.pem\"", "only the parameters"),
        ("postgres = \"postgres://lucarne@db.example.org/lucarne\"", "reached by TLS alone"),
        ("postgres = \"postgres://lucarne@localhost/lucarne?sslmode=prefer\"", "whom to trust into `ca`"),
        ("postgres = \"postgres://lucarne@localhost/lucarne\"\npassword_file = \"none\"", "cannot be read"),
        ("ca = \"ca.pem\"", "add `postgres"),
    ];
    for (store, remedy) in cases {
        let words = with(store).unwrap_err().to_string();
        assert!(words.contains(remedy) && !words.contains("secret"), "{store}: {words}");
    }
    let debug = format!("{:?}", with("postgres = \"postgres://lucarne@localhost/lucarne\"").unwrap());
    assert!(!debug.contains("postgres://"), "{debug}");
}

/// A try that cannot be written down is not made: nobody is told the same again and again by a store that takes no writes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r54_nothing_is_sent_that_cannot_be_written_down() {
    let receiver = Receiver::start(&Clock::system()).await;
    let (house, server) = House::on_postgres(&receiver.settings()).await;
    receiver.refuses(true);
    went_well(house.order(Act::TestAlert { role: Role::Crisis }).await).unwrap();
    let tried = async |tries| {
        for _ in 0..300 {
            if let Outcome::Alerts { alerts } = house.order(Act::ListAlerts).await
                && alerts.iter().any(|due| due.alert.tries == tries && due.alert.trouble.is_some())
            {
                return;
            }
            house.clock.sleep(Duration::from_millis(20)).await;
        }
        panic!("it was not tried {tries} times");
    };
    tried(1).await;
    let mut somebody = with_the_right_to_write(&house, &server, 3).await;
    receiver.refuses(false);
    house.clock.advance(Duration::from_secs(90));
    house.clock.sleep(Duration::from_millis(1500)).await;
    assert!(receiver.hooks().is_empty(), "it is due, and cannot be written down");
    assert!(somebody.wait().unwrap().success());
    // It is looked again in a minute.
    house.clock.advance(Duration::from_secs(60));
    house.entry(|entry| entry.kind() == "alert.sent").await;
    assert_eq!(receiver.hooks().len(), 1);
    house.close().await;
}
