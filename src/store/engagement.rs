//! Engagements.

use super::{Page, Reads, StoreError, Work, document, one, page, text_of};
use crate::governance::Engagement;
use crate::id::EngagementId;

/// Reading engagements.
pub trait Engagements: Reads {
    fn engagement(&self, id: &EngagementId) -> impl Future<Output = Result<Option<Engagement>, StoreError>> + Send {
        one(self, "SELECT document FROM engagements WHERE id = $1", id.as_str(), "engagement")
    }

    /// So many, newest first, after one.
    fn engagements_after(
        &self,
        id: Option<&EngagementId>,
        limit: usize,
    ) -> impl Future<Output = Result<Page<Engagement>, StoreError>> + Send {
        let query = "SELECT document FROM engagements WHERE place < \
                     COALESCE((SELECT place FROM engagements WHERE id = $1), 9223372036854775807) ORDER BY place DESC LIMIT $2";
        page(self, query, id.map(EngagementId::as_str), limit, "engagement")
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
