//! How people come in: enrolment codes, logins, devices that are known, wrong passwords.

use sqlx::Row;
use time::{Duration, OffsetDateTime};

use super::{Reads, Store, StoreError, Work};
use crate::governance::lockout::Failures;
use crate::id::AccountId;

/// A device that was not seen for so long is a stranger again.
const DEVICE: Duration = Duration::days(90);
/// So many devices of an account are known.
const DEVICES: i64 = 20;

/// Whose login it is, and when it was used last.
#[derive(Debug, Clone)]
pub struct LoginRow {
    pub account: AccountId,
    pub used: OffsetDateTime,
}

impl Store {
    /// Wrong passwords in a row of an account from a device; an empty one stands for all that are not known.
    pub async fn failures(&self, account: &AccountId, device: &[u8]) -> Result<Option<Failures>, StoreError> {
        let row = sqlx::query("SELECT count, last FROM failures WHERE account = $1 AND device = $2");
        let rows = self.rows(row.bind(account.as_str()).bind(device)).await?;
        rows.first().map(|row| Ok(Failures { count: row.get::<i64, _>(0) as u32, last: time(row.get(1))? })).transpose()
    }

    /// One more wrong password, counted at once.
    pub async fn count_failure(&self, account: &AccountId, device: &[u8], now: OffsetDateTime) -> Result<(), StoreError> {
        let row = sqlx::query(
            "INSERT INTO failures (account, device, count, last) VALUES ($1, $2, 1, $3) \
             ON CONFLICT (account, device) DO UPDATE SET count = failures.count + 1, last = excluded.last",
        );
        self.run(row.bind(account.as_str()).bind(device).bind(now.unix_timestamp())).await.map(|_| ())
    }

    /// Whether this device is one of the account's.
    pub async fn is_device_of(&self, device: &[u8], account: &AccountId, now: OffsetDateTime) -> Result<bool, StoreError> {
        let row = sqlx::query("SELECT 1 FROM devices WHERE hash = $1 AND account = $2 AND seen > $3");
        let since = (now - DEVICE).unix_timestamp();
        Ok(!self.rows(row.bind(device).bind(account.as_str()).bind(since)).await?.is_empty())
    }

    /// Whether second factors are derived from this key, by its digest; the first one that is asked for is it.
    pub async fn is_its_key(&self, digest: &str) -> Result<bool, StoreError> {
        let row = sqlx::query("INSERT INTO factor_key (digest) SELECT $1 WHERE NOT EXISTS (SELECT 1 FROM factor_key)");
        self.run(row.bind(digest)).await?;
        let rows = self.rows(sqlx::query("SELECT digest FROM factor_key")).await?;
        Ok(rows.iter().all(|row| row.get::<String, _>(0) == digest))
    }

    /// A login that began since then.
    pub async fn login(&self, hash: &[u8], since: OffsetDateTime) -> Result<Option<LoginRow>, StoreError> {
        let row = sqlx::query("SELECT account, used FROM logins WHERE hash = $1 AND began > $2");
        let rows = self.rows(row.bind(hash).bind(since.unix_timestamp())).await?;
        let login = |row: &sqlx::any::AnyRow| Ok(LoginRow { account: AccountId::stored(row.get(0)), used: time(row.get(1))? });
        rows.first().map(login).transpose()
    }

    /// A login was used now.
    pub async fn use_login(&self, hash: &[u8], now: OffsetDateTime) -> Result<(), StoreError> {
        let row = sqlx::query("UPDATE logins SET used = $1 WHERE hash = $2").bind(now.unix_timestamp()).bind(hash);
        self.run(row).await.map(|_| ())
    }
}

