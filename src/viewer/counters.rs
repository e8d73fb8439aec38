//! What a viewer tried, counted by kind: written by its reading half, read by whoever traces it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::rfb::input::InputKind;

/// Clones count together. Nothing but numbers: no key, no place, no text.
#[derive(Debug, Clone, Default)]
pub(super) struct Counters(Arc<[AtomicU64; InputKind::ALL.len()]>);

impl Counters {
    pub fn count(&self, kind: InputKind) {
        if let Some(counter) = self.0.get(kind as usize) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The kinds that were tried, and how often.
    pub fn tried(&self) -> Vec<(InputKind, u64)> {
        let counts = self.0.iter().map(|counter| counter.load(Ordering::Relaxed));
        InputKind::ALL.into_iter().zip(counts).filter(|(_, count)| *count > 0).collect()
    }
}
