//! ZRLE (RFC 6143 §7.7.6): 64×64 tiles through one zlib stream; and TRLE (§7.7.5): 16×16 tiles as they are.

use super::inflate::{Inflater, Prefixed};
use super::tile::{self, Tile};
use super::zlib::{Deflater, patch_length};
use super::{SLICE, Step};
use crate::geometry::Rect;
use crate::picture::Picture;
use crate::rfb::Reader;
use crate::rfb::codec::Put;
use crate::rfb::error::{Halt, ProtocolError};
use crate::rfb::pixel_format::Shape;

/// The tiles of a rectangle, in order.
#[derive(Debug)]
struct Tiles {
    side: u16,
    next: u32,
    tile: Tile,
}

impl Tiles {
    /// Draws the whole tiles at hand; gives the bytes taken and whether the rectangle is complete.
    fn step(&mut self, input: &[u8], rect: Rect, shape: &Shape, picture: &mut Picture) -> Result<Option<Step>, ProtocolError> {
        let across = u32::from(rect.width.div_ceil(self.side));
        let count = across * u32::from(rect.height.div_ceil(self.side));
        let at_once = (SLICE / (usize::from(self.side) * usize::from(self.side))) as u32;
        let last = count.min(self.next + at_once);
        let (mut r, mut taken) = (Reader::new(input), 0);
        while self.next < last {
            let (dx, dy) = ((self.next % across) as u16 * self.side, (self.next / across) as u16 * self.side);
            let (width, height) = (self.side.min(rect.width - dx), self.side.min(rect.height - dy));
            if Halt::or_wait(self.tile.decode(&mut r, width, height, shape))?.is_none() {
                break;
            }
            picture.put(Rect::new(rect.x + dx, rect.y + dy, width, height), &self.tile.pixels);
            taken = r.taken();
            self.next += 1;
        }
        Ok(Step::of(taken, self.next == count))
    }
}

#[derive(Debug)]
pub(crate) struct Trle(Tiles);

impl Default for Trle {
    fn default() -> Self {
        Self(Tiles { side: 16, next: 0, tile: Tile::reusing_palettes() })
    }
}

impl Trle {
    pub(super) fn step(
        &mut self,
        input: &[u8],
        rect: Rect,
        shape: &Shape,
        picture: &mut Picture,
    ) -> Result<Option<Step>, ProtocolError> {
        self.0.step(input, rect, shape, picture)
    }
}

#[derive(Debug)]
pub(crate) struct Zrle {
    data: Prefixed,
    tiles: Tiles,
}

impl Default for Zrle {
    fn default() -> Self {
        Self { data: Prefixed::default(), tiles: Tiles { side: 64, next: 0, tile: Tile::default() } }
    }
}

impl Zrle {
    pub(super) fn step(
        &mut self,
        input: &[u8],
        rect: Rect,
        shape: &Shape,
        stream: &mut Inflater,
        picture: &mut Picture,
    ) -> Result<Option<Step>, ProtocolError> {
        // A tile takes at most its pixels with a run length each, and its palette.
        let most = rect.area() as usize * (shape.bytes() + 1) + 1024;
        self.data.step(input, stream, most, "ZRLE", |bytes| self.tiles.step(bytes, rect, shape, picture))
    }
}

/// Appends the length and the compressed tiles.
pub fn encode(picture: &Picture, shape: &Shape, stream: &mut Deflater, out: &mut Vec<u8>) {
    let mut tiles = Vec::new();
    let mut part = Picture::default();
    for rect in picture.size().rect().pieces(64, 64) {
        part.take(picture, rect);
        tile::encode(part.pixels(), usize::from(rect.width), shape, &mut tiles);
    }
    let at = out.len();
    out.put_u32(0);
    stream.compress(&tiles, out);
    patch_length(out, at);
}
