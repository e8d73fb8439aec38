//! Classes of faults that other VNC programs had (their CVEs are named), and that no bytes may find here.

use lucarne::fuzzing;
use lucarne::rfb::client::ClientStream;
use lucarne::rfb::encoding::number::{CURSOR, HEXTILE, TIGHT, ZLIB, ZRLE};
use lucarne::rfb::encoding::zlib::Deflater;
use lucarne::rfb::error::ProtocolError;
use lucarne::rfb::handshake::server::{Asked, Offer, ServerHandshake, ServerHandshakeError};
use lucarne::rfb::server::{Dropped, Event, ServerStream};
use lucarne::rfb::{PixelFormat, Reader};

use super::fuzz::site_seeds;
use super::golden::{play, rect, update};

fn code(encoding: i32, rect: Vec<u8>) -> Option<&'static str> {
    play(&[encoding], &update(&[rect])).2.err().map(|error| error.code().up)
}

/// RealVNC CVE-2008-4770: the number of an encoding is no index.
#[test]
fn class_encoding_number_trusted() {
    for encoding in [3, 99, 255, -1, 0x7fff_ffff, i32::MIN, 9, 10, 17, 20, 21, 22, 25, 50, -260, -305, -309] {
        let (_, _, end) = play(&[TIGHT], &update(&[rect(0, 0, 1, 1, encoding, &[0; 64])]));
        assert_eq!(end.unwrap_err(), ProtocolError::EncodingNotRequested(encoding));
    }
}

/// LibVNCClient CVE-2026-44988, TigerVNC CVE-2019-15693 and 15691: scratch space of a fixed size.
#[test]
fn class_fixed_scratch_buffer() {
    for control in [&[0x00][..], &[0x40, 0], &[0x40, 1, 1, 0, 0, 0, 9, 9, 9], &[0x40, 2]] {
        let lies = update(&[rect(0, 0, 2049, 1, TIGHT, &[control, &[0; 64]].concat())]);
        let mut wide = lucarne::picture::Picture::new(lucarne::geometry::Size::new(4096, 2));
        let mut stream = ServerStream::new(PixelFormat::NATIVE, &[TIGHT]);
        let mut at = 0;
        let end = loop {
            match stream.advance(&lies[at..], &mut wide) {
                Ok(Some(advance)) => at += advance.taken,
                Ok(None) => break None,
                Err(error) => break Some(error),
            }
        };
        assert_eq!(end, Some(ProtocolError::Tight("wider than 2048 pixels")), "{control:?}");
    }
    let index = [0x40, 1, 2, 1, 1, 1, 2, 2, 2, 3, 3, 3, 0, 1, 2, 3];
    assert_eq!(code(TIGHT, rect(0, 0, 2, 2, TIGHT, &index)), Some("up.tight"), "an index past the palette");
    let mut data = Vec::new();
    Deflater::default().compress(&[128, 1, 1, 1, 255, 255, 9], &mut data);
    let body = [&(data.len() as u32).to_be_bytes()[..], &data].concat();
    assert_eq!(code(ZRLE, rect(0, 0, 4, 4, ZRLE, &body)), Some("up.zrle_run"), "a run past its tile");
}

/// LibVNCClient CVE-2016-9942 and 2026-50538, UltraVNC CVE-2019-8262, TightVNC CVE-2019-15680: too little, too much by
/// one, a million times too much, a checksum that is wrong, and blocks without end that hold nothing.
#[test]
fn class_decompressed_size() {
    let behind_length = |data: &[u8]| [&(data.len() as u32).to_be_bytes()[..], data].concat();
    let packed = |bytes: &[u8]| {
        let mut data = Vec::new();
        Deflater::default().compress(bytes, &mut data);
        data
    };
    // 16×16 pixels: 1,024 bytes of Zlib, a raw tile of 769 of ZRLE.
    let of = |encoding, data: &[u8]| code(encoding, rect(0, 0, 16, 16, encoding, &behind_length(data)));
    for (encoding, right) in [(ZLIB, 1024), (ZRLE, 769)] {
        assert_eq!(of(encoding, &packed(&vec![0; right])), None, "{encoding}");
        for (length, error) in [(0, "up.inflate"), (right - 1, "up.inflate"), (right + 1, "up.inflate_limit")] {
            assert_eq!(of(encoding, &packed(&vec![0; length])), Some(error), "{encoding} of {length} bytes");
        }
        assert_eq!(of(encoding, &packed(&vec![0; 100_000_000])), Some("up.inflate_limit"));
        // An end of the stream (a last, fixed block of nothing) whose Adler-32 is another's.
        let mut corrupt = packed(&vec![0; right]);
        corrupt.extend([3, 0, 0xde, 0xad, 0xbe, 0xef]);
        assert_eq!(of(encoding, &corrupt), Some("up.inflate"), "{encoding}, a wrong checksum");
        // Stored blocks of nothing: a few are passed over, and then the pixels are missing; more than pixels could
        // need are not even read.
        let empty = |n| [&[0x78, 0x01][..], &[0, 0, 0, 0xff, 0xff].repeat(n)].concat();
        assert_eq!(of(encoding, &empty(50)), Some("up.inflate"), "{encoding}, blocks of nothing");
        assert_eq!(of(encoding, &empty(200_000)), Some("up.inflate_limit"), "{encoding}, blocks of nothing");
    }
}

