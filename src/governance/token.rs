//! Tokens: what somebody lends a program of one's own rights, for a while (R34: the owner's password is what keeps it alive).

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

use super::policy::short_text;
use super::shape::Moment;
use super::{Refusal, Right};
use crate::id::{AccountId, TokenId};

/// The longest life of a token: that of a password.
const LIFE: Duration = Duration::days(90);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Token {
    pub id: TokenId,
    pub owner: AccountId,
    /// What it is for.
    pub label: String,
    /// What it may do, as long as its owner's roles may.
    pub rights: BTreeSet<Right>,
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "Moment")]
    pub made: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "Moment")]
    pub ends: OffsetDateTime,
    /// About when it was used last.
    #[serde(with = "time::serde::rfc3339::option")]
    #[schemars(with = "Option<Moment>")]
    pub used: Option<OffsetDateTime>,
}

impl Token {
    pub fn new(
        owner: AccountId,
        label: &str,
        rights: BTreeSet<Right>,
        [now, ends]: [OffsetDateTime; 2],
    ) -> Result<Self, Refusal> {
        if ends <= now || ends > now + LIFE {
            return Err(Refusal::TokenTooLong);
        }
        if rights.is_empty() || rights.iter().any(|right| right.needs_a_person()) {
            return Err(Refusal::RightNotLent);
        }
        Ok(Self { id: TokenId::random(), owner, label: short_text(label)?, rights, made: now, ends, used: None })
    }

    /// Whether it counts still.
    pub fn stands(&self, now: OffsetDateTime) -> Result<(), Refusal> {
        if now < self.ends { Ok(()) } else { Err(Refusal::TokenOver) }
    }
}
