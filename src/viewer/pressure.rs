//! Whether the line to a viewer holds its picture back: measured by how long updates wait to be taken.

use std::time::{Duration, Instant};

/// An update that waits this long is felt.
const FELT: Duration = Duration::from_millis(100);
/// A line is taken for slow this long after an update that was felt.
const REMEMBERED: Duration = Duration::from_secs(2);

#[derive(Debug, Default)]
pub(super) struct Pressure {
    slow_until: Option<Instant>,
}

impl Pressure {
    /// An update waited so long for the line.
    pub fn waited(&mut self, time: Duration, now: Instant) {
        if time >= FELT {
            self.slow_until = Some(now + REMEMBERED);
        }
    }

    pub fn is_slow(&self, now: Instant) -> bool {
        self.slow_until.is_some_and(|until| now < until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    #[test]
    fn a_line_is_slow_for_two_seconds_after_an_update_that_waited() {
        let (mut pressure, now) = (Pressure::default(), Clock::system().now());
        pressure.waited(Duration::from_millis(99), now);
        assert!(!pressure.is_slow(now));
        pressure.waited(Duration::from_millis(100), now);
        assert!(pressure.is_slow(now + Duration::from_millis(1999)));
        assert!(!pressure.is_slow(now + Duration::from_secs(2)));
    }
}
