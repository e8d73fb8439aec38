//! How often addresses may come: each by itself, and all strangers together.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use governor::middleware::NoOpMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

use crate::clock::Clock;

/// Addresses that are held at a time: past it strangers wait.
pub(super) const MAX_ADDRESSES: usize = 4096;

type PerAddress = RateLimiter<IpAddr, DefaultKeyedStateStore<IpAddr>, Clock, NoOpMiddleware<Instant>>;

/// A prefix's strangers may come as often as so many addresses.
const ADDRESSES: NonZeroU32 = NonZeroU32::MIN.saturating_add(3);

/// Shared by whatever counts as one way to come.
pub struct Rate {
    per_address: PerAddress,
    /// Of strangers: one customer of a provider has thousands of addresses.
    per_prefix: PerAddress,
    in_all: RateLimiter<NotKeyed, InMemoryState, Clock, NoOpMiddleware<Instant>>,
    /// When addresses of long ago were let go last. Its lock is held for no wait.
    tidied: Mutex<Instant>,
    clock: Clock,
}

impl Rate {
    /// So many a minute from each address, and so many a second from all that nobody knows.
    pub fn new(per_minute: NonZeroU32, in_all: NonZeroU32, clock: &Clock) -> Self {
        Self {
            per_address: keyed(per_minute, clock),
            per_prefix: keyed(per_minute.saturating_mul(ADDRESSES), clock),
            in_all: RateLimiter::direct_with_clock(Quota::per_second(in_all), clock.clone()),
            tidied: Mutex::new(clock.now()),
            clock: clock.clone(),
        }
    }

    /// Whether the address may once more; `Err`: which limit refuses it. Who is known does not wait for strangers.
    pub fn check(&self, address: IpAddr, known: bool) -> Result<(), &'static str> {
        if !known && self.too_many_addresses() {
            return Err("rate_all");
        }
        // Each address by itself first: one that floods uses up little of what all have together.
        self.per_address.check_key(&whose(address)).map_err(|_| "rate_address")?;
        if !known {
            self.per_prefix.check_key(&prefix(address)).map_err(|_| "rate_prefix")?;
            self.in_all.check().map_err(|_| "rate_all")?;
        }
        Ok(())
    }

    /// Whether all the addresses are held that may be. Looked through once a second at most.
    fn too_many_addresses(&self) -> bool {
        if self.per_address.len() < MAX_ADDRESSES {
            return false;
        }
        let (now, mut tidied) = (self.clock.now(), self.tidied.lock().unwrap_or_else(PoisonError::into_inner));
        if now.saturating_duration_since(*tidied) >= Duration::from_secs(1) {
            *tidied = now;
            self.per_address.retain_recent();
            self.per_prefix.retain_recent();
        }
        self.per_address.len() >= MAX_ADDRESSES
    }
}

/// Whom a limit counts as one: an IPv4 address, or the /64 that an IPv6 host has to itself.
pub fn whose(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6((u128::from(v6) >> 64 << 64).into()),
        v4 => v4,
    }
}

/// An IPv4 /24 or an IPv6 /48, by its first address.
fn prefix(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4((u32::from(v4) >> 8 << 8).into()),
        IpAddr::V6(v6) => IpAddr::V6((u128::from(v6) >> 80 << 80).into()),
    }
}

fn keyed(per_minute: NonZeroU32, clock: &Clock) -> PerAddress {
    RateLimiter::new(Quota::per_minute(per_minute), DefaultKeyedStateStore::default(), clock.clone())
}
