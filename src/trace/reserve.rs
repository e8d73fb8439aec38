//! Room kept for the last entries: when the disk is full, ends, stops and gaps are still written.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::{FallocateFlags, fallocate};

/// Bytes set aside: hundreds of thousands of entries.
const RESERVE: u64 = 64 << 20;
/// Given back to the disk at a time.
const SLICE: u64 = 1 << 20;

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

    /// Takes the room back, as far as the disk has it.
    pub fn refill(&mut self) {
        if self.held < RESERVE && fallocate(&self.file, FallocateFlags::empty(), 0, RESERVE).is_ok() {
            self.held = RESERVE;
        }
    }
}
