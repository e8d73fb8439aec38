//! Tokens, as their owners order them.

use super::Shared;
use super::act::{Act, Outcome};
use super::perform::done;
use crate::desk::{Actor, DeskError};
use crate::governance::Refusal;

impl Shared {
    pub(super) async fn about_tokens(&self, actor: &Actor, act: Act) -> anyhow::Result<Outcome> {
        match act {
            Act::IssueToken { label, rights, ends, code } => {
                let (token, secret) = self.desk.issue_token(actor, &label, rights, ends, code.as_str()).await?;
                Ok(Outcome::Token { token, secret: secret.as_str().into() })
            }
            Act::ListTokens { login } => Ok(Outcome::Tokens { tokens: self.desk.tokens(actor, login.as_deref()).await? }),
            Act::EndToken { token } => {
                self.desk.end_token(actor, &token).await?;
                Ok(done(format!("{token} lets nobody in any more")))
            }
            _ => Err(DeskError::from(Refusal::NotYourRole).into()),
        }
    }
}
