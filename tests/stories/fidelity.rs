//! Once the site is still, a lossless viewer holds exactly `stamp(site's pixels)`, through each way in and out.

use lucarne::geometry::{Point, Rect};
use lucarne::id::SessionId;
use lucarne::mark::{Identity, Mark, stamp};
use lucarne::picture::Picture;
use lucarne::rfb::encoding::number;
use lucarne::rfb::{PixelFormat, Reader, Request};
use time::macros::datetime;

use super::eye::{Eye, exact};
use super::house::{House, demo_site};
use super::script::{GRADIENT, JPEG, Script};

/// Claire, looking at site "a" in this session.
pub fn identity(session: String, class: &str) -> Identity {
    Identity { who: "Claire Martin".to_owned(), what: format!("Cabinet a · {class}"), session: SessionId::stored(session) }
}

/// What a viewer must see of a picture of site "a": marked with its newest session.
pub fn marked(house: &House, picture: &Picture, format: &PixelFormat) -> Picture {
    marked_at(house, picture, format, datetime!(2026-03-01 10:00 UTC))
}

/// The same, by a session that began in another minute.
pub fn marked_at(house: &House, picture: &Picture, format: &PixelFormat, minute: time::OffsetDateTime) -> Picture {
    let entries = house.entries();
    let started = entries.iter().rev().find(|entry| entry.kind() == "view.started").unwrap();
    let identity = identity(started.text("session").to_owned(), started.text("class"));
    let mut marked = picture.clone();
    stamp(&mut marked, Point::default(), &Mark::new(&identity, minute));
    let mut shown = Picture::new(marked.size());
    let pixels: Vec<_> = marked.pixels().iter().map(|p| format.quantise(*p)).collect();
    shown.put(marked.size().rect(), &pixels);
    shown
}

