//! What waits to be told.

use sqlx::Row;
use sqlx::any::AnyRow;
use time::OffsetDateTime;

use super::{Reads, StoreError, Work, document, text_of};
use crate::governance::{Alert, Way};
use crate::id::{AlertId, IncidentId};

/// Reading alerts, and of which incidents handlers are to be reminded.
pub trait Alerts: Reads {
    /// So many that are to be tried now by a way: those that were not tried yet first, then those that have waited longest.
    fn alerts_due(
        &self,
        way: Way,
        now: OffsetDateTime,
        limit: i64,
    ) -> impl Future<Output = Result<Vec<Alert>, StoreError>> + Send {
        async move {
            let query =
                "SELECT document FROM alerts WHERE way = $1 AND next_try <= $2 ORDER BY tries > 0, next_try, place LIMIT $3";
            let query = sqlx::query(query).bind(way.name()).bind(now.unix_timestamp()).bind(limit);
            Ok(readable(&self.rows(query).await?))
        }
    }

    /// So many that wait, oldest first.
    fn alerts(&self, limit: i64) -> impl Future<Output = Result<Vec<Alert>, StoreError>> + Send {
        async move {
            let query = sqlx::query("SELECT document FROM alerts ORDER BY place LIMIT $1").bind(limit);
            Ok(readable(&self.rows(query).await?))
        }
    }

    fn alerts_waiting(&self) -> impl Future<Output = Result<usize, StoreError>> + Send {
        async move {
            let rows = self.rows(sqlx::query("SELECT COUNT(*) FROM alerts")).await?;
            Ok(rows.first().map_or(0, |row| row.get::<i64, _>(0)) as usize)
        }
    }

    fn incidents_to_remind_of(
        &self,
        now: OffsetDateTime,
        limit: i64,
    ) -> impl Future<Output = Result<Vec<IncidentId>, StoreError>> + Send {
        async move {
            let query = sqlx::query("SELECT id FROM incidents WHERE reminder <= $1 ORDER BY reminder, place LIMIT $2");
            let rows = self.rows(query.bind(now.unix_timestamp()).bind(limit)).await?;
            Ok(rows.iter().map(|row| IncidentId::stored(row.get(0))).collect())
        }
    }
}

/// One that cannot be read must not keep the others from being told.
fn readable(rows: &[AnyRow]) -> Vec<Alert> {
    let read = |row| document(row, 0, "alert").inspect_err(|error| tracing::error!(%error, "an alert is told to nobody")).ok();
    rows.iter().filter_map(read).collect()
}

impl<R: Reads> Alerts for R {}

impl Work<'_> {
    pub async fn add_alert(&self, alert: &Alert) -> Result<(), StoreError> {
        let row = sqlx::query("INSERT INTO alerts (id, way, tries, next_try, document) VALUES ($1, $2, $3, $4, $5)");
        let row = row.bind(alert.id.as_str()).bind(alert.route.way().name()).bind(i64::from(alert.tries));
        self.run(row.bind(alert.next_try.unix_timestamp()).bind(text_of(alert, "alert")?)).await.map(|_| ())
    }

    pub async fn save_alert(&self, alert: &Alert) -> Result<(), StoreError> {
        let row = sqlx::query("UPDATE alerts SET tries = $1, next_try = $2, document = $3 WHERE id = $4");
        let row = row.bind(i64::from(alert.tries)).bind(alert.next_try.unix_timestamp()).bind(text_of(alert, "alert")?);
        self.run(row.bind(alert.id.as_str())).await.map(|_| ())
    }

    pub async fn drop_alert(&self, id: &AlertId) -> Result<(), StoreError> {
        self.run(sqlx::query("DELETE FROM alerts WHERE id = $1").bind(id.as_str())).await.map(|_| ())
    }
}
