//! The tile that ZRLE (RFC 6143 §7.7.6) and TRLE (§7.7.5) share: raw, solid, packed palette, run-length.

use crate::geometry::Pixel;
use crate::rfb::Reader;
use crate::rfb::error::{Halt, ProtocolError};
use crate::rfb::pixel_format::Shape;

/// A tile being decoded, and the palette that TRLE may use again.
#[derive(Debug, Default)]
pub(super) struct Tile {
    pub pixels: Vec<Pixel>,
    palette: Vec<Pixel>,
    /// TRLE alone may reuse the palette of the tile before (127 and 129).
    reuse: bool,
}

impl Tile {
    pub fn reusing_palettes() -> Self {
        Self { reuse: true, ..Self::default() }
    }

    /// Decodes one tile into [`Tile::pixels`], row by row.
    pub fn decode(&mut self, r: &mut Reader<'_>, width: u16, height: u16, shape: &Shape) -> Result<(), Halt> {
        let (width, height) = (usize::from(width), usize::from(height));
        self.pixels.clear();
        self.pixels.resize(width * height, Pixel::BLACK);
        match r.u8()? {
            0 => {
                let bytes = r.take(width * height * shape.bytes())?;
                shape.read_row(bytes, &mut self.pixels);
                Ok(())
            }
            1 => {
                let pixel = shape.read(r)?;
                self.pixels.fill(pixel);
                if self.reuse {
                    self.palette = vec![pixel];
                }
                Ok(())
            }
            size @ 2..=16 => {
                self.read_palette(r, size.into(), shape)?;
                self.packed(r, width)
            }
            127 if self.reuse => self.packed(r, width),
            128 => self.plain_runs(r, shape),
            129 if self.reuse => self.palette_runs(r),
            size @ 130.. => {
                self.read_palette(r, usize::from(size - 128), shape)?;
                self.palette_runs(r)
            }
            _ => Err(ProtocolError::Zrle("an unknown kind of tile").into()),
        }
    }

    /// The palette changes only once it is there whole: a tile that waits for bytes is read again from its start.
    fn read_palette(&mut self, r: &mut Reader<'_>, size: usize, shape: &Shape) -> Result<(), Halt> {
        let bytes = r.take(size * shape.bytes())?;
        self.palette.clear();
        self.palette.extend(bytes.chunks_exact(shape.bytes()).map(|b| shape.get(b)));
        Ok(())
    }

    fn colour(&self, index: u8) -> Result<Pixel, Halt> {
        let known = self.palette.get(usize::from(index)).copied();
        known.ok_or_else(|| ProtocolError::Zrle("a colour outside the palette").into())
    }

    fn packed(&mut self, r: &mut Reader<'_>, width: usize) -> Result<(), Halt> {
        let bits = bits_per_index(self.palette.len());
        let row_bytes = (width * bits).div_ceil(8);
        let mut pixels = std::mem::take(&mut self.pixels);
        for row in pixels.chunks_mut(width) {
            let bytes = r.take(row_bytes)?;
            for (n, pixel) in row.iter_mut().enumerate() {
                let byte = bytes.get(n * bits / 8).copied().unwrap_or(0);
                let index = byte >> (8 - bits - n * bits % 8) & ((1u16 << bits) - 1) as u8;
                *pixel = self.colour(index)?;
            }
        }
        self.pixels = pixels;
        Ok(())
    }

    fn plain_runs(&mut self, r: &mut Reader<'_>, shape: &Shape) -> Result<(), Halt> {
        let mut at = 0;
        while at < self.pixels.len() {
            let pixel = shape.read(r)?;
            at = self.run(at, run_length(r)?, pixel)?;
        }
        Ok(())
    }

    fn palette_runs(&mut self, r: &mut Reader<'_>) -> Result<(), Halt> {
        let mut at = 0;
        while at < self.pixels.len() {
            let index = r.u8()?;
            let length = if index & 0x80 != 0 { run_length(r)? } else { 1 };
            at = self.run(at, length, self.colour(index & 0x7f)?)?;
        }
        Ok(())
    }

    fn run(&mut self, at: usize, length: usize, pixel: Pixel) -> Result<usize, Halt> {
        let run = self.pixels.get_mut(at..at + length).ok_or(ProtocolError::Zrle("a run leaves its tile"))?;
        run.fill(pixel);
        Ok(at + length)
    }
}

/// One more than the sum of bytes up to the first that is not 255. Longer than any tile is refused at once.
fn run_length(r: &mut Reader<'_>) -> Result<usize, Halt> {
    let mut length = 1;
    loop {
        let byte = r.u8()?;
        length += usize::from(byte);
        if length > 64 * 64 {
            return Err(ProtocolError::Zrle("a run leaves its tile").into());
        }
        if byte != 255 {
            return Ok(length);
        }
    }
}

fn bits_per_index(palette: usize) -> usize {
    match palette {
        0..=2 => 1,
        3..=4 => 2,
        _ => 4,
    }
}

