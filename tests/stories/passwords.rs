//! R32 to R36: what a password must be, how long it lives, and which may not come again.

use std::time::Duration;

use lucarne::governance::{Login, Profile, Refusal};
use lucarne::node::act::{Act, Outcome};
use lucarne::rfb::encoding::number;

use super::eye::{Eye, exact};
use super::house::{House, demo_site};
use super::script::Script;

const DAY: Duration = Duration::from_secs(86_400);
const FIRST: &str = "Correct-h0rse";

async fn house() -> (Script, House) {
    let script = Script::start(1, number::RAW).await;
    let house = House::open(&demo_site("a", script.address)).await;
    // Viewers may come; no link has to live through the days.
    house.pause("a").await;
    (script, house)
}

fn change(house: &House, login: &str, old: &str, new: &str) -> Act {
    // The digits of before were used.
    house.clock.advance(Duration::from_secs(60));
    let code = Some(house.company.auditor.digits(&house.clock).unwrap().into());
    Act::ChangePassword { login: login.into(), old: old.into(), code, device: None, new: new.into() }
}

/// Changes Claire's password: what is said if it is refused.
async fn changes(house: &House, old: &str, new: &str) -> Result<(), String> {
    match house.order(change(house, "claire", old, new)).await {
        Outcome::Done { .. } => {
            house.company.auditor.remember(new);
            Ok(())
        }
        Outcome::Failed { message } | Outcome::NotDone { message } | Outcome::Refused { message, .. } => Err(message),
        other => panic!("{other:?}"),
    }
}

async fn ticket(house: &House) -> Outcome {
    let engagement = house.engagement("a").await;
    house.order(Act::IssueTicket { engagement, acknowledged: true, short: false, certificate: None }).await
}

#[test]
fn r32_r33_each_profile_refuses_what_is_too_simple_and_says_what_to_do() {
    let login = Login::try_from("claire.martin".to_owned()).unwrap();
    let cases = [
        (Profile::Pas, "Consult-42", true, ""),
        (Profile::Pas, "Court-4x!", false, "at least 10 characters"),
        (Profile::Pas, "sans-majuscule-42", false, "an upper-case letter"),
        (Profile::Pas, "SANS-MINUSCULE-42", false, "a lower-case letter"),
        (Profile::Pas, "Sans-Chiffre-ici", false, "a digit"),
        (Profile::Pas, "SansSigne42enplus", false, "another sign"),
        (Profile::Pas, "Claire-2026-ete", false, "without your login and name"),
        (Profile::Pas, "M@rt1n-2026-ete", false, "without your login and name"),
        (Profile::Pas, "P@ssw0rd-1", false, "one of the first that are tried"),
        (Profile::Pas, "Motdep@sse1", false, "one of the first that are tried"),
        (Profile::Pas, "Password-2026!", false, "one of the first that are tried"),
        (Profile::Pas, "Azerty-2026!", false, "one of the first that are tried"),
        (Profile::Cnil2022, "passwordpasswordpassword", false, "one of the first that are tried"),
        (Profile::Pas, "Cläire-Clairé-9x", false, "without your login and name"),
        (Profile::Cnil2022, "Consult-42", false, "66 bits of 80"),
        (Profile::Cnil2022, "Consult-42-xyZ", true, ""),
        (Profile::Cnil2022, "quatrevingtsbitsici", true, ""),
        (Profile::Cnil2022, "0123456789012345", false, "53 bits of 80"),
    ];
    for (profile, password, good, words) in cases {
        let verdict = profile.check(password, &login, "Claire Martin");
        assert_eq!(verdict.is_ok(), good, "{password}: {verdict:?}");
        assert!(verdict.err().unwrap_or_default().contains(words), "{password}");
    }
    assert!(Profile::Pas.check(&"Aa1-".repeat(300), &login, "x").unwrap_err().contains("1024 bytes"));
}

