//! Engagements: one planned operation, what was told and agreed about it, and what still stands in its way (R01–R07,
//! R11, R14–R18, R22, R29).
//!
//! What was agreed is kept with the terms that it was agreed on. So nobody has to void a notice or an acceptance when the
//! terms change: it no longer fits. And the state is not stored but follows from what is there.

use std::collections::BTreeSet;

use super::shape::{Day, Moment};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use time::{Date, Duration, OffsetDateTime};

use super::account::Account;
use super::policy::{Paper, Policy, short_text};
use super::{Capture, Check, Kind, Refusal, Standing};
use crate::id::{AccountId, EngagementId, SiteName, hex};

/// What kind of operation it is; fixed for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Operation {
    /// At an editor's, on a demo site.
    Visit,
    /// On a clinic's production site.
    Audit,
}

/// How the auditor is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    Remote,
    /// No source is opened for it.
    OnSite,
}

/// How sensitive it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum Class {
    C1,
    C2,
    C3,
}

impl Class {
    pub fn name(self) -> &'static str {
        match self {
            Self::C1 => "C1",
            Self::C2 => "C2",
            Self::C3 => "C3",
        }
    }
}

/// A place that was agreed on (R02).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Agreed {
    pub place: String,
    /// Who agreed, at the editor's.
    pub by: String,
    #[schemars(with = "Day")]
    pub date: Date,
}

/// What is planned: all that a notice tells and an acceptance accepts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Terms {
    pub operation: Operation,
    pub site: SiteName,
    pub presence: Presence,
    pub purpose: String,
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "Moment")]
    pub opens: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "Moment")]
    pub closes: OffsetDateTime,
    /// Minutes by which the window may be left.
    pub tolerance: u8,
    pub class: Class,
    pub procedure: Paper,
    /// The health professional whose system it is, to whom the notice goes (audits).
    pub professional: Option<String>,
    /// Visits.
    pub agreed: Option<Agreed>,
    /// Whether pixels flow only while the site says that real data are on the screen (R07).
    pub blackout: bool,
    /// The capture class that viewers need at least (R08).
    #[serde(default)]
    pub capture: Option<Capture>,
}

impl Terms {
    /// Refuses what can never be: what is only missing may come later.
    pub fn checked(self, now: OffsetDateTime) -> Result<Self, Refusal> {
        let short = |text: Option<String>| text.map(|text| short_text(&text)).transpose();
        let years = 2000..9000;
        if !years.contains(&self.opens.year()) || !years.contains(&self.closes.year()) {
            return Err(Refusal::WindowImpossible);
        }
        if self.closes <= self.opens || self.closes <= now || Duration::minutes(i64::from(self.tolerance)) > Policy::TOLERANCE {
            return Err(Refusal::WindowImpossible);
        }
        if self.operation == Operation::Audit && self.class < Class::C2 {
            return Err(Refusal::ClassTooLow);
        }
        let agreed = self.agreed.map(|agreed| {
            let (place, by) = (short_text(&agreed.place)?, short_text(&agreed.by)?);
            Ok(Agreed { place, by, ..agreed })
        });
        Ok(Self {
            purpose: short_text(&self.purpose)?,
            professional: short(self.professional)?,
            agreed: agreed.transpose()?,
            ..self
        })
    }

    /// SHA-256 of the terms, as letters and traces name them.
    pub fn digest(&self) -> String {
        let text = serde_json::to_string(self).unwrap_or_default();
        // As it was before there were capture classes: letters that were posted name it. (No text can hold a bare quote.)
        hex(&Sha256::digest(text.replace(",\"capture\":null", "")))
    }

    /// The capture class that viewers need, if the site demands one too: the stricter.
    pub fn demands(&self, site: Option<Capture>) -> Option<Capture> {
        self.capture.into_iter().chain(site).min()
    }

    fn tolerance(&self) -> Duration {
        Duration::minutes(i64::from(self.tolerance))
    }
}

/// A letter that was sent (R14).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Notice {
    pub terms: Terms,
    /// What the agency files the letter under.
    pub reference: String,
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "Moment")]
    pub at: OffsetDateTime,
    /// What the code in the letter comes to under the node's key.
    pub code: String,
    /// Wrong codes that may still be tried.
    pub tries: u8,
}

