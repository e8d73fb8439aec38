//! Incidents, as people report and handle them.

use super::Shared;
use super::act::{Act, Case, Outcome};
use super::lists::PAGE;
use super::perform::done;
use crate::desk::{Actor, DeskError, Report, Word};
use crate::governance::incident::Duty;
use crate::governance::{Incident, Refusal};

impl Shared {
    pub(super) async fn about_incidents(&self, actor: &Actor, act: Act) -> anyhow::Result<Outcome> {
        let (id, word) = match act {
            Act::Report { nature, ref title, known, links } => {
                let known = known.unwrap_or_else(|| self.clock.wall());
                let (incident, told) = self.desk.report(actor, Report { nature, title, known, links }).await?;
                let count = told.mailed.len() + usize::from(told.webhook);
                return Ok(Outcome::Reported { incident, told: count, kept_back: told.kept_back });
            }
            Act::ListIncidents { after } => {
                let page = self.desk.incidents(actor, after.as_ref(), PAGE).await?;
                let (next, now) = (page.next(|last| last.id.clone()), self.clock.wall());
                let case = |incident: Incident| Case { overdue: incident.to_be_told_by().is_some_and(|by| now >= by), incident };
                return Ok(Outcome::Incidents { next, incidents: page.rows.into_iter().map(case).collect() });
            }
            Act::NoteIncident { ref incident, stage, ref note } => (incident.clone(), Word::Step { stage, note }),
            Act::LinkIncident { incident, link } => (incident, Word::Link(link)),
            Act::TellAuthority { incident, reference } => (incident, Word::Fulfil(Duty::Told(reference))),
            Act::NoDutyToTell { incident, reason } => (incident, Word::Fulfil(Duty::None(reason))),
            _ => return Err(DeskError::from(Refusal::NotYourRole).into()),
        };
        let incident = self.desk.say_of(actor, &id, word).await?;
        let duty = match (&incident.duty, incident.to_be_told_by()) {
            (Some(Duty::Told(reference)), _) => format!("; the authority was told: {reference}"),
            (Some(Duty::None(_)), _) => "; the authority need not be told".to_owned(),
            (None, Some(by)) => format!("; the authority is to be told by {} UTC", minute(by)),
            (None, None) => String::new(),
        };
        Ok(done(format!("{id} is {}{duty}", incident.stage().name())))
    }
}

fn minute(at: time::OffsetDateTime) -> String {
    at.format(time::macros::format_description!("[year]-[month]-[day] [hour]:[minute]")).unwrap_or_default()
}
