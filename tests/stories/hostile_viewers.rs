//! Viewers and strangers that try to hurt: each is sent away by name, in time and in bounds. The numbers are those of
//! the table of hostile inputs.

use std::time::Duration;

use lucarne::rfb::encoding::number::{DESKTOP_SIZE, RAW, ZRLE};
use lucarne::rfb::{PixelFormat, Request};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::eye::{Door, Eye, exact, stranger, stranger_from};
use super::fidelity::marked;
use super::hostile_sites::{Bystander, peak_memory};
use super::house::{House, demo_site};
use super::script::Script;

async fn house_showing(frames: usize) -> (Script, House) {
    let script = Script::start(frames, RAW).await;
    let house = House::open(&demo_site("a", script.address)).await;
    house.show("a").await;
    (script, house)
}

/// This process's open descriptors and tasks of the system.
fn held() -> (usize, usize) {
    let count = |folder: &str| std::fs::read_dir(folder).unwrap().count();
    (count("/proc/self/fd"), count("/proc/self/task"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_38_to_46_a_viewer_that_breaks_the_protocol_is_closed_by_name_and_others_look_on() {
    let script = Bystander::site().await;
    let house = House::open(&demo_site("a", script.address)).await;
    let bystander = Bystander::looks(&house, script).await;
    let format = |at: usize, value: u8| {
        let mut message = [0, 0, 0, 0, 32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0];
        message[4 + at] = value;
        message.to_vec()
    };
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("38 bits 0", format(0, 0), "dn.pixel_format"),
        ("38 bits 24", format(0, 24), "dn.pixel_format"),
        ("38 a maximum of 0", format(5, 0), "dn.pixel_format"),
        ("38 a colour map", format(3, 0), "dn.pixel_format"),
        ("39 too many encodings", vec![2, 0, 255, 255], "dn.encodings_count"),
        ("41 a paste of 4 GiB", vec![6, 0, 0, 0, 0x7f, 255, 255, 255], "dn.cuttext"),
        ("41 an extended paste", vec![6, 0, 0, 0, 0x80, 0, 0, 1], "dn.cuttext"),
        ("41 a file", vec![7, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9], "dn.unknown_message"),
        ("42 an unknown message", vec![200], "dn.unknown_message"),
        ("45 updates that were not announced", vec![150, 1, 0, 0, 0, 0, 0, 9, 0, 9], "dn.cu"),
        ("46 a long fence", [&[248, 0, 0, 0, 0, 0, 0, 0, 65][..], &[0; 65]].concat(), "dn.fence"),
        ("46 an answer without a question", vec![248, 0, 0, 0, 0, 0, 0, 0, 0], "dn.fence"),
    ];
    let memory = peak_memory();
    for (what, bytes, cause) in cases {
        let known = house.entries().len();
        let mut eye = Eye::enter(&house, &house.ticket("a").await, &exact(RAW)).await.unwrap();
        eye.send(&bytes).await;
        let ended = || house.entries().into_iter().skip(known).find(|entry| entry.kind() == "view.ended");
        assert_eq!(house.until(ended).await.text("cause"), cause, "{what}");
        bystander.sees_more(&house).await;
    }
    assert!(peak_memory() - memory < 48 << 10, "memory is bounded");
    house.close().await;
}

/// Rows 39, 40 and 45: floods of what is allowed are merged, and answered once they are over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_39_40_and_45_floods_of_requests_are_merged() {
    let (script, house) = house_showing(2).await;
    let mut eye = Eye::enter(&house, &house.ticket("a").await, &[ZRLE, DESKTOP_SIZE, -312, -313]).await.unwrap();
    let expected = marked(&house, &script.last(), &PixelFormat::NATIVE);
    assert!(eye.watch_until(|picture| *picture == expected).await);
    let requests =
        [3, 0, 0, 0, 0, 0, 255, 255, 255, 255, 3, 1, 0, 200, 0, 150, 0, 9, 0, 9, 3, 1, 0, 0, 0, 0, 0, 0, 0, 0].repeat(4000);
    let lists = [2, 0, 0, 4, 0, 0, 0, 16, 255, 255, 255, 33, 255, 255, 254, 200, 255, 255, 254, 199].repeat(4000);
    let toggles = [150, 1, 0, 0, 0, 0, 0, 9, 0, 9, 150, 0, 0, 0, 0, 0, 0, 9, 0, 9].repeat(1000);
    for flood in [requests, lists, toggles] {
        eye.send(&flood).await;
        assert!(eye.watch_until(|picture| *picture == expected).await, "it is still in step");
    }
    eye.leave().await;
    let ended = house.entry(|entry| entry.kind() == "view.ended").await;
    assert!(ended.count("updates").unwrap() < 4000, "{ended:?}");
    house.close().await;
}

/// Rows 43 and 44: who never reads is closed after thirty seconds; who reads slowly gets the newest picture.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_43_class_unbounded_output_a_viewer_that_never_reads_is_closed_after_thirty_seconds() {
    let (_script, house) = house_showing(2).await;
    let mut eye = Eye::enter(&house, &house.ticket("a").await, &exact(RAW)).await.unwrap();
    eye.stuff_itself().await;
    house.pass(20).await;
    assert!(house.entries().iter().all(|entry| entry.kind() != "view.ended"), "not before");
    house.pass(12).await;
    let ended = house.entry(|entry| entry.kind() == "view.ended").await;
    assert_eq!(ended.text("cause"), "no_progress");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_44_a_viewer_that_reads_slowly_gets_few_pictures_and_the_newest() {
    let (script, house) = house_showing(120).await;
    let door = Door { window: Some(4 << 10), ..Door::of(&house) };
    let ticket = house.ticket("a").await;
    let mut eye = Eye::through(&door, "claire", &ticket, PixelFormat::NATIVE, &exact(RAW)).await.unwrap();
    let expected = marked(&house, &script.last(), &PixelFormat::NATIVE);
    eye.ask(false).await;
    let mut updates = 0;
    while eye.picture != expected {
        assert!(eye.update().await);
        updates += 1;
        house.clock.sleep(Duration::from_millis(100)).await;
        eye.ask(true).await;
    }
    assert!(updates < 100, "{updates} updates for 120 frames: none waited for it");
    house.close().await;
}

/// Row 48: whoever asks to be alone is not: nobody is thrown out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_48_a_viewer_that_wants_the_screen_for_itself_shares_it() {
    let (_script, house) = house_showing(2).await;
    let mut first = Eye::enter(&house, &house.ticket("a").await, &exact(RAW)).await.unwrap();
    let door = Door { exclusive: true, ..Door::of(&house) };
    let ticket = house.ticket("a").await;
    let mut second = Eye::through(&door, "claire", &ticket, PixelFormat::NATIVE, &exact(RAW)).await.unwrap();
    for eye in [&mut first, &mut second] {
        eye.ask(false).await;
        assert!(eye.update().await);
    }
    house.close().await;
}