/// An order can be logged by mistake; its passwords cannot.
#[test]
fn r32_a_password_is_never_printed() {
    let new = "Autre-cheval-9".into();
    let act = Act::ChangePassword { login: "claire".into(), old: FIRST.into(), code: None, device: None, new };
    let printed = format!("{act:?}");
    assert!(printed.contains("claire") && !printed.contains(FIRST) && !printed.contains("cheval"), "{printed}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r35_password_expires_after_90_days() {
    let (_script, house) = house().await;
    let Outcome::Ticket { password_days: None, .. } = ticket(&house).await else { panic!("no warning on the first day") };
    house.clock.advance(DAY * 80);
    let Outcome::Ticket { password_days: Some(9), .. } = ticket(&house).await else { panic!("a warning on day 80") };
    // A ticket of the last second is of no use a second later.
    house.clock.advance(DAY * 10 - Duration::from_secs(30));
    let Outcome::Ticket { secret, password_days: Some(0), .. } = ticket(&house).await else { panic!("the last day") };
    house.clock.advance(Duration::from_secs(31));
    let refused = Eye::enter(&house, &secret, &exact(number::RAW)).await.err().unwrap();
    assert!(refused.contains(Refusal::PasswordExpired.words().rsplit(" / ").next().unwrap()), "{refused}");
    assert_eq!(house.entry(|entry| entry.kind() == "auth.failed").await.text("cause"), "password_expired");
    let Outcome::Refused { code, message } = house.company.auditor.log_in(&**house.node().shared()).await.unwrap() else {
        panic!("day 91")
    };
    assert!(code == "password_expired" && message.contains("The password has expired: change it"), "{message}");
    // The change is all that is left to do, and then all is well.
    assert_eq!(changes(&house, FIRST, "Autre-cheval-9").await, Ok(()));
    let changed = house.entry(|entry| entry.kind() == "account.password_changed").await;
    assert!(!changed.public.to_string().contains("claire"), "the login is in the sealed part: {changed:?}");
    let secret = house.ticket("a").await;
    assert!(Eye::enter(&house, &secret, &exact(number::RAW)).await.is_ok());
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r36_none_of_the_last_twelve_passwords_comes_again() {
    let (_script, house) = house().await;
    let nth = |n: usize| if n == 0 { FIRST.to_owned() } else { format!("Cheval-neuf-{n:02}") };
    for n in 1..=12 {
        assert_eq!(changes(&house, &nth(n - 1), &nth(n)).await, Ok(()), "{n}");
        house.clock.advance(DAY * 2);
    }
    // The twelve that it has had are refused, the one of now among them; the one before them is not.
    for n in [12, 11, 5, 1] {
        let refused = changes(&house, &nth(12), &nth(n)).await.unwrap_err();
        assert!(refused.contains("among the last 12"), "{n}: {refused}");
    }
    assert_eq!(changes(&house, &nth(12), FIRST).await, Ok(()));
    // Nor are they cycled through in a minute.
    let refused = changes(&house, FIRST, "Cheval-vite-99").await.unwrap_err();
    assert!(refused.contains("less than a day ago"), "{refused}");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r34_whoever_does_not_know_the_old_password_changes_nothing_and_is_traced() {
    let (_script, mut house) = house().await;
    let wrong = changes(&house, "Wrong-h0rse", "Autre-cheval-9").await.unwrap_err();
    let Outcome::Refused { message: unknown, .. } = house.order(change(&house, "nobody", FIRST, "Autre-cheval-9")).await else {
        panic!("an unknown login")
    };
    assert_eq!(wrong, unknown, "which of the two was wrong is not told");
    assert_eq!(house.entries().iter().filter(|entry| entry.text("cause") == "login_wrong").count(), 2);
    assert!(changes(&house, FIRST, "simple").await.unwrap_err().contains("too simple"));
    assert_eq!(changes(&house, FIRST, "Autre-cheval-9").await, Ok(()));
    // It is the new one that counts, also after a restart.
    house.restart().await;
    assert!(changes(&house, FIRST, "Encore-un-9x").await.is_err());
    house.clock.advance(DAY);
    assert_eq!(changes(&house, "Autre-cheval-9", "Encore-un-9x").await, Ok(()));
    house.close().await;
}
