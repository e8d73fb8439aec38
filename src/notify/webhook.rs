//! A signed POST to a program, in the shape of Standard Webhooks (webhook-id, webhook-timestamp, webhook-signature): the
//! receiver checks who sent it, that it is not old, and that it did not come before.

use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Request, header};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use sha2::Sha256;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use zeroize::Zeroizing;

use super::{NotifyError, aside};
use crate::clock::Clock;
use crate::tls::{Trust, for_site};

/// Where it is posted.
#[derive(Clone)]
pub struct Hook {
    pub host: String,
    pub port: u16,
    /// With its query.
    pub path: String,
    /// Who signed its certificate; without, it is a program of this machine, by plain HTTP.
    pub ca: Option<PathBuf>,
    pub secret: Zeroizing<Vec<u8>>,
}

impl std::fmt::Debug for Hook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hook").field("port", &self.port).field("ca", &self.ca).finish_non_exhaustive()
    }
}

/// What is posted.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    /// The same at each try.
    pub id: &'a str,
    /// JSON.
    pub body: &'a str,
    /// Seconds since 1970: of this try.
    pub at: i64,
}

impl Message<'_> {
    /// `v1,` and the HMAC-SHA256 over id, time and body, in base 64.
    fn signature(&self, secret: &[u8]) -> Option<String> {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret).ok()?;
        mac.update(format!("{}.{}.{}", self.id, self.at, self.body).as_bytes());
        Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
    }
}

impl Hook {
    pub(super) async fn post(&self, message: Message<'_>, clock: &Clock) -> Result<(), NotifyError> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await.map_err(NotifyError::Unreachable)?;
        let request = self.request(message)?;
        let Some(ca) = &self.ca else { return exchange(stream, request).await };
        let (ca, clock) = (ca.clone(), clock.clone());
        let config = aside(move || Ok(for_site(&Trust::Ca(ca), true, &clock)?)).await?;
        let name =
            ServerName::try_from(self.host.clone()).map_err(|error| NotifyError::Unreachable(std::io::Error::other(error)))?;
        let stream = TlsConnector::from(config).connect(name, stream).await.map_err(NotifyError::Tls)?;
        exchange(stream, request).await
    }

    fn request(&self, message: Message<'_>) -> Result<Request<Full<Bytes>>, NotifyError> {
        let host = if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        };
        let request = Request::post(&self.path)
            .header(header::HOST, host)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::USER_AGENT, concat!("lucarne/", env!("CARGO_PKG_VERSION")))
            .header("webhook-id", message.id)
            .header("webhook-timestamp", message.at)
            // A key of any length makes one.
            .header("webhook-signature", message.signature(&self.secret).unwrap_or_default());
        Ok(request.body(Full::from(message.body.to_owned()))?)
    }
}

/// One request on a connection of its own. What the answer says beyond its status is not read.
async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Full<Bytes>>,
) -> Result<(), NotifyError> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let (sending, connection) = (sender.send_request(request), std::pin::pin!(connection));
    let mut sending = std::pin::pin!(sending);
    let answer = tokio::select! {
        biased;
        answer = &mut sending => answer?,
        ended = connection => {
            ended?;
            sending.await?
        }
    };
    match answer.status() {
        status if status.is_success() => Ok(()),
        status => Err(NotifyError::Status(status.as_u16())),
    }
}
