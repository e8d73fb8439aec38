//! Admission: the unforgeable value that lets a session exist; and the checklist that it comes from.

use std::net::IpAddr;
use std::sync::Arc;

use serde::Serialize;
use time::OffsetDateTime;

use super::account::Account;
use super::engagement::{Class, Matter};
use super::policy::{Paper, Policy};
use super::premises::Premises;
use super::workstation::Workplace;
use super::{Capture, Login, Refusal, Standing};
use crate::id::{AccountId, EngagementId, SessionId, SiteName};

/// How long a view ticket lives.
pub const TICKET_SECONDS: i64 = 60;

/// Somebody asks to look.
#[derive(Debug, Clone)]
pub struct Request {
    /// The login that was typed, if the way in has one.
    pub login: Option<Login>,
    /// The workstation's certificate (SHA-256), if it showed one.
    pub certificate: Option<[u8; 32]>,
    pub from: IpAddr,
    /// The viewer's.
    pub capture: Capture,
}

/// The ticket as its row said when it was consumed, and who and what it is for.
#[derive(Debug, Clone)]
pub struct TicketFacts {
    /// The only workstation that may use the ticket.
    pub certificate: Option<[u8; 32]>,
    pub expires: OffsetDateTime,
    pub looking: Looking,
}

/// One person and one engagement: all that the rules look at.
#[derive(Debug, Clone)]
pub struct Looking {
    pub account: Account,
    pub matter: Matter,
    pub policy: Policy,
    /// The charter in force.
    pub charter: Option<Paper>,
    pub premises: Arc<Premises>,
    /// `None`: nobody has come yet.
    pub workplace: Option<Workplace>,
}

/// One rule and its verdict: `None` is that it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Check {
    /// The requirement's id, or what the rule is about.
    pub rule: &'static str,
    pub refusal: Option<Refusal>,
}

impl Check {
    pub fn new(rule: &'static str, refusal: Option<Refusal>) -> Self {
        Self { rule, refusal }
    }
}

/// The first thing that is missing.
pub fn first_refusal(checks: &[Check]) -> Result<(), Refusal> {
    checks.iter().find_map(|check| check.refusal).map_or(Ok(()), Err)
}

impl Looking {
    /// Every rule with its result: before a session as well as while it runs.
    pub fn checklist(&self, now: OffsetDateTime) -> Vec<Check> {
        let engagement = &self.matter.engagement;
        let site = self.matter.site.as_ref();
        let own = site.filter(|site| site.engagement.as_ref() == Some(&engagement.id)).map(|site| site.standing);
        let shown = match own {
            Some(Standing::Showing | Standing::Paused) => None,
            Some(Standing::Stopped) | None => Some(Refusal::SiteNotShown),
        };
        let assigned = engagement.auditors.contains(&self.account.id);
        let mut checks = self.account.checks(&self.policy, self.charter.as_ref(), now);
        checks.push(Check::new("assigned", (!assigned).then_some(Refusal::NotAssigned)));
        checks.extend(self.matter.checks(&self.policy, now).into_iter().filter(|check| {
            // Viewers wait before a blank screen until the site says what is on it.
            check.refusal != Some(Refusal::OutsideInterval)
        }));
        checks.push(Check::new("R18", shown));
        let demand = self.policy.workstations.as_ref();
        let workplace = self.workplace.iter().flat_map(|place| place.checks(demand, engagement.terms.class, now));
        checks.extend(workplace);
        // What no viewer meets needs nobody to come.
        checks.extend(Capture::BEST.meets(self.capture()).err().map(|refusal| Check::new("R08", Some(refusal))));
        checks
    }

    /// The capture class that viewers need.
    fn capture(&self) -> Option<Capture> {
        self.matter.engagement.terms.demands(self.matter.site.as_ref().and_then(|site| site.capture))
    }
}

/// The right to start one session. Fields are private: only [`admit`] makes one.
#[derive(Debug)]
pub struct Admission {
    session: SessionId,
    account: AccountId,
    name: String,
    engagement: EngagementId,
    site: SiteName,
    class: Class,
    capture: Capture,
}

impl Admission {
    pub fn session(&self) -> &SessionId {
        &self.session
    }

    pub fn account(&self) -> &AccountId {
        &self.account
    }

    /// The person's name, as the watermark shows it.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn engagement(&self) -> &EngagementId {
        &self.engagement
    }

    pub fn site(&self) -> &SiteName {
        &self.site
    }

    pub fn class(&self) -> Class {
        self.class
    }

    /// The capture class of the viewer that was let in.
    pub fn capture(&self) -> Capture {
        self.capture
    }
}

/// Whether this request may become a session now. `None`: no such ticket, or it was used before.
pub fn admit(request: &Request, ticket: Option<TicketFacts>, now: OffsetDateTime) -> Result<Admission, Refusal> {
    let ticket = ticket.ok_or(Refusal::TicketUnknown)?;
    if now > ticket.expires {
        return Err(Refusal::TicketExpired);
    }
    let Looking { account, matter, .. } = &ticket.looking;
    if request.login.as_ref().is_some_and(|login| *login != account.login) {
        return Err(Refusal::TicketOfAnother);
    }
    if ticket.certificate.is_some() && ticket.certificate != request.certificate {
        // One that shows nothing may be the right one, come the wrong way.
        return Err(if request.certificate.is_some() { Refusal::OtherWorkstation } else { Refusal::NeedsTunnel });
    }
    ticket.looking.premises.hold(&account.roles, request.from)?;
    first_refusal(&ticket.looking.checklist(now))?;
    request.capture.meets(ticket.looking.capture())?;
    Ok(Admission {
        session: SessionId::random(),
        account: account.id.clone(),
        name: account.name.clone(),
        engagement: matter.engagement.id.clone(),
        site: matter.engagement.terms.site.clone(),
        class: matter.engagement.terms.class,
        capture: request.capture,
    })
}