/// Row 50: a TLS stream that ends without saying so is told apart from one that is closed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_50_a_stream_cut_short_is_told_apart_from_a_clean_close() {
    let (_script, house) = house_showing(2).await;
    for (bytes, cause) in [(&b""[..], "tls.eof"), (&[0x17, 3, 3, 0, 40, 1, 2][..], "tls.eof")] {
        let known = house.entries().len();
        let mut eye = Eye::enter(&house, &house.ticket("a").await, &exact(RAW)).await.unwrap();
        eye.socket().write_all(bytes).await.unwrap();
        eye.socket().shutdown().await.unwrap();
        let ended = || house.entries().into_iter().skip(known).find(|entry| entry.kind() == "view.ended");
        assert_eq!(house.until(ended).await.text("cause"), cause, "{bytes:?}");
    }
    let known = house.entries().len();
    Eye::enter(&house, &house.ticket("a").await, &exact(RAW)).await.unwrap().leave().await;
    let ended = || house.entries().into_iter().skip(known).find(|entry| entry.kind() == "view.ended");
    assert_eq!(house.until(ended).await.text("cause"), "viewer_left");
    house.close().await;
}

/// Rows 31 and 32: the deadline is for the whole handshake, and a thousand who say nothing leave nothing behind.
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
    house.until(|| (held().0 <= before.0).then_some(())).await;
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
        assert_eq!(house.until(refused).await.text("cause"), "dn.bad_version");
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
        assert_eq!(house.until(refused).await.text("cause"), "dn.credential_length", "{name} {password}");
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