/// TigerVNC CVE-2019-15695, LibVNCClient CVE-2019-15690: a cursor's size.
#[test]
fn class_cursor() {
    for (width, height) in [(65_535, 65_535), (1025, 1), (1, 65_535)] {
        assert_eq!(code(CURSOR, rect(0, 0, width, height, CURSOR, &[0; 64])), Some("up.encoding_not_requested"));
    }
    let (_, _, end) = play(&[CURSOR], &update(&[rect(0, 0, 0, 5, CURSOR, &[])]));
    assert_eq!(end, Ok(()), "none at all is one");
    let (_, _, end) = play(&[TIGHT], &update(&[rect(0, 0, 8, 8, CURSOR, &[0; 264])]));
    assert_eq!(end.unwrap_err().code().up, "up.encoding_not_requested", "nobody asked for it");
}

/// LibVNCServer CVE-2018-7225, TigerVNC CVE-2017-7395, QEMU CVE-2015-5239 and 2022-3165: both ways.
#[test]
fn class_cut_text_length() {
    for length in [0x7fff_ffffu32, 0x8000_0000, 0x8000_0001, 1 << 21] {
        let told = [&[3, 0, 0, 0][..], &length.to_be_bytes()].concat();
        assert_eq!(play(&[], &told).2.unwrap_err().code().up, "up.cuttext", "{length:x}");
        let said = [&[6, 0, 0, 0][..], &length.to_be_bytes()].concat();
        assert_eq!(ClientStream::default().advance(&said).unwrap_err().code().dn, "dn.cuttext", "{length:x}");
    }
    // Small negative lengths are the extended clipboard: as many bytes are passed over.
    for length in [-1i32, -3, -4] {
        let bytes = [&[3, 0, 0, 0][..], &length.to_be_bytes(), &[0xee; 4][..length.unsigned_abs() as usize], &[2]].concat();
        let (_, events, end) = play(&[], &bytes);
        assert_eq!((events, end), (vec![Event::Dropped(Dropped::CutText), Event::Dropped(Dropped::Bell)], Ok(())));
    }
}

/// LibVNCClient CVE-2018-20021, Vino CVE-2013-5745, QEMU CVE-2023-3255: every message, cut at every byte.
#[test]
fn class_infinite_loop() {
    for seed in site_seeds() {
        for length in 0..seed.len() {
            // The oracle counts its steps.
            fuzzing::site_messages(&seed[..length]);
        }
    }
    for kind in 0..=255u8 {
        for length in 0..24 {
            fuzzing::viewer_messages(&[&[kind][..], &[0; 24][..length]].concat());
            fuzzing::viewer_messages(&[&[kind][..], &[255; 24][..length]].concat());
        }
    }
}

/// LibVNCServer CVE-2014-6054, QEMU CVE-2015-8504: a scale of nothing, a colour of no values.
#[test]
fn class_divide_by_zero() {
    assert!(ClientStream::default().advance(&[8, 0, 0, 0]).is_ok(), "SetScale 0 is dropped like any other");
    let native = [32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0];
    for field in 0..13 {
        for value in [0, 0xff] {
            let mut wire = native;
            wire[field] = value;
            // Refused, or a format that can be used.
            if let Ok(format) = PixelFormat::decode(&mut Reader::new(&wire)) {
                let white = lucarne::geometry::Pixel::WHITE;
                assert!(format.quantise(white).r() > 0, "field {field} is {value}");
            }
        }
    }
}

