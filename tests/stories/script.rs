//! A scripted site: deterministic, it answers each request with its next frame and writes down every byte it is sent.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use lucarne::geometry::{Pixel, Rect, Size};
use lucarne::picture::Picture;
use lucarne::rfb::client::{ClientMessage, ClientStream};
use lucarne::rfb::encoding::{hextile, number, raw, tight, zlib, zrle};
use lucarne::rfb::handshake::server::{Asked, Offer, ServerHandshake, server_init};
use lucarne::rfb::server::{put_rect, put_update};
use lucarne::rfb::{Buffer, PixelFormat, Request};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use super::encoders;

pub const SIZE: Size = Size::new(200, 150);

/// What the story makes the site do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// Frames are sent as they are asked for.
    Playing,
    /// It keeps the connection and says nothing.
    Silent,
    /// It closes in order, between messages.
    Closing,
    /// It closes in the middle of a message, and takes no new connection.
    Broken,
}

pub struct Script {
    pub address: SocketAddr,
    /// Every byte received, connection by connection.
    pub heard: Arc<Mutex<Vec<Vec<u8>>>>,
    /// When the node asked for something, by the clock of the system.
    pub asked: Arc<Mutex<Vec<std::time::Instant>>>,
    pub mood: watch::Sender<Mood>,
    frames: usize,
    task: JoinHandle<()>,
}

impl Drop for Script {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The picture of frame `n`: a gradient, noise, text-like stripes and a moving square.
pub fn frame(n: usize) -> Picture {
    let mut picture = Picture::new(SIZE);
    let mut noise = 0x9e37_79b9u32;
    for y in 0..SIZE.height {
        for (x, pixel) in picture.row_mut(0, y, SIZE.width).iter_mut().enumerate() {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *pixel = match (x / 50, y / 50) {
                (0, _) => Pixel::rgb(x as u8 * 5, y as u8, 90),
                (1, 0) => Pixel(noise & 0x00ff_ffff),
                (_, 1) if y % 6 < 2 && x % 5 != 0 => Pixel::BLACK,
                _ => Pixel::WHITE,
            };
        }
    }
    picture.fill(Rect::new((n * 13 % 180) as u16, 110, 20, 20), Pixel::rgb(200, (n * 40) as u8, 30));
    picture
}

/// What changes from frame `n - 1` to frame `n`.
fn damage(n: usize) -> Vec<Rect> {
    if n == 0 { vec![SIZE.rect()] } else { vec![Rect::new(0, 110, SIZE.width, 20)] }
}

impl Script {
    /// A site of so many frames, sent in `encoding`; after the last it is still.
    pub async fn start(frames: usize, encoding: i32) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (asked, mood) = (Arc::default(), watch::Sender::new(Mood::Playing));
        let task = tokio::spawn(accept(socket, frames, encoding, Arc::clone(&heard), Arc::clone(&asked), mood.subscribe()));
        Self { address, heard, asked, mood, frames, task }
    }

    /// Connections so far.
    pub fn connections(&self) -> usize {
        self.heard.lock().unwrap().len()
    }

    /// What one connection sent.
    pub fn log(&self, connection: usize) -> Vec<u8> {
        self.heard.lock().unwrap().get(connection).cloned().unwrap_or_default()
    }

    /// The picture once the site is still.
    pub fn last(&self) -> Picture {
        frame(self.frames - 1)
    }
}

async fn accept(
    socket: TcpListener,
    frames: usize,
    encoding: i32,
    heard: Arc<Mutex<Vec<Vec<u8>>>>,
    asked: Arc<Mutex<Vec<std::time::Instant>>>,
    mood: watch::Receiver<Mood>,
) {
    let clock = lucarne::clock::Clock::system();
    let changed = Arc::new(Notify::new());
    loop {
        let (stream, _) = socket.accept().await.unwrap();
        if *mood.borrow() == Mood::Broken {
            continue;
        }
        let connection = {
            let mut heard = heard.lock().unwrap();
            heard.push(Vec::new());
            heard.len() - 1
        };
        let (heard, mood, changed) = (Arc::clone(&heard), mood.clone(), Arc::clone(&changed));
        let (asked, clock) = (Arc::clone(&asked), clock.clone());
        tokio::spawn(async move {
            // A connection that we close is how some stories end.
            let note = || asked.lock().unwrap().push(clock.now());
            let _ = converse(stream, frames, encoding, &heard, connection, mood, note).await;
            changed.notify_one();
        });
    }
}

