//! The second factor: six digits of a device (RFC 6238), or a recovery code; each counts once.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use totp_rs::{Algorithm, Builder, Totp};
use zeroize::Zeroizing;

use super::{Desk, DeskError, hash};
use crate::governance::lockout::Way;
use crate::governance::{Account, Refusal, Role};
use crate::id::hex;
use crate::store::{Accounts, Work};

/// Recovery codes given at enrolment.
pub(super) const RECOVERY_CODES: usize = 8;
/// The way by which it is shown again, among those that failures are counted by: no device's hash is so short.
const AGAIN: &[u8] = b"again";
/// The letters of one.
pub(super) const RECOVERY_LETTERS: usize = 12;

impl Desk {
    /// The generator of an account's digits: derived with the node's key, so that the store alone makes none.
    pub(super) fn totp(&self, account: &Account, factor: &[u8]) -> Result<Totp, DeskError> {
        let invalid = |error: String| DeskError::Trouble(format!("the second factor cannot be derived: {error}"));
        let mut mac = Hmac::<Sha256>::new_from_slice(self.key.as_slice()).map_err(|error| invalid(error.to_string()))?;
        mac.update(account.id.as_str().as_bytes());
        mac.update(factor);
        let derived = Zeroizing::new(<[u8; 32]>::from(mac.finalize().into_bytes()));
        let secret = derived.get(..20).unwrap_or_default().to_vec();
        let totp = Builder::new().with_algorithm(Algorithm::SHA1).with_digits(6).with_skew(1).with_step_duration(30);
        totp.with_secret(secret).build().map_err(|error| invalid(error.to_string()))
    }

    /// What a letter's code comes to: nobody who reads the store can try codes against it.
    pub(super) fn under_the_key(&self, code: &str) -> Result<String, DeskError> {
        let mac = Hmac::<Sha256>::new_from_slice(self.key.as_slice());
        let mut mac = mac.map_err(|error| DeskError::Trouble(error.to_string()))?;
        mac.update(b"letter");
        mac.update(code.trim().to_ascii_lowercase().as_bytes());
        Ok(hex(&mac.finalize().into_bytes()))
    }

    /// Whether this person must show a second factor to log in; a contact and whoever administers always must.
    pub(super) fn needs_factor(&self, account: &Account) -> bool {
        self.policy.second_factor_for_all || account.roles.is_privileged() || account.roles.has(Role::Contact)
    }

    /// The second factor of somebody who is in already, shown again: guessing it is slowed down like passwords.
    pub(super) async fn show_again(&self, work: &Work<'_>, account: &Account, shown: &str) -> Result<(), DeskError> {
        self.use_factor(work, account, shown).await?;
        Ok(work.forget_failures(&account.id, AGAIN).await?)
    }

    /// Counts an attempt at [`Desk::show_again`] before it is made.
    pub(super) async fn count_again(&self, account: &Account) -> Result<(), DeskError> {
        let now = self.clock.wall();
        let before = self.store.failures(&account.id, AGAIN).await?;
        if before.is_some_and(|failures| failures.way(false, now) != Way::Open) {
            return Err(Refusal::LoginWait.into());
        }
        Ok(self.store.count_failure(&account.id, AGAIN, now).await?)
    }

    /// Uses up what was shown as the second factor, within a unit of work: undone with it.
    pub(super) async fn use_factor(&self, work: &Work<'_>, account: &Account, shown: &str) -> Result<(), DeskError> {
        let credentials = work.credentials(&account.id).await?;
        let Some(factor) = credentials.and_then(|credentials| credentials.factor) else {
            return Err(Refusal::NotEnrolled.into());
        };
        let shown = shown.trim();
        let seconds = u64::try_from(self.clock.wall().unix_timestamp()).unwrap_or_default();
        let good = match self.totp(account, &factor)?.check(shown, seconds) {
            Some(step) => work.use_step(&account.id, step).await?,
            None if shown.len() == RECOVERY_LETTERS => work.use_recovery(&account.id, &hash(shown)).await?,
            None => false,
        };
        if good { Ok(()) } else { Err(Refusal::SecondFactorWrong.into()) }
    }
}
