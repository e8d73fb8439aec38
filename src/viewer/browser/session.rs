//! A page's session, over one link after another: when a link fails, or the page comes by another, the session waits and
//! goes on; the picture is sent anew.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::lobby::Chair;
use super::reading::{Asked, Reading};
use super::writing::Writing;
use super::{Hears, Link, Says};
use crate::viewer::cut::Line;
use crate::viewer::seated::Held;
use crate::viewer::{Ending, Tally};

/// A page whose link was lost has so long to come again.
const AGAIN: Duration = Duration::from_secs(30);

pub(super) struct Session<H, S> {
    held: Held,
    line: Arc<Line>,
    chair: Chair<Link<H, S>>,
    updates: u64,
    rects: u64,
}

impl<H: Hears, S: Says> Session<H, S> {
    pub fn new(held: Held, line: Arc<Line>, chair: Chair<Link<H, S>>) -> Self {
        Self { held, line, chair, updates: 0, rects: 0 }
    }

    /// Runs to the end.
    pub async fn run(mut self, first: Link<H, S>) -> Tally {
        let (started, mut link) = (self.held.clock.now(), first);
        let ending = loop {
            match self.over(link).await {
                Ok(next) => {
                    self.let_go();
                    self.line.take(Arc::clone(&next.cut));
                    // Nobody knows what the page still has: all of it is owed.
                    let view = &mut self.held.view;
                    view.refresh(view.size.rect());
                    link = next;
                }
                Err(ending) => break ending,
            }
        };
        self.held.view.clear();
        let lasted = self.held.clock.now() - started;
        self.held.gauges.tally(ending, lasted, self.updates, self.rects)
    }

    /// One link: to the session's end, or until another comes in its place.
    async fn over(&mut self, Link { hears, says, .. }: Link<H, S>) -> Result<Link<H, S>, Ending> {
        let Held { seat, view, presence, gauges, clock, metrics } = &mut self.held;
        let (asks, asked) = watch::channel(Asked::default());
        let mut reading = Reading { hears, asked: asks, gauges: gauges.clone(), last: self.chair.last.clone() };
        let mut writing = Writing::new(says, view, asked, gauges.clone(), clock.now());
        let switch = seat.switch.clone();
        let both = presence.while_there(reading.run(presence, clock), writing.run(seat, metrics, clock), &switch, clock);
        let done = tokio::select! {
            biased;
            Some(next) = self.chair.next() => Ok(next),
            ending = both => Err(seat.ending.reason().unwrap_or(ending)),
        };
        self.updates += u64::from(writing.update);
        self.rects += writing.rects;
        match done {
            Ok(next) => Ok(next),
            Err(Ending::Lost) => {
                drop((reading, writing));
                self.again().await
            }
            Err(ending) => {
                writing.close(seat, ending, clock).await;
                Err(ending)
            }
        }
    }

    /// The link is over: what went into it and was not taken is thrown away.
    fn let_go(&self) {
        self.line.cut();
        self.held.gauges.hand_over();
    }

    /// Waits for the page to come again.
    async fn again(&mut self) -> Result<Link<H, S>, Ending> {
        self.let_go();
        let Held { seat, presence, gauges, clock, .. } = &mut self.held;
        gauges.interrupt();
        let (mut next, switch) = (None, seat.switch.clone());
        let waits = async {
            tokio::select! {
                biased;
                ending = seat.ending.raised() => return ending,
                came = self.chair.next() => next = came,
                () = clock.sleep(AGAIN) => {}
            }
            Ending::Lost
        };
        let ending = presence.while_there(std::future::pending(), waits, &switch, clock).await;
        next.ok_or(ending)
    }
}