async fn converse(
    mut stream: TcpStream,
    frames: usize,
    encoding: i32,
    heard: &Mutex<Vec<Vec<u8>>>,
    connection: usize,
    mut mood: watch::Receiver<Mood>,
    note: impl Fn(),
) -> std::io::Result<()> {
    let (mut handshake, mut buffer) = (Some(ServerHandshake::new(Offer::Nothing, [0; 16])), Buffer::default());
    let mut messages = ClientStream::default();
    let mut coder = Coder { encoding, ..Coder::default() };
    let (mut next, mut wanted) = (0, false);
    loop {
        while let Some(machine) = &mut handshake {
            let Some((taken, asked)) = machine.advance(buffer.unread()).unwrap() else { break };
            buffer.consume(taken);
            match asked {
                Some(Asked::Send(bytes)) => stream.write_all(&bytes).await?,
                Some(Asked::Decide(_)) => stream.write_all(&machine.accept()).await?,
                Some(Asked::Ready) => {
                    stream.write_all(&server_init(SIZE, &PixelFormat::NATIVE, "SECRET-DESKTOP-NAME")).await?;
                    handshake = None;
                }
                Some(Asked::StartTls) | None => {}
            }
        }
        while handshake.is_none() {
            let Some((taken, message)) = messages.advance(buffer.unread()).unwrap() else { break };
            buffer.consume(taken);
            if let Some(ClientMessage::Request(Request::FramebufferUpdate { incremental, .. })) = message {
                note();
                wanted = true;
                if !incremental && next > 0 {
                    next -= 1;
                }
            }
        }
        let now = *mood.borrow_and_update();
        match now {
            Mood::Playing if wanted && next < frames => {
                wanted = false;
                // A bell and a clipboard before each frame: nobody may learn of them.
                stream.write_all(b"\x02\x03\0\0\0\0\0\0\x10SECRET-CLIPBOARD").await?;
                let out = coder.update(&frame(next), &if next == 0 { damage(0) } else { damage(next) });
                stream.write_all(&out).await?;
                next += 1;
            }
            Mood::Closing if handshake.is_none() => return stream.shutdown().await,
            Mood::Broken => return stream.write_all(&[0, 0, 0]).await,
            _ => {}
        }
        let room = buffer.room().unwrap();
        let before = room.len();
        tokio::select! {
            read = stream.read_buf(room) => {
                if read? == 0 {
                    return Ok(());
                }
                let new = room[before..].to_vec();
                heard.lock().unwrap()[connection].extend_from_slice(&new);
            }
            _ = mood.changed() => {}
        }
    }
}

/// Ways of Tight that have no number of their own.
pub const GRADIENT: i32 = 10_001;
pub const JPEG: i32 = 10_002;

#[derive(Default)]
struct Coder {
    encoding: i32,
    gradient: zlib::Deflater,
    zlib: zlib::Deflater,
    zrle: zlib::Deflater,
    tight: tight::Deflaters,
}

impl Coder {
    fn update(&mut self, picture: &Picture, damage: &[Rect]) -> Vec<u8> {
        if self.encoding == number::COPY_RECT {
            if damage != [SIZE.rect()] {
                return Self::copied(picture);
            }
            return Self { encoding: number::RAW, ..Self::default() }.update(picture, damage);
        }
        let mut out = Vec::new();
        put_update(damage.len() as u16, &mut out);
        let (mut part, format) = (Picture::default(), PixelFormat::NATIVE);
        for rect in damage {
            part.take(picture, *rect);
            let number = if matches!(self.encoding, GRADIENT | JPEG) { number::TIGHT } else { self.encoding };
            put_rect(*rect, number, &mut out);
            match self.encoding {
                number::TIGHT => {
                    tight::encode(&part, &format, tight::Loss::None, &mut self.tight, &mut out);
                }
                JPEG => {
                    tight::encode(&part, &format, tight::Loss::WhereItSaves(95), &mut self.tight, &mut out);
                }
                GRADIENT => encoders::gradient(&part, &format, &mut self.gradient, &mut out),
                number::ZRLE => zrle::encode(&part, &format.cpixel(), &mut self.zrle, &mut out),
                number::ZLIB => zlib::encode(&part, &format.pixel(), &mut self.zlib, &mut out),
                number::HEXTILE => hextile::encode(&part, &format.pixel(), &mut out),
                number::RRE => encoders::rre(&part, &format, false, &mut out),
                number::CORRE => encoders::rre(&part, &format, true, &mut out),
                number::TRLE => encoders::trle(&part, &format, &mut out),
                _ => raw::encode(&part, &format.pixel(), &mut out),
            }
        }
        out
    }

    /// The strip that changes: its lower half is, from column 50 on, the upper half again.
    fn copied(picture: &Picture) -> Vec<u8> {
        let mut out = Vec::new();
        put_update(3, &mut out);
        let mut part = Picture::default();
        for rect in [Rect::new(0, 110, 50, 20), Rect::new(50, 110, 150, 10)] {
            part.take(picture, rect);
            put_rect(rect, number::RAW, &mut out);
            raw::encode(&part, &PixelFormat::NATIVE.pixel(), &mut out);
        }
        put_rect(Rect::new(50, 120, 150, 10), number::COPY_RECT, &mut out);
        out.extend([0, 50, 0, 110]);
        out
    }
}
