//! Whether much of the screen moves: then nobody reads it, and its text may be blurred until it is still.

use std::time::{Duration, Instant};

/// A change of more than this part of the screen, so soon after another, is movement.
const PART: u64 = 8;
const SOON: Duration = Duration::from_millis(300);

/// When a large part changed last.
#[derive(Debug, Default)]
pub(super) struct Movement(Option<Instant>);

impl Movement {
    /// So many pixels of all changed now. True: they move.
    pub fn changed(&mut self, pixels: u64, of: u64, now: Instant) -> bool {
        if pixels <= of / PART {
            return false;
        }
        self.0.replace(now).is_some_and(|before| now < before + SOON)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    #[test]
    fn a_large_change_soon_after_another_is_movement_and_a_small_one_never() {
        let (mut movement, now) = (Movement::default(), Clock::system().now());
        let at = |milliseconds| now + Duration::from_millis(milliseconds);
        assert!(!movement.changed(800, 800, at(0)), "a page that is turned is read at once");
        assert!(!movement.changed(100, 800, at(10)), "letters are typed");
        assert!(movement.changed(101, 800, at(299)));
        assert!(movement.changed(101, 800, at(598)));
        assert!(!movement.changed(101, 800, at(898)));
    }
}
