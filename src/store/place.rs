//! Where the rows are: a file of SQLite inside the process, or a PostgreSQL server, which one node holds at a time.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use sqlx::any::{AnyPoolOptions, install_default_drivers};
use sqlx::{AnyConnection, AnyPool, Connection, Executor, Row};

use super::StoreError;
use crate::clock::Clock;

/// How long a connection, a lock or a statement is waited for.
const WAIT: Duration = Duration::from_secs(5);
/// SQLite's settings of a connection: what is committed is on the disk; and no file elsewhere than beside the database,
/// whatever is sorted.
const SQLITE: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; \
                      PRAGMA busy_timeout = 5000; PRAGMA temp_store = MEMORY";
/// PostgreSQL's: what is committed is on its disk, whatever the server's own settings say. A lock is waited for less long
/// than an answer, and a ROLLBACK with nothing to undo is no news.
const POSTGRES: &str = "SET synchronous_commit = on; SET lock_timeout = '2s'; SET statement_timeout = '5s'; \
                        SET idle_in_transaction_session_timeout = '20s'; SET client_min_messages = 'error'";
/// Of the connection that holds the server for its node: asked twice a second, it is let go when its node is gone,
/// however the network went.
const HOLDING: &str = "SET idle_session_timeout = '10s'; SET statement_timeout = 0";
/// The number of the lock by which one node at a time holds a database.
const ONE_NODE: i64 = 0x4c75_6361_726e_6500;
/// How long a node that went without a word may still be taken for the holder, and how often that is asked.
const TAKEOVER: Duration = Duration::from_secs(12);
const AGAIN: Duration = Duration::from_millis(200);
/// A connection that goes back to the pool has so long to show that nothing is left of its work.
const RELEASE: Duration = Duration::from_secs(2);

/// Where a node keeps its rows.
#[derive(Clone, PartialEq, Eq)]
pub enum Place {
    File(PathBuf),
    /// `postgres://…`, with the password.
    Server(String),
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "File({})", path.display()),
            Self::Server(_) => f.write_str("Server"),
        }
    }
}

impl Place {
    fn url(&self) -> Result<String, sqlx::Error> {
        match self {
            Self::Server(url) => Ok(url.clone()),
            Self::File(path) => {
                let path = path.to_str().ok_or_else(|| {
                    sqlx::Error::Configuration(format!("{} is no UTF-8; move the node's data", path.display()).into())
                })?;
                let plain = |b: u8| b.is_ascii_alphanumeric() || b"/._-".contains(&b);
                let escaped: String =
                    path.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect();
                Ok(format!("sqlite://{escaped}?mode=rwc"))
            }
        }
    }

    fn settings(&self) -> &'static str {
        match self {
            Self::File(_) => SQLITE,
            Self::Server(_) => POSTGRES,
        }
    }

    /// What a transaction begins with, and what then gives it the right to write: readers go on, other writers wait.
    pub(super) fn begin(&self) -> (&'static str, Option<&'static str>) {
        match self {
            Self::File(_) => ("BEGIN IMMEDIATE", None),
            Self::Server(_) => ("BEGIN", Some("LOCK TABLE outbox IN SHARE ROW EXCLUSIVE MODE")),
        }
    }

    pub(super) async fn connect(&self, clock: &Clock) -> Result<AnyPool, sqlx::Error> {
        let (settings, is_server, clock) = (self.settings(), matches!(self, Self::Server(_)), clock.clone());
        AnyPoolOptions::new()
            .max_connections(4)
            .acquire_timeout(WAIT)
            .after_connect(move |connection, _| Box::pin(async move { set(connection, settings).await }))
            // A full disk makes SQLite roll back by itself; sqlx then counts a transaction that is no more, for ever.
            .before_acquire(|connection, _| Box::pin(async move { Ok(!connection.is_in_transaction()) }))
            .after_release(move |connection, _| {
                let clock = clock.clone();
                Box::pin(async move { if is_server { is_clean(connection, &clock).await } else { Ok(true) } })
            })
            .connect(&self.url()?)
            .await
    }

    /// A connection apart from the pool, which holds the database for this node.
    pub(super) async fn hold(&self) -> Result<AnyConnection, StoreError> {
        install_default_drivers();
        let mut connection = AnyConnection::connect(&self.url()?).await?;
        set(&mut connection, self.settings()).await?;
        if matches!(self, Self::Server(_)) {
            set(&mut connection, HOLDING).await?;
            let lock = sqlx::query("SELECT pg_try_advisory_lock($1)").bind(ONE_NODE);
            if !lock.fetch_one(&mut connection).await?.get::<bool, _>(0) {
                return Err(StoreError::HeldByAnother);
            }
        }
        Ok(connection)
    }

    /// The same at a node's start: the one before it may have gone without a word.
    pub(super) async fn take_over(&self, clock: &Clock) -> Result<AnyConnection, StoreError> {
        let deadline = clock.now() + TAKEOVER;
        loop {
            match self.hold().await {
                Err(StoreError::HeldByAnother) if clock.now() < deadline => clock.sleep(AGAIN).await,
                other => return other,
            }
        }
    }

    pub(super) async fn migrate(&self, holder: &mut AnyConnection) -> Result<(), sqlx::migrate::MigrateError> {
        match self {
            Self::File(_) => sqlx::migrate!("migrations/sqlite").run(holder).await,
            Self::Server(_) => sqlx::migrate!("migrations/postgres").run(holder).await,
        }
    }
}

/// A begin that failed or was cut may have left a transaction that sqlx does not know of: it ends here, or the connection
/// does.
async fn is_clean(connection: &mut AnyConnection, clock: &Clock) -> Result<bool, sqlx::Error> {
    let undone = clock.within(clock.now() + RELEASE, connection.execute("ROLLBACK")).await;
    undone.unwrap_or(Err(sqlx::Error::PoolTimedOut)).map(|_| true)
}

async fn set(connection: &mut AnyConnection, settings: &'static str) -> Result<(), sqlx::Error> {
    for setting in settings.split("; ") {
        connection.execute(sqlx::raw_sql(setting)).await?;
    }
    Ok(())
}
