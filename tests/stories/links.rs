//! A page's link: when it is lost the session waits for the page, and goes on; and every gap is traced.

use std::time::Duration;

use lucarne::rfb::encoding::number;

use super::chromium::Chromium;
use super::house::{House, demo_site};
use super::page::{Page, TAB, frame, origin};
use super::pages::agency;
use super::postgres::Wire;
use super::script::Script;

const TILES: u8 = 1;
const STATE: u8 = 3;
const OVER: u8 = 4;

pub async fn house() -> (Script, House) {
    let script = Script::start(3, number::RAW).await;
    let house = House::open(&demo_site("a", script.address)).await;
    house.show("a").await;
    (script, house)
}

fn count(house: &House, kind: &str) -> usize {
    house.entries().iter().filter(|entry| entry.kind() == kind).count()
}

/// Somebody looks; and what the tab was given to come again by.
async fn looking(house: &House) -> (Page, String) {
    let mut page = Page::enters(house, &house.ticket("a").await).await;
    let own = page.own();
    page.hears_of(TILES).await.unwrap();
    (page, own)
}

/// Somebody looked, and the link is lost: the node sees it, and waits.
async fn away(house: &House) -> String {
    let (page, own) = looking(house).await;
    page.falls_silent();
    house.entry(|entry| entry.kind() == "view.interrupted").await;
    own
}

/// There is nothing to come back to, and that is said.
async fn comes_too_late(house: &House, own: &str) {
    let mut late = Page::comes_again(house, own).await;
    assert_eq!(code(&late.hears_of(OVER).await.unwrap()), "not_resumed");
    assert_eq!(late.closed().await, Some(1000));
}

/// Paints what comes until it was told so often how the picture stands; gives how many messages of tiles there were.
async fn paints(page: &mut Page, states: usize) -> usize {
    let (mut told, mut tiles) = (0, 0);
    while told < states {
        let (opcode, says) = page.hears().await.unwrap();
        told += usize::from(opcode == 2 && says[0] == STATE);
        if opcode == 2 && says[0] == TILES {
            tiles += 1;
            if says[5] == 1 {
                page.says(&frame(2, &[&[1][..], &says[1..5]].concat())).await;
            }
        }
    }
    tiles
}

