//! What a node answers.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Act;
use crate::governance::compliance::Commitment;
use crate::governance::request::Request;
use crate::governance::{
    Account, Alert, Capture, Engagement, Freeze, Incident, Paper, Paperwork, Refusal, Roles, Secret, Standing, State, Token,
    Workstation,
};
use crate::id::{EngagementId, IncidentId, RequestId, SiteName, TokenId, WorkstationId};

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    Done {
        message: String,
    },
    /// A verdict: the code is stable.
    Refused {
        code: String,
        message: String,
    },
    /// The order, or how things are, stood in the way.
    NotDone {
        message: String,
    },
    /// The node could not: its store, its trace, its own fault. It may be ordered again later.
    Failed {
        message: String,
    },
    /// Told once.
    Token {
        token: TokenId,
        secret: Secret,
    },
    Tokens {
        tokens: Vec<Token>,
    },
    /// Told once: nothing keeps them in this form.
    Enrolled {
        login: String,
        secret: String,
        url: String,
        recovery: Vec<String>,
    },
    Welcome {
        token: Secret,
        device: Secret,
        name: String,
        roles: Roles,
        /// Days until the password must be changed, if these are few.
        password_days: Option<i64>,
        owes_charter: bool,
    },
    Person {
        account: Box<Account>,
        /// As a login tells them.
        password_days: Option<i64>,
        owes_charter: bool,
    },
    /// Something waits for a second person. The half of a code is for whoever asked, to be passed on.
    Asked {
        request: RequestId,
        half: Option<String>,
    },
    Approved {
        message: String,
        /// The approver's half of the person's code.
        half: Option<String>,
    },
    Requests {
        requests: Vec<Waiting>,
    },
    Accounts {
        accounts: Vec<Listed>,
        /// There are more after this login.
        next: Option<String>,
    },
    Planned {
        engagement: EngagementId,
    },
    /// The letter lies there, for the post: its code is in no answer.
    Posted {
        letter: String,
    },
    Engagements {
        engagements: Vec<Planned>,
        procedure: Option<Paper>,
        /// There are more after this one.
        next: Option<EngagementId>,
    },
    Workstations {
        workstations: Vec<Workstation>,
        /// There are more after this one.
        next: Option<WorkstationId>,
    },
    Reported {
        incident: IncidentId,
        /// So many people and programs are told of it.
        told: usize,
        /// So many more should be: the reporter had people told too often within the hour.
        kept_back: usize,
    },
    /// What is not for this reader is hidden.
    Incidents {
        incidents: Vec<Case>,
        /// There are more after this one.
        next: Option<IncidentId>,
    },
    Freezes {
        freezes: Vec<Frozen>,
    },
    /// Who is being told: logins, and those of whom no address is on file.
    Alerted {
        mailed: Vec<String>,
        without_address: Vec<String>,
        webhook: bool,
    },
    Alerts {
        alerts: Vec<Due>,
    },
    Papers {
        papers: Vec<(Paperwork, Paper)>,
        /// Sites whose settings as they are now two people have not approved.
        unapproved: Vec<SiteName>,
        /// SHA-256 of the settings (lucarne.toml) that the node runs by.
        settings: String,
    },
    Compliance {
        clauses: Vec<Commitment>,
    },
    Checklist {
        state: State,
        checks: Vec<Rule>,
    },
    Sites {
        sites: Vec<Site>,
    },
    Ticket {
        login: String,
        secret: String,
        short: Option<String>,
        expires: String,
        /// Days until the password must be changed, if these are few.
        password_days: Option<i64>,
    },
}

impl Outcome {
    /// Whether the order was carried out.
    pub fn is_answer(&self) -> bool {
        !matches!(self, Self::Refused { .. } | Self::NotDone { .. } | Self::Failed { .. })
    }

    /// What asks for the rest of a list.
    pub fn next_page(&self) -> Option<Act> {
        match self {
            Self::Accounts { next: Some(after), .. } => Some(Act::ListAccounts { after: Some(after.clone()) }),
            Self::Engagements { next: Some(after), .. } => Some(Act::ListEngagements { after: Some(after.clone()) }),
            Self::Incidents { next: Some(after), .. } => Some(Act::ListIncidents { after: Some(after.clone()) }),
            Self::Workstations { next: Some(after), .. } => Some(Act::ListWorkstations { after: Some(after.clone()) }),
            _ => None,
        }
    }
}

impl From<Refusal> for Outcome {
    fn from(refusal: Refusal) -> Self {
        Self::Refused { code: refusal.code().to_owned(), message: refusal.words().to_owned() }
    }
}

/// A request, with the logins of who asked and whom it is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Waiting {
    pub request: Request,
    pub asked_by: Option<String>,
    pub about: Option<String>,
}

/// An incident, and whether the authority should have been told by now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Case {
    pub incident: Incident,
    pub overdue: bool,
}

/// An alert that has not arrived, with the login of whoever is to be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Due {
    pub alert: Alert,
    pub to: Option<String>,
}

/// A freeze in force, with the login of whose it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Frozen {
    pub freeze: Freeze,
    pub by: Option<String>,
}

/// An account, and what needs somebody's attention about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Listed {
    pub account: Account,
    pub review_overdue: bool,
    /// Engagements that this person owns and can no longer answer for (R23).
    pub orphans: Vec<EngagementId>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Planned {
    pub engagement: Engagement,
    pub state: State,
    /// What people call its site; nothing if there is no such site any more.
    pub label: Option<String>,
}

/// One rule of a checklist.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Rule {
    pub rule: String,
    /// What is missing, by its code and in words; neither: it holds.
    pub code: Option<String>,
    pub message: Option<String>,
    /// It can be judged only when somebody comes: what will be asked then.
    #[serde(default)]
    pub later: Option<String>,
}

/// Somebody who looks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Watcher {
    pub name: String,
    /// How far the viewer keeps copies from being made (R08).
    pub capture: Capture,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Site {
    pub name: String,
    pub label: String,
    pub standing: Standing,
    pub size: Option<String>,
    /// Milliseconds since the picture was last known to be the site's.
    pub picture_age_ms: Option<u64>,
    pub viewers: usize,
    /// Who looks (R18).
    pub watched_by: Vec<Watcher>,
    pub trouble: Option<String>,
}
