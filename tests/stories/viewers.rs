//! Viewers of all abilities: those who know little, and those whose line is slow.

use lucarne::geometry::Rect;
use lucarne::picture::Picture;
use lucarne::rfb::PixelFormat;
use lucarne::rfb::encoding::number;

use super::eye::{Door, Eye, exact};
use super::fidelity::marked;
use super::house::{House, demo_site};
use super::script::{SIZE, Script};

/// A node whose site is paused: viewers wait before a screen of another size than the site's.
async fn waiting_room() -> (Script, House) {
    let script = Script::start(3, number::RAW).await;
    let house = House::open(&demo_site("a", script.address)).await;
    house.pause("a").await;
    (script, house)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_viewer_that_knows_only_the_extended_size_follows_by_it() {
    let (script, house) = waiting_room().await;
    let encodings = [number::RAW, number::EXTENDED_DESKTOP_SIZE];
    let mut eye = Eye::enter(&house, &house.ticket("a").await, &encodings).await.unwrap();
    assert_ne!(eye.picture.size(), SIZE);
    house.show("a").await;
    let expected = marked(&house, &script.last(), &PixelFormat::NATIVE);
    assert!(eye.watch_until(|picture| *picture == expected).await);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_viewer_that_cannot_change_its_size_is_closed_when_the_screen_does() {
    let (_script, house) = waiting_room().await;
    let mut eye = Eye::enter(&house, &house.ticket("a").await, &[number::RAW]).await.unwrap();
    house.show("a").await;
    assert!(!eye.watch_until(|picture| picture.size() == SIZE).await);
    let ended = house.entry(|entry| entry.kind() == "view.ended").await;
    assert_eq!(ended.text("cause"), "cannot_resize");
    house.close().await;
}

/// Whoever lists LastRect gets updates that may end early; nobody else does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn updates_end_by_last_rect_where_the_viewer_knows_it() {
    let script = Script::start(1, number::RAW).await;
    let house = House::open(&demo_site("a", script.address)).await;
    house.show("a").await;
    // 200×150 in pieces of 512×128 is two rectangles.
    for (encodings, count) in [(vec![number::RAW, number::LAST_RECT], [0xff, 0xff]), (vec![number::RAW], [0, 2])] {
        let mut eye = Eye::enter(&house, &house.ticket("a").await, &encodings).await.unwrap();
        eye.ask(false).await;
        assert_eq!(eye.bytes(4).await, [&[0, 0], &count[..]].concat(), "{encodings:?}");
        let pixels = SIZE.area() as usize * 4 + 2 * 12;
        eye.bytes(pixels).await;
        if count == [0xff, 0xff] {
            assert_eq!(eye.bytes(12).await, [0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0x20], "LastRect");
        }
    }
    house.close().await;
}

/// A still part of the scripted picture that no palette holds and no photograph is.
const STILL: Rect = Rect::new(0, 0, 200, 100);

fn still(picture: &Picture) -> Picture {
    let mut part = Picture::default();
    part.take(picture, STILL);
    part
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_line_gets_text_as_jpeg_where_the_viewer_allows_it_and_exactly_when_it_is_still() {
    let script = Script::start(2, number::RAW).await;
    let house = House::open(&demo_site("a", script.address)).await;
    house.show("a").await;
    let door = Door { window: Some(8 << 10), ..Door::of(&house) };
    let ticket = house.ticket("a").await;
    let encodings = [exact(number::TIGHT), vec![number::QUALITY.start() + 6]].concat();
    let mut eye = Eye::through(&door, "claire", &ticket, PixelFormat::NATIVE, &encodings).await.unwrap();
    let expected = marked(&house, &script.last(), &PixelFormat::NATIVE);
    assert!(eye.watch_until(|picture| *picture == expected).await);
    eye.ask(false).await;
    assert!(eye.update().await);
    assert_eq!(still(&eye.picture), still(&expected), "a line that is not slow gets exact text");
    eye.stuff_itself().await;
    let blurred = async {
        loop {
            assert!(eye.update().await);
            if still(&eye.picture) != still(&expected) {
                return;
            }
            eye.ask(false).await;
        }
    };
    house.clock.within(house.clock.now() + std::time::Duration::from_secs(10), blurred).await.unwrap();
    for _ in 0..50 {
        if eye.picture == expected {
            break;
        }
        eye.ask(true).await;
        assert!(eye.update().await);
    }
    assert!(eye.picture == expected, "the repair did not come");
    house.close().await;
}
