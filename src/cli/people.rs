//! `lucarne account`, `request` and `paper`: people, and what two of them decide.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use time::macros::format_description;
use time::{Date, OffsetDateTime};

use super::session::{Terminal, sha256_of};
use crate::governance::account::{Clause, File, Job};
use crate::governance::freeze::Scope;
use crate::governance::{MailAddress, Paperwork, Role};
use crate::id::{EngagementId, FreezeId, RequestId, SiteName};
use crate::node::act::Act;

#[derive(Subcommand)]
pub(super) enum AccountCommand {
    /// Ask for an account; a second person approves it
    Add {
        login: String,
        /// The person's name, as the watermark will show it
        #[arg(long)]
        name: String,
        #[command(flatten)]
        roles: RolesGiven,
        /// The day on which the account ends by itself, such as 2027-06-30
        #[arg(long, value_parser = day)]
        ends: Option<Date>,
        #[command(flatten)]
        file: FileGiven,
    },
    /// Ask for other roles: the old ones are dropped, and what the account looks at ends
    Move {
        login: String,
        #[command(flatten)]
        roles: RolesGiven,
    },
    /// Ask for a new password and second factor
    Reset { login: String },
    /// Ask for a code that opens the account when its owner cannot: two people keep its halves, sealed
    Envelope { login: String },
    /// Ask for a disabled or unused account to be enabled
    Enable { login: String },
    /// Ask for a later end, or for none
    Prolong {
        login: String,
        #[arg(long, value_parser = day)]
        ends: Option<Date>,
    },
    /// End an account's logins and sessions, and let it in no more
    Disable { login: String },
    /// Let an account end on a day, at midnight UTC
    End {
        login: String,
        #[arg(long, value_parser = day)]
        on: Date,
    },
    /// Let an account that wrong passwords locked try again
    Unlock { login: String },
    /// Write down what a person signed and followed
    File {
        login: String,
        #[command(flatten)]
        file: FileGiven,
    },
    /// Say that an account stays, or goes
    Review {
        login: String,
        #[arg(long, conflicts_with = "remove", required_unless_present = "remove")]
        keep: bool,
        #[arg(long)]
        remove: bool,
    },
    /// List the accounts, and what needs attention about them
    List,
}

#[derive(Args)]
pub(super) struct RolesGiven {
    /// auditor, contact, admin, rssi, dpo, crisis, physician or reviewer (may be repeated)
    #[arg(long = "role", required = true, value_parser = role)]
    roles: Vec<Role>,
    /// The site of a contact
    #[arg(long, value_parser = SiteName::new)]
    site: Option<SiteName>,
}

#[derive(Args)]
pub(super) struct FileGiven {
    /// Reference of the job description
    #[arg(long, requires = "job_date")]
    job: Option<String>,
    #[arg(long, value_parser = day, requires = "job")]
    job_date: Option<Date>,
    /// The signed clause of confidentiality: a file, of which the SHA-256 is kept
    #[arg(long, requires = "clause_signed")]
    clause: Option<PathBuf>,
    #[arg(long, value_parser = day, requires = "clause")]
    clause_signed: Option<Date>,
    /// The day of the last session about security
    #[arg(long, value_parser = day)]
    awareness: Option<Date>,
    /// Where alerts go, such as claire.martin@example.org
    #[arg(long, value_parser = |text: &str| MailAddress::try_from(text.to_owned()))]
    mail: Option<MailAddress>,
}

impl FileGiven {
    fn read(self) -> Result<File> {
        let job = self.job.zip(self.job_date).map(|(reference, date)| Job { reference, date });
        let clause = match self.clause.zip(self.clause_signed) {
            Some((file, signed)) => Some(Clause { signed, sha256: sha256_of(&file)? }),
            None => None,
        };
        Ok(File { job, clause, awareness: self.awareness, mail: self.mail })
    }
}

pub(super) fn role(text: &str) -> Result<Role, String> {
    let names = || Role::ALL.map(Role::name).join(", ");
    Role::ALL.into_iter().find(|role| role.name() == text).ok_or_else(|| format!("use one of {}", names()))
}

pub(super) fn day(text: &str) -> Result<Date, String> {
    Date::parse(text, format_description!("[year]-[month]-[day]")).map_err(|_| "write a day such as 2027-06-30".to_owned())
}

pub(super) fn midnight(day: Date) -> OffsetDateTime {
    day.midnight().assume_utc()
}

pub(super) async fn account(terminal: &Terminal<'_>, command: AccountCommand) -> Result<ExitCode> {
    let act = match command {
        AccountCommand::Add { login, name, roles, ends, file } => {
            let RolesGiven { roles, site } = roles;
            Act::AskJoin { login, name, roles, site, file: file.read()?, ends: ends.map(midnight) }
        }
        AccountCommand::Move { login, roles: RolesGiven { roles, site } } => Act::AskMove { login, roles, site },
        AccountCommand::Reset { login } => Act::AskReset { login },
        AccountCommand::Envelope { login } => Act::AskEnvelope { login },
        AccountCommand::Enable { login } => Act::AskEnable { login },
        AccountCommand::Prolong { login, ends } => Act::AskProlong { login, ends: ends.map(midnight) },
        AccountCommand::Disable { login } => Act::DisableAccount { login },
        AccountCommand::End { login, on } => Act::EndAccount { login, ends: midnight(on) },
        AccountCommand::Unlock { login } => Act::UnlockAccount { login },
        AccountCommand::File { login, file } => Act::KeepFile { login, file: file.read()? },
        AccountCommand::Review { login, keep, .. } => Act::Review { login, keep },
        AccountCommand::List => Act::ListAccounts { after: None },
    };
    terminal.order(act).await
}

