//! What people can order of a node, by the control socket, by HTTP or in its own process; and what it answers.

mod outcome;

use serde::{Deserialize, Serialize};
use time::{Date, OffsetDateTime};

use crate::governance::account::File;
use crate::governance::freeze::Scope;
use crate::governance::incident::{Link, Nature, Stage};
use crate::governance::{Paperwork, Right, Role, Secret, Terms};
use crate::id::{EngagementId, FreezeId, IncidentId, RequestId, SiteName, WorkstationId};
pub use outcome::{Case, Frozen, Listed, Outcome, Planned, Rule, Site, Waiting};

/// An act, and who orders it: by the token that a login gave.
#[derive(Debug, Serialize, Deserialize)]
pub struct Order {
    pub token: Option<Secret>,
    #[serde(flatten)]
    pub act: Act,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case")]
pub enum Act {
    /// In exchange for a one-time code: a password and a second factor. `name` at genesis alone.
    Enrol {
        login: String,
        name: Option<String>,
        code: Secret,
        password: Secret,
    },
    Login {
        login: String,
        password: Secret,
        code: Option<Secret>,
        device: Option<Secret>,
    },
    /// By the account's owner, who may be unable to log in any more.
    ChangePassword {
        login: String,
        old: Secret,
        code: Option<Secret>,
        device: Option<Secret>,
        new: Secret,
    },
    Logout,
    WhoAmI,
    /// The charter in force, by the SHA-256 of what was read.
    Acknowledge {
        sha256: String,
    },

    AskJoin {
        login: String,
        name: String,
        roles: Vec<Role>,
        site: Option<SiteName>,
        #[serde(default)]
        file: File,
        #[serde(default, with = "time::serde::rfc3339::option")]
        ends: Option<OffsetDateTime>,
    },
    AskMove {
        login: String,
        roles: Vec<Role>,
        site: Option<SiteName>,
    },
    AskReset {
        login: String,
    },
    AskEnable {
        login: String,
    },
    AskProlong {
        login: String,
        #[serde(default, with = "time::serde::rfc3339::option")]
        ends: Option<OffsetDateTime>,
    },
    AskPaper {
        paperwork: Paperwork,
        version: String,
        sha256: String,
    },
    AskSite {
        site: SiteName,
    },
    AskMasks {
        site: SiteName,
        width: u16,
        height: u16,
    },
    /// By the SHA-256 of its certificate, in hexadecimal.
    AskWorkstation {
        certificate: String,
        label: String,
        #[serde(default, with = "time::serde::rfc3339::option")]
        ends: Option<OffsetDateTime>,
    },
    AskThaw {
        freeze: FreezeId,
    },
    ListRequests,
    Approve {
        request: RequestId,
    },
    TurnDown {
        request: RequestId,
    },

    DisableAccount {
        login: String,
    },
    EndAccount {
        login: String,
        #[serde(with = "time::serde::rfc3339")]
        ends: OffsetDateTime,
    },
    UnlockAccount {
        login: String,
    },
    KeepFile {
        login: String,
        file: File,
    },
    Review {
        login: String,
        keep: bool,
    },
    /// Those after a login, in the order of logins.
    ListAccounts {
        #[serde(default)]
        after: Option<String>,
    },

    Plan {
        terms: Terms,
    },
    PlanAgain {
        engagement: EngagementId,
        terms: Terms,
    },
    Assign {
        engagement: EngagementId,
        login: String,
        assigned: bool,
    },
    GiveTo {
        engagement: EngagementId,
        login: String,
    },
    /// Writes the letter to be posted.
    Notice {
        engagement: EngagementId,
        reference: String,
    },
    Close {
        engagement: EngagementId,
    },
    Cancel {
        engagement: EngagementId,
    },
    /// Newest first; those after one.
    ListEngagements {
        #[serde(default)]
        after: Option<EngagementId>,
    },
    /// Every rule with its result, for oneself or for another auditor.
    Checklist {
        engagement: EngagementId,
        login: Option<String>,
    },

