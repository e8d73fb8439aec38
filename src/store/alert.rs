//! What waits to be told.

use sqlx::Row;
use time::OffsetDateTime;

use super::{Page, Reads, StoreError, Work, document, one, page, text_of};
use crate::governance::Alert;
use crate::id::{AlertId, IncidentId};

/// Reading alerts, and of which incidents handlers are to be reminded.
pub trait Alerts: Reads {
    fn alert(&self, id: &AlertId) -> impl Future<Output = Result<Option<Alert>, StoreError>> + Send {
        one(self, "SELECT document FROM alerts WHERE id = $1", id.as_str(), "alert")
    }

    /// So many that are to be tried now, those that have waited longest first.
    fn alerts_due(&self, now: OffsetDateTime, limit: i64) -> impl Future<Output = Result<Vec<Alert>, StoreError>> + Send {
        async move {
            let query = sqlx::query("SELECT document FROM alerts WHERE next_try <= $1 ORDER BY next_try, place LIMIT $2");
            let rows = self.rows(query.bind(now.unix_timestamp()).bind(limit)).await?;
            rows.iter().map(|row| document(row, 0, "alert")).collect()
        }
    }

    /// So many that wait, oldest first, after one.
    fn alerts_after(&self, id: Option<&AlertId>, limit: usize) -> impl Future<Output = Result<Page<Alert>, StoreError>> + Send {
        let query = "SELECT document FROM alerts WHERE place > COALESCE((SELECT place FROM alerts WHERE id = $1), 0) \
                     ORDER BY place LIMIT $2";
        page(self, query, id.map(AlertId::as_str), limit, "alert")
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

impl<R: Reads> Alerts for R {}

impl Work<'_> {
    pub async fn add_alert(&self, alert: &Alert) -> Result<(), StoreError> {
        let row = sqlx::query("INSERT INTO alerts (id, next_try, document) VALUES ($1, $2, $3)").bind(alert.id.as_str());
        self.run(row.bind(alert.next_try.unix_timestamp()).bind(text_of(alert, "alert")?)).await.map(|_| ())
    }

    pub async fn save_alert(&self, alert: &Alert) -> Result<(), StoreError> {
        let row = sqlx::query("UPDATE alerts SET next_try = $1, document = $2 WHERE id = $3");
        let row = row.bind(alert.next_try.unix_timestamp()).bind(text_of(alert, "alert")?);
        self.run(row.bind(alert.id.as_str())).await.map(|_| ())
    }

    pub async fn drop_alert(&self, id: &AlertId) -> Result<(), StoreError> {
        self.run(sqlx::query("DELETE FROM alerts WHERE id = $1").bind(id.as_str())).await.map(|_| ())
    }
}
