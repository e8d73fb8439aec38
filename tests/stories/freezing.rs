//! R53, R54: the switch that ends pictures, and two people who end it.

use std::time::Duration;

use lucarne::demo::rehearsal::{file, hire, went_well};
use lucarne::governance::Role;
use lucarne::governance::freeze::Scope;
use lucarne::id::FreezeId;
use lucarne::node::act::{Act, Outcome};
use tokio::task::JoinHandle;

use super::engagements::{Places, code, places};
use super::eye::Eye;
use super::house::name;

fn everything() -> Act {
    Act::Freeze { scope: Scope::Everything, reason: "Soupçon de fuite".into() }
}

async fn frozen(places: &Places) -> Vec<FreezeId> {
    match places.admin(Act::ListFreezes).await {
        Outcome::Freezes { freezes } => freezes.into_iter().map(|frozen| frozen.freeze.id).collect(),
        other => panic!("{other:?}"),
    }
}

/// Claire looks at both sites.
async fn both_are_looked_at(places: &Places) -> [JoinHandle<lucarne::picture::Picture>; 2] {
    let mut watching = Vec::new();
    for site in ["a", "b"] {
        places.house.clock.advance(Duration::from_secs(60));
        let engagement = places.engaged(places.terms(site)).await;
        went_well(places.show(site, &engagement).await).unwrap();
        let eye: Eye = places.looks(&engagement).await;
        watching.push(tokio::spawn(eye.watch_to_the_end()));
    }
    watching.try_into().unwrap()
}

async fn ends_within_a_second(places: &Places, watching: JoinHandle<lucarne::picture::Picture>) {
    let clock = &places.house.clock;
    let picture = clock.within(clock.now() + Duration::from_secs(1), watching).await.expect("it ended in a second").unwrap();
    assert!(picture.pixels().iter().all(|pixel| *pixel == lucarne::geometry::Pixel::BLACK), "what is left is black");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r54_the_crisis_cell_freezes_everything_within_a_second_and_two_others_lift_it() {
    let places = places().await;
    let (stage, company) = (places.stage(), places.company());
    let join = ("cellule", "Camille Crise", vec![Role::Crisis], None, file(places.house.clock.wall().date()));
    let crisis = hire(stage, &company.admin, &company.rssi, join, "Correct-h0rse").await.unwrap();
    let watching = both_are_looked_at(&places).await;
    went_well(places.house.by(&crisis, everything()).await).unwrap();
    for watching in watching {
        ends_within_a_second(&places, watching).await;
    }
    let begun = places.house.entry(|entry| entry.kind() == "freeze.begun").await;
    assert_eq!((begun.text("scope"), begun.text("outcome")), ("everything", "ok"));
    assert!(!begun.public.to_string().contains("fuite"), "the reason is sealed: {}", begun.public);
    let ended = places.house.entry(|entry| entry.kind() == "view.ended" && entry.text("cause") == "frozen").await;
    assert!(ended.text("session").starts_with("s-"));
    // Neither Show nor a ticket comes through, and the checklist says why.
    let engagement = places.engaged(places.terms("a")).await;
    assert_eq!(code(places.show("a", &engagement).await), "frozen");
    assert_eq!(code(places.ticket(&engagement).await), "frozen");
    let Outcome::Checklist { checks, .. } = places.admin(Act::Checklist { engagement: engagement.clone(), login: None }).await
    else {
        panic!("a checklist")
    };
    assert!(checks.iter().any(|check| check.rule == "R53" && check.code.as_deref() == Some("frozen")), "{checks:?}");
    // One alone does not lift it, nor does the crisis cell.
    let freeze = frozen(&places).await.remove(0);
    assert_eq!(code(places.house.by(&crisis, Act::AskThaw { freeze: freeze.clone() }).await), "not_your_role");
    let Outcome::Asked { request, .. } = places.admin(Act::AskThaw { freeze: freeze.clone() }).await else { panic!("asked") };
    assert_eq!(code(places.admin(Act::Approve { request: request.clone() }).await), "own_request");
    went_well(places.house.by(&company.rssi, Act::Approve { request }).await).unwrap();
    assert!(frozen(&places).await.is_empty());
    assert_eq!(code(places.admin(Act::AskThaw { freeze }).await), "freeze_unknown");
    went_well(places.show("a", &engagement).await).unwrap();
    places.looks(&engagement).await.leave().await;
    places.house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r53_a_site_or_an_engagement_is_frozen_without_the_others_and_stays_so_after_a_restart() {
    let mut places = places().await;
    let [demo, clinic] = both_are_looked_at(&places).await;
    let scope = Scope::Site { site: name("b") };
    went_well(places.admin(Act::Freeze { scope, reason: "Incident au cabinet".into() }).await).unwrap();
    ends_within_a_second(&places, clinic).await;
    places.house.clock.sleep(Duration::from_millis(200)).await;
    assert!(!demo.is_finished(), "the other site is looked at still");
    let other = places.engaged(places.terms("a")).await;
    let scope = Scope::Engagement { engagement: other.clone() };
    went_well(places.admin(Act::Freeze { scope, reason: "À vérifier".into() }).await).unwrap();
    places.house.clock.sleep(Duration::from_millis(600)).await;
    assert!(!demo.is_finished(), "it is shown for another engagement");
    places.house.restart().await;
    demo.abort();
    assert_eq!(frozen(&places).await.len(), 2);
    assert_eq!(code(places.show("a", &other).await), "frozen");
    let clinic = places.engaged(places.terms("b")).await;
    assert_eq!(code(places.show("b", &clinic).await), "frozen");
    places.house.close().await;
}

/// Whoever is in a hurry writes no reason: that stands in nobody's way. A name that is wrong does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r53_a_freeze_without_a_reason_is_one_and_one_of_nothing_is_refused() {
    let places = places().await;
    let [demo, clinic] = both_are_looked_at(&places).await;
    let freeze = |site: &str| Act::Freeze { scope: Scope::Site { site: name(site) }, reason: " ".into() };
    assert_eq!(code(places.admin(freeze("elsewhere")).await), "site_unknown");
    went_well(places.admin(freeze("a")).await).unwrap();
    ends_within_a_second(&places, demo).await;
    assert!(!clinic.is_finished());
    clinic.abort();
    // Twice is once.
    let first = frozen(&places).await;
    went_well(places.house.by(&places.company().rssi, freeze("a")).await).unwrap();
    assert_eq!((frozen(&places).await, first.len()), (first, 1));
    places.house.close().await;
}
