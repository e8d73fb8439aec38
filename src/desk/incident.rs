//! Incidents: reported by whoever sees one, taken care of by whom it falls to.

use time::OffsetDateTime;

use super::{Actor, Desk, DeskError, Told};
use crate::governance::incident::{Duty, Link, Nature, Stage, Step};
use crate::governance::policy::short_text;
use crate::governance::{Incident, Occasion, Paperwork, Refusal, Role};
use crate::id::IncidentId;
use crate::store::{FourEyes, Freezes, Incidents, Page};
use crate::trace::Event;

/// What somebody reports.
pub struct Report<'a> {
    pub nature: Nature,
    pub title: &'a str,
    /// Since when it is known: that begins the 72 hours.
    pub known: OffsetDateTime,
    pub links: Vec<Link>,
}

/// One more word about an incident.
pub enum Word<'a> {
    Step { stage: Option<Stage>, note: &'a str },
    Fulfil(Duty),
    Link(Link),
}

impl Desk {
    pub async fn report(&self, actor: &Actor, report: Report<'_>) -> Result<(IncidentId, Told), DeskError> {
        let now = self.clock.wall();
        if report.known > now {
            return Err(Refusal::DateImpossible.into());
        }
        let (title, roles) = (short_text(report.title)?, &actor.account().roles);
        let elsewhere = |link: &Link| matches!(link, Link::Site(site) if !roles.is_contact_of(site));
        if roles.has(Role::Contact) && report.links.iter().any(elsewhere) {
            return Err(Refusal::NotYours.into());
        }
        for link in &report.links {
            self.is_there(link).await?;
        }
        let first = Step { at: now, by: actor.account().id.clone(), stage: Stage::Open, note: title.clone() };
        let work = self.store.begin().await?;
        let mut incident = Incident {
            id: IncidentId::random(),
            nature: report.nature,
            title,
            known: report.known,
            steps: vec![first],
            links: Vec::new(),
            duty: None,
            runbook: work.paper(Paperwork::Runbook).await?,
            reminded: None,
        };
        report.links.into_iter().try_for_each(|link| incident.link(link))?;
        work.add_incident(&incident).await?;
        let event = about(Event::new("incident.opened"), &incident, actor).sealed("title", incident.title.as_str());
        let event =
            incident.runbook.iter().fold(event, |event, runbook| event.public("runbook_version", runbook.version.as_str()));
        let links = incident.links.iter().map(|link| serde_json::to_value(link).unwrap_or_default()).collect::<Vec<_>>();
        let (told, event) = self.tell(&work, Some(actor), &moved(&incident), event).await?;
        self.record_told(work, event.sealed("links", links)).await?;
        Ok((incident.id, told))
    }

    /// A step, a link, or what became of the duty to tell the authority.
    pub async fn say_of(&self, actor: &Actor, id: &IncidentId, word: Word<'_>) -> Result<Incident, DeskError> {
        let (now, by) = (self.clock.wall(), actor.account().id.clone());
        if let Word::Link(link) = &word {
            self.is_there(link).await?;
        }
        let work = self.store.begin().await?;
        let mut incident = work.incident(id).await?.ok_or(Refusal::IncidentUnknown)?;
        incident.may_be_handled_by(&actor.account().roles)?;
        let before = incident.stage();
        let (kind, told) = match word {
            Word::Step { stage, note } => {
                incident.step(by, now, stage, note)?;
                ("incident.step", ("note", note.trim().to_owned()))
            }
            Word::Fulfil(duty) => {
                let told = serde_json::to_string(&duty).unwrap_or_default();
                incident.fulfil(duty)?;
                ("incident.authority", ("duty", told))
            }
            Word::Link(link) => {
                let told = serde_json::to_string(&link).unwrap_or_default();
                incident.link(link)?;
                ("incident.linked", ("link", told))
            }
        };
        work.save_incident(&incident).await?;
        let mut event = about(Event::new(kind), &incident, actor).sealed(told.0, told.1);
        if incident.stage() != before {
            event = self.tell(&work, Some(actor), &moved(&incident), event).await?.1;
        }
        self.record_told(work, event).await?;
        Ok(incident)
    }

    /// What is mistyped would stay in the record for good. Sessions and entries are the trace's: nothing here knows them.
    async fn is_there(&self, link: &Link) -> Result<(), DeskError> {
        match link {
            Link::Site(site) => self.settings_of(site).map(|_| ()),
            Link::Engagement(engagement) => self.site_of(engagement).await.map(|_| ()),
            Link::Freeze(freeze) if !self.store.is_freeze(freeze).await? => Err(Refusal::FreezeUnknown.into()),
            Link::Freeze(_) | Link::Session(_) | Link::Entry(_) => Ok(()),
        }
    }

    /// So many, newest first, after one; as this person sees them.
    pub async fn incidents(&self, actor: &Actor, after: Option<&IncidentId>, limit: usize) -> Result<Page<Incident>, DeskError> {
        let mut page = self.store.incidents_after(after, limit).await?;
        // No program is a physician.
        let physician = actor.account().roles.has(Role::Physician) && !actor.is_lent();
        let seen = |incident: Incident| incident.seen_by(physician);
        page.rows = page.rows.into_iter().map(seen).collect();
        Ok(page)
    }
}

fn moved(incident: &Incident) -> Occasion {
    Occasion::Incident { incident: incident.id.clone(), nature: incident.nature, stage: incident.stage() }
}

fn about(event: Event, incident: &Incident, actor: &Actor) -> Event {
    let event = event.outcome("ok").public("incident", incident.id.as_str()).public("nature", incident.nature.name());
    actor.signs(event.public("stage", incident.stage().name()))
}
