//! PERSISTENCE: the only SQL. Rows in, facts out; no rule is decided here.

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection, Row, Sqlite, Transaction};
use time::OffsetDateTime;

use crate::geometry::Size;
use crate::governance::admission::TicketFacts;
use crate::governance::{Login, Standing};
use crate::id::{AccountId, ActId, SiteName};
use crate::trace::Event;

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("the store does not answer ({0}). Look at its disk, if it is that: space, mount, rights")]
    Database(sqlx::Error),
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

/// The database of one node.
#[derive(Debug, Clone)]
pub struct Store {
    pool: SqlitePool,
}

/// A unit of work that takes the write lock at once (SQLite: `BEGIN IMMEDIATE`). Dropped without commit: undone.
pub struct Work<'a>(Transaction<'a, Sqlite>);

/// An account's row.
#[derive(Debug, Clone)]
pub struct AccountRow {
    pub id: AccountId,
    pub login: Login,
    pub name: String,
    pub enabled: bool,
    /// When its password was set.
    pub password_set: OffsetDateTime,
}

impl Store {
    /// Opens (or begins) the database, and brings it to this version.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(5))
            // No file elsewhere than beside the database, whatever is sorted.
            .pragma("temp_store", "MEMORY");
        let pool = SqlitePoolOptions::new()
            .max_connections(4)
            .acquire_timeout(Duration::from_secs(5))
            // A full disk makes SQLite roll back by itself; sqlx then counts a transaction that is no more, for ever.
            .before_acquire(|connection, _| Box::pin(async move { Ok(!connection.is_in_transaction()) }))
            .connect_with(options)
            .await?;
        sqlx::migrate!("migrations/sqlite").run(&pool).await?;
        Ok(Self { pool })
    }

    pub async fn begin(&self) -> Result<Work<'static>, StoreError> {
        Ok(Work(self.pool.begin_with("BEGIN IMMEDIATE").await?))
    }

    pub async fn close(&self) {
        self.pool.close().await;
    }

    pub async fn account(&self, login: &Login) -> Result<Option<AccountRow>, StoreError> {
        let row = sqlx::query("SELECT id, login, name, enabled, password_set FROM accounts WHERE login = $1");
        row.bind(login.as_str()).fetch_optional(&self.pool).await?.map(|row| account_row(&row)).transpose()
    }

    pub async fn is_enabled(&self, account: &AccountId) -> Result<bool, StoreError> {
        let row =
            sqlx::query("SELECT enabled FROM accounts WHERE id = $1").bind(account.as_str()).fetch_optional(&self.pool).await?;
        Ok(row.is_some_and(|row| row.get::<i64, _>(0) != 0))
    }

    pub async fn accounts(&self) -> Result<Vec<AccountRow>, StoreError> {
        let rows = sqlx::query("SELECT id, login, name, enabled, password_set FROM accounts ORDER BY login")
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(account_row).collect()
    }

    /// The hash of an account's password, and those of as many former ones, newest first.
    pub async fn passwords(&self, account: &AccountId, former: usize) -> Result<Vec<String>, StoreError> {
        let now = sqlx::query("SELECT password FROM accounts WHERE id = $1").bind(account.as_str());
        let before = sqlx::query("SELECT password FROM former_passwords WHERE account = $1 ORDER BY replaced DESC LIMIT $2");
        let mut rows = now.fetch_all(&self.pool).await?;
        rows.extend(before.bind(account.as_str()).bind(former as i64).fetch_all(&self.pool).await?);
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    /// `None`: the site was never shown.
    pub async fn standing(&self, site: &SiteName) -> Result<Option<Standing>, StoreError> {
        let row =
            sqlx::query("SELECT standing FROM sites WHERE name = $1").bind(site.as_str()).fetch_optional(&self.pool).await?;
        row.map(|row| standing(row.get(0))).transpose()
    }

    pub async fn confirmed_sizes(&self, site: &SiteName) -> Result<Vec<Size>, StoreError> {
        let rows = sqlx::query("SELECT width, height FROM mask_confirmations WHERE site = $1");
        let rows = rows.bind(site.as_str()).fetch_all(&self.pool).await?;
        let side = |n: i64| u16::try_from(n).map_err(|_| StoreError::Row("size"));
        rows.iter().map(|row| Ok(Size::new(side(row.get(0))?, side(row.get(1))?))).collect()
    }

    /// Uses up every ticket; gives how many there were.
    pub async fn void_tickets(&self) -> Result<u64, StoreError> {
        let done = sqlx::query("UPDATE tickets SET used = 1 WHERE used = 0").execute(&self.pool).await?;
        Ok(done.rows_affected())
    }

    /// Somebody was let in from this address; those not seen since `since` are forgotten.
    pub async fn remember_address(&self, address: IpAddr, now: OffsetDateTime, since: OffsetDateTime) -> Result<(), StoreError> {
        self.forget_addresses(since).await?;
        let row = sqlx::query(
            "INSERT INTO known_addresses (address, seen) VALUES ($1, $2) ON CONFLICT (address) DO UPDATE SET seen = excluded.seen",
        );
        row.bind(address.to_string()).bind(now.unix_timestamp()).execute(&self.pool).await?;
        Ok(())
    }

    async fn forget_addresses(&self, since: OffsetDateTime) -> Result<(), StoreError> {
        let old = sqlx::query("DELETE FROM known_addresses WHERE seen < $1").bind(since.unix_timestamp());
        old.execute(&self.pool).await?;
        Ok(())
    }

    /// The addresses seen since then; older ones are forgotten.
    pub async fn known_addresses(&self, since: OffsetDateTime) -> Result<Vec<(IpAddr, OffsetDateTime)>, StoreError> {
        self.forget_addresses(since).await?;
        let rows = sqlx::query("SELECT address, seen FROM known_addresses").fetch_all(&self.pool).await?;
        let address = |text: String| text.parse().map_err(|_| StoreError::Row("address"));
        let time = |seconds| OffsetDateTime::from_unix_timestamp(seconds).map_err(|_| StoreError::Row("time"));
        rows.iter().map(|row| Ok((address(row.get(0))?, time(row.get(1))?))).collect()
    }

    /// Acts whose entry may be missing in the trace.
    pub async fn outbox(&self) -> Result<Vec<(ActId, Event)>, StoreError> {
        let rows = sqlx::query("SELECT act, event FROM outbox ORDER BY rowid").fetch_all(&self.pool).await?;
        let event = |text: String| serde_json::from_str(&text).map_err(|_| StoreError::Row("trace event"));
        rows.iter().map(|row| Ok((ActId::stored(row.get(0)), event(row.get(1))?))).collect()
    }

    pub async fn forget_act(&self, act: &ActId) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM outbox WHERE act = $1").bind(act.as_str()).execute(&self.pool).await?;
        Ok(())
    }
}

