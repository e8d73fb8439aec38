//! Accounts and their passwords.

use sqlx::Row;
use sqlx::any::AnyRow;
use time::OffsetDateTime;

use super::{Store, StoreError, Work};
use crate::governance::Login;
use crate::id::AccountId;

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

pub(super) fn account_row(row: &AnyRow) -> Result<AccountRow, StoreError> {
    Ok(AccountRow {
        id: AccountId::stored(row.get(0)),
        login: Login::try_from(row.get::<String, _>(1)).map_err(|_| StoreError::Row("login"))?,
        name: row.get(2),
        enabled: row.get::<i64, _>(3) != 0,
        password_set: OffsetDateTime::from_unix_timestamp(row.get(4)).map_err(|_| StoreError::Row("time"))?,
    })
}

impl Store {
    pub async fn account(&self, login: &Login) -> Result<Option<AccountRow>, StoreError> {
        let row = sqlx::query("SELECT id, login, name, enabled, password_set FROM accounts WHERE login = $1");
        self.row(row.bind(login.as_str())).await?.map(|row| account_row(&row)).transpose()
    }

    pub async fn is_enabled(&self, account: &AccountId) -> Result<bool, StoreError> {
        let row = self.row(sqlx::query("SELECT enabled FROM accounts WHERE id = $1").bind(account.as_str())).await?;
        Ok(row.is_some_and(|row| row.get::<i64, _>(0) != 0))
    }

    pub async fn accounts(&self) -> Result<Vec<AccountRow>, StoreError> {
        let rows = self.rows(sqlx::query("SELECT id, login, name, enabled, password_set FROM accounts ORDER BY login")).await?;
        rows.iter().map(account_row).collect()
    }

    /// The hash of an account's password, and those of as many former ones, newest first.
    pub async fn passwords(&self, account: &AccountId, former: usize) -> Result<Vec<String>, StoreError> {
        let now = sqlx::query("SELECT password FROM accounts WHERE id = $1").bind(account.as_str());
        let before = sqlx::query("SELECT password FROM former_passwords WHERE account = $1 ORDER BY place DESC LIMIT $2");
        let mut rows = self.rows(now).await?;
        rows.extend(self.rows(before.bind(account.as_str()).bind(former as i64)).await?);
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }
}

impl Work<'_> {
    pub async fn add_account(&mut self, account: &AccountRow, password: &str, now: OffsetDateTime) -> Result<(), StoreError> {
        let row = sqlx::query(
            "INSERT INTO accounts (id, login, name, password, enabled, created, password_set) VALUES ($1, $2, $3, $4, 1, $5, $6)",
        );
        let row = row.bind(account.id.as_str()).bind(account.login.as_str()).bind(account.name.as_str()).bind(password);
        match self.run(row.bind(now.unix_timestamp()).bind(now.unix_timestamp())).await {
            Err(error) if error.is_taken() => Err(StoreError::LoginTaken(account.login.as_str().to_owned())),
            other => other.map(|_| ()),
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
        if self.run(row).await? == 0 {
            return Ok(false);
        }
        let row = sqlx::query("INSERT INTO former_passwords (account, password, replaced) VALUES ($1, $2, $3)");
        self.run(row.bind(account.as_str()).bind(from).bind(now.unix_timestamp())).await?;
        let old = sqlx::query(
            "DELETE FROM former_passwords WHERE account = $1 AND place NOT IN \
             (SELECT place FROM former_passwords WHERE account = $2 ORDER BY place DESC LIMIT $3)",
        );
        self.run(old.bind(account.as_str()).bind(account.as_str()).bind(keep as i64)).await?;
        Ok(true)
    }

    /// False: there is no such account.
    pub async fn enable_account(&mut self, login: &Login, enabled: bool) -> Result<bool, StoreError> {
        let row = sqlx::query("UPDATE accounts SET enabled = $1 WHERE login = $2").bind(i64::from(enabled)).bind(login.as_str());
        Ok(self.run(row).await? == 1)
    }
}
