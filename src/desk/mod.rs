//! ACTS: check, row and trace in one. Whatever changes what may be seen goes through here.
//!
//! An act's entry lies in the outbox in the same SQL transaction as the act, and leaves it once the log has it; what
//! a crash left there is appended at the next start, once. What gives rights counts only when its entry is recorded;
//! what takes rights away has acted before it comes here. This room opens no socket and draws no pixel.

mod actor;
mod alert;
mod engagement;
mod entry;
mod factor;
mod freeze;
mod genesis;
mod incident;
mod papers;
mod password;
mod people;
mod site;
mod ticket;
mod token;
mod workstation;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::clock::Clock;
use crate::governance::{Capture, Kind, Policy, Premises, Refusal};
use crate::id::{ActId, SiteName, random};
use crate::store::{Store, StoreError, Work};
use crate::trace::{Event, Log, Recorded, TraceError, acts_among};
pub use actor::Actor;
use alert::Alarm;
pub use alert::{Channels, Sending, Told};
pub use engagement::{Consent, Letter, Watch};
use entry::Strangers;
pub use entry::{Enrolled, Knock, Newcomer, Welcome};
pub use genesis::Link;
pub use incident::{Report, Word};
use password::Hasher;
pub use password::Hashing;
pub use people::{Asked, Settled};
use ticket::ShortTickets;
pub use ticket::{Denied, Form, Presented, Ticket};

#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Trace(#[from] TraceError),
    #[error("{0}")]
    Invalid(String),
    /// The node could not.
    #[error("{0}")]
    Trouble(String),
    #[error("{}", .0.words())]
    Refused(Refusal),
    #[error("there is no account {0:?}; `lucarne account list` shows those there are")]
    NoAccount(String),
}

impl DeskError {
    /// The node could not, and may later; whatever else stood in the way is for who ordered.
    pub fn is_of_the_node(&self) -> bool {
        match self {
            Self::Store(error) => !matches!(error, StoreError::LoginTaken(_)),
            Self::Trace(_) | Self::Trouble(_) => true,
            Self::Invalid(_) | Self::Refused(_) | Self::NoAccount(_) => false,
        }
    }
}

impl From<Refusal> for DeskError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// A site's settings, as the rules see them.
pub struct SiteSettings {
    pub kind: Kind,
    /// The capture class that viewers need at least.
    pub capture: Option<Capture>,
    /// SHA-256 of all of them as they are now, the papers of whom to trust included: two people approve this.
    pub digest: Box<dyn Fn() -> String + Send + Sync>,
}

/// What a desk is told at its beginning.
pub struct Wishes {
    pub policy: Policy,
    pub premises: Premises,
    pub hashing: Hashing,
    pub channels: Channels,
    pub sites: HashMap<SiteName, SiteSettings>,
    /// What second factors are derived from; it never lies in the store.
    pub key: Zeroizing<[u8; 32]>,
}

pub struct Desk {
    store: Store,
    log: Log,
    clock: Clock,
    hasher: Hasher,
    policy: Policy,
    premises: Arc<Premises>,
    sites: HashMap<SiteName, SiteSettings>,
    key: Zeroizing<[u8; 32]>,
    alarm: Alarm,
    strangers: Strangers,
    short: ShortTickets,
    /// Acts between their commit and their entry: nobody may take them for some that were left behind. Held for no
    /// wait: a lock here and the store's own would wait for each other.
    flying: Mutex<HashSet<ActId>>,
    /// Held while entries that were left behind are appended: two at once would each find them missing.
    emptying: tokio::sync::Mutex<()>,
}

/// The longest entry of an act, in bytes: a quarter of what the log takes.
const MAX_EVENT: usize = 16 << 10;

