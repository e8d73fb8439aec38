//! Freezing, and how it ends: by two people.

use super::{Actor, Desk, DeskError};
use crate::governance::Freeze;
use crate::governance::freeze::Scope;
use crate::governance::policy::short_text;
use crate::id::FreezeId;
use crate::trace::Event;

impl Desk {
    /// Nobody is let in to what is frozen from now on. The node ends its pictures before it calls this.
    pub async fn freeze(&self, actor: &Actor, scope: Scope, reason: &str) -> Result<FreezeId, DeskError> {
        let (reason, by) = (short_text(reason)?, actor.account().id.clone());
        let freeze = Freeze { id: FreezeId::random(), scope, reason, by, at: self.clock.wall() };
        let work = self.store.begin().await?;
        work.add_freeze(&freeze).await?;
        let event = about(Event::new("freeze.begun").outcome("ok").public("freeze", freeze.id.as_str()), &freeze.scope);
        self.record(work, event.sealed("reason", freeze.reason).sealed("by", actor.account().id.as_str())).await?;
        Ok(freeze.id)
    }
}

/// What is frozen, for the trace.
fn about(event: Event, scope: &Scope) -> Event {
    let event = event.public("scope", scope.name());
    match scope {
        Scope::Everything => event,
        Scope::Site { site } => event.sealed("site", site.as_str()),
        Scope::Engagement { engagement } => event.public("engagement", engagement.as_str()),
    }
}