impl Work<'_> {
    /// A code of two halves for one enrolment; one of before counts no more. `asker` is none at genesis.
    pub async fn put_enrolment(
        &self,
        who: &str,
        asker: Option<&[u8]>,
        vouch: &[u8],
        expires: OffsetDateTime,
    ) -> Result<(), StoreError> {
        self.drop_enrolment(who).await?;
        let row = sqlx::query("INSERT INTO enrolments (account, asker, vouch, expires) VALUES ($1, $2, $3, $4)");
        self.run(row.bind(who).bind(asker).bind(vouch).bind(expires.unix_timestamp())).await.map(|_| ())
    }

    pub async fn drop_enrolment(&self, who: &str) -> Result<(), StoreError> {
        self.run(sqlx::query("DELETE FROM enrolments WHERE account = $1").bind(who)).await.map(|_| ())
    }

    /// Uses up an enrolment code. False: it is not this one, or it has expired.
    pub async fn take_enrolment(
        &self,
        who: &str,
        asker: Option<&[u8]>,
        vouch: &[u8],
        now: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let row = match asker {
            Some(asker) => {
                sqlx::query("DELETE FROM enrolments WHERE account = $1 AND vouch = $2 AND expires > $3 AND asker = $4")
                    .bind(who)
                    .bind(vouch)
                    .bind(now.unix_timestamp())
                    .bind(asker)
            }
            None => sqlx::query("DELETE FROM enrolments WHERE account = $1 AND vouch = $2 AND expires > $3 AND asker IS NULL")
                .bind(who)
                .bind(vouch)
                .bind(now.unix_timestamp()),
        };
        Ok(self.run(row).await? == 1)
    }

    /// A login begins; those of the account that have lain unused for a day are forgotten.
    pub async fn add_login(&self, hash: &[u8], account: &AccountId, now: OffsetDateTime) -> Result<(), StoreError> {
        let old = sqlx::query("DELETE FROM logins WHERE account = $1 AND used < $2");
        self.run(old.bind(account.as_str()).bind((now - Duration::days(1)).unix_timestamp())).await?;
        let row = sqlx::query("INSERT INTO logins (hash, account, began, used) VALUES ($1, $2, $3, $4)");
        self.run(row.bind(hash).bind(account.as_str()).bind(now.unix_timestamp()).bind(now.unix_timestamp())).await.map(|_| ())
    }

    /// Whether a login has not ended.
    pub async fn is_login(&self, hash: &[u8]) -> Result<bool, StoreError> {
        Ok(self.row(sqlx::query("SELECT 1 FROM logins WHERE hash = $1").bind(hash)).await?.is_some())
    }

    pub async fn end_login(&self, hash: &[u8]) -> Result<(), StoreError> {
        self.run(sqlx::query("DELETE FROM logins WHERE hash = $1").bind(hash)).await.map(|_| ())
    }

    /// Ends every login of an account, and what it lent.
    pub async fn end_logins(&self, account: &AccountId) -> Result<(), StoreError> {
        self.end_tokens(account).await?;
        self.run(sqlx::query("DELETE FROM logins WHERE account = $1").bind(account.as_str())).await.map(|_| ())
    }

    /// The device is one of the account's from now on; the oldest of too many is forgotten.
    pub async fn know_device(&self, device: &[u8], account: &AccountId, now: OffsetDateTime) -> Result<(), StoreError> {
        let row = sqlx::query(
            "INSERT INTO devices (hash, account, seen) VALUES ($1, $2, $3) ON CONFLICT (hash) DO UPDATE SET seen = excluded.seen",
        );
        self.run(row.bind(device).bind(account.as_str()).bind(now.unix_timestamp())).await?;
        let old = sqlx::query(
            "DELETE FROM devices WHERE account = $1 AND hash NOT IN \
             (SELECT hash FROM devices WHERE account = $2 ORDER BY seen DESC, hash LIMIT $3)",
        );
        self.run(old.bind(account.as_str()).bind(account.as_str()).bind(DEVICES)).await.map(|_| ())
    }

    /// The right password came from this device.
    pub async fn forget_failures(&self, account: &AccountId, device: &[u8]) -> Result<(), StoreError> {
        let row = sqlx::query("DELETE FROM failures WHERE account = $1 AND device = $2");
        self.run(row.bind(account.as_str()).bind(device)).await.map(|_| ())
    }

    /// Every way into an account is open again.
    pub async fn unlock(&self, account: &AccountId) -> Result<(), StoreError> {
        self.run(sqlx::query("DELETE FROM failures WHERE account = $1").bind(account.as_str())).await.map(|_| ())
    }

    /// Nothing of what an account's owner had proved counts any more: logins, devices, enrolment.
    pub async fn forget_entry(&self, account: &AccountId) -> Result<(), StoreError> {
        self.end_logins(account).await?;
        self.run(sqlx::query("DELETE FROM devices WHERE account = $1").bind(account.as_str())).await?;
        self.drop_enrolment(account.as_str()).await
    }
}

fn time(seconds: i64) -> Result<OffsetDateTime, StoreError> {
    OffsetDateTime::from_unix_timestamp(seconds).map_err(|_| StoreError::Row("time"))
}
