//! PIXEL_FORMAT (RFC 6143 §7.4) and the three shapes in which a pixel travels: PIXEL, CPIXEL (§7.7.5) and TPIXEL.

use std::fmt;

use super::Reader;
use super::codec::Put;
use super::error::{Halt, ProtocolError};
use crate::geometry::Pixel;

/// One colour of a true-colour format: `max` is 2^k−1, at most 255.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Channel {
    pub max: u8,
    pub shift: u8,
}

impl Channel {
    fn bits(self) -> u32 {
        u32::from(self.max).count_ones()
    }

    fn mask(self) -> u32 {
        u32::from(self.max) << self.shift
    }

    fn pack(self, value: u8) -> u32 {
        ((u32::from(value) * u32::from(self.max) + 127) / 255) << self.shift
    }

    fn unpack(self, word: u32) -> u8 {
        let max = u32::from(self.max);
        let value = (word >> self.shift) & max;
        ((value * 255 + max / 2) / max.max(1)) as u8
    }
}

/// A true-colour pixel format that was checked. Colour maps are refused: `SetColourMapEntries` desynchronises viewers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PixelFormat {
    bits_per_pixel: u8,
    depth: u8,
    big_endian: bool,
    red: Channel,
    green: Channel,
    blue: Channel,
}

impl fmt::Display for PixelFormat {
    /// "32 bits, depth 24, little-endian"
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let endian = if self.big_endian { "big" } else { "little" };
        write!(f, "{} bits, depth {}, {endian}-endian", self.bits_per_pixel, self.depth)
    }
}

impl PixelFormat {
    /// 32 bits, depth 24, little-endian, shifts 16/8/0: what every site is asked for, and how [`Pixel`] lies in memory.
    pub const NATIVE: Self = Self {
        bits_per_pixel: 32,
        depth: 24,
        big_endian: false,
        red: Channel { max: 255, shift: 16 },
        green: Channel { max: 255, shift: 8 },
        blue: Channel { max: 255, shift: 0 },
    };

    /// Reads the 16 bytes and checks each field.
    pub fn decode(r: &mut Reader<'_>) -> Result<Self, Halt> {
        let [bits_per_pixel, depth, big_endian, true_colour] = r.array()?;
        let maxes = [r.u16()?, r.u16()?, r.u16()?];
        let shifts: [u8; 3] = r.array()?;
        r.skip(3)?;
        if true_colour == 0 {
            return Err(ProtocolError::ColourMap.into());
        }
        Self::checked(bits_per_pixel, depth, big_endian != 0, maxes, shifts).map_err(Halt::from)
    }

