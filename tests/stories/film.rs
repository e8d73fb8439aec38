//! A film on a site's screen: JPEG while it runs, exact pixels when it is over; told by the site and the clock alone.

use std::time::{Duration, Instant};

use lucarne::clock::Clock;
use lucarne::geometry::{Pixel, Rect, Size};
use lucarne::metrics::Metrics;
use lucarne::picture::Picture;
use lucarne::rfb::client::{ClientMessage, ClientStream};
use lucarne::rfb::encoding::{number, raw};
use lucarne::rfb::request::Jpeg;
use lucarne::rfb::server::{put_rect, put_update};
use lucarne::rfb::{Buffer, PixelFormat, Request};
use lucarne::screen::{ScreenWriter, screen};
use lucarne::source::session::{Pace, Session};
use x11rb::connection::Connection;
use x11rb::protocol::xproto::{ConnectionExt, CreateGCAux, CreateWindowAux, ImageFormat, WindowClass};

use super::house::{House, demo_site};
use super::programs::{Display, free_port};
use super::real_sites::{local, sees};
use super::tap::Tap;

const SIZE: Size = Size::new(800, 600);

/// A site's conversation alone: its pixels go in, its requests come out, time is what the story says.
struct Talk {
    session: Session,
    screen: ScreenWriter,
    now: Instant,
}

impl Talk {
    fn new(jpeg: Jpeg) -> Self {
        let ((mut screen, _reader), now) = (screen(), Clock::system().now());
        let session = Session::new(Pace { max_fps: 60, jpeg }, SIZE, Metrics::default(), &mut screen, now);
        Self { session, screen, now }
    }

    /// The site shows this, and a thirtieth of a second passes.
    fn shows(&mut self, picture: &Picture) -> Vec<Request> {
        let mut buffer = Buffer::default();
        let mut bytes = Vec::new();
        put_update(1, &mut bytes);
        put_rect(picture.size().rect(), number::RAW, &mut bytes);
        raw::encode(picture, &PixelFormat::NATIVE.pixel(), &mut bytes);
        for piece in bytes.chunks(60_000) {
            buffer.extend(piece);
            while self.session.work(&mut buffer, &mut self.screen, self.now).unwrap() {}
        }
        self.passes(Duration::from_micros(33_333))
    }

    fn passes(&mut self, time: Duration) -> Vec<Request> {
        self.now += time;
        self.session.tick(&mut self.screen, self.now).unwrap();
        let mut asked = Vec::new();
        while let Some(bytes) = self.session.take_out() {
            let message = ClientStream::default().advance(bytes.as_bytes()).unwrap().unwrap().1;
            asked.extend(message.into_iter().filter_map(|m| if let ClientMessage::Request(r) = m { Some(r) } else { None }));
        }
        asked
    }
}

fn wants_jpeg(request: &Request) -> Option<bool> {
    let Request::SetEncodings(list) = request else { return None };
    Some(list.iter().any(|n| number::QUALITY.contains(n)))
}

/// Of a camera: hardly two neighbours are equal.
fn noise(seed: u32) -> Picture {
    let (mut picture, mut grain) = (Picture::new(SIZE), seed.wrapping_mul(747_796_405) | 1);
    for y in 0..SIZE.height {
        for pixel in picture.row_mut(0, y, SIZE.width) {
            grain = grain.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *pixel = Pixel(0x0070_7070 + (grain >> 8 & 0x001f_1f1f));
        }
    }
    picture
}

/// Lines as of text that scrolls: everything changes, and most neighbours are equal.
fn lines(n: u32) -> Picture {
    let mut picture = Picture::new(SIZE);
    picture.fill(SIZE.rect(), Pixel::WHITE);
    for y in (0..SIZE.height).filter(|y| (u32::from(*y) + n * 5) % 20 < 10) {
        for (x, pixel) in picture.row_mut(0, y, SIZE.width).iter_mut().enumerate() {
            if (x / 3 + usize::from(y)) % 4 == 0 {
                *pixel = Pixel::BLACK;
            }
        }
    }
    picture
}

