//! Incidents, as people report and handle them.

use super::Shared;
use super::act::{Act, Outcome};
use super::lists::PAGE;
use super::perform::done;
use crate::desk::{Actor, DeskError, Report, Word};
use crate::governance::Refusal;
use crate::governance::incident::{Duty, Stage};

impl Shared {
    pub(super) async fn about_incidents(&self, actor: &Actor, act: Act) -> anyhow::Result<Outcome> {
        let (id, word) = match act {
            Act::Report { nature, ref title, known, links } => {
                let known = known.unwrap_or_else(|| self.clock.wall());
                return Ok(Outcome::Reported {
                    incident: self.desk.report(actor, Report { nature, title, known, links }).await?,
                });
            }
            Act::ListIncidents { after } => {
                let page = self.desk.incidents(actor, after.as_ref(), PAGE).await?;
                return Ok(Outcome::Incidents { next: page.next(|last| last.id.clone()), incidents: page.rows });
            }
            Act::NoteIncident { ref incident, stage, ref note } => (incident.clone(), Word::Step { stage, note }),
            Act::LinkIncident { incident, link } => (incident, Word::Link(link)),
            Act::TellAuthority { incident, reference } => (incident, Word::Fulfil(Duty::Told(reference))),
            Act::NoDutyToTell { incident, reason } => (incident, Word::Fulfil(Duty::None(reason))),
            _ => return Err(DeskError::from(Refusal::NotYourRole).into()),
        };
        let incident = self.desk.say_of(actor, &id, word).await?;
        let due = incident.to_be_told_by().filter(|_| incident.stage() != Stage::Closed);
        let due = due.map_or_else(String::new, |by| format!("; the authority is to be told by {} UTC", minute(by)));
        Ok(done(format!("{id} is {}{due}", incident.stage().name())))
    }
}

fn minute(at: time::OffsetDateTime) -> String {
    at.format(time::macros::format_description!("[year]-[month]-[day] [hour]:[minute]")).unwrap_or_default()
}
