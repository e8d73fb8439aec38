//! Where a page finds its session again when its link was lost: by a secret that its browser keeps and no script reads.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use sha2::{Digest, Sha256};
use tokio::sync::{mpsc, watch};

use crate::id::SessionId;

/// The sessions that run in pages. One entry for each, gone with it.
pub struct Lobby<L>(Mutex<HashMap<[u8; 32], Waiting<L>>>);

/// A session that a page may come to again.
pub struct Waiting<L> {
    pub session: SessionId,
    /// When anything was heard of its page.
    pub last: watch::Receiver<Instant>,
    links: mpsc::Sender<L>,
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
    pub(super) fn enter(self: &Arc<Self>, secret: &str, session: &SessionId, now: Instant) -> Chair<L> {
        let (sender, links) = mpsc::channel(1);
        let (last, heard) = watch::channel(now);
        let key = key(secret);
        self.lock().insert(key, Waiting { session: session.clone(), last: heard, links: sender });
        Chair { last, links, lobby: Arc::clone(self), key }
    }

    /// The session that the secret is for, if it still runs.
    pub fn find(&self, secret: &str) -> Option<Waiting<L>> {
        self.lock().get(&key(secret)).map(|Waiting { session, last, links }| Waiting {
            session: session.clone(),
            last: last.clone(),
            links: links.clone(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 32], Waiting<L>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<L> Waiting<L> {
    /// Gives the session another link; `Err`: it has ended, or was just given one.
    pub fn give(&self, link: L) -> Result<(), L> {
        self.links.try_send(link).map_err(|error| match error {
            mpsc::error::TrySendError::Full(link) | mpsc::error::TrySendError::Closed(link) => link,
        })
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
