//! Nobody says more than a person's machine has reason to: whoever does waits in its own socket, and others have the core.

use std::time::{Duration, Instant};

use crate::clock::Clock;

const TIME: Duration = Duration::from_millis(50);

/// So many messages in each [`TIME`].
pub(super) struct Pace {
    messages: u32,
    until: Instant,
    heard: u32,
}

impl Pace {
    pub fn of(messages: u32, clock: &Clock) -> Self {
        Self { messages, until: clock.now() + TIME, heard: 0 }
    }

    /// Waits until one more may be heard.
    pub async fn next(&mut self, clock: &Clock) {
        self.heard += 1;
        if self.heard > self.messages {
            clock.sleep_until(self.until).await;
            (self.until, self.heard) = (clock.now() + TIME, 0);
        }
    }
}
