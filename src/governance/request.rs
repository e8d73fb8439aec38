//! Four eyes: what one person asks for counts once another has approved it (R29, R37).

use super::shape::Moment;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::account::{Account, File};
use super::policy::{Paper, Paperwork, Policy};
use super::role::{Role, Roles};
use super::{Login, Refusal};
use crate::id::{AccountId, FreezeId, RequestId, SiteName};

/// What needs a second person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum Change {
    Join {
        login: Login,
        name: String,
        roles: Roles,
        file: File,
        #[serde(with = "time::serde::rfc3339::option")]
        #[schemars(with = "Option<Moment>")]
        ends: Option<OffsetDateTime>,
    },
    /// Other roles: the old ones are dropped at once.
    Move {
        account: AccountId,
        roles: Roles,
    },
    /// A new password and a new second factor.
    Reset {
        account: AccountId,
    },
    Enable {
        account: AccountId,
    },
    /// A code that opens the account when its owner cannot, in two halves that two people keep sealed (R57).
    Envelope {
        account: AccountId,
    },
    /// A later end, or none.
    Prolong {
        account: AccountId,
        #[serde(with = "time::serde::rfc3339::option")]
        #[schemars(with = "Option<Moment>")]
        ends: Option<OffsetDateTime>,
    },
    Publish {
        paperwork: Paperwork,
        paper: Paper,
    },
    /// A site's settings as they are now, by their SHA-256.
    Site {
        site: SiteName,
        settings: String,
    },
    /// A workstation is known from now on, by the SHA-256 of its certificate in hexadecimal.
    Workstation {
        fingerprint: String,
        label: String,
        #[serde(with = "time::serde::rfc3339::option")]
        #[schemars(with = "Option<Moment>")]
        ends: Option<OffsetDateTime>,
    },
    /// A freeze ends.
    Thaw {
        freeze: FreezeId,
    },
    /// A site's masks are right for this size of its screen.
    Masks {
        site: SiteName,
        width: u16,
        height: u16,
    },
}

impl Change {
    pub fn name(&self) -> &'static str {
        match self {
            Self::Join { .. } => "join",
            Self::Move { .. } => "move",
            Self::Reset { .. } => "reset",
            Self::Enable { .. } => "enable",
            Self::Envelope { .. } => "envelope",
            Self::Prolong { .. } => "prolong",
            Self::Publish { .. } => "publish",
            Self::Site { .. } => "site",
            Self::Workstation { .. } => "workstation",
            Self::Thaw { .. } => "thaw",
            Self::Masks { .. } => "masks",
        }
    }

    /// What has become of it, once it is approved.
    pub fn approved(&self) -> String {
        match self {
            Self::Join { login, .. } => format!("{} joins", login.as_str()),
            Self::Move { .. } | Self::Reset { .. } | Self::Enable { .. } | Self::Prolong { .. } => self.name().to_owned(),
            Self::Envelope { .. } => {
                "an envelope: seal your half, and keep it where the other half is not. Both open the account \
                                      for a year, for whoever has them: lucarne enrol LOGIN"
                    .to_owned()
            }
            Self::Publish { paperwork, paper } => format!("the {} {} is in force", paperwork.name(), paper.version),
            Self::Site { site, .. } => format!("the settings of {site}"),
            Self::Workstation { label, .. } => format!("{label} is known"),
            Self::Thaw { freeze } => format!("{freeze} is lifted; what it ended takes Show again"),
            Self::Masks { site, width, height } => format!("the masks of {site} for {width}x{height}"),
        }
    }

    /// The account that it is about, if there is one already.
    pub fn subject(&self) -> Option<&AccountId> {
        match self {
            Self::Move { account, .. }
            | Self::Reset { account }
            | Self::Enable { account }
            | Self::Envelope { account }
            | Self::Prolong { account, .. } => Some(account),
            Self::Join { .. }
            | Self::Publish { .. }
            | Self::Site { .. }
            | Self::Workstation { .. }
            | Self::Thaw { .. }
            | Self::Masks { .. } => None,
        }
    }

    /// The roles that somebody gets by it.
    fn granted(&self) -> Option<&Roles> {
        match self {
            Self::Join { roles, .. } | Self::Move { roles, .. } => Some(roles),
            _ => None,
        }
    }
}

/// What was asked for and waits for a second person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Request {
    pub id: RequestId,
    pub change: Change,
    pub by: AccountId,
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "Moment")]
    pub at: OffsetDateTime,
}

impl Request {
    /// Nobody has approved it for so long that it counts no more.
    pub fn is_over(&self, now: OffsetDateTime) -> bool {
        now - self.at > Policy::REQUEST
    }

    /// Whether this person may approve it. `subject` is the account that it is about.
    pub fn may_be_approved(&self, by: &Account, subject: Option<&Account>, now: OffsetDateTime) -> Result<(), Refusal> {
        if self.is_over(now) {
            return Err(Refusal::RequestUnknown);
        }
        if by.id == self.by {
            return Err(Refusal::OwnRequest);
        }
        let own = self.change.subject() == Some(&by.id);
        if own && matches!(self.change, Change::Envelope { .. }) {
            // It takes nothing from anybody else, and the other half is another's.
            return Ok(());
        }
        if own {
            return Err(Refusal::OwnAccount);
        }
        let privileged = self.change.granted().is_some_and(Roles::is_privileged)
            || subject.is_some_and(|account| account.roles.is_privileged());
        if privileged && !by.roles.has(Role::Rssi) {
            return Err(Refusal::NeedsRssi);
        }
        Ok(())
    }
}
