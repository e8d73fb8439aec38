//! Every oracle of `lucarne::fuzzing` over mutated streams. `LUCARNE_FUZZ` says how many inputs each gets;
//! `LUCARNE_SEEDS` names a folder to which the seeds are written, for `fuzz/run`.

use lucarne::fuzzing;

use super::dice::Dice;

fn run(name: &str, seeds: &[Vec<u8>], oracle: impl Fn(&[u8])) {
    if let Ok(folder) = std::env::var("LUCARNE_SEEDS") {
        let folder = std::path::Path::new(&folder).join(name);
        std::fs::create_dir_all(&folder).unwrap();
        for (n, seed) in seeds.iter().enumerate() {
            std::fs::write(folder.join(n.to_string()), seed).unwrap();
        }
    }
    let inputs: usize = std::env::var("LUCARNE_FUZZ").ok().and_then(|n| n.parse().ok()).unwrap_or(2000);
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    seeds.iter().for_each(|seed| oracle(seed));
    for n in 0..inputs {
        let seed = &seeds[n % seeds.len()];
        oracle(&dice.mutate(seed));
    }
}

/// An update of one rectangle in each encoding, as our own encoders and the specification lay it out.
pub fn site_seeds() -> Vec<Vec<u8>> {
    let head = |encoding: i32, w: u8, h: u8| {
        let mut out = vec![0, 0, 0, 1, 0, 2, 0, 3, 0, w, 0, h];
        out.extend(encoding.to_be_bytes());
        out
    };
    let with = |encoding, w, h, body: &[u8]| [head(encoding, w, h), body.to_vec()].concat();
    let mut seeds = vec![
        with(0, 2, 1, &[1, 2, 3, 0, 4, 5, 6, 0]),
        with(1, 4, 4, &[0, 9, 0, 9]),
        with(2, 8, 8, &[0, 0, 0, 1, 1, 1, 1, 0, 2, 2, 2, 0, 0, 1, 0, 1, 0, 3, 0, 3]),
        with(4, 8, 8, &[0, 0, 0, 1, 1, 1, 1, 0, 2, 2, 2, 0, 1, 1, 3, 3]),
        with(5, 16, 16, &[14, 1, 1, 1, 0, 2, 2, 2, 0, 1, 0x11, 0x33]),
        with(15, 16, 16, &[1, 9, 9, 9]),
        with(15, 4, 2, &[130, 1, 1, 1, 2, 2, 2, 0x80, 3, 1, 1, 0, 0x80, 0]),
        with(7, 30, 30, &[0x80, 1, 2, 3]),
        with(7, 2, 2, &[0x40, 1, 1, 1, 2, 3, 4, 5, 6, 0x80, 0x40]),
        with(7, 1, 1, &[0x40, 2, 9, 9, 9]),
        with(-223, 100, 100, &[]),
        with(-308, 100, 100, &[1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 100, 0, 100, 0, 0, 0, 0]),
        with(-307, 0, 0, &[0, 0, 0, 3, b'a', b'b', b'c']),
        vec![3, 0, 0, 0, 0, 0, 0, 2, b'h', b'i', 2, 150, 248, 0, 0, 0, 0x80, 0, 0, 1, 2, 9, 9],
        vec![1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 11, 0, 0, 0, 0xff, 0xff, 0xff, 0xff],
    ];
    use lucarne::geometry::{Pixel, Rect, Size};
    use lucarne::rfb::encoding::{tight, zlib, zrle};
    use lucarne::rfb::server::{put_rect, put_update};
    let mut picture = lucarne::picture::Picture::new(Size::new(70, 40));
    for y in 0..40 {
        for (x, pixel) in picture.row_mut(0, y, 70).iter_mut().enumerate() {
            *pixel = Pixel::rgb((x * 3) as u8, if x % 7 < 3 { 200 } else { y as u8 }, 5);
        }
    }
    let (format, rect) = (lucarne::rfb::PixelFormat::NATIVE, Rect::new(1, 1, 70, 40));
    for kind in 0..4 {
        let mut out = Vec::new();
        put_update(1, &mut out);
        put_rect(rect, [6, 16, 7, 7][kind], &mut out);
        match kind {
            0 => zlib::encode(&picture, &format.pixel(), &mut zlib::Deflater::default(), &mut out),
            1 => zrle::encode(&picture, &format.cpixel(), &mut zlib::Deflater::default(), &mut out),
            2 => {
                tight::encode(&picture, &format, tight::Loss::None, &mut tight::Deflaters::default(), &mut out);
            }
            _ => {
                tight::encode(&noise(), &format, tight::Loss::OfPhotographs(50), &mut tight::Deflaters::default(), &mut out);
            }
        }
        seeds.push(out);
    }
    seeds
}

