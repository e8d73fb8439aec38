//! What is encoded is decoded to the same pixels: every encoding, pixel format and odd size.

use lucarne::geometry::{Pixel, Rect, Size};
use lucarne::picture::Picture;
use lucarne::rfb::encoding::number::*;
use lucarne::rfb::encoding::{hextile, raw, tight, zlib, zrle};
use lucarne::rfb::server::{Event, ServerStream, put_rect, put_update};
use lucarne::rfb::{PixelFormat, Reader};
use proptest::prelude::*;

use super::encoders::{gradient, rre, trle};

fn format(wire: [u8; 16]) -> PixelFormat {
    PixelFormat::decode(&mut Reader::new(&wire)).unwrap()
}

/// 8, 16 and 32 bits, both endians, depth 24 and less, colours low, high and spread.
fn formats() -> Vec<PixelFormat> {
    vec![
        PixelFormat::NATIVE,
        format([32, 24, 1, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0]),
        format([32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 8, 16, 24, 0, 0, 0]),
        format([32, 24, 1, 1, 0, 255, 0, 255, 0, 255, 24, 16, 8, 0, 0, 0]),
        format([32, 32, 0, 1, 0, 255, 0, 255, 0, 255, 24, 12, 0, 0, 0, 0]),
        format([32, 15, 0, 1, 0, 31, 0, 31, 0, 31, 10, 5, 0, 0, 0, 0]),
        format([16, 16, 0, 1, 0, 31, 0, 63, 0, 31, 11, 5, 0, 0, 0, 0]),
        format([16, 16, 1, 1, 0, 31, 0, 63, 0, 31, 0, 5, 11, 0, 0, 0]),
        format([8, 8, 0, 1, 0, 7, 0, 7, 0, 3, 5, 2, 0, 0, 0, 0]),
        format([8, 8, 1, 1, 0, 7, 0, 7, 0, 3, 0, 3, 6, 0, 0, 0]),
    ]
}

/// A picture of few or many colours, with runs, of any size up to 150 × 70.
fn pictures() -> impl Strategy<Value = Picture> {
    (1u16..150, 1u16..70, 1u32..400, 1usize..40, any::<u64>()).prop_map(|(width, height, colours, run, seed)| {
        let (mut state, mut left, mut pixel) = (seed | 1, 0, Pixel::BLACK);
        let mut next = move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 20) as u32
        };
        let mut picture = Picture::new(Size::new(width, height));
        for y in 0..height {
            for place in picture.row_mut(0, y, width) {
                if left == 0 {
                    left = next() as usize % run + 1;
                    pixel = Pixel((next() % colours).wrapping_mul(0x9e37_79b1) & 0x00ff_ffff);
                }
                left -= 1;
                *place = pixel;
            }
        }
        picture
    })
}

fn quantised(picture: &Picture, format: &PixelFormat) -> Picture {
    let pixels: Vec<Pixel> = picture.pixels().iter().map(|p| format.quantise(*p)).collect();
    let mut shown = Picture::new(picture.size());
    shown.put(picture.size().rect(), &pixels);
    shown
}

/// Decodes updates in pieces of `piece` bytes onto a screen of the picture's size.
fn decoded(bytes: &[u8], size: Size, format: PixelFormat, piece: usize) -> Picture {
    let mut stream = ServerStream::new(format, &[COPY_RECT, RRE, CORRE, HEXTILE, ZLIB, TIGHT, TRLE, ZRLE]);
    let (mut shown, mut at, mut given, mut ended) = (Picture::new(size), 0, 0, false);
    while given < bytes.len() {
        given = (given + piece).min(bytes.len());
        while let Some(advance) = stream.advance(&bytes[at..given], &mut shown).unwrap() {
            at += advance.taken;
            ended |= advance.event == Some(Event::UpdateEnded);
        }
    }
    assert!(ended && at == bytes.len(), "everything was taken, and the update ended");
    shown
}

