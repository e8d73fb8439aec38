//! View tickets, by the hash of their secret.

use sqlx::Row;
use time::OffsetDateTime;

use super::account::account_row;
use super::{Store, StoreError, Work};
use crate::governance::admission::TicketFacts;
use crate::id::{AccountId, SiteName};

impl Store {
    /// Uses up every ticket; gives how many there were.
    pub async fn void_tickets(&self) -> Result<u64, StoreError> {
        self.run(sqlx::query("UPDATE tickets SET used = 1 WHERE used = 0")).await
    }
}

impl Work<'_> {
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
        self.run(old).await?;
        let row =
            sqlx::query("INSERT INTO tickets (hash, account, site, expires, certificate, used) VALUES ($1, $2, $3, $4, $5, 0)");
        let row = row.bind(hash).bind(account.as_str()).bind(site.as_str()).bind(expires.unix_timestamp());
        self.run(row.bind(certificate.map(|fingerprint| fingerprint.to_vec()))).await.map(|_| ())
    }

    /// Consumes a ticket: whoever comes second finds none.
    pub async fn take_ticket(&mut self, hash: &[u8]) -> Result<Option<TicketFacts>, StoreError> {
        let ticket =
            sqlx::query("UPDATE tickets SET used = 1 WHERE hash = $1 AND used = 0 RETURNING account, site, expires, certificate");
        let Some(ticket) = self.row(ticket.bind(hash)).await? else { return Ok(None) };
        let account = sqlx::query("SELECT id, login, name, enabled, password_set FROM accounts WHERE id = $1")
            .bind(ticket.get::<String, _>(0));
        let account = account_row(&self.row(account).await?.ok_or(StoreError::Row("ticket without an account"))?)?;
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