/// Crockford's base 32: no letter is read as another.
const LETTERS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// A secret that people copy: five random bits a letter, uniform, as 32 divides 256.
fn letters<const N: usize>() -> Zeroizing<String> {
    let bytes = Zeroizing::new(random::<N>());
    Zeroizing::new(bytes.iter().filter_map(|b| LETTERS.get(usize::from(b & 31))).map(|b| char::from(*b)).collect())
}

/// What the store keeps of a secret.
fn hash(secret: &str) -> Vec<u8> {
    Sha256::digest(secret.trim().to_ascii_lowercase().as_bytes()).to_vec()
}

/// An act that is among those flying, for as long as this lives.
struct Flight<'a> {
    desk: &'a Desk,
    act: &'a ActId,
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        self.desk.flying().remove(self.act);
    }
}

impl Desk {
    /// A desk over its store and log. Entries that a crash left behind are appended now.
    pub async fn open(store: Store, log: Log, clock: Clock, wishes: Wishes) -> Result<Self, DeskError> {
        let Wishes { policy, premises, hashing, channels, sites, key } = wishes;
        let alarm = Alarm::new(channels, &clock);
        let desk = Self {
            store,
            log,
            clock,
            hasher: Hasher::new(hashing),
            policy,
            premises: Arc::new(premises),
            sites,
            key,
            alarm,
            strangers: Strangers::default(),
            short: ShortTickets::default(),
            flying: Mutex::default(),
            emptying: tokio::sync::Mutex::default(),
        };
        desk.empty_outbox().await?;
        Ok(desk)
    }

    pub fn log(&self) -> &Log {
        &self.log
    }

    pub fn premises(&self) -> &Premises {
        &self.premises
    }

    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    pub fn store(&self) -> &Store {
        &self.store
    }

    fn flying(&self) -> MutexGuard<'_, HashSet<ActId>> {
        self.flying.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends the entries of acts that the log does not have yet.
    pub async fn empty_outbox(&self) -> Result<(), DeskError> {
        let _one_at_a_time = self.emptying.lock().await;
        let mut left = self.store.outbox().await?;
        left.retain(|(act, _)| !self.flying().contains(act));
        if left.is_empty() {
            return Ok(());
        }
        // Looked for only now: an act that landed meanwhile has its entry there.
        let (path, wanted) = (self.log.path().to_owned(), left.iter().map(|(act, _)| act.clone()).collect());
        let looking = tokio::task::spawn_blocking(move || acts_among(&path, wanted));
        let landed = looking.await.map_err(|_| TraceError::Closed)??;
        for (act, event) in left {
            if !landed.contains(&act) {
                self.log.append(event).await?;
            }
            self.store.forget_act(&act).await?;
        }
        Ok(())
    }

    /// Commits an act with its entry, and answers once the entry is durable.
    async fn record(&self, work: Work<'_>, event: Event) -> Result<Recorded, DeskError> {
        self.record_as(&ActId::random(), work, event).await
    }

    async fn record_as(&self, act: &ActId, work: Work<'_>, event: Event) -> Result<Recorded, DeskError> {
        self.flying().insert(act.clone());
        let _flight = Flight { desk: self, act };
        let event = event.act(act);
        // What the log could not take must not be committed: it would be owed for ever.
        if serde_json::to_string(&event).is_ok_and(|text| text.len() > MAX_EVENT) {
            return Err(DeskError::Invalid("the order is too long; shorten its texts".to_owned()));
        }
        work.put_act(act, &event).await?;
        work.commit().await?;
        let recorded = self.log.append(event).await?;
        self.store.forget_act(act).await?;
        Ok(recorded)
    }

    /// What is over for the person who asked, whatever the store says: an entry that nobody has to wait for.
    pub async fn note_refusal(&self, actor: Option<&Actor>, act: &str, refusal: Refusal) {
        let event = Event::new("act.refused").outcome("refused").cause(refusal.code()).public("act_kind", act);
        self.log.note(actor.into_iter().fold(event, |event, actor| actor.signs(event))).await;
    }
}
