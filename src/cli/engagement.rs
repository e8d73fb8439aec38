//! `lucarne engagement`: planned on one side, accepted and shown on the other, looked at by auditors.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Subcommand};
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, OffsetDateTime, PrimitiveDateTime};

use super::people::day;
use super::print::print;
use super::session::{Terminal, ask};
use super::workstation::fingerprint_of;
use crate::governance::engagement::{Agreed, Class, Operation, Presence};
use crate::governance::{Capture, Terms};
use crate::id::{EngagementId, SiteName};
use crate::node::act::{Act, Outcome};

/// What everybody who looks has read before (R21).
pub(super) const REMINDER: &str = "\
Vous allez voir l'écran d'un système qui ne vous appartient pas. Vous n'y agissez pas, n'en faites aucune copie, et ne
notez aucune donnée de santé. Votre nom est dans l'image et chaque connexion est tracée.
You are about to see the screen of a system that is not yours. You do not act on it, make no copy of it, and note no
health data. Your name is in the picture, and every connection is traced.";

#[derive(Subcommand)]
pub(super) enum EngagementCommand {
    /// Plan a visit or an audit
    Plan {
        #[command(flatten)]
        terms: TermsGiven,
    },
    /// Plan it anew: what was told and accepted no longer counts
    Replan {
        engagement: String,
        #[command(flatten)]
        terms: TermsGiven,
    },
    /// Name an auditor for it
    Assign { engagement: String, login: String },
    /// Take an auditor off it
    Unassign { engagement: String, login: String },
    /// Say who answers for it
    Owner { engagement: String, login: String },
    /// Record the letter that tells of an audit, and write it for the post
    Notice {
        engagement: String,
        /// What the letter is filed under
        #[arg(long)]
        reference: String,
    },
    /// Accept, for the audited side: six digits and, for an audit, the letter's code are read from standard input
    Accept {
        engagement: String,
        /// For a visit: "demonstration system, no health data"
        #[arg(long)]
        no_health_data: bool,
    },
    /// Take the acceptance back: the picture ends at once
    Revoke { engagement: String },
    /// Say who is at the keyboard
    Operator { engagement: String, name: String },
    /// Say that real data come on the screen, and why; or, without a reason, that they have left it
    RealData {
        engagement: String,
        #[arg(long)]
        reason: Option<String>,
    },
    /// Open the site's source: its picture can be seen
    Show {
        engagement: String,
        /// Only let viewers in, to wait before a blank screen
        #[arg(long)]
        wait: bool,
    },
    /// Close it for good, when it is done
    Close { engagement: String },
    /// Call it off for good
    Cancel { engagement: String },
    /// List the engagements that concern you
    List,
    /// What is missing before an auditor may look
    Check {
        engagement: String,
        /// Another auditor than yourself
        #[arg(long)]
        login: Option<String>,
    },
    /// A ticket for your viewer: one use, 60 seconds
    Ticket {
        engagement: String,
        /// You have read the reminder
        #[arg(long)]
        acknowledge: bool,
        /// Also give its form of eight letters, for viewers that know VncAuth only (`viewers.local`)
        #[arg(long)]
        short: bool,
        /// Bind it to the workstation with this certificate (PEM)
        #[arg(long)]
        certificate: Option<PathBuf>,
    },
}

#[derive(Args)]
pub(super) struct TermsGiven {
    /// visit (on a demo site) or audit (on a production site)
    #[arg(long, value_parser = operation)]
    kind: Operation,
    #[arg(long, value_parser = SiteName::new)]
    site: SiteName,
    #[arg(long)]
    purpose: String,
    /// Such as 2026-12-01T09:00Z, in UTC
    #[arg(long, value_parser = moment)]
    opens: OffsetDateTime,
    #[arg(long, value_parser = moment)]
    closes: OffsetDateTime,
    /// Minutes by which the window may be left
    #[arg(long, default_value_t = 15)]
    tolerance: u8,
    /// C1, C2 or C3; an audit is C2 at least
    #[arg(long, value_parser = class, default_value = "C2")]
    class: Class,
    /// The health professional to whom the letter goes (audit)
    #[arg(long)]
    professional: Option<String>,
    /// Where the visit is, as agreed
    #[arg(long, requires = "agreed_by", requires = "agreed_on")]
    place: Option<String>,
    #[arg(long)]
    agreed_by: Option<String>,
    #[arg(long, value_parser = day)]
    agreed_on: Option<Date>,
    /// The auditor is there: no picture at a distance
    #[arg(long)]
    on_site: bool,
    /// Give the picture only while the site declares what is on it
    #[arg(long)]
    blackout: bool,
    /// How far viewers must keep copies of the screen from being made: A, B (the page) or C
    #[arg(long)]
    capture: Option<Capture>,
}

