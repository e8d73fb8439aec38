//! The switch that ends pictures: everything, a site, an engagement. It acts before it is recorded.

use super::Shared;
use super::act::{Act, Frozen, Outcome};
use super::perform::done;
use crate::desk::{Actor, DeskError};
use crate::governance::freeze::Scope;
use crate::governance::{Refusal, Standing};
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

    async fn freeze(&self, actor: &Actor, scope: Scope, reason: &str) -> anyhow::Result<Outcome> {
        // A name that was mistyped must not look like a freeze.
        if let Scope::Site { site } = &scope {
            self.site(site)?;
        }
        let stopped = self.stop_frozen(actor, &scope).await;
        let freeze = self.desk.freeze(actor, scope.clone(), reason).await?;
        // A Show that was on its way has come to nothing by now, or is seen.
        self.stop_frozen(actor, &scope).await?;
        stopped?;
        Ok(done(format!("{} is frozen as {freeze}; two people lift it: lucarne freeze lift {freeze}", scope.name())))
    }

    /// All of it at once, then each site with its entry.
    async fn stop_frozen(&self, actor: &Actor, scope: &Scope) -> anyhow::Result<()> {
        let mut over = Vec::new();
        for (name, handle) in &self.sites {
            let stands = handle.state.borrow().standing != Standing::Stopped;
            if stands && scope.covers(name, handle.engagement().as_ref()) {
                handle.stand(Standing::Stopped);
                handle.stop_source();
                self.end_sessions(Ending::Refused(Refusal::Frozen), |running| running.site == *name);
                over.push(name);
            }
        }
        let mut stopped = Ok(());
        for name in over {
            let one = self.take_away(Some(actor), name, Standing::Stopped, Refusal::Frozen.code()).await;
            stopped = stopped.and(one);
        }
        stopped
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
