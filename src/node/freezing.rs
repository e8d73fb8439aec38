//! The switch that ends pictures: everything, a site, an engagement. It acts before it is recorded.

use anyhow::Context;

use super::Shared;
use super::act::{Act, Frozen, Outcome};
use super::perform::done;
use crate::desk::{Actor, DeskError};
use crate::governance::freeze::Scope;
use crate::governance::{Refusal, Standing};
use crate::id::SiteName;
use crate::store::{Accounts, Freezes};
use crate::viewer::Ending;

impl Shared {
    pub(super) async fn about_freezes(&self, actor: &Actor, act: Act) -> anyhow::Result<Outcome> {
        match act {
            Act::Freeze { scope, reason } => self.freeze(actor, scope, &reason).await,
            Act::ListFreezes => self.list_freezes().await,
            _ => Err(DeskError::from(Refusal::NotYourRole).into()),
        }
    }

    /// Ends all of it at once, writes the freeze down, ends what a Show opened meanwhile, and then writes down each site's
    /// end.
    async fn freeze(&self, actor: &Actor, scope: Scope, reason: &str) -> anyhow::Result<Outcome> {
        // A name that was mistyped must not look like a freeze.
        if let Scope::Site { site } = &scope {
            self.site(site)?;
        }
        let mut over = self.end_frozen(&scope);
        let frozen = self.desk.freeze(actor, scope.clone(), reason).await;
        over.extend(self.end_frozen(&scope));
        let mut recorded = Ok(());
        for name in over {
            let one = self.take_away(Some(actor), name, Standing::Stopped, Refusal::Frozen.code()).await;
            recorded = recorded.and(one);
        }
        let freeze = frozen?;
        let told = format!("{scope} is frozen as {freeze}; two people lift it: lucarne freeze lift {freeze}");
        recorded.with_context(|| format!("{told}. Not all of it could be written down"))?;
        Ok(done(told))
    }

    /// The sites that were shown.
    fn end_frozen(&self, scope: &Scope) -> Vec<&SiteName> {
        let mut over = Vec::new();
        for (name, handle) in &self.sites {
            let stands = handle.state.borrow().standing != Standing::Stopped;
            if stands && scope.covers(name, handle.engagement().as_ref()) {
                self.end_at_once(name, handle, Standing::Stopped, Ending::Refused(Refusal::Frozen));
                over.push(name);
            }
        }
        over
    }

    async fn list_freezes(&self) -> anyhow::Result<Outcome> {
        let mut freezes = Vec::new();
        for freeze in self.desk.store().freezes().await? {
            let by = self.desk.store().account_of(&freeze.by).await?;
            freezes.push(Frozen { by: by.map(|account| account.login.as_str().to_owned()), freeze });
        }
        Ok(Outcome::Freezes { freezes })
    }
}
