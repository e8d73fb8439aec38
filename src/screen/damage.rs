//! When each tile of the screen last changed.

use super::region::{Grid, Region, TILE};
use crate::geometry::{Pixel, Rect, Size};
use crate::picture::Picture;

/// A version per tile. Version 0 is "never"; a reader that has seen nothing sees everything.
#[derive(Debug, Default)]
pub(super) struct Versions {
    grid: Grid,
    tiles: Vec<u64>,
    latest: u64,
}

impl Versions {
    pub(super) fn latest(&self) -> u64 {
        self.latest
    }

    /// A change without pixels.
    pub(super) fn touch(&mut self) {
        self.latest += 1;
    }

    pub(super) fn all_changed(&mut self, size: Size) {
        self.latest += 1;
        self.grid = Grid::new(size);
        self.tiles.clear();
        self.tiles.resize(self.grid.len(), self.latest);
    }

    /// Brings each row of these places up to date, and marks the tiles in which it was not: `fresh` puts the row at
    /// that x and y, with its width, into its last argument. What was sent again as it was is no change.
    pub(super) fn bring(
        &mut self,
        picture: &mut Picture,
        damage: &[Rect],
        mut fresh: impl FnMut(u16, u16, u16, &mut Vec<Pixel>),
    ) {
        self.latest += 1;
        let mut row = Vec::new();
        for rect in damage.iter().map(|rect| self.grid.align(*rect)) {
            for y in rect.y..rect.y + rect.height {
                row.clear();
                fresh(rect.x, y, rect.width, &mut row);
                let versions = self.grid.in_row(&mut self.tiles, rect, y);
                let (tiles, news) = (picture.row_mut(rect.x, y, rect.width).chunks_mut(TILE.into()), row.chunks(TILE.into()));
                for (version, (shown, new)) in versions.iter_mut().zip(tiles.zip(news)) {
                    // Without a branch for each pixel: this is done for all that a site sends.
                    if shown.iter().zip(new).fold(0, |differs, (a, b)| differs | a.0 ^ b.0) != 0 {
                        shown.copy_from_slice(new);
                        *version = self.latest;
                    }
                }
            }
        }
    }

    pub(super) fn since(&self, seen: u64) -> Region {
        let mut region = Region::new(self.grid.size());
        if seen < self.latest {
            region.add_tiles(self.tiles.iter().map(|version| *version > seen));
        }
        region
    }
}