/// A consent, or a visit's declaration (R03, R16).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Acceptance {
    pub terms: Terms,
    pub by: AccountId,
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "Moment")]
    pub at: OffsetDateTime,
}

/// A time in which real data were on the screen (R06, R07).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RealData {
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "Moment")]
    pub from: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    #[schemars(with = "Option<Moment>")]
    pub to: Option<OffsetDateTime>,
    pub reason: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    Planned,
    Noticed,
    Accepted,
    Showing,
    Paused,
    Closed,
    Cancelled,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Engagement {
    pub id: EngagementId,
    pub terms: Terms,
    /// Who answers for it (R23).
    pub owner: AccountId,
    pub planned_by: AccountId,
    pub auditors: BTreeSet<AccountId>,
    pub notice: Option<Notice>,
    pub acceptance: Option<Acceptance>,
    /// Who is at the keyboard (R17).
    pub operator: Option<String>,
    pub real_data: Vec<RealData>,
    /// Closed or cancelled, for good.
    pub ended: Option<State>,
}

/// A site as the rules see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteFacts {
    pub kind: Kind,
    /// The capture class that its settings demand.
    pub capture: Option<Capture>,
    /// Its settings are those that two people approved.
    pub approved: bool,
    pub standing: Standing,
    /// For which engagement it was shown last.
    pub engagement: Option<EngagementId>,
}

/// An engagement with what it is judged by.
#[derive(Debug, Clone)]
pub struct Matter {
    pub engagement: Engagement,
    /// `None`: it is no longer configured.
    pub site: Option<SiteFacts>,
    /// The procedure in force.
    pub procedure: Option<Paper>,
    /// Who accepted.
    pub acceptor: Option<Account>,
    /// It, its site or everything is frozen.
    pub frozen: bool,
}

impl Engagement {
    /// Wrong codes of a letter until another letter must be sent.
    pub const TRIES: u8 = 5;

    pub fn is_open(&self) -> Result<(), Refusal> {
        match self.ended {
            None => Ok(()),
            Some(_) => Err(Refusal::EngagementOver),
        }
    }

    /// Whether real data are on the screen now, by what the site says.
    pub fn shows_real_data(&self) -> bool {
        self.real_data.last().is_some_and(|interval| interval.to.is_none())
    }

    /// Real data are no longer on the screen, if they were.
    pub fn end_interval(&mut self, now: OffsetDateTime) -> bool {
        match self.real_data.last_mut() {
            Some(interval) if interval.to.is_none() => {
                interval.to = Some(now);
                true
            }
            _ => false,
        }
    }

    fn is_noticed(&self) -> bool {
        self.notice.as_ref().is_some_and(|notice| notice.terms == self.terms)
    }

    fn is_accepted(&self) -> bool {
        self.acceptance.as_ref().is_some_and(|acceptance| acceptance.terms == self.terms)
    }

    /// Whether this person may accept, given what the letter's code comes to. A wrong one uses up one of the letter's
    /// tries.
    pub fn accept(&mut self, by: &Account, declares: bool, code: Option<&str>, now: OffsetDateTime) -> Result<(), Refusal> {
        self.is_open()?;
        if !by.roles.is_contact_of(&self.terms.site) {
            return Err(Refusal::NotYours);
        }
        if by.vouched.as_ref().is_none_or(|vouched| *vouched == self.planned_by) {
            return Err(Refusal::ContactNotIndependent);
        }
        if now >= self.terms.closes + self.terms.tolerance() {
            return Err(Refusal::WindowOver);
        }
        match self.terms.operation {
            Operation::Visit if !declares => return Err(Refusal::NoDeclaration),
            Operation::Visit => {}
            Operation::Audit => self.open_letter(code)?,
        }
        self.acceptance = Some(Acceptance { terms: self.terms.clone(), by: by.id.clone(), at: now });
        Ok(())
    }