fn operation(text: &str) -> Result<Operation, String> {
    match text {
        "visit" => Ok(Operation::Visit),
        "audit" => Ok(Operation::Audit),
        _ => Err("use visit or audit".to_owned()),
    }
}

fn class(text: &str) -> Result<Class, String> {
    [Class::C1, Class::C2, Class::C3].into_iter().find(|class| class.name() == text).ok_or_else(|| "use C1, C2 or C3".to_owned())
}

pub(super) fn moment(text: &str) -> Result<OffsetDateTime, String> {
    let minute = format_description!("[year]-[month]-[day]T[hour]:[minute]Z");
    let short = PrimitiveDateTime::parse(text, minute).map(PrimitiveDateTime::assume_utc);
    short.or_else(|_| OffsetDateTime::parse(text, &Rfc3339)).map_err(|_| "write a time such as 2026-12-01T09:00Z".to_owned())
}

impl TermsGiven {
    /// With the procedure that is in force; or why not.
    async fn terms(self, terminal: &Terminal<'_>) -> Result<Result<Terms, Outcome>> {
        let procedure = match terminal.ask(Act::ListEngagements { after: None }).await? {
            Outcome::Engagements { procedure: Some(procedure), .. } => procedure,
            Outcome::Engagements { .. } => {
                let message =
                    "no procedure is in force; ask for one: lucarne paper publish procedure FILE --as VERSION".to_owned();
                return Ok(Err(Outcome::NotDone { message }));
            }
            other => return Ok(Err(other)),
        };
        let agreed = self.place.zip(self.agreed_by).zip(self.agreed_on);
        Ok(Ok(Terms {
            operation: self.kind,
            site: self.site,
            presence: if self.on_site { Presence::OnSite } else { Presence::Remote },
            purpose: self.purpose,
            opens: self.opens,
            closes: self.closes,
            tolerance: self.tolerance,
            class: self.class,
            procedure,
            professional: self.professional,
            agreed: agreed.map(|((place, by), date)| Agreed { place, by, date }),
            blackout: self.blackout,
            capture: self.capture,
        }))
    }
}

pub(super) async fn engagement(terminal: &Terminal<'_>, command: EngagementCommand) -> Result<ExitCode> {
    use EngagementCommand as C;
    let id = EngagementId::stored;
    let act = match command {
        C::Plan { terms } => match terms.terms(terminal).await? {
            Ok(terms) => Act::Plan { terms },
            Err(outcome) => return print(&outcome, terminal.out),
        },
        C::Replan { engagement, terms } => match terms.terms(terminal).await? {
            Ok(terms) => Act::PlanAgain { engagement: id(engagement), terms },
            Err(outcome) => return print(&outcome, terminal.out),
        },
        C::Assign { engagement, login } => Act::Assign { engagement: id(engagement), login },
        C::Unassign { engagement, login } => Act::Unassign { engagement: id(engagement), login },
        C::Owner { engagement, login } => Act::GiveTo { engagement: id(engagement), login },
        C::Notice { engagement, reference } => Act::Notice { engagement: id(engagement), reference },
        C::Accept { engagement, no_health_data } => {
            let code = ask("Six digits")?;
            let letter = if no_health_data { None } else { Some(ask("The letter's code")?) };
            Act::Accept { engagement: id(engagement), letter, declares: no_health_data, code }
        }
        C::Revoke { engagement } => Act::Revoke { engagement: id(engagement) },
        C::Operator { engagement, name } => Act::DeclareOperator { engagement: id(engagement), name },
        C::RealData { engagement, reason } => Act::RealData { engagement: id(engagement), reason },
        C::Show { engagement, wait } => Act::Show { engagement: id(engagement), wait },
        C::Close { engagement } => Act::Close { engagement: id(engagement) },
        C::Cancel { engagement } => Act::Cancel { engagement: id(engagement) },
        C::List => Act::ListEngagements { after: None },
        C::Check { engagement, login } => Act::Checklist { engagement: id(engagement), login },
        C::Ticket { engagement, acknowledge, short, certificate } => {
            let certificate = certificate.map(|file| fingerprint_of(&file)).transpose()?;
            if !acknowledge {
                eprintln!("{REMINDER}\nDites que vous l'avez lu / say that you have read it: --acknowledge");
            }
            Act::IssueTicket { engagement: id(engagement), acknowledged: acknowledge, short, certificate }
        }
    };
    terminal.order(act).await
}
