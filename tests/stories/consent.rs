//! R14 to R17: the letter, the procedure, the acceptance that nobody gives for the contact, and the operator.

use std::time::Duration;

use lucarne::demo::rehearsal::{code_in, hire, went_well};
use lucarne::governance::account::File;
use lucarne::governance::{Role, State, Terms};
use lucarne::node::act::{Act, Outcome};

use super::engagements::{code, places};
use super::house::name;

const DAY: Duration = Duration::from_secs(86_400);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r14_nothing_is_seen_without_a_letter_or_outside_the_window_and_its_tolerance() {
    let places = places().await;
    let now = places.house.clock.wall();
    let (opens, closes) = (now + time::Duration::minutes(10), now + time::Duration::minutes(12));
    let terms = Terms { opens, closes, tolerance: 2, ..places.terms("b") };
    let engagement = places.planned(terms.clone()).await;
    places.operator("b", &engagement).await;
    assert_eq!(code(places.show("b", &engagement).await), "no_notice");
    assert_eq!(code(places.accept("b", &engagement, Some("aaaaaaaaaa"), false).await), "no_notice");
    let letter = places.company().letter(places.stage(), &engagement).await.unwrap();
    let recorded = places.house.entry(|entry| entry.kind() == "notice.recorded").await;
    assert_eq!(recorded.text("paper_version"), "1");
    assert!(format!("{:?}", recorded.sealed).contains(&terms.digest()), "and all the terms, sealed: {recorded:?}");
    assert_eq!(places.checklist(&engagement).await.0, State::Noticed);
    went_well(places.accept("b", &engagement, Some(&letter), false).await).unwrap();
    assert_eq!(code(places.show("b", &engagement).await), "window_not_open");
    assert_eq!(code(places.ticket(&engagement).await), "window_not_open");
    // A minute before is within the tolerance.
    let until = |at: time::OffsetDateTime| Duration::try_from(at - places.house.clock.wall()).unwrap();
    places.house.clock.advance(until(opens - time::Duration::minutes(1)));
    went_well(places.show("b", &engagement).await).unwrap();
    let eye = places.looks(&engagement).await;
    let end = async {
        places.house.pass(until(closes + time::Duration::minutes(1)).as_secs()).await;
        assert!(!places.has("view.ended"), "a minute after its end still is");
        places.house.pass(66).await;
    };
    let (_, ()) = tokio::join!(eye.watch_to_the_end(), end);
    let ended = places.house.entry(|entry| entry.kind() == "view.ended").await;
    assert_eq!(ended.text("cause"), "window_over");
    let stopped = |entry: &lucarne::trace::Entry| entry.kind() == "site.standing" && entry.text("cause") == "window_over";
    places.house.entry(stopped).await;
    assert_eq!(code(places.show("b", &engagement).await), "window_over");
    // Nobody is told of a window that can never be.
    let never = time::macros::datetime!(9999-12-31 23:59 UTC);
    for (opens, closes, tolerance) in
        [(closes, opens, 0), (opens, closes, 61), (opens - DAY, opens - DAY / 2, 0), (opens, never, 9)]
    {
        let terms = Terms { opens, closes, tolerance, ..places.terms("b") };
        assert_eq!(code(places.admin(Act::Plan { terms }).await), "window_impossible");
    }
    places.house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r15_a_procedure_that_changes_after_the_letter_takes_a_new_one_and_ends_what_runs() {
    let places = places().await;
    let engagement = places.engaged(places.terms("b")).await;
    went_well(places.show("b", &engagement).await).unwrap();
    let eye = places.looks(&engagement).await;
    let (_, ()) = tokio::join!(eye.watch_to_the_end(), places.new_procedure());
    let ended = places.house.entry(|entry| entry.kind() == "view.ended").await;
    assert!(["procedure_changed", "stopped"].contains(&ended.text("cause")), "{ended:?}");
    assert_eq!(code(places.show("b", &engagement).await), "procedure_changed");
    let act = Act::Notice { engagement: engagement.clone(), reference: "ANS-2".into() };
    assert_eq!(code(places.admin(act).await), "procedure_changed");
    let Outcome::Engagements { procedure, .. } = places.admin(Act::ListEngagements { after: None }).await else {
        panic!("a list")
    };
    let terms = Terms { procedure: procedure.unwrap(), ..places.terms("b") };
    went_well(places.replan(&engagement, terms).await).unwrap();
    assert_eq!(code(places.show("b", &engagement).await), "no_notice");
    let letter = places.company().letter(places.stage(), &engagement).await.unwrap();
    assert_eq!(code(places.show("b", &engagement).await), "not_accepted");
    went_well(places.accept("b", &engagement, Some(&letter), false).await).unwrap();
    went_well(places.show("b", &engagement).await).unwrap();
    places.house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r16_an_acceptance_that_is_revoked_ends_the_picture_within_a_second() {
    let places = places().await;
    let engagement = places.engaged(places.terms("b")).await;
    went_well(places.show("b", &engagement).await).unwrap();
    let eye = places.looks(&engagement).await;
    let told = places.house.clock.now();
    let revoke = places.house.by(places.contact("b"), Act::Revoke { engagement: engagement.clone() });
    let (_, outcome) = tokio::join!(eye.watch_to_the_end(), revoke);
    went_well(outcome).unwrap();
    assert!(places.house.clock.now() - told < Duration::from_secs(1));
    places.house.entry(|entry| entry.kind() == "acceptance.revoked").await;
    assert_eq!(places.checklist(&engagement).await.0, State::Noticed);
    assert_eq!(code(places.show("b", &engagement).await), "not_accepted");
    places.house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r16_nobody_accepts_for_the_contact() {
    let places = places().await;
    let engagement = places.planned(places.terms("b")).await;
    let act = Act::Notice { engagement: engagement.clone(), reference: "ANS-1".into() };
    let told = places.admin(act).await;
    let Outcome::Posted { letter: path } = &told else { panic!("{told:?}") };
    let letter = code_in(path.as_ref()).unwrap();
    let printed = format!("{told:?}{:?}{:?}", places.admin(Act::ListEngagements { after: None }).await, places.house.entries());
    assert!(!printed.contains(&letter), "whoever plans sees no code");
    // Not the planner, not another site's contact, not without the letter or the second factor.
    let digits = || places.contact("a").digits(&places.house.clock).unwrap();
    let accept = |letter: &str, code: &str| Act::Accept {
        engagement: engagement.clone(),
        letter: Some(letter.into()),
        declares: true,
        code: code.into(),
    };
    assert_eq!(code(places.admin(accept(&letter, "123456")).await), "not_your_role");
    let other = digits();
    assert_eq!(code(places.house.by(places.contact("a"), accept(&letter, &other)).await), "not_yours");
    assert_eq!(code(places.house.by(places.contact("b"), accept(&letter, "000000")).await), "second_factor_wrong");
    for _ in 0..4 {
        assert_eq!(code(places.accept("b", &engagement, Some("wrongcode1"), false).await), "letter_code_wrong");
    }
    assert_eq!(code(places.accept("b", &engagement, Some("wrongcode1"), false).await), "letter_used_up");
    assert_eq!(code(places.accept("b", &engagement, Some(&letter), false).await), "no_notice");
    assert_eq!(places.checklist(&engagement).await.0, State::Planned);
    places.house.close().await;
}

/// Whoever approved the contact's identity cannot plan what the contact accepts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r16_the_planner_has_not_vouched_for_the_contact() {
    let places = places().await;
    let company = places.company();
    // The rssi asks, the admin approves: the admin has vouched.
    let join = ("contact2", "Autre Contact", vec![Role::Contact], Some(name("a")), File::default());
    let contact = hire(places.stage(), &company.rssi, &company.admin, join, "Correct-h0rse").await.unwrap();
    let engagement = places.planned(places.terms("a")).await;
    let code_now = contact.digits(&places.house.clock).unwrap().into();
    let act = Act::Accept { engagement, letter: None, declares: true, code: code_now };
    assert_eq!(code(places.house.by(&contact, act).await), "contact_not_independent");
    places.house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r17_nothing_is_shown_before_somebody_is_declared_at_the_keyboard() {
    let places = places().await;
    let engagement = places.planned(places.terms("a")).await;
    went_well(places.accept("a", &engagement, None, true).await).unwrap();
    assert_eq!(code(places.show("a", &engagement).await), "no_operator");
    places.operator("a", &engagement).await;
    let declared = places.house.entry(|entry| entry.kind() == "operator.declared").await;
    assert!(format!("{:?}", declared.sealed).contains("Dr Camille Praticien"));
    went_well(places.show("a", &engagement).await).unwrap();
    places.house.close().await;
}
