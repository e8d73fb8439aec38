//! MAIL AND WEBHOOKS: carries a text to somebody elsewhere, and says whether it was taken.
//!
//! This room decides nothing and keeps nothing: who is told of what, and how often that is tried, is said elsewhere. It
//! sends no picture, as it cannot name one.

mod mail;
mod webhook;

use std::sync::Arc;
use std::time::Duration;

use crate::clock::Clock;
pub use mail::{Mail, Relay, Security};
pub use webhook::{Hook, Message};

/// A server that has not taken it by then is tried another time.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why something was not taken, in words for those who run the node.
#[derive(Debug, thiserror::Error)]
pub enum NotifyError {
    #[error("nothing is set for this way any more, under [alerts]")]
    NoWay,
    #[error("the server did not answer within {} seconds", PATIENCE.as_secs())]
    Silent,
    #[error("the server cannot be reached: {0}")]
    Unreachable(std::io::Error),
    #[error("the server cannot be trusted: {0}")]
    Trust(#[from] crate::tls::TlsError),
    #[error("the mail was not taken: {0}")]
    Mail(String),
    #[error("the webhook answered {0} instead of 2xx")]
    Status(u16),
    #[error("the webhook's answer is no HTTP: {0}")]
    Http(#[from] hyper::Error),
    #[error("the request cannot be made: {0}")]
    Request(#[from] hyper::http::Error),
}

/// The ways that are set.
#[derive(Debug, Clone, Default)]
pub struct Ways {
    pub relay: Option<Relay>,
    pub hook: Option<Hook>,
}

/// Sends.
#[derive(Debug, Clone)]
pub struct Notifier {
    ways: Arc<Ways>,
    clock: Clock,
}

impl Notifier {
    pub fn new(ways: Ways, clock: Clock) -> Self {
        Self { ways: Arc::new(ways), clock }
    }

    /// Hands a mail to the relay.
    pub async fn mail(&self, mail: Mail<'_>) -> Result<(), NotifyError> {
        let relay = self.ways.relay.as_ref().ok_or(NotifyError::NoWay)?;
        self.in_time(relay.send(mail)).await
    }

    /// Posts to the webhook, signed.
    pub async fn post(&self, message: Message<'_>) -> Result<(), NotifyError> {
        let hook = self.ways.hook.as_ref().ok_or(NotifyError::NoWay)?;
        self.in_time(hook.post(message, &self.clock)).await
    }

    async fn in_time(&self, sending: impl Future<Output = Result<(), NotifyError>>) -> Result<(), NotifyError> {
        self.clock.within(self.clock.now() + PATIENCE, sending).await.map_err(|_| NotifyError::Silent)?
    }
}
