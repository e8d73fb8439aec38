//! Guessing: slowed down, locked, counted by device, and no burden to those who look. Second factors count once.

use std::time::Duration;

use lucarne::demo::rehearsal::{together, went_well};
use lucarne::governance::{Role, Secret};
use lucarne::node::act::{Act, Order, Outcome};

use super::bystander::Bystander;
use super::hostile_sites::peak_memory;
use super::house::{House, demo_site};
use super::people::{code, house, join};

/// Somebody tries to log in.
async fn tries(house: &House, login: &str, password: &str, digits: Option<&str>, device: Option<Secret>) -> Outcome {
    let (login, password, code) = (login.to_owned(), password.into(), digits.map(Into::into));
    house.node().shared().perform(Order { token: None, act: Act::Login { login, password, code, device } }).await
}

async fn is_wrong(house: &House, login: &str, device: Option<Secret>) -> String {
    code(tries(house, login, "Wrong-h0rse-1", Some("000000"), device).await)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guessing_is_slowed_then_locked_and_locks_nobody_out_of_a_known_device() {
    let (_script, house) = house().await;
    let (stage, claire) = (&**house.node().shared(), &house.company.auditor);
    for _ in 0..5 {
        assert_eq!(is_wrong(&house, "claire", None).await, "login_wrong");
    }
    // The right password is no better while others wait; one who does not exist looks the same.
    house.clock.advance(Duration::from_secs(30));
    let digits = claire.digits(&house.clock).unwrap();
    assert_eq!(code(tries(&house, "claire", "Correct-h0rse", Some(&digits), None).await), "login_wait");
    for _ in 0..5 {
        assert_eq!(is_wrong(&house, "nobody", None).await, "login_wrong");
    }
    assert_eq!(is_wrong(&house, "nobody", None).await, "login_wait");
    // From her own device she comes in all the while.
    house.clock.advance(Duration::from_secs(35));
    went_well(claire.log_in(stage).await.unwrap()).unwrap();
    for n in 0..5 {
        house.clock.advance(Duration::from_secs(60 << n));
        assert_eq!(is_wrong(&house, "claire", None).await, "login_wrong", "{n}");
    }
    house.clock.advance(Duration::from_secs(3_000));
    assert_eq!(is_wrong(&house, "claire", None).await, "login_wait");
    house.clock.advance(Duration::from_secs(700));
    assert_eq!(is_wrong(&house, "claire", None).await, "login_wrong", "an hour is enough for who does not administer");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_administrator_who_was_locked_is_unlocked_by_somebody_else_alone() {
    let (_script, house) = house().await;
    let (stage, admin, rssi) = (&**house.node().shared(), &house.company.admin, &house.company.rssi);
    for n in 0..10 {
        assert_eq!(is_wrong(&house, "admin", None).await, "login_wrong", "{n}");
        house.clock.advance(Duration::from_secs(if n < 4 { 1 } else { 60 << (n - 4) }));
    }
    house.clock.advance(Duration::from_secs(22 * 3600));
    assert_eq!(is_wrong(&house, "admin", None).await, "login_wait");
    went_well(admin.log_in(stage).await.unwrap()).unwrap();
    assert_eq!(code(house.by(admin, Act::UnlockAccount { login: "admin".into() }).await), "own_account");
    went_well(house.by(rssi, Act::UnlockAccount { login: "admin".into() }).await).unwrap();
    assert_eq!(is_wrong(&house, "admin", None).await, "login_wrong");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_factor_counts_once_and_a_recovery_code_once() {
    let (_script, house) = house().await;
    let stage = &**house.node().shared();
    let (admin, rssi) = (&house.company.admin, &house.company.rssi);
    let [one, other] = together(stage, admin, rssi, join("paul", Role::Auditor)).await.unwrap().map(Option::unwrap);
    let act =
        Act::Enrol { login: "paul".into(), name: None, code: format!("{one}-{other}").into(), password: "Correct-h0rse".into() };
    let Outcome::Enrolled { recovery, secret, url, .. } = stage.perform(Order { token: None, act }).await else { panic!("paul") };
    assert!(url.starts_with("otpauth://totp/Lucarne:paul?secret=") && url.contains(&secret) && recovery.len() == 8);
    let right = async |digits: Option<&str>| tries(&house, "paul", "Correct-h0rse", digits, None).await;
    went_well(right(Some(&recovery[0])).await).unwrap();
    assert_eq!(code(right(Some(&recovery[0])).await), "login_wrong");
    assert_eq!(code(right(None).await), "login_wrong", "a password is not enough");
    went_well(right(Some(&recovery[1])).await).unwrap();
    // Claire's digits of now were used when she came in.
    let claire = &house.company.auditor;
    let digits = claire.digits(&house.clock).unwrap();
    let wrong = tries(&house, "claire", "Correct-h0rse", Some(&digits), None).await;
    went_well(wrong).unwrap();
    assert_eq!(code(tries(&house, "claire", "Correct-h0rse", Some(&digits), None).await), "login_wrong");
    house.close().await;
}

/// A thousand at once: few are looked at, nobody who looks at a picture feels it, and memory stays what it was.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_wrong_logins_at_once_delay_no_picture() {
    let script = Bystander::site().await;
    let house = House::open(&demo_site("a", script.address)).await;
    let bystander = Bystander::looks(&house, script).await;
    let before = peak_memory();
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..1000 {
        let shared = std::sync::Arc::clone(house.node().shared());
        let login = if n % 2 == 0 { "claire".to_owned() } else { format!("nobody{n}") };
        let act = Act::Login { login, password: "Wrong-h0rse-1".into(), code: None, device: None };
        tasks.spawn(async move { shared.perform(Order { token: None, act }).await });
    }
    let mut busy = 0;
    while let Some(outcome) = tasks.join_next().await {
        let code = code(outcome.unwrap());
        assert!(["login_wrong", "login_wait", "busy"].contains(&code.as_str()), "{code}");
        busy += usize::from(code == "busy");
    }
    assert!(busy > 500, "{busy} were told to come again");
    bystander.sees_more(&house).await;
    // Two hashes of 19 MiB at a time. The system's allocator keeps blocks below 32 MiB in the arena of the thread that had
    // them, so some may be there several times over; without the limit sixteen would be, at once.
    let grown = peak_memory() - before;
    assert!(grown < 192 << 10, "{grown} KiB more than before");
    // And she whose password was guessed at comes in by her own device.
    house.clock.advance(Duration::from_secs(60));
    went_well(house.company.auditor.log_in(&**house.node().shared()).await.unwrap()).unwrap();
    house.close().await;
}
