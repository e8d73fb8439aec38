//! Local presence (R39): whether somebody sits before a viewer, by the very inputs that are dropped. A press after a
//! release counts, and a pointer that is elsewhere; protocol traffic and auto-repeat do not. The last place is compared in
//! memory and nothing of it is kept.

use std::pin::pin;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::Ending;
use crate::clock::Clock;
use crate::shutdown::Switch;

/// So long before the lock, the picture says so.
const WARNING: Duration = Duration::from_secs(120);

/// When somebody was there last. Written by the half that hears the viewer, read by who locks.
#[derive(Debug)]
pub(super) struct Presence {
    last: watch::Sender<Instant>,
    soon: watch::Sender<bool>,
    limit: Duration,
}

/// What the last inputs were, to tell new ones by.
#[derive(Debug, Default)]
pub(super) struct Signs {
    held: bool,
    pointer: Option<[u8; 5]>,
}

impl Signs {
    /// Whether this message shows that somebody is there (RFC 6143 §7.5.4, §7.5.5). One that has not come whole does not.
    pub fn show(&mut self, message: &[u8]) -> bool {
        match message {
            [4, down, _, _, _, _, _, _, ..] => {
                let pressed = *down != 0 && !self.held;
                self.held = *down != 0;
                pressed
            }
            [5, buttons, a, b, c, d, ..] => {
                let place = [*buttons, *a, *b, *c, *d];
                self.pointer.replace(place).is_some_and(|before| before != place)
            }
            _ => false,
        }
    }
}

impl Presence {
    /// Whoever has just logged in is there.
    pub fn new(limit: Duration, now: Instant) -> Self {
        Self { last: watch::Sender::new(now), soon: watch::Sender::new(false), limit }
    }

    /// Somebody is there.
    pub fn shown(&self, now: Instant) {
        self.last.send_replace(now);
        self.soon.send_if_modified(std::mem::take);
    }

    /// Whether the viewer is about to be locked: for the picture.
    pub fn soon(&self) -> watch::Receiver<bool> {
        self.soon.subscribe()
    }

    /// Both halves of a session, until one ends. When nobody is there any more the session is told to end, like by
    /// anybody: a black screen follows, and the cut.
    pub async fn while_there(
        &self,
        reads: impl Future<Output = Ending>,
        writes: impl Future<Output = Ending>,
        switch: &Switch<Ending>,
        clock: &Clock,
    ) -> Ending {
        let (mut reads, mut writes, mut absent) = (pin!(reads), pin!(writes), pin!(self.absent(clock)));
        let mut locked = false;
        loop {
            tokio::select! {
                biased;
                ending = &mut writes => return ending,
                ending = &mut reads => return ending,
                () = &mut absent, if !locked => {
                    locked = true;
                    switch.raise(Ending::Locked);
                }
            }
        }
    }

    /// Waits until nobody has been there for the whole time.
    async fn absent(&self, clock: &Clock) {
        let mut last = self.last.subscribe();
        loop {
            let locks = *last.borrow_and_update() + self.limit;
            let warns = locks - WARNING.min(self.limit / 2);
            let now = clock.now();
            if now >= locks {
                return;
            }
            self.soon.send_if_modified(|soon| !std::mem::replace(soon, now >= warns) && *soon);
            tokio::select! {
                // The sender is ours: it cannot be gone.
                _ = last.changed() => {}
                () = clock.sleep_until(if now >= warns { locks } else { warns }) => {}
            }
        }
    }
}
