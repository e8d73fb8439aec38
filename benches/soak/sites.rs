//! Sites that do not stay as they are: one that changes its size, one that breaks in the middle of an update.

use std::time::Duration;

use anyhow::Result;
use lucarne::clock::Clock;
use lucarne::demo::greet;
use lucarne::geometry::{Pixel, Rect, Size};
use lucarne::picture::Picture;
use lucarne::rfb::client::{ClientMessage, ClientStream};
use lucarne::rfb::encoding::{number, raw};
use lucarne::rfb::server::{put_rect, put_update};
use lucarne::rfb::{Buffer, PixelFormat, Request};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Habit {
    /// Another size every three seconds.
    Resizes,
    /// After seven seconds, the end in mid-update.
    Breaks,
}

pub async fn serve(socket: TcpListener, habit: Habit) {
    while let Ok((stream, _)) = socket.accept().await {
        // That the node leaves is one of its ways to end.
        tokio::spawn(async move { drop(converse(stream, habit).await) });
    }
}

async fn converse(mut stream: TcpStream, habit: Habit) -> Result<()> {
    let (clock, mut buffer) = (Clock::system(), Buffer::default());
    let mut size = Size::new(640, 480);
    if !greet(&mut stream, &mut buffer, size, "soak").await? {
        return Ok(());
    }
    let (started, mut messages, mut wanted, mut frame) = (clock.now(), ClientStream::default(), false, 0u32);
    let mut resized = clock.now();
    loop {
        while let Some((taken, message)) = messages.advance(buffer.unread())? {
            buffer.consume(taken);
            wanted |= matches!(message, Some(ClientMessage::Request(Request::FramebufferUpdate { .. })));
        }
        if wanted {
            (wanted, frame) = (false, frame + 1);
            if habit == Habit::Breaks && clock.now() - started > Duration::from_secs(7) {
                stream.write_all(&[0, 0, 0, 1, 0, 0]).await?;
                return Ok(());
            }
            let mut out = Vec::new();
            if habit == Habit::Resizes && clock.now() - resized > Duration::from_secs(3) {
                resized = clock.now();
                size = Size::new(500 + (frame * 37 % 900) as u16, 400 + (frame * 53 % 500) as u16);
                put_update(1, &mut out);
                put_rect(size.rect(), number::DESKTOP_SIZE, &mut out);
            } else {
                let mut part = Picture::new(Size::new(100, 100));
                part.fill(part.size().rect(), Pixel(frame.wrapping_mul(0x0001_0307) & 0x00ff_ffff));
                let place = Rect::new((frame * 17 % u32::from(size.width - 100)) as u16, (frame * 11 % 300) as u16, 100, 100);
                put_update(1, &mut out);
                put_rect(place, number::RAW, &mut out);
                raw::encode(&part, &PixelFormat::NATIVE.pixel(), &mut out);
            }
            stream.write_all(&out).await?;
        }
        if stream.read_buf(buffer.room().ok_or_else(|| anyhow::anyhow!("room"))?).await? == 0 {
            return Ok(());
        }
    }
}
