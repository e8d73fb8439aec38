//! View tickets: 130 random bits in 26 letters, stored hashed, for one use within 60 seconds; and the short form of
//! eight letters for viewers that know VncAuth only, which lives in memory alone.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use subtle::ConstantTimeEq;
use time::{Duration, OffsetDateTime};
use zeroize::Zeroizing;

use super::{Actor, Desk, DeskError, hash, letters};
use crate::governance::admission::{TICKET_SECONDS, TicketFacts};
use crate::governance::password::Age;
use crate::governance::{Admission, Capture, Check, Login, Refusal, Request, admit, first_refusal};
use crate::id::{ConnectionId, EngagementId};
use crate::rfb::security::vnc_auth_response;
use crate::store::{StoreError, TicketRow};
use crate::trace::Event;

/// Short tickets alive at once.
const MAX_SHORT: usize = 64;

/// A ticket was not taken.
#[derive(Debug, thiserror::Error)]
pub enum Denied {
    #[error("{}", .0.words())]
    Refused(Refusal),
    #[error(transparent)]
    Failed(#[from] DeskError),
}

impl From<StoreError> for Denied {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

/// A ticket in the hands of the person it was issued for.
pub struct Ticket {
    /// What is typed as the password.
    pub secret: Zeroizing<String>,
    /// The form of eight letters, if it was asked for.
    pub short: Option<Zeroizing<String>>,
    /// The only workstation that may use it, by the SHA-256 of its certificate.
    pub certificate: Option<[u8; 32]>,
    pub expires: OffsetDateTime,
    /// Days until the account's password must be changed, if these are few.
    pub password_days: Option<i64>,
}

impl Ticket {
    pub(super) fn new(now: OffsetDateTime, short: bool, certificate: Option<[u8; 32]>, password_days: Option<i64>) -> Self {
        Self {
            secret: letters::<26>(),
            short: short.then(letters::<8>),
            certificate,
            expires: now + Duration::seconds(TICKET_SECONDS),
            password_days,
        }
    }

    pub(super) fn hash(&self) -> Vec<u8> {
        hash(&self.secret)
    }
}

/// What a viewer shows.
#[derive(Debug, Clone)]
pub struct Presented {
    pub form: Form,
    /// SHA-256 of the certificate that the workstation proved to hold.
    pub certificate: Option<[u8; 32]>,
    pub from: IpAddr,
    /// How far the viewer keeps copies from being made.
    pub capture: Capture,
}

#[derive(Debug, Clone)]
pub enum Form {
    Plain { login: String, secret: Zeroizing<String> },
    Short { challenge: [u8; 16], response: [u8; 16] },
}

impl Presented {
    /// The login that was typed, if the way in has one.
    pub(super) fn login(&self) -> Option<Login> {
        match &self.form {
            Form::Plain { login, .. } => Login::try_from(login.clone()).ok(),
            Form::Short { .. } => None,
        }
    }

    pub(super) fn typed_login(&self) -> String {
        match &self.form {
            Form::Plain { login, .. } => login.chars().take(64).collect(),
            Form::Short { .. } => String::new(),
        }
    }
}

/// The short forms alive, and which ticket each is. Guarded by its own lock; bounded; gone with the process.
#[derive(Default)]
pub(super) struct ShortTickets(Mutex<Vec<Short>>);

struct Short {
    secret: Zeroizing<String>,
    hash: Vec<u8>,
    certificate: Option<[u8; 32]>,
    expires: OffsetDateTime,
}

impl ShortTickets {
    pub(super) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    pub(super) fn add(&self, ticket: &Ticket) {
        let Some(short) = &ticket.short else { return };
        let mut alive = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if alive.len() >= MAX_SHORT {
            alive.remove(0);
        }
        let certificate = ticket.certificate;
        alive.push(Short { secret: short.clone(), hash: ticket.hash(), certificate, expires: ticket.expires });
    }

