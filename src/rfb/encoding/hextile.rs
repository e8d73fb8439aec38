//! Hextile (RFC 6143 §7.7.4): 16×16 tiles of raw pixels, or a background with subrectangles.

use super::{SLICE, Step};
use crate::geometry::{Pixel, Rect};
use crate::picture::Picture;
use crate::rfb::Reader;
use crate::rfb::error::{Halt, ProtocolError};
use crate::rfb::pixel_format::Shape;

const RAW: u8 = 1;
const BACKGROUND: u8 = 2;
const FOREGROUND: u8 = 4;
const ANY_SUBRECTS: u8 = 8;
const COLOURED: u8 = 16;
const TILE: u16 = 16;

/// Which tile is next, and the colours that carry over.
#[derive(Debug, Default)]
pub(crate) struct Tiles {
    next: u32,
    background: Pixel,
    foreground: Pixel,
}

impl Tiles {
    pub(super) fn step(
        &mut self,
        input: &[u8],
        rect: Rect,
        shape: &Shape,
        picture: &mut Picture,
    ) -> Result<Option<Step>, ProtocolError> {
        let across = u32::from(rect.width.div_ceil(TILE));
        let count = across * u32::from(rect.height.div_ceil(TILE));
        let last = count.min(self.next + (SLICE / 256) as u32);
        let (mut r, mut taken) = (Reader::new(input), 0);
        while self.next < last {
            let (dx, dy) = ((self.next % across) as u16 * TILE, (self.next / across) as u16 * TILE);
            let tile = Rect::new(rect.x + dx, rect.y + dy, TILE.min(rect.width - dx), TILE.min(rect.height - dy));
            let colours = (self.background, self.foreground);
            if Halt::or_wait(self.tile(&mut r, tile, shape, picture))?.is_none() {
                (self.background, self.foreground) = colours;
                break;
            }
            taken = r.taken();
            self.next += 1;
        }
        Ok(Step::of(taken, self.next == count))
    }

    fn tile(&mut self, r: &mut Reader<'_>, tile: Rect, shape: &Shape, picture: &mut Picture) -> Result<(), Halt> {
        let mask = r.u8()?;
        if mask & 0xe0 != 0 {
            return Err(ProtocolError::Hextile("unknown bits in a tile's mask").into());
        }
        if mask & RAW != 0 {
            let row = usize::from(tile.width) * shape.bytes();
            let bytes = r.take(row * usize::from(tile.height))?;
            for (y, bytes) in (tile.y..).zip(bytes.chunks_exact(row)) {
                shape.read_row(bytes, picture.row_mut(tile.x, y, tile.width));
            }
            return Ok(());
        }
        if mask & BACKGROUND != 0 {
            self.background = shape.read(r)?;
        }
        if mask & FOREGROUND != 0 {
            self.foreground = shape.read(r)?;
        }
        if mask & ANY_SUBRECTS == 0 {
            picture.fill(tile, self.background);
            return Ok(());
        }
        // Drawn where it is at hand, and put on the picture once: a tile has up to 255 subrectangles.
        let mut pixels = [[self.background; TILE as usize]; TILE as usize];
        self.subrects(r, tile, shape, mask & COLOURED != 0, &mut pixels)?;
        for (y, row) in (tile.y..tile.y + tile.height).zip(&pixels) {
            let to = picture.row_mut(tile.x, y, tile.width);
            to.copy_from_slice(row.get(..to.len()).unwrap_or_default());
        }
        Ok(())
    }