fn noise() -> lucarne::picture::Picture {
    let mut picture = lucarne::picture::Picture::new(lucarne::geometry::Size::new(70, 40));
    let mut dice = Dice(77);
    for y in 0..40 {
        picture.row_mut(0, y, 70).iter_mut().for_each(|p| *p = lucarne::geometry::Pixel(dice.roll(1 << 24)));
    }
    picture
}

#[test]
fn fuzz_site_messages() {
    run("site_messages", &site_seeds(), fuzzing::site_messages);
}

#[test]
fn fuzz_viewer_messages() {
    let seeds = [
        vec![0, 0, 0, 0, 32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0, 2, 0, 0, 2, 0, 0, 0, 7, 255, 255, 255, 33],
        vec![3, 0, 0, 0, 0, 0, 1, 0, 1, 0, 4, 1, 0, 0, 0, 0, 0, 97, 5, 1, 0, 1, 0, 1, 6, 0, 0, 0, 0, 0, 0, 1, 65],
        vec![
            150, 1, 0, 0, 0, 0, 1, 0, 1, 0, 248, 0, 0, 0, 128, 0, 0, 0, 1, 7, 251, 0, 0, 9, 0, 9, 0, 0, 253, 129, 0, 1, 3, 255,
            1, 0, 0,
        ],
    ];
    run("viewer_messages", &seeds, fuzzing::viewer_messages);
}

#[test]
fn fuzz_site_handshake() {
    let init = [&[0, 9, 0, 9, 32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0, 0, 0, 0, 1][..], b"x"].concat();
    let seeds = [
        [b"RFB 003.008\n\x01\x01\0\0\0\0".to_vec(), init.clone()].concat(),
        [b"RFB 003.003\n\0\0\0\x01".to_vec(), init.clone()].concat(),
        [b"RFB 003.008\n\x01\x02".to_vec(), vec![9; 16], vec![0; 4], init.clone()].concat(),
        b"RFB 003.008\n\x01\x13\0\x02\0\x03\0\0\x01\x04\0\0\x01\x05\0\0\x01\x06\x01".to_vec(),
        [b"RFB 003.008\n\x01\x10\0\0\0\0\0\0\0\0\0\0\0\0".to_vec(), init, vec![0; 8]].concat(),
        b"RFB 003.008\n\0\0\0\0\x04oops".to_vec(),
    ];
    run("site_handshake", &seeds, fuzzing::site_handshake);
}

#[test]
fn fuzz_viewer_handshake() {
    let seeds = [
        b"RFB 003.008\n\x13\0\x02\0\0\x01\x06".to_vec(),
        b"RFB 003.008\n\x13\0\x02\0\0\x01\0\0\0\0\x02\0\0\0\x03abxyz\x01".to_vec(),
        // An even number of bytes is let in: up to ClientInit, and more after it.
        b"RFB 003.008\n\x13\0\x02\0\0\x01\0\0\0\0\x02\0\0\0\x04abwxyz\x01\x03".to_vec(),
        [b"RFB 003.003\n".to_vec(), vec![5; 16], vec![1]].concat(),
        [b"RFB 003.008\n\x02".to_vec(), vec![5; 16], vec![1]].concat(),
    ];
    run("viewer_handshake", &seeds, fuzzing::viewer_handshake);
}

#[test]
fn fuzz_settings() {
    let text = include_bytes!("../../src/cli/lucarne.toml").to_vec();
    run("settings", &[text], fuzzing::settings);
}

/// The rectangles among the seeds, as the oracle of one decoder takes them.
fn decoder_seeds(encoding: i32) -> Vec<Vec<u8>> {
    let rects = site_seeds().into_iter().filter(|seed| seed.len() > 16 && seed[..4] == [0, 0, 0, 1]);
    let of_it = rects.filter(|seed| seed[12..16] == encoding.to_be_bytes());
    of_it.map(|seed| [&[seed[5], seed[7], seed[9], seed[11], 100], &seed[16..]].concat()).collect()
}

#[test]
fn fuzz_each_decoder() {
    use lucarne::rfb::encoding::number::*;
    for (name, encoding) in [
        ("raw", RAW),
        ("copy_rect", COPY_RECT),
        ("rre", RRE),
        ("corre", CORRE),
        ("hextile", HEXTILE),
        ("zlib", ZLIB),
        ("tight", TIGHT),
        ("trle", TRLE),
        ("zrle", ZRLE),
    ] {
        let seeds = decoder_seeds(encoding);
        assert!(!seeds.is_empty(), "{name}");
        run(&format!("decode_{name}"), &seeds, |data| fuzzing::decoder(encoding, data));
    }
}
