//! What strangers may take, and that people who are known keep their way in.

use std::net::SocketAddr;
use std::time::Duration;

use lucarne::rfb::PixelFormat;
use lucarne::rfb::encoding::number;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::eye::{Door, Eye, exact, stranger, stranger_from};
use super::house::{House, demo_site};
use super::script::Script;

async fn house_with(viewers: &str) -> (Script, House) {
    let script = Script::start(2, number::RAW).await;
    let house = House::with(viewers, &demo_site("a", script.address)).await;
    house.show("a").await;
    (script, house)
}

/// Whether the node answers a connection at all.
async fn is_greeted(mut stream: TcpStream) -> bool {
    let mut hello = [0; 12];
    stream.read_exact(&mut hello).await.is_ok()
}

async fn looks(house: &House) -> Result<Eye, String> {
    Eye::enter(house, &house.ticket("a").await, &exact(number::RAW)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_connects_too_often_is_closed_unanswered_and_folded_with_an_exact_count() {
    let (_script, house) = house_with("connections_per_minute = 5").await;
    let door = house.node().addresses.viewers;
    let mut greeted = 0;
    for _ in 0..12 {
        greeted += u32::from(is_greeted(stranger_from([127, 0, 0, 9], door).await).await);
    }
    assert_eq!(greeted, 5);
    assert!(is_greeted(stranger_from([127, 0, 0, 10], door).await).await, "another address is another matter");
    house.pass(62).await;
    let folded = house.entry(|entry| entry.text("cause") == "rate_address").await;
    assert_eq!((folded.kind(), folded.count("attempts")), ("conn.refused", Some(7)));
    assert!(format!("{:?}", folded.sealed).contains("127.0.0.0/24"), "the prefix, sealed: {folded:?}");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_sessions_run_than_are_allowed() {
    let (_script, house) = house_with("max_sessions = 2").await;
    let (first, second) = (looks(&house).await.unwrap(), looks(&house).await.unwrap());
    let refused = looks(&house).await.err().unwrap();
    assert!(refused.contains("Too many connections"), "{refused}");
    let entry = house.entry(|entry| entry.kind() == "view.refused").await;
    assert_eq!(entry.text("cause"), "busy");
    first.leave().await;
    house.entry(|entry| entry.kind() == "view.ended").await;
    assert!(looks(&house).await.is_ok(), "a place is free again");
    second.leave().await;
    house.close().await;
}

/// Strangers fill all the places that strangers have: whoever was let in before comes in all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_in_every_place_keep_no_known_person_out() {
    let (_script, house) = house_with("handshakes = 2").await;
    looks(&house).await.unwrap().leave().await;
    let door = house.node().addresses.viewers;
    let mut silent = Vec::new();
    for n in 1..=2 {
        let mut stranger = stranger_from([127, 0, 9, n], door).await;
        let mut hello = [0; 12];
        stranger.read_exact(&mut hello).await.unwrap();
        silent.push(stranger);
    }
    assert!(!is_greeted(stranger_from([127, 0, 9, 3], door).await).await, "no place for a third");
    assert!(looks(&house).await.is_ok(), "a known address has places of its own");
    house.close().await;
}

/// A place for typing is taken while somebody types, not while they look.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn those_who_look_take_no_place_from_those_who_log_in() {
    let (_script, house) = house_with("handshakes = 1").await;
    let mut eyes = Vec::new();
    for n in 0..10 {
        eyes.push(looks(&house).await.unwrap_or_else(|words| panic!("the {n}th: {words}")));
    }
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_known_is_known_after_a_restart() {
    let script = Script::start(2, number::RAW).await;
    let mut house = House::with("handshakes = 1", &demo_site("a", script.address)).await;
    house.show("a").await;
    looks(&house).await.unwrap().leave().await;
    house.restart().await;
    house.show("a").await;
    let mut silent = stranger_from([127, 0, 9, 1], house.node().addresses.viewers).await;
    silent.read_exact(&mut [0; 12]).await.unwrap();
    assert!(looks(&house).await.is_ok(), "the one place of strangers is taken");
    house.close().await;
}

/// One prefix may use up its share of the hour, and no more: neither others' nor that of known people in it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_prefix_cannot_use_up_the_strangers_hour_nor_lock_known_people_out() {
    let (_script, house) = house_with("").await;
    looks(&house).await.unwrap().leave().await;
    let door = house.node().addresses.viewers;
    let mut greeted = 0;
    for n in 0..700u32 {
        // Not faster than the limit for all strangers together.
        house.clock.advance(Duration::from_millis(10));
        greeted += u32::from(is_greeted(stranger_from([127, 0, 0, 2 + (n % 100) as u8], door).await).await);
    }
    assert_eq!(greeted, 640);
    assert!(!is_greeted(stranger_from([127, 0, 0, 200], door).await).await, "its share is used up");
    assert!(is_greeted(stranger_from([127, 0, 7, 7], door).await).await, "another prefix has its own");
    assert!(looks(&house).await.is_ok(), "and a known address of the same prefix is no stranger");
    let attempts = house.entries().iter().filter(|entry| entry.kind() == "conn.attempt").count();
    assert_eq!(attempts, 640 + 3);
    house.pass(62).await;
    let folded = house.entry(|entry| entry.text("cause") == "stranger_quota").await;
    assert_eq!(folded.count("attempts"), Some(61));
    // Nothing is in flight: an hour may pass at once.
    house.clock.sleep(Duration::from_millis(100)).await;
    house.clock.advance(Duration::from_secs(3_600));
    assert!(is_greeted(stranger_from([127, 0, 0, 200], door).await).await, "the next hour is another");
    house.close().await;
}

/// The dearest connection that a stranger can make: TLS, and a login of the longest name that needs most escapes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_strangers_connection_costs_the_trace_no_more_than_four_entries_and_four_kibibytes() {
    let (_script, house) = house_with("").await;
    let before = house.entries().len();
    let user = "\u{1}".repeat(255);
    let refused = Eye::through(&Door::of(&house), &user, &"x".repeat(255), PixelFormat::NATIVE, &exact(number::RAW)).await;
    assert!(refused.is_err());
    house.entry(|entry| entry.kind() == "auth.failed").await;
    let caused = house.entries().split_off(before);
    let bytes: usize = caused.iter().map(|e| e.public.to_string().len() + format!("{:?}", e.sealed).len() + 100).sum();
    assert!(caused.len() <= 4 && bytes <= 4096, "{} entries of {bytes} bytes", caused.len());
    house.close().await;
}

