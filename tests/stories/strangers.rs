//! Strangers at the door: they are told nothing, cost little, and leave nothing behind. The numbers are those of the
//! table of hostile inputs.

use std::time::Duration;

use lucarne::rfb::PixelFormat;
use lucarne::rfb::encoding::number::RAW;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::bystander::Bystander;
use super::eye::{Door, Eye, exact, stranger, stranger_from};
use super::hostile_sites::peak_memory;
use super::hostile_viewers::house_showing;
use super::house::{House, demo_site};

/// This process's open descriptors and tasks of the system.
pub fn held() -> (usize, usize) {
    let count = |folder: &str| std::fs::read_dir(folder).unwrap().count();
    (count("/proc/self/fd"), count("/proc/self/task"))
}

/// Row 32: the deadline is for the whole handshake, not for a byte.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_32_a_handshake_that_drips_is_closed_when_its_time_is_over() {
    let (_script, house) = house_showing(1).await;
    let mut slow = stranger(house.node().addresses.viewers).await;
    slow.read_exact(&mut [0; 12]).await.unwrap();
    slow.write_all(b"R").await.unwrap();
    house.clock.sleep(Duration::from_millis(50)).await;
    house.clock.advance(Duration::from_secs(9));
    house.clock.sleep(Duration::from_millis(50)).await;
    slow.write_all(b"F").await.unwrap();
    house.clock.sleep(Duration::from_millis(50)).await;
    house.clock.advance(Duration::from_secs(2));
    let refused = house.entry(|entry| entry.kind() == "conn.refused").await;
    assert_eq!(refused.text("cause"), "dn.timeout");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_31_and_47_class_double_close_a_thousand_strangers_who_come_and_go_leave_nothing_behind() {
    let script = Bystander::site().await;
    let house = House::open(&demo_site("a", script.address)).await;
    let bystander = Bystander::looks(&house, script).await;
    let (before, memory) = (held(), peak_memory());
    for round in 0..10u8 {
        let mut strangers = Vec::new();
        for n in 0..100 {
            strangers.push(stranger_from([127, 9, round, n], house.node().addresses.viewers).await);
        }
        // Half of them close their half, a third reset, and all are gone in the end.
        for (n, mut stranger) in strangers.into_iter().enumerate() {
            if n % 2 == 0 {
                let _ = stranger.shutdown().await;
            } else if n % 3 == 0 {
                let _ = socket2::SockRef::from(&stranger).set_linger(Some(Duration::ZERO));
            }
        }
        house.clock.advance(Duration::from_secs(2));
        bystander.sees_more(&house).await;
    }
    house.pass(12).await;
    // The store may have opened more of its four connections meanwhile, three descriptors each.
    house.until(|| (held().0 <= before.0 + 9).then_some(())).await;
    assert!(held().1 <= before.1 + 8, "{:?} and {before:?}", held());
    assert!(peak_memory() - memory < 32 << 10);
    house.close().await;
}

/// One of four who knock a thousand times a second, leave 250 sockets half-open, and say all sorts of things.
async fn flood(k: u8, doors: [std::net::SocketAddr; 2], until: std::time::Instant, clock: lucarne::clock::Clock) -> u32 {
    let said: [&[u8]; 5] = [
        b"",
        b"GET / HTTP/1.1\r\n\r\n",
        b"RFB 003.008\n\x13\0\x02\0\0\x01\x06",
        &[22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3],
        &[22, 3, 3, 0x40, 0],
    ];
    let (mut open, mut knocks) = (std::collections::VecDeque::new(), 0u32);
    while clock.now() < until {
        let from = [127, 20 + k, (knocks / 200) as u8, (knocks % 200) as u8 + 1];
        let mut stranger = stranger_from(from, doors[knocks as usize % 2]).await;
        let _ = stranger.write_all(said[knocks as usize % 5]).await;
        open.push_back(stranger);
        if open.len() > 250 {
            open.pop_front();
        }
        knocks += 1;
        if knocks.is_multiple_of(10) {
            clock.sleep(Duration::from_millis(10)).await;
        }
    }
    knocks
}

