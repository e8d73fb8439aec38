//! Room kept for the last entries: when the disk is full, ends and stops are still written. (The gap that follows is
//! written when there is room again: it says that there was none.)

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::{FallocateFlags, fallocate, fstatvfs};

/// Bytes set aside: hundreds of thousands of entries.
const RESERVE: u64 = 64 << 20;
/// Given back to the disk at a time: a group of ends.
const SLICE: u64 = 256 << 10;
/// Less than a page is not worth asking for.
const PAGE: u64 = 4 << 10;

/// A file of nothing beside the log, shortened when its room is needed.
#[derive(Debug)]
pub(super) struct Reserve {
    file: File,
    held: u64,
    /// Given to the disk for the group at hand.
    lent: u64,
}

impl Reserve {
    /// Sets the room aside if the disk has it; a smaller disk goes without.
    pub fn open(path: &Path) -> std::io::Result<Self> {
        let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)?;
        let held = file.metadata()?.len();
        let mut reserve = Self { file, held, lent: 0 };
        reserve.refill();
        if reserve.held < RESERVE {
            tracing::warn!("the disk has no {} MiB to spare: on a full one, ends may not be traced", RESERVE >> 20);
        }
        Ok(reserve)
    }

    /// Frees some of the room. False when none is left.
    pub fn give(&mut self) -> bool {
        let slice = SLICE.min(self.held);
        let given = slice > 0 && self.file.set_len(self.held - slice).is_ok();
        if given {
            self.held -= slice;
            self.lent += slice;
        }
        given
    }

    /// Takes back at once what the group left of what it was lent: it is no room for anything but ends.
    pub fn take_back(&mut self) {
        let (mut owed, mut piece) = (std::mem::take(&mut self.lent), SLICE);
        while piece >= PAGE && owed >= PAGE {
            if piece <= owed && self.grow(piece) {
                owed -= piece;
            } else {
                piece /= 2;
            }
        }
    }

    /// Makes the reserve whole again, once the disk has twice the room for it.
    pub fn refill(&mut self) {
        let missing = RESERVE.saturating_sub(self.held);
        let free = fstatvfs(&self.file).map_or(0, |disk| disk.f_bavail.saturating_mul(disk.f_frsize));
        if missing > 0 && free / 2 > missing {
            self.grow(missing);
        }
    }

    fn grow(&mut self, more: u64) -> bool {
        let grown = fallocate(&self.file, FallocateFlags::empty(), self.held, more).is_ok();
        if grown {
            self.held += more;
        }
        grown
    }
}
