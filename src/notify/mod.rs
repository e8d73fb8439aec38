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

/// A webhook that has not answered by then is tried another time.
const PATIENCE: Duration = Duration::from_secs(30);
/// A relay may look at a mail for long before it takes it (RFC 5321 §4.5.3.2.6): to leave too early is to send it twice.
const RELAYS: Duration = Duration::from_secs(300);

/// Why something was not taken, in words for those who run the node.
#[derive(Debug, thiserror::Error)]
pub enum NotifyError {
    #[error("nothing is set for this way any more, under [alerts]")]
    NoWay,
    #[error("the server did not answer in time")]
    Silent,
    #[error("the server cannot be reached: {0}")]
    Unreachable(std::io::Error),
    #[error("the server cannot be trusted ({0}); look at `ca`")]
    Tls(std::io::Error),
    #[error("{0}; it is the `ca` of [alerts]")]
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
        self.in_time(RELAYS, relay.send(mail)).await
    }

    /// Posts to the webhook, signed.
    pub async fn post(&self, message: Message<'_>) -> Result<(), NotifyError> {
        let hook = self.ways.hook.as_ref().ok_or(NotifyError::NoWay)?;
        self.in_time(PATIENCE, hook.post(message, &self.clock)).await
    }

    async fn in_time(
        &self,
        patience: Duration,
        sending: impl Future<Output = Result<(), NotifyError>>,
    ) -> Result<(), NotifyError> {
        self.clock.within(self.clock.now() + patience, sending).await.map_err(|_| NotifyError::Silent)?
    }
}

/// What reads files does so on a thread of its own: a folder that does not answer keeps nobody else waiting.
async fn aside<T: Send + 'static>(reading: impl FnOnce() -> Result<T, NotifyError> + Send + 'static) -> Result<T, NotifyError> {
    tokio::task::spawn_blocking(reading).await.map_err(|_| NotifyError::Silent)?
}