/// The colours of a picture, at most `N`; `None` when there are more.
pub(super) struct Palette {
    colours: Vec<Pixel>,
    /// Open addressing over 4 × 256 places: place → index + 1.
    places: Vec<u16>,
}

impl Palette {
    const PLACES: usize = 1024;

    pub fn of(pixels: &[Pixel], limit: usize) -> Option<Self> {
        let mut palette = Self { colours: Vec::with_capacity(limit.min(256)), places: vec![0; Self::PLACES] };
        let mut last = None;
        for pixel in pixels {
            if last != Some(*pixel) {
                palette.add(*pixel, limit)?;
                last = Some(*pixel);
            }
        }
        Some(palette)
    }

    fn place(pixel: Pixel) -> usize {
        (pixel.0.wrapping_mul(0x9e37_79b1) >> 22) as usize
    }

    fn add(&mut self, pixel: Pixel, limit: usize) -> Option<()> {
        let mut place = Self::place(pixel);
        loop {
            let slot = self.places.get_mut(place)?;
            match usize::from(*slot).checked_sub(1) {
                None if self.colours.len() == limit => return None,
                None => {
                    self.colours.push(pixel);
                    *slot = self.colours.len() as u16;
                    return Some(());
                }
                Some(n) if self.colours.get(n) == Some(&pixel) => return Some(()),
                Some(_) => place = (place + 1) % Self::PLACES,
            }
        }
    }

    pub fn colours(&self) -> &[Pixel] {
        &self.colours
    }

    /// The index of a colour of the picture (0 for one that is not).
    pub fn index(&self, pixel: Pixel) -> u8 {
        let mut place = Self::place(pixel);
        loop {
            match usize::from(self.places.get(place).copied().unwrap_or(0)).checked_sub(1) {
                None => return 0,
                Some(n) if self.colours.get(n) == Some(&pixel) => return n as u8,
                Some(_) => place = (place + 1) % Self::PLACES,
            }
        }
    }
}

/// Appends one tile in the smallest of its forms.
pub(super) fn encode(pixels: &[Pixel], width: usize, shape: &Shape, out: &mut Vec<u8>) {
    let runs = || pixels.chunk_by(|a, b| a == b);
    let palette = Palette::of(pixels, 127);
    let colours = palette.as_ref().map_or(usize::MAX, |p| p.colours().len());
    if let (Some(first), 1) = (pixels.first(), colours) {
        out.push(1);
        return shape.put(*first, out);
    }
    let (count, tails) = runs().fold((0, 0), |(n, t), run| (n + 1, t + 1 + (run.len() - 1) / 255));
    let singles = runs().filter(|run| run.len() == 1).count();
    let raw_size = pixels.len() * shape.bytes();
    let plain_size = count * shape.bytes() + tails;
    let indexed_size = if colours <= 127 { colours * shape.bytes() + count + tails - singles } else { usize::MAX };
    let packed_size = match colours {
        2..=16 => colours * shape.bytes() + (width * bits_per_index(colours)).div_ceil(8) * (pixels.len() / width.max(1)),
        _ => usize::MAX,
    };
    let best = raw_size.min(plain_size).min(indexed_size).min(packed_size);
    match palette {
        Some(palette) if best == packed_size => put_packed(pixels, width, &palette, shape, out),
        Some(palette) if best == indexed_size => {
            out.push(128 + colours as u8);
            shape.put_row(palette.colours(), out);
            for run in runs() {
                let Some(first) = run.first() else { continue };
                let index = palette.index(*first);
                if run.len() == 1 {
                    out.push(index);
                } else {
                    out.push(index | 0x80);
                    put_run_length(run.len(), out);
                }
            }
        }
        _ if best == plain_size => {
            out.push(128);
            for run in runs() {
                let Some(first) = run.first() else { continue };
                shape.put(*first, out);
                put_run_length(run.len(), out);
            }
        }
        _ => {
            out.push(0);
            shape.put_row(pixels, out);
        }
    }
}

fn put_packed(pixels: &[Pixel], width: usize, palette: &Palette, shape: &Shape, out: &mut Vec<u8>) {
    out.push(palette.colours().len() as u8);
    shape.put_row(palette.colours(), out);
    put_indices(pixels, width, palette, bits_per_index(palette.colours().len()), out);
}

/// Appends indices of `bits` bits (1, 2, 4 or 8), most significant first, each row padded to a byte.
pub(super) fn put_indices(pixels: &[Pixel], width: usize, palette: &Palette, bits: usize, out: &mut Vec<u8>) {
    if bits == 8 {
        return out.extend(pixels.iter().map(|p| palette.index(*p)));
    }
    for row in pixels.chunks(width.max(1)) {
        for group in row.chunks(8 / bits) {
            let byte = group.iter().fold(0u8, |byte, p| byte << bits | palette.index(*p));
            out.push(byte << (bits * (8 / bits - group.len())));
        }
    }
}

fn put_run_length(length: usize, out: &mut Vec<u8>) {
    let more = length - 1;
    out.extend(std::iter::repeat_n(255, more / 255));
    out.push((more % 255) as u8);
}