    fn checked(bits_per_pixel: u8, depth: u8, big_endian: bool, maxes: [u16; 3], shifts: [u8; 3]) -> Result<Self, ProtocolError> {
        let wrong = |field, value: u32| Err(ProtocolError::PixelFormat { field, value });
        if ![8, 16, 32].contains(&bits_per_pixel) {
            return wrong("bits-per-pixel", bits_per_pixel.into());
        }
        if depth == 0 || depth > bits_per_pixel {
            return wrong("depth", depth.into());
        }
        let channel = |max: u16, shift: u8, field| {
            let sane = u8::try_from(max).ok().filter(|m| *m > 0 && (u16::from(*m) + 1).is_power_of_two());
            match sane {
                Some(max) if u32::from(shift) + u32::from(max).count_ones() <= u32::from(bits_per_pixel) => {
                    Ok(Channel { max, shift })
                }
                Some(_) => Err(ProtocolError::PixelFormat { field: "shift", value: shift.into() }),
                None => Err(ProtocolError::PixelFormat { field, value: max.into() }),
            }
        };
        let [red, green, blue] = maxes;
        let [rs, gs, bs] = shifts;
        let format = Self {
            bits_per_pixel,
            depth,
            big_endian,
            red: channel(red, rs, "red-max")?,
            green: channel(green, gs, "green-max")?,
            blue: channel(blue, bs, "blue-max")?,
        };
        let bits = format.channels().iter().map(|c| c.bits()).sum::<u32>();
        let overlap = format.mask().count_ones() != bits;
        if overlap || bits > u32::from(depth) {
            return wrong("sum of the maxima", bits);
        }
        Ok(format)
    }

    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[self.bits_per_pixel, self.depth, u8::from(self.big_endian), 1]);
        for channel in self.channels() {
            out.put_u16(channel.max.into());
        }
        out.extend(self.channels().map(|c| c.shift));
        out.extend_from_slice(&[0; 3]);
    }

    fn channels(&self) -> [Channel; 3] {
        [self.red, self.green, self.blue]
    }

    fn mask(&self) -> u32 {
        self.channels().iter().fold(0, |mask, c| mask | c.mask())
    }

    /// Bytes of a PIXEL: 1, 2 or 4.
    pub fn bytes(&self) -> usize {
        usize::from(self.bits_per_pixel / 8)
    }

    pub fn is_native(&self) -> bool {
        *self == Self::NATIVE
    }

    /// The pixel as this format's number.
    pub fn pack(&self, pixel: Pixel) -> u32 {
        if self.is_native() {
            return pixel.0;
        }
        self.red.pack(pixel.r()) | self.green.pack(pixel.g()) | self.blue.pack(pixel.b())
    }

    /// The pixel that a number of this format stands for.
    pub fn unpack(&self, word: u32) -> Pixel {
        Pixel::rgb(self.red.unpack(word), self.green.unpack(word), self.blue.unpack(word))
    }

    /// What a viewer of this format can show of a pixel.
    pub fn quantise(&self, pixel: Pixel) -> Pixel {
        self.unpack(self.pack(pixel))
    }

    /// How PIXEL travels.
    pub fn pixel(&self) -> Shape {
        Shape { format: *self, len: self.bytes(), drop: 0, rgb: false, plain: self.is_native() }
    }

    /// How CPIXEL travels: three bytes where the colours fit the low (preferred) or the high three of four.
    pub fn cpixel(&self) -> Shape {
        let compact = self.bits_per_pixel == 32 && self.depth <= 24;
        let (low, high) = (self.mask() >> 24 == 0, self.mask() & 0xff == 0);
        if !compact || !(low || high) {
            return self.pixel();
        }
        // In memory order the unused byte is last for (little-endian, low) and (big-endian, high), else first.
        Shape { len: 3, drop: u8::from(low == self.big_endian), plain: false, ..self.pixel() }
    }

    /// How TPIXEL travels: R, G, B in three bytes for 32 bits of depth 24 with maxima of 255.
    pub fn tpixel(&self) -> Shape {
        let rgb = self.bits_per_pixel == 32 && self.depth == 24 && self.channels().iter().all(|c| c.max == 255);
        if rgb { Shape { len: 3, rgb: true, plain: false, ..self.pixel() } } else { self.pixel() }
    }

    /// The maxima of red, green and blue, for Tight's gradient filter.
    pub fn maxima(&self) -> [u8; 3] {
        self.channels().map(|c| c.max)
    }

    /// A pixel from values of this format's own ranges.
    pub fn from_components(&self, [r, g, b]: [u8; 3]) -> Pixel {
        let word = |c: Channel, v: u8| (u32::from(v) & u32::from(c.max)) << c.shift;
        self.unpack(word(self.red, r) | word(self.green, g) | word(self.blue, b))
    }

    /// The values of a travelling pixel in this format's own ranges.
    pub fn components(&self, pixel: Pixel) -> [u8; 3] {
        let word = self.pack(pixel);
        self.channels().map(|c| ((word >> c.shift) & u32::from(c.max)) as u8)
    }
}

/// How one pixel lies in a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    format: PixelFormat,
    len: usize,
    /// The first byte kept of the four, in memory order.
    drop: u8,
    rgb: bool,
    /// Four bytes as [`Pixel`] has them.
    plain: bool,
}

impl Shape {
    /// Bytes of a pixel in this shape.
    pub fn bytes(&self) -> usize {
        self.len
    }

