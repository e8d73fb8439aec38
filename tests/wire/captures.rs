//! Streams of real servers (`tests/data/captures`) decode to exactly the screens beside them, however they arrive.

use std::path::Path;

use lucarne::geometry::{Pixel, Size};
use lucarne::picture::Picture;
use lucarne::rfb::handshake::client::{Asked, ClientHandshake, Login, Transport};
use lucarne::rfb::server::{Event, ServerStream};
use lucarne::rfb::{Buffer, PixelFormat};

struct Capture {
    encodings: Vec<i32>,
    bytes: Vec<u8>,
    screen: Vec<Pixel>,
    size: Size,
}

fn load(name: &str) -> Capture {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/captures");
    let packed = std::fs::read(folder.join(format!("{name}.rfbcap.zst"))).unwrap();
    let file = zstd::decode_all(&packed[..]).unwrap();
    let header_end = file.iter().position(|b| *b == b'\n').unwrap();
    let header: serde_json::Value = serde_json::from_slice(&file[..header_end]).unwrap();
    let encodings = header["encoding_numbers"].as_array().unwrap().iter().map(|n| n.as_i64().unwrap() as i32).collect();
    let mut bytes = Vec::new();
    let mut rest = &file[header_end + 1..];
    while rest.len() >= 8 {
        let length = u32::from_be_bytes(rest[4..8].try_into().unwrap()) as usize;
        bytes.extend_from_slice(&rest[8..8 + length]);
        rest = &rest[8 + length..];
    }
    let png = image::open(folder.join(format!("{name}.png"))).unwrap().to_rgb8();
    let size = Size::new(png.width() as u16, png.height() as u16);
    let screen = png.pixels().map(|p| Pixel::rgb(p[0], p[1], p[2])).collect();
    Capture { encodings, bytes, screen, size }
}

/// Plays the server's bytes in pieces of the lengths given, handshake included.
fn play(capture: &Capture, mut pieces: impl FnMut() -> usize) -> Picture {
    let mut buffer = Buffer::default();
    let mut handshake = Some(ClientHandshake::new(Login::Nothing, Transport::Bare));
    let mut stream = ServerStream::new(PixelFormat::NATIVE, &capture.encodings);
    let mut picture = Picture::default();
    let mut updates = 0;
    let mut rest = &capture.bytes[..];
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(pieces().clamp(1, rest.len()));
        rest = after;
        buffer.extend(piece);
        while let Some(machine) = &mut handshake {
            let Some((taken, asked)) = machine.advance(buffer.unread()).unwrap() else { break };
            buffer.consume(taken);
            if let Some(Asked::Ready(entered)) = asked {
                picture = Picture::new(entered.init.size);
                handshake = None;
            }
        }
        while handshake.is_none() {
            let Some(advance) = stream.advance(buffer.unread(), &mut picture).unwrap() else { break };
            buffer.consume(advance.taken);
            updates += u32::from(advance.event == Some(Event::UpdateEnded));
        }
    }
    assert!(updates > 1, "the capture holds updates");
    picture
}

/// Pixels that differ, and by how many levels at most.
fn difference(picture: &Picture, capture: &Capture) -> (usize, u8) {
    assert_eq!(picture.size(), capture.size);
    let channels = |p: Pixel| [p.r(), p.g(), p.b()];
    let levels = picture
        .pixels()
        .iter()
        .zip(&capture.screen)
        .map(|(a, b)| channels(*a).iter().zip(channels(*b)).map(|(a, b)| a.abs_diff(b)).max().unwrap());
    levels.fold((0, 0), |(count, most), level| (count + usize::from(level > 0), most.max(level)))
}

/// Whole, byte by byte, and in random pieces.
fn ways() -> [Box<dyn FnMut() -> usize>; 3] {
    let mut seed = 0x2545_f491_4f6c_dd1du64;
    let random = move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        1 + (seed % if seed & 64 == 0 { 7 } else { 9000 }) as usize
    };
    [Box::new(|| usize::MAX), Box::new(|| 1), Box::new(random)]
}

#[track_caller]
fn decodes_exactly(name: &str) {
    let capture = load(name);
    for (n, mut pieces) in ways().into_iter().enumerate() {
        assert_eq!(difference(&play(&capture, &mut pieces), &capture), (0, 0), "{name}, way {n}");
    }
}

#[test]
fn tigervnc_hextile_decodes_to_its_screen() {
    decodes_exactly("tiger-hextile-office");
}

#[test]
fn tigervnc_raw_decodes_to_its_screen() {
    decodes_exactly("tiger-raw-office");
}

#[test]
fn tigervnc_lossless_tight_decodes_to_its_screen() {
    decodes_exactly("tiger-tight-lossless-office");
}

#[test]
fn x11vnc_hextile_decodes_to_its_screen() {
    decodes_exactly("x11vnc-hextile-office");
}

#[test]
fn x11vnc_lossless_tight_decodes_to_its_screen() {
    decodes_exactly("x11vnc-tight-lossless-office");
}

/// The server draws its pointer into the picture of a client that never moved it: 46 pixels.
#[track_caller]
fn decodes_but_for_the_pointer(name: &str) {
    let capture = load(name);
    for mut pieces in ways() {
        let picture = play(&capture, &mut pieces);
        let (count, _) = difference(&picture, &capture);
        assert_eq!(count, 46, "{name}");
        let width = usize::from(capture.size.width);
        for (n, (a, b)) in picture.pixels().iter().zip(&capture.screen).enumerate() {
            let (x, y) = (n % width, n / width);
            assert!(a == b || ((508..=516).contains(&x) && (376..=391).contains(&y)), "{name} differs at {x},{y}");
        }
    }
}

#[test]
fn tigervnc_zrle_with_copyrect_decodes_to_its_screen_but_for_the_drawn_pointer() {
    decodes_but_for_the_pointer("tiger-zrle-term-copyrect");
}

#[test]
fn tigervnc_tight_with_copyrect_decodes_to_its_screen_but_for_the_drawn_pointer() {
    decodes_but_for_the_pointer("tiger-tight-term-copyrect");
}

#[test]
fn tigervnc_tight_with_jpeg_decodes_within_six_levels_of_its_screen() {
    let capture = load("tiger-tight-q8-office");
    for mut pieces in ways() {
        let (count, most) = difference(&play(&capture, &mut pieces), &capture);
        assert!(most <= 6, "{count} pixels differ, by {most} levels at most");
    }
}
