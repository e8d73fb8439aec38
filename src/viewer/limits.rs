//! What strangers may take of a node, and that they cannot take it from people who are known.
//!
//! An address from which somebody was let in is known for thirty days. Known addresses have places of their own and
//! are not counted among the strangers, so that a flood from elsewhere locks no auditor out.
//!
//! This room remembers no address by itself: the gate says who is known.

use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use time::OffsetDateTime;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Peer;
use super::rate::{MAX_ADDRESSES, Rate, whose};
use crate::clock::Clock;

/// Strangers' connections a second from everywhere: each costs a durable entry.
const IN_ALL: NonZeroU32 = NonZeroU32::MIN.saturating_add(199);
/// People typing a ticket, for each handshake at a time: they take longer than a protocol does.
const LOGINS: usize = 8;

/// Places at a time. Strangers and known people do not share them.
struct Places {
    handshakes: Arc<Semaphore>,
    logins: Arc<Semaphore>,
}

impl Places {
    fn new(handshakes: usize) -> Self {
        Self {
            handshakes: Arc::new(Semaphore::new(handshakes)),
            logins: Arc::new(Semaphore::new(handshakes.saturating_mul(LOGINS))),
        }
    }
}

/// A connection's place among those of its kind that are in a handshake.
pub(super) struct Place {
    logins: Arc<Semaphore>,
    _held: OwnedSemaphorePermit,
}

impl Place {
    /// Gives it back for one among those who type. `None`: all of those are taken.
    pub fn begin_login(self) -> Option<OwnedSemaphorePermit> {
        self.logins.try_acquire_owned().ok()
    }
}

/// Shared by all listeners of a node.
pub struct Limits {
    rate: Rate,
    strangers: Places,
    known: Places,
}

impl Limits {
    /// Connections a minute from one address, and handshakes at a time of strangers (as many again of known people).
    pub fn new(per_minute: u32, handshakes: usize, clock: &Clock) -> Self {
        let a_minute = NonZeroU32::new(per_minute).unwrap_or(NonZeroU32::MIN);
        Self { rate: Rate::new(a_minute, IN_ALL, clock), strangers: Places::new(handshakes), known: Places::new(handshakes) }
    }

    /// A place for a connection that has just come; `Err`: which limit refuses it.
    pub(super) fn enter(&self, peer: Peer) -> Result<Place, &'static str> {
        self.rate.check(peer.ends.address.ip(), peer.known)?;
        let places = if peer.known { &self.known } else { &self.strangers };
        let permit = Arc::clone(&places.handshakes).try_acquire_owned().map_err(|_| "busy")?;
        Ok(Place { logins: Arc::clone(&places.logins), _held: permit })
    }
}

/// The addresses from which somebody was let in, and when last. Bounded.
#[derive(Debug, Default)]
pub struct Known(Mutex<HashMap<IpAddr, OffsetDateTime>>);

impl Known {
    /// How long an address stays known.
    pub const FOR: time::Duration = time::Duration::days(30);

    pub fn is_known(&self, address: IpAddr, now: OffsetDateTime) -> bool {
        self.lock().get(&whose(address)).is_some_and(|seen| now - *seen < Self::FOR)
    }

    /// Somebody was let in; gives what the address counts as.
    pub fn admitted(&self, address: IpAddr, now: OffsetDateTime) -> IpAddr {
        let (whose, mut known) = (whose(address), self.lock());
        known.insert(whose, now);
        if known.len() > MAX_ADDRESSES {
            let oldest = known.iter().min_by_key(|(_, seen)| **seen).map(|(address, _)| *address);
            oldest.map(|address| known.remove(&address));
        }
        whose
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, OffsetDateTime>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
