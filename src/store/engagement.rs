//! Engagements.

use super::{Page, Reads, StoreError, Work, document, one_more, text_of};
use crate::governance::Engagement;
use crate::id::EngagementId;

/// Reading engagements.
pub trait Engagements: Reads {
    fn engagement(&self, id: &EngagementId) -> impl Future<Output = Result<Option<Engagement>, StoreError>> + Send {
        async move {
            let row = sqlx::query("SELECT document FROM engagements WHERE id = $1").bind(id.as_str());
            self.rows(row).await?.first().map(|row| document(row, 0, "engagement")).transpose()
        }
    }

    /// So many, newest first, after one.
    fn engagements_after(
        &self,
        id: Option<&EngagementId>,
        limit: usize,
    ) -> impl Future<Output = Result<Page<Engagement>, StoreError>> + Send {
        async move {
            let rows = sqlx::query(
                "SELECT document FROM engagements WHERE place < COALESCE((SELECT place FROM engagements WHERE id = $1), $2) \
                 ORDER BY place DESC LIMIT $3",
            );
            let rows = rows.bind(id.map(EngagementId::as_str)).bind(i64::MAX).bind(one_more(limit));
            let rows = self.rows(rows).await?.iter().map(|row| document(row, 0, "engagement")).collect::<Result<_, _>>()?;
            Ok(Page::of(rows, limit))
        }
    }

    /// All of them, newest first.
    fn engagements(&self) -> impl Future<Output = Result<Vec<Engagement>, StoreError>> + Send {
        async move {
            let rows = self.rows(sqlx::query("SELECT document FROM engagements ORDER BY place DESC")).await?;
            rows.iter().map(|row| document(row, 0, "engagement")).collect()
        }
    }
}

impl<R: Reads> Engagements for R {}

impl Work<'_> {
    pub async fn add_engagement(&self, engagement: &Engagement) -> Result<(), StoreError> {
        let row = sqlx::query("INSERT INTO engagements (id, document) VALUES ($1, $2)").bind(engagement.id.as_str());
        self.run(row.bind(text_of(engagement, "engagement")?)).await.map(|_| ())
    }

    pub async fn save_engagement(&self, engagement: &Engagement) -> Result<(), StoreError> {
        let row = sqlx::query("UPDATE engagements SET document = $1 WHERE id = $2").bind(text_of(engagement, "engagement")?);
        self.run(row.bind(engagement.id.as_str())).await.map(|_| ())
    }
}