pub async fn page(address: SocketAddr, path: &str) -> String {
    let mut stream = stranger(address).await;
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_monitor_counts_what_happens_and_names_nobody() {
    let (_script, house) = house_with("connections_per_minute = 2").await;
    let monitor = house.node().addresses.monitor.unwrap();
    assert!(page(monitor, "/healthz").await.ends_with("\r\n\r\nok\n"));
    let mut eye = looks(&house).await.unwrap();
    eye.send(&[4, 1, 0, 0, 0, 0, 0, b'a', 5, 1, 0, 9, 0, 9]).await;
    eye.ask(false).await;
    assert!(eye.update().await);
    for _ in 0..2 {
        let _ = is_greeted(stranger(house.node().addresses.viewers).await).await;
    }
    let metrics = page(monitor, "/metrics").await;
    for line in [
        "lucarne_sessions 1\n",
        "lucarne_sources 1\n",
        "lucarne_inputs_dropped_total{kind=\"key\"} 1\n",
        "lucarne_inputs_dropped_total{kind=\"pointer\"} 1\n",
        "lucarne_server_messages_dropped_total{kind=\"bell\"} 2\n",
        "lucarne_viewer_connections_total 3\n",
        "lucarne_viewer_refused_total{kind=\"rate_address\"} 1\n",
        "lucarne_viewer_updates_total 1\n",
    ] {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
    for name in ["laire", "Cabinet", "127.0.0.1", "SECRET"] {
        assert!(!metrics.contains(name), "{name} in {metrics}");
    }
    house.close().await;
}
