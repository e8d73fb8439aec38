//! Admission: the unforgeable value that lets a session exist.

use time::OffsetDateTime;

use super::password::Age;
use super::{Login, Profile, Standing};
use crate::id::{AccountId, SessionId, SiteName};

/// How long a view ticket lives.
pub const TICKET_SECONDS: i64 = 60;

/// Somebody asks to look.
#[derive(Debug, Clone)]
pub struct Request {
    /// The login that was typed, if the way in has one.
    pub login: Option<Login>,
    /// The workstation's certificate (SHA-256), if it showed one.
    pub certificate: Option<[u8; 32]>,
}

/// The ticket as its row said when it was consumed.
#[derive(Debug, Clone)]
pub struct TicketFacts {
    pub account: AccountId,
    pub login: Login,
    pub name: String,
    pub enabled: bool,
    /// When the account's password was set.
    pub password_set: OffsetDateTime,
    /// The only workstation that may use the ticket.
    pub certificate: Option<[u8; 32]>,
    pub site: SiteName,
    pub expires: OffsetDateTime,
}

/// All that the rules look at.
#[derive(Debug, Clone)]
pub struct Facts {
    /// `None`: no such ticket, or it was used before.
    pub ticket: Option<TicketFacts>,
    /// `None`: the site is no longer configured.
    pub standing: Option<Standing>,
    /// The rules of passwords.
    pub passwords: Profile,
}

/// The right to start one session. Fields are private: only [`admit`] makes one.
#[derive(Debug)]
pub struct Admission {
    session: SessionId,
    account: AccountId,
    name: String,
    site: SiteName,
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

    pub fn site(&self) -> &SiteName {
        &self.site
    }
}

/// A verdict: not an error. The code is stable; the words are for the person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    TicketUnknown,
    TicketExpired,
    TicketOfAnother,
    OtherWorkstation,
    NeedsTunnel,
    AccountDisabled,
    /// R35: it must be changed first.
    PasswordExpired,
    SiteUnknown,
    SiteNotShown,
    /// The trace cannot be written.
    NoTrace,
    /// The store does not answer.
    NoStore,
    /// Too many sessions, or too many attempts.
    Busy,
}

impl Refusal {
    pub fn code(self) -> &'static str {
        match self {
            Self::TicketUnknown => "ticket_unknown",
            Self::TicketExpired => "ticket_expired",
            Self::TicketOfAnother => "ticket_of_another",
            Self::OtherWorkstation => "other_workstation",
            Self::NeedsTunnel => "needs_tunnel",
            Self::AccountDisabled => "account_disabled",
            Self::PasswordExpired => "password_expired",
            Self::SiteUnknown => "site_unknown",
            Self::SiteNotShown => "site_not_shown",
            Self::NoTrace => "no_trace",
            Self::NoStore => "no_store",
            Self::Busy => "busy",
        }
    }

    /// What is missing and who can mend it, in French and English: RFB has one line and no language.
    pub fn words(self) -> &'static str {
        match self {
            Self::TicketUnknown | Self::TicketOfAnother => {
                "Ticket inconnu ou déjà utilisé : demandez-en un nouveau. / Unknown or used ticket: ask for a new one."
            }
            Self::TicketExpired => {
                "Ticket expiré (60 s) : demandez-en un nouveau. / The ticket has expired (60 s): ask for a new one."
            }
            Self::NeedsTunnel => {
                "Ce poste doit montrer son certificat : passez par le tunnel. / This workstation must show its certificate: use the tunnel."
            }
            Self::OtherWorkstation => {
                "Ce ticket est celui d'un autre poste : prenez-en un ici. / This ticket is for another workstation: take one here."
            }
            Self::AccountDisabled => "Compte désactivé : voyez votre administrateur. / Account disabled: see your administrator.",
            Self::PasswordExpired => {
                "Mot de passe expiré : changez-le, puis demandez un ticket. / The password has expired: change it, then ask for a ticket."
            }
            Self::SiteUnknown => {
                "Ce site n'est plus déclaré : voyez votre administrateur. / This site is no longer configured: see your administrator."
            }
            Self::SiteNotShown => {
                "Le site n'est pas montré : son contact doit le montrer. / The site is not shown: its contact must show it."
            }
            Self::NoTrace => {
                "La trace ne peut être écrite : aucune image. Voyez l'exploitant. / The trace cannot be written: no picture. See the operator."
            }
            Self::NoStore => {
                "La base de données ne répond pas : aucune image. Voyez l'exploitant. / The store does not answer: no picture. See the operator."
            }
            Self::Busy => "Trop de connexions : réessayez dans un instant. / Too many connections: try again in a moment.",
        }
    }
}

/// Whether this request may become a session now.
pub fn admit(request: &Request, facts: Facts, now: OffsetDateTime) -> Result<Admission, Refusal> {
    let ticket = facts.ticket.ok_or(Refusal::TicketUnknown)?;
    if now > ticket.expires {
        return Err(Refusal::TicketExpired);
    }
    if request.login.as_ref().is_some_and(|login| *login != ticket.login) {
        return Err(Refusal::TicketOfAnother);
    }
    if ticket.certificate.is_some() && ticket.certificate != request.certificate {
        return Err(Refusal::OtherWorkstation);
    }
    if !ticket.enabled {
        return Err(Refusal::AccountDisabled);
    }
    if facts.passwords.age(ticket.password_set, now) == Age::Expired {
        return Err(Refusal::PasswordExpired);
    }
    match facts.standing {
        None => Err(Refusal::SiteUnknown),
        Some(Standing::Stopped) => Err(Refusal::SiteNotShown),
        Some(Standing::Paused | Standing::Showing) => {
            Ok(Admission { session: SessionId::random(), account: ticket.account, name: ticket.name, site: ticket.site })
        }
    }
}
