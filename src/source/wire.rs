//! The socket to a site. It can be read, and it can be given [`Outbound`]: nothing else.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::session::SessionError;
use crate::id::hex;
use crate::rfb::handshake::client::{Awaits, HandshakeError};
use crate::rfb::{Buffer, Outbound};
use crate::tls::fingerprint;

/// What a site has ten seconds for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Connecting,
    Tls,
    Handshake(Awaits),
    Requests,
}

impl Step {
    fn words(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Tls => "TLS",
            Self::Handshake(Awaits::Version) => "naming its RFB version",
            Self::Handshake(Awaits::Security) => "agreeing on a security type",
            Self::Handshake(Awaits::Login) => "the login",
            Self::Handshake(Awaits::Init) => "describing its screen",
            Self::Requests => "reading our requests",
        }
    }

    fn code(self) -> &'static str {
        match self {
            Self::Connecting => "up.timeout.connect",
            Self::Tls => "up.timeout.tls",
            Self::Handshake(Awaits::Version) => "up.timeout.version",
            Self::Handshake(Awaits::Security) => "up.timeout.security",
            Self::Handshake(Awaits::Login) => "up.timeout.login",
            Self::Handshake(Awaits::Init) => "up.timeout.init",
            Self::Requests => "up.timeout.requests",
        }
    }
}

/// Why a link could not be made, or ended. [`LinkError::code`] is stable.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    #[error("{0} cannot be reached: {1}")]
    Connect(String, std::io::Error),
    #[error(
        "{0} leads to {1}, where this site may not be: put its name right, or `networks` of the site, which two people approve"
    )]
    Elsewhere(String, IpAddr),
    #[error("the site did not get through {} in 10 s", .0.words())]
    Timeout(Step),
    #[error("the site closed the connection in the middle of a message")]
    Cut,
    #[error("the connection to the site failed: {0}")]
    Io(#[from] std::io::Error),
    #[error("the site's certificate is not trusted or TLS failed: {0}")]
    Tls(std::io::Error),
    #[error(transparent)]
    Handshake(#[from] HandshakeError),
    #[error(transparent)]
    Session(#[from] SessionError),
}

impl LinkError {
    pub fn code(&self) -> &'static str {
        match self {
            Self::Connect(..) => "up.connect",
            Self::Elsewhere(..) => "up.elsewhere",
            Self::Timeout(step) => step.code(),
            Self::Cut => "up.cut",
            Self::Io(_) => "up.io",
            Self::Tls(_) => "up.tls_untrusted",
            Self::Handshake(error) => error.code(),
            Self::Session(SessionError::Stalled) => "up.stalled",
            Self::Session(SessionError::Protocol(error)) => error.code().up,
        }
    }

    /// Whether going on by ourselves could do harm (lock an account, give a password away).
    pub fn needs_operator(&self) -> bool {
        match self {
            Self::Elsewhere(..) => true,
            Self::Handshake(error) => error.needs_operator(),
            _ => false,
        }
    }
}

/// What TLS agreed on, for the trace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsFacts {
    pub version: String,
    pub suite: String,
    /// SHA-256 of the site's certificate.
    pub fingerprint: String,
}

enum Stream {
    Tcp(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

pub(super) struct Wire {
    stream: Stream,
}

impl Wire {
    pub(super) fn new(tcp: TcpStream) -> std::io::Result<Self> {
        tcp.set_nodelay(true)?;
        let socket = socket2::SockRef::from(&tcp);
        let keepalive =
            socket2::TcpKeepalive::new().with_time(Duration::from_secs(20)).with_interval(Duration::from_secs(5)).with_retries(3);
        socket.set_tcp_keepalive(&keepalive)?;
        Ok(Self { stream: Stream::Tcp(tcp) })
    }

    pub(super) async fn start_tls(self, config: Arc<ClientConfig>, name: &str) -> Result<Self, LinkError> {
        let Stream::Tcp(tcp) = self.stream else { return Err(LinkError::Tls(std::io::Error::other("TLS inside TLS"))) };
        let name = ServerName::try_from(name.to_owned()).map_err(|error| LinkError::Tls(std::io::Error::other(error)))?;
        let tls = TlsConnector::from(config).connect(name, tcp).await.map_err(LinkError::Tls)?;
        Ok(Self { stream: Stream::Tls(Box::new(tls)) })
    }

    pub(super) fn tls(&self) -> Option<TlsFacts> {
        let Stream::Tls(tls) = &self.stream else { return None };
        let (_, connection) = tls.get_ref();
        Some(TlsFacts {
            version: connection.protocol_version().map(|v| format!("{v:?}")).unwrap_or_default(),
            suite: connection.negotiated_cipher_suite().map(|s| format!("{:?}", s.suite())).unwrap_or_default(),
            fingerprint: connection.peer_certificates().and_then(|c| c.first()).map(|c| hex(&fingerprint(c))).unwrap_or_default(),
        })
    }

    /// Sends, and waits until the bytes are the system's.
    pub(super) async fn send(&mut self, bytes: &Outbound) -> std::io::Result<()> {
        match &mut self.stream {
            Stream::Tcp(tcp) => tcp.write_all(bytes.as_bytes()).await,
            Stream::Tls(tls) => {
                tls.write_all(bytes.as_bytes()).await?;
                tls.flush().await
            }
        }
    }

    /// Reads what is there into the buffer; 0 is the end. Nothing is lost when the wait is given up.
    pub(super) async fn read(&mut self, buffer: &mut Buffer) -> std::io::Result<usize> {
        let Some(room) = buffer.room() else {
            return Err(std::io::Error::other("more bytes wait than any unit of the language has"));
        };
        match &mut self.stream {
            Stream::Tcp(tcp) => tcp.read_buf(room).await,
            Stream::Tls(tls) => tls.read_buf(room).await,
        }
    }
}
