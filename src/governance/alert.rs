//! R54, R56: what people are told of elsewhere than here, and who is. A mail says that something happened, never what: it
//! passes through machines of others.

use super::shape::Moment;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

use super::Role;
use super::incident::{Nature, Stage};
use crate::id::{AccountId, AlertId, FreezeId, IncidentId};

/// What could not be delivered for so long is given up.
const WORTH_TELLING: Duration = Duration::hours(24);
/// So much of a server's words is kept.
const TROUBLE: usize = 200;
/// The longest time between two tries.
const RARELY: Duration = Duration::minutes(60);

/// Where a person's mail goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(extend("pattern" = r"^[\w+-]+(\.[\w+-]+)*@[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$"))]
pub struct MailAddress(String);

impl MailAddress {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn domain(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(_, domain)| domain)
    }
}

impl TryFrom<String> for MailAddress {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let letter = |b: u8| b.is_ascii_alphanumeric();
        let atom = |part: &str| !part.is_empty() && part.bytes().all(|b| letter(b) || b"-_+".contains(&b));
        let label = |part: &str| {
            let ends = part.bytes().next().is_some_and(letter) && part.bytes().last().is_some_and(letter);
            ends && part.len() <= 63 && part.bytes().all(|b| letter(b) || b == b'-')
        };
        match text.split_once('@') {
            Some((person, domain))
                if person.len() <= 64 && text.len() <= 254 && person.split('.').all(atom) && domain.split('.').all(label) =>
            {
                Ok(Self(text))
            }
            _ => Err(format!("{text:?} is no mail address; write one such as \"claire.martin@example.org\"")),
        }
    }
}

impl From<MailAddress> for String {
    fn from(address: MailAddress) -> Self {
        address.0
    }
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", content = "data")]
pub enum Occasion {
    /// An incident was opened, or is at another stage.
    #[serde(rename = "incident.stage")]
    Incident { incident: IncidentId, nature: Nature, stage: Stage },
    /// The authority is to be told within a day, or should have been.
    #[serde(rename = "incident.deadline")]
    Deadline {
        incident: IncidentId,
        nature: Nature,
        #[serde(with = "time::serde::rfc3339")]
        #[schemars(with = "Moment")]
        by: OffsetDateTime,
        overdue: bool,
    },
    #[serde(rename = "freeze.begun")]
    Frozen { freeze: FreezeId, scope: String },
    /// Two people opened an account by its sealed code.
    #[serde(rename = "envelope.opened")]
    Envelope,
    /// Somebody tries whether alerts arrive.
    #[serde(rename = "test")]
    Test { role: Role },
}

impl Occasion {
    pub fn name(&self) -> &'static str {
        match self {
            Self::Incident { .. } => "incident.stage",
            Self::Deadline { .. } => "incident.deadline",
            Self::Frozen { .. } => "freeze.begun",
            Self::Envelope => "envelope.opened",
            Self::Test { .. } => "test",
        }
    }

    /// Who is told.
    pub fn roles(&self) -> Vec<Role> {
        match self {
            Self::Incident { nature, .. } | Self::Deadline { nature, .. } => nature.handlers().to_vec(),
            Self::Frozen { .. } => vec![Role::Crisis, Role::Rssi, Role::Admin],
            Self::Envelope => vec![Role::Rssi, Role::Admin, Role::Dpo, Role::Crisis],
            Self::Test { role } => vec![*role],
        }
    }

    /// Whether anybody may bring it about: so many of them are told in an hour, and no more than may wait.
    pub fn is_anybodys(&self) -> bool {
        matches!(self, Self::Test { .. } | Self::Incident { stage: Stage::Open, .. })
    }

    /// French, a slash, English: the subject of a mail.
    pub fn subject(&self) -> String {
        match self {
            Self::Incident { incident, stage: Stage::Open, .. } => format!("[Lucarne] Incident ouvert / opened: {incident}"),
            Self::Incident { incident, stage: Stage::Contained, .. } => {
                format!("[Lucarne] Incident contenu / contained: {incident}")
            }
            Self::Incident { incident, stage: Stage::Closed, .. } => format!("[Lucarne] Incident clos / closed: {incident}"),
            Self::Deadline { incident, overdue: false, .. } => {
                format!("[Lucarne] Moins de 24 h pour notifier / Less than 24 h to notify: {incident}")
            }
            Self::Deadline { incident, overdue: true, .. } => {
                format!("[Lucarne] Notification en retard / Notification overdue: {incident}")
            }
            Self::Frozen { freeze, .. } => format!("[Lucarne] Affichages gelés / Pictures frozen: {freeze}"),
            Self::Envelope => "[Lucarne] Enveloppe ouverte / Envelope opened".to_owned(),
            Self::Test { .. } => "[Lucarne] Essai d'alerte / Test alert".to_owned(),
        }
    }