    fn open_letter(&mut self, code: Option<&str>) -> Result<(), Refusal> {
        let noticed = self.is_noticed();
        let Some(notice) = self.notice.as_mut().filter(|_| noticed) else { return Err(Refusal::NoNotice) };
        let code = code.ok_or(Refusal::LetterCodeWrong)?;
        if subtle::ConstantTimeEq::ct_eq(code.as_bytes(), notice.code.as_bytes()).into() {
            return Ok(());
        }
        notice.tries = notice.tries.saturating_sub(1);
        if notice.tries == 0 {
            self.notice = None;
            return Err(Refusal::LetterUsedUp);
        }
        Err(Refusal::LetterCodeWrong)
    }
}

impl Matter {
    pub fn state(&self) -> State {
        let engagement = &self.engagement;
        let standing = self.site.as_ref().filter(|site| site.engagement.as_ref() == Some(&engagement.id)).map(|s| s.standing);
        match (engagement.ended, standing) {
            (Some(ended), _) => ended,
            (None, Some(Standing::Showing)) => State::Showing,
            (None, Some(Standing::Paused)) => State::Paused,
            (None, None | Some(Standing::Stopped)) if engagement.is_accepted() => State::Accepted,
            _ if engagement.is_noticed() => State::Noticed,
            _ => State::Planned,
        }
    }

    /// What must hold before the site can be shown, each with its rule.
    pub fn checks(&self, policy: &Policy, now: OffsetDateTime) -> Vec<Check> {
        let (engagement, terms) = (&self.engagement, &self.engagement.terms);
        let window = match now {
            now if now < terms.opens - terms.tolerance() => Some(Refusal::WindowNotOpen),
            now if now >= terms.closes + terms.tolerance() => Some(Refusal::WindowOver),
            _ => None,
        };
        let procedure = (self.procedure.as_ref() != Some(&terms.procedure)).then_some(Refusal::ProcedureChanged);
        let mut checks = vec![
            Check::new("R53", self.frozen.then_some(Refusal::Frozen)),
            Check::new("R01", engagement.is_open().err()),
            Check::new("R11", (terms.presence == Presence::OnSite).then_some(Refusal::OnSite)),
            Check::new("R29", self.site_settings()),
            Check::new(if terms.operation == Operation::Visit { "R03" } else { "R04" }, self.kind_of_site()),
        ];
        checks.extend(match terms.operation {
            Operation::Visit => vec![
                Check::new("R02", terms.agreed.is_none().then_some(Refusal::NoPlace)),
                Check::new("R03", self.accepted(Refusal::NoDeclaration, policy, now)),
            ],
            Operation::Audit => vec![
                Check::new("R04", terms.professional.is_none().then_some(Refusal::NoProfessional)),
                Check::new("R14", (!engagement.is_noticed()).then_some(Refusal::NoNotice)),
                Check::new("R15", procedure),
                Check::new("R16", self.accepted(Refusal::NotAccepted, policy, now)),
            ],
        });
        checks.extend([
            Check::new("R14", window),
            Check::new("R17", engagement.operator.is_none().then_some(Refusal::NoOperator)),
            Check::new("R07", (terms.blackout && !engagement.shows_real_data()).then_some(Refusal::OutsideInterval)),
        ]);
        checks
    }

    fn site_settings(&self) -> Option<Refusal> {
        match &self.site {
            None => Some(Refusal::SiteUnknown),
            Some(site) => (!site.approved).then_some(Refusal::SiteNotApproved),
        }
    }

    fn kind_of_site(&self) -> Option<Refusal> {
        let kind = self.site.as_ref()?.kind;
        let right = match self.engagement.terms.operation {
            Operation::Visit => kind == Kind::Demo,
            Operation::Audit => kind == Kind::Production,
        };
        (!right).then_some(Refusal::WrongKindOfSite)
    }

    /// The acceptance is of these terms, and whoever gave it could give it today.
    fn accepted(&self, missing: Refusal, policy: &Policy, now: OffsetDateTime) -> Option<Refusal> {
        let engagement = &self.engagement;
        let stands = self.acceptor.as_ref().is_some_and(|by| {
            by.roles.is_contact_of(&engagement.terms.site)
                && by.vouched.as_ref().is_some_and(|vouched| *vouched != engagement.planned_by)
                && !matches!(by.stands(policy, now), Err(Refusal::AccountDisabled | Refusal::AccountEnded))
        });
        (!engagement.is_accepted() || !stands).then_some(missing)
    }
}
