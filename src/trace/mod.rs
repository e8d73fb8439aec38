//! EVIDENCE: what happened, one entry an event, durable before anybody relies on it.
//!
//! `append(Event) -> Recorded` is the whole interface: the log sets `seq`, writes the public and the sealed part,
//! makes both durable and only then answers. A session starts only with a [`Recorded`] in hand: **no trace, no
//! picture**. This room never holds a password, a ticket, a key press, a pixel or a clipboard, and never rewrites an
//! entry.

mod event;
mod fold;
mod log;
mod quota;
mod read;
mod reserve;
mod sealed;

pub use event::Event;
pub use fold::Fold;
pub use log::{Health, Log};
pub use quota::Quota;
pub use read::{Entry, acts_among, tail};

use std::path::PathBuf;

/// Proof that an entry is durable. Only the log makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    seq: u64,
}

impl Recorded {
    /// The entry's place in the log, from 0.
    pub fn seq(&self) -> u64 {
        self.seq
    }
}

/// Why an entry could not be made durable.
#[derive(Debug, Clone, thiserror::Error)]
pub enum TraceError {
    #[error("the trace cannot be opened in {}: {reason}; give Lucarne a directory that it may write", path.display())]
    Open { path: PathBuf, reason: String },
    #[error("the trace cannot be written ({0}); no picture is shown until it can. Look at the disk: space, mount, rights")]
    Write(String),
    #[error("the trace took longer than {} s to write an entry; no picture is shown until it is faster. Look at the disk", log::DEADLINE.as_secs())]
    Slow,
    #[error("the trace is closed")]
    Closed,
    #[error("line {line} of {} is not an entry: {reason}", path.display())]
    Read { path: PathBuf, line: usize, reason: String },
}