    Accept {
        engagement: EngagementId,
        letter: Option<Secret>,
        declares: bool,
        code: Secret,
    },
    Revoke {
        engagement: EngagementId,
    },
    DeclareOperator {
        engagement: EngagementId,
        name: String,
    },
    /// With a reason: real data come on the screen. Without: they have left it.
    RealData {
        engagement: EngagementId,
        reason: Option<String>,
    },
    /// With `wait` viewers may come, and wait before a blank screen.
    Show {
        engagement: EngagementId,
        wait: bool,
    },
    Pause {
        site: SiteName,
    },
    Stop {
        site: SiteName,
    },

    /// When a workstation was brought up to date last; what is not given stays.
    KeepPosture {
        workstation: WorkstationId,
        system: Option<Date>,
        antivirus: Option<Date>,
    },
    /// Nobody looks from it any more.
    RetireWorkstation {
        workstation: WorkstationId,
    },
    ListWorkstations {
        #[serde(default)]
        after: Option<WorkstationId>,
    },
    /// Something went wrong. `known`: since when; now, if not said.
    Report {
        nature: Nature,
        title: String,
        #[serde(default, with = "time::serde::rfc3339::option")]
        known: Option<OffsetDateTime>,
        #[serde(default)]
        links: Vec<Link>,
    },
    /// What was found or done about an incident, and how it stands from then on.
    NoteIncident {
        incident: IncidentId,
        stage: Option<Stage>,
        note: String,
    },
    LinkIncident {
        incident: IncidentId,
        link: Link,
    },
    /// The authority was told.
    TellAuthority {
        incident: IncidentId,
        reference: String,
    },
    /// The authority need not be told.
    NoDutyToTell {
        incident: IncidentId,
        reason: String,
    },
    ListIncidents {
        #[serde(default)]
        after: Option<IncidentId>,
    },
    /// Ends every picture of it at once, until two people lift that.
    Freeze {
        #[serde(flatten)]
        scope: Scope,
        reason: String,
    },
    ListFreezes,
    /// Each clause of the plan, what holds it, and whether it does now (R13).
    Compliance,
    ListSites,
    /// Reads the viewers' certificate and key again.
    Reload,
    /// For oneself, having read the reminder.
    IssueTicket {
        engagement: EngagementId,
        acknowledged: bool,
        short: bool,
        certificate: Option<[u8; 32]>,
    },
}

impl Act {
    /// What the act needs; `None`: it is a way in.
    pub fn right(&self) -> Option<Right> {
        Some(match self {
            Self::Enrol { .. } | Self::Login { .. } | Self::ChangePassword { .. } => return None,
            Self::Logout | Self::WhoAmI | Self::Acknowledge { .. } => Right::Oneself,
            Self::AskJoin { .. }
            | Self::AskMove { .. }
            | Self::AskReset { .. }
            | Self::AskEnable { .. }
            | Self::AskProlong { .. }
            | Self::AskPaper { .. }
            | Self::AskSite { .. }
            | Self::AskWorkstation { .. }
            | Self::AskThaw { .. }
            | Self::AskMasks { .. } => Right::Ask,
            Self::Approve { .. } => Right::Approve,
            Self::TurnDown { .. } | Self::Close { .. } | Self::Cancel { .. } | Self::Assign { assigned: false, .. } => {
                Right::CallOff
            }
            Self::Revoke { .. } => Right::Withdraw,
            Self::DisableAccount { .. } | Self::EndAccount { .. } | Self::RetireWorkstation { .. } => Right::Disable,
            Self::UnlockAccount { .. } => Right::Unlock,
            Self::KeepFile { .. } | Self::KeepPosture { .. } => Right::KeepFiles,
            Self::Review { .. } => Right::Review,
            Self::ListAccounts { .. } | Self::ListRequests => Right::SeeAccounts,
            Self::Compliance | Self::ListFreezes | Self::ListWorkstations { .. } => Right::Oversee,
            Self::Report { .. } => Right::Report,
            Self::NoteIncident { .. } | Self::LinkIncident { .. } | Self::TellAuthority { .. } | Self::NoDutyToTell { .. } => {
                Right::HandleIncidents
            }
            Self::ListIncidents { .. } => Right::SeeIncidents,
            Self::Freeze { .. } => Right::Freeze,
            Self::Plan { .. } | Self::PlanAgain { .. } | Self::Assign { .. } | Self::GiveTo { .. } | Self::Notice { .. } => {
                Right::Plan
            }
            Self::ListEngagements { .. } | Self::Checklist { .. } => Right::SeeEngagements,
            Self::Accept { .. } | Self::DeclareOperator { .. } | Self::RealData { .. } => Right::Consent,
            Self::Show { .. } => Right::Show,
            Self::Pause { .. } | Self::Stop { .. } => Right::TakeAway,
            Self::ListSites => Right::SeeSites,
            Self::Reload => Right::Operate,
            Self::IssueTicket { .. } => Right::Look,
        })
    }