/// Row 59: no descriptor is left. Those who look go on looking; when some are free again, others come in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_59_without_descriptors_sessions_go_on_and_with_some_others_come_in() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let script = Bystander::site().await;
    let house = House::open(&demo_site("a", script.address)).await;
    let bystander = Bystander::looks(&house, script).await;
    let limit = getrlimit(Resource::Nofile);
    let mut strangers = Vec::new();
    for n in 0..8 {
        strangers.push(tokio::net::TcpSocket::new_v4().unwrap());
        strangers[n].bind(([127, 9, 9, n as u8 + 1], 0).into()).unwrap();
    }
    setrlimit(Resource::Nofile, Rlimit { current: Some(held().0 as u64), maximum: limit.maximum }).unwrap();
    let mut open = Vec::new();
    for stranger in strangers {
        open.push(stranger.connect(house.node().addresses.viewers).await.unwrap());
    }
    bystander.sees_more(&house).await;
    bystander.sees_more(&house).await;
    setrlimit(Resource::Nofile, limit).unwrap();
    let mut hello = [0; 12];
    open[7].read_exact(&mut hello).await.unwrap();
    assert_eq!(&hello, b"RFB 003.008\n");
    assert!(Eye::enter(&house, &house.ticket("a").await, &exact(RAW)).await.is_ok());
    house.close().await;
}

/// Row 59: a clock that is set ends nobody's session, lets no deadline slip, and is traced.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_59_a_clock_that_is_set_is_traced_and_ends_nothing() {
    let script = Bystander::site().await;
    let house = House::open(&demo_site("a", script.address)).await;
    let bystander = Bystander::looks(&house, script).await;
    let ticket = house.ticket("a").await;
    for (step, seen) in [(-3_600_000, true), (600_000, true), (2_000, false)] {
        let known = house.entries().len();
        house.clock.set_by(step);
        house.pass(4).await;
        bystander.sees_more(&house).await;
        let told = house.entries().into_iter().skip(known).find(|entry| entry.kind() == "clock.step");
        assert_eq!(told.is_some(), seen, "{step}");
        if let Some(told) = told {
            let by = told.public.get("offset_ms").unwrap().as_i64().unwrap();
            assert!((by - step).abs() < 100, "{by}");
        }
    }
    assert!(house.entries().iter().all(|entry| entry.kind() != "view.ended"));
    let refused = Eye::enter(&house, &ticket, &exact(RAW)).await.err().unwrap();
    assert!(refused.contains("Unknown or used ticket"), "a clock set back lets no ticket live longer: {refused}");
    house.close().await;
}

/// Every request region that is odd: outside, empty, larger than the screen.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn class_request_region_odd_places_are_answered_inside_the_screen() {
    let (_script, house) = house_showing(1).await;
    let mut eye = Eye::enter(&house, &house.ticket("a").await, &exact(RAW)).await.unwrap();
    for x in [0u16, 199, 200, 65_535] {
        for width in [0u16, 1, 201, 65_535] {
            let area = lucarne::geometry::Rect::new(x, x, width, width);
            eye.say(&Request::FramebufferUpdate { incremental: false, area }).await;
        }
    }
    eye.ask(false).await;
    assert!(eye.update().await, "the eye refuses any rectangle outside");
    house.close().await;
}
