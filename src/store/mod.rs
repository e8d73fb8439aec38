//! PERSISTENCE: the only SQL. Rows in, facts out; no rule is decided here.
//!
//! One query text for SQLite and PostgreSQL: numbers are 64 bits wide, truth is 0 or 1, and what came first is told by
//! the column `place`. Every wait for the database has a deadline.

mod account;
mod place;
mod site;
mod ticket;

use std::time::Duration;

use sqlx::any::{Any, AnyArguments, AnyRow};
use sqlx::query::Query;
use sqlx::{AnyPool, Row, Transaction};

use crate::clock::Clock;
use crate::id::ActId;
use crate::trace::Event;
pub use account::AccountRow;
pub use place::Place;

/// A database that does not answer for so long is not there.
const PATIENCE: Duration = Duration::from_secs(8);

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("the store does not answer ({0}). Look at its disk, if it is that: space, mount, rights; or at its server")]
    Database(sqlx::Error),
    #[error("the store did not answer in {} s. Look at its disk, or at its server", PATIENCE.as_secs())]
    Silent,
    #[error("the store is of another version of Lucarne: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    #[error("the store holds a {0} that cannot be read")]
    Row(&'static str),
    #[error("the login {0:?} exists already; choose another, or disable that account")]
    LoginTaken(String),
}

impl From<sqlx::Error> for StoreError {
    /// Not as a source: its words are in ours already.
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

/// The database of a node.
#[derive(Debug, Clone)]
pub struct Store {
    pool: AnyPool,
    begin: &'static str,
    clock: Clock,
}

/// A unit of work that takes the write lock at once, so that writers come one after another. Dropped without commit:
/// undone.
pub struct Work<'a> {
    transaction: Transaction<'a, Any>,
    clock: Clock,
}

type Asked<'q> = Query<'q, Any, AnyArguments>;

async fn in_time<T>(clock: &Clock, work: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, StoreError> {
    Ok(clock.within(clock.now() + PATIENCE, work).await.map_err(|_| StoreError::Silent)??)
}

impl Store {
    /// Opens (or begins) the database, and brings it to this version.
    pub async fn open(place: &Place, clock: &Clock) -> Result<Self, StoreError> {
        let pool = in_time(clock, place.connect()).await?;
        place.migrate(&pool).await?;
        Ok(Self { pool, begin: place.begin(), clock: clock.clone() })
    }

    pub async fn begin(&self) -> Result<Work<'static>, StoreError> {
        let transaction = in_time(&self.clock, self.pool.begin_with(self.begin)).await?;
        Ok(Work { transaction, clock: self.clock.clone() })
    }

    pub async fn close(&self) {
        // Connections that hang are left to the system.
        let _ = self.clock.within(self.clock.now() + PATIENCE, self.pool.close()).await;
    }

    /// Whether the database answers.
    pub async fn answers(&self) -> Result<(), StoreError> {
        self.row(sqlx::query("SELECT 1")).await.map(|_| ())
    }

    async fn rows(&self, query: Asked<'_>) -> Result<Vec<AnyRow>, StoreError> {
        in_time(&self.clock, query.fetch_all(&self.pool)).await
    }

    async fn row(&self, query: Asked<'_>) -> Result<Option<AnyRow>, StoreError> {
        in_time(&self.clock, query.fetch_optional(&self.pool)).await
    }

    /// Gives how many rows were changed.
    async fn run(&self, query: Asked<'_>) -> Result<u64, StoreError> {
        Ok(in_time(&self.clock, query.execute(&self.pool)).await?.rows_affected())
    }

    /// Acts whose entry may be missing in the trace, in their order.
    pub async fn outbox(&self) -> Result<Vec<(ActId, Event)>, StoreError> {
        let rows = self.rows(sqlx::query("SELECT act, event FROM outbox ORDER BY place")).await?;
        let event = |text: String| serde_json::from_str(&text).map_err(|_| StoreError::Row("trace event"));
        rows.iter().map(|row| Ok((ActId::stored(row.get(0)), event(row.get(1))?))).collect()
    }

    pub async fn forget_act(&self, act: &ActId) -> Result<(), StoreError> {
        self.run(sqlx::query("DELETE FROM outbox WHERE act = $1").bind(act.as_str())).await.map(|_| ())
    }
}

impl Work<'_> {
    pub async fn commit(self) -> Result<(), StoreError> {
        in_time(&self.clock, self.transaction.commit()).await
    }

    async fn rows(&mut self, query: Asked<'_>) -> Result<Vec<AnyRow>, StoreError> {
        in_time(&self.clock, query.fetch_all(&mut *self.transaction)).await
    }

    async fn row(&mut self, query: Asked<'_>) -> Result<Option<AnyRow>, StoreError> {
        in_time(&self.clock, query.fetch_optional(&mut *self.transaction)).await
    }

    /// Gives how many rows were changed.
    async fn run(&mut self, query: Asked<'_>) -> Result<u64, StoreError> {
        Ok(in_time(&self.clock, query.execute(&mut *self.transaction)).await?.rows_affected())
    }

    /// The act's entry, in the same transaction as the act.
    pub async fn put_act(&mut self, act: &ActId, event: &Event) -> Result<(), StoreError> {
        let text = serde_json::to_string(event).map_err(|_| StoreError::Row("trace event"))?;
        let row = sqlx::query("INSERT INTO outbox (act, event) VALUES ($1, $2)").bind(act.as_str()).bind(text);
        self.run(row).await.map(|_| ())
    }

    /// Takes back the entry of an act that is undone.
    pub async fn drop_act(&mut self, act: &ActId) -> Result<(), StoreError> {
        self.run(sqlx::query("DELETE FROM outbox WHERE act = $1").bind(act.as_str())).await.map(|_| ())
    }
}
