//! A viewer that was let in: its session runs on the viewers' runtime and is watched from here, where nothing delays a
//! stop.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::watch;

use super::cut::Line;
use super::faces::Said;
use super::gauges::Gauges;
use super::presence::Presence;
use super::update::View;
use super::{Ending, Gate, SEND_BUFFER, Seat, Tally};
use crate::clock::Clock;
use crate::id::SessionId;
use crate::mark::Identity;
use crate::metrics::Metrics;

/// Between two entries of what a viewer tried.
const MINUTE: Duration = Duration::from_secs(60);
const SECOND: Duration = Duration::from_secs(1);
/// From being told to end, or held, to being cut.
const GRACE: Duration = Duration::from_millis(500);
/// The system never holds more of a viewer's bytes (Linux doubles the size that it is asked for).
const MOST_HELD: u64 = 2 * SEND_BUFFER as u64;
/// How often a viewer that is held is asked whether it has taken all of the picture that there was.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Where sessions are held.
pub struct Room<'a, G> {
    pub gate: &'a G,
    /// The runtime on which viewers' pixels are stamped and encoded.
    pub pixels: &'a Handle,
    pub clock: &'a Clock,
    pub metrics: &'a Metrics,
}

/// What a session has of its seat: the seat itself, its picture, who sits there, and what others watch it by.
pub(super) struct Held {
    pub seat: Seat,
    pub view: View,
    pub presence: Presence,
    pub gauges: Gauges,
    pub clock: Clock,
    pub metrics: Metrics,
}

impl<G: Gate> Room<'_, G> {
    /// Holds a session to its end, and tells the gate of it. `line`: what it runs over.
    pub(super) async fn hold<F>(&self, seat: Seat, line: Arc<Line>, session: impl FnOnce(Held) -> F + Send + 'static)
    where
        F: Future<Output = Tally> + Send,
    {
        let id = seat.admission.session().clone();
        let identity = Identity { who: seat.admission.name().to_owned(), what: seat.label.clone(), session: id.clone() };
        let presence = Presence::new(seat.idle, self.clock.now());
        let said = Said::new(seat.real_data.clone(), presence.soon());
        let view = View::new(seat.screen.clone(), identity, said, self.clock.clone());
        let (mut ending, holds, switch) = (seat.ending.clone(), seat.holds.clone(), seat.switch.clone());
        let gauges = Gauges::default();
        let (clock, metrics) = (self.clock.clone(), self.metrics.clone());
        let held = Held { seat, view, presence, gauges: gauges.clone(), clock, metrics: metrics.clone() };
        let session = self.pixels.spawn(async move {
            metrics.sessions.inc();
            let tally = session(held).await;
            metrics.sessions.dec();
            tally
        });
        let mut session = pin!(session);
        let mut too_slow = pin!(too_slow(holds, &gauges, &line, self.clock));
        let mut told = pin!(self.tell(&id, &gauges));
        let done = loop {
            tokio::select! {
                biased;
                _ = ending.raised() => {
                    let deadline = self.clock.now() + GRACE;
                    let done = self.clock.within(deadline, &mut session).await;
                    self.clock.sleep_until(deadline).await;
                    line.cut();
                    match done {
                        Ok(done) => break done,
                        Err(_) => break session.await,
                    }
                }
                done = &mut session => {
                    // The session is done, but the system may still hold some of its picture: it has as long as after
                    // a stop. Whoever has left of itself, or was lost, holds nothing up.
                    if !done.as_ref().is_ok_and(|tally| matches!(tally.ending, Ending::Left | Ending::Lost)) {
                        self.clock.sleep(GRACE).await;
                    }
                    line.cut();
                    break done;
                }
                () = &mut too_slow => {
                    switch.raise(Ending::SlowToPause);
                    line.cut();
                    break session.await;
                }
                () = &mut told => {}
            }
        };
        let tally = done.unwrap_or_else(|error| {
            tracing::error!(%error, "a session's task failed");
            Tally::empty(Ending::Failed)
        });
        let rest = gauges.rest_of_copies();
        if !rest.is_empty() {
            self.gate.copied(&id, rest).await;
        }
        self.gate.ended(&id, tally).await;
    }

    /// Tells the gate what happens, for as long as it is let.
    async fn tell(&self, session: &SessionId, gauges: &Gauges) {
        tokio::join!(self.minutes(session, gauges), self.copies(session, gauges), self.interruptions(session, gauges));
    }

    /// Tells of each sign that somebody tries to copy the picture; those of a second together.
    async fn copies(&self, session: &SessionId, gauges: &Gauges) {
        loop {
            let signs = gauges.copies().await;
            self.gate.copied(session, signs).await;
            self.clock.sleep(SECOND).await;
        }
    }

    /// Tells of each time that the link was lost.
    async fn interruptions(&self, session: &SessionId, gauges: &Gauges) {
        loop {
            for _ in 0..gauges.interruptions().await {
                self.gate.interrupted(session).await;
            }
        }
    }

    /// Tells each minute what the viewer tried, if that is more than before.
    async fn minutes(&self, session: &SessionId, gauges: &Gauges) {
        let mut told = Vec::new();
        loop {
            self.clock.sleep(MINUTE).await;
            let now = gauges.tried();
            if now != told {
                self.gate.counters(session, now.clone()).await;
                told = now;
            }
        }
    }
}

/// Waits for a pause that the viewer is too slow for: the screen was cleared, and [`GRACE`] later some of the picture
/// that was copied before has still not left.
async fn too_slow(mut holds: watch::Receiver<u64>, gauges: &Gauges, line: &Line, clock: &Clock) {
    loop {
        if holds.changed().await.is_err() {
            return std::future::pending().await;
        }
        if !settled(gauges, gauges.begun(), line, clock.now() + GRACE, clock).await {
            return;
        }
    }
}

/// Waits until the pieces begun so far have left the node: the system was given them, and then holds nothing unsent or
/// has been given more than it can hold. False: they have not by the deadline.
async fn settled(gauges: &Gauges, begun: u64, line: &Line, deadline: Instant, clock: &Clock) -> bool {
    let mut given = None;
    loop {
        if gauges.handed_over() >= begun {
            let since = *given.get_or_insert(gauges.bytes());
            if line.is_drained() || gauges.bytes() - since >= MOST_HELD {
                return true;
            }
        }
        if clock.now() >= deadline {
            return false;
        }
        clock.sleep(LOOK_AGAIN).await;
    }
}
