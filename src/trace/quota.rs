//! How much of the trace strangers may take in an hour, and how much of that one address prefix may.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::fold::prefix;

/// Entries and bytes (public and sealed) that one connection of a stranger causes at most: its attempt, its TLS, its
/// login's failure or its end.
const CONNECTION: (u32, u32) = (4, 4 << 10);
/// Entries and bytes that strangers may cause in an hour.
const HOUR: (u32, u32) = (16_000, 16 << 20);
/// Connections of strangers in an hour.
const CONNECTIONS: u32 =
    if HOUR.0 / CONNECTION.0 < HOUR.1 / CONNECTION.1 { HOUR.0 / CONNECTION.0 } else { HOUR.1 / CONNECTION.1 };
/// And from one prefix: nobody alone can use up the hour of all.
const SHARE: u32 = CONNECTIONS / 4;

/// Counts the connections of strangers; those of known addresses never come here.
#[derive(Debug)]
pub struct Quota {
    since: Instant,
    used: u32,
    /// At most one for each connection of the hour.
    by_prefix: HashMap<String, u32>,
}

impl Quota {
    pub fn new(now: Instant) -> Self {
        Self { since: now, used: 0, by_prefix: HashMap::new() }
    }

    /// Takes a connection's entries; false when the hour's, or its prefix's share of them, are used up.
    pub fn take(&mut self, peer: IpAddr, now: Instant) -> bool {
        if now.saturating_duration_since(self.since) >= Duration::from_secs(3600) {
            *self = Self::new(now);
        }
        if self.used >= CONNECTIONS {
            return false;
        }
        let share = self.by_prefix.entry(prefix(peer)).or_default();
        let free = *share < SHARE;
        *share += u32::from(free);
        self.used += u32::from(free);
        free
    }

    /// Gives one back: the stranger turned out to be a person who may look.
    pub fn give_back(&mut self, peer: IpAddr) {
        self.used = self.used.saturating_sub(1);
        if let Some(share) = self.by_prefix.get_mut(&prefix(peer)) {
            *share = share.saturating_sub(1);
        }
    }
}
