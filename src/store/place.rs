//! Where the rows are: a file of SQLite inside the process, or a PostgreSQL server that several nodes may share.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use sqlx::any::{AnyPoolOptions, install_default_drivers};
use sqlx::{AnyConnection, AnyPool, Connection, Executor};

/// How long a connection, a lock or a statement is waited for.
const WAIT: Duration = Duration::from_secs(5);
/// SQLite's settings of a connection: what is committed is on the disk; and no file elsewhere than beside the database,
/// whatever is sorted.
const SQLITE: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; \
                      PRAGMA busy_timeout = 5000; PRAGMA temp_store = MEMORY";
/// PostgreSQL's: what is committed is on its disk, whatever the server's own settings say.
const POSTGRES: &str = "SET synchronous_commit = on; SET lock_timeout = '5s'; SET statement_timeout = '5s'; \
                        SET idle_in_transaction_session_timeout = '20s'";

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

    /// Begins a transaction that holds the right to write: readers go on, other writers wait.
    pub(super) fn begin(&self) -> &'static str {
        match self {
            Self::File(_) => "BEGIN IMMEDIATE",
            Self::Server(_) => "BEGIN; LOCK TABLE outbox IN SHARE ROW EXCLUSIVE MODE",
        }
    }

    pub(super) async fn connect(&self) -> Result<AnyPool, sqlx::Error> {
        install_default_drivers();
        let settings = self.settings();
        AnyPoolOptions::new()
            .max_connections(4)
            .acquire_timeout(WAIT)
            .after_connect(move |connection, _| Box::pin(async move { set(connection, settings).await }))
            // A full disk makes SQLite roll back by itself; sqlx then counts a transaction that is no more, for ever.
            .before_acquire(|connection, _| Box::pin(async move { Ok(!connection.is_in_transaction()) }))
            .connect(&self.url()?)
            .await
    }

    pub(super) async fn migrate(&self, pool: &AnyPool) -> Result<(), sqlx::migrate::MigrateError> {
        match self {
            Self::File(_) => sqlx::migrate!("migrations/sqlite").run(pool).await,
            Self::Server(_) => sqlx::migrate!("migrations/postgres").run(pool).await,
        }
    }
}

async fn set(connection: &mut AnyConnection, settings: &'static str) -> Result<(), sqlx::Error> {
    for setting in settings.split("; ") {
        connection.execute(sqlx::raw_sql(setting)).await?;
    }
    Ok(())
}
