//! Orders given to a node elsewhere: by HTTP inside TLS.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::HeaderValue;
use hyper::{Request, Uri, header};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::task::AbortHandle;
use tokio_rustls::TlsConnector;
use zeroize::Zeroizing;

use super::act::{Order, Outcome};
use super::control::{MAX_ANSWER, PATIENCE};
use crate::clock::{Clock, Elapsed};
use crate::tls::for_node;

/// Until a connection stands.
const CONNECTING: Duration = Duration::from_secs(10);
/// Where nodes listen for orders, as their settings show it.
const PORT: u16 = 5943;

/// A node that takes orders by HTTP (`[api]`).
pub struct Remote {
    host: String,
    port: u16,
    tls: Arc<ClientConfig>,
    /// The connection of the order before, for as long as the node keeps it. Held while an order goes over it.
    open: Mutex<Option<Open>>,
}

/// A connection, and the task that drives it.
struct Open {
    sender: SendRequest<Full<Bytes>>,
    task: AbortHandle,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Remote {
    /// `url`: `https://HOST[:PORT]`. `ca`: who signed the node's certificate. `identity`: the certificate of this
    /// workstation and its key, in one file (PEM).
    pub fn new(url: &str, ca: &Path, identity: Option<&Path>, clock: &Clock) -> Result<Self> {
        let (host, port) = place(url).ok_or_else(|| {
            anyhow!("{url:?} is no node's address: write https://HOST:PORT, such as https://proxy.example.org:5943")
        })?;
        Ok(Self { host, port, tls: Arc::new(for_node(ca, identity, clock)?), open: Mutex::default() })
    }

    /// As people write it.
    pub fn name(&self) -> String {
        if self.host.contains(':') { format!("[{}]:{}", self.host, self.port) } else { format!("{}:{}", self.host, self.port) }
    }

    /// Orders something; `None`: nobody answers there.
    pub async fn order(&self, order: &Order, clock: &Clock) -> Result<Option<Outcome>> {
        let mut open = self.open.lock().await;
        let sender = match open.take() {
            Some(before) if before.is_ready().await => open.insert(before),
            _ => match clock.within(clock.now() + CONNECTING, self.connect()).await {
                Ok(connected) => match connected? {
                    Some(new) => open.insert(new),
                    None => return Ok(None),
                },
                Err(Elapsed) => return Ok(None),
            },
        };
        let late = |_| {
            anyhow!(
                "{} did not answer in {} s: the order may have been carried out all the same",
                self.name(),
                PATIENCE.as_secs()
            )
        };
        let answered = clock.within(clock.now() + PATIENCE, self.exchange(&mut sender.sender, order)).await.map_err(late);
        if !matches!(answered, Ok(Ok(_))) {
            *open = None;
        }
        answered?.map(Some)
    }

    async fn connect(&self) -> Result<Option<Open>> {
        let tcp = match TcpStream::connect((self.host.as_str(), self.port)).await {
            Ok(tcp) => tcp,
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => return Ok(None),
            Err(error) => bail!("{} cannot be reached: {error}", self.name()),
        };
        let name = ServerName::try_from(self.host.clone())?;
        let tls = match TlsConnector::from(Arc::clone(&self.tls)).connect(name, tcp).await {
            Ok(tls) => tls,
            Err(error) if error.kind() == ErrorKind::InvalidData => {
                bail!("TLS with {}: {error}. Is --ca who signed its certificate?", self.name())
            }
            Err(_) => bail!("{}", self.closed()),
        };
        let (sender, connection) = http1::handshake(TokioIo::new(tls)).await.with_context(|| self.closed())?;
        let task = tokio::spawn(connection).abort_handle();
        Ok(Some(Open { sender, task }))
    }

    /// TLS 1.3 tells of a connection that is not wanted with the first byte that is read.
    fn closed(&self) -> String {
        format!("{} closed the connection: it may not answer your network, or not so often", self.name())
    }

    async fn exchange(&self, sender: &mut SendRequest<Full<Bytes>>, order: &Order) -> Result<Outcome> {
        let answer = sender.send_request(self.request(order)?).await.with_context(|| self.closed())?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), MAX_ANSWER as usize).collect().await;
        let broke_off = |error| anyhow!("{}'s answer broke off ({error}): the order may have been carried out", self.name());
        let body = body.map_err(broke_off)?.to_bytes();
        match serde_json::from_slice::<Outcome>(&body) {
            Ok(outcome) if status.is_success() == outcome.is_answer() => Ok(outcome),
            _ => bail!("{} answered {status} in words that no node of this version uses", self.name()),
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
            Some(token) => {
                let mut bearer = HeaderValue::try_from(format!("Bearer {}", token.as_str()))?;
                bearer.set_sensitive(true);
                request.header(header::AUTHORIZATION, bearer)
            }
            None => request,
        };
        // Overwritten when it was sent.
        let body = Zeroizing::new(says.to_string().into_bytes());
        Ok(request.body(Full::new(Bytes::from_owner(body)))?)
    }
}

impl Open {
    /// Whether another order can go over it: the node may have closed it meanwhile.
    async fn is_ready(&self) -> bool {
        // What the other end has closed is seen once its task has run.
        tokio::task::yield_now().await;
        self.sender.is_ready()
    }
}

/// Host and port of a node's address: no user, no path, nothing else.
fn place(url: &str) -> Option<(String, u16)> {
    let uri: Uri = url.parse().ok()?;
    let authority = uri.authority()?.as_str();
    let is_bare = matches!(uri.path(), "" | "/") && uri.query().is_none() && !url.contains('#') && !authority.contains('@');
    let host = uri.host().filter(|_| uri.scheme_str() == Some("https") && is_bare)?;
    let port = match authority.strip_prefix(host)? {
        "" => PORT,
        rest => rest.strip_prefix(':')?.parse().ok().filter(|port| *port != 0)?,
    };
    Some((host.trim_start_matches('[').trim_end_matches(']').to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::place;

    #[test]
    fn an_address_has_a_host_and_a_port_and_nothing_else() {
        assert_eq!(place("https://proxy.example.org:6000"), Some(("proxy.example.org".to_owned(), 6000)));
        assert_eq!(place("https://[fd00::7]/"), Some(("fd00::7".to_owned(), 5943)));
        for wrong in [
            "http://a:1",
            "https://a:99999",
            "https://a:",
            "https://a:0",
            "https://u:p@a:1",
            "https://a:1/path",
            "https://a:1/?q",
            "https://a:1/#f",
            "a:1",
            "",
        ] {
            assert_eq!(place(wrong), None, "{wrong}");
        }
    }
}
