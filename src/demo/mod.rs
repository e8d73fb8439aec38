//! The embedded demonstration site: an RFB server of an invented practice, on loopback. It obeys nobody: what a client
//! types is skipped, as at any site that Lucarne looks at.

mod check;
pub mod chromium;
mod practice;
pub mod rehearsal;

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::clock::Clock;
use crate::geometry::{Rect, Size};
use crate::picture::Picture;
use crate::rfb::client::{ClientMessage, ClientStream};
use crate::rfb::encoding::{number, raw, tight};
use crate::rfb::handshake::server::{Asked, Offer, ServerHandshake, server_init};
use crate::rfb::server::{put_rect, put_update};
use crate::rfb::{Buffer, PixelFormat, Request};
pub use check::browser_check;
pub use practice::{SIZE, frame};

/// Between two frames of the practice.
const FRAME: Duration = Duration::from_millis(50);

/// Serves the practice to whoever connects, until the task is dropped.
pub async fn serve(socket: TcpListener, clock: Clock) {
    let clock = Arc::new(clock);
    loop {
        match socket.accept().await {
            Ok((stream, _)) => {
                let clock = Arc::clone(&clock);
                tokio::spawn(async move {
                    if let Err(error) = client(stream, &clock).await {
                        tracing::debug!(%error, "a client left the demonstration site");
                    }
                });
            }
            Err(error) => {
                tracing::warn!(%error, "the demonstration site could not accept");
                clock.sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// What a client asked for.
struct Wish {
    format: PixelFormat,
    tight: bool,
    wanted: bool,
    full: bool,
}

async fn client(mut stream: TcpStream, clock: &Clock) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = Buffer::default();
    if !greet(&mut stream, &mut buffer, SIZE, "Cabinet fictif").await? {
        return Ok(());
    }
    let started = clock.now();
    let mut messages = ClientStream::default();
    let mut wish = Wish { format: PixelFormat::NATIVE, tight: false, wanted: false, full: true };
    let (mut shown, mut next) = (Picture::new(SIZE), Picture::new(SIZE));
    let (mut streams, mut out) = (tight::Deflaters::default(), Vec::new());
    let mut due = clock.now();
    loop {
        while let Some((taken, message)) = messages.advance(buffer.unread()).map_err(std::io::Error::other)? {
            buffer.consume(taken);
            if let Some(ClientMessage::Request(request)) = message {
                wish.hear(request);
            }
        }
        if wish.wanted && clock.now() >= due {
            due = clock.now() + FRAME;
            frame(&mut next, clock.now() - started);
            let damage = if wish.full { vec![SIZE.rect()] } else { changes(&shown, &next) };
            std::mem::swap(&mut shown, &mut next);
            if !damage.is_empty() {
                (wish.wanted, wish.full) = (false, false);
                update(&shown, &damage, &wish, &mut streams, &mut out);
                stream.write_all(&out).await?;
                out.clear();
            }
        }
        let Some(room) = buffer.room() else { return Ok(()) };
        tokio::select! {
            read = stream.read_buf(room) => if read? == 0 { return Ok(()) },
            () = clock.sleep_until(due), if wish.wanted => {}
        }
    }
}

/// A server's part of the handshake, without security. False: the client left.
pub async fn greet(stream: &mut TcpStream, buffer: &mut Buffer, size: Size, name: &str) -> std::io::Result<bool> {
    let mut handshake = ServerHandshake::new(Offer::Nothing, [0; 16]);
    loop {
        let Some((taken, asked)) = handshake.advance(buffer.unread()).map_err(std::io::Error::other)? else {
            let Some(room) = buffer.room() else { return Ok(false) };
            if stream.read_buf(room).await? == 0 {
                return Ok(false);
            }
            continue;
        };
        buffer.consume(taken);
        match asked {
            None | Some(Asked::StartTls) => {}
            Some(Asked::Send(bytes)) => stream.write_all(&bytes).await?,
            Some(Asked::Decide(_)) => stream.write_all(&handshake.accept()).await?,
            Some(Asked::Ready) => {
                stream.write_all(&server_init(size, &PixelFormat::NATIVE, name)).await?;
                return Ok(true);
            }
        }
    }
}

impl Wish {
    fn hear(&mut self, request: Request) {
        match request {
            Request::SetPixelFormat(format) => self.format = format,
            Request::SetEncodings(list) => self.tight = list.contains(&number::TIGHT),
            Request::FramebufferUpdate { incremental, .. } => {
                self.wanted = true;
                self.full |= !incremental;
            }
            Request::EnableContinuousUpdates { .. } | Request::Fence(_) => {}
        }
    }
}

/// Where two frames differ, in blocks of 64×32.
fn changes(before: &Picture, after: &Picture) -> Vec<Rect> {
    let blocks = SIZE.rect().pieces(64, 32);
    blocks.filter(|block| before.rows(*block).ne(after.rows(*block))).collect()
}

fn update(picture: &Picture, damage: &[Rect], wish: &Wish, streams: &mut tight::Deflaters, out: &mut Vec<u8>) {
    let pieces: Vec<Rect> = damage.iter().flat_map(|rect| rect.pieces(512, 128)).collect();
    put_update(pieces.len() as u16, out);
    let mut part = Picture::default();
    for rect in pieces {
        part.take(picture, rect);
        if wish.tight {
            put_rect(rect, number::TIGHT, out);
            tight::encode(&part, &wish.format, tight::Loss::None, streams, out);
        } else {
            put_rect(rect, number::RAW, out);
            raw::encode(&part, &wish.format.pixel(), out);
        }
    }
}