/// Rows 31 and 51, and a minute of all that strangers do: connections by the thousand from everywhere, handshakes that
/// are garbled, half-said or never finished, a thousand sockets half-open. (How the rate of those who look fares is
/// measured by the soak bench.)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_31_and_51_a_minute_of_strangers_ends_no_session_and_costs_little() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }).unwrap();
    let script = Bystander::site().await;
    let asked = std::sync::Arc::clone(&script.asked);
    let connections = std::sync::Arc::clone(&script.heard);
    let house = House::open(&demo_site("a", script.address)).await;
    let bystander = Bystander::looks(&house, script).await;
    bystander.sees_more(&house).await;
    let trace = house.node().shared().log().path().to_owned();
    let size =
        || std::fs::metadata(&trace).unwrap().len() + std::fs::metadata(trace.with_extension("sealed.jsonl")).unwrap().len();
    let (before, memory, written) = (held(), peak_memory(), size());
    let (doors, until) = (house.node().addresses, house.clock.now() + Duration::from_secs(60));
    let mut floods = tokio::task::JoinSet::new();
    for k in 0..4 {
        floods.spawn(flood(k, [doors.viewers, doors.tls_first.unwrap()], until, house.clock.clone()));
    }
    while house.clock.now() < until {
        bystander.sees_more(&house).await;
        house.clock.sleep(Duration::from_secs(1)).await;
    }
    let knocks: u32 = floods.join_all().await.into_iter().sum();
    house.pass(14).await;
    bystander.sees_more(&house).await;
    let grown = size() - written;
    assert!(knocks > 10_000 && grown < 10 << 20, "{knocks} knocks cost the trace {grown} bytes");
    house.until(|| (held().0 <= before.0).then_some(())).await;
    let monitor = doors.monitor.unwrap();
    let tasks = || async move {
        let metrics = super::limits::page(monitor, "/metrics").await;
        let counts = metrics.lines().filter(|line| line.starts_with("lucarne_tasks{"));
        counts.filter_map(|line| line.rsplit(' ').next()?.parse::<u32>().ok()).sum::<u32>()
    };
    house.pass(4).await;
    // The story's own tasks are among those of the control runtime.
    assert!(tasks().await < 60, "tasks are as few as before");
    assert!(peak_memory() - memory < 64 << 10, "{} KiB", peak_memory() - memory);
    assert!(house.entries().iter().all(|entry| entry.kind() != "view.ended"), "nobody was sent away");
    assert!(
        connections.lock().unwrap().len() == 1 && asked.lock().unwrap().len() > 100,
        "the site saw one link, at its own pace"
    );
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_33_who_does_not_speak_rfb_is_told_nothing_and_named() {
    let (_script, house) = house_showing(1).await;
    for bytes in
        [&b"RFB 003.008GET / HTTP/1.1\r\n"[..], b"GET / HTTP/1.1\r\n\r\n", &[22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3, 0, 0, 0]]
    {
        let known = house.entries().len();
        let mut viewer = stranger(house.node().addresses.viewers).await;
        viewer.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        let _ = viewer.read_to_end(&mut answer).await;
        assert_eq!(answer, b"RFB 003.008\n");
        let refused = || house.entries().into_iter().skip(known).find(|entry| entry.kind() == "conn.refused");
        let refused = house.until(refused).await;
        assert_eq!((refused.text("cause"), refused.text("state")), ("dn.bad_version", "version"));
        assert_eq!(refused.public["offset"].as_u64(), Some(0));
    }
    house.close().await;
}

/// Row 37, and the lengths around it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_37_class_handshake_strings_a_name_or_password_that_is_too_long_is_refused_before_it_is_read() {
    let (_script, house) = house_showing(1).await;
    for (name, password) in [(u32::MAX, 0), (0, u32::MAX), (256, 1), (1, 1 << 31)] {
        let known = house.entries().len();
        let mut viewer = Door::tls(&house).await;
        let lengths = [name.to_be_bytes(), password.to_be_bytes()].concat();
        viewer.write_all(&[b"RFB 003.008\n\x13\0\x02\0\0\x01\0", &lengths[..]].concat()).await.unwrap();
        let refused = || house.entries().into_iter().skip(known).find(|entry| entry.kind() == "conn.refused");
        let refused = house.until(refused).await;
        assert_eq!((refused.text("cause"), refused.text("state")), ("dn.credential_length", "login"), "{name} {password}");
        assert_eq!(refused.public["offset"].as_u64(), Some(19), "after version, type, VeNCrypt's version and subtype");
    }
    house.close().await;
}

/// Row 36: a thousand guesses, fifty at a time, each answered a second later; the site hears nothing of it, and whoever
/// has a ticket comes in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_36_guesses_reach_no_site_and_keep_nobody_out() {
    let (script, house) = house_showing(2).await;
    Eye::enter(&house, &house.ticket("a").await, &exact(RAW)).await.unwrap().leave().await;
    // The site has no more frames: it is asked for the next and answers none.
    house.clock.sleep(Duration::from_millis(300)).await;
    let said = script.log(0).len();
    let house = std::sync::Arc::new(house);
    let mut guesses = tokio::task::JoinSet::new();
    for n in 0..50u8 {
        let house = std::sync::Arc::clone(&house);
        guesses.spawn(async move {
            let door = Door { from: std::net::Ipv4Addr::new(127, 0, 3, n), ..Door::of(&house) };
            for guess in 0..20 {
                let secret = format!("guess-{n}-{guess}");
                if let Ok(_eye) = Eye::through(&door, "claire", &secret, PixelFormat::NATIVE, &exact(RAW)).await {
                    panic!("{secret} was let in");
                }
            }
        });
    }
    assert!(Eye::enter(&house, &house.ticket("a").await, &exact(RAW)).await.is_ok());
    let began = house.clock.now();
    assert!(Eye::enter(&house, "no-ticket", &exact(RAW)).await.is_err());
    assert!(house.clock.now() - began >= Duration::from_secs(1), "a guess is answered a second later");
    let hurry = tokio::spawn({
        let clock = house.clock.clone();
        async move {
            loop {
                clock.sleep(Duration::from_millis(100)).await;
                clock.advance(Duration::from_millis(500));
            }
        }
    });
    while let Some(done) = guesses.join_next().await {
        // A guess that found no place was closed without an answer.
        if let Err(error) = done {
            assert!(!error.to_string().contains("was let in"), "{error}");
        }
    }
    hurry.abort();
    assert_eq!(script.connections(), 1, "no other connection to the site");
    let asked = script.log(0).split_off(said);
    // Time ran fast: the site may have been asked whether it is there, and then for its next frame, and nothing else.
    let (there, next) = ([3, 0, 0, 0, 0, 0, 0, 1, 0, 1], [3, 1, 0, 0, 0, 0, 0, 200, 0, 150]);
    assert!(asked.chunks(10).all(|request| request == there || request == next), "{asked:?}");
}