/// QEMU CVE-2014-7815, gtk-vnc CVE-2017-5885.
#[test]
fn class_pixel_format() {
    for bits in [0, 1, 24, 64, 255] {
        let wire = [bits, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0];
        assert!(PixelFormat::decode(&mut Reader::new(&wire)).is_err(), "{bits} bits");
    }
    for (first, count) in [(0u16, 257u16), (256, 1), (65_535, 65_535), (200, 57)] {
        let map = [&[1, 0][..], &first.to_be_bytes(), &count.to_be_bytes()].concat();
        assert_eq!(play(&[], &map).2.unwrap_err().code().up, "up.colour_map", "{first} and {count}");
    }
}

/// LibVNCServer CVE-2014-6055 and 2018-15127, LibVNCClient CVE-2020-14405, UltraVNC CVE-2019-8267: both ways.
#[test]
fn class_file_transfer_and_chat() {
    for kind in 0..=20u8 {
        let message = [7, kind, 0, 0, 0, 0, 0, 9, 0xff, 0xff, 0xff, 0xff];
        assert_eq!(play(&[], &message).2.unwrap_err().code().up, "up.unknown_message");
        assert_eq!(ClientStream::default().advance(&message).unwrap_err().code().dn, "dn.unknown_message");
    }
    let chat = [11, 0, 0, 0, 0xff, 0xff, 0xff, 0xfc];
    assert_eq!(play(&[], &chat).2.unwrap_err().code().up, "up.input_too_long");
    assert_eq!(ClientStream::default().advance(&chat).unwrap_err().code().dn, "dn.input_too_long");
}

/// TurboVNC CVE-2019-15683, TigerVNC CVE-2017-7393: both ways.
#[test]
fn class_fence() {
    for (length, allowed) in [(0u8, true), (64, true), (65, false), (255, false)] {
        let fence = [&[248, 0, 0, 0, 0x80, 0, 0, 0, length][..], &vec![7; length.into()]].concat();
        assert_eq!(play(&[], &fence).2.is_ok(), allowed, "{length} from a site");
        assert_eq!(ClientStream::default().advance(&fence).is_ok(), allowed, "{length} from a viewer");
    }
}

/// RealVNC CVE-2006-2369, neatvnc CVE-2024-42458: what was not offered is not taken, by number or by subtype.
#[test]
fn class_auth_bypass() {
    for offer in [Offer::X509Plain, Offer::InsideTls { vnc_auth: false }, Offer::InsideTls { vnc_auth: true }, Offer::VncAuth] {
        for kind in 0..=255u8 {
            let said = [&b"RFB 003.008\n"[..], &[kind]].concat();
            let offered = kind == 19 && offer != Offer::VncAuth
                || kind == 2 && matches!(offer, Offer::VncAuth | Offer::InsideTls { vnc_auth: true });
            assert_eq!(led(offer, &said).is_ok(), offered, "{offer:?}, type {kind}");
        }
    }
    for subtype in (0..=300).chain([65_536, u32::MAX]).filter(|subtype| *subtype != 262) {
        let said = [&b"RFB 003.008\n\x13\0\x02"[..], &subtype.to_be_bytes()].concat();
        assert_eq!(led(Offer::X509Plain, &said), Err(ServerHandshakeError::TypeNotOffered(subtype)));
    }
}

/// Leads a viewer who says all this at once; what is asked of us in the end.
fn led(offer: Offer, mut said: &[u8]) -> Result<Option<Asked>, ServerHandshakeError> {
    let mut handshake = ServerHandshake::new(offer, [3; 16]);
    let mut last = None;
    while let Some((taken, asked)) = handshake.advance(said)? {
        said = &said[taken..];
        if asked == Some(Asked::StartTls) {
            return Ok(asked);
        }
        last = asked.or(last);
    }
    Ok(last)
}

/// gtk-vnc CVE-2017-5884: a Hextile tile's colours from before are never what memory held.
#[test]
fn class_stale_memory_in_hextile() {
    let (picture, _, end) = play(&[HEXTILE], &update(&[rect(0, 0, 4, 4, HEXTILE, &[0])]));
    assert_eq!(end, Ok(()));
    assert!(picture.pixels().iter().all(|pixel| pixel.0 == 0), "a colour that was never set is black");
    let mut stream = ServerStream::new(PixelFormat::NATIVE, &[HEXTILE]);
    assert!(!stream.is_inside_message() && stream.advance(&[], &mut picture.clone()).unwrap().is_none());
}
