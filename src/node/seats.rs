//! Who looks now: the sessions that run, each with what ends it.

use std::collections::HashMap;
use std::sync::{MutexGuard, PoisonError};

use tokio::sync::watch;

use super::Shared;
use crate::desk::Watch;
use crate::governance::Capture;
use crate::id::{AccountId, EngagementId, SessionId, SiteName};
use crate::shutdown::Switch;
use crate::tls::Card;
use crate::viewer::{Ending, Watcher, Watchers};

/// A session that runs: enough to end it.
pub(super) struct Running {
    pub site: SiteName,
    pub engagement: EngagementId,
    pub account: AccountId,
    /// The person's.
    pub name: String,
    pub capture: Capture,
    /// What the workstation proved to hold.
    pub card: Option<Card>,
    pub switch: Switch<Ending>,
    pub hold: watch::Sender<u64>,
    /// Its start is recorded: it may see the picture.
    pub looks: bool,
}

impl Running {
    /// What the rules are asked about it.
    pub fn watch(&self) -> Watch {
        (self.account.clone(), self.engagement.clone(), self.card.as_ref().map(|card| card.fingerprint))
    }
}

impl Shared {
    pub(super) fn sessions(&self) -> MutexGuard<'_, HashMap<SessionId, Running>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sessions that run now.
    pub fn running(&self) -> usize {
        self.sessions().len()
    }

    /// A session's start is recorded: others who look at the site are told.
    pub(super) fn looks(&self, session: &SessionId) {
        let mut sessions = self.sessions();
        let Some(running) = sessions.get_mut(session) else { return };
        running.looks = true;
        let site = running.site.clone();
        self.tell_watchers(&sessions, &site);
    }

    /// A session is over, or never began.
    pub(super) fn leaves(&self, session: &SessionId) -> Option<Running> {
        let mut sessions = self.sessions();
        let running = sessions.remove(session)?;
        self.tell_watchers(&sessions, &running.site);
        Some(running)
    }

    /// Under the lock of the sessions: the last word is the true one.
    fn tell_watchers(&self, sessions: &HashMap<SessionId, Running>, site: &SiteName) {
        let Some(handle) = self.sites.get(site) else { return };
        let looking = sessions.iter().filter(|(_, running)| running.site == *site && running.looks);
        let watcher = |(id, running): (&SessionId, &Running)| Watcher {
            name: running.name.clone(),
            session: id.clone(),
            engagement: running.engagement.clone(),
        };
        let mut watchers: Vec<_> = looking.map(watcher).collect();
        watchers.sort();
        handle.watchers.send_replace(Watchers::from(watchers));
    }

    /// Ends the sessions that `which` picks, at once.
    pub(super) fn end_sessions(&self, ending: Ending, which: impl Fn(&Running) -> bool) {
        self.sessions().values().filter(|running| which(running)).for_each(|running| running.switch.raise(ending));
    }

    /// The picture was taken from those who look at a site: what was copied of it must leave the node or be cut.
    pub(super) fn hold_sessions(&self, site: &SiteName) {
        let mut sessions = self.sessions();
        sessions.values_mut().filter(|running| running.site == *site).for_each(|running| running.hold.send_modify(|n| *n += 1));
    }
}
