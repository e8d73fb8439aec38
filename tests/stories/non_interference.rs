//! The property that the product stands on: nothing a viewer does changes one byte sent to a site.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lucarne::geometry::Rect;
use lucarne::rfb::encoding::number;
use lucarne::rfb::server::Event;
use lucarne::rfb::{Encode, Fence, PixelFormat, Request};
use tokio::io::AsyncWriteExt;
use tokio::task::JoinSet;

use super::eye::{Door, Eye, exact, stranger_from};
use super::house::{House, demo_site};
use super::page::{Page, frame};
use super::script::Script;

const FRAMES: usize = 80;

/// The whole log of a site, once all of its frames were asked for, with so many viewers doing their worst at the same
/// time, and as many strangers at the door.
async fn upstream_log(viewers: usize) -> (Vec<u8>, Vec<f64>) {
    let script = Script::start(FRAMES, number::ZRLE).await;
    let house = Arc::new(House::open(&demo_site("a", script.address)).await);
    // Those who look before anything is shown: the first session exists before the source does.
    house.pause("a").await;
    let mut attack = JoinSet::new();
    let over = Arc::new(AtomicBool::new(false));
    for n in 0..viewers {
        attack.spawn(attacks(Arc::clone(&house), n, Arc::clone(&over)));
        attack.spawn(knocks(Arc::clone(&house), n));
        // Fewer: each comes with a TLS handshake of its own, and the machine is the site's too.
        if n % 4 == 0 {
            attack.spawn(attacks_by_page(Arc::clone(&house), n, Arc::clone(&over)));
        }
    }
    let started = || house.entries().iter().filter(|entry| entry.kind() == "view.started").count();
    house.until(|| (started() >= viewers).then_some(())).await;
    house.show("a").await;
    let expected = FRAMES + 1;
    house.until(|| (requests(&script.log(0)) >= expected).then_some(())).await;
    // They went on all the while, and go on while the site is still.
    house.clock.sleep(Duration::from_millis(300)).await;
    over.store(true, Ordering::SeqCst);
    assert!(viewers == 0 || started() > viewers, "they came again and again");
    let log = script.log(0);
    while let Some(done) = attack.join_next().await {
        done.unwrap();
    }
    assert_eq!(script.connections(), 1, "one link, whoever looks");
    let asked = script.asked.lock().unwrap();
    let mut pauses: Vec<f64> = asked.windows(2).take(FRAMES).map(|pair| (pair[1] - pair[0]).as_secs_f64() * 1000.0).collect();
    pauses.sort_by(f64::total_cmp);
    (log, pauses)
}

/// FramebufferUpdateRequests in a log whose other messages are known to come first.
fn requests(log: &[u8]) -> usize {
    log.windows(2).zip((0..).step_by(1)).filter(|(pair, _)| pair[0] == 3 && pair[1] <= 1).count()
}

/// A viewer with tickets, as hostile as one can be: it comes, does its worst, ends in one way or another, and comes
/// again until all is over.
pub async fn attacks(house: Arc<House>, n: usize, over: Arc<AtomicBool>) {
    let door = Door { from: Ipv4Addr::new(127, 0, 5, n as u8 + 1), ..Door::of(&house) };
    for round in n.. {
        let encodings = exact([number::TIGHT, number::ZRLE, number::RAW][round % 3]);
        // The strangers at the door may have taken every place of strangers.
        if let Ok(mut eye) = Eye::through(&door, "claire", &house.ticket("a").await, PixelFormat::NATIVE, &encodings).await {
            misbehave(round, &mut eye).await;
            match round % 5 {
                0 => drop(eye.socket().shutdown().await),
                1 => drop(socket2::SockRef::from(&*eye.socket()).set_linger(Some(Duration::ZERO))),
                2 => eye.stuff_itself().await,
                // Bytes that are not of TLS, in the middle of it.
                3 => drop(eye.socket().write_all(&[0x5a; 77]).await),
                _ => eye.send(&fatal(round)).await,
            }
        }
        if over.load(Ordering::SeqCst) {
            return;
        }
        house.clock.sleep(Duration::from_millis(20)).await;
    }
}