#[test]
fn a_film_is_asked_for_as_jpeg_and_the_screen_again_without_loss_when_it_is_over() {
    let mut talk = Talk::new(Jpeg::Films);
    let asked: Vec<Request> = (0..30).flat_map(|n| talk.shows(&noise(n))).collect();
    assert_eq!(asked.iter().find_map(wants_jpeg), Some(false), "at first without loss");
    assert_eq!(asked.iter().filter_map(wants_jpeg).collect::<Vec<_>>(), [false, true], "then, once, as JPEG");
    // The film stops. Nothing more comes: time alone tells.
    let over: Vec<Request> = (0..4).flat_map(|_| talk.passes(Duration::from_millis(300))).collect();
    let again = Request::FramebufferUpdate { incremental: false, area: SIZE.rect() };
    let (first, second) = (over.first().and_then(wants_jpeg), over.get(1));
    assert_eq!((first, second), (Some(false), Some(&again)), "{over:?}");
    assert_eq!(over.iter().filter(|request| wants_jpeg(request).is_some()).count(), 1);
}

#[test]
fn text_that_scrolls_is_no_film_and_no_leave_is_no_jpeg() {
    let mut talk = Talk::new(Jpeg::Films);
    let asked: Vec<Request> = (0..60).flat_map(|n| talk.shows(&lines(n))).collect();
    assert_eq!(asked.iter().filter_map(wants_jpeg).collect::<Vec<_>>(), [false]);
    for (jpeg, wanted) in [(Jpeg::Never, false), (Jpeg::Always, true)] {
        let mut talk = Talk::new(jpeg);
        let asked: Vec<Request> = (0..60).flat_map(|n| talk.shows(&noise(n))).collect();
        assert_eq!(asked.iter().filter_map(wants_jpeg).collect::<Vec<_>>(), [wanted], "{jpeg:?}");
    }
}

/// A real server: it is told, it sends JPEG, and in the end what is seen is what is on its display.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r12_after_a_film_on_xtigervnc_the_picture_is_exact() {
    let (dir, port, clock) = (tempfile::TempDir::new().unwrap(), free_port(), Clock::system());
    let display = Display::tigervnc(port, SIZE, &["-SecurityTypes", "None"], dir.path(), &clock).await;
    display.run("xdotool", &["mousemove", "795", "595"]);
    let tap = Tap::on(local(port)).await;
    let house = House::open(&demo_site("a", tap.address)).await;
    house.show("a").await;
    let (x, _) = x11rb::connect(Some(&display.name())).unwrap();
    let (window, context) = (x.generate_id().unwrap(), x.generate_id().unwrap());
    let root = x.setup().roots[0].root;
    let aux = CreateWindowAux::new().override_redirect(1);
    x.create_window(24, window, root, 0, 0, SIZE.width, SIZE.height, 0, WindowClass::INPUT_OUTPUT, 0, &aux).unwrap();
    x.create_gc(context, window, &CreateGCAux::new()).unwrap();
    x.map_window(window).unwrap();
    // It runs until the site is asked for JPEG, and a little longer.
    let (mut frame, mut more) = (0, 20);
    while more > 0 {
        let picture = noise(frame);
        for piece in SIZE.rect().pieces(SIZE.width, 60) {
            let bytes: Vec<u8> = picture.rows(piece).flatten().flat_map(|pixel| pixel.0.to_le_bytes()).collect();
            let Rect { y, width, height, .. } = piece;
            x.put_image(ImageFormat::Z_PIXMAP, window, context, width, height, 0, y as i16, 0, 24, &bytes).unwrap();
        }
        x.flush().unwrap();
        clock.sleep(Duration::from_millis(25)).await;
        let asked = tap.requests().iter().filter_map(wants_jpeg).any(|jpeg| jpeg);
        more -= i32::from(asked);
        frame += 1;
        assert!(frame < 400, "the site was never asked for JPEG");
    }
    house.until(|| (tap.requests().iter().filter_map(wants_jpeg).next_back() == Some(false)).then_some(())).await;
    for encoding in [number::ZRLE, number::TIGHT] {
        sees(&house, &display, encoding).await;
    }
    house.close().await;
}
