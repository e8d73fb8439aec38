//! `lucarne incident`: what went wrong, and what was done about it.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Subcommand};
use time::OffsetDateTime;

use super::engagement::moment;
use super::session::Terminal;
use crate::governance::incident::{Link, Nature, Stage};
use crate::id::{EngagementId, FreezeId, IncidentId, SessionId, SiteName};
use crate::node::act::Act;

#[derive(Subcommand)]
pub(super) enum IncidentCommand {
    /// Report one; those whom it falls to take care of it
    Report {
        /// operational, security or health-data
        #[arg(value_parser = nature)]
        nature: Nature,
        /// In a few words, without health data
        title: String,
        /// Since when it is known, such as 2026-12-01T09:00Z; now, if not said
        #[arg(long, value_parser = moment)]
        known: Option<OffsetDateTime>,
        #[command(flatten)]
        about: About,
    },
    /// What was found or done; with --contained or --closed the incident goes forward
    Note {
        incident: String,
        /// In a few words, without health data
        note: String,
        /// What happens is stopped, and not yet mended
        #[arg(long, conflicts_with = "closed")]
        contained: bool,
        /// Nothing is left to do
        #[arg(long)]
        closed: bool,
    },
    /// What else it is about
    Link {
        incident: String,
        #[command(flatten)]
        about: About,
    },
    /// The authority was told (72 hours): give its reference
    Told { incident: String, reference: String },
    /// The authority need not be told: say why
    NoDuty { incident: String, reason: String },
    /// Incidents, newest first
    List,
}

#[derive(Args)]
pub(super) struct About {
    /// A session of somebody who looked, as the trace names it: s-…
    #[arg(long)]
    view: Option<String>,
    #[arg(long)]
    engagement: Option<String>,
    #[arg(long, value_parser = SiteName::new)]
    site: Option<SiteName>,
    #[arg(long)]
    freeze: Option<String>,
    /// The number of an entry of the trace
    #[arg(long)]
    entry: Option<u64>,
}

impl About {
    fn links(self) -> Vec<Link> {
        let links = [
            self.view.map(|id| Link::Session(SessionId::stored(id))),
            self.engagement.map(|id| Link::Engagement(EngagementId::stored(id))),
            self.site.map(Link::Site),
            self.freeze.map(|id| Link::Freeze(FreezeId::stored(id))),
            self.entry.map(Link::Entry),
        ];
        links.into_iter().flatten().collect()
    }
}

fn nature(text: &str) -> Result<Nature, String> {
    let known = [Nature::Operational, Nature::Security, Nature::HealthData];
    let found = known.into_iter().find(|nature| nature.name() == text.replace('-', "_"));
    found.ok_or_else(|| "write operational, security or health-data".to_owned())
}

pub(super) async fn incident(terminal: &Terminal<'_>, command: IncidentCommand) -> Result<ExitCode> {
    use IncidentCommand as C;
    let id = IncidentId::stored;
    let act = match command {
        C::Report { nature, title, known, about } => Act::Report { nature, title, known, links: about.links() },
        C::Note { incident, note, contained, closed } => {
            let stage = if closed { Some(Stage::Closed) } else { contained.then_some(Stage::Contained) };
            Act::NoteIncident { incident: id(incident), stage, note }
        }
        C::Link { incident, about } => {
            let mut links = about.links().into_iter();
            let (Some(link), None) = (links.next(), links.next()) else {
                anyhow::bail!("give one of --view, --engagement, --site, --freeze and --entry");
            };
            Act::LinkIncident { incident: id(incident), link }
        }
        C::Told { incident, reference } => Act::TellAuthority { incident: id(incident), reference },
        C::NoDuty { incident, reason } => Act::NoDutyToTell { incident: id(incident), reason },
        C::List => Act::ListIncidents { after: None },
    };
    terminal.order(act).await
}