impl Work<'_> {
    pub async fn commit(self) -> Result<(), StoreError> {
        Ok(self.0.commit().await?)
    }

    /// The act's entry, in the same transaction as the act.
    pub async fn put_act(&mut self, act: &ActId, event: &Event) -> Result<(), StoreError> {
        let text = serde_json::to_string(event).map_err(|_| StoreError::Row("trace event"))?;
        let row = sqlx::query("INSERT INTO outbox (act, event) VALUES ($1, $2)").bind(act.as_str()).bind(text);
        row.execute(&mut *self.0).await?;
        Ok(())
    }

    /// Takes back the entry of an act that is undone.
    pub async fn drop_act(&mut self, act: &ActId) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM outbox WHERE act = $1").bind(act.as_str()).execute(&mut *self.0).await?;
        Ok(())
    }

    pub async fn add_account(&mut self, account: &AccountRow, password: &str, now: OffsetDateTime) -> Result<(), StoreError> {
        let row = sqlx::query(
            "INSERT INTO accounts (id, login, name, password, enabled, created, password_set) VALUES ($1, $2, $3, $4, 1, $5, $5)",
        );
        let row = row.bind(account.id.as_str()).bind(account.login.as_str()).bind(&account.name);
        match row.bind(password).bind(now.unix_timestamp()).execute(&mut *self.0).await {
            Err(sqlx::Error::Database(error)) if error.is_unique_violation() => {
                Err(StoreError::LoginTaken(account.login.as_str().to_owned()))
            }
            other => Ok(other.map(|_| ())?),
        }
    }

    /// Replaces a password if it is still the one that was looked at, and keeps so many former ones. False: it is not.
    pub async fn set_password(
        &mut self,
        account: &AccountId,
        from: &str,
        to: &str,
        now: OffsetDateTime,
        keep: usize,
    ) -> Result<bool, StoreError> {
        let row = sqlx::query("UPDATE accounts SET password = $1, password_set = $2 WHERE id = $3 AND password = $4");
        let row = row.bind(to).bind(now.unix_timestamp()).bind(account.as_str()).bind(from);
        if row.execute(&mut *self.0).await?.rows_affected() == 0 {
            return Ok(false);
        }
        let row = sqlx::query("INSERT INTO former_passwords (account, password, replaced) VALUES ($1, $2, $3)");
        row.bind(account.as_str()).bind(from).bind(now.unix_timestamp()).execute(&mut *self.0).await?;
        let old = sqlx::query(
            "DELETE FROM former_passwords WHERE account = $1 AND password NOT IN \
             (SELECT password FROM former_passwords WHERE account = $1 ORDER BY replaced DESC LIMIT $2)",
        );
        old.bind(account.as_str()).bind(keep as i64).execute(&mut *self.0).await?;
        Ok(true)
    }

    /// False: there is no such account.
    pub async fn enable_account(&mut self, login: &Login, enabled: bool) -> Result<bool, StoreError> {
        let row = sqlx::query("UPDATE accounts SET enabled = $1 WHERE login = $2").bind(i64::from(enabled)).bind(login.as_str());
        Ok(row.execute(&mut *self.0).await?.rows_affected() == 1)
    }

    pub async fn set_standing(&mut self, site: &SiteName, standing: Standing) -> Result<(), StoreError> {
        let row = sqlx::query(
            "INSERT INTO sites (name, standing) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET standing = excluded.standing",
        );
        row.bind(site.as_str()).bind(standing.name()).execute(&mut *self.0).await?;
        Ok(())
    }

    /// A restart: what was showing is paused. Gives the sites concerned.
    pub async fn pause_all(&mut self) -> Result<Vec<String>, StoreError> {
        let rows = sqlx::query("UPDATE sites SET standing = 'paused' WHERE standing = 'showing' RETURNING name");
        Ok(rows.fetch_all(&mut *self.0).await?.iter().map(|row| row.get(0)).collect())
    }

    pub async fn confirm_size(&mut self, site: &SiteName, size: Size) -> Result<(), StoreError> {
        let row = sqlx::query("INSERT INTO mask_confirmations (site, width, height) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING");
        row.bind(site.as_str()).bind(i64::from(size.width)).bind(i64::from(size.height)).execute(&mut *self.0).await?;
        Ok(())
    }

    /// Stores a ticket by its hash, and forgets those that expired an hour ago.
    pub async fn add_ticket(
        &mut self,
        hash: &[u8],
        certificate: Option<[u8; 32]>,
        account: &AccountId,
        site: &SiteName,
        expires: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let old = sqlx::query("DELETE FROM tickets WHERE expires < $1").bind(expires.unix_timestamp() - 3600);
        old.execute(&mut *self.0).await?;
        let row =
            sqlx::query("INSERT INTO tickets (hash, account, site, expires, certificate, used) VALUES ($1, $2, $3, $4, $5, 0)");
        let row = row.bind(hash).bind(account.as_str()).bind(site.as_str()).bind(expires.unix_timestamp());
        let row = row.bind(certificate.map(|fingerprint| fingerprint.to_vec()));
        row.execute(&mut *self.0).await?;
        Ok(())
    }

    /// Consumes a ticket: whoever comes second finds none.
    pub async fn take_ticket(&mut self, hash: &[u8]) -> Result<Option<TicketFacts>, StoreError> {
        let ticket =
            sqlx::query("UPDATE tickets SET used = 1 WHERE hash = $1 AND used = 0 RETURNING account, site, expires, certificate");
        let Some(ticket) = ticket.bind(hash).fetch_optional(&mut *self.0).await? else { return Ok(None) };
        let account = sqlx::query("SELECT id, login, name, enabled, password_set FROM accounts WHERE id = $1")
            .bind(ticket.get::<String, _>(0));
        let account = account_row(&account.fetch_one(&mut *self.0).await?)?;
        Ok(Some(TicketFacts {
            account: account.id,
            login: account.login,
            name: account.name,
            enabled: account.enabled,
            password_set: account.password_set,
            certificate: ticket
                .get::<Option<Vec<u8>>, _>(3)
                .map(|bytes| bytes.try_into().map_err(|_| StoreError::Row("certificate")))
                .transpose()?,
            site: SiteName::new(&ticket.get::<String, _>(1)).map_err(|_| StoreError::Row("site name"))?,
            expires: OffsetDateTime::from_unix_timestamp(ticket.get(2)).map_err(|_| StoreError::Row("time"))?,
        }))
    }
}

fn account_row(row: &sqlx::sqlite::SqliteRow) -> Result<AccountRow, StoreError> {
    Ok(AccountRow {
        id: AccountId::stored(row.get(0)),
        login: Login::try_from(row.get::<String, _>(1)).map_err(|_| StoreError::Row("login"))?,
        name: row.get(2),
        enabled: row.get::<i64, _>(3) != 0,
        password_set: OffsetDateTime::from_unix_timestamp(row.get(4)).map_err(|_| StoreError::Row("time"))?,
    })
}

fn standing(text: String) -> Result<Standing, StoreError> {
    Standing::ALL.into_iter().find(|s| s.name() == text).ok_or(StoreError::Row("site standing"))
}
