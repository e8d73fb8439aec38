//! A film on a site's screen: JPEG while it runs, exact pixels when it is over; told by the site and the clock alone.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use lucarne::clock::Clock;
use lucarne::geometry::{Pixel, Rect, Size};
use lucarne::metrics::Metrics;
use lucarne::picture::Picture;
use lucarne::rfb::client::{ClientMessage, ClientStream};
use lucarne::rfb::encoding::{number, raw};
use lucarne::rfb::handshake::server::server_init;
use lucarne::rfb::request::Jpeg;
use lucarne::rfb::server::{put_rect, put_update};
use lucarne::rfb::{Buffer, PixelFormat, Request};
use lucarne::screen::{ScreenWriter, screen};
use lucarne::source::session::{Pace, Session, SessionError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use x11rb::connection::Connection;
use x11rb::protocol::xproto::{ConnectionExt, CreateGCAux, CreateWindowAux, ImageFormat, WindowClass};

use super::house::{House, demo_site};
use super::non_interference::attacks;
use super::programs::{Display, free_port};
use super::real_sites::{local, sees};
use super::tap::Tap;

const SIZE: Size = Size::new(800, 600);
/// Where programs play: few frames a second are a film already.
const LARGE: Size = Size::new(1280, 960);

/// A site's conversation alone: its pixels go in, its requests come out, time is what the story says.
struct Talk {
    session: Session,
    screen: ScreenWriter,
    now: Instant,
}

impl Talk {
    fn new(jpeg: Jpeg) -> Self {
        Self::of(SIZE, jpeg)
    }

    fn of(size: Size, jpeg: Jpeg) -> Self {
        let ((mut screen, _reader), now) = (screen(), Clock::system().now());
        let session = Session::new(Pace { max_fps: 60, jpeg }, size, Metrics::default(), &mut screen, now);
        Self { session, screen, now }
    }

    /// The site shows this, and a thirtieth of a second passes.
    fn shows(&mut self, picture: &Picture) -> Vec<Request> {
        self.sends(picture, SIZE.rect());
        self.passes(Duration::from_micros(33_333))
    }

    /// The site sends a place of its screen.
    fn sends(&mut self, picture: &Picture, place: Rect) {
        let (mut part, mut bytes) = (Picture::default(), Vec::new());
        part.take(picture, place);
        put_update(1, &mut bytes);
        put_rect(place, number::RAW, &mut bytes);
        raw::encode(&part, &PixelFormat::NATIVE.pixel(), &mut bytes);
        self.hears(&bytes).unwrap();
    }

    fn hears(&mut self, bytes: &[u8]) -> Result<(), SessionError> {
        let mut buffer = Buffer::default();
        for piece in bytes.chunks(60_000) {
            buffer.extend(piece);
            while self.session.work(&mut buffer, &mut self.screen, self.now)? {}
        }
        assert!(buffer.is_empty(), "a frame that comes too soon is not read: time must pass before it");
        Ok(())
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
    noise_of(SIZE, seed)
}

fn noise_of(size: Size, seed: u32) -> Picture {
    let (mut picture, mut grain) = (Picture::new(size), seed.wrapping_mul(747_796_405) | 1);
    for y in 0..size.height {
        for pixel in picture.row_mut(0, y, size.width) {
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

fn wishes(asked: &[Request]) -> Vec<bool> {
    asked.iter().filter_map(wants_jpeg).collect()
}

#[test]
fn a_film_is_asked_for_as_jpeg_and_the_screen_again_without_loss_when_it_is_over() {
    let mut talk = Talk::new(Jpeg::Films);
    let asked: Vec<Request> = (0..45).flat_map(|n| talk.shows(&noise(n))).collect();
    assert_eq!(wishes(&asked), [false, true], "at first without loss; then, once, as JPEG");
    // Smoother pictures, as JPEG makes them, are still the film.
    let asked: Vec<Request> = (0..45).flat_map(|n| talk.shows(&doubled(&noise(n)))).collect();
    assert!(wishes(&asked).is_empty());
    // The film stops. Nothing more comes: time alone tells.
    let over: Vec<Request> = (0..8).flat_map(|_| talk.passes(Duration::from_millis(300))).collect();
    let again = Request::FramebufferUpdate { incremental: false, area: SIZE.rect() };
    assert_eq!((wishes(&over), over.get(1)), (vec![false], Some(&again)), "{over:?}");
    // Once all was sent again, and what was on its way has come, JPEG is refused like anything else that was not asked for.
    let jpeg = [&[0, 0, 0, 1, 0, 0, 0, 0, 0, 8, 0, 8, 0, 0, 0, 7, 0x90, 2][..], &[0xff, 0xd8]].concat();
    talk.shows(&noise(7));
    talk.passes(Duration::from_secs(6));
    let refused = talk.hears(&jpeg).unwrap_err();
    assert!(matches!(&refused, SessionError::Protocol(error) if error.code().up == "up.tight"), "{refused:?}");
}

/// Half of the neighbours equal.
fn doubled(picture: &Picture) -> Picture {
    let mut smooth = picture.clone();
    for y in 0..SIZE.height {
        smooth.row_mut(0, y, SIZE.width).chunks_mut(2).for_each(|pair| pair[1] = pair[0]);
    }
    smooth
}

/// A letter that is opened beside a film is exact some seconds later, though the film goes on.
#[test]
fn what_is_still_beside_a_film_is_asked_for_again_without_loss() {
    let mut talk = Talk::new(Jpeg::Films);
    let (film, letter) = (Rect::new(0, 0, 800, 448), Rect::new(0, 448, 800, 152));
    (0..45).for_each(|n| drop(talk.shows(&noise(n))));
    let mut asked = Vec::new();
    for n in 0..300 {
        talk.sends(&noise(n), film);
        if n == 10 {
            asked.extend(talk.passes(Duration::from_millis(17)));
            talk.sends(&lines(3), letter);
        }
        asked.extend(talk.passes(Duration::from_micros(33_333)));
        if wishes(&asked) == [false] {
            break;
        }
    }
    let again = Request::FramebufferUpdate { incremental: false, area: letter };
    let all = |request: &&Request| matches!(request, Request::FramebufferUpdate { incremental: false, .. });
    assert_eq!(asked.iter().filter(all).collect::<Vec<_>>(), [&again], "that place and no other");
    talk.sends(&lines(3), letter);
    assert_eq!(wishes(&talk.passes(Duration::from_millis(17))), [true], "it was sent, and the film is JPEG again");
    // A site that does not answer is asked for JPEG again all the same; nothing is asked for twice.
    let asked: Vec<Request> = (0..300)
        .flat_map(|n| {
            talk.sends(&noise(n), film);
            talk.passes(Duration::from_micros(33_333))
        })
        .collect();
    let not_next = |request: &&Request| !matches!(request, Request::FramebufferUpdate { incremental: true, .. });
    assert!(asked.iter().filter(not_next).count() == 0, "{:?}", asked.iter().filter(not_next).collect::<Vec<_>>());
}

/// A photograph that opens on a large screen is no film, nor is the answer to what we ask for again.
#[test]
fn pictures_that_open_are_no_film() {
    let size = Size::new(3840, 2160);
    let mut talk = Talk::of(size, Jpeg::Films);
    let mut asked = Vec::new();
    for n in 0..4 {
        let picture = noise_of(size, n / 2);
        // Eight megapixels in four updates, every two seconds; every other time the same again.
        for strip in size.rect().pieces(3840, 540) {
            talk.sends(&picture, strip);
            asked.extend(talk.passes(Duration::from_millis(17)));
        }
        asked.extend((0..20).flat_map(|_| talk.passes(Duration::from_millis(100))));
    }
    assert_eq!(wishes(&asked), [false], "only what is said at first");
}

#[test]
fn text_that_scrolls_is_no_film_and_no_leave_is_no_jpeg() {
    let mut talk = Talk::new(Jpeg::Films);
    let asked: Vec<Request> = (0..60).flat_map(|n| talk.shows(&lines(n))).collect();
    assert_eq!(wishes(&asked), [false]);
    for (jpeg, wanted) in [(Jpeg::Never, false), (Jpeg::Always, true)] {
        let mut talk = Talk::new(jpeg);
        let asked: Vec<Request> = (0..60).flat_map(|n| talk.shows(&noise(n))).collect();
        assert_eq!(wishes(&asked), [wanted], "{jpeg:?}");
    }
}

/// A real server: it is told, it sends JPEG, and in the end what is seen is what is on its display.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r12_after_a_film_on_xtigervnc_the_picture_is_exact() {
    let (dir, port, clock) = (tempfile::TempDir::new().unwrap(), free_port(), Clock::system());
    let display = Display::tigervnc(port, LARGE, &["-SecurityTypes", "None"], dir.path(), &clock).await;
    display.run("xdotool", &["mousemove", "795", "595"]);
    let tap = Tap::on(local(port)).await;
    let house = House::open(&demo_site("a", tap.address)).await;
    house.show("a").await;
    let (x, _) = x11rb::connect(Some(&display.name())).unwrap();
    let (window, context) = (x.generate_id().unwrap(), x.generate_id().unwrap());
    let root = x.setup().roots[0].root;
    let aux = CreateWindowAux::new().override_redirect(1);
    x.create_window(24, window, root, 0, 0, LARGE.width, LARGE.height, 0, WindowClass::INPUT_OUTPUT, 0, &aux).unwrap();
    x.create_gc(context, window, &CreateGCAux::new()).unwrap();
    x.map_window(window).unwrap();
    // It runs until the site is asked for JPEG, and a little longer.
    let (mut frame, mut more) = (0, 20);
    while more > 0 {
        let picture = noise_of(LARGE, frame);
        for piece in LARGE.rect().pieces(LARGE.width, 60) {
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
    assert!(tap.saw_jpeg(), "and it sent some");
    house.until(|| (tap.requests().iter().filter_map(wants_jpeg).next_back() == Some(false)).then_some(())).await;
    for encoding in [number::ZRLE, number::TIGHT] {
        sees(&house, &display, encoding).await;
    }
    house.close().await;
}

/// A site that plays so many frames of noise, one for each request, and shows the last again to whoever asks for all.
async fn plays(frames: u32) -> (SocketAddr, Arc<Mutex<Vec<Request>>>) {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, heard) = (socket.local_addr().unwrap(), Arc::new(Mutex::new(Vec::new())));
    let kept = Arc::clone(&heard);
    tokio::spawn(async move {
        let (mut stream, _) = socket.accept().await.unwrap();
        stream.write_all(b"RFB 003.008\n\x01\x01\0\0\0\0").await.unwrap();
        stream.read_exact(&mut [0; 14]).await.unwrap();
        stream.write_all(&server_init(LARGE, &PixelFormat::NATIVE, "film")).await.unwrap();
        let (mut buffer, mut messages, mut next) = (Buffer::default(), ClientStream::default(), 0);
        loop {
            while let Some((taken, message)) = messages.advance(buffer.unread()).unwrap() {
                buffer.consume(taken);
                let Some(ClientMessage::Request(request)) = message else { panic!("{message:?}") };
                if let Request::FramebufferUpdate { incremental, .. } = request
                    && (next < frames || !incremental)
                {
                    next += 1;
                    let mut bytes = Vec::new();
                    put_update(1, &mut bytes);
                    put_rect(LARGE.rect(), number::RAW, &mut bytes);
                    raw::encode(&noise_of(LARGE, next.min(frames)), &PixelFormat::NATIVE.pixel(), &mut bytes);
                    if stream.write_all(&bytes).await.is_err() {
                        return;
                    }
                }
                kept.lock().unwrap().push(request);
            }
            if stream.read_buf(buffer.room().unwrap()).await.unwrap_or(0) == 0 {
                return;
            }
        }
    });
    (address, heard)
}

/// What a film makes us ask is the same whoever looks: in the same order, though a frame earlier or later.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r10_what_is_asked_of_a_film_is_the_same_with_no_viewer_and_with_hostile_ones() {
    let mut logs = Vec::new();
    for viewers in [0, 6] {
        let (address, heard) = plays(120).await;
        let house = Arc::new(House::open(&demo_site("a", address)).await);
        house.pause("a").await;
        let (mut attack, over) = (JoinSet::new(), Arc::new(AtomicBool::new(false)));
        for n in 0..viewers {
            attack.spawn(attacks(Arc::clone(&house), n, Arc::clone(&over)));
        }
        house.show("a").await;
        let asked = || {
            heard
                .lock()
                .unwrap()
                .iter()
                .filter(|r| !matches!(r, Request::FramebufferUpdate { incremental: true, .. }))
                .cloned()
                .collect::<Vec<_>>()
        };
        house.until(|| (wishes(&asked()).len() == 3).then_some(())).await;
        house.clock.sleep(Duration::from_millis(500)).await;
        over.store(true, Ordering::SeqCst);
        while attack.join_next().await.is_some() {}
        logs.push(asked());
    }
    assert_eq!(wishes(&logs[0]), [false, true, false]);
    assert_eq!(logs[0], logs[1]);
}
