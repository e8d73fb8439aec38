//! Workstations: known by their certificate, in order by what is declared of them (R30, R31, R50).

use super::shape::{Day, Moment};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use time::{Date, Duration, OffsetDateTime};

use super::admission::first_refusal;
use super::engagement::Class;
use super::{Check, Refusal};
use crate::id::WorkstationId;

/// A registered workstation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Workstation {
    pub id: WorkstationId,
    /// SHA-256 of its certificate, in hexadecimal.
    pub fingerprint: String,
    /// What people call it.
    pub label: String,
    #[serde(with = "time::serde::rfc3339::option")]
    #[schemars(with = "Option<Moment>")]
    pub ends: Option<OffsetDateTime>,
    pub posture: Posture,
    pub retired: bool,
}

/// What somebody declares of a workstation: the days on which it was brought up to date last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Posture {
    #[schemars(with = "Option<Day>")]
    pub system: Option<Date>,
    #[schemars(with = "Option<Day>")]
    pub antivirus: Option<Date>,
}

impl Posture {
    /// What is not given stays; days that have come.
    pub fn with(self, news: Self, today: Date) -> Result<Self, Refusal> {
        if [news.system, news.antivirus].into_iter().flatten().any(|day| day > today) {
            return Err(Refusal::DateImpossible);
        }
        Ok(Self { system: news.system.or(self.system), antivirus: news.antivirus.or(self.antivirus) })
    }
}

/// How old what was declared may be; `None`: nothing need be declared.
pub type Freshness = Option<Duration>;

/// What is asked of workstations that somebody looks from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Demand {
    /// The least class of engagements that are looked at from registered workstations alone.
    pub from: Class,
    pub freshness: Freshness,
}

/// At which machine somebody is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Workplace {
    /// It has shown no certificate.
    Bare,
    /// It has shown one that does not count: of another authority, revoked, over.
    Distrusted,
    /// Its certificate is good, and nobody has registered it.
    Unregistered,
    Registered(Workstation),
}

impl Workplace {
    /// What a workstation must have for an engagement of a class, each with its rule. One that was retired is refused
    /// wherever it shows its certificate.
    pub fn checks(&self, demand: Option<&Demand>, class: Class, now: OffsetDateTime) -> Vec<Check> {
        let asked = demand.filter(|demand| class >= demand.from).map(|demand| demand.freshness);
        self.against(asked, Refusal::NeedsTunnel, now)
    }

    /// The same for orders by HTTP, if anything is asked.
    pub fn may_order(&self, asked: Option<Freshness>, now: OffsetDateTime) -> Result<(), Refusal> {
        first_refusal(&self.against(asked, Refusal::NeedsCertificate, now))
    }

    fn against(&self, asked: Option<Freshness>, bare: Refusal, now: OffsetDateTime) -> Vec<Check> {
        let known = match self {
            Self::Registered(workstation) => workstation.stands(now).err(),
            Self::Bare => asked.map(|_| bare),
            Self::Distrusted => asked.map(|_| Refusal::CertificateRevoked),
            Self::Unregistered => asked.map(|_| Refusal::WorkstationUnknown),
        };
        let mut checks = vec![Check::new("R50", known)];
        if let (Self::Registered(Workstation { posture, .. }), Some(longest)) = (self, asked.flatten()) {
            let stale = |day: Option<Date>| day.is_none_or(|day| now.date() - day > longest);
            checks.push(Check::new("R30", stale(posture.system).then_some(Refusal::SystemStale)));
            checks.push(Check::new("R31", stale(posture.antivirus).then_some(Refusal::AntivirusStale)));
        }
        checks
    }
}

impl Workstation {
    fn stands(&self, now: OffsetDateTime) -> Result<(), Refusal> {
        let over = self.retired || self.ends.is_some_and(|ends| now >= ends);
        if over { Err(Refusal::WorkstationRetired) } else { Ok(()) }
    }
}