#[track_caller]
fn assert_same(shown: &Picture, expected: &Picture, what: &str) {
    let wrong = shown.pixels().iter().zip(expected.pixels()).filter(|(a, b)| a != b).count();
    assert_eq!((shown.size(), wrong), (expected.size(), 0), "{what}: pixels differ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r12_a_lossless_viewer_holds_exactly_the_stamped_picture_through_every_decoder() {
    use number::{COPY_RECT, CORRE, HEXTILE, RAW, RRE, TIGHT, TRLE, ZLIB, ZRLE};
    for encoding in [RAW, COPY_RECT, RRE, CORRE, HEXTILE, ZLIB, TIGHT, GRADIENT, TRLE, ZRLE] {
        let script = Script::start(5, encoding).await;
        let house = House::open(&demo_site("a", script.address)).await;
        house.show("a").await;
        let ticket = house.ticket("a").await;
        let mut eye = Eye::enter(&house, &ticket, &exact(RAW)).await.unwrap();
        let expected = marked(&house, &script.last(), &PixelFormat::NATIVE);
        eye.watch_until(|picture| *picture == expected).await;
        assert_same(&eye.picture, &expected, &format!("site's encoding {encoding}"));
        house.close().await;
    }
}

/// 16 bits (RGB 565), 8 bits (RGB 332), and 32 bits big-endian with unusual shifts.
fn formats() -> Vec<PixelFormat> {
    let wire: [[u8; 16]; 4] = [
        [32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0],
        [16, 16, 0, 1, 0, 31, 0, 63, 0, 31, 11, 5, 0, 0, 0, 0],
        [8, 8, 0, 1, 0, 7, 0, 7, 0, 3, 5, 2, 0, 0, 0, 0],
        [32, 24, 1, 1, 0, 255, 0, 255, 0, 255, 8, 16, 24, 0, 0, 0],
    ];
    wire.iter().map(|bytes| PixelFormat::decode(&mut Reader::new(bytes)).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r12_a_lossless_viewer_holds_exactly_the_stamped_picture_in_every_encoding_and_pixel_format() {
    let script = Script::start(5, number::ZRLE).await;
    let house = House::open(&demo_site("a", script.address)).await;
    house.show("a").await;
    for encoding in [number::RAW, number::HEXTILE, number::ZLIB, number::ZRLE, number::TIGHT] {
        for format in formats() {
            let ticket = house.ticket("a").await;
            let mut eye = Eye::enter_as(&house, "claire", &ticket, format, &exact(encoding), false).await.unwrap();
            let expected = marked(&house, &script.last(), &format);
            eye.watch_until(|picture| *picture == expected).await;
            assert_same(&eye.picture, &expected, &format!("encoding {encoding}, {format:?}"));
        }
    }
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_viewer_that_allows_loss_gets_jpeg_and_then_the_exact_picture_when_it_is_still() {
    let script = Script::start(3, number::RAW).await;
    let house = House::open(&demo_site("a", script.address)).await;
    house.show("a").await;
    let ticket = house.ticket("a").await;
    let mut encodings = exact(number::TIGHT);
    encodings.push(number::QUALITY.start() + 5);
    let mut eye = Eye::enter(&house, &ticket, &encodings).await.unwrap();
    let expected = marked(&house, &script.last(), &PixelFormat::NATIVE);
    let mut repaired = false;
    eye.ask(false).await;
    for _ in 0..50 {
        assert!(eye.update().await);
        if eye.picture == expected {
            repaired = true;
            break;
        }
        eye.ask(true).await;
    }
    assert!(repaired, "the lossless refresh did not come");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_viewer_behind_a_tunnel_comes_in_by_tls_first() {
    let script = Script::start(2, number::TIGHT).await;
    let house = House::open(&demo_site("a", script.address)).await;
    house.show("a").await;
    let ticket = house.ticket("a").await;
    let mut eye = Eye::enter_as(&house, "claire", &ticket, PixelFormat::NATIVE, &exact(number::ZRLE), true).await.unwrap();
    let expected = marked(&house, &script.last(), &PixelFormat::NATIVE);
    assert!(eye.watch_until(|picture| *picture == expected).await);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_viewer_that_asks_for_the_screen_in_parts_gets_all_of_it() {
    let script = Script::start(3, number::RAW).await;
    let house = House::open(&demo_site("a", script.address)).await;
    house.show("a").await;
    let mut eye = Eye::enter(&house, &house.ticket("a").await, &exact(number::ZRLE)).await.unwrap();
    let expected = marked(&house, &script.last(), &PixelFormat::NATIVE);
    // The site plays its frames meanwhile.
    for _ in 0..200 {
        // Parts that meet in the middle of tiles.
        for area in [Rect::new(0, 0, 101, 77), Rect::new(101, 0, 99, 77), Rect::new(0, 77, 200, 73)] {
            eye.say(&Request::FramebufferUpdate { incremental: false, area }).await;
            assert!(eye.update().await);
        }
        if eye.picture == expected {
            break;
        }
    }
    assert_same(&eye.picture, &expected, "in parts");
    house.close().await;
}

/// JPEG comes from a site only if it may be asked for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_site_that_may_lose_pixels_sends_jpeg_and_one_that_may_not_is_closed_for_it() {
    let script = Script::start(1, JPEG).await;
    let house = House::open(&format!("{}jpeg = \"always\"\n", demo_site("a", script.address))).await;
    house.show("a").await;
    let mut eye = Eye::enter(&house, &house.ticket("a").await, &exact(number::RAW)).await.unwrap();
    let expected = marked(&house, &script.last(), &PixelFormat::NATIVE);
    let distance = |picture: &Picture| -> u64 {
        let levels = |p: &lucarne::geometry::Pixel| [p.r(), p.g(), p.b()];
        let pairs = picture.pixels().iter().zip(expected.pixels());
        pairs.flat_map(|(a, b)| levels(a).into_iter().zip(levels(b))).map(|(a, b)| u64::from(a.abs_diff(b))).sum()
    };
    // Its colours have half the resolution, and a part of the picture is noise.
    let few = 3 * 8 * expected.size().area();
    assert!(eye.watch_until(|picture| picture.size() == expected.size() && distance(picture) < few).await);
    assert!(distance(&eye.picture) > 0, "it was JPEG");
    house.close().await;
    let house = House::open(&demo_site("a", script.address)).await;
    let _ = house.shows("a").await;
    house.entry(|entry| entry.kind() == "source.closed" && entry.text("cause") == "up.tight").await;
    house.close().await;
}
