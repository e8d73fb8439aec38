//! Tokens: made by their owner with a second factor, used by programs, ended by their owner or whoever may disable accounts.

use std::collections::BTreeSet;

use time::OffsetDateTime;
use zeroize::Zeroizing;

use super::{Actor, Desk, DeskError, hash, letters};
use crate::governance::{Refusal, Right, Token};
use crate::id::TokenId;
use crate::store::{Accounts, Tokens};
use crate::trace::Event;

/// What a token begins with, so that people and programs tell it from other secrets.
pub(super) const TOKEN: &str = "lct-";
/// So many of one person.
const TOKENS: usize = 20;

impl Desk {
    /// The secret is told once.
    pub async fn issue_token(
        &self,
        actor: &Actor,
        label: &str,
        rights: BTreeSet<Right>,
        ends: OffsetDateTime,
        code: &str,
    ) -> Result<(TokenId, Zeroizing<String>), DeskError> {
        let (owner, now) = (actor.account(), self.clock.wall());
        if rights.iter().any(|right| !owner.roles.may(*right, None)) {
            return Err(Refusal::NotYourRole.into());
        }
        let token = Token::new(owner.id.clone(), label, rights, [now, ends])?;
        let secret = Zeroizing::new(format!("{TOKEN}{}", letters::<26>().as_str()));
        self.count_again(owner).await?;
        let work = self.store.begin().await?;
        // A password that was changed meanwhile has ended this login; what it lends now would outlive that.
        let stands = work.account_of(&owner.id).await?.is_some_and(|account| account.stands(&self.policy, now).is_ok());
        if !stands || !work.is_login(actor.login()).await? {
            return Err(Refusal::SessionOver.into());
        }
        let there = work.tokens_of(&owner.id).await?;
        for over in there.iter().filter(|token| token.stands(now).is_err()) {
            work.end_token(&over.id).await?;
        }
        if there.iter().filter(|token| token.stands(now).is_ok()).count() >= TOKENS {
            return Err(Refusal::TokensFull.into());
        }
        self.show_again(&work, owner, code).await?;
        work.add_token(&hash(&secret), &token).await?;
        let rights: Vec<&str> = token.rights.iter().map(|right| right.name()).collect();
        let event = Event::new("token.issued").outcome("ok").public("token", token.id.as_str()).public("rights", rights);
        self.record(work, event.sealed("account", owner.id.as_str()).sealed("label", token.label.as_str())).await?;
        Ok((token.id, secret))
    }

    /// One's own, or those of a login for who sees accounts.
    pub async fn tokens(&self, actor: &Actor, login: Option<&str>) -> Result<Vec<Token>, DeskError> {
        let owner = match login {
            None => actor.account().id.clone(),
            Some(_) if !actor.account().roles.may(Right::SeeAccounts, None) => return Err(Refusal::NotYourRole.into()),
            Some(login) => self.account_named(login).await?,
        };
        Ok(self.store.tokens_of(&owner).await?)
    }

    pub async fn end_token(&self, actor: &Actor, id: &TokenId) -> Result<(), DeskError> {
        let work = self.store.begin().await?;
        let token = work.token(id).await?.ok_or(Refusal::TokenUnknown)?;
        if token.owner != actor.account().id && !actor.account().roles.may(Right::Disable, None) {
            return Err(Refusal::TokenUnknown.into());
        }
        work.end_token(id).await?;
        let event = Event::new("token.ended").outcome("ok").public("token", id.as_str());
        let event = actor.signs(event.sealed("account", token.owner.as_str()));
        self.record(work, event).await.map(|_| ())
    }

    /// The person whose token this is, with what was lent.
    pub(super) async fn actor_by_token(&self, secret: &str) -> Result<Actor, DeskError> {
        let now = self.clock.wall();
        let token = self.store.token_of_secret(&hash(secret)).await?.ok_or(Refusal::TokenOver)?;
        token.stands(now)?;
        let account = self.store.account_of(&token.owner).await?.ok_or(Refusal::TokenOver)?;
        if account.is_asleep(&self.policy, now) {
            return Err(Refusal::AccountAsleep.into());
        }
        self.actor_of(account, Vec::new(), Some(token), None).await
    }
}
