//! Freezes: of what is frozen nothing is seen, whoever asks, until two people lift it (R53, R54).

use std::fmt;

use super::shape::Moment;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::id::{AccountId, EngagementId, FreezeId, SiteName};

/// What is frozen. An account is disabled instead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "frozen", rename_all = "snake_case")]
pub enum Scope {
    Everything,
    Site { site: SiteName },
    Engagement { engagement: EngagementId },
}

impl Scope {
    pub fn name(&self) -> &'static str {
        match self {
            Self::Everything => "everything",
            Self::Site { .. } => "site",
            Self::Engagement { .. } => "engagement",
        }
    }

    /// Whether it covers this engagement on this site.
    pub fn covers(&self, on: &SiteName, of: Option<&EngagementId>) -> bool {
        match self {
            Self::Everything => true,
            Self::Site { site } => site == on,
            Self::Engagement { engagement } => Some(engagement) == of,
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everything => f.write_str("everything"),
            Self::Site { site } => write!(f, "site {site}"),
            Self::Engagement { engagement } => write!(f, "engagement {engagement}"),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Freeze {
    pub id: FreezeId,
    pub scope: Scope,
    /// Short, and without health data (R09).
    pub reason: String,
    pub by: AccountId,
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "Moment")]
    pub at: OffsetDateTime,
}
