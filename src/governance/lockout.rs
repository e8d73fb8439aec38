//! How wrong passwords slow guessing down: each account has a count for each device that it came from before, and one for
//! all others, so that guessing locks nobody out of a device of their own.

use time::{Duration, OffsetDateTime};

/// After so many failures each further one costs a wait,
const PATIENCE: u32 = 5;
/// and after so many the way is closed.
const LOCK: u32 = 10;
const FIRST_WAIT: Duration = Duration::minutes(1);
const CLOSED: Duration = Duration::hours(1);

/// Wrong passwords in a row, by one way in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failures {
    pub count: u32,
    pub last: OffsetDateTime,
}

/// Whether another password may be tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Open,
    Wait(Duration),
    /// Until somebody unlocks it.
    Locked,
}

impl Failures {
    pub fn one_more(before: Option<Self>, now: OffsetDateTime) -> Self {
        Self { count: before.map_or(0, |f| f.count).saturating_add(1), last: now }
    }

    /// `unlockable`: the account is privileged, and somebody else is there who can unlock it. Else the way opens by itself.
    pub fn way(self, unlockable: bool, now: OffsetDateTime) -> Way {
        if self.count < PATIENCE {
            return Way::Open;
        }
        if self.count >= LOCK && unlockable {
            return Way::Locked;
        }
        let doubled = FIRST_WAIT * 2i32.pow((self.count - PATIENCE).min(6));
        let wait = if self.count >= LOCK { CLOSED } else { doubled.min(CLOSED) };
        match self.last + wait - now {
            left if left > Duration::ZERO => Way::Wait(left),
            _ => Way::Open,
        }
    }
}
