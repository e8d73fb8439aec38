//! View tickets, by the hash of their secret.

use sqlx::Row;
use time::OffsetDateTime;

use super::{Reads, Store, StoreError, Work};
use crate::id::{AccountId, EngagementId};

/// A ticket's row.
#[derive(Debug, Clone)]
pub struct TicketRow {
    pub account: AccountId,
    pub engagement: EngagementId,
    /// The only workstation that may use it.
    pub certificate: Option<[u8; 32]>,
    pub expires: OffsetDateTime,
}

impl Store {
    /// Uses up every ticket; gives how many there were.
    pub async fn void_tickets(&self) -> Result<u64, StoreError> {
        self.run(sqlx::query("UPDATE tickets SET used = 1 WHERE used = 0")).await
    }
}

impl Work<'_> {
    /// Stores a ticket by its hash, and forgets those that expired an hour ago.
    pub async fn add_ticket(&self, hash: &[u8], ticket: &TicketRow) -> Result<(), StoreError> {
        let expires = ticket.expires.unix_timestamp();
        self.run(sqlx::query("DELETE FROM tickets WHERE expires < $1").bind(expires - 3600)).await?;
        let row = sqlx::query(
            "INSERT INTO tickets (hash, account, engagement, expires, certificate, used) VALUES ($1, $2, $3, $4, $5, 0)",
        );
        let row = row.bind(hash).bind(ticket.account.as_str()).bind(ticket.engagement.as_str()).bind(expires);
        self.run(row.bind(ticket.certificate.map(|fingerprint| fingerprint.to_vec()))).await.map(|_| ())
    }

    /// Consumes a ticket: whoever comes second finds none.
    pub async fn take_ticket(&self, hash: &[u8]) -> Result<Option<TicketRow>, StoreError> {
        let ticket = sqlx::query(
            "UPDATE tickets SET used = 1 WHERE hash = $1 AND used = 0 RETURNING account, engagement, expires, certificate",
        );
        let rows = self.rows(ticket.bind(hash)).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let certificate = row.get::<Option<Vec<u8>>, _>(3);
        Ok(Some(TicketRow {
            account: AccountId::stored(row.get(0)),
            engagement: EngagementId::stored(row.get(1)),
            certificate: certificate.map(|b| b.try_into().map_err(|_| StoreError::Row("certificate"))).transpose()?,
            expires: OffsetDateTime::from_unix_timestamp(row.get(2)).map_err(|_| StoreError::Row("time"))?,
        }))
    }

    /// Uses up the tickets of an account.
    pub async fn void_tickets_of(&self, account: &AccountId) -> Result<(), StoreError> {
        self.run(sqlx::query("UPDATE tickets SET used = 1 WHERE account = $1").bind(account.as_str())).await.map(|_| ())
    }
}
