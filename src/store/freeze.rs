//! Freezes that are in force.

use super::{Reads, StoreError, Work, document, text_of};
use crate::governance::Freeze;
use crate::id::FreezeId;

/// Reading freezes.
pub trait Freezes: Reads {
    /// Those in force, oldest first.
    fn freezes(&self) -> impl Future<Output = Result<Vec<Freeze>, StoreError>> + Send {
        async move {
            let rows = self.rows(sqlx::query("SELECT document FROM freezes WHERE lifted = 0 ORDER BY place")).await?;
            rows.iter().map(|row| document(row, 0, "freeze")).collect()
        }
    }

    /// Whether there is, or was, such a freeze.
    fn is_freeze(&self, id: &FreezeId) -> impl Future<Output = Result<bool, StoreError>> + Send {
        async move { Ok(!self.rows(sqlx::query("SELECT 1 FROM freezes WHERE id = $1").bind(id.as_str())).await?.is_empty()) }
    }
}

impl<R: Reads> Freezes for R {}

impl Work<'_> {
    pub async fn add_freeze(&self, freeze: &Freeze) -> Result<(), StoreError> {
        let row = sqlx::query("INSERT INTO freezes (id, lifted, document) VALUES ($1, 0, $2)").bind(freeze.id.as_str());
        self.run(row.bind(text_of(freeze, "freeze")?)).await.map(|_| ())
    }

    /// False: it is not in force.
    pub async fn lift(&self, freeze: &FreezeId) -> Result<bool, StoreError> {
        let row = sqlx::query("UPDATE freezes SET lifted = 1 WHERE id = $1 AND lifted = 0").bind(freeze.as_str());
        Ok(self.run(row).await? == 1)
    }
}
