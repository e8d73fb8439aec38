//! Workstations.

use super::{Page, Reads, StoreError, Work, one, page, text_of};
use crate::governance::Workstation;
use crate::id::WorkstationId;

/// Reading workstations.
pub trait Workstations: Reads {
    /// The one with this certificate, by its SHA-256 in hexadecimal.
    fn workstation(&self, fingerprint: &str) -> impl Future<Output = Result<Option<Workstation>, StoreError>> + Send {
        one(self, "SELECT document FROM workstations WHERE fingerprint = $1", fingerprint, "workstation")
    }

    fn workstation_of(&self, id: &WorkstationId) -> impl Future<Output = Result<Option<Workstation>, StoreError>> + Send {
        one(self, "SELECT document FROM workstations WHERE id = $1", id.as_str(), "workstation")
    }

    /// So many, in the order in which they came, after one.
    fn workstations_after(
        &self,
        id: Option<&WorkstationId>,
        limit: usize,
    ) -> impl Future<Output = Result<Page<Workstation>, StoreError>> + Send {
        let query = "SELECT document FROM workstations WHERE place > \
                     COALESCE((SELECT place FROM workstations WHERE id = $1), 0) ORDER BY place LIMIT $2";
        page(self, query, id.map(WorkstationId::as_str), limit, "workstation")
    }
}

impl<R: Reads> Workstations for R {}

impl Work<'_> {
    /// False: one with this certificate is there already.
    pub async fn add_workstation(&self, workstation: &Workstation) -> Result<bool, StoreError> {
        let row = sqlx::query(
            "INSERT INTO workstations (id, fingerprint, document) VALUES ($1, $2, $3) ON CONFLICT (fingerprint) DO NOTHING",
        );
        let row = row.bind(workstation.id.as_str()).bind(workstation.fingerprint.as_str());
        Ok(self.run(row.bind(text_of(workstation, "workstation")?)).await? == 1)
    }

    pub async fn save_workstation(&self, workstation: &Workstation) -> Result<(), StoreError> {
        let row = sqlx::query("UPDATE workstations SET document = $1 WHERE id = $2").bind(text_of(workstation, "workstation")?);
        self.run(row.bind(workstation.id.as_str())).await.map(|_| ())
    }
}
