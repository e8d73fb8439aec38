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
use std::time::{Duration, Instant};

use governor::middleware::NoOpMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use time::OffsetDateTime;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Peer;
use crate::clock::Clock;

/// Strangers' connections a second from everywhere: each costs a durable entry.
const IN_ALL: NonZeroU32 = NonZeroU32::MIN.saturating_add(199);
/// Addresses that the limiter holds at a time, and that are known: past it strangers wait, the oldest known are dropped.
const MAX_ADDRESSES: usize = 4096;
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
    per_address: RateLimiter<IpAddr, DefaultKeyedStateStore<IpAddr>, Clock, NoOpMiddleware<Instant>>,
    in_all: RateLimiter<NotKeyed, InMemoryState, Clock, NoOpMiddleware<Instant>>,
    strangers: Places,
    known: Places,
    tidied: Mutex<Instant>,
    clock: Clock,
}

impl Limits {
    /// Connections a minute from one address, and handshakes at a time of strangers (as many again of known people).
    pub fn new(per_minute: u32, handshakes: usize, clock: &Clock) -> Self {
        let quota = Quota::per_minute(NonZeroU32::new(per_minute).unwrap_or(NonZeroU32::MIN));
        Self {
            per_address: RateLimiter::new(quota, DefaultKeyedStateStore::default(), clock.clone()),
            in_all: RateLimiter::direct_with_clock(Quota::per_second(IN_ALL), clock.clone()),
            strangers: Places::new(handshakes),
            known: Places::new(handshakes),
            tidied: Mutex::new(clock.now()),
            clock: clock.clone(),
        }
    }

    /// A place for a connection that has just come; `Err`: which limit refuses it.
    pub(super) fn enter(&self, peer: Peer) -> Result<Place, &'static str> {
        let (address, known) = (whose(peer.address.ip()), peer.known);
        if !known && self.too_many_addresses() {
            return Err("rate_all");
        }
        // Each address by itself first: one that floods uses up little of what all have together.
        self.per_address.check_key(&address).map_err(|_| "rate_address")?;
        if !known {
            self.in_all.check().map_err(|_| "rate_all")?;
        }
        let places = if known { &self.known } else { &self.strangers };
        let permit = Arc::clone(&places.handshakes).try_acquire_owned().map_err(|_| "busy")?;
        Ok(Place { logins: Arc::clone(&places.logins), _held: permit })
    }

    /// Whether the limiter holds all the addresses that it may. Looked through once a second at most.
    fn too_many_addresses(&self) -> bool {
        if self.per_address.len() < MAX_ADDRESSES {
            return false;
        }
        let (now, mut tidied) = (self.clock.now(), self.tidied.lock().unwrap_or_else(PoisonError::into_inner));
        if now.saturating_duration_since(*tidied) >= Duration::from_secs(1) {
            *tidied = now;
            self.per_address.retain_recent();
        }
        self.per_address.len() >= MAX_ADDRESSES
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

/// Whom a limit counts as one: an IPv4 address, or the /64 that an IPv6 host has to itself.
pub fn whose(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6((u128::from(v6) >> 64 << 64).into()),
        v4 => v4,
    }
}
