//! Orders by HTTP, as the node carries them out: the same acts, by the same logins.

use std::mem::discriminant;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError};

use serde_json::{Map, Value, json};

use super::Shared;
use super::act::{Act, Order, Outcome, openapi};
use crate::governance::{Secret, Verdict};
use crate::id::ConnectionId;
use crate::viewer::{Ends, Gate, whose};
use crate::web::{Answer, Orders, Origin};

impl Orders for Shared {
    fn knows(&self, address: SocketAddr) -> bool {
        self.is_known(address.ip())
    }

    async fn attempt(&self, ends: Ends, door: &'static str) -> Option<ConnectionId> {
        let known = self.is_known(ends.address.ip());
        self.record_attempt(ends, known, door).await
    }

    fn limited(&self, address: SocketAddr, cause: &'static str) {
        let mut fold = self.fold.lock().unwrap_or_else(PoisonError::into_inner);
        fold.add(address.ip(), cause, self.clock.now());
    }

    fn let_in(&self, address: SocketAddr, known: bool) {
        self.quota().give_back(whose(address.ip()), known);
    }

    async fn order(
        self: &Arc<Self>,
        from: Origin,
        token: Option<Secret>,
        act: &str,
        says: Map<String, Value>,
    ) -> (Answer, Value) {
        let not_done = |message: String| json!({ "outcome": "not_done", "message": message });
        if !Act::ALL.iter().any(|about| about.name == act) {
            return (Answer::NoSuchAct, not_done(format!("there is no act {act:?}; GET /v1/openapi.json lists them")));
        }
        let act = match read(act, says) {
            Ok(act) => act,
            Err(message) => return (Answer::Unreadable, not_done(message)),
        };
        let (shared, address) = (Arc::clone(self), from.address.ip());
        // Once begun, an act is finished, whoever waits for its answer.
        let done = tokio::spawn(async move { shared.perform_from(Order { token, act }, Some(from)).await }).await;
        let outcome = done.unwrap_or_else(|error| {
            tracing::error!(%error, "an act ended by our own fault");
            Outcome::Failed { message: "the act ended by our own fault; look at the node's logs".to_owned() }
        });
        let is_in = matches!(outcome, Outcome::Welcome { .. });
        let answer = match &outcome {
            Outcome::Refused { code, .. } => Answer::Refused(Verdict::of(code)),
            Outcome::NotDone { .. } => Answer::NotDone,
            Outcome::Failed { .. } => Answer::Failed,
            _ => Answer::Done,
        };
        // Programs do not log in: what their tokens do makes an address known.
        if is_in || (matches!(answer, Answer::Done) && !self.is_known(address)) {
            self.remember(address).await;
        }
        (answer, serde_json::to_value(&outcome).unwrap_or_default())
    }

    fn openapi() -> Value {
        openapi()
    }
}

/// An act by its name and what it says. What nothing reads was mistyped: it must not look as if it counted.
fn read(name: &str, mut says: Map<String, Value>) -> Result<Act, String> {
    if says.insert("act".to_owned(), name.into()).is_some() {
        return Err("the path says which act it is: leave `act` out".to_owned());
    }
    let given = Value::Object(says);
    let act: Act = serde_json::from_value(given.clone()).map_err(|error| format!("{name} cannot be read: {error}"))?;
    let known = serde_json::to_value(&act).unwrap_or_default();
    match unread(&given, &known) {
        Some(field) => Err(format!("{name} has no such field as {field:?}")),
        None => Ok(act),
    }
}

/// A field that is not among those that were read, or was read as something else: serde takes numbers for names.
fn unread(given: &Value, known: &Value) -> Option<String> {
    match (given, known) {
        (Value::Object(given), Value::Object(known)) => given.iter().find_map(|(name, value)| {
            let known = known.get(name).filter(|known| discriminant(value) == discriminant(*known));
            known.map_or_else(|| Some(name.clone()), |known| unread(value, known))
        }),
        (Value::Array(given), Value::Array(known)) => given.iter().zip(known).find_map(|(given, known)| {
            if discriminant(given) == discriminant(known) { unread(given, known) } else { Some(given.to_string()) }
        }),
        _ => None,
    }
}