fn code(over: &[u8]) -> String {
    let over: serde_json::Value = serde_json::from_slice(&over[1..]).unwrap();
    over["code"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r12_a_browser_whose_network_fails_comes_back_to_the_same_session_by_itself() {
    let agency = agency().await;
    let chromium = Chromium::start("fr", (1280, 720)).await;
    let wire = Wire::to(agency.house.node().addresses.pages.unwrap()).await;
    agency.enters_at(&chromium, &format!("https://localhost:{}/", wire.port)).await;
    chromium.clicks("#engagements button").await;
    agency.sees(&chromium).await;
    chromium.until_it_reads("#link", "bon lien").await;
    wire.dies();
    chromium.until_it_reads("#state", "lien interrompu").await;
    // Nobody can say whether what is on the canvas still is the site's picture.
    assert_eq!(chromium.runs("return document.getElementById('canvas').style.visibility").await, "hidden");
    chromium.until_it_reads("#state", "nouvel essai").await;
    wire.is_mended();
    let resumed = agency.house.entry(|entry| entry.kind() == "view.resumed").await;
    agency.sees(&chromium).await;
    let state = chromium.reads("#state").await;
    assert!(["en direct", "image fixe"].iter().any(|word| state.contains(word)), "{state}");
    let started = agency.house.entry(|entry| entry.kind() == "view.started").await;
    assert_eq!((resumed.text("session"), count(&agency.house, "view.started")), (started.text("session"), 1));
    assert!(resumed.public["counts"]["gap_ms"].as_u64().unwrap() > 2000, "{:?}", resumed.public);
    agency.house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r44_a_page_that_comes_again_takes_its_session_over_and_the_gap_is_traced() {
    let (_script, house) = house().await;
    let own = away(&house).await;
    let mut again = Page::comes_again(&house, &own).await;
    again.hears_of(TILES).await.unwrap();
    house.entry(|entry| entry.kind() == "view.resumed").await;
    // The page comes by another link while the node still holds the first: that one is cut, and nothing is lost.
    let mut third = Page::comes_again(&house, &own).await;
    third.hears_of(TILES).await.unwrap();
    assert_eq!(again.closed().await, None);
    assert_eq!((count(&house, "view.started"), count(&house, "view.resumed"), count(&house, "view.ended")), (1, 2, 0));
    // It says that it leaves: then there is nothing to come back to.
    third.says(&frame(2, &[6])).await;
    house.entry(|entry| entry.kind() == "view.ended" && entry.text("cause") == "viewer_left").await;
    comes_too_late(&house, &own).await;
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r44_a_page_that_does_not_come_again_in_time_has_lost_its_session() {
    let (_script, house) = house().await;
    let own = away(&house).await;
    house.clock.advance(Duration::from_secs(28));
    house.clock.sleep(Duration::from_millis(200)).await;
    assert_eq!(count(&house, "view.ended"), 0);
    house.clock.advance(Duration::from_secs(2));
    house.entry(|entry| entry.kind() == "view.ended" && entry.text("cause") == "connection_lost").await;
    comes_too_late(&house, &own).await;
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r18_a_stop_ends_a_session_whose_page_is_away() {
    let (_script, house) = house().await;
    let own = away(&house).await;
    house.stop("a").await;
    house.entry(|entry| entry.kind() == "view.ended" && entry.text("cause") == "stopped").await;
    comes_too_late(&house, &own).await;
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r12_a_hidden_page_is_sent_no_pixels_until_it_is_seen_again() {
    let (_script, house) = house().await;
    let mut page = Page::enters(&house, &house.ticket("a").await).await;
    // All that there is to see is seen.
    assert!(paints(&mut page, 3).await > 0);
    page.says(&frame(2, &[3])).await;
    house.clock.sleep(Duration::from_millis(200)).await;
    // Something else is to be seen, and is not.
    house.pause("a").await;
    assert_eq!(paints(&mut page, 3).await, 0, "pixels for nobody");
    page.says(&frame(2, &[4])).await;
    assert!(paints(&mut page, 3).await > 0);
    assert_eq!(count(&house, "view.ended"), 0);
    house.close().await;
}

/// Somebody guesses, or has another tab's name.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r20_nobody_comes_to_anothers_session() {
    let (_script, house) = house().await;
    let (mut page, own) = looking(&house).await;
    let mut guess = Page::comes_again(&house, &"0".repeat(32)).await;
    house.entry(|entry| entry.kind() == "view.not_resumed" && entry.text("cause") == "not_resumed").await;
    assert_eq!(code(&guess.hears_of(OVER).await.unwrap()), "not_resumed");
    let (at, cookie) = (origin(&house), format!("__Host-again-{TAB}={own}"));
    for (path, origin, cookie, status) in [
        (format!("/again/{TAB}"), at.as_str(), "", "401"),
        ("/again/4567cdef".to_owned(), &at, cookie.as_str(), "401"),
        (format!("/again/{TAB}"), "https://evil.example", &cookie, "403"),
        ("/again/..".to_owned(), &at, &cookie, "403"),
    ] {
        let answer = Page::upgrade(&house, &path, origin, cookie).await.head;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{path} of {origin}: {answer}");
    }
    // The first is where it was.
    page.hears_of(STATE).await.unwrap();
    assert_eq!(count(&house, "view.resumed") + count(&house, "view.ended"), 0);
    house.close().await;
}

/// A page that gives its link up says so: what it said on the way does not end the session.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r44_a_page_that_gives_a_link_up_has_not_left() {
    let (_script, house) = house().await;
    let (mut page, own) = looking(&house).await;
    page.says(&frame(8, &4000u16.to_be_bytes())).await;
    house.entry(|entry| entry.kind() == "view.interrupted").await;
    let mut again = Page::comes_again(&house, &own).await;
    again.hears_of(TILES).await.unwrap();
    // The same tab looks anew: what it looked at before it has left.
    let cookies = format!("__Host-again-{TAB}={own}; __Host-ticket=claire:{}", house.ticket("a").await);
    let mut anew = Page::upgrade(&house, &format!("/picture/{TAB}"), &origin(&house), &cookies).await;
    anew.hears_of(TILES).await.unwrap();
    assert_eq!(code(&again.hears_of(OVER).await.unwrap()), "viewer_left");
    house.entry(|entry| entry.kind() == "view.ended" && entry.text("cause") == "viewer_left").await;
    house.close().await;
}

/// TCP stands, or seems to, and nobody answers: then the link is lost, and the session waits as ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r44_a_page_that_answers_no_probe_is_lost() {
    let (_script, house) = house().await;
    let mut page = Page::enters(&house, &house.ticket("a").await).await;
    page.hears_of(TILES).await.unwrap();
    // Hidden: nothing need be painted.
    page.says(&frame(2, &[1, 0, 0, 0, 1])).await;
    page.says(&frame(2, &[3])).await;
    house.pass(34).await;
    house.entry(|entry| entry.kind() == "view.interrupted").await;
    house.pass(32).await;
    house.entry(|entry| entry.kind() == "view.ended" && entry.text("cause") == "connection_lost").await;
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r12_whoever_looks_is_told_who_else_does() {
    let (_script, house) = house().await;
    let mut page = Page::enters(&house, &house.ticket("a").await).await;
    let others = |state: &[u8]| serde_json::from_slice::<serde_json::Value>(&state[1..]).unwrap()["others"].clone();
    assert_eq!(others(&page.hears_of(STATE).await.unwrap()), serde_json::json!([]));
    let mut second = Page::enters(&house, &house.ticket("a").await).await;
    assert_eq!(others(&second.hears_of(STATE).await.unwrap()), serde_json::json!(["Claire Martin"]));
    while others(&page.hears_of(STATE).await.unwrap()) != serde_json::json!(["Claire Martin"]) {}
    second.says(&frame(2, &[6])).await;
    while others(&page.hears_of(STATE).await.unwrap()) != serde_json::json!([]) {}
    house.close().await;
}
