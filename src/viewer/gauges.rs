//! What a session's own task writes down for whoever watches it from outside: what its viewer tried, and how far what
//! was encoded has gone. Nothing but numbers: no key, no place, no text.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

use super::browser::CopySign;
use super::{Ending, Tally};
use crate::rfb::input::InputKind;

/// Clones count together.
#[derive(Debug, Clone, Default)]
pub(super) struct Gauges(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    tried: [AtomicU64; InputKind::ALL.len()],
    /// Pieces whose pixels were or are being copied from the screen.
    begun: AtomicU64,
    /// Of those, how many are wholly the system's.
    handed_over: AtomicU64,
    /// Bytes given to TLS or the system.
    bytes: AtomicU64,
    /// Bytes that the viewer sent.
    heard: AtomicU64,
    /// Signs of copying that nobody has been told of.
    copies: [AtomicU64; CopySign::ALL.len()],
    copied: Notify,
    /// Times that its link was lost and nobody has been told of.
    interruptions: AtomicU64,
    interrupted: Notify,
}

impl Gauges {
    /// The viewer tried this; it was dropped.
    pub fn count(&self, kind: InputKind) {
        if let Some(counter) = self.0.tried.get(kind as usize) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The kinds that were tried, and how often.
    pub fn tried(&self) -> Vec<(InputKind, u64)> {
        let counts = self.0.tried.iter().map(|counter| counter.load(Ordering::Relaxed));
        InputKind::ALL.into_iter().zip(counts).filter(|(_, count)| *count > 0).collect()
    }

    /// What the session was, at its end.
    pub fn tally(&self, ending: Ending, lasted: Duration, updates: u64, rects: u64) -> Tally {
        let milliseconds = lasted.as_millis() as u64;
        Tally { ending, milliseconds, updates, rects, bytes: self.bytes(), heard: self.heard(), dropped: self.tried() }
    }

    /// A page saw somebody try to copy the picture.
    pub fn copy(&self, sign: CopySign) {
        if let Some(counter) = self.0.copies.get(sign as usize) {
            counter.fetch_add(1, Ordering::Relaxed);
            self.0.copied.notify_one();
        }
    }

    /// Waits for signs of copying; gives those since the last time.
    pub async fn copies(&self) -> Vec<(CopySign, u64)> {
        self.0.copied.notified().await;
        self.rest_of_copies()
    }

    /// Those that nobody has been told of.
    pub fn rest_of_copies(&self) -> Vec<(CopySign, u64)> {
        let counts = self.0.copies.iter().map(|counter| counter.swap(0, Ordering::Relaxed));
        CopySign::ALL.into_iter().zip(counts).filter(|(_, count)| *count > 0).collect()
    }

    pub fn interrupt(&self) {
        self.0.interruptions.fetch_add(1, Ordering::SeqCst);
        self.0.interrupted.notify_one();
    }

    /// Waits until the link was lost; gives how often since the last time.
    pub async fn interruptions(&self) -> u64 {
        self.0.interrupted.notified().await;
        self.0.interruptions.swap(0, Ordering::SeqCst)
    }

    /// A piece is about to be copied from the screen.
    pub fn begin(&self) {
        self.0.begun.fetch_add(1, Ordering::SeqCst);
    }

    pub fn begun(&self) -> u64 {
        self.0.begun.load(Ordering::SeqCst)
    }

    /// Everything that was begun has been given to the system.
    pub fn hand_over(&self) {
        self.0.handed_over.store(self.begun(), Ordering::SeqCst);
    }

    pub fn handed_over(&self) -> u64 {
        self.0.handed_over.load(Ordering::SeqCst)
    }

    pub fn give(&self, bytes: usize) {
        self.0.bytes.fetch_add(bytes as u64, Ordering::SeqCst);
    }

    pub fn bytes(&self) -> u64 {
        self.0.bytes.load(Ordering::SeqCst)
    }

    pub fn hear(&self, bytes: usize) {
        self.0.heard.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub fn heard(&self) -> u64 {
        self.0.heard.load(Ordering::Relaxed)
    }
}
