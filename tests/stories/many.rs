//! When there is much of everything: lists come in pages, what waits has a bound, and what holds the plan is seen at once.

use std::collections::HashSet;
use std::time::Duration;

use lucarne::clock::Clock;
use lucarne::demo::rehearsal::went_well;
use lucarne::governance::compliance::{Commitment, Standing};
use lucarne::id::EngagementId;
use lucarne::node::act::{Act, Outcome};
use lucarne::rfb::encoding::number;
use lucarne::viewer::Rate;
use time::macros::datetime;

use super::engagements::{code, places};
use super::house::{House, demo_site};
use super::script::Script;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn engagements_are_listed_page_by_page_newest_first() {
    let places = places().await;
    let mut planned = Vec::new();
    for _ in 0..205 {
        planned.push(places.plan(places.terms("a")).await);
    }
    planned.reverse();
    let (mut listed, mut pages, mut after): (Vec<EngagementId>, _, _) = (Vec::new(), 0, None);
    loop {
        let outcome = places.admin(Act::ListEngagements { after }).await;
        let next = outcome.next_page();
        let Outcome::Engagements { engagements, next: last, .. } = outcome else { panic!("a list") };
        listed.extend(engagements.into_iter().map(|planned| planned.engagement.id));
        pages += 1;
        assert_eq!(next.is_some(), last.is_some());
        after = last;
        if after.is_none() {
            break;
        }
    }
    assert_eq!((listed, pages), (planned, 2));
    places.house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r29_two_hundred_requests_wait_at_most_and_old_ones_make_room() {
    let places = places().await;
    let mut day = 0;
    let now = places.house.clock.wall();
    let mut ask = || {
        day += 1;
        Act::AskProlong { login: "claire".into(), ends: Some(now + time::Duration::days(400 + day)) }
    };
    let mut asked = HashSet::new();
    let refused = loop {
        match places.admin(ask()).await {
            Outcome::Asked { request, .. } => asked.insert(request),
            other => break code(other),
        };
    };
    assert_eq!((asked.len(), refused.as_str()), (200, "too_many_requests"));
    let one = asked.iter().next().unwrap().clone();
    went_well(places.admin(Act::TurnDown { request: one }).await).unwrap();
    assert!(matches!(places.admin(ask()).await, Outcome::Asked { .. }), "there is room for one again");
    assert_eq!(code(places.admin(ask()).await), "too_many_requests");
    places.house.clock.advance(Duration::from_secs(15 * 86_400));
    assert!(matches!(places.admin(ask()).await, Outcome::Asked { .. }), "nobody approved the others in two weeks");
    let Outcome::Requests { requests } = places.admin(Act::ListRequests).await else { panic!("the requests") };
    assert_eq!(requests.len(), 1);
    places.house.close().await;
}

async fn clauses(house: &House) -> Vec<Commitment> {
    match house.by(&house.company.rssi, Act::Compliance).await {
        Outcome::Compliance { clauses } => clauses,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn because<'a>(clauses: &'a [Commitment], id: &str) -> &'a str {
    let clause = clauses.iter().find(|clause| clause.id == id).unwrap();
    assert_eq!(clause.state, Standing::Off, "{clause:?}");
    clause.because.as_deref().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r13_every_clause_of_the_plan_is_listed_and_what_is_switched_off_shows() {
    let script = Script::start(2, number::RAW).await;
    let mut house = House::open(&demo_site("a", script.address)).await;
    let before = clauses(&house).await;
    let ids: Vec<String> = (1..=59).map(|n| format!("R{n:02}")).collect();
    assert!(before.iter().map(|clause| &clause.id).eq(&ids), "{before:?}");
    let off = |clauses: &[Commitment]| -> Vec<String> {
        clauses.iter().filter(|clause| clause.state == Standing::Off).map(|clause| clause.id.clone()).collect()
    };
    // One rssi, one admin, one auditor; nobody for crises; no networks and no workstations.
    assert_eq!(off(&before), ["R30", "R31", "R41", "R49", "R50", "R54", "R55", "R56", "R57"]);
    assert!(because(&before, "R57").contains("rssi, admin, auditor"));
    // By the settings.
    let switches = "[accounts]\nsuspend_overdue = false\nawareness_blocks = false\nsecond_factor = \"privileged\"\npasswords = \"cnil-2022\"";
    house.change_settings(|text| text.replace("[accounts]", switches)).await;
    let now = clauses(&house).await;
    assert_eq!(off(&now), ["R26", "R30", "R31", "R32", "R33", "R35", "R38", "R41", "R49", "R50", "R54", "R55", "R56", "R57"]);
    assert!(because(&now, "R38").contains("suspend_overdue = false"));
    // By what people did, or did not do.
    house.change_settings(|text| text.replace(switches, "[accounts]").replace("max_fps = 60", "max_fps = 50")).await;
    assert_eq!(because(&clauses(&house).await, "R29"), "not approved: a");
    house.clock.advance(Duration::from_secs(91 * 86_400));
    house.company.rssi.change_password(&**house.node().shared(), "Autre-phrase-9").await.unwrap();
    let overdue = house.by(&house.company.rssi, Act::Compliance).await;
    // Whoever is suspended sees it too late: another must say that the account stays.
    assert_eq!(code(overdue), "review_overdue");
    house.close().await;
}

/// Strangers wait for each other; who is known does not wait for them.
#[test]
fn r34_ways_in_have_a_rate_for_each_address_and_one_for_all_strangers() {
    let clock = Clock::frozen(datetime!(2026-03-01 10:00 UTC));
    let rate = Rate::new(3.try_into().unwrap(), 5.try_into().unwrap(), &clock);
    let from = |n: u8| std::net::IpAddr::from([192, 0, 2, n]);
    let went: Vec<_> = (0..4).map(|_| rate.check(from(1), false)).collect();
    assert_eq!(went, [Ok(()), Ok(()), Ok(()), Err("rate_address")]);
    assert_eq!(rate.check(from(2), false), Ok(()));
    assert_eq!(rate.check(from(3), false), Ok(()));
    assert_eq!(rate.check(from(4), false), Err("rate_all"));
    assert_eq!(rate.check(from(5), true), Ok(()), "somebody came from there before");
    clock.advance(Duration::from_secs(20));
    assert_eq!(rate.check(from(1), false), Ok(()));
}

/// An auditor is told of her own engagements, whatever the page.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_holds_what_concerns_its_reader() {
    let places = places().await;
    let mine = places.planned(places.terms("a")).await;
    for _ in 0..200 {
        places.plan(places.terms("a")).await;
    }
    let claire = &places.company().auditor;
    let first = places.house.by(claire, Act::ListEngagements { after: None }).await;
    let next = first.next_page().unwrap();
    let Outcome::Engagements { engagements, .. } = first else { panic!("a list") };
    assert!(engagements.is_empty(), "{engagements:?}");
    let Outcome::Engagements { engagements, next, .. } = places.house.by(claire, next).await else { panic!("a list") };
    assert_eq!((engagements.len(), engagements[0].engagement.id == mine, next), (1, true, None));
    places.house.close().await;
}
