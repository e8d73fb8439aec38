//! The charter: acknowledged by each auditor in the version that is in force (R20).

use super::{Actor, Desk, DeskError};
use crate::governance::{Account, Paper, Paperwork, Refusal};
use crate::store::{Accounts, FourEyes};
use crate::trace::Event;

impl Desk {
    /// A person acknowledges the charter in force, naming what was read by its SHA-256.
    pub async fn acknowledge(&self, actor: &Actor, sha256: &str) -> Result<Paper, DeskError> {
        let work = self.store.begin().await?;
        let paper = work.paper(Paperwork::Charter).await?.ok_or(Refusal::NoCharter)?;
        if !paper.sha256.eq_ignore_ascii_case(sha256.trim()) {
            return Err(Refusal::NotTheCharter.into());
        }
        let account = work.account_of(&actor.account().id).await?.ok_or(Refusal::SessionOver)?;
        work.save_account(&Account { charter: Some(paper.clone()), ..account }).await?;
        let event = Event::new("charter.acknowledged").outcome("ok").public("paper_version", paper.version.as_str());
        let event = event.public("paper_sha256", paper.sha256.as_str());
        self.record(work, event.sealed("account", actor.account().id.as_str())).await?;
        Ok(paper)
    }
}
