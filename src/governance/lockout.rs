//! How wrong passwords slow guessing down: each account has a count for each device that it came from before, and one for
//! all others, so that guessing locks nobody out of a device of their own.

use time::{Duration, OffsetDateTime};

/// After so many failures each further one costs a wait,
const PATIENCE: u32 = 5;
/// and after so many the way is closed.
const LOCK: u32 = 10;
const FIRST_WAIT: Duration = Duration::minutes(1);
const CLOSED: Duration = Duration::hours(1);
const CLOSED_TO_PRIVILEGED: Duration = Duration::days(1);

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
}

impl Failures {
    pub fn one_more(before: Option<Self>, now: OffsetDateTime) -> Self {
        Self { count: before.map_or(0, |f| f.count).saturating_add(1), last: now }
    }

    /// It opens again by itself, for who administers after a day: else strangers could close an installation for good.
    /// Somebody else can unlock it before.
    pub fn way(self, privileged: bool, now: OffsetDateTime) -> Way {
        if self.count < PATIENCE {
            return Way::Open;
        }
        let doubled = FIRST_WAIT * 2i32.pow((self.count - PATIENCE).min(6));
        let wait = match self.count {
            LOCK.. if privileged => CLOSED_TO_PRIVILEGED,
            LOCK.. => CLOSED,
            _ => doubled.min(CLOSED),
        };
        match self.last + wait - now {
            left if left > Duration::ZERO => Way::Wait(left),
            _ => Way::Open,
        }
    }
}
