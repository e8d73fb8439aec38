//! What the node watches by itself: that the trace can be written, that the store answers, that the clock was not set.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::{Shared, SiteHandle, TURN};
use crate::clock::StepWatch;
use crate::desk::DeskError;
use crate::governance::Standing;
use crate::store::Sites;
use crate::trace::Event;
use crate::viewer::Ending;

/// How often the store is asked whether it is there, and how long an answer may take.
const LOOK: Duration = Duration::from_millis(500);
const ANSWER: Duration = Duration::from_secs(1);
/// A store that does not answer for so long ends every picture: nobody could take a right away.
const STORE_LOST: Duration = Duration::from_secs(5);

impl Shared {
    /// No trace, no picture: ends everything as soon as an entry cannot be made durable.
    pub(super) async fn guard_trace(self: Arc<Self>) {
        let mut health = self.log.health();
        let mut failures = 0;
        loop {
            let state = health.borrow_and_update().clone();
            if state.failures > failures {
                failures = state.failures;
                if !self.owing.swap(true, Ordering::SeqCst) {
                    tracing::error!(reason = state.broken, "the trace could not be written: every picture ends");
                }
                self.close_all(Ending::NoTrace).await;
            }
            if health.changed().await.is_err() {
                return;
            }
        }
    }

    /// Writes what was folded, after a gap what could not be written, and when the wall clock was set.
    pub(super) async fn keep_house(self: Arc<Self>) {
        let mut watch = StepWatch::new(&self.clock);
        loop {
            self.clock.sleep(TURN).await;
            if let Some(milliseconds) = watch.step() {
                self.clock_was_set(milliseconds).await;
            }
            let failures = self.log.health().borrow().failures;
            if self.owing.load(Ordering::SeqCst) && self.catch_up().await.is_ok() {
                // A failure that came meanwhile owes another gap.
                self.owing.store(self.log.health().borrow().failures != failures, Ordering::SeqCst);
                tracing::info!("the trace can be written again");
            }
            self.write_folded().await;
        }
    }

    /// Tickets that a clock set back would let live longer are void.
    async fn clock_was_set(&self, milliseconds: i64) {
        tracing::warn!(milliseconds, "the wall clock was set");
        let voided = if milliseconds < 0 { self.desk.void_tickets().await } else { Ok(0) };
        let voided = voided.unwrap_or_else(|error| {
            tracing::error!(%error, "tickets may live longer than sixty seconds: the clock was set back");
            0
        });
        let event = Event::new("clock.step").outcome("ok").public("offset_ms", milliseconds);
        self.log.note(event.count("tickets_voided", voided)).await;
    }

    /// Ends every session and closes every source, now; what stands in the store is put right when it can be traced.
    pub(super) async fn close_all(&self, ending: Ending) {
        self.end_sessions(ending, |_| true);
        self.sites.values().for_each(SiteHandle::stop_source);
        for site in self.sites.values() {
            site.halt().await;
            if site.state.borrow().standing == Standing::Showing {
                site.stand(Standing::Paused);
            }
        }
    }

    /// Records that nothing could be recorded, and what happened meanwhile; an error means: later.
    async fn catch_up(&self) -> Result<(), DeskError> {
        self.log.write_kept().await?;
        self.put_right("no_trace").await
    }

    /// Entries that are still owed, and how sites stand: as it is, not as it was when it could not be written.
    async fn put_right(&self, cause: &str) -> Result<(), DeskError> {
        self.desk.empty_outbox().await?;
        for (name, site) in &self.sites {
            let _one_at_a_time = site.acts.lock().await;
            let standing = site.state.borrow().standing;
            if standing != self.desk.store().site(name).await?.standing {
                self.desk.stand(None, name, standing, cause).await?;
            }
        }
        Ok(())
    }

    async fn write_folded(&self) {
        let folded = self.fold.lock().unwrap_or_else(PoisonError::into_inner).due(self.clock.now());
        for event in folded {
            self.log.note(event).await;
        }
    }

    /// No store, no picture: without it a right that was taken away would go unseen.
    pub(super) async fn guard_store(self: Arc<Self>) {
        let (mut silent_since, mut lost, mut owing) = (None, false, false);
        loop {
            self.clock.sleep(LOOK).await;
            let asked = self.clock.now();
            let answer = self.clock.within(asked + ANSWER, self.desk.store().answers()).await;
            if matches!(answer, Ok(Ok(()))) {
                // After the least trouble too: what was told as failed may have been committed.
                owing |= self.desk.store().was_troubled() | silent_since.take().is_some();
                if owing && self.put_right("no_store").await.is_ok() {
                    owing = false;
                    if std::mem::take(&mut lost) {
                        tracing::info!("the store answers again");
                        self.log.note(Event::new("store.back").outcome("ok")).await;
                    }
                }
                continue;
            }
            let since = *silent_since.get_or_insert(asked);
            if self.clock.now().saturating_duration_since(since) < STORE_LOST {
                continue;
            }
            // Again as long as it lasts: a Show that was recorded just before may open its source only now.
            self.close_all(Ending::NoStore).await;
            if !lost {
                lost = true;
                tracing::error!("the store does not answer, or is another node's: every picture has ended");
                self.log.note(Event::new("store.lost").outcome("failed")).await;
            }
        }
    }
}
