//! R53, R55, R56: incidents, from the first word to the last, with the times that the law asks for.

use std::fmt;

use super::shape::Moment;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

use super::policy::{Paper, short_text};
use super::{Refusal, Role, Roles};
use crate::id::{AccountId, EngagementId, FreezeId, IncidentId, SessionId, SiteName};

/// A breach of personal data is told to the CNIL within so long of being known (RGPD, article 33).
pub const TO_BE_TOLD: Duration = Duration::hours(72);
/// Steps and links of one incident.
const MAX_STEPS: usize = 200;
/// So long before, handlers are reminded.
const DAY_LEFT: Duration = Duration::hours(24);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Nature {
    Operational,
    Security,
    /// Health data were disclosed: what was is for physicians alone.
    HealthData,
}

impl Nature {
    pub fn name(self) -> &'static str {
        match self {
            Self::Operational => "operational",
            Self::Security => "security",
            Self::HealthData => "health_data",
        }
    }

    /// Who takes care of it.
    pub fn handlers(self) -> &'static [Role] {
        match self {
            Self::Operational | Self::Security => &[Role::Crisis, Role::Rssi, Role::Dpo],
            Self::HealthData => &[Role::Physician, Role::Crisis, Role::Rssi, Role::Dpo],
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    Open,
    Contained,
    Closed,
}

impl Stage {
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Contained => "contained",
            Self::Closed => "closed",
        }
    }
}

/// What an incident is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Link {
    Session(SessionId),
    Engagement(EngagementId),
    Site(SiteName),
    Freeze(FreezeId),
    /// The number of an entry of the trace.
    Entry(u64),
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Session(session) => write!(f, "session {session}"),
            Self::Engagement(engagement) => write!(f, "engagement {engagement}"),
            Self::Site(site) => write!(f, "site {site}"),
            Self::Freeze(freeze) => write!(f, "freeze {freeze}"),
            Self::Entry(seq) => write!(f, "entry {seq} of the trace"),
        }
    }
}

/// What somebody did or found, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Step {
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "Moment")]
    pub at: OffsetDateTime,
    pub by: AccountId,
    /// How the incident stands from then on.
    pub stage: Stage,
    pub note: String,
}

/// What became of the duty to tell the authority.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Duty {
    /// It was told: by its reference.
    Told(String),
    /// There is none, for a reason.
    None(String),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Incident {
    pub id: IncidentId,
    pub nature: Nature,
    /// Short, and without health data (R09).
    pub title: String,
    /// Since when it is known.
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "Moment")]
    pub known: OffsetDateTime,
    pub steps: Vec<Step>,
    pub links: Vec<Link>,
    pub duty: Option<Duty>,
    /// The runbook that was in force when it was opened (R55).
    pub runbook: Option<Paper>,
    /// Of what its handlers were reminded last.
    #[serde(default)]
    pub reminded: Option<Reminder>,
}

/// What is said of the duty to tell the authority, before it is fulfilled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reminder {
    DayLeft,
    Overdue,
}

impl Incident {
    pub fn stage(&self) -> Stage {
        self.steps.last().map_or(Stage::Open, |step| step.stage)
    }

    /// Until when the authority is to be told, if it is and was not.
    pub fn to_be_told_by(&self) -> Option<OffsetDateTime> {
        let due = self.nature != Nature::Operational && self.duty.is_none();
        due.then_some(self.known + TO_BE_TOLD)
    }

    /// When its handlers are to be reminded next, and of what.
    pub fn next_reminder(&self) -> Option<(OffsetDateTime, Reminder)> {
        let by = self.to_be_told_by()?;
        match self.reminded {
            None => Some((by - DAY_LEFT, Reminder::DayLeft)),
            Some(Reminder::DayLeft) => Some((by, Reminder::Overdue)),
            Some(Reminder::Overdue) => None,
        }
    }

    /// What they are to be reminded of now, if anything. The last word is enough.
    pub fn reminder_due(&self, now: OffsetDateTime) -> Option<Reminder> {
        let (at, reminder) = self.next_reminder()?;
        let overdue = self.to_be_told_by().is_some_and(|by| now >= by);
        (now >= at).then_some(if overdue { Reminder::Overdue } else { reminder })
    }

    /// Whether these roles take care of it.
    pub fn may_be_handled_by(&self, roles: &Roles) -> Result<(), Refusal> {
        let handles = self.nature.handlers().iter().any(|role| roles.has(*role));
        if handles { Ok(()) } else { Err(Refusal::NotYourRole) }
    }

    /// As a physician sees it, or anybody else: what was disclosed of health data is for physicians.
    pub fn seen_by(mut self, physician: bool) -> Self {
        if self.nature == Nature::HealthData && !physician {
            self.title = HIDDEN.to_owned();
            self.steps.iter_mut().for_each(|step| step.note = HIDDEN.to_owned());
            // A reference is the authority's; a reason may tell what was disclosed.
            if let Some(Duty::None(reason)) = &mut self.duty {
                *reason = HIDDEN.to_owned();
            }
        }
        self
    }

    /// One more step. Stages go forward, and what is closed stays closed.
    pub fn step(&mut self, by: AccountId, at: OffsetDateTime, stage: Option<Stage>, note: &str) -> Result<(), Refusal> {
        self.is_open()?;
        let stage = stage.unwrap_or(self.stage());
        if stage < self.stage() {
            return Err(Refusal::IncidentGoesForward);
        }
        if stage == Stage::Closed && self.to_be_told_by().is_some() {
            return Err(Refusal::AuthorityNotTold);
        }
        self.steps.push(Step { at, by, stage, note: short_text(note)? });
        Ok(())
    }

    /// What became of the duty to tell the authority; the first answer may be put right.
    pub fn fulfil(&mut self, duty: Duty) -> Result<(), Refusal> {
        self.is_open()?;
        self.duty = Some(match duty {
            Duty::Told(reference) => Duty::Told(short_text(&reference)?),
            Duty::None(reason) => Duty::None(short_text(&reason)?),
        });
        Ok(())
    }

    pub fn link(&mut self, link: Link) -> Result<(), Refusal> {
        self.is_open()?;
        if !self.links.contains(&link) {
            self.links.push(link);
        }
        Ok(())
    }

    fn is_open(&self) -> Result<(), Refusal> {
        match self.stage() {
            Stage::Closed => Err(Refusal::IncidentClosed),
            _ if self.steps.len() + self.links.len() >= MAX_STEPS => Err(Refusal::IncidentFull),
            _ => Ok(()),
        }
    }
}

/// In place of what is not for this reader.
const HIDDEN: &str = "(médecin / physician)";
