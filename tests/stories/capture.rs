//! R08: how far viewers keep copies of the screen from being made, and what a site or an engagement asks of them.

use lucarne::demo::rehearsal::went_well;
use lucarne::governance::{Capture, Kind, Refusal, Terms};
use lucarne::node::act::{Act, Outcome, Watcher};
use lucarne::rfb::encoding::number;

use super::eye::{Eye, exact};
use super::house::{House, demo_site, name};
use super::page::Page;
use super::script::Script;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r08_where_class_b_is_demanded_only_pages_show_the_picture() {
    let script = Script::start(3, number::RAW).await;
    let house = House::open(&format!("{}capture = \"B\"\n", demo_site("a", script.address))).await;
    house.show("a").await;
    let Err(refused) = Eye::enter(&house, &house.ticket("a").await, &exact(number::RAW)).await else { panic!("it looks") };
    assert!(refused.contains("look at the page"), "{refused}");
    house.entry(|entry| entry.kind() == "auth.failed" && entry.text("cause") == Refusal::NeedsCaptureB.code()).await;
    let mut page = Page::enters(&house, &house.ticket("a").await).await;
    page.hears_of(1).await.unwrap();
    let started = house.entry(|entry| entry.kind() == "view.started").await;
    assert_eq!(started.text("capture_class"), "B");
    let Outcome::Sites { sites } = house.by(&house.company.admin, Act::ListSites).await else { panic!("the sites") };
    assert_eq!(sites[0].watched_by, [Watcher { name: "Claire Martin".to_owned(), capture: Capture::B }]);
    // Before anybody comes, the checklist says what will be asked.
    let engagement = house.engagement("a").await;
    let asked = house.order(Act::Checklist { engagement, login: None }).await;
    let Outcome::Checklist { checks, .. } = asked else { panic!("{asked:?}") };
    let rule = checks.iter().find(|check| check.rule == "R08").unwrap();
    assert!(rule.later.as_ref().unwrap().contains("class B"), "{rule:?}");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r08_an_engagement_may_demand_more_than_its_site() {
    let script = Script::start(3, number::RAW).await;
    let house = House::open(&demo_site("a", script.address)).await;
    let terms = house.company.terms(&name("a"), Kind::Demo, house.clock.wall(), time::Duration::hours(4));
    let stage = house.node().shared();
    let engagement = house.company.engage(&**stage, Terms { capture: Some(Capture::A), ..terms }).await.unwrap();
    went_well(house.company.show(&**stage, &name("a"), &engagement).await.unwrap()).unwrap();
    // No viewer meets it: the checklist says so before anybody comes, and there is no ticket.
    let refused = house.company.ticket(&**stage, &engagement, false).await.unwrap();
    assert!(matches!(&refused, Outcome::Refused { code, .. } if code == Refusal::NeedsCaptureA.code()), "{refused:?}");
    house.close().await;
}
