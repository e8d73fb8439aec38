//! No trace, no picture; and what the trace says.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use lucarne::rfb::encoding::number;
use serde_json::Value;

use super::eye::{Eye, exact};
use super::house::{House, demo_site};
use super::programs::Program;
use super::script::Script;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r44_a_session_leaves_its_steps_in_the_trace_and_no_name_in_the_public_part() {
    let script = Script::start(2, number::RAW).await;
    let house = House::open(&demo_site("a", script.address)).await;
    house.show("a").await;
    let ticket = house.ticket("a").await;
    let mut eye = Eye::enter(&house, &ticket, &exact(number::RAW)).await.unwrap();
    eye.ask(false).await;
    assert!(eye.update().await);
    drop(eye);
    house.entry(|entry| entry.kind() == "view.ended").await;
    let entries = house.entries();
    let kinds: Vec<&str> = entries.iter().map(lucarne::trace::Entry::kind).collect();
    let steps = [
        "process.start",
        "account.enrolled",
        "engagement.created",
        "acceptance.recorded",
        "site.standing",
        "source.opening",
        "source.opened",
        "ticket.issued",
        "conn.attempt",
        "tls.established",
        "auth.succeeded",
        "view.started",
        "view.ended",
    ];
    let mut rest = kinds.iter();
    for step in steps {
        assert!(rest.any(|kind| *kind == step), "{step} is missing or out of order in {kinds:?}");
    }
    for (n, entry) in entries.iter().enumerate() {
        assert_eq!(entry.seq(), n as u64, "seq is the entry's place");
        let public = entry.public.to_string();
        for secret in ["Claire", "claire", "Cabinet", "127.0.0.1", "SECRET-DESKTOP-NAME", ticket.as_str()] {
            assert!(!public.contains(secret), "{secret} in {public}");
        }
    }
    let whole: String = entries.iter().map(|entry| format!("{:?}", entry.sealed)).collect();
    assert!(whole.contains("Claire Martin") && !whole.contains(&ticket), "sealed parts name people, never tickets");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_public_line_is_canonical_and_bound_to_its_sealed_part() {
    let house = House::open("").await;
    let path = house.node().shared().log().path().to_owned();
    let public = std::fs::read_to_string(&path).unwrap();
    let sealed = std::fs::read_to_string(path.with_extension("sealed.jsonl")).unwrap();
    assert!(public.lines().count() >= 2 && public.lines().count() == sealed.lines().count());
    for (line, sealed) in public.lines().zip(sealed.lines()) {
        let entry: Value = serde_json::from_str(line).unwrap();
        assert_eq!(serde_json_canonicalizer::to_string(&entry).unwrap(), line, "RFC 8785");
        let sealed: Value = serde_json::from_str(sealed).unwrap();
        let salt = STANDARD.decode(sealed["salt"].as_str().unwrap()).unwrap();
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&salt).unwrap();
        mac.update(&serde_json_canonicalizer::to_vec(&sealed["sealed"]).unwrap());
        assert_eq!(entry["priv"].as_str().unwrap(), STANDARD.encode(mac.finalize().into_bytes()));
    }
    house.close().await;
}

/// The trace's file system is full: pictures end, none starts, and all recovers by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r44_when_the_trace_cannot_be_written_pictures_end_and_none_starts() {
    let script = Script::start(2, number::RAW).await;
    let house = House::open(&demo_site("a", script.address)).await;
    house.show("a").await;
    let eye = Eye::enter(&house, &house.ticket("a").await, &exact(number::RAW)).await.unwrap();
    let late = house.ticket("a").await;
    let limit = FileLimit::now();
    let refused = async {
        // The next entry finds the disk full: this stranger's attempt.
        let _ = tokio::net::TcpStream::connect(house.node().addresses.viewers).await.unwrap();
        house.until(|| (!house.node().shared().log().health().borrow().is_writing()).then_some(())).await;
        Eye::enter(&house, &late, &exact(number::RAW)).await.err()
    };
    let told = house.clock.now();
    let (refused, _) = tokio::join!(refused, eye.watch_to_the_end());
    assert!(house.clock.now() - told < Duration::from_secs(5));
    assert!(refused.is_some(), "no session starts");
    limit.lift();
    house.pass(3).await;
    house.entry(|entry| entry.kind() == "log.gap").await;
    house.entry(|entry| entry.kind() == "site.standing" && entry.text("cause") == "no_trace").await;
    let ended = house.entry(|entry| entry.kind() == "view.ended").await;
    assert_eq!(ended.text("cause"), "no_trace");
    assert!(ended.text("happened") < ended.text("time"), "its end is written late, with its own time");
    house.show("a").await;
    assert!(Eye::enter(&house, &house.ticket("a").await, &exact(number::RAW)).await.is_ok());
    house.close().await;
}

