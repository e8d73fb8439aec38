//! Plain encoders, from the specification's text, of what Lucarne only decodes.

use lucarne::geometry::Pixel;
use lucarne::picture::Picture;
use lucarne::rfb::PixelFormat;
use lucarne::rfb::encoding::zlib::Deflater;

/// RFC 6143 §7.7.3: every pixel that is not the background is a subrectangle of its own.
pub fn rre(picture: &Picture, format: &PixelFormat, compact: bool, out: &mut Vec<u8>) {
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
pub fn trle(picture: &Picture, format: &PixelFormat, out: &mut Vec<u8>) {
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
pub fn gradient(picture: &Picture, format: &PixelFormat, stream: &mut Deflater, out: &mut Vec<u8>) {
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
    stream.compress(&body, &mut data);
    let length = data.len();
    match length {
        0..=127 => out.push(length as u8),
        128..=16_383 => out.extend([(length & 127) as u8 | 128, (length >> 7) as u8]),
        _ => out.extend([(length & 127) as u8 | 128, (length >> 7 & 127) as u8 | 128, (length >> 14) as u8]),
    }
    out.extend(data);
}