    /// The name by which it is ordered and traced.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Enrol { .. } => "enrol",
            Self::Login { .. } => "login",
            Self::ChangePassword { .. } => "change_password",
            Self::Logout => "logout",
            Self::WhoAmI => "who_am_i",
            Self::Acknowledge { .. } => "acknowledge",
            Self::AskJoin { .. } => "ask_join",
            Self::AskMove { .. } => "ask_move",
            Self::AskReset { .. } => "ask_reset",
            Self::AskEnable { .. } => "ask_enable",
            Self::AskProlong { .. } => "ask_prolong",
            Self::AskPaper { .. } => "ask_paper",
            Self::AskSite { .. } => "ask_site",
            Self::AskMasks { .. } => "ask_masks",
            Self::AskWorkstation { .. } => "ask_workstation",
            Self::AskThaw { .. } => "ask_thaw",
            Self::ListRequests => "list_requests",
            Self::Approve { .. } => "approve",
            Self::TurnDown { .. } => "turn_down",
            Self::DisableAccount { .. } => "disable_account",
            Self::EndAccount { .. } => "end_account",
            Self::UnlockAccount { .. } => "unlock_account",
            Self::KeepFile { .. } => "keep_file",
            Self::Review { .. } => "review",
            Self::ListAccounts { .. } => "list_accounts",
            Self::Plan { .. } => "plan",
            Self::PlanAgain { .. } => "plan_again",
            Self::Assign { .. } => "assign",
            Self::GiveTo { .. } => "give_to",
            Self::Notice { .. } => "notice",
            Self::Close { .. } => "close",
            Self::Cancel { .. } => "cancel",
            Self::ListEngagements { .. } => "list_engagements",
            Self::Checklist { .. } => "checklist",
            Self::Accept { .. } => "accept",
            Self::Revoke { .. } => "revoke",
            Self::DeclareOperator { .. } => "declare_operator",
            Self::RealData { .. } => "real_data",
            Self::Show { .. } => "show",
            Self::Pause { .. } => "pause",
            Self::Stop { .. } => "stop",
            Self::KeepPosture { .. } => "keep_posture",
            Self::RetireWorkstation { .. } => "retire_workstation",
            Self::ListWorkstations { .. } => "list_workstations",
            Self::Report { .. } => "report",
            Self::NoteIncident { .. } => "note_incident",
            Self::LinkIncident { .. } => "link_incident",
            Self::TellAuthority { .. } => "tell_authority",
            Self::NoDutyToTell { .. } => "no_duty_to_tell",
            Self::ListIncidents { .. } => "list_incidents",
            Self::Freeze { .. } => "freeze",
            Self::ListFreezes => "list_freezes",
            Self::Compliance => "compliance",
            Self::ListSites => "list_sites",
            Self::Reload => "reload",
            Self::IssueTicket { .. } => "issue_ticket",
        }
    }

    /// The engagement that it is about.
    pub fn engagement(&self) -> Option<&EngagementId> {
        match self {
            Self::PlanAgain { engagement, .. }
            | Self::Assign { engagement, .. }
            | Self::GiveTo { engagement, .. }
            | Self::Notice { engagement, .. }
            | Self::Close { engagement }
            | Self::Cancel { engagement }
            | Self::Checklist { engagement, .. }
            | Self::Accept { engagement, .. }
            | Self::Revoke { engagement }
            | Self::DeclareOperator { engagement, .. }
            | Self::RealData { engagement, .. }
            | Self::Show { engagement, .. }
            | Self::Freeze { scope: Scope::Engagement { engagement }, .. }
            | Self::IssueTicket { engagement, .. } => Some(engagement),
            _ => None,
        }
    }
}
