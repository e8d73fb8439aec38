//! What limits refuse is counted and folded: strangers cannot fill the trace with it.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::Event;

/// Address prefixes counted by name in one minute; others share a line.
const MAX_PREFIXES: usize = 256;

/// Attempts refused by limits, folded into one entry per address prefix and minute with an exact count.
#[derive(Debug, Default)]
pub struct Fold {
    counts: BTreeMap<(String, &'static str), u64>,
    since: Option<Instant>,
}

impl Fold {
    /// Counts one attempt.
    pub fn add(&mut self, peer: IpAddr, cause: &'static str, now: Instant) {
        self.since.get_or_insert(now);
        let key = (prefix(peer), cause);
        let full = self.counts.len() >= MAX_PREFIXES && !self.counts.contains_key(&key);
        let key = if full { ("other".to_owned(), cause) } else { key };
        *self.counts.entry(key).or_default() += 1;
    }

    /// The entries of a minute that has passed.
    pub fn due(&mut self, now: Instant) -> Vec<Event> {
        let due = self.since.is_some_and(|since| now.saturating_duration_since(since) >= Duration::from_secs(60));
        if due { self.drain() } else { Vec::new() }
    }

    /// All that was counted: at the end of the process.
    pub fn drain(&mut self) -> Vec<Event> {
        self.since = None;
        let counts = std::mem::take(&mut self.counts);
        let event = |((prefix, cause), n): ((String, &str), u64)| {
            Event::new("conn.refused").outcome("refused").cause(cause).count("attempts", n).sealed("src_prefix", prefix)
        };
        counts.into_iter().map(event).collect()
    }
}

/// An IPv4 /24 or IPv6 /48.
pub(super) fn prefix(peer: IpAddr) -> String {
    match peer.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            format!("{a}.{b}.{c}.0/24")
        }
        IpAddr::V6(v6) => {
            let [a, b, c, ..] = v6.segments();
            format!("{a:x}:{b:x}:{c:x}::/48")
        }
    }
}
