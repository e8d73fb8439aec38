//! Oracles for fuzzers: each takes any bytes, never panics, and checks what must hold whatever came.
//!
//! A fuzz target is one call; `tests/wire/fuzz.rs` runs each over mutated streams of real servers.

use crate::geometry::{Rect, Size};
use crate::picture::Picture;
use crate::rfb::client::ClientStream;
use crate::rfb::encoding::number;
use crate::rfb::handshake::client::{ClientHandshake, Login, Transport};
use crate::rfb::handshake::server::{Asked, Credentials, Offer, ServerHandshake};
use crate::rfb::server::{Event, ServerStream, put_rect, put_update};
use crate::rfb::{Buffer, PixelFormat};

/// Steps that so many bytes may cause: each takes a byte or draws a slice.
const STEPS: usize = 1 << 20;

/// A site's messages after the handshake: the picture stays showable, and the work is bounded.
pub fn site_messages(data: &[u8]) {
    use number::*;
    let asked = [
        COPY_RECT,
        TIGHT,
        ZRLE,
        ZLIB,
        HEXTILE,
        TRLE,
        CORRE,
        RRE,
        DESKTOP_SIZE,
        EXTENDED_DESKTOP_SIZE,
        LAST_RECT,
        DESKTOP_NAME,
        CURSOR,
        *QUALITY.start(),
    ];
    let mut stream = ServerStream::new(PixelFormat::NATIVE, &asked);
    let mut picture = Picture::new(Size::new(320, 200));
    let mut buffer = Buffer::default();
    buffer.extend(data);
    for step in 0.. {
        assert!(step < STEPS, "the work is bounded");
        match stream.advance(buffer.unread(), &mut picture) {
            Ok(Some(advance)) => {
                assert!(advance.taken <= buffer.unread().len());
                buffer.consume(advance.taken);
            }
            Ok(None) | Err(_) => break,
        }
        // A large screen is legal; here it would only cost memory.
        if picture.size().area() > 1 << 22 {
            return;
        }
        assert!(picture.size().is_showable());
        assert_eq!(picture.pixels().len() as u64, picture.size().area());
    }
}

/// One rectangle in `encoding`: its place, and where the bytes are cut in two on their way, come from the first bytes.
/// Whole or in pieces, it is taken with the same pixels or refused (where two things are wrong, by either name).
pub fn decoder(encoding: i32, data: &[u8]) {
    let Some(([x, y, width, height, cut], body)) = data.split_first_chunk::<5>() else { return };
    let mut update = Vec::new();
    put_update(1, &mut update);
    put_rect(Rect::new((*x).into(), (*y).into(), (*width).into(), (*height).into()), encoding, &mut update);
    update.extend_from_slice(body);
    let asked = [encoding, *number::QUALITY.start()];
    let cut = update.len() * usize::from(*cut) / 256;
    let whole = decode(&asked, &[&update]);
    let (first, second) = update.split_at(cut);
    assert_eq!(whole, decode(&asked, &[first, second]), "in two pieces");
    if update.len() < 512 {
        let bytes: Vec<&[u8]> = update.chunks(1).collect();
        assert_eq!(whole, decode(&asked, &bytes), "byte by byte");
    }
}

/// The picture after all pieces; `None`: refused.
fn decode(asked: &[i32], pieces: &[&[u8]]) -> Option<Picture> {
    let mut stream = ServerStream::new(PixelFormat::NATIVE, asked);
    let mut picture = Picture::new(Size::new(200, 160));
    let mut buffer = Buffer::default();
    for piece in pieces {
        buffer.extend(piece);
        while let Some(advance) = stream.advance(buffer.unread(), &mut picture).ok()? {
            assert!(advance.taken <= buffer.unread().len());
            buffer.consume(advance.taken);
            if advance.event == Some(Event::UpdateEnded) {
                return Some(picture);
            }
        }
    }
    Some(picture)
}

/// A viewer's messages after the handshake: nothing is taken that is not there.
pub fn viewer_messages(data: &[u8]) {
    let mut stream = ClientStream::default();
    let mut at = 0;
    while let Ok(Some((taken, _))) = stream.advance(data.get(at..).unwrap_or_default()) {
        at += taken;
        assert!(at <= data.len());
    }
}

/// A site's side of the handshake, under every login and transport.
pub fn site_handshake(data: &[u8]) {
    let password = || "secret".to_owned().into();
    let logins = [Login::Nothing, Login::Password(password()), Login::User { name: "user".to_owned(), password: password() }];
    for login in logins {
        for transport in [Transport::Bare, Transport::Tls, Transport::Vencrypt] {
            let mut handshake = ClientHandshake::new(login.clone(), transport);
            let mut at = 0;
            while let Ok(Some((taken, asked))) = handshake.advance(data.get(at..).unwrap_or_default()) {
                at += taken;
                if asked == Some(crate::rfb::handshake::client::Asked::StartTls) {
                    handshake.tls_started();
                }
                if matches!(asked, Some(crate::rfb::handshake::client::Asked::Ready(_))) {
                    break;
                }
            }
        }
    }
}

/// A viewer's side of the handshake: nobody is let in who shows nothing, and nobody goes on who was sent away. Whose
/// bytes are even in number is let in.
pub fn viewer_handshake(data: &[u8]) {
    for offer in [Offer::X509Plain, Offer::InsideTls { vnc_auth: false }, Offer::InsideTls { vnc_auth: true }, Offer::VncAuth] {
        let mut handshake = ServerHandshake::new(offer, [7; 16]);
        let (mut at, mut accepted) = (0, false);
        while let Ok(Some((taken, asked))) = handshake.advance(data.get(at..).unwrap_or_default()) {
            at += taken;
            assert!(at <= data.len());
            match asked {
                Some(Asked::StartTls) => handshake.tls_started(),
                Some(Asked::Decide(credentials)) => {
                    assert_ne!(credentials, Credentials::Nothing);
                    assert!(!accepted, "asked once");
                    accepted = data.len().is_multiple_of(2);
                    let answer = if accepted { handshake.accept() } else { handshake.refuse("no") };
                    assert!(!answer.is_empty());
                }
                Some(Asked::Ready) => assert!(accepted, "a viewer that was refused went on"),
                _ => {}
            }
        }
    }
}

/// Settings: any text is read or refused by line and key.
pub fn settings(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Err(error) = crate::config::Config::parse(std::path::Path::new("fuzz.toml"), &text) {
        assert!(!error.problem.is_empty());
    }
}
