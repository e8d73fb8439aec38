//! How much of the trace those who are not let in may take in an hour: strangers together, one address prefix of
//! theirs, and one known address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::fold::prefix;

/// Entries and bytes (public and sealed) that one connection of a stranger causes at most: its attempt, its TLS, its
/// login's failure or its end.
const CONNECTION: (u32, u32) = (4, 4 << 10);
/// Entries and bytes that strangers may cause in an hour.
const HOUR: (u32, u32) = (16_000, 10 << 20);
/// Connections of strangers in an hour.
const CONNECTIONS: u32 =
    if HOUR.0 / CONNECTION.0 < HOUR.1 / CONNECTION.1 { HOUR.0 / CONNECTION.0 } else { HOUR.1 / CONNECTION.1 };
/// And from one prefix: nobody alone can use up the hour of all.
const SHARE: u32 = CONNECTIONS / 4;

/// And from one address that is known, beyond those that were let in: somebody else may sit there too.
const KNOWN: u32 = 600;

/// Counts the connections of an hour that did not end in a session.
#[derive(Debug)]
pub struct Quota {
    since: Instant,
    strangers: u32,
    /// By a stranger's prefix (bounded by the hour's connections) or a known address (bounded by those known).
    shares: HashMap<String, u32>,
}

impl Quota {
    pub fn new(now: Instant) -> Self {
        Self { since: now, strangers: 0, shares: HashMap::new() }
    }

    /// Takes a connection's entries; false when those of its kind, or its share of them, are used up.
    pub fn take(&mut self, peer: IpAddr, known: bool, now: Instant) -> bool {
        if now.saturating_duration_since(self.since) >= Duration::from_secs(3600) {
            *self = Self::new(now);
        }
        if !known && self.strangers >= CONNECTIONS {
            return false;
        }
        let share = self.shares.entry(whose_share(peer, known)).or_default();
        let free = *share < if known { KNOWN } else { SHARE };
        *share += u32::from(free);
        self.strangers += u32::from(free && !known);
        free
    }

    /// Gives one back: it was a person who may look.
    pub fn give_back(&mut self, peer: IpAddr, known: bool) {
        self.strangers = self.strangers.saturating_sub(u32::from(!known));
        if let Some(share) = self.shares.get_mut(&whose_share(peer, known)) {
            *share = share.saturating_sub(1);
        }
    }
}

fn whose_share(peer: IpAddr, known: bool) -> String {
    if known { peer.to_canonical().to_string() } else { prefix(peer) }
}
