//! One ticket, one look: what lets a viewer in, and what does not.

use std::time::Duration;

use lucarne::governance::Refusal;
use lucarne::rfb::PixelFormat;
use lucarne::rfb::encoding::number;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::eye::{Eye, exact, stranger};
use super::house::{House, demo_site};
use super::script::Script;

async fn house() -> (Script, House) {
    let script = Script::start(2, number::RAW).await;
    let house = House::open(&demo_site("a", script.address)).await;
    house.show("a").await;
    (script, house)
}

async fn refusal(house: &House, user: &str, ticket: &str) -> String {
    let entered = Eye::enter_as(house, user, ticket, PixelFormat::NATIVE, &exact(number::RAW), false).await;
    entered.err().expect("it is refused")
}

/// The client escapes what is not ASCII: the English half is enough to know a refusal by.
fn english(refusal: Refusal) -> &'static str {
    refusal.words().rsplit(" / ").next().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ticket_lets_its_owner_in_once() {
    let (_script, house) = house().await;
    let ticket = house.ticket("a").await;
    let eye = Eye::enter(&house, &ticket, &exact(number::RAW)).await;
    assert!(eye.is_ok());
    assert!(refusal(&house, "claire", &ticket).await.contains(english(Refusal::TicketUnknown)));
    let failed = house.entry(|entry| entry.kind() == "auth.failed").await;
    assert_eq!(failed.text("cause"), "ticket_unknown");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ticket_is_worth_nothing_after_sixty_seconds_or_in_other_hands() {
    let (_script, house) = house().await;
    let ticket = house.ticket("a").await;
    assert!(refusal(&house, "paul", &ticket).await.contains(english(Refusal::TicketOfAnother)));
    let ticket = house.ticket("a").await;
    house.pass(62).await;
    assert!(refusal(&house, "claire", &ticket).await.contains(english(Refusal::TicketExpired)));
    assert!(refusal(&house, "claire", "").await.contains(english(Refusal::TicketUnknown)));
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_who_does_not_speak_rfb_is_closed_without_a_picture_and_traced() {
    let (_script, house) = house().await;
    let mut http = stranger(house.node().addresses.viewers).await;
    http.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _ = http.read_to_end(&mut answer).await;
    assert_eq!(answer, b"RFB 003.008\n");
    let refused = house.entry(|entry| entry.kind() == "conn.refused").await;
    assert_eq!(refused.text("cause"), "dn.bad_version");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_who_says_nothing_is_closed_after_ten_seconds() {
    let (_script, house) = house().await;
    let mut silent = stranger(house.node().addresses.viewers).await;
    let mut answer = [0; 12];
    silent.read_exact(&mut answer).await.unwrap();
    house.pass(11).await;
    assert_eq!(silent.read(&mut answer).await.unwrap(), 0);
    let refused = house.entry(|entry| entry.kind() == "conn.refused").await;
    assert_eq!(refused.text("cause"), "dn.timeout");
    house.close().await;
}

/// CVE-2006-2369: a type that was not offered is never accepted, whatever its number.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_34_class_auth_bypass_a_security_type_that_was_not_offered_is_refused_whatever_its_number() {
    let (_script, house) = house().await;
    for kind in (0..=255u8).filter(|kind| *kind != 19) {
        // Not faster than the limit for all connections together.
        house.clock.advance(Duration::from_millis(10));
        let mut viewer = stranger(house.node().addresses.viewers).await;
        viewer.write_all(b"RFB 003.008\n").await.unwrap();
        viewer.write_all(&[kind]).await.unwrap();
        let mut answer = Vec::new();
        let _ = viewer.read_to_end(&mut answer).await;
        assert_eq!(answer, b"RFB 003.008\n\x01\x13", "type {kind}");
    }
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_sent_before_tls_was_agreed_end_the_connection() {
    let (_script, house) = house().await;
    let mut viewer = stranger(house.node().addresses.viewers).await;
    viewer.write_all(b"RFB 003.008\n\x13\x00\x02\x00\x00\x01\x06\x16\x03\x01").await.unwrap();
    let mut answer = Vec::new();
    let _ = viewer.read_to_end(&mut answer).await;
    assert!(!answer.ends_with(&[1]), "TLS was not agreed: {answer:?}");
    let refused = house.entry(|entry| entry.kind() == "conn.refused").await;
    assert_eq!(refused.text("cause"), "dn.tls_injection");
    house.close().await;
}

/// Vino CVE-2012-4429, TigerVNC CVE-2017-7392: whoever has not logged in is told the handshake and nothing else, while
/// the site changes and talks.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn class_data_before_auth_strangers_hear_the_handshake_alone() {
    let script = Script::start(200, number::RAW).await;
    let house = House::open(&demo_site("a", script.address)).await;
    house.show("a").await;
    let mut strangers = Vec::new();
    for said in
        [&b""[..], b"RFB 003.008\n", b"RFB 003.008\n\x13", b"RFB 003.008\n\x13\0\x02", b"RFB 003.008\n\x13\0\x02\0\0\x01\x06"]
    {
        let mut stream = stranger(house.node().addresses.viewers).await;
        stream.write_all(said).await.unwrap();
        strangers.push(stream);
    }
    house.clock.sleep(Duration::from_millis(500)).await;
    let whole = b"RFB 003.008\n\x01\x13\0\x02\0\x01\0\0\x01\x06\x01";
    for stream in strangers {
        let mut heard = vec![0; 4096];
        let n = stream.try_read(&mut heard).unwrap();
        assert!(whole.starts_with(&heard[..n]), "{:?}", &heard[..n]);
    }
    house.close().await;
}