    /// The pixel of exactly [`Shape::bytes`] bytes (what is missing reads as zero).
    pub fn get(&self, bytes: &[u8]) -> Pixel {
        if let (Some(bytes), true) = (bytes.first_chunk::<4>(), self.plain) {
            return Pixel(u32::from_le_bytes(*bytes) & 0x00ff_ffff);
        }
        if self.rgb {
            let byte = |n| bytes.get(n).copied().unwrap_or(0);
            return Pixel::rgb(byte(0), byte(1), byte(2));
        }
        let mut memory = [0; 4];
        let start = if self.format.big_endian && self.len < 3 { 4 - self.len } else { self.drop.into() };
        for (to, from) in memory.iter_mut().skip(start).zip(bytes) {
            *to = *from;
        }
        let word = if self.format.big_endian { u32::from_be_bytes(memory) } else { u32::from_le_bytes(memory) };
        if self.format.is_native() { Pixel(word & 0x00ff_ffff) } else { self.format.unpack(word) }
    }

    /// Reads one pixel.
    pub fn read(&self, r: &mut Reader<'_>) -> Result<Pixel, Halt> {
        Ok(self.get(r.take(self.len)?))
    }

    /// Reads pixels into `to`, each [`Shape::bytes`] bytes; `bytes` must hold them all.
    pub fn read_row(&self, bytes: &[u8], to: &mut [Pixel]) {
        match (self.format.is_native(), self.rgb, self.len) {
            (true, false, 4) => {
                for (pixel, bytes) in to.iter_mut().zip(bytes.as_chunks::<4>().0) {
                    *pixel = Pixel(u32::from_le_bytes(*bytes) & 0x00ff_ffff);
                }
            }
            (true, false, 3) => {
                for (pixel, [b, g, r]) in to.iter_mut().zip(bytes.as_chunks::<3>().0) {
                    *pixel = Pixel::rgb(*r, *g, *b);
                }
            }
            (_, true, _) => {
                for (pixel, [r, g, b]) in to.iter_mut().zip(bytes.as_chunks::<3>().0) {
                    *pixel = Pixel::rgb(*r, *g, *b);
                }
            }
            _ => {
                for (pixel, bytes) in to.iter_mut().zip(bytes.chunks_exact(self.len)) {
                    *pixel = self.get(bytes);
                }
            }
        }
    }

    /// Appends one pixel.
    pub fn put(&self, pixel: Pixel, out: &mut Vec<u8>) {
        if self.rgb {
            return out.extend_from_slice(&[pixel.r(), pixel.g(), pixel.b()]);
        }
        let word = self.format.pack(pixel);
        let memory = if self.format.big_endian { word.to_be_bytes() } else { word.to_le_bytes() };
        let start = if self.format.big_endian && self.len < 3 { 4 - self.len } else { self.drop.into() };
        out.extend(memory.iter().skip(start).take(self.len));
    }

    /// Appends a run of pixels.
    pub fn put_row(&self, row: &[Pixel], out: &mut Vec<u8>) {
        match (self.format.is_native(), self.rgb, self.len) {
            (true, false, 4) => put_all(row, out, |p| p.0.to_le_bytes()),
            (true, false, 3) => put_all(row, out, |p| [p.b(), p.g(), p.r()]),
            (_, true, _) => put_all(row, out, |p| [p.r(), p.g(), p.b()]),
            _ => {
                out.reserve(row.len() * self.len);
                row.iter().for_each(|p| self.put(*p, out));
            }
        }
    }
}

/// Appends `N` bytes for each pixel, into room that is made once.
fn put_all<const N: usize>(row: &[Pixel], out: &mut Vec<u8>, bytes: impl Fn(Pixel) -> [u8; N]) {
    let start = out.len();
    out.resize(start + row.len() * N, 0);
    let (places, _) = out.get_mut(start..).unwrap_or_default().as_chunks_mut::<N>();
    places.iter_mut().zip(row).for_each(|(place, pixel)| *place = bytes(*pixel));
}