    fn subrects(
        &self,
        r: &mut Reader<'_>,
        tile: Rect,
        shape: &Shape,
        coloured: bool,
        pixels: &mut [[Pixel; TILE as usize]; TILE as usize],
    ) -> Result<(), Halt> {
        let length = if coloured { shape.bytes() + 2 } else { 2 };
        let count = usize::from(r.u8()?);
        for subrect in r.take(count * length)?.chunks_exact(length) {
            let Some((colour, [at, size])) = subrect.split_last_chunk::<2>() else { continue };
            let pixel = if coloured { shape.get(colour) } else { self.foreground };
            let (x, y) = (usize::from(at >> 4), usize::from(at & 15));
            let (right, bottom) = (x + usize::from(size >> 4) + 1, y + usize::from(size & 15) + 1);
            if right > tile.width.into() || bottom > tile.height.into() {
                return Err(ProtocolError::Hextile("a subrectangle leaves its tile").into());
            }
            for row in pixels.get_mut(y..bottom).unwrap_or_default() {
                row.get_mut(x..right).unwrap_or_default().fill(pixel);
            }
        }
        Ok(())
    }
}

/// Appends the picture's tiles.
pub fn encode(picture: &Picture, shape: &Shape, out: &mut Vec<u8>) {
    let mut background = None;
    let mut tile = Picture::default();
    for rect in picture.size().rect().pieces(TILE, TILE) {
        tile.take(picture, rect);
        encode_tile(&tile, shape, &mut background, out);
    }
}

fn encode_tile(tile: &Picture, shape: &Shape, background: &mut Option<Pixel>, out: &mut Vec<u8>) {
    let pixels = tile.pixels();
    let ground = majority(pixels);
    let start = out.len();
    let fresh = *background != Some(ground);
    out.push(if fresh { BACKGROUND } else { 0 });
    if fresh {
        shape.put(ground, out);
    }
    if pixels.iter().all(|p| *p == ground) {
        *background = Some(ground);
        return;
    }
    let raw = 1 + pixels.len() * shape.bytes();
    let count_at = out.len();
    out.push(0);
    let mut count = 0u32;
    for (pixel, run) in runs(tile, ground) {
        shape.put(pixel, out);
        out.extend_from_slice(&[(run.x << 4 | run.y) as u8, ((run.width - 1) << 4 | (run.height - 1)) as u8]);
        count += 1;
        if count > 255 || out.len() - start >= raw {
            out.truncate(start);
            out.push(RAW);
            shape.put_row(pixels, out);
            *background = None;
            return;
        }
    }
    if let Some(mask) = out.get_mut(start) {
        *mask |= ANY_SUBRECTS | COLOURED;
    }
    if let Some(at) = out.get_mut(count_at) {
        *at = count as u8;
    }
    *background = Some(ground);
}

/// The colour held by most pixels, roughly: Boyer and Moore's vote.
fn majority(pixels: &[Pixel]) -> Pixel {
    let mut best = (Pixel::BLACK, 0u32);
    for pixel in pixels {
        match best {
            (_, 0) => best = (*pixel, 1),
            (colour, votes) if colour == *pixel => best.1 = votes + 1,
            (_, votes) => best.1 = votes - 1,
        }
    }
    best.0
}

/// Runs of one colour along rows, other than `ground`; a run that stands on an equal one grows it.
fn runs(tile: &Picture, ground: Pixel) -> Vec<(Pixel, Rect)> {
    let mut found: Vec<(Pixel, Rect)> = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    for (y, row) in (0u16..).zip(tile.rows(tile.size().rect())) {
        let mut next = Vec::with_capacity(open.len());
        let mut x = 0u16;
        for run in row.chunk_by(|a, b| a == b) {
            let width = run.len() as u16;
            if let Some(pixel) = run.first().filter(|p| **p != ground) {
                let above =
                    open.iter().copied().find(|n| found.get(*n).is_some_and(|(p, r)| p == pixel && r.x == x && r.width == width));
                match above {
                    Some(n) => {
                        if let Some((_, rect)) = found.get_mut(n) {
                            rect.height += 1;
                        }
                        next.push(n);
                    }
                    None => {
                        next.push(found.len());
                        found.push((*pixel, Rect::new(x, y, width, 1)));
                    }
                }
            }
            x += width;
        }
        open = next;
    }
    found
}
