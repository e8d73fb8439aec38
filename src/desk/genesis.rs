//! Genesis: the first two people come in by codes that nobody in the system can have approved.

use std::pin::Pin;

use super::{Desk, DeskError, hash, letters};
use crate::governance::{Policy, Role};
use crate::store::Accounts;
use crate::trace::Event;

/// The roles of the first two people.
pub(super) const FIRST: [Role; 2] = [Role::Rssi, Role::Admin];

/// A one-time code for one of the first people.
pub struct Link {
    pub role: Role,
    pub code: zeroize::Zeroizing<String>,
}

impl Desk {
    /// The same, on a node that does not run: the store is free again afterwards.
    pub fn begin_and_close(self) -> Pin<Box<dyn Future<Output = Result<Vec<Link>, DeskError>> + Send>> {
        Box::pin(async move {
            let links = self.begin().await;
            self.store.close().await;
            links
        })
    }

    /// Codes for the first rssi and the first admin, as far as nobody has that role yet; codes of before count no more.
    pub async fn begin(&self) -> Result<Vec<Link>, DeskError> {
        let work = self.store.begin().await?;
        let accounts = work.accounts().await?;
        let missing = FIRST.into_iter().filter(|role| !accounts.iter().any(|account| account.roles.has(*role)));
        let links: Vec<Link> = missing.map(|role| Link { role, code: letters::<26>() }).collect();
        if links.is_empty() {
            return Ok(links);
        }
        let expires = self.clock.wall() + Policy::ENROLMENT;
        for link in &links {
            work.put_enrolment(link.role.name(), None, &hash(&link.code), expires).await?;
        }
        let roles: Vec<&str> = links.iter().map(|link| link.role.name()).collect();
        self.record(work, Event::new("genesis.begun").outcome("ok").public("roles", roles)).await?;
        Ok(links)
    }
}