/// The same through the pages' door: all that a page may say and much that it may not; it vanishes, and comes again.
async fn attacks_by_page(house: Arc<House>, n: usize, over: Arc<AtomicBool>) {
    let from = Ipv4Addr::new(127, 0, 7, n as u8 + 1);
    let mut own: Option<String> = None;
    for round in n.. {
        let ticket = house.ticket("a").await;
        if let Ok(mut page) = Page::looks_from(&house, from, &ticket, own.take().as_deref()).await {
            for says in [&[2][..], &[3], &[4], &[5, (round % 6) as u8], &[1, 0, 0, 0, 1]] {
                page.says(&frame(2, says)).await;
            }
            let _ = page.hears_of(1).await;
            match round % 4 {
                0 if page.head.contains("again-") => {
                    own = Some(page.own());
                    page.falls_silent();
                }
                1 => page.says(&frame(2, &[6])).await,
                2 => page.says(&frame(1, b"\x04\x01\0\0\0\0\0a")).await,
                _ => page.says(&[0x5a; 77]).await,
            }
        }
        if over.load(Ordering::SeqCst) {
            return;
        }
        house.clock.sleep(Duration::from_millis(20)).await;
    }
}

/// Message types that have no safe length, or no meaning.
const FATAL: [u8; 26] =
    [1, 7, 12, 127, 128, 130, 131, 132, 133, 134, 135, 136, 151, 160, 178, 184, 191, 200, 249, 252, 254, 17, 99, 6, 0, 150];

/// Every message of the client's table (rfb.md §2) that leaves a connection open, and a flood of inputs of random bytes.
async fn misbehave(n: usize, eye: &mut Eye) {
    let whole = Rect::new(0, 0, 200, 150);
    for incremental in [false, true] {
        eye.say(&Request::FramebufferUpdate { incremental, area: whole }).await;
        eye.say(&Request::FramebufferUpdate { incremental, area: Rect::new(65_535, 9, 65_535, 0) }).await;
    }
    eye.say(&Request::SetPixelFormat(PixelFormat::NATIVE)).await;
    eye.say(&Request::SetEncodings(vec![-312, -313, 16, -23, -308, -239])).await;
    for on in [true, false, true] {
        eye.say(&Request::EnableContinuousUpdates { on, area: whole }).await;
    }
    eye.say(&Request::Fence(Fence::question(7, b"from a viewer"))).await;
    eye.send(&inputs()).await;
    let mut seed = n as u32 + 1;
    for _ in 0..200 {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let [a, b, c, d] = seed.to_be_bytes();
        eye.send(&[4, a, 0, 0, b, c, d, a, 5, b, c, d, a, b]).await;
    }
}

/// A message that ends a connection.
fn fatal(n: usize) -> Vec<u8> {
    match FATAL[n % FATAL.len()] {
        // A colour map, a paste of 2 GiB.
        0 => vec![0, 0, 0, 0, 8, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        6 => vec![6, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff],
        kind => [&[kind][..], &[0xa5; 400]].concat(),
    }
}

/// A stranger who stops, resets or goes wild at each place of the handshake in turn.
async fn knocks(house: Arc<House>, n: usize) {
    let said = b"RFB 003.008\n\x13\0\x02\0\0\x01\x06\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03";
    for length in (0..=said.len()).step_by(3) {
        let from = [127, 0, 6, (n * 9 + length) as u8 | 1];
        let mut stream = stranger_from(from, house.node().addresses.viewers).await;
        let _ = stream.write_all(&said[..length]).await;
        match (n + length) % 3 {
            0 => drop(stream.shutdown().await),
            1 => drop(socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO))),
            _ => drop(stream.write_all(&[0x5a; 999]).await),
        }
    }
}

