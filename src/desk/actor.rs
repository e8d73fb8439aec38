//! Who acts. Every act that is not a way in takes an [`Actor`], and only a login that counts makes one.

use time::OffsetDateTime;

use super::token::TOKEN;
use super::{Desk, DeskError, hash};
use crate::governance::{Account, Paperwork, Policy, Refusal, Right, Role, Token};
use crate::id::SiteName;
use crate::store::{Accounts, FourEyes};
use crate::trace::Event;

/// How far behind the store may be about when a login was used.
const USED: time::Duration = time::Duration::minutes(1);

/// A person who logged in and still may act. Fields are private: only [`Desk::actor`] makes one.
#[derive(Debug, Clone)]
pub struct Actor {
    account: Account,
    login: Vec<u8>,
    /// What this person lent, if it is a program that acts.
    token: Option<Token>,
    /// The charter in force is one that this auditor has not acknowledged.
    owes_charter: bool,
    /// Nobody has said for too long that the account stays, and the agency wants that to count.
    suspended: bool,
    /// The login has lain unused, or its password is over.
    stale: Option<Refusal>,
    /// That it was used now is to be written down.
    use_is_owed: bool,
}

impl Actor {
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// The login that this person acts by, as the store knows it.
    pub(super) fn login(&self) -> &[u8] {
        &self.login
    }

    /// Whether the charter in force is one that this auditor has not acknowledged.
    pub fn owes_charter(&self) -> bool {
        self.owes_charter
    }

    /// Whether a program acts for this person.
    pub fn is_lent(&self) -> bool {
        self.token.is_some()
    }

    /// An act's entry, with who acts and, if a program does, by which token.
    pub(super) fn signs(&self, event: Event) -> Event {
        let event = event.sealed("by", self.account.id.as_str());
        self.token.iter().fold(event, |event, token| event.sealed("token", token.id.as_str()))
    }

    /// Whether this person may do what needs `right`, at `site` if it is about one.
    pub fn may(&self, right: Right, site: Option<&SiteName>) -> Result<(), Refusal> {
        if !self.account.roles.may(right, site) {
            return Err(if self.account.roles.may(right, None) { Refusal::NotYours } else { Refusal::NotYourRole });
        }
        if self.token.as_ref().is_some_and(|token| !token.rights.contains(&right)) {
            return Err(Refusal::BeyondToken);
        }
        if right.takes_away() && !self.is_lent() {
            return Ok(());
        }
        self.stale.map_or(Ok(()), Err)?;
        // What mends the cause is open.
        if self.suspended && !matches!(right, Right::Oneself | Right::Review) {
            return Err(Refusal::ReviewOverdue);
        }
        if self.owes_charter && right == Right::Look {
            return Err(Refusal::CharterNotAcknowledged);
        }
        Ok(())
    }
}

impl Desk {
    /// The person of a login, if both still count.
    pub async fn actor(&self, token: &str) -> Result<Actor, DeskError> {
        if token.starts_with(TOKEN) {
            return self.actor_by_token(token).await;
        }
        let (login, now) = (hash(token), self.clock.wall());
        let found = self.store.login(&login, now - Policy::LOGIN).await?.ok_or(Refusal::SessionOver)?;
        let account = self.store.account_of(&found.account).await?.ok_or(Refusal::SessionOver)?;
        self.actor_of(account, login, None, Some(found.used)).await
    }

    /// Somebody by an account that still may act. `used`: when the login was, which may have lain unused since.
    pub(super) async fn actor_of(
        &self,
        account: Account,
        login: Vec<u8>,
        token: Option<Token>,
        used: Option<OffsetDateTime>,
    ) -> Result<Actor, DeskError> {
        let now = self.clock.wall();
        let stale = match account.stands(&self.policy, now) {
            Err(Refusal::PasswordExpired) => Some(Refusal::PasswordExpired),
            stands => {
                stands?;
                used.is_some_and(|used| now - used > self.policy.idle).then_some(Refusal::SessionOver)
            }
        };
        let last = token.as_ref().map_or(used, |token| token.used);
        let use_is_owed = stale.is_none() && last.is_none_or(|last| now - last > USED);
        let owes_charter = account.roles.has(Role::Auditor)
            && self.store.paper(Paperwork::Charter).await?.is_some_and(|paper| account.charter.as_ref() != Some(&paper));
        let suspended = self.policy.suspend_overdue && account.review_overdue(now);
        Ok(Actor { account, login, token, owes_charter, suspended, stale, use_is_owed })
    }

    /// Once the act is done: nobody who takes rights away waits for a store that takes no writes.
    pub async fn was_used(&self, actor: &Actor) {
        if !actor.use_is_owed {
            return;
        }
        let now = self.clock.wall();
        let used = match &actor.token {
            Some(token) => self.store.use_token(&Token { used: Some(now), ..token.clone() }).await,
            None => self.store.use_login(&actor.login, now).await,
        };
        if let Err(error) = used {
            tracing::warn!(%error, "a login counts as unused since a while ago");
        }
    }
}