    /// The hash of the ticket that was shown, if it can be one.
    pub(super) fn hash_of(&self, presented: &Presented, now: OffsetDateTime) -> Option<Vec<u8>> {
        match &presented.form {
            // What cannot be a login matches no ticket, and uses none up.
            Form::Plain { login, secret } => Login::try_from(login.clone()).ok().map(|_| hash(secret)),
            Form::Short { challenge, response } => {
                let mut alive = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                alive.retain(|short| short.expires >= now);
                // Eight letters are few: they are compared with the tickets of this very workstation only.
                let own = |short: &Short| short.certificate == presented.certificate;
                let matches = |short: &Short| vnc_auth_response(short.secret.as_bytes(), challenge).ct_eq(response).into();
                let place = alive.iter().position(|short| own(short) && matches(short))?;
                Some(alive.remove(place).hash)
            }
        }
    }
}

impl Desk {
    /// A one-time right to ask for the picture of an engagement, for 60 seconds: after every rule but that the site is
    /// shown. Whoever asks has read the reminder (R21).
    pub async fn issue_ticket(
        &self,
        actor: &Actor,
        engagement: &EngagementId,
        acknowledged: bool,
        short: bool,
        certificate: Option<[u8; 32]>,
    ) -> Result<Ticket, DeskError> {
        if !acknowledged {
            return Err(Refusal::NotAcknowledged.into());
        }
        let now = self.clock.wall();
        let work = self.store.begin().await?;
        let looking = self.looking(&work, &actor.account().id, engagement).await?;
        let mut checks = looking.checklist(now);
        checks.retain(|check| check.refusal != Some(Refusal::SiteNotShown));
        first_refusal(&checks)?;
        let days_left = match self.policy.passwords.age(looking.account.password_set, now) {
            Age::Ending(days) => Some(days),
            Age::Good | Age::Expired => None,
        };
        let ticket = Ticket::new(now, short, certificate, days_left);
        let (account, id) = (looking.account.id.clone(), engagement.clone());
        let row = TicketRow { account, engagement: id, certificate: ticket.certificate, expires: ticket.expires };
        work.add_ticket(&ticket.hash(), &row).await?;
        let event = Event::new("ticket.issued").outcome("ok").public("short", short).public("bound", certificate.is_some());
        let event = event.public("engagement", engagement.as_str()).public("notice_shown", acknowledged);
        let event = event.sealed("account", looking.account.id.as_str()).sealed("login", looking.account.login.as_str());
        self.record(work, event.sealed("site", looking.matter.engagement.terms.site.as_str())).await?;
        self.short.add(&ticket);
        Ok(ticket)
    }

    /// Makes every ticket that was not used worthless; gives how many there were.
    pub async fn void_tickets(&self) -> Result<u64, DeskError> {
        self.short.clear();
        Ok(self.store.void_tickets().await?)
    }

    /// Consumes a ticket and asks the rules; each is traced with its result.
    pub async fn redeem(&self, presented: &Presented, connection: &ConnectionId) -> Result<Admission, Denied> {
        let now = self.clock.wall();
        let ticket = match self.short.hash_of(presented, now) {
            Some(hash) => self.take(&hash, presented.certificate).await?,
            None => None,
        };
        let Presented { certificate, from, capture, .. } = *presented;
        let request = Request { login: presented.login(), certificate, from, capture };
        let checks = ticket.as_ref().map(|ticket| ticket.looking.checklist(now));
        let verdict = admit(&request, ticket, now);
        let event = match &verdict {
            Ok(admission) => Event::new("auth.succeeded")
                .outcome("ok")
                .session(admission.session())
                .public("engagement", admission.engagement().as_str())
                .public("class", admission.class().name())
                .sealed("account", admission.account().as_str()),
            Err(refusal) => Event::new("auth.failed").outcome("refused").cause(refusal.code()),
        };
        let event = event.public("method", "ticket").public("connection", connection.as_str());
        let event = checks.into_iter().fold(event, |event, checks| event.public("checks", results(&checks)));
        self.log.append(event.sealed("login", presented.typed_login())).await.map_err(DeskError::from)?;
        verdict.map_err(Denied::Refused)
    }

    async fn take(&self, hash: &[u8], shown: Option<[u8; 32]>) -> Result<Option<TicketFacts>, DeskError> {
        let work = self.store.begin().await?;
        let facts = match work.take_ticket(hash).await? {
            Some(row) => {
                let looking = self.looking_from(&work, &(row.account, row.engagement, shown)).await?;
                Some(TicketFacts { certificate: row.certificate, expires: row.expires, looking })
            }
            None => None,
        };
        work.commit().await?;
        Ok(facts)
    }
}

/// Each rule with "ok", or the code of what is missing.
fn results(checks: &[Check]) -> Vec<String> {
    let result = |check: &Check| check.refusal.map_or("ok", Refusal::code);
    checks.iter().map(|check| format!("{} {}", check.rule, result(check))).collect()
}
