//! Accounts, their passwords and their second factors.

use sqlx::Row;
use time::OffsetDateTime;

use super::{Page, Reads, Store, StoreError, Work, document, one, page, text_of};
use crate::governance::{Account, Login};
use crate::id::AccountId;

/// What an account's owner proves to be.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// Argon2id; empty before enrolment.
    pub password: String,
    /// What the second factor is derived from, if there is one.
    pub factor: Option<Vec<u8>>,
}

/// Reading accounts.
pub trait Accounts: Reads {
    fn account(&self, login: &Login) -> impl Future<Output = Result<Option<Account>, StoreError>> + Send {
        one(self, "SELECT document FROM accounts WHERE login = $1", login.as_str(), "account")
    }

    fn account_of(&self, id: &AccountId) -> impl Future<Output = Result<Option<Account>, StoreError>> + Send {
        one(self, "SELECT document FROM accounts WHERE id = $1", id.as_str(), "account")
    }

    fn accounts(&self) -> impl Future<Output = Result<Vec<Account>, StoreError>> + Send {
        async move {
            let rows = self.rows(sqlx::query("SELECT document FROM accounts ORDER BY login")).await?;
            rows.iter().map(|row| document(row, 0, "account")).collect()
        }
    }

    /// So many, in the order of their logins, after one.
    fn accounts_after(
        &self,
        login: Option<&str>,
        limit: usize,
    ) -> impl Future<Output = Result<Page<Account>, StoreError>> + Send {
        let query = "SELECT document FROM accounts WHERE login > $1 ORDER BY login LIMIT $2";
        page(self, query, Some(login.unwrap_or_default()), limit, "account")
    }

    fn credentials(&self, id: &AccountId) -> impl Future<Output = Result<Option<Credentials>, StoreError>> + Send {
        async move {
            let row = sqlx::query("SELECT password, factor FROM accounts WHERE id = $1").bind(id.as_str());
            Ok(self.rows(row).await?.first().map(|row| Credentials { password: row.get(0), factor: row.get(1) }))
        }
    }
}

impl<R: Reads> Accounts for R {}

impl Store {
    /// The hash of an account's password, and those of as many former ones, newest first.
    pub async fn passwords(&self, account: &AccountId, former: usize) -> Result<Vec<String>, StoreError> {
        let now = sqlx::query("SELECT password FROM accounts WHERE id = $1 AND password <> ''").bind(account.as_str());
        let before = sqlx::query("SELECT password FROM former_passwords WHERE account = $1 ORDER BY place DESC LIMIT $2");
        let mut rows = self.rows(now).await?;
        rows.extend(self.rows(before.bind(account.as_str()).bind(former as i64)).await?);
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }
}

impl Work<'_> {
    pub async fn add_account(&self, account: &Account) -> Result<(), StoreError> {
        let row = sqlx::query("INSERT INTO accounts (id, login, password, step, document) VALUES ($1, $2, '', 0, $3)");
        let row = row.bind(account.id.as_str()).bind(account.login.as_str()).bind(text_of(account, "account")?);
        match self.run(row).await {
            Err(error) if error.is_taken() => Err(StoreError::LoginTaken(account.login.as_str().to_owned())),
            other => other.map(|_| ()),
        }
    }

    pub async fn save_account(&self, account: &Account) -> Result<(), StoreError> {
        let row = sqlx::query("UPDATE accounts SET document = $1 WHERE id = $2").bind(text_of(account, "account")?);
        self.run(row.bind(account.id.as_str())).await.map(|_| ())
    }

    /// Replaces a password if it is still the one that was looked at, and keeps so many former ones. False: it is not.
    pub async fn set_password(
        &self,
        account: &AccountId,
        from: &str,
        to: &str,
        now: OffsetDateTime,
        keep: usize,
    ) -> Result<bool, StoreError> {
        let row = sqlx::query("UPDATE accounts SET password = $1 WHERE id = $2 AND password = $3");
        if self.run(row.bind(to).bind(account.as_str()).bind(from)).await? == 0 {
            return Ok(false);
        }
        if !from.is_empty() {
            let row = sqlx::query("INSERT INTO former_passwords (account, password, replaced) VALUES ($1, $2, $3)");
            self.run(row.bind(account.as_str()).bind(from).bind(now.unix_timestamp())).await?;
        }
        let old = sqlx::query(
            "DELETE FROM former_passwords WHERE account = $1 AND place NOT IN \
             (SELECT place FROM former_passwords WHERE account = $2 ORDER BY place DESC LIMIT $3)",
        );
        self.run(old.bind(account.as_str()).bind(account.as_str()).bind(keep as i64)).await?;
        Ok(true)
    }

    /// A new second factor, with its recovery codes by their hashes; those of before count no more.
    pub async fn set_factor(&self, account: &AccountId, factor: &[u8], recovery: &[Vec<u8>]) -> Result<(), StoreError> {
        let row = sqlx::query("UPDATE accounts SET factor = $1, step = 0 WHERE id = $2");
        self.run(row.bind(factor).bind(account.as_str())).await?;
        self.run(sqlx::query("DELETE FROM recovery_codes WHERE account = $1").bind(account.as_str())).await?;
        for hash in recovery {
            let row = sqlx::query("INSERT INTO recovery_codes (hash, account) VALUES ($1, $2)");
            self.run(row.bind(hash.as_slice()).bind(account.as_str())).await?;
        }
        Ok(())
    }

    /// Uses up a step of the second factor. False: it, or a later one, was used before.
    pub async fn use_step(&self, account: &AccountId, step: u64) -> Result<bool, StoreError> {
        let step = i64::try_from(step).map_err(|_| StoreError::Row("step"))?;
        let row = sqlx::query("UPDATE accounts SET step = $1 WHERE id = $2 AND step < $3");
        Ok(self.run(row.bind(step).bind(account.as_str()).bind(step)).await? == 1)
    }

    /// Uses up a recovery code. False: there is none such.
    pub async fn use_recovery(&self, account: &AccountId, hash: &[u8]) -> Result<bool, StoreError> {
        let row = sqlx::query("DELETE FROM recovery_codes WHERE hash = $1 AND account = $2").bind(hash);
        Ok(self.run(row.bind(account.as_str())).await? == 1)
    }
}
