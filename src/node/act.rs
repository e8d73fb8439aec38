//! What people can order of a node, by the control socket or in its own process.

use serde::{Deserialize, Serialize};
use time::format_description::well_known::Rfc3339;

use super::Shared;
use crate::desk::Desk;
use crate::geometry::Size;
use crate::governance::{Secret, Standing};
use crate::id::{SiteName, hex};
use crate::trace::Event;
use crate::viewer::Ending;

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case")]
pub enum Act {
    AddAccount {
        login: String,
        name: String,
        password: Secret,
    },
    EnableAccount {
        login: String,
        enabled: bool,
    },
    /// By the account's owner.
    ChangePassword {
        login: String,
        old: Secret,
        new: Secret,
    },
    ListAccounts,
    Show {
        site: SiteName,
    },
    Pause {
        site: SiteName,
    },
    Stop {
        site: SiteName,
    },
    ConfirmMasks {
        site: SiteName,
        width: u16,
        height: u16,
    },
    ListSites,
    /// Reads the viewers' certificate and key again.
    Reload,
    IssueTicket {
        login: String,
        site: SiteName,
        short: bool,
        certificate: Option<[u8; 32]>,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    Done {
        message: String,
    },
    Accounts {
        accounts: Vec<Account>,
    },
    Sites {
        sites: Vec<Site>,
    },
    Ticket {
        login: String,
        secret: String,
        short: Option<String>,
        expires: String,
        /// Days until the password must be changed, if these are few.
        password_days: Option<i64>,
    },
    Failed {
        message: String,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    pub login: String,
    pub name: String,
    pub enabled: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Site {
    pub name: String,
    pub label: String,
    pub standing: Standing,
    pub size: Option<String>,
    /// Milliseconds since the picture was last known to be the site's.
    pub picture_age_ms: Option<u64>,
    pub viewers: usize,
    pub trouble: Option<String>,
}

fn unknown() -> Outcome {
    Outcome::Failed { message: "the node does not know this act".to_owned() }
}

fn done(message: impl Into<String>) -> Outcome {
    Outcome::Done { message: message.into() }
}

/// The acts that need no running node; `None` for the others.
pub async fn perform_on_desk(desk: &Desk, act: &Act) -> Option<Outcome> {
    let result = match act {
        Act::AddAccount { login, name, password } => desk
            .add_account(login, name, password.as_str())
            .await
            .map(|account| done(format!("account {} ({}) was added", account.login.as_str(), account.name))),
        Act::EnableAccount { login, enabled } => {
            let now = if *enabled { "enabled" } else { "disabled" };
            desk.enable_account(login, *enabled).await.map(|account| done(format!("account {} is {now}", account.login.as_str())))
        }
        Act::ChangePassword { login, old, new } => desk
            .change_password(login, old.as_str(), new.as_str())
            .await
            .map(|account| done(format!("the password of {} was changed", account.login.as_str()))),
        Act::ListAccounts => desk.store().accounts().await.map_err(Into::into).map(|rows| {
            let account =
                |row: crate::store::AccountRow| Account { login: row.login.into(), name: row.name, enabled: row.enabled };
            Outcome::Accounts { accounts: rows.into_iter().map(account).collect() }
        }),
        _ => return None,
    };
    Some(result.unwrap_or_else(|error| Outcome::Failed { message: error.to_string() }))
}

impl Shared {
    /// Does what was ordered. What takes rights away acts before it is recorded, what gives them after.
    pub async fn perform(&self, act: Act) -> Outcome {
        self.try_perform(act).await.unwrap_or_else(|error| Outcome::Failed { message: format!("{error:#}") })
    }

    async fn try_perform(&self, act: Act) -> anyhow::Result<Outcome> {
        match act {
            Act::Show { site } => self.show(&site).await,
            Act::Pause { site } => {
                self.take_away(&site, Standing::Paused).await?;
                Ok(done(format!("{site} is paused: viewers wait before a blank screen")))
            }
            Act::Stop { site } => {
                self.take_away(&site, Standing::Stopped).await?;
                Ok(done(format!("{site} is stopped")))
            }
            Act::ConfirmMasks { site, width, height } => {
                let handle = self.site(&site)?;
                let sizes = self.desk.confirm_masks(&site, Size::new(width, height)).await?;
                handle.confirm(sizes).await;
                Ok(done(format!("the masks of {site} are confirmed for {width}×{height}")))
            }
            Act::ListSites => Ok(self.list_sites()),
            Act::Reload => self.reload().await,
            Act::IssueTicket { login, site, short, certificate } => {
                self.site(&site)?;
                let ticket = self.desk.issue_ticket(&login, &site, short, certificate).await?;
                let expires = ticket.expires.format(&Rfc3339)?;
                let short = ticket.short.as_ref().map(|short| short.to_string());
                let password_days = ticket.password_days;
                Ok(Outcome::Ticket { login, secret: ticket.secret.to_string(), short, expires, password_days })
            }
            Act::EnableAccount { ref login, enabled: false } => {
                self.end_account(login).await?;
                let outcome = perform_on_desk(&self.desk, &act).await;
                // Whoever is being seated meanwhile is asked for again after being registered (`gate`).
                self.end_account(login).await?;
                Ok(outcome.unwrap_or_else(unknown))
            }
            act => Ok(perform_on_desk(&self.desk, &act).await.unwrap_or_else(unknown)),
        }
    }

    /// Records first, then opens: what gives rights counts once its entry is durable.
    async fn show(&self, site: &SiteName) -> anyhow::Result<Outcome> {
        let handle = self.site(site)?;
        let answered = {
            let _one_at_a_time = handle.acts.lock().await;
            self.desk.stand(site, Standing::Showing, "ordered").await?;
            handle.open().await
        };
        Ok(match answered.await? {
            None => done(format!("{site} is shown")),
            Some(trouble) => Outcome::Failed {
                message: format!(
                    "{site} is to be shown but its source is not open: {trouble}. It is tried again for 60 seconds, unless the login failed"
                ),
            },
        })
    }

    /// Acts at once, whatever else is going on with the site; then once more in its turn, and records.
    async fn take_away(&self, site: &SiteName, standing: Standing) -> anyhow::Result<()> {
        let handle = self.site(site)?;
        let act = async || {
            handle.stand(standing);
            if standing == Standing::Stopped {
                self.end_sessions(Ending::Stopped, |running| running.site == *site);
            }
            // Viewers are held as soon as the screen is blank, however long what follows takes to be traced.
            handle.go_blank(&self.clock).await;
            self.hold_sessions(site);
            handle.halt().await;
            // An opening that was ordered before is over by now.
            handle.stand(standing);
            self.hold_sessions(site);
        };
        act().await;
        let _one_at_a_time = handle.acts.lock().await;
        act().await;
        self.desk.stand(site, standing, "ordered").await?;
        Ok(())
    }

    /// All or nothing: every door's papers are read, the change is recorded, and only then do new handshakes meet them.
    async fn reload(&self) -> anyhow::Result<Outcome> {
        let renewed = self.doors.iter().map(|door| door.read_again()).collect::<Result<Vec<_>, _>>()?;
        let mut shown = String::new();
        let mut event = Event::new("config.changed").outcome("ok").public("key", "viewers.certificate");
        for papers in &renewed {
            shown = hex(&papers.certificate);
            event = event.sealed("certificate", shown.as_str());
            event = papers.workstations.iter().fold(event, |event, ca| event.sealed("workstations", hex(ca)));
        }
        self.log.append(event).await?;
        self.doors.iter().zip(renewed).for_each(|(door, papers)| door.meet(papers));
        Ok(done(format!("viewers now meet the certificate {shown}")))
    }

    fn site(&self, name: &SiteName) -> anyhow::Result<&super::SiteHandle> {
        self.sites.get(name).ok_or_else(|| {
            anyhow::anyhow!(
                "there is no site {:?} in the configuration; `lucarne site list` shows those there are",
                name.as_str()
            )
        })
    }

    async fn end_account(&self, login: &str) -> anyhow::Result<()> {
        let Ok(login) = crate::governance::Login::try_from(login.to_owned()) else { return Ok(()) };
        if let Some(account) = self.desk.store().account(&login).await? {
            self.end_sessions(Ending::AccountDisabled, |running| running.account == account.id);
        }
        Ok(())
    }

    fn list_sites(&self) -> Outcome {
        let now = self.clock.now();
        let mut sites: Vec<Site> = self
            .sites
            .iter()
            .map(|(name, handle)| {
                let (look, state) = (handle.reader.look(), handle.state.borrow().clone());
                Site {
                    name: name.to_string(),
                    label: handle.label.clone(),
                    standing: state.standing,
                    size: look.size.is_showable().then(|| look.size.to_string()),
                    picture_age_ms: look.proved.map(|at| now.saturating_duration_since(at).as_millis() as u64),
                    viewers: self.sessions().values().filter(|running| running.site == *name).count(),
                    trouble: state.trouble,
                }
            })
            .collect();
        sites.sort_by(|a, b| a.name.cmp(&b.name));
        Outcome::Sites { sites }
    }
}