    /// What to do, in French and in English.
    pub fn text(&self, node: &str) -> String {
        let (french, english) = match self {
            Self::Incident { incident, .. } => (
                format!("L'incident {incident} vous concerne.\nVoyez-le : lucarne incident list"),
                format!("The incident {incident} concerns you.\nSee it: lucarne incident list"),
            ),
            Self::Deadline { incident, by, .. } => {
                let by = by.format(&Rfc3339).unwrap_or_default();
                (
                    format!(
                        "L'incident {incident} doit être notifié à l'autorité avant le {by} (72 h).\n\
                         Dites-le : lucarne incident told {incident} RÉFÉRENCE, ou lucarne incident no-duty {incident} RAISON"
                    ),
                    format!(
                        "The authority is to be told of the incident {incident} by {by} (72 h).\n\
                         Say so: lucarne incident told {incident} REFERENCE, or lucarne incident no-duty {incident} REASON"
                    ),
                )
            }
            Self::Frozen { freeze, scope } => (
                format!(
                    "Le gel {freeze} ({scope}) est en vigueur : rien n'en est montré.\nDeux personnes le lèvent : lucarne freeze lift {freeze}"
                ),
                format!(
                    "The freeze {freeze} ({scope}) is in force: nothing of it is shown.\nTwo people lift it: lucarne freeze lift {freeze}"
                ),
            ),
            Self::Envelope => (
                "Un compte a été ouvert par son code scellé. Si vous n'en saviez rien : lucarne account disable LOGIN\n\
                 Voyez lequel : lucarne trace tail --sealed"
                    .to_owned(),
                "An account was opened by its sealed code. If you did not know of it: lucarne account disable LOGIN\n\
                 See which: lucarne trace tail --sealed"
                    .to_owned(),
            ),
            Self::Test { role } => (
                format!("Ceci est un essai : les alertes du rôle {} vous parviennent.", role.name()),
                format!("This is a test: alerts for the role {} reach you.", role.name()),
            ),
        };
        format!("{french}\n\n{english}\n\n-- \nLucarne, {node}\n")
    }
}

/// By which way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Route {
    /// To a person, at the address that is on file when it is sent.
    Mail(AccountId),
    Webhook,
}

/// The same, whoever it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Mail,
    Webhook,
}

impl Way {
    pub fn name(self) -> &'static str {
        match self {
            Self::Mail => "mail",
            Self::Webhook => "webhook",
        }
    }
}

impl Route {
    pub fn way(&self) -> Way {
        match self {
            Self::Mail(_) => Way::Mail,
            Self::Webhook => Way::Webhook,
        }
    }
}

/// Something that one person, or one program, is to be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Alert {
    pub id: AlertId,
    pub occasion: Occasion,
    pub route: Route,
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "Moment")]
    pub at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "Moment")]
    pub next_try: OffsetDateTime,
    pub tries: u32,
    /// Why it has not arrived.
    pub trouble: Option<String>,
}

impl Alert {
    pub fn new(occasion: Occasion, route: Route, now: OffsetDateTime) -> Self {
        Self { id: AlertId::random(), occasion, route, at: now, next_try: now, tries: 0, trouble: None }
    }

    /// What a program is told: type, timestamp and data, in JSON.
    pub fn payload(&self) -> String {
        let mut payload = serde_json::to_value(&self.occasion).unwrap_or_default();
        if let Some(fields) = payload.as_object_mut() {
            fields.insert("timestamp".to_owned(), self.at.format(&Rfc3339).unwrap_or_default().into());
        }
        payload.to_string()
    }

    /// Begins a try: if it comes to nothing, the next one is later. False: nobody need be told any more.
    pub fn begin_try(&mut self, now: OffsetDateTime) -> bool {
        let minutes = i64::from(1_u32.checked_shl(self.tries).unwrap_or(u32::MAX));
        self.tries = self.tries.saturating_add(1);
        self.next_try = now + Duration::minutes(minutes).min(RARELY);
        self.tries == 1 || now < self.at + WORTH_TELLING
    }

    /// The try was in vain.
    pub fn failed(&mut self, trouble: &str) {
        self.trouble = Some(trouble.chars().take(TROUBLE).collect());
    }
}
