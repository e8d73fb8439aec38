//! The property that the product stands on: nothing a viewer does changes one byte sent to a site.

use lucarne::geometry::Rect;
use lucarne::rfb::encoding::number;
use lucarne::rfb::server::Event;
use lucarne::rfb::{Encode, Fence, PixelFormat, Request};
use std::time::Duration;

use super::eye::{Eye, exact};
use super::house::{House, demo_site};
use super::script::Script;

const FRAMES: usize = 40;

/// The whole log of a site, once all of its frames were asked for, with so many viewers doing their worst.
async fn upstream_log(viewers: usize) -> Vec<u8> {
    let script = Script::start(FRAMES, number::ZRLE).await;
    let house = House::open(&demo_site("a", script.address)).await;
    let mut eyes = Vec::new();
    // Those who look before anything is shown: the first session exists before the source does.
    house.order(lucarne::node::act::Act::Pause { site: super::house::name("a") }).await;
    for _ in 0..viewers {
        let ticket = house.ticket("a").await;
        eyes.push(Eye::enter(&house, &ticket, &exact(number::TIGHT)).await.unwrap());
    }
    let noise = async {
        let work = eyes.iter_mut().enumerate().map(|(n, eye)| misbehave(n, eye));
        futures_join(work).await;
    };
    tokio::join!(noise, async { house.show("a").await });
    let expected = FRAMES + 1;
    house.until(|| (requests(&script.log(0)) >= expected).then_some(())).await;
    // More noise while the site is still, and time for it to have an effect.
    futures_join(eyes.iter_mut().enumerate().map(|(n, eye)| misbehave(n + 7, eye))).await;
    house.clock.sleep(Duration::from_millis(300)).await;
    assert_eq!(script.connections(), 1, "one link, whoever looks");
    let log = script.log(0);
    house.close().await;
    log
}

async fn futures_join<F: Future>(work: impl Iterator<Item = F>) {
    // Each in turn: the order among viewers must not matter either.
    for one in work {
        one.await;
    }
}

/// FramebufferUpdateRequests in a log whose other messages are known to come first.
fn requests(log: &[u8]) -> usize {
    log.windows(2).zip((0..).step_by(1)).filter(|(pair, _)| pair[0] == 3 && pair[1] <= 1).count()
}

/// Every message of the client's table (rfb.md §2) that leaves a connection open, and floods of some; the last one
/// ends the connection in its own way.
async fn misbehave(n: usize, eye: &mut Eye) {
    let whole = Rect::new(0, 0, 200, 150);
    for incremental in [false, true] {
        eye.say(&Request::FramebufferUpdate { incremental, area: whole }).await;
        eye.say(&Request::FramebufferUpdate { incremental, area: Rect::new(65_535, 9, 65_535, 0) }).await;
    }
    eye.say(&Request::SetPixelFormat(PixelFormat::NATIVE)).await;
    eye.say(&Request::SetEncodings(vec![-312, -313, 16, -23, -308, -239])).await;
    eye.say(&Request::EnableContinuousUpdates { on: true, area: whole }).await;
    eye.say(&Request::Fence(Fence::question(7, b"from a viewer"))).await;
    eye.send(&inputs()).await;
    for _ in 0..200 {
        eye.send(&[4, 1, 0, 0, 0, 0, 0xff, 0x0d, 5, 255, 0, 10, 0, 10]).await;
    }
    match n % 5 {
        0 => eye.send(&[7; 400]).await,
        1 => eye.send(&[200, 1, 2, 3]).await,
        2 => eye.send(&[1, 0, 0, 0, 0, 1, 9, 9, 9, 9, 9, 9]).await,
        3 => eye.send(&[6, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff]).await,
        _ => {}
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
async fn r10_the_bytes_sent_to_a_site_are_the_same_with_no_viewer_one_and_twenty() {
    let alone = upstream_log(0).await;
    let kinds = Request::SetPixelFormat(PixelFormat::NATIVE).encode();
    assert!(alone.len() > 300, "the log holds the whole conversation");
    assert!(alone.windows(20).any(|w| w == kinds.as_bytes()), "and begins with our own pixel format");
    assert_eq!(upstream_log(1).await, alone, "one viewer");
    assert_eq!(upstream_log(20).await, alone, "twenty viewers");
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
