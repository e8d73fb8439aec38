//! What people can order of a node, by the control socket, by HTTP or in its own process; and what it answers.

mod about;
mod described;
mod outcome;

use crate::governance::shape::{Day, Moment};
use schemars::JsonSchema;
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use time::{Date, OffsetDateTime};

use crate::governance::account::File;
use crate::governance::freeze::Scope;
use crate::governance::incident::{Link, Nature, Stage};
use crate::governance::{Paperwork, Right, Role, Secret, Terms};
use crate::id::{EngagementId, FreezeId, IncidentId, RequestId, SiteName, TokenId, WorkstationId};
pub use about::About;
pub use described::openapi;
pub use outcome::{Case, Due, Frozen, Listed, Outcome, Planned, Rule, Site, Waiting, Watcher};

/// An act, and who orders it: by the token that a login gave.
#[derive(Debug, Serialize, Deserialize)]
pub struct Order {
    pub token: Option<Secret>,
    /// Apart: an act may be about a token too.
    pub act: Act,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
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
    /// A token for a program of one's own, with some of one's rights. The code: six digits.
    IssueToken {
        label: String,
        rights: BTreeSet<Right>,
        #[serde(with = "time::serde::rfc3339")]
        #[schemars(with = "Moment")]
        ends: OffsetDateTime,
        code: Secret,
    },
    /// One's own tokens; or those of another, for who sees accounts.
    ListTokens {
        #[serde(default)]
        login: Option<String>,
    },
    /// One's own, or anybody's for who may disable accounts.
    EndToken {
        token: TokenId,
    },
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
        #[schemars(with = "Option<Moment>")]
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
    /// A code that opens the account when its owner cannot, in two sealed halves.
    AskEnvelope {
        login: String,
    },
    AskEnable {
        login: String,
    },
    AskProlong {
        login: String,
        #[serde(default, with = "time::serde::rfc3339::option")]
        #[schemars(with = "Option<Moment>")]
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
        #[schemars(with = "Option<Moment>")]
        ends: Option<OffsetDateTime>,
    },
    AskThaw {
        freeze: FreezeId,
    },
    ListRequests,
    /// The charter, the procedure and the runbook in force.
    ListPapers,
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
        #[schemars(with = "Moment")]
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
    },
    /// The auditor is no longer on it.
    Unassign {
        engagement: EngagementId,
        login: String,
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
        #[schemars(with = "Option<Day>")]
        system: Option<Date>,
        #[schemars(with = "Option<Day>")]
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
        #[schemars(with = "Option<Moment>")]
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
        scope: Scope,
        reason: String,
    },
    ListFreezes,
    /// Tells everybody of a role that this is a test.
    TestAlert {
        role: Role,
    },
    /// What waits to be told: the oldest.
    ListAlerts,
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
