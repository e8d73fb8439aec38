//! Whether a film runs on a site's screen: told by its own pixels and the clock, never by those who look.

use std::time::{Duration, Instant};

use crate::geometry::Rect;
use crate::picture::Picture;

/// How often it is decided.
const WINDOW: Duration = Duration::from_millis(500);
/// So many photographic pixels changed in a window are a film: eight megapixels a second.
const BEGINS: u64 = 4 << 20;
/// And fewer than this are its end: a film that goes on is far above.
const ENDS: u64 = 1 << 20;
/// One row in so many is looked at.
const STEP: usize = 8;

/// Counts the photographic pixels that change.
#[derive(Debug)]
pub(super) struct Film {
    since: Instant,
    photographic: u64,
    runs: bool,
}

impl Film {
    pub(super) fn new(now: Instant) -> Self {
        Self { since: now, photographic: 0, runs: false }
    }

    /// This place of the picture changed.
    pub(super) fn saw(&mut self, picture: &Picture, place: Rect) {
        for row in picture.rows(place).step_by(STEP) {
            let equal: u32 = row.iter().zip(row.iter().skip(1)).map(|(a, b)| u32::from(a == b)).sum();
            // A photograph has few equal neighbours. One that was JPEG has more of them: it is still the film.
            let most = if self.runs { row.len() * 2 / 3 } else { row.len() / 3 };
            if row.len() >= 16 && (equal as usize) < most {
                self.photographic += (row.len() * STEP) as u64;
            }
        }
    }

    /// At the end of a window: whether a film has begun (`Some(true)`) or is over (`Some(false)`).
    pub(super) fn turn(&mut self, now: Instant) -> Option<bool> {
        if now < self.since + WINDOW {
            return None;
        }
        let runs = self.photographic >= if self.runs { ENDS } else { BEGINS };
        let turned = runs != self.runs;
        *self = Self { since: now, photographic: 0, runs };
        turned.then_some(runs)
    }

    /// When it must be asked again at the latest: a film that stops says nothing more.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.runs.then(|| self.since + WINDOW)
    }
}
