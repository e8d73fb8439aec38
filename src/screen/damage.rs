//! When each tile of the screen last changed.

use super::region::{Grid, Region};
use crate::geometry::{Rect, Size};

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

    pub(super) fn changed(&mut self, damage: &[Rect]) {
        self.latest += 1;
        for rect in damage {
            for tile in self.grid.tiles(*rect) {
                if let Some(version) = self.tiles.get_mut(tile) {
                    *version = self.latest;
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
