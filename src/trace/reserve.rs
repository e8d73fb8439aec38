//! Room kept for the last entries: when the disk is full, ends, stops and gaps are still written.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::{FallocateFlags, fallocate};

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
}

impl Reserve {
    pub fn open(path: &Path) -> std::io::Result<Self> {
        let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)?;
        let held = file.metadata()?.len();
        let mut reserve = Self { file, held };
        reserve.refill();
        Ok(reserve)
    }

    /// Frees some of the room. False when none is left.
    pub fn give(&mut self) -> bool {
        if self.held == 0 {
            return false;
        }
        self.held = self.held.saturating_sub(SLICE);
        self.file.set_len(self.held).is_ok()
    }

    /// Takes the room back, as much as the disk has: what an end left of its slice is no room for anything else.
    pub fn refill(&mut self) {
        let mut more = RESERVE.saturating_sub(self.held);
        while more >= PAGE {
            if fallocate(&self.file, FallocateFlags::empty(), self.held, more).is_ok() {
                self.held += more;
                more = RESERVE.saturating_sub(self.held);
            } else {
                more /= 2;
            }
        }
    }
}
