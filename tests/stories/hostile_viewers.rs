//! Viewers that try to hurt: each is sent away by name, in time and in bounds. The numbers are those of the table of
//! hostile inputs.

use std::time::Duration;

use lucarne::rfb::encoding::number::{DESKTOP_SIZE, RAW, ZRLE};
use lucarne::rfb::{PixelFormat, Request};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::bystander::Bystander;
use super::eye::{Door, Eye, exact};
use super::fidelity::marked;
use super::hostile_sites::peak_memory;
use super::house::{House, demo_site};
use super::script::Script;
use super::strangers::held;

pub async fn house_showing(frames: usize) -> (Script, House) {
    let script = Script::start(frames, RAW).await;
    let house = House::open(&demo_site("a", script.address)).await;
    house.show("a").await;
    (script, house)
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
    let (memory, real) = (peak_memory(), lucarne::clock::Clock::system());
    // Version, type, VeNCrypt's version and subtype; name and ticket; ClientInit; a pixel format and three encodings.
    let good = 12 + 1 + 2 + 4 + (8 + 6 + 26) + 1 + 20 + 4 + 3 * 4;
    for (what, bytes, cause) in cases {
        let known = house.entries().len();
        let mut eye = Eye::enter(&house, &house.ticket("a").await, &exact(RAW)).await.unwrap();
        let said = real.now();
        eye.send(&bytes).await;
        eye.take_all().await;
        assert!(eye.event().await.is_none() && real.now() - said < Duration::from_secs(1), "{what}: closed within a second");
        let ended = || house.entries().into_iter().skip(known).find(|entry| entry.kind() == "view.ended");
        let ended = house.until(ended).await;
        assert_eq!((ended.text("cause"), ended.text("state")), (cause, "session"), "{what}");
        assert_eq!(ended.public["offset"].as_u64(), Some(good), "{what}: the message at fault");
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_43_class_unbounded_output_a_viewer_that_never_reads_is_closed_after_thirty_seconds() {
    let (_script, house) = house_showing(2).await;
    let mut eye = Eye::enter(&house, &house.ticket("a").await, &exact(RAW)).await.unwrap();
    let memory = peak_memory();
    eye.stuff_itself().await;
    // Forty-eight megabytes of pictures were asked for; the encoder's and the story's buffers are all there is.
    assert!(peak_memory() - memory < 4 << 10, "{} KiB more", peak_memory() - memory);
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
