//! Passwords: hashed and compared two at a time, changed by their owners, kept from coming again.

use argon2::password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;

use super::{Desk, DeskError};
use crate::governance::Login;
use crate::governance::password::{HISTORY, may_change};
use crate::store::AccountRow;
use crate::trace::Event;

/// Argon2id as the plan's profile asks: 64 MiB, three passes, one lane.
const ARGON2: (u32, u32, u32) = (64 << 10, 3, 1);
/// Passwords hashed at a time: each takes 64 MiB.
const HASHERS: usize = 2;
/// And so many with those that wait: more are told to come again.
const WAITING: usize = 16;

pub(super) struct Hasher {
    places: Semaphore,
    queue: Semaphore,
}

impl Default for Hasher {
    fn default() -> Self {
        Self { places: Semaphore::new(HASHERS), queue: Semaphore::new(WAITING) }
    }
}

/// What an unknown login's password is compared with: it takes as long as a known one's, and none has this hash.
fn of_nobody() -> String {
    let (memory, passes, lanes) = ARGON2;
    let (salt, hash) = ("A".repeat(22), "A".repeat(43));
    format!("$argon2id$v=19$m={memory},t={passes},p={lanes}${salt}${hash}")
}

fn argon2() -> Result<Argon2<'static>, String> {
    let (memory, passes, lanes) = ARGON2;
    let params = Params::new(memory, passes, lanes, None).map_err(|error| error.to_string())?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn hashed(password: &str) -> Result<String, String> {
    let salt = crate::id::random::<16>();
    argon2()?.hash_password_with_salt(password.as_bytes(), &salt).map(|hash| hash.to_string()).map_err(|error| error.to_string())
}

/// Whether a hash is this password's.
fn is_of(password: &str, hash: &str) -> Result<bool, String> {
    let hash = PasswordHash::new(hash).map_err(|error| error.to_string())?;
    Ok(argon2()?.verify_password(password.as_bytes(), &hash).is_ok())
}

impl Hasher {
    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> Result<T, String> + Send + 'static) -> Result<T, DeskError> {
        let invalid = |error: String| DeskError::Invalid(format!("the password could not be hashed: {error}"));
        let many = |_| DeskError::Invalid("too many passwords are being looked at; try again in a moment".to_owned());
        let _waiting = self.queue.try_acquire().map_err(many)?;
        let _place = self.places.acquire().await.map_err(|error| invalid(error.to_string()))?;
        tokio::task::spawn_blocking(work).await.map_err(|error| invalid(error.to_string()))?.map_err(invalid)
    }

    pub(super) async fn hash(&self, password: &str) -> Result<String, DeskError> {
        let password = password.to_owned();
        self.run(move || hashed(&password)).await
    }

    async fn is_of(&self, password: &str, hash: Option<&String>) -> Result<bool, DeskError> {
        let (password, hash) = (password.to_owned(), hash.cloned().unwrap_or_else(of_nobody));
        self.run(move || is_of(&password, &hash)).await
    }
}

impl Desk {
    /// A person changes a password: the old one must be right, the new one follow the rules and be none of the last
    /// twelve (R32–R36).
    pub async fn change_password(&self, login: &str, old: &str, new: &str) -> Result<AccountRow, DeskError> {
        let now = self.clock.wall();
        let account = match Login::try_from(login.to_owned()) {
            Ok(login) => self.store.account(&login).await?,
            Err(_) => None,
        };
        let known = match &account {
            Some(account) => self.store.passwords(&account.id, HISTORY - 1).await?,
            None => Vec::new(),
        };
        let right = self.hasher.is_of(old, known.first()).await? && account.as_ref().is_some_and(|account| account.enabled);
        let (Some(account), Some(current), true) = (account, known.first(), right) else {
            let event = Event::new("auth.failed").outcome("refused").cause("password_wrong").public("method", "password");
            self.log.append(event.sealed("login", login.chars().take(64).collect::<String>())).await?;
            return Err(DeskError::Invalid("the login or its password is not right; nothing was changed".to_owned()));
        };
        // The first password was somebody else's idea.
        if known.len() > 1 {
            may_change(account.password_set, now).map_err(DeskError::Invalid)?;
        }
        self.passwords.check(new, &account.login, &account.name).map_err(DeskError::Invalid)?;
        for hash in &known {
            if self.hasher.is_of(new, Some(hash)).await? {
                return Err(DeskError::Invalid(format!(
                    "the password was among the last {HISTORY} of this account; choose one that it never had"
                )));
            }
        }
        let hash = self.hasher.hash(new).await?;
        let mut work = self.store.begin().await?;
        if !work.set_password(&account.id, current, &hash, now, HISTORY - 1).await? {
            return Err(DeskError::Invalid("the password was changed by somebody else meanwhile; try again".to_owned()));
        }
        let event = Event::new("account.password_changed").outcome("ok").sealed("account", account.id.as_str());
        self.record(work, event.sealed("login", account.login.as_str())).await?;
        Ok(AccountRow { password_set: now, ..account })
    }
}
