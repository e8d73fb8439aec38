//! What is encoded is decoded to the same pixels: every encoding, pixel format and odd size. Encodings that Lucarne
//! only decodes get a plain encoder here, from the specification's text.

use lucarne::geometry::{Pixel, Rect, Size};
use lucarne::picture::Picture;
use lucarne::rfb::encoding::number::*;
use lucarne::rfb::encoding::{hextile, raw, tight, zlib, zrle};
use lucarne::rfb::server::{Event, ServerStream, put_rect, put_update};
use lucarne::rfb::{PixelFormat, Reader};
use proptest::prelude::*;

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
            updates.push(one_update(&picture, TIGHT, |out| gradient(&picture, &format, out)));
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

/// RFC 6143 §7.7.3: every pixel that is not the background is a subrectangle of its own.
fn rre(picture: &Picture, format: &PixelFormat, compact: bool, out: &mut Vec<u8>) {
    let ground = picture.pixels()[0];
    let size = picture.size();
    let mut body = Vec::new();
    let mut count = 0u32;
    for y in 0..size.height {
        for (x, pixel) in (0u16..).zip(picture.row(0, y, size.width)).filter(|(_, p)| **p != ground) {
            count += 1;
            format.pixel().put(*pixel, &mut body);
            if compact {
                body.extend([x as u8, y as u8, 1, 1]);
            } else {
                [x, y, 1, 1].iter().for_each(|n: &u16| body.extend(n.to_be_bytes()));
            }
        }
    }
    out.extend(count.to_be_bytes());
    format.pixel().put(ground, out);
    out.extend(body);
}

/// RFC 6143 §7.7.5: solid, raw, plain runs, a palette of two, and the palette of the tile before, in turn.
fn trle(picture: &Picture, format: &PixelFormat, out: &mut Vec<u8>) {
    let shape = format.cpixel();
    let mut tile = Picture::default();
    let mut palette: Vec<Pixel> = Vec::new();
    for (n, rect) in picture.size().rect().pieces(16, 16).enumerate() {
        tile.take(picture, rect);
        let pixels = tile.pixels();
        let mut colours = pixels.to_vec();
        colours.sort_by_key(|p| p.0);
        colours.dedup();
        let indices = |out: &mut Vec<u8>, palette: &[Pixel]| {
            for row in pixels.chunks(usize::from(rect.width)) {
                for group in row.chunks(8) {
                    let byte = group.iter().enumerate().fold(0u8, |byte, (n, p)| byte | u8::from(*p == palette[1]) << (7 - n));
                    out.push(byte);
                }
            }
        };
        if colours.len() == 2 && palette == colours {
            out.push(127);
            indices(out, &colours);
        } else if colours.len() == 2 {
            out.push(2);
            shape.put_row(&colours, out);
            indices(out, &colours);
            palette = colours;
        } else if n % 2 == 0 {
            out.push(128);
            for run in pixels.chunk_by(|a, b| a == b) {
                shape.put(run[0], out);
                let more = run.len() - 1;
                out.extend(std::iter::repeat_n(255, more / 255));
                out.push((more % 255) as u8);
            }
        } else {
            out.push(0);
            shape.put_row(pixels, out);
        }
    }
}

/// rfbproto, "GradientFilter": each component less what left, up and up-left foretell.
fn gradient(picture: &Picture, format: &PixelFormat, out: &mut Vec<u8>) {
    let size = picture.size();
    let maxima = format.maxima();
    let at = |x: i32, y: i32| {
        let inside = x >= 0 && y >= 0;
        if inside { format.components(picture.row(x as u16, y as u16, 1)[0]) } else { [0; 3] }
    };
    let mut body = Vec::new();
    for y in 0..i32::from(size.height) {
        for x in 0..i32::from(size.width) {
            let (here, left, up, corner) = (at(x, y), at(x - 1, y), at(x, y - 1), at(x - 1, y - 1));
            let delta = std::array::from_fn(|n| {
                let foretold = (i16::from(left[n]) + i16::from(up[n]) - i16::from(corner[n])).clamp(0, maxima[n].into());
                ((i16::from(here[n]) - foretold) as u8) & maxima[n]
            });
            format.tpixel().put(format.from_components(delta), &mut body);
        }
    }
    out.extend([0x40, 2]);
    if body.len() < 12 {
        return out.extend(body);
    }
    let mut data = Vec::new();
    zlib::Deflater::default().compress(&body, &mut data);
    let length = data.len();
    match length {
        0..=127 => out.push(length as u8),
        128..=16_383 => out.extend([(length & 127) as u8 | 128, (length >> 7) as u8]),
        _ => out.extend([(length & 127) as u8 | 128, (length >> 7 & 127) as u8 | 128, (length >> 14) as u8]),
    }
    out.extend(data);
}
