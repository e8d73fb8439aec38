//! A set of 16×16 tiles of a screen: bounded by the screen, however many changes it gathers.

use crate::geometry::{Rect, Size};

/// The side of a tile, in pixels: a cursor's blink or a letter costs little, and a screen has few.
pub(super) const TILE: u16 = 16;

/// How a screen is cut into tiles, row by row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Grid {
    size: Size,
}

impl Grid {
    pub(super) fn new(size: Size) -> Self {
        Self { size }
    }

    pub(super) fn size(self) -> Size {
        self.size
    }

    fn across(self) -> usize {
        usize::from(self.size.width.div_ceil(TILE))
    }

    pub(super) fn len(self) -> usize {
        self.across() * usize::from(self.size.height.div_ceil(TILE))
    }

    /// The smallest rectangle of whole tiles around `rect`, inside the screen.
    pub(super) fn align(self, rect: Rect) -> Rect {
        let (x, y) = (rect.x / TILE * TILE, rect.y / TILE * TILE);
        let side = |end: u32, start: u16, limit: u16| {
            let end = end.next_multiple_of(TILE.into()).min(limit.into());
            u16::try_from(end.saturating_sub(start.into())).unwrap_or(u16::MAX)
        };
        Rect::new(x, y, side(rect.right(), x, self.size.width), side(rect.bottom(), y, self.size.height))
    }

    /// What is kept for the tiles that row `y` of a rectangle of whole tiles goes through.
    pub(super) fn in_row<T>(self, tiles: &mut [T], rect: Rect, y: u16) -> &mut [T] {
        let first = usize::from(y / TILE) * self.across() + usize::from(rect.x / TILE);
        tiles.get_mut(first..first + usize::from(rect.width.div_ceil(TILE))).unwrap_or_default()
    }

    /// The tiles that a rectangle touches.
    pub(super) fn tiles(self, rect: Rect) -> impl Iterator<Item = usize> {
        let rect = rect.intersect(self.size.rect()).unwrap_or_default();
        let tiles = |from: u16, to: u32| usize::from(from / TILE)..(to as usize).div_ceil(usize::from(TILE));
        let (columns, rows) =
            if rect.is_empty() { (0..0, 0..0) } else { (tiles(rect.x, rect.right()), tiles(rect.y, rect.bottom())) };
        rows.flat_map(move |row| columns.clone().map(move |column| row * self.across() + column))
    }
}

/// A set of tiles of one screen.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Region {
    grid: Grid,
    tiles: Vec<bool>,
}

impl Region {
    /// The empty region of a screen.
    pub fn new(size: Size) -> Self {
        let grid = Grid::new(size);
        Self { grid, tiles: vec![false; grid.len()] }
    }

    pub fn size(&self) -> Size {
        self.grid.size()
    }

    /// The smallest rectangle of whole tiles around `rect`, inside the screen.
    pub fn align(&self, rect: Rect) -> Rect {
        self.grid.align(rect)
    }

    pub fn is_empty(&self) -> bool {
        !self.tiles.contains(&true)
    }

    pub fn add(&mut self, rect: Rect) {
        self.set(rect, true);
    }

    pub fn remove(&mut self, rect: Rect) {
        self.set(rect, false);
    }

    fn set(&mut self, rect: Rect, to: bool) {
        for tile in self.grid.tiles(rect) {
            if let Some(held) = self.tiles.get_mut(tile) {
                *held = to;
            }
        }
    }

    pub(super) fn add_tiles(&mut self, tiles: impl Iterator<Item = bool>) {
        for (held, tile) in self.tiles.iter_mut().zip(tiles) {
            *held |= tile;
        }
    }

    /// The tiles that are not in `other`.
    pub fn without(&self, other: &Self) -> Self {
        let tiles = self.tiles.iter().zip(other.tiles.iter().chain(std::iter::repeat(&false)));
        Self { grid: self.grid, tiles: tiles.map(|(held, gone)| *held && !gone).collect() }
    }

    /// Adds another region of the same screen (one of another size is of no use and left out).
    pub fn add_region(&mut self, other: &Self) {
        if other.grid == self.grid {
            self.add_tiles(other.tiles.iter().copied());
        }
    }

    /// The tiles as rectangles inside the screen: runs along rows, grown downwards where the next row has the same.
    pub fn rects(&self) -> Vec<Rect> {
        let size = self.grid.size();
        let mut done: Vec<Rect> = Vec::new();
        let mut open: Vec<Rect> = Vec::new();
        for (row, tiles) in (0u16..).zip(self.tiles.chunks(self.grid.across().max(1))) {
            let y = row * TILE;
            let height = TILE.min(size.height - y);
            let mut next = Vec::new();
            let mut column = 0u16;
            for run in tiles.chunk_by(|a, b| a == b) {
                let (x, length) = (column * TILE, run.len() as u16);
                column += length;
                if run.first() == Some(&true) {
                    let width = (length * TILE).min(size.width - x);
                    let above = open.iter().position(|r| r.x == x && r.width == width).map(|n| open.swap_remove(n));
                    next.push(above.map_or(Rect::new(x, y, width, height), |r| Rect { height: r.height + height, ..r }));
                }
            }
            done.append(&mut open);
            open = next;
        }
        done.append(&mut open);
        done.sort_unstable_by_key(|r| (r.y, r.x));
        done
    }
}
