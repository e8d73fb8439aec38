//! Incidents.

use super::{Page, Reads, StoreError, Work, one, page, text_of};
use crate::governance::Incident;
use crate::id::IncidentId;

/// Reading incidents.
pub trait Incidents: Reads {
    fn incident(&self, id: &IncidentId) -> impl Future<Output = Result<Option<Incident>, StoreError>> + Send {
        one(self, "SELECT document FROM incidents WHERE id = $1", id.as_str(), "incident")
    }

    /// So many, newest first, after one.
    fn incidents_after(
        &self,
        id: Option<&IncidentId>,
        limit: usize,
    ) -> impl Future<Output = Result<Page<Incident>, StoreError>> + Send {
        let query = "SELECT document FROM incidents WHERE place < \
                     COALESCE((SELECT place FROM incidents WHERE id = $1), 9223372036854775807) ORDER BY place DESC LIMIT $2";
        page(self, query, id.map(IncidentId::as_str), limit, "incident")
    }
}

impl<R: Reads> Incidents for R {}

impl Work<'_> {
    pub async fn add_incident(&self, incident: &Incident) -> Result<(), StoreError> {
        let row = sqlx::query("INSERT INTO incidents (id, document, reminder) VALUES ($1, $2, $3)").bind(incident.id.as_str());
        self.run(row.bind(text_of(incident, "incident")?).bind(reminder(incident))).await.map(|_| ())
    }

    pub async fn save_incident(&self, incident: &Incident) -> Result<(), StoreError> {
        let row = sqlx::query("UPDATE incidents SET document = $1, reminder = $2 WHERE id = $3");
        let row = row.bind(text_of(incident, "incident")?).bind(reminder(incident));
        self.run(row.bind(incident.id.as_str())).await.map(|_| ())
    }
}

/// When its handlers are to be reminded next.
fn reminder(incident: &Incident) -> Option<i64> {
    incident.next_reminder().map(|(at, _)| at.unix_timestamp())
}