/// The trace's disk under a running session: a sync that fails, one that takes too long, a file system gone read-only.
/// Pictures end with the reason, none starts, and all recovers by itself once the fault is over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r44_a_disk_that_fails_is_slow_or_read_only_ends_pictures_until_it_is_well_again() {
    let script = Script::start(2, number::RAW).await;
    let house = House::open(&demo_site("a", script.address)).await;
    for (fault, limit) in [("fdatasync:error=EIO", 3), ("fdatasync:delay_enter=6s", 8), ("write,ftruncate:error=EROFS", 3)] {
        house.show("a").await;
        let eye = Eye::enter(&house, &house.ticket("a").await, &exact(number::RAW)).await.unwrap();
        let late = house.ticket("a").await;
        let known = house.entries().len();
        let told = house.clock.now();
        let injected = inject(&house, fault).await;
        let refused = async {
            house.until(|| (!house.node().shared().log().health().borrow().is_writing()).then_some(())).await;
            Eye::enter(&house, &late, &exact(number::RAW)).await.err()
        };
        let stranger = async {
            let _ = tokio::net::TcpStream::connect(house.node().addresses.viewers).await;
        };
        let (refused, _, ()) = tokio::join!(refused, eye.watch_to_the_end(), stranger);
        assert!(house.clock.now() - told < Duration::from_secs(limit), "{fault}: pictures end within seconds");
        assert!(refused.is_some(), "{fault}: no session starts");
        drop(injected);
        house.pass(4).await;
        let later = |kind: &'static str| house.entries().into_iter().skip(known).find(|entry| entry.kind() == kind);
        let gap = house.until(|| later("log.gap")).await;
        assert!(!gap.text("since").is_empty(), "{gap:?}");
        let ended = house.until(|| later("view.ended")).await;
        assert_eq!(ended.text("cause"), "no_trace", "{fault}");
        let session = ended.text("session").to_owned();
        let ends = house.entries().into_iter().filter(|entry| entry.kind() == "view.ended" && entry.text("session") == session);
        assert_eq!(ends.count(), 1, "{fault}: it ended once");
    }
    for (n, entry) in house.entries().iter().enumerate() {
        assert_eq!(entry.seq(), n as u64, "whatever failed, each entry has its place");
    }
    house.close().await;
}

/// Makes a system call on the trace's public file fail, until the program is dropped.
async fn inject(house: &House, fault: &str) -> Program {
    let file = house.node().shared().log().path().to_owned();
    let log = house.dir.path().join("strace.words");
    let mut command = std::process::Command::new("strace");
    command.args(["-f", "-o", "/dev/null", "-e", &format!("inject={fault}"), "-P", file.to_str().unwrap()]);
    let program = Program::start(command.args(["-p", &std::process::id().to_string()]), &log);
    house.until(|| std::fs::read_to_string(&log).unwrap().contains("attached").then_some(())).await;
    program
}

/// This process may make no file longer: RLIMIT_FSIZE, as a full disk would have it.
struct FileLimit;

impl FileLimit {
    fn now() -> Self {
        use rustix::process::{Resource, Rlimit, setrlimit};
        use tokio::signal::unix::{SignalKind, signal};
        // With a handler, the signal that goes with the limit (SIGXFSZ) leaves the process alive: writes fail instead.
        let _handled = signal(SignalKind::from_raw(25)).unwrap();
        setrlimit(Resource::Fsize, Rlimit { current: Some(64), maximum: None }).unwrap();
        Self
    }

    fn lift(self) {
        use rustix::process::{Resource, Rlimit, setrlimit};
        setrlimit(Resource::Fsize, Rlimit { current: None, maximum: None }).unwrap();
    }
}
