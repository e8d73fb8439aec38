//! Chance that is the same in every run: numbers, pictures, streams of valid updates, and changes to bytes.

use lucarne::geometry::{Pixel, Rect, Size};
use lucarne::picture::Picture;
use lucarne::rfb::PixelFormat;
use lucarne::rfb::encoding::number::{COPY_RECT, CORRE, HEXTILE, RRE, TIGHT, TRLE, ZLIB, ZRLE};
use lucarne::rfb::encoding::{hextile, raw, tight, zlib, zrle};
use lucarne::rfb::server::{put_rect, put_update};

use super::encoders::{rre, trle};

/// The screen of the streams.
pub const SIZE: Size = Size::new(140, 90);

pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, below: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 20) as u32 % below.max(1)
    }

    /// A place in so many things.
    pub fn index(&mut self, of: usize) -> usize {
        self.roll(of as u32) as usize
    }

    /// A picture of few or many colours, in runs short or long.
    pub fn picture(&mut self, size: Size) -> Picture {
        let (colours, run) = ([1, 2, 3, 9, 40, 300, 100_000][self.index(7)], 1 + self.roll(50));
        let (mut picture, mut left, mut pixel) = (Picture::new(size), 0, Pixel::BLACK);
        for y in 0..size.height {
            for place in picture.row_mut(0, y, size.width) {
                if left == 0 {
                    left = 1 + self.roll(run);
                    pixel = Pixel(self.roll(colours).wrapping_mul(0x9e37_79b1) & 0x00ff_ffff);
                }
                left -= 1;
                *place = pixel;
            }
        }
        picture
    }

    /// So many updates of odd rectangles in one encoding, each a part of a picture of its own.
    pub fn session(&mut self, encoding: i32, updates: usize) -> Vec<u8> {
        let (format, mut out) = (PixelFormat::NATIVE, Vec::new());
        let (mut zlib, mut streams) = (zlib::Deflater::default(), tight::Deflaters::default());
        for _ in 0..updates {
            let (x, y) = (self.roll(100) as u16, self.roll(60) as u16);
            let (width, height) =
                (1 + self.roll(u32::from(SIZE.width - x)) as u16, 1 + self.roll(u32::from(SIZE.height - y)) as u16);
            let rect = Rect::new(x, y, width, height);
            let picture = self.picture(rect.size());
            put_update(1, &mut out);
            put_rect(rect, encoding, &mut out);
            match encoding {
                TIGHT => drop(tight::encode(&picture, &format, tight::Loss::None, &mut streams, &mut out)),
                ZRLE => zrle::encode(&picture, &format.cpixel(), &mut zlib, &mut out),
                ZLIB => zlib::encode(&picture, &format.pixel(), &mut zlib, &mut out),
                HEXTILE => hextile::encode(&picture, &format.pixel(), &mut out),
                RRE => rre(&picture, &format, false, &mut out),
                CORRE => rre(&picture, &format, true, &mut out),
                TRLE => trle(&picture, &format, &mut out),
                COPY_RECT => out.extend([x / 2, y / 3].map(u16::to_be_bytes).concat()),
                _ => raw::encode(&picture, &format.pixel(), &mut out),
            }
        }
        out
    }

    /// Values that lengths and coordinates break on.
    fn edge(&mut self) -> u8 {
        [0, 1, 2, 15, 16, 63, 64, 127, 128, 129, 130, 254, 255][self.index(13)]
    }

    /// The same bytes with one to six of their places changed, cut, doubled or left out.
    pub fn mutate(&mut self, seed: &[u8]) -> Vec<u8> {
        let mut data = seed.to_vec();
        for _ in 0..1 + self.roll(6) {
            let at = self.index(data.len());
            match self.roll(6) {
                0 => data.truncate(at),
                1 => data.insert(at, self.edge()),
                2 if !data.is_empty() => {
                    data.remove(at);
                }
                3 => {
                    let length = self.index(64);
                    let piece: Vec<u8> = data.iter().skip(at).take(length).copied().collect();
                    let to = self.index(data.len());
                    data.splice(to..to, piece);
                }
                4 if !data.is_empty() => data[at] ^= 1 << self.roll(8),
                _ if !data.is_empty() => data[at] = self.edge(),
                _ => {}
            }
        }
        data
    }

    /// The same bytes with one to three of them changed: their number stays.
    pub fn touch(&mut self, seed: &[u8]) -> Vec<u8> {
        let mut data = seed.to_vec();
        for _ in 0..1 + self.roll(3) {
            let at = self.index(data.len());
            data[at] = if self.roll(2) == 0 { self.edge() } else { data[at] ^ 1 << self.roll(8) };
        }
        data
    }
}
