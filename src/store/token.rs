//! Tokens, known by the hash of their secret.

use super::{Reads, Store, StoreError, Work, document, one, text_of};
use crate::governance::Token;
use crate::id::{AccountId, TokenId};

/// Reading tokens.
pub trait Tokens: Reads {
    fn token(&self, id: &TokenId) -> impl Future<Output = Result<Option<Token>, StoreError>> + Send {
        one(self, "SELECT document FROM tokens WHERE id = $1", id.as_str(), "token")
    }

    fn token_of_secret(&self, hash: &[u8]) -> impl Future<Output = Result<Option<Token>, StoreError>> + Send {
        async move {
            let rows = self.rows(sqlx::query("SELECT document FROM tokens WHERE hash = $1").bind(hash)).await?;
            rows.first().map(|row| document(row, 0, "token")).transpose()
        }
    }

    /// Those of an account, oldest first.
    fn tokens_of(&self, owner: &AccountId) -> impl Future<Output = Result<Vec<Token>, StoreError>> + Send {
        async move {
            let query = sqlx::query("SELECT document FROM tokens WHERE owner = $1 ORDER BY place");
            self.rows(query.bind(owner.as_str())).await?.iter().map(|row| document(row, 0, "token")).collect()
        }
    }
}

impl<R: Reads> Tokens for R {}

impl Store {
    /// A token was used.
    pub async fn use_token(&self, token: &Token) -> Result<(), StoreError> {
        let row = sqlx::query("UPDATE tokens SET document = $1 WHERE id = $2").bind(text_of(token, "token")?);
        self.run(row.bind(token.id.as_str())).await.map(|_| ())
    }
}

impl Work<'_> {
    pub async fn add_token(&self, hash: &[u8], token: &Token) -> Result<(), StoreError> {
        let row = sqlx::query("INSERT INTO tokens (id, hash, owner, document) VALUES ($1, $2, $3, $4)");
        let row = row.bind(token.id.as_str()).bind(hash).bind(token.owner.as_str());
        self.run(row.bind(text_of(token, "token")?)).await.map(|_| ())
    }

    pub async fn end_token(&self, id: &TokenId) -> Result<(), StoreError> {
        self.run(sqlx::query("DELETE FROM tokens WHERE id = $1").bind(id.as_str())).await.map(|_| ())
    }

    /// Ends every token of an account.
    pub async fn end_tokens(&self, owner: &AccountId) -> Result<(), StoreError> {
        self.run(sqlx::query("DELETE FROM tokens WHERE owner = $1").bind(owner.as_str())).await.map(|_| ())
    }
}
