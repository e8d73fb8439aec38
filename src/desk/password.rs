//! Passwords: hashed and compared two at a time, changed by their owners, kept from coming again.

use std::sync::Arc;

use argon2::password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use zeroize::Zeroizing;

use super::{Desk, DeskError, Knock};
use crate::governance::password::{HISTORY, may_change};
use crate::governance::{Account, Refusal};
use crate::store::Accounts;
use crate::trace::Event;

/// Passwords hashed at a time: each takes its memory.
const HASHERS: usize = 2;
/// And so many with those that wait: more are told to come again.
const WAITING: usize = 16;

/// What a hash costs (Argon2id, one lane).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hashing {
    pub mebibytes: u32,
    pub passes: u32,
}

impl Default for Hashing {
    fn default() -> Self {
        Self { mebibytes: 64, passes: 3 }
    }
}

impl Hashing {
    /// The least that OWASP recommends.
    pub const LEAST: Self = Self { mebibytes: 19, passes: 2 };

    /// What an unknown login's password is compared with: it takes as long as a known one's, and none has this hash.
    fn of_nobody(self) -> String {
        let (salt, hash) = ("A".repeat(22), "A".repeat(43));
        format!("$argon2id$v=19$m={},t={},p=1${salt}${hash}", self.mebibytes << 10, self.passes)
    }

    fn argon2(self) -> Result<Argon2<'static>, String> {
        let params = Params::new(self.mebibytes << 10, self.passes, 1, None).map_err(|error| error.to_string())?;
        Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
    }

    fn hashed(self, password: &str) -> Result<String, String> {
        let salt = crate::id::random::<16>();
        let hash = self.argon2()?.hash_password_with_salt(password.as_bytes(), &salt);
        hash.map(|hash| hash.to_string()).map_err(|error| error.to_string())
    }

    /// Whether a hash is this password's: by the hash's own costs.
    fn is_of(self, password: &str, hash: &str) -> Result<bool, String> {
        let hash = PasswordHash::new(hash).map_err(|error| error.to_string())?;
        Ok(self.argon2()?.verify_password(password.as_bytes(), &hash).is_ok())
    }
}

pub(super) struct Hasher {
    cost: Hashing,
    places: Arc<Semaphore>,
    queue: Arc<Semaphore>,
}

/// Leave to hash one password, given up when it is done.
pub(super) struct Place {
    _place: OwnedSemaphorePermit,
    _waiting: OwnedSemaphorePermit,
}

impl Hasher {
    pub(super) fn new(cost: Hashing) -> Self {
        Self { cost, places: Arc::new(Semaphore::new(HASHERS)), queue: Arc::new(Semaphore::new(WAITING)) }
    }

    /// Waits for a turn; where too many wait, nobody does.
    pub(super) async fn place(&self) -> Result<Place, DeskError> {
        let waiting = Arc::clone(&self.queue).try_acquire_owned().map_err(|_| Refusal::Busy)?;
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(|_| Refusal::Busy)?;
        Ok(Place { _place: place, _waiting: waiting })
    }

    /// On a thread of its own, which ends with the place: one of a pool would keep the memory of its last hash.
    async fn run<T: Send + 'static>(
        &self,
        place: Place,
        work: impl FnOnce() -> Result<T, String> + Send + 'static,
    ) -> Result<T, DeskError> {
        let invalid = |error: String| DeskError::Trouble(format!("the password could not be hashed: {error}"));
        let (answer, answered) = oneshot::channel();
        let thread = std::thread::Builder::new().name("hasher".to_owned());
        let spawned = thread.spawn(move || {
            // Whoever asked may have gone.
            let _ = answer.send(work());
            drop(place);
        });
        spawned.map_err(|error| invalid(error.to_string()))?;
        answered.await.map_err(|error| invalid(error.to_string()))?.map_err(invalid)
    }

    pub(super) async fn hash(&self, place: Place, password: &str) -> Result<String, DeskError> {
        let (password, cost) = (Zeroizing::new(password.to_owned()), self.cost);
        self.run(place, move || cost.hashed(&password)).await
    }

    pub(super) async fn is_of(&self, place: Place, password: &str, hash: Option<&String>) -> Result<bool, DeskError> {
        let (password, cost) = (Zeroizing::new(password.to_owned()), self.cost);
        let hash = hash.cloned().unwrap_or_else(|| cost.of_nobody());
        self.run(place, move || cost.is_of(&password, &hash)).await
    }
}

impl Desk {
    /// A person changes a password: the old one and the second factor must be right, the new one follow the rules and be
    /// none of the last twelve (R32–R36). It ends all that the account had begun.
    pub async fn change_password(&self, knock: &Knock<'_>, new: &str) -> Result<Account, DeskError> {
        let changed = self.try_change(knock, new).await;
        if let Err(DeskError::Refused(refusal)) = &changed {
            self.failed("password", knock.login, *refusal).await?;
        }
        changed
    }

    async fn try_change(&self, knock: &Knock<'_>, new: &str) -> Result<Account, DeskError> {
        let now = self.clock.wall();
        let (account, bucket) = self.prove(knock, now).await?;
        if !account.enabled || !account.enrolled {
            return Err(Refusal::LoginWrong.into());
        }
        let known = self.store.passwords(&account.id, HISTORY - 1).await?;
        let current = known.first().ok_or(Refusal::LoginWrong)?;
        // What else is wrong is told to the account's owner alone, and counts against nobody. The digits are not used up
        // by it.
        self.show_factor(&self.store.begin().await?, &account, knock.code).await?;
        self.premises.admit(&account.roles, knock.from, now)?;
        let work = self.store.begin().await?;
        work.forget_failures(&account.id, &bucket).await?;
        work.commit().await?;
        // The first password is the owner's own choice already, but nobody has to live with it for a day.
        if known.len() > 1 {
            may_change(account.password_set, now).map_err(DeskError::Invalid)?;
        }
        self.policy.passwords.check(new, &account.login, &account.name).map_err(DeskError::Invalid)?;
        self.is_none_of(new, &known).await?;
        let hash = self.hasher.hash(self.hasher.place().await?, new).await?;
        let work = self.store.begin().await?;
        self.show_factor(&work, &account, knock.code).await?;
        if !work.set_password(&account.id, current, &hash, now, HISTORY - 1).await? {
            return Err(DeskError::Invalid("the password was changed by somebody else meanwhile; try again".to_owned()));
        }
        let stored = work.account_of(&account.id).await?.ok_or(Refusal::LoginWrong)?;
        let account = Account { password_set: now, ..stored };
        work.save_account(&account).await?;
        work.end_logins(&account.id).await?;
        work.void_tickets_of(&account.id).await?;
        let event = Event::new("account.password_changed").outcome("ok").sealed("account", account.id.as_str());
        self.record(work, event.sealed("login", account.login.as_str())).await?;
        Ok(account)
    }

    /// R36: the password is none of these.
    pub(super) async fn is_none_of(&self, password: &str, former: &[String]) -> Result<(), DeskError> {
        for hash in former {
            if self.hasher.is_of(self.hasher.place().await?, password, Some(hash)).await? {
                return Err(DeskError::Invalid(format!(
                    "the password was among the last {HISTORY} of this account; choose one that it never had"
                )));
            }
        }
        Ok(())
    }
}
