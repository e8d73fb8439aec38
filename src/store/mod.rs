//! PERSISTENCE: the only SQL. Rows in, facts out; no rule is decided here.
//!
//! One query text for SQLite and PostgreSQL: numbers are 64 bits wide, truth is 0 or 1, and what came first is told by
//! the column `place`. Every wait for the database has a deadline.

mod account;
mod alert;
mod engagement;
mod entry;
mod four_eyes;
mod freeze;
mod incident;
mod place;
mod site;
mod ticket;
mod token;
mod workstation;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::any::{Any, AnyArguments, AnyRow};
use sqlx::query::Query;
use sqlx::{AnyConnection, AnyPool, Connection, Row, Transaction};
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::clock::Clock;
use crate::id::ActId;
use crate::trace::Event;
pub use account::{Accounts, Credentials};
pub use alert::Alerts;
pub use engagement::Engagements;
pub use four_eyes::FourEyes;
pub use freeze::Freezes;
pub use incident::Incidents;
pub use place::Place;
pub use site::{SiteRow, Sites};
pub use ticket::TicketRow;
pub use token::Tokens;
pub use workstation::Workstations;

/// A database that does not answer for so long is not there.
const PATIENCE: Duration = Duration::from_secs(8);
/// To be opened it may have to change its tables first.
const OPENING: Duration = Duration::from_secs(60);

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("the store does not answer ({0}). Look at its disk, if it is that: space, mount, rights; or at its server")]
    Database(sqlx::Error),
    #[error("the store does not answer in time. Look at its disk, or at its server")]
    Silent,
    #[error("another node uses this database: stop that node first, or give this one a database of its own")]
    HeldByAnother,
    #[error(
        "the store is of another version of Lucarne ({0}). Run that version, or put back the copy of the store from before it"
    )]
    Migration(#[from] sqlx::migrate::MigrateError),
    #[error("the store holds a {0} that cannot be read")]
    Row(&'static str),
    #[error("the login {0:?} exists already; choose another, or disable that account")]
    LoginTaken(String),
}

impl StoreError {
    /// Something with this name is there already: an answer, not a trouble of the database.
    fn is_taken(&self) -> bool {
        matches!(self, Self::Database(sqlx::Error::Database(error)) if error.is_unique_violation())
    }
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
    place: Place,
    pool: AnyPool,
    /// Holds the database for this node, and is asked whether it is there: no act can keep it waiting. `None`: lost.
    holder: Arc<Mutex<Option<AnyConnection>>>,
    /// Held by who writes. The database takes one writer at a time; those who wait for it here hold no connection, so
    /// that readers always find one.
    turn: Arc<Mutex<()>>,
    deadline: Deadline,
}

/// A unit of work that takes the write lock at once, so that writers come one after another. Dropped without commit:
/// undone.
pub struct Work<'a> {
    transaction: Mutex<Transaction<'a, Any>>,
    deadline: Deadline,
    /// After the transaction: the next one's turn comes when it is over, or on its way back.
    _turn: OwnedMutexGuard<()>,
}

/// What is read in the same way by itself and within a unit of work.
pub trait Reads: Sync {
    fn rows(&self, query: Asked<'_>) -> impl Future<Output = Result<Vec<AnyRow>, StoreError>> + Send;
}

pub type Asked<'q> = Query<'q, Any, AnyArguments>;

/// A part of a list, and whether there is more after it.
#[derive(Debug, Clone)]
pub struct Page<T> {
    pub rows: Vec<T>,
    more: bool,
}

impl<T> Page<T> {
    /// Of one row more than it may hold, if there are so many.
    fn of(mut rows: Vec<T>, limit: usize) -> Self {
        let more = rows.len() > limit;
        rows.truncate(limit);
        Self { rows, more }
    }

    /// What the next page comes after.
    pub fn next<K>(&self, key: impl FnOnce(&T) -> K) -> Option<K> {
        self.rows.last().filter(|_| self.more).map(key)
    }
}

/// Bounds each wait for the database, and remembers whether one was in vain.
#[derive(Debug, Clone)]
struct Deadline {
    clock: Clock,
    troubled: Arc<AtomicBool>,
}

impl Deadline {
    async fn keep<T>(&self, work: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, StoreError> {
        let done = self.clock.within(self.clock.now() + PATIENCE, work).await;
        let done = done.map_err(|_| StoreError::Silent).and_then(|done| done.map_err(StoreError::from));
        if done.as_ref().is_err_and(|error| !error.is_taken()) {
            self.troubled.store(true, Ordering::SeqCst);
        }
        done
    }
}

impl Store {
    /// Opens (or begins) the database, and brings it to this version. A server must be no other node's.
    pub async fn open(place: &Place, clock: &Clock) -> Result<Self, StoreError> {
        let deadline = Deadline { clock: clock.clone(), troubled: Arc::default() };
        let opening = async {
            let mut holder = place.take_over(clock).await?;
            place.migrate(&mut holder).await?;
            Ok((holder, place.connect(clock).await?))
        };
        let opened = clock.within(clock.now() + OPENING, opening).await;
        let (holder, pool) = opened.map_err(|_| StoreError::Silent).and_then(|opened: Result<_, StoreError>| opened)?;
        Ok(Self { place: place.clone(), pool, holder: Arc::new(Mutex::new(Some(holder))), turn: Arc::default(), deadline })
    }

