//! Who acts. Every act that is not a way in takes an [`Actor`], and only a login that counts makes one.

use super::{Desk, DeskError, hash};
use crate::governance::{Account, Paperwork, Policy, Refusal, Right, Role};
use crate::id::SiteName;
use crate::store::{Accounts, FourEyes};

/// A person who logged in and still may act. Fields are private: only [`Desk::actor`] makes one.
#[derive(Debug, Clone)]
pub struct Actor {
    account: Account,
    login: Vec<u8>,
    /// The charter in force is one that this auditor has not acknowledged.
    owes_charter: bool,
    /// Nobody has said for too long that the account stays, and the agency wants that to count.
    suspended: bool,
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
        // What takes rights away, and what mends the cause, is never kept from anybody.
        let always = matches!(right, Right::Oneself | Right::TakeAway | Right::Disable | Right::Review);
        if self.suspended && !always {
            return Err(Refusal::ReviewOverdue);
        }
        if self.owes_charter && right != Right::Oneself {
            return Err(Refusal::CharterNotAcknowledged);
        }
        Ok(())
    }
}

impl Desk {
    /// The person of a login, if both still count.
    pub async fn actor(&self, token: &str) -> Result<Actor, DeskError> {
        let (login, now) = (hash(token), self.clock.wall());
        let account = self.store.use_login(&login, now, self.policy.idle, Policy::LOGIN).await?;
        let account = match account {
            Some(id) => self.store.account_of(&id).await?,
            None => None,
        };
        let account = account.ok_or(Refusal::SessionOver)?;
        account.stands(&self.policy, now)?;
        let owes_charter = account.roles.has(Role::Auditor)
            && self.store.paper(Paperwork::Charter).await?.is_some_and(|paper| account.charter.as_ref() != Some(&paper));
        let suspended = self.policy.suspend_overdue && account.review_overdue(now);
        Ok(Actor { account, login, owes_charter, suspended })
    }
}
