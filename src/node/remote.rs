//! Orders given to a node elsewhere: by HTTP inside TLS, one connection for each.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Request, Uri, header};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::act::{Order, Outcome};
use crate::clock::Clock;
use crate::tls::for_node;

/// The longest answer, in bytes: a page of a list is a part of it.
const MAX_ANSWER: usize = 16 << 20;
/// Long enough to hear how a site's opening went.
const PATIENCE: Duration = Duration::from_secs(40);

/// A node that takes orders by HTTP (`[api]`).
pub struct Remote {
    host: String,
    port: u16,
    tls: Arc<ClientConfig>,
}

impl Remote {
    /// `url`: `https://HOST[:PORT]`. `ca`: who signed the node's certificate. `identity`: the certificate of this
    /// workstation and its key, in one file (PEM).
    pub fn new(url: &str, ca: &Path, identity: Option<&Path>, clock: &Clock) -> Result<Self> {
        let wrong = || anyhow!("{url:?} is no node's address: write https://HOST:PORT, such as https://proxy.example.org:5943");
        let uri: Uri = url.parse().map_err(|_| wrong())?;
        let is_bare = uri.path() == "/" && uri.query().is_none();
        let host = uri.host().filter(|_| uri.scheme_str() == Some("https") && is_bare).ok_or_else(wrong)?;
        Ok(Self {
            host: host.trim_start_matches('[').trim_end_matches(']').to_owned(),
            port: uri.port_u16().unwrap_or(443),
            tls: Arc::new(for_node(ca, identity, clock)?),
        })
    }

    /// As people write it.
    pub fn name(&self) -> String {
        if self.host.contains(':') { format!("[{}]:{}", self.host, self.port) } else { format!("{}:{}", self.host, self.port) }
    }

    /// Orders something; `None`: nobody answers there.
    pub async fn order(&self, order: &Order, clock: &Clock) -> Result<Option<Outcome>> {
        let late = |_| anyhow!("{} did not answer in {} s; look at its logs", self.name(), PATIENCE.as_secs());
        clock.within(clock.now() + PATIENCE, self.exchange(order)).await.map_err(late)?
    }

    async fn exchange(&self, order: &Order) -> Result<Option<Outcome>> {
        let Ok(tcp) = TcpStream::connect((self.host.as_str(), self.port)).await else { return Ok(None) };
        let name = ServerName::try_from(self.host.clone())?;
        // TLS 1.3 tells of a certificate that was not taken with the first byte that is read.
        let closed = || {
            format!(
                "{} closed the connection: it may not answer your network, or so often, or not take this certificate",
                self.name()
            )
        };
        let tls = TlsConnector::from(Arc::clone(&self.tls)).connect(name, tcp).await;
        let tls = tls.with_context(|| format!("TLS with {}: is --ca who signed its certificate?", self.name()))?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(tls)).await.with_context(closed)?;
        let _connection = Aborted(tokio::spawn(connection).abort_handle());
        let answer = sender.send_request(self.request(order)?).await.with_context(closed)?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), MAX_ANSWER).collect().await;
        let body = body.map_err(|error| anyhow!("{}'s answer broke off: {error}", self.name()))?.to_bytes();
        match serde_json::from_slice(&body) {
            Ok(outcome) => Ok(Some(outcome)),
            Err(_) => bail!("{} answered {status} in words that no node of this version uses", self.name()),
        }
    }

    fn request(&self, order: &Order) -> Result<Request<Full<Bytes>>> {
        let mut says = serde_json::to_value(&order.act)?;
        if let Value::Object(says) = &mut says {
            says.remove("act");
        }
        let request = Request::post(format!("/v1/acts/{}", order.act.name()))
            .header(header::HOST, self.name())
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::USER_AGENT, concat!("lucarne/", env!("CARGO_PKG_VERSION")));
        let request = match &order.token {
            Some(token) => request.header(header::AUTHORIZATION, format!("Bearer {}", token.as_str())),
            None => request,
        };
        Ok(request.body(Full::from(says.to_string()))?)
    }
}

/// A task that ends with whoever waits for its work.
struct Aborted(tokio::task::AbortHandle);

impl Drop for Aborted {
    fn drop(&mut self) {
        self.0.abort();
    }
}
