//! Show, Pause, Stop: what opens a site's source and what closes it, by people or because a right is over.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::act::{Act, Outcome};
use super::perform::done;
use super::seats::Running;
use super::{Shared, SiteHandle};
use crate::desk::{Actor, DeskError, Watch};
use crate::governance::{Looking, Refusal, Standing, first_refusal};
use crate::id::{EngagementId, SiteName};
use crate::store::StoreError;
use crate::viewer::Ending;

/// How often the rules are asked again about what runs, with what is known;
const TICK: Duration = Duration::from_millis(500);
/// and with what the store says, which another node may have changed. An act asks at once.
const TICKS: u32 = 8;

/// The store answers, and what it holds makes no sense.
fn is_unreadable(error: &DeskError) -> bool {
    matches!(error, DeskError::Store(StoreError::Row(_)))
}

impl Shared {
    pub(super) async fn about_sites(&self, actor: &Actor, act: Act) -> anyhow::Result<Outcome> {
        match act {
            Act::Show { engagement, wait } => self.show(actor, &engagement, wait).await,
            Act::Pause { site } => {
                self.take_away(Some(actor), &site, Standing::Paused, "ordered").await?;
                Ok(done(format!("{site} is paused: viewers wait before a blank screen")))
            }
            Act::Stop { site } => {
                self.take_away(Some(actor), &site, Standing::Stopped, "ordered").await?;
                Ok(done(format!("{site} is stopped")))
            }
            Act::Reload => self.reload().await,
            _ => Ok(self.list_sites(actor)),
        }
    }

    /// Records first, then opens: what gives rights counts once its entry is durable.
    async fn show(&self, actor: &Actor, engagement: &EngagementId, wait: bool) -> anyhow::Result<Outcome> {
        let site = self.desk.site_of(engagement).await?;
        let handle = self.site(&site)?;
        let answered = {
            let one_at_a_time = handle.acts.lock().await;
            let standing = self.desk.show(actor, engagement, wait).await?;
            handle.show_for(engagement);
            handle.real_data.send_replace(self.desk.engagement(engagement).await?.shows_real_data());
            // Asked again now that whoever takes the right away would find the site shown.
            if let Err(refusal) = self.desk.may_show_on(engagement).await?
                && standing == Standing::Showing
            {
                drop(one_at_a_time);
                // By the whole way: the source may have been open before this Show.
                self.take_away(Some(actor), &site, Standing::Stopped, refusal.code()).await?;
                return Err(DeskError::from(refusal).into());
            }
            // Whoever still looks does so in another engagement.
            let others = |running: &Running| running.site == site && running.engagement != *engagement;
            self.end_sessions(Ending::Stopped, others);
            if standing == Standing::Paused {
                // Whatever was shown before is no longer.
                handle.stand(standing);
                handle.go_blank(&self.clock).await;
                self.hold_sessions(&site);
                handle.halt().await;
                let until = if wait { "Show" } else { "an interval of real data is declared" };
                return Ok(done(format!("viewers may come to {site} and wait before a blank screen until {until}")));
            }
            handle.open().await
        };
        Ok(match answered.await? {
            None => done(format!("{site} is shown")),
            Some(trouble) => Outcome::NotDone {
                message: format!(
                    "{site} is to be shown but its source is not open: {trouble}. It is tried again for 60 seconds, unless the login failed"
                ),
            },
        })
    }

    /// Real data come or go; with a blackout the picture comes and goes with them.
    pub(super) async fn real_data(&self, actor: &Actor, id: &EngagementId, reason: Option<&str>) -> anyhow::Result<Outcome> {
        let site = self.desk.site_of(id).await?;
        let blackout = self.desk.engagement(id).await?.terms.blackout;
        let is_shown = self.site(&site)?.engagement().as_ref() == Some(id);
        let stands = self.site(&site)?.state.borrow().standing != Standing::Stopped;
        if blackout && is_shown && stands && reason.is_none() {
            self.take_away(Some(actor), &site, Standing::Paused, "interval_ended").await?;
        }
        // A pause for a blackout has ended the interval with it.
        if reason.is_some() || self.desk.engagement(id).await?.shows_real_data() {
            self.desk.mark_real_data(actor, id, reason).await?;
        }
        if is_shown {
            self.site(&site)?.real_data.send_replace(reason.is_some());
        }
        if blackout && is_shown && stands && reason.is_some() {
            return self.show(actor, id, false).await;
        }
        Ok(done(if reason.is_some() { "real data are declared on the screen" } else { "no real data on the screen" }))
    }

    /// Acts at once, whatever else is going on with the site; then once more in its turn, and records.
    pub(super) async fn take_away(
        &self,
        actor: Option<&Actor>,
        site: &SiteName,
        standing: Standing,
        cause: &str,
    ) -> anyhow::Result<()> {
        let handle = self.site(site)?;
        // A pause lifts no Stop: viewers could come again to wait.
        let is_stopped = || standing == Standing::Paused && handle.state.borrow().standing == Standing::Stopped;
        if is_stopped() {
            return Err(DeskError::from(Refusal::SiteNotShown).into());
        }
        let act = async || {
            handle.stand(standing);
            if standing == Standing::Stopped {
                self.end_sessions(Ending::Stopped, |running| running.site == *site);
                handle.real_data.send_replace(false);
            }
            // Viewers are held as soon as the screen is blank, however long what follows takes to be traced.
            handle.go_blank(&self.clock).await;
            self.hold_sessions(site);
            handle.halt().await;
            // An opening that was ordered before is over by now.
            handle.stand(standing);
            self.hold_sessions(site);
        };
        act().await;
        let _one_at_a_time = handle.acts.lock().await;
        if is_stopped() {
            // Somebody stopped it meanwhile.
            return Ok(());
        }
        act().await;
        self.desk.stand(actor, site, standing, cause).await?;
        Ok(())
    }

