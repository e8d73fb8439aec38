//! Who acts. Every act that is not a way in takes an [`Actor`], and only a login that counts makes one.

use super::{Desk, DeskError, hash};
use crate::governance::{Account, Paperwork, Policy, Refusal, Right, Role};
use crate::id::SiteName;
use crate::store::{Accounts, FourEyes};

/// How far behind the store may be about when a login was used.
const USED: time::Duration = time::Duration::minutes(1);

/// A person who logged in and still may act. Fields are private: only [`Desk::actor`] makes one.
#[derive(Debug, Clone)]
pub struct Actor {
    account: Account,
    login: Vec<u8>,
    /// The charter in force is one that this auditor has not acknowledged.
    owes_charter: bool,
    /// Nobody has said for too long that the account stays, and the agency wants that to count.
    suspended: bool,
    /// The login has lain unused, or its password is over.
    stale: Option<Refusal>,
    /// That it was used now is to be written down.
    owed: bool,
}

impl Actor {
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// The login that this person acts by, as the store knows it.
    pub(super) fn login(&self) -> &[u8] {
        &self.login
    }

    /// Whether this person may do what needs `right`, at `site` if it is about one.
    pub fn may(&self, right: Right, site: Option<&SiteName>) -> Result<(), Refusal> {
        if !self.account.roles.may(right, site) {
            return Err(if self.account.roles.may(right, None) { Refusal::NotYours } else { Refusal::NotYourRole });
        }
        if right.takes_away() {
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
        let (login, now) = (hash(token), self.clock.wall());
        let found = self.store.login(&login, now - Policy::LOGIN).await?.ok_or(Refusal::SessionOver)?;
        let account = self.store.account_of(&found.account).await?.ok_or(Refusal::SessionOver)?;
        let stale = match account.stands(&self.policy, now) {
            Err(Refusal::PasswordExpired) => Some(Refusal::PasswordExpired),
            stands => {
                stands?;
                (now - found.used > self.policy.idle).then_some(Refusal::SessionOver)
            }
        };
        let owed = stale.is_none() && now - found.used > USED;
        let owes_charter = account.roles.has(Role::Auditor)
            && self.store.paper(Paperwork::Charter).await?.is_some_and(|paper| account.charter.as_ref() != Some(&paper));
        let suspended = self.policy.suspend_overdue && account.review_overdue(now);
        Ok(Actor { account, login, owes_charter, suspended, stale, owed })
    }

    /// Once the act is done: nobody who takes rights away waits for a store that takes no writes.
    pub async fn was_used(&self, actor: &Actor) {
        if actor.owed
            && let Err(error) = self.store.use_login(&actor.login, self.clock.wall()).await
        {
            tracing::warn!(%error, "a login counts as unused since a while ago");
        }
    }
}