/// One of each input that is skipped.
fn inputs() -> Vec<u8> {
    let mut out = Vec::new();
    out.extend([4, 1, 0, 0, 0, 0, 0, b'a']);
    out.extend([5, 1, 0, 20, 0, 30]);
    out.extend([6, 0, 0, 0, 0, 0, 0, 5]);
    out.extend(b"paste");
    out.extend([6, 0, 0, 0, 0xff, 0xff, 0xff, 0xfb, 1, 2, 3, 4, 5]);
    out.extend([8, 2, 0, 0]);
    out.extend([9, 1, 0, 0]);
    out.extend([10, 1, 0, 1, 0, 1]);
    out.extend([11, 0, 0, 0, 0, 0, 0, 2, b'h', b'i']);
    out.extend([11, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]);
    out.extend([13]);
    out.extend([15, 2, 0, 0]);
    out.extend([20]);
    out.extend([21, 1]);
    out.extend([80, 0, 0, 0]);
    out.extend([250, 0, 1, 2]);
    out.extend([251, 0, 0, 100, 0, 100, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 100, 0, 100, 0, 0, 0, 0]);
    out.extend([253, 0x81, 0, 2, 1, 2]);
    out.extend([255, 0, 0, 1, 0, 0, 0, 65, 0, 0, 0, 30]);
    out.extend([255, 1, 0, 0]);
    out.extend([255, 1, 0, 2, 3, 2, 0, 0, 172, 68]);
    out
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r10_class_view_only_bypass_the_bytes_sent_to_a_site_are_the_same_with_no_viewer_one_and_twenty() {
    let (alone, pauses) = upstream_log(0).await;
    let kinds = Request::SetPixelFormat(PixelFormat::NATIVE).encode();
    assert!(alone.len() > 300, "the log holds the whole conversation");
    assert!(alone.windows(20).any(|w| w == kinds.as_bytes()), "and begins with our own pixel format");
    // The pace too: between two requests, in milliseconds, as it varies when nobody looks.
    let (least, most) = (pauses[pauses.len() / 20], pauses[pauses.len() * 19 / 20]);
    for viewers in [1, 20] {
        let (log, pauses) = upstream_log(viewers).await;
        assert_eq!(log, alone, "{viewers} viewers");
        let middle = pauses[pauses.len() / 2];
        assert!((least - 1.0..=most + 1.0).contains(&middle), "{viewers} viewers: {middle} ms is not within {least} to {most}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r10_every_input_is_counted_by_kind_in_the_trace_and_dropped() {
    let script = Script::start(2, number::RAW).await;
    let house = House::open(&demo_site("a", script.address)).await;
    house.show("a").await;
    let mut eye = Eye::enter(&house, &house.ticket("a").await, &exact(number::RAW)).await.unwrap();
    eye.send(&inputs()).await;
    // The next answer proves that the stream is still in step.
    eye.ask(false).await;
    assert!(eye.update().await);
    house.pass(61).await;
    let counted = house.entry(|entry| entry.kind() == "view.counters").await;
    assert_eq!(counted.count("dropped_key"), Some(2));
    eye.leave().await;
    let ended = house.entry(|entry| entry.kind() == "view.ended").await;
    let counts = [
        ("key", 2),
        ("pointer", 1),
        ("cut_text", 2),
        ("scale", 2),
        ("chat", 2),
        ("power", 1),
        ("desktop_size", 1),
        ("gii", 1),
        ("audio", 2),
    ];
    for (kind, count) in counts {
        assert_eq!(ended.count(&format!("dropped_{kind}")), Some(count), "{kind}");
    }
    assert_eq!(ended.text("cause"), "viewer_left");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r12_a_sites_bell_clipboard_and_name_are_counted_and_go_nowhere() {
    let script = Script::start(3, number::RAW).await;
    let house = House::open(&demo_site("a", script.address)).await;
    house.show("a").await;
    let mut eye = Eye::enter(&house, &house.ticket("a").await, &exact(number::RAW)).await.unwrap();
    // A viewer's own reader refuses any message that is not an update, so that what it takes is all there is.
    let expected = super::fidelity::marked(&house, &script.last(), &PixelFormat::NATIVE);
    assert!(eye.watch_until(|picture| *picture == expected).await);
    assert!(eye.told.iter().all(|event| !matches!(event, Event::Dropped(_))), "{:?}", eye.told);
    house.stop("a").await;
    let closed = house.entry(|entry| entry.kind() == "source.closed").await;
    assert_eq!((closed.count("dropped_bell"), closed.count("dropped_server_cut_text")), (Some(3), Some(3)));
    for entry in house.entries() {
        assert!(!format!("{entry:?}").contains("SECRET-"), "{entry:?}");
    }
    house.close().await;
}