fn one_update(picture: &Picture, encoding: i32, body: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    put_update(1, &mut out);
    put_rect(picture.size().rect(), encoding, &mut out);
    body(&mut out);
    out
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_lucarne_encodes_decodes_to_the_same_pixels(picture in pictures(), which in 0usize..10, piece in 1usize..5000) {
        let format = formats()[which];
        let expected = quantised(&picture, &format);
        let updates = [
            one_update(&picture, RAW, |out| raw::encode(&picture, &format.pixel(), out)),
            one_update(&picture, HEXTILE, |out| hextile::encode(&picture, &format.pixel(), out)),
            one_update(&picture, ZLIB, |out| zlib::encode(&picture, &format.pixel(), &mut zlib::Deflater::default(), out)),
            one_update(&picture, ZRLE, |out| zrle::encode(&picture, &format.cpixel(), &mut zlib::Deflater::default(), out)),
            one_update(&picture, TIGHT, |out| {
                tight::encode(&picture, &format, tight::Loss::None, &mut tight::Deflaters::default(), out);
            }),
        ];
        for (n, update) in updates.iter().enumerate() {
            prop_assert!(decoded(update, picture.size(), format, piece) == expected, "encoder {n}, format {which}");
        }
    }

    #[test]
    fn streams_outlive_rectangles(first in pictures(), second in pictures(), piece in 1usize..5000) {
        let format = PixelFormat::NATIVE;
        let (mut deflater, mut streams) = (zlib::Deflater::default(), tight::Deflaters::default());
        let size = Size::new(150, 70);
        let (mut zrle_bytes, mut tight_bytes) = (Vec::new(), Vec::new());
        for picture in [&first, &second] {
            zrle_bytes.extend(one_update(picture, ZRLE, |out| zrle::encode(picture, &format.cpixel(), &mut deflater, out)));
            tight_bytes.extend(one_update(picture, TIGHT, |out| { tight::encode(picture, &format, tight::Loss::None, &mut streams, out); }));
        }
        let mut expected = Picture::new(size);
        expected.put(first.size().rect(), first.pixels());
        expected.put(second.size().rect(), second.pixels());
        prop_assert!(decoded(&zrle_bytes, size, format, piece) == expected);
        prop_assert!(decoded(&tight_bytes, size, format, piece) == expected);
    }

    #[test]
    fn rre_corre_trle_and_the_gradient_decode_to_the_same_pixels(picture in pictures(), which in 0usize..10, piece in 1usize..5000) {
        let format = formats()[which];
        let expected = quantised(&picture, &format);
        let mut updates = vec![
            one_update(&picture, RRE, |out| rre(&picture, &format, false, out)),
            one_update(&picture, CORRE, |out| rre(&picture, &format, true, out)),
            one_update(&picture, TRLE, |out| trle(&picture, &format, out)),
        ];
        if format.bytes() > 1 {
            updates.push(one_update(&picture, TIGHT, |out| gradient(&picture, &format, &mut zlib::Deflater::default(), out)));
        }
        for (n, update) in updates.iter().enumerate() {
            prop_assert!(decoded(update, picture.size(), format, piece) == expected, "encoder {n}, format {which}");
        }
    }

    #[test]
    fn copy_rect_copies_as_if_through_a_buffer(picture in pictures(), to in (0u16..40, 0u16..40), from in (0u16..40, 0u16..40), piece in 1usize..99) {
        let size = picture.size();
        let (width, height) = (size.width.saturating_sub(40).max(1), size.height.saturating_sub(40).max(1));
        prop_assume!(size.holds(Rect::new(to.0, to.1, width, height)) && size.holds(Rect::new(from.0, from.1, width, height)));
        let mut bytes = one_update(&picture, RAW, |out| raw::encode(&picture, &PixelFormat::NATIVE.pixel(), out));
        put_update(1, &mut bytes);
        put_rect(Rect::new(to.0, to.1, width, height), COPY_RECT, &mut bytes);
        bytes.extend([from.0.to_be_bytes(), from.1.to_be_bytes()].concat());
        let mut part = Picture::default();
        part.take(&picture, Rect::new(from.0, from.1, width, height));
        let mut expected = picture.clone();
        expected.put(Rect::new(to.0, to.1, width, height), part.pixels());
        prop_assert!(decoded(&bytes, size, PixelFormat::NATIVE, piece) == expected);
    }
}
