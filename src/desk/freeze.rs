//! Freezing, and how it ends: by two people.

use super::{Actor, Desk, DeskError};
use crate::governance::freeze::Scope;
use crate::governance::policy::short_text;
use crate::governance::{Freeze, Occasion};
use crate::id::FreezeId;
use crate::store::Freezes;
use crate::trace::Event;

impl Desk {
    /// Nobody is let in to what is frozen from now on; what is frozen already is not frozen twice. The node ends its
    /// pictures before it calls this. A reason that cannot be kept stands in nobody's way.
    pub async fn freeze(&self, actor: &Actor, scope: Scope, reason: &str) -> Result<FreezeId, DeskError> {
        let reason = short_text(reason).unwrap_or_else(|_| NO_REASON.to_owned());
        let work = self.store.begin().await?;
        let in_force = work.freezes().await?.into_iter().find(|freeze| freeze.scope == scope);
        let by = actor.account().id.clone();
        let (freeze, kind) = match in_force {
            Some(freeze) => (freeze, "freeze.confirmed"),
            None => (Freeze { id: FreezeId::random(), scope, reason, by, at: self.clock.wall() }, "freeze.begun"),
        };
        if kind == "freeze.begun" {
            work.add_freeze(&freeze).await?;
        }
        let mut event = about(Event::new(kind).outcome("ok").public("freeze", freeze.id.as_str()), &freeze.scope);
        if kind == "freeze.begun" {
            let occasion = Occasion::Frozen { freeze: freeze.id.clone(), scope: freeze.scope.name().to_owned() };
            event = self.tell(&work, Some(actor), &occasion, event).await?.1;
        }
        self.record_told(work, actor.signs(event.sealed("reason", freeze.reason))).await?;
        Ok(freeze.id)
    }
}

/// In place of a reason that is empty or too long.
const NO_REASON: &str = "(sans motif / no reason)";

/// What is frozen, for the trace.
fn about(event: Event, scope: &Scope) -> Event {
    let event = event.public("scope", scope.name());
    match scope {
        Scope::Everything => event,
        Scope::Site { site } => event.sealed("site", site.as_str()),
        Scope::Engagement { engagement } => event.public("engagement", engagement.as_str()),
    }
}