#[derive(Subcommand)]
pub(super) enum RequestCommand {
    /// List what waits for a second person
    List,
    /// Approve what somebody else asked for
    Approve { request: String },
    /// Turn it down, or take back what you asked for
    Refuse { request: String },
}

pub(super) async fn request(terminal: &Terminal<'_>, command: RequestCommand) -> Result<ExitCode> {
    terminal
        .order(match command {
            RequestCommand::List => Act::ListRequests,
            RequestCommand::Approve { request } => Act::Approve { request: RequestId::stored(request) },
            RequestCommand::Refuse { request } => Act::TurnDown { request: RequestId::stored(request) },
        })
        .await
}

#[derive(Subcommand)]
pub(super) enum PaperCommand {
    /// Those that are in force
    List,
    /// Ask for a version of the charter, the procedure or the runbook to come into force
    Publish {
        /// charter, procedure or runbook
        #[arg(value_parser = paperwork)]
        paperwork: Paperwork,
        file: PathBuf,
        /// What this version is called
        #[arg(long = "as")]
        called: String,
    },
}

fn paperwork(text: &str) -> Result<Paperwork, String> {
    Paperwork::ALL.into_iter().find(|paper| paper.name() == text).ok_or_else(|| "use charter, procedure or runbook".to_owned())
}

pub(super) async fn paper(terminal: &Terminal<'_>, command: PaperCommand) -> Result<ExitCode> {
    let act = match command {
        PaperCommand::List => Act::ListPapers,
        PaperCommand::Publish { paperwork, file, called } => {
            Act::AskPaper { paperwork, version: called, sha256: sha256_of(&file)? }
        }
    };
    terminal.order(act).await
}

#[derive(Subcommand)]
pub(super) enum SiteCommand {
    /// List the sites: how they stand, the age of their picture, who looks
    List,
    /// Ask for a site's settings to be approved as they are
    Approve {
        #[arg(value_parser = SiteName::new)]
        site: SiteName,
    },
    /// Ask for a site's masks to be approved for a size of its screen, such as 1280x800
    Confirm {
        #[arg(value_parser = SiteName::new)]
        site: SiteName,
        size: String,
    },
    /// Close the site's source; viewers wait before a blank screen
    Pause {
        #[arg(value_parser = SiteName::new)]
        site: SiteName,
    },
    /// Close the site's source and end its sessions
    Stop {
        #[arg(value_parser = SiteName::new)]
        site: SiteName,
    },
}

pub(super) async fn site(terminal: &Terminal<'_>, command: SiteCommand) -> Result<ExitCode> {
    let act = match command {
        SiteCommand::List => Act::ListSites,
        SiteCommand::Approve { site } => Act::AskSite { site },
        SiteCommand::Pause { site } => Act::Pause { site },
        SiteCommand::Stop { site } => Act::Stop { site },
        SiteCommand::Confirm { site, size } => {
            let sides = size.split_once(['x', '×']).and_then(|(w, h)| Some((w.parse().ok()?, h.parse().ok()?)));
            let Some((width, height)) = sides else { bail!("{size:?} is no size; write width and height, such as 1280x800") };
            Act::AskMasks { site, width, height }
        }
    };
    terminal.order(act).await
}

#[derive(Subcommand)]
pub(super) enum FreezeCommand {
    /// Every site
    Everything {
        /// Why, in a few words, without health data
        #[arg(long)]
        reason: String,
    },
    /// One site
    Site {
        #[arg(value_parser = SiteName::new)]
        site: SiteName,
        /// Why, in a few words, without health data
        #[arg(long)]
        reason: String,
    },
    /// One engagement
    Engagement {
        engagement: String,
        /// Why, in a few words, without health data
        #[arg(long)]
        reason: String,
    },
    /// Ask for a freeze to be lifted; another person approves it
    Lift { freeze: String },
    /// What is frozen
    List,
}

pub(super) async fn freeze(terminal: &Terminal<'_>, command: FreezeCommand) -> Result<ExitCode> {
    use FreezeCommand as C;
    let frozen = |scope, reason| Act::Freeze { scope, reason };
    terminal
        .order(match command {
            C::Everything { reason } => frozen(Scope::Everything, reason),
            C::Site { site, reason } => frozen(Scope::Site { site }, reason),
            C::Engagement { engagement, reason } => {
                frozen(Scope::Engagement { engagement: EngagementId::stored(engagement) }, reason)
            }
            C::Lift { freeze } => Act::AskThaw { freeze: FreezeId::stored(freeze) },
            C::List => Act::ListFreezes,
        })
        .await
}
