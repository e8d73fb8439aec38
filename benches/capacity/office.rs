//! Sites at office work: the same frames for each, encoded once, so that they cost this machine next to nothing.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use lucarne::clock::Clock;
use lucarne::demo::greet;
use lucarne::geometry::Rect;
use lucarne::picture::Picture;
use lucarne::rfb::client::{ClientMessage, ClientStream};
use lucarne::rfb::encoding::{number, tight};
use lucarne::rfb::server::{put_rect, put_update};
use lucarne::rfb::{Buffer, PixelFormat, Request};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::work::{SCREEN, Stage, Work};

/// Four rounds of everything that happens in an office; then they begin again.
const FRAMES: u16 = 132;

/// Rectangles that stand by themselves: each begins its zlib streams anew, so that it may come after any other.
struct Rects {
    count: u16,
    bytes: Vec<u8>,
}

impl Rects {
    fn of(canvas: &Picture, places: &[Rect]) -> Self {
        let (mut bytes, mut count, mut part) = (Vec::new(), 0, Picture::default());
        for rect in places.iter().flat_map(|rect| rect.pieces(512, 128)) {
            part.take(canvas, rect);
            put_rect(rect, number::TIGHT, &mut bytes);
            let control = bytes.len();
            tight::encode(&part, &PixelFormat::NATIVE, tight::Loss::None, &mut tight::Deflaters::default(), &mut bytes);
            if let Some(control) = bytes.get_mut(control) {
                *control |= 0x0f;
            }
            count += 1;
        }
        Self { count, bytes }
    }
}

/// What all sites show.
pub struct Play {
    whole: Rects,
    frames: Vec<Rects>,
}

impl Play {
    pub fn office() -> Self {
        let mut stage = Stage::new(Work::Office);
        let whole = Rects::of(&stage.canvas, &[SCREEN.rect()]);
        let draw = |n| {
            let changed = stage.draw(n);
            Rects::of(&stage.canvas, &changed)
        };
        Self { whole, frames: (1..=FRAMES).map(draw).collect() }
    }

    /// How long it lasts until it begins again.
    pub fn lasts() -> Duration {
        Work::Office.period() * u32::from(FRAMES)
    }
}

/// When a site put each frame last, by the frame's number.
pub struct Puts(Mutex<Vec<Option<Instant>>>);

impl Puts {
    pub fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(vec![None; usize::from(FRAMES) + 1])))
    }

    fn note(&self, frame: u16, now: Instant) {
        let mut puts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(put) = puts.get_mut(usize::from(frame)) {
            *put = Some(now);
        }
    }

    pub fn of(&self, frame: u16) -> Option<Instant> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).get(usize::from(frame))?
    }
}

/// Plays for whoever connects, from a moment of its own in the play's period; `None`: shows a still screen.
pub async fn serve(socket: TcpListener, play: Arc<Play>, puts: Arc<Puts>, late: Option<Duration>) {
    while let Ok((stream, _)) = socket.accept().await {
        let (play, puts) = (Arc::clone(&play), Arc::clone(&puts));
        // That the node leaves is one of its ways to end.
        tokio::spawn(async move { drop(converse(stream, &play, &puts, late).await) });
    }
}

async fn converse(mut stream: TcpStream, play: &Play, puts: &Puts, late: Option<Duration>) -> Result<()> {
    let (clock, mut buffer) = (Clock::system(), Buffer::default());
    stream.set_nodelay(true)?;
    if !greet(&mut stream, &mut buffer, SCREEN, "office").await? {
        return Ok(());
    }
    let (mut messages, mut wanted, mut whole) = (ClientStream::default(), false, false);
    let (mut frame, mut waiting, mut out) = (0, Vec::new(), Vec::new());
    let mut due = clock.now() + late.unwrap_or(Duration::from_secs(86_400));
    loop {
        while let Some((taken, message)) = messages.advance(buffer.unread())? {
            buffer.consume(taken);
            if let Some(ClientMessage::Request(Request::FramebufferUpdate { incremental, .. })) = message {
                (wanted, whole) = (true, whole || !incremental);
            }
        }
        if clock.now() >= due {
            due += Work::Office.period();
            frame = frame % FRAMES + 1;
            puts.note(frame, clock.now());
            waiting.push(frame);
        }
        if wanted && (whole || !waiting.is_empty()) {
            let frames = waiting.drain(..).filter_map(|frame| play.frames.get(usize::from(frame) - 1));
            let rects: Vec<&Rects> = whole.then_some(&play.whole).into_iter().chain(frames).collect();
            put_update(rects.iter().map(|rects| rects.count).sum(), &mut out);
            rects.iter().for_each(|rects| out.extend_from_slice(&rects.bytes));
            stream.write_all(&out).await?;
            out.clear();
            (wanted, whole) = (false, false);
        }
        let room = buffer.room().context("room")?;
        tokio::select! {
            read = stream.read_buf(room) => if read? == 0 { return Ok(()) },
            () = clock.sleep_until(due) => {}
        }
    }
}