    /// Stops the site that is shown for an engagement, if one is.
    pub(super) async fn stop_engagement(&self, actor: Option<&Actor>, id: &EngagementId, cause: &str) -> anyhow::Result<()> {
        let shown =
            |handle: &SiteHandle| handle.engagement().as_ref() == Some(id) && handle.state.borrow().standing != Standing::Stopped;
        for (name, handle) in &self.sites {
            if shown(handle) {
                self.take_away(actor, name, Standing::Stopped, cause).await?;
            }
        }
        Ok(())
    }

    /// The picture of a site, without waiting for anything: [`Shared::take_away`] follows.
    pub(super) fn end_at_once(&self, name: &SiteName, handle: &SiteHandle, to: Standing, ending: Ending) {
        handle.stand(to);
        handle.stop_source();
        if to == Standing::Stopped {
            self.end_sessions(ending, |running| running.site == *name);
        }
    }

    /// Asks the rules again about every site that is shown, and closes what may not be shown on: all of them at once, then
    /// each with its entry.
    pub(super) async fn stop_what_no_longer_stands(&self) {
        let mut over = Vec::new();
        for (name, handle) in &self.sites {
            let (Some(engagement), standing) = (handle.engagement(), handle.state.borrow().standing) else { continue };
            if standing == Standing::Stopped {
                continue;
            }
            let code = match self.desk.may_show_on(&engagement).await {
                Ok(Err(Refusal::OutsideInterval)) if standing == Standing::Paused => continue,
                Ok(Err(refusal)) => refusal.code(),
                Err(error) if is_unreadable(&error) => "unreadable",
                // A store that is gone is another guard's.
                Ok(Ok(())) | Err(_) => continue,
            };
            let to = if code == Refusal::OutsideInterval.code() { Standing::Paused } else { Standing::Stopped };
            self.end_at_once(name, handle, to, Ending::Stopped);
            over.push((name, to, code));
        }
        for (name, to, code) in over {
            if let Err(error) = self.take_away(None, name, to, code).await {
                tracing::error!(%error, "a site that may no longer be shown was closed, and it could not be recorded");
            }
        }
    }

    /// The guard of rights, for as long as the node runs: were it to fail, every picture ends and it begins again.
    pub(super) async fn watch_rights(self: Arc<Self>) {
        loop {
            let mut guard = JoinSet::new();
            guard.spawn(Arc::clone(&self).guard_rights());
            let Some(Err(error)) = guard.join_next().await else { return };
            tracing::error!(%error, "whoever watches rights failed by our own fault: every picture ends");
            self.close_all(Ending::Failed).await;
            self.clock.sleep(TICK).await;
        }
    }

    /// Asks the rules again: twice a second with what is known, at every act and every few seconds with what is stored.
    async fn guard_rights(self: Arc<Self>) {
        let mut known = HashMap::new();
        let mut ticks = 0;
        loop {
            let changed = tokio::select! {
                () = self.changed.notified() => true,
                () = self.clock.sleep(TICK) => false,
            };
            ticks += 1;
            let anew = changed || ticks >= TICKS;
            self.end_untrusted_now();
            self.end_what_no_longer_stands(&mut known, false).await;
            if anew {
                ticks = 0;
                self.end_what_no_longer_stands(&mut known, true).await;
                self.stop_what_no_longer_stands().await;
            }
        }
    }

    /// `anew`: by what the store says now; where it says nothing, by what was known.
    async fn end_what_no_longer_stands(&self, known: &mut HashMap<Watch, Looking>, anew: bool) {
        let pairs: HashSet<Watch> = self.sessions().values().map(Running::watch).collect();
        known.retain(|pair, _| pairs.contains(pair));
        for pair in pairs {
            if anew || !known.contains_key(&pair) {
                match self.desk.look_again(&pair).await {
                    Ok(looking) => drop(known.insert(pair.clone(), looking)),
                    Err(DeskError::Refused(refusal)) => self.end_looking(&pair, Ending::Refused(refusal)),
                    // What cannot be read lets nobody look.
                    Err(error) if is_unreadable(&error) => self.end_looking(&pair, Ending::Failed),
                    Err(_) => {}
                }
            }
            let Some(looking) = known.get(&pair) else { continue };
            let Err(refusal) = first_refusal(&looking.checklist(self.clock.wall())) else { continue };
            let stopped = refusal == Refusal::SiteNotShown;
            self.end_looking(&pair, if stopped { Ending::Stopped } else { Ending::Refused(refusal) });
            // What ends one picture by the clock may end the site's too.
            self.changed.notify_one();
        }
    }

    fn end_looking(&self, watch: &Watch, ending: Ending) {
        self.end_sessions(ending, |running| running.watch() == *watch);
    }
}
