//! Where a page finds its session again when its link was lost: by a secret that its browser keeps and no script reads.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use sha2::{Digest, Sha256};
use tokio::sync::{mpsc, watch};

use crate::id::SessionId;
use crate::shutdown::Switch;
use crate::viewer::{Ending, Seat};

/// The sessions that run in pages. One entry for each, gone with it.
pub struct Lobby<L>(Mutex<HashMap<[u8; 32], Waiting<L>>>);

/// A session that a page may come to again.
pub struct Waiting<L> {
    pub session: SessionId,
    /// When anything was heard of its page.
    pub last: watch::Receiver<Instant>,
    switch: Switch<Ending>,
    links: mpsc::Sender<L>,
}

impl<L> Clone for Waiting<L> {
    fn clone(&self) -> Self {
        let Self { session, last, switch, links } = self;
        Self { session: session.clone(), last: last.clone(), switch: switch.clone(), links: links.clone() }
    }
}

/// What a session has of the lobby.
pub(super) struct Chair<L> {
    pub last: watch::Sender<Instant>,
    links: mpsc::Receiver<L>,
    lobby: Arc<Lobby<L>>,
    key: [u8; 32],
}

impl<L> Default for Lobby<L> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<L> Lobby<L> {
    pub(super) fn enter(self: &Arc<Self>, secret: &str, seat: &Seat, now: Instant) -> Chair<L> {
        let (sender, links) = mpsc::channel(1);
        let (last, heard) = watch::channel(now);
        let key = key(secret);
        let (session, switch) = (seat.admission.session().clone(), seat.switch.clone());
        self.lock().insert(key, Waiting { session, last: heard, switch, links: sender });
        Chair { last, links, lobby: Arc::clone(self), key }
    }

    /// The session that the secret is for, if it still runs.
    pub fn find(&self, secret: &str) -> Option<Waiting<L>> {
        self.lock().get(&key(secret)).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 32], Waiting<L>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<L> Waiting<L> {
    /// The place of its next link; `None`: it has ended, or another is just being given to it.
    pub fn place(&self) -> Option<mpsc::OwnedPermit<L>> {
        self.links.clone().try_reserve_owned().ok()
    }

    /// Its page has left it, and says so late.
    pub fn leave(&self) {
        self.switch.raise(Ending::Left);
    }
}

impl<L> Chair<L> {
    /// The next link; `None` is never.
    pub async fn next(&mut self) -> Option<L> {
        self.links.recv().await
    }
}

impl<L> Drop for Chair<L> {
    fn drop(&mut self) {
        self.lobby.lock().remove(&self.key);
    }
}

fn key(secret: &str) -> [u8; 32] {
    Sha256::digest(secret).into()
}
