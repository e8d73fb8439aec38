//! What a site says besides its pixels goes nowhere: unique words in each place that can hold some, looked for wherever
//! a viewer, a log, a counter or the trace could show them.

use std::sync::{Arc, Mutex};

use lucarne::rfb::PixelFormat;
use lucarne::rfb::encoding::number::{HEXTILE, RAW, TIGHT, ZLIB, ZRLE};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::eye::{Eye, exact, stranger};
use super::house::{House, demo_site};
use super::villain::{Do, Villain, lets_in, offers, update};
use lucarne::geometry::Size;
use lucarne::rfb::handshake::server::server_init;

fn holds(bytes: &[u8], word: &str) -> bool {
    bytes.windows(word.len()).any(|window| window == word.as_bytes())
}

/// What was logged.
#[derive(Clone, Default)]
struct Words(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Words {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Messages with a canary in each place that has room for one.
fn talk() -> Vec<u8> {
    let long = |head: &[u8], word: &str| [head, &(word.len() as u32).to_be_bytes(), word.as_bytes()].concat();
    let name = [&(b"CANARY-RENAMED".len() as u32).to_be_bytes()[..], b"CANARY-RENAMED"].concat();
    let map = [&[1, 0xca, 0, 0, 0, 2][..], b"CANARY-COLMP"].concat();
    let padded = [3, b'C', b'A', b'N'];
    let extended = [&[3, 0, 0, 0][..], &(-18i32).to_be_bytes(), &[1, 0, 0, 0], b"CANARY-EXTCLIP"].concat();
    // Pixels whose fourth byte is not of the picture.
    let pixels: Vec<u8> = (0..16u8).flat_map(|n| [n, n, n, b'#']).collect();
    [
        long(&padded, "CANARY-CLIPBOARD"),
        extended,
        vec![2, 2, 2],
        map,
        long(&[11, 0, 0, 0], "CANARY-CHAT"),
        update(0, 0, 0, 0, -307, &name),
        update(0, 0, 4, 4, RAW, &pixels),
        [&[248, b'C', b'A', b'N', 0x80, 0, 0, 0, 13][..], b"CANARY-FENCE!"].concat(),
    ]
    .concat()
}

const WORDS: [&str; 10] = [
    "CANARY-CURSOR",
    "CANARY-DESKTOP",
    "CANARY-RENAMED",
    "CANARY-CLIPBOARD",
    "CANARY-EXTCLIP",
    "CANARY-COLMP",
    "CANARY-CHAT",
    "CANARY-FENCE",
    "CANARY-REASON",
    "CANARY",
];

/// A pointer's shape that nobody asked for: 2×2 pixels and their mask. The site is left; gives what a viewer is sent.
async fn what_is_seen_of_a_pointer(villain: &Villain, house: &House) -> Vec<u8> {
    let init = server_init(Size::new(64, 48), &PixelFormat::NATIVE, "CANARY-DESKTOP");
    let picture = update(0, 0, 64, 48, RAW, &[b'#'; 64 * 48 * 4]);
    let shape = update(0, 0, 2, 2, -239, b"CANARY-CURSOR-2x2!");
    villain.will([lets_in(), vec![Do::Say(init), Do::Say(picture), Do::Say(shape)]].concat());
    let _ = house.shows("a").await;
    house.entry(|entry| entry.kind() == "source.refused" && entry.text("cause") == "up.encoding_not_requested").await;
    let mut eye = Eye::enter(house, &house.ticket("a").await, &[RAW, -223, -239]).await.unwrap();
    eye.ask(false).await;
    let sent = eye.take_all().await;
    house.stop("a").await;
    sent
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r12_no_word_of_a_site_reaches_a_viewer_a_counter_or_the_public_trace() {
    let words = Words::default();
    let written = words.clone();
    tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(move || written.clone()).init();
    let villain = Villain::start(lucarne::clock::Clock::system()).await;
    let house = House::open(&demo_site("a", villain.address)).await;
    let init = server_init(Size::new(64, 48), &PixelFormat::NATIVE, "CANARY-DESKTOP");
    villain.will(
        [lets_in(), vec![Do::Say(init), Do::Say(update(0, 0, 64, 48, RAW, &[b'#'; 64 * 48 * 4])), Do::Say(talk())]].concat(),
    );
    house.show("a").await;
    let mut captured = Vec::new();
    for encoding in [RAW, HEXTILE, ZLIB, ZRLE, TIGHT] {
        let list = [exact(encoding), vec![-307, -308, -239, -312, -313, -223]].concat();
        let mut eye = Eye::enter(&house, &house.ticket("a").await, &list).await.unwrap();
        eye.ask(false).await;
        // The fence and the end of updates come first, then an update of known length or to LastRect.
        eye.send(&[3, 0, 0, 0, 0, 0, 0, 64, 0, 48]).await;
        house.clock.sleep(std::time::Duration::from_millis(200)).await;
        captured.extend_from_slice(&eye.hello);
        captured.extend(eye.take_all().await);
    }
    house.stop("a").await;
    let closed = house.entry(|entry| entry.kind() == "source.closed").await;
    assert_eq!(closed.text("cause"), "stopped", "all that talk was listened to");
    for kind in ["bell", "server_cut_text", "desktop_name", "colour_map", "other"] {
        assert!(closed.count(&format!("dropped_{kind}")).is_some(), "{kind}: {closed:?}");
    }
    captured.extend(what_is_seen_of_a_pointer(&villain, &house).await);
    // A reason for refusing, on another day.
    let reason = [&[0][..], &13u32.to_be_bytes(), b"CANARY-REASON"].concat();
    villain.will(vec![Do::Say(b"RFB 003.008\n".to_vec()), Do::Hear(12), Do::Say(reason.clone())]);
    let told = format!("{:?}", house.shows("a").await);
    assert!(told.contains("CANARY-REASON"), "an operator reads it, escaped: {told}");
    let refused = [offers(&[1]), vec![Do::Say([&1u32.to_be_bytes()[..], &reason[1..]].concat())]].concat();
    villain.will(refused);
    let _ = house.shows("a").await;
    let mut monitor = stranger(house.node().addresses.monitor.unwrap()).await;
    monitor.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut metrics = Vec::new();
    monitor.read_to_end(&mut metrics).await.unwrap();
    let public: Vec<u8> = house.entries().iter().flat_map(|entry| entry.public.to_string().into_bytes()).collect();
    for word in WORDS {
        assert!(!holds(&captured, word), "a viewer was sent {word}");
        assert!(!holds(&metrics, word), "{word} in the metrics");
        assert!(!holds(&public, word), "{word} in the public trace");
        assert!(!holds(&words.0.lock().unwrap(), word), "{word} in the logs, at their loudest");
    }
    assert!(captured.len() > 5_000, "{} bytes were looked through", captured.len());
    // The search finds what is there.
    assert!(
        holds(&captured, "Cabinet a")
            && holds(&public, "source.refused")
            && holds(&words.0.lock().unwrap(), "a site's link failed")
    );
    house.close().await;
}

/// The padding of every message to a viewer is zero, whatever the memory held before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn class_stale_memory_the_fourth_byte_of_every_pixel_is_zero() {
    let villain = Villain::start(lucarne::clock::Clock::system()).await;
    let house = House::open(&demo_site("a", villain.address)).await;
    let init = server_init(Size::new(64, 48), &PixelFormat::NATIVE, "x");
    villain.will([lets_in(), vec![Do::Say(init), Do::Say(update(0, 0, 64, 48, RAW, &[0xa5; 64 * 48 * 4]))]].concat());
    house.show("a").await;
    house.until(|| house.entries().iter().any(|e| e.kind() == "source.opened").then_some(())).await;
    house.clock.sleep(std::time::Duration::from_millis(100)).await;
    let mut eye = Eye::enter(&house, &house.ticket("a").await, &[RAW, -223]).await.unwrap();
    assert!(
        eye.watch_until(|picture| picture.size() == Size::new(64, 48) && picture.pixels().iter().any(|p| p.r() == 0xa5)).await
    );
    eye.ask(false).await;
    assert_eq!(eye.bytes(4).await, [0, 0, 0, 1], "the padding of the update");
    assert_eq!(eye.bytes(12).await, [0, 0, 0, 0, 0, 64, 0, 48, 0, 0, 0, 0]);
    let pixels = eye.bytes(64 * 48 * 4).await;
    assert!(pixels.chunks(4).all(|pixel| pixel[3] == 0), "the site's fourth bytes were 0xa5");
    house.close().await;
}
