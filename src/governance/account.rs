//! Accounts: who a person is here, and what must be on file before that person may look (R19–R26, R38).

use super::shape::{Day, Moment};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use time::{Date, OffsetDateTime};

use super::alert::MailAddress;
use super::password::Age;
use super::policy::{Paper, Policy, digest, short_text};
use super::role::{Role, Roles};
use super::{Check, Refusal};
use crate::id::AccountId;

/// The name with which a person logs in: 1 to 64 letters, digits, dots, hyphens and underscores.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(extend("pattern" = "^[A-Za-z0-9._-]{1,64}$"))]
pub struct Login(String);

impl Login {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Login {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let plain = text.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
        if text.is_empty() || text.len() > 64 || !plain {
            return Err(format!(
                "{text:?} cannot be a login: use 1 to 64 letters, digits, dots, hyphens and underscores, such as \"claire.martin\""
            ));
        }
        Ok(Self(text))
    }
}

impl From<Login> for String {
    fn from(login: Login) -> Self {
        login.0
    }
}

/// A person's account. It is never deleted: what was signed outlives it (R25).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Account {
    pub id: AccountId,
    pub login: Login,
    /// As the watermark shows it.
    pub name: String,
    pub roles: Roles,
    /// Who approved the identity and the roles; nobody for the first two people.
    pub vouched: Option<AccountId>,
    pub enabled: bool,
    /// A password and a second factor were set by the person.
    pub enrolled: bool,
    /// When the account ends by itself.
    #[serde(with = "time::serde::rfc3339::option")]
    #[schemars(with = "Option<Moment>")]
    pub ends: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "Moment")]
    pub reviewed: OffsetDateTime,
    /// The last login, or the approval that let one come.
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "Moment")]
    pub seen: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "Moment")]
    pub password_set: OffsetDateTime,
    pub file: File,
    /// The charter that was acknowledged last.
    pub charter: Option<Paper>,
}

/// What the agency keeps on file about a person.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct File {
    /// R19: the description of the person's job.
    pub job: Option<Job>,
    /// R24: the clause of confidentiality.
    pub clause: Option<Clause>,
    /// R26: the last session about security.
    #[schemars(with = "Option<Day>")]
    pub awareness: Option<Date>,
    /// R54: where alerts go.
    #[serde(default)]
    pub mail: Option<MailAddress>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Job {
    pub reference: String,
    #[schemars(with = "Day")]
    pub date: Date,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Clause {
    #[schemars(with = "Day")]
    pub signed: Date,
    /// SHA-256 of the signed paper.
    pub sha256: String,
}

impl File {
    /// Short texts, digests, and days that have come.
    pub fn checked(self, today: Date) -> Result<Self, Refusal> {
        let days = [self.job.as_ref().map(|job| job.date), self.clause.as_ref().map(|clause| clause.signed), self.awareness];
        if days.into_iter().flatten().any(|day| day > today) {
            return Err(Refusal::DateImpossible);
        }
        let job = self.job.map(|job| Ok(Job { reference: short_text(&job.reference)?, ..job })).transpose()?;
        let clause = self.clause.map(|clause| Ok(Clause { sha256: digest(&clause.sha256)?, ..clause })).transpose()?;
        Ok(Self { job, clause, ..self })
    }
}

impl Account {
    /// Whether the account may act at all.
    pub fn stands(&self, policy: &Policy, now: OffsetDateTime) -> Result<(), Refusal> {
        if !self.enabled {
            return Err(Refusal::AccountDisabled);
        }
        if !self.enrolled {
            return Err(Refusal::NotEnrolled);
        }
        if self.ends.is_some_and(|ends| now >= ends) {
            return Err(Refusal::AccountEnded);
        }
        if policy.passwords.age(self.password_set, now) == Age::Expired {
            return Err(Refusal::PasswordExpired);
        }
        Ok(())
    }

    /// Whether it is somebody who may act, or will once enrolled: the others are told of nothing.
    pub fn is_of_use(&self, now: OffsetDateTime) -> bool {
        self.enabled && self.ends.is_none_or(|ends| now < ends)
    }

    /// Whether somebody was away for too long to log in (not: to look on). Those who administer are reviewed instead: were
    /// they all asleep, nobody could wake them.
    pub fn is_asleep(&self, policy: &Policy, now: OffsetDateTime) -> bool {
        !self.roles.is_privileged() && now - self.seen > policy.inactive
    }

    /// R38: whether nobody has said for too long that the account stays.
    pub fn review_overdue(&self, now: OffsetDateTime) -> bool {
        now >= self.reviewed + Policy::review_every(self.roles.is_privileged())
    }

    /// What a person must have to look, each with its rule.
    pub(super) fn checks(&self, policy: &Policy, charter: Option<&Paper>, now: OffsetDateTime) -> Vec<Check> {
        let stale = |date: Date| now.date() - date > policy.awareness && policy.awareness_blocks;
        let awareness = match self.file.awareness {
            None => policy.awareness_blocks.then_some(Refusal::NoAwareness),
            Some(date) => stale(date).then_some(Refusal::NoAwareness),
        };
        let charter = match charter {
            None => Some(Refusal::NoCharter),
            current if current != self.charter.as_ref() => Some(Refusal::CharterNotAcknowledged),
            _ => None,
        };
        vec![
            Check::new("account", self.stands(policy, now).err()),
            Check::new("role", (!self.roles.has(Role::Auditor)).then_some(Refusal::NotAuditor)),
            Check::new("R19", self.file.job.is_none().then_some(Refusal::NoJob)),
            Check::new("R20", charter),
            Check::new("R24", self.file.clause.is_none().then_some(Refusal::NoClause)),
            Check::new("R26", awareness),
            Check::new("R38", (policy.suspend_overdue && self.review_overdue(now)).then_some(Refusal::ReviewOverdue)),
        ]
    }
}
