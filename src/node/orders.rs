//! Orders by HTTP, as the node carries them out: the same acts, by the same logins.

use std::net::SocketAddr;
use std::sync::{Arc, PoisonError};

use serde_json::{Value, json};

use super::Shared;
use super::act::{Act, Order, Outcome};
use crate::governance::Secret;
use crate::viewer::{Gate, whose};
use crate::web::{Answer, Orders};

impl Orders for Shared {
    fn knows(&self, address: SocketAddr) -> bool {
        self.is_known(address.ip())
    }

    async fn attempt(&self, address: SocketAddr, local: SocketAddr) -> bool {
        let known = self.is_known(address.ip());
        self.record_attempt([address, local], known, "api").await.is_some()
    }

    fn limited(&self, address: SocketAddr, cause: &'static str) {
        let mut fold = self.fold.lock().unwrap_or_else(PoisonError::into_inner);
        fold.add(address.ip(), cause, self.clock.now());
    }

    fn let_in(&self, address: SocketAddr, known: bool) {
        self.quota().give_back(whose(address.ip()), known);
    }

    async fn order(self: &Arc<Self>, from: SocketAddr, token: Option<Secret>, act: Value) -> (Answer, Value) {
        let act = match serde_json::from_value::<Act>(act) {
            Ok(act) => act,
            Err(error) => {
                return (
                    Answer::Unreadable,
                    json!({ "outcome": "failed", "message": format!("the act cannot be read: {error}") }),
                );
            }
        };
        let shared = Arc::clone(self);
        // Once begun, an act is finished, whoever waits for its answer.
        let done = tokio::spawn(async move { shared.perform_from(Order { token, act }, Some(from)).await }).await;
        let outcome = done.unwrap_or_else(|error| {
            tracing::error!(%error, "an act ended by our own fault");
            Outcome::Failed { message: "the act ended by our own fault; look at the node's logs".to_owned() }
        });
        if let Outcome::Welcome { .. } = &outcome {
            self.remember(from.ip()).await;
        }
        let answer = match &outcome {
            Outcome::Refused { code, .. } => Answer::Refused(code.clone()),
            Outcome::Failed { .. } => Answer::Failed,
            _ => Answer::Done,
        };
        (answer, serde_json::to_value(&outcome).unwrap_or_default())
    }
}
