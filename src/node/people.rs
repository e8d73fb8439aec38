//! Accounts, and what takes a second person.

use time::format_description::well_known::Rfc3339;

use super::Shared;
use super::act::{Act, Outcome};
use super::perform::done;
use crate::desk::{Actor, DeskError, Settled};
use crate::governance::request::Change;
use crate::governance::{Account, Refusal, Roles};
use crate::viewer::Ending;

impl Shared {
    /// What a second person must approve.
    pub(super) async fn ask(&self, actor: &Actor, act: Act) -> anyhow::Result<Outcome> {
        let change = match act {
            Act::AskJoin { login, name, roles, site, file, ends } => {
                let login = login.try_into().map_err(DeskError::Invalid)?;
                Change::Join { login, name, roles: Roles::new(roles, site).map_err(DeskError::from)?, file, ends }
            }
            Act::AskMove { login, roles, site } => {
                let account = self.desk.account_named(&login).await?;
                Change::Move { account, roles: Roles::new(roles, site).map_err(DeskError::from)? }
            }
            Act::AskReset { login } => Change::Reset { account: self.desk.account_named(&login).await? },
            Act::AskEnvelope { login } => Change::Envelope { account: self.desk.account_named(&login).await? },
            Act::AskEnable { login } => Change::Enable { account: self.desk.account_named(&login).await? },
            Act::AskProlong { login, ends } => Change::Prolong { account: self.desk.account_named(&login).await?, ends },
            Act::AskPaper { paperwork, version, sha256 } => {
                let paper = crate::governance::Paper::new(&version, &sha256).map_err(DeskError::from)?;
                Change::Publish { paperwork, paper }
            }
            Act::AskSite { site } => {
                let settings = self.desk.settings_of(&site)?;
                Change::Site { site, settings }
            }
            Act::AskWorkstation { certificate, label, ends } => Change::Workstation { fingerprint: certificate, label, ends },
            Act::AskThaw { freeze } => Change::Thaw { freeze },
            Act::AskMasks { site, width, height } => Change::Masks { site, width, height },
            _ => return Err(DeskError::from(Refusal::NotYourRole).into()),
        };
        let asked = self.desk.ask(actor, change).await?;
        Ok(Outcome::Asked { request: asked.request, half: asked.half.map(|half| half.to_string()) })
    }

    pub(super) async fn settle(&self, actor: &Actor, act: Act) -> anyhow::Result<Outcome> {
        match act {
            Act::Approve { request } => {
                let Settled { change, account, half } = self.desk.approve(actor, &request).await?;
                let over = matches!(change, Change::Move { .. } | Change::Reset { .. });
                if let Some(Account { id, .. }) = account.as_ref().filter(|_| over) {
                    self.end_sessions(Ending::Refused(Refusal::SessionOver), |running| running.account == *id);
                }
                if let Change::Masks { site, .. } = &change {
                    let sizes = self.desk.store().confirmed_sizes(site).await?;
                    self.site(site)?.confirm(sizes).await;
                }
                Ok(Outcome::Approved {
                    message: format!("approved: {}", change.approved()),
                    half: half.map(|half| half.to_string()),
                })
            }
            Act::TurnDown { request } => {
                let change = self.desk.turn_down(actor, &request).await?;
                Ok(done(format!("turned down: {}", change.name())))
            }
            _ => self.list_requests().await,
        }
    }

    pub(super) async fn about_people(&self, actor: &Actor, act: Act) -> anyhow::Result<Outcome> {
        match act {
            Act::DisableAccount { login } => {
                let id = self.desk.account_named(&login).await?;
                let end = || self.end_sessions(Ending::Refused(Refusal::AccountDisabled), |running| running.account == id);
                end();
                self.desk.disable_account(actor, &login).await?;
                // Whoever was being seated meanwhile is asked for again after being registered (`gate`).
                end();
                self.stop_what_no_longer_stands().await;
                Ok(done(format!("account {login} is disabled")))
            }
            Act::EndAccount { login, ends } => {
                self.desk.end_account(actor, &login, ends).await?;
                Ok(done(format!("account {login} ends on {}", ends.format(&Rfc3339)?)))
            }
            Act::UnlockAccount { login } => {
                self.desk.unlock_account(actor, &login).await?;
                Ok(done(format!("account {login} is unlocked")))
            }
            Act::KeepFile { login, file } => {
                self.desk.keep_file(actor, &login, file).await?;
                Ok(done(format!("the file of {login} is kept")))
            }
            Act::Review { login, keep } => {
                let account = self.desk.review(actor, &login, keep).await?;
                if !keep {
                    self.end_sessions(Ending::Refused(Refusal::AccountDisabled), |running| running.account == account.id);
                }
                Ok(done(format!("account {login} {}", if keep { "stays" } else { "is disabled" })))
            }
            Act::ListAccounts { after } => self.list_accounts(after.as_deref()).await,
            _ => Err(DeskError::from(Refusal::NotYourRole).into()),
        }
    }
}