    pub async fn begin(&self) -> Result<Work<'static>, StoreError> {
        let (begin, lock) = self.place.begin();
        let beginning = async {
            let turn = Arc::clone(&self.turn).lock_owned().await;
            Ok((self.pool.begin_with(begin).await?, turn))
        };
        let (transaction, turn) = self.deadline.keep(beginning).await?;
        let work = Work { transaction: Mutex::new(transaction), deadline: self.deadline.clone(), _turn: turn };
        if let Some(lock) = lock {
            work.run(sqlx::query(lock)).await?;
        }
        Ok(work)
    }

    pub async fn close(&self) {
        let closing = async {
            if let Some(holder) = self.holder.lock().await.take() {
                // What cannot be said to a server that is gone need not be.
                let _ = holder.close().await;
            }
            self.pool.close().await;
        };
        // Connections that hang are left to the system.
        let _ = self.deadline.clock.within(self.deadline.clock.now() + PATIENCE, closing).await;
    }

    /// Whether the database answers and is this node's. The caller sets the deadline; cut short, it is asked by a new
    /// connection next time.
    pub async fn answers(&self) -> Result<(), StoreError> {
        let mut place = self.holder.lock().await;
        let mut holder = match place.take() {
            Some(holder) => holder,
            None => self.place.hold().await?,
        };
        sqlx::query("SELECT 1").fetch_one(&mut holder).await?;
        *place = Some(holder);
        Ok(())
    }

    /// Whether a wait for the database was in vain since this was asked last: what was told as failed may have happened.
    pub fn was_troubled(&self) -> bool {
        self.deadline.troubled.swap(false, Ordering::SeqCst)
    }

    /// Gives how many rows were changed.
    async fn run(&self, query: Asked<'_>) -> Result<u64, StoreError> {
        let running = async {
            let _turn = self.turn.lock().await;
            query.execute(&self.pool).await
        };
        Ok(self.deadline.keep(running).await?.rows_affected())
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

impl Reads for Store {
    async fn rows(&self, query: Asked<'_>) -> Result<Vec<AnyRow>, StoreError> {
        self.deadline.keep(query.fetch_all(&self.pool)).await
    }
}

impl Reads for Work<'_> {
    async fn rows(&self, query: Asked<'_>) -> Result<Vec<AnyRow>, StoreError> {
        let mut transaction = self.transaction.lock().await;
        self.deadline.keep(query.fetch_all(&mut **transaction)).await
    }
}

/// The document of a row that a text names.
async fn one<T: DeserializeOwned>(
    reads: &(impl Reads + ?Sized),
    query: &'static str,
    key: &str,
    what: &'static str,
) -> Result<Option<T>, StoreError> {
    reads.rows(sqlx::query(query).bind(key)).await?.first().map(|row| document(row, 0, what)).transpose()
}

/// The documents that come after a row, so many at most.
async fn page<T: DeserializeOwned>(
    reads: &(impl Reads + ?Sized),
    query: &'static str,
    after: Option<&str>,
    limit: usize,
    what: &'static str,
) -> Result<Page<T>, StoreError> {
    let one_more = i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1);
    let rows = reads.rows(sqlx::query(query).bind(after).bind(one_more)).await?;
    Ok(Page::of(rows.iter().map(|row| document(row, 0, what)).collect::<Result<_, _>>()?, limit))
}

/// What a row's column says in JSON.
fn document<T: DeserializeOwned>(row: &AnyRow, column: usize, what: &'static str) -> Result<T, StoreError> {
    serde_json::from_str(row.get(column)).map_err(|_| StoreError::Row(what))
}

fn text_of(document: &impl Serialize, what: &'static str) -> Result<String, StoreError> {
    serde_json::to_string(document).map_err(|_| StoreError::Row(what))
}

impl Work<'_> {
    pub async fn commit(self) -> Result<(), StoreError> {
        self.deadline.keep(self.transaction.into_inner().commit()).await
    }

    async fn row(&self, query: Asked<'_>) -> Result<Option<AnyRow>, StoreError> {
        let mut transaction = self.transaction.lock().await;
        self.deadline.keep(query.fetch_optional(&mut **transaction)).await
    }

    /// Gives how many rows were changed.
    async fn run(&self, query: Asked<'_>) -> Result<u64, StoreError> {
        let mut transaction = self.transaction.lock().await;
        Ok(self.deadline.keep(query.execute(&mut **transaction)).await?.rows_affected())
    }

    /// The act's entry, in the same transaction as the act.
    pub async fn put_act(&self, act: &ActId, event: &Event) -> Result<(), StoreError> {
        let text = serde_json::to_string(event).map_err(|_| StoreError::Row("trace event"))?;
        let row = sqlx::query("INSERT INTO outbox (act, event) VALUES ($1, $2)").bind(act.as_str()).bind(text);
        self.run(row).await.map(|_| ())
    }

    /// Takes back the entry of an act that is undone.
    pub async fn drop_act(&self, act: &ActId) -> Result<(), StoreError> {
        self.run(sqlx::query("DELETE FROM outbox WHERE act = $1").bind(act.as_str())).await.map(|_| ())
    }
}
