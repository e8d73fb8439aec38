//! The only source of time. Everything that waits or stamps is handed a [`Clock`]; tests hand it one that they move.
//!
//! It never: reads a time zone, or lets another room call `now()` (clippy forbids tokio's and std's).

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use time::OffsetDateTime;
use tokio::sync::watch;

/// Wall time, monotonic time and waiting. Cheap to clone.
#[derive(Clone)]
pub struct Clock {
    hand: Option<Arc<Hand>>,
}

/// The hand of a virtual clock: what a test moves.
struct Hand {
    /// Added to the time that passed since `start`; for a frozen hand none passes by itself.
    offset: watch::Sender<Duration>,
    /// Added to the wall time alone, in milliseconds.
    set: AtomicI64,
    start: (Instant, SystemTime),
    frozen: bool,
}

impl std::fmt::Debug for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.hand.is_some() { "Clock(virtual)" } else { "Clock(system)" })
    }
}

/// A deadline passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the deadline passed")]
pub struct Elapsed;

#[expect(clippy::disallowed_methods, reason = "this is the one place that asks the system for the time")]
fn system() -> (Instant, SystemTime) {
    (Instant::now(), SystemTime::now())
}

impl Clock {
    /// The system's time.
    pub fn system() -> Self {
        Self { hand: None }
    }

    /// A virtual clock that stands still until [`Clock::advance`].
    pub fn frozen(wall: OffsetDateTime) -> Self {
        Self::virtual_from(wall, true)
    }

    /// A virtual clock that runs on from `wall` and jumps ahead on [`Clock::advance`]: for stories with real programs.
    pub fn running(wall: OffsetDateTime) -> Self {
        Self::virtual_from(wall, false)
    }

    fn virtual_from(wall: OffsetDateTime, frozen: bool) -> Self {
        let start = (system().0, wall.into());
        Self { hand: Some(Arc::new(Hand { offset: watch::Sender::new(Duration::ZERO), set: AtomicI64::new(0), start, frozen })) }
    }

    /// Moves a virtual clock ahead and wakes whoever waited for that time. The system's clock is left alone.
    pub fn advance(&self, by: Duration) {
        if let Some(hand) = &self.hand {
            hand.offset.send_modify(|offset| *offset += by);
        }
    }

    /// Sets the wall time of a virtual clock ahead or back, as an administrator or a time server does.
    pub fn set_by(&self, milliseconds: i64) {
        if let Some(hand) = &self.hand {
            hand.set.fetch_add(milliseconds, Ordering::SeqCst);
        }
    }

    fn both(&self) -> (Instant, SystemTime) {
        match &self.hand {
            None => system(),
            Some(hand) => {
                let passed = if hand.frozen { Duration::ZERO } else { system().0 - hand.start.0 };
                let since = passed + *hand.offset.borrow();
                let set = hand.set.load(Ordering::SeqCst);
                let moved = Duration::from_millis(set.unsigned_abs());
                let wall = hand.start.1 + since;
                (hand.start.0 + since, if set < 0 { wall - moved } else { wall + moved })
            }
        }
    }

    /// Monotonic time: for deadlines and durations.
    pub fn now(&self) -> Instant {
        self.both().0
    }

    /// Wall time, UTC: for traces, tickets and watermarks.
    pub fn wall(&self) -> OffsetDateTime {
        self.both().1.into()
    }

    /// Waits until `deadline`.
    pub async fn sleep_until(&self, deadline: Instant) {
        let Some(hand) = &self.hand else {
            return sleep_system(deadline.saturating_duration_since(self.now())).await;
        };
        let mut offset = hand.offset.subscribe();
        loop {
            offset.mark_unchanged();
            let left = deadline.saturating_duration_since(self.now());
            if left.is_zero() {
                return;
            }
            if hand.frozen {
                // The sender lives as long as `self`, so this cannot fail while we wait.
                let _ = offset.changed().await;
            } else {
                tokio::select! { _ = offset.changed() => {}, () = sleep_system(left) => {} }
            }
        }
    }

    pub async fn sleep(&self, duration: Duration) {
        self.sleep_until(self.now() + duration).await;
    }

    /// Runs `work` until `deadline` at the latest.
    pub async fn within<T>(&self, deadline: Instant, work: impl Future<Output = T>) -> Result<T, Elapsed> {
        tokio::select! {
            biased;
            done = work => Ok(done),
            () = self.sleep_until(deadline) => Err(Elapsed),
        }
    }
}

/// Tells when the wall clock went another way than time: back, or ahead by more than five seconds.
#[derive(Debug)]
pub struct StepWatch {
    clock: Clock,
    before: (Instant, SystemTime),
}

/// Slewing never moves a clock by so much between two looks.
const BACK: i64 = 100;
const AHEAD: i64 = 5_000;

impl StepWatch {
    pub fn new(clock: &Clock) -> Self {
        Self { clock: clock.clone(), before: clock.both() }
    }

    /// By how many milliseconds the wall clock was set since it was looked at last, if it was.
    pub fn step(&mut self) -> Option<i64> {
        let now = self.clock.both();
        let before = std::mem::replace(&mut self.before, now);
        let passed = OffsetDateTime::from(now.1) - OffsetDateTime::from(before.1);
        let step = passed.whole_milliseconds() as i64 - (now.0 - before.0).as_millis() as i64;
        (step <= -BACK || step > AHEAD).then_some(step)
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the one place that waits on the system's timer")]
async fn sleep_system(duration: Duration) {
    tokio::time::sleep(duration).await;
}

impl governor::clock::Clock for Clock {
    type Instant = Instant;

    fn now(&self) -> Instant {
        Self::now(self)
    }
}

impl rustls::time_provider::TimeProvider for Clock {
    fn current_time(&self) -> Option<rustls::pki_types::UnixTime> {
        let since = self.both().1.duration_since(SystemTime::UNIX_EPOCH).ok()?;
        Some(rustls::pki_types::UnixTime::since_unix_epoch(since))
    }
}
