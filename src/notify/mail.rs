//! A mail to a relay (RFC 5321), which carries it on.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use lettre::Message;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, CertificateStore, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use zeroize::Zeroizing;

use super::{NotifyError, aside};
use crate::tls::TlsError;

/// Who carries our mail.
#[derive(Clone)]
pub struct Relay {
    pub host: String,
    pub port: u16,
    pub security: Security,
    /// Address and domain of the sender.
    pub from: String,
    pub domain: String,
    pub login: Option<(String, Zeroizing<String>)>,
}

/// How the relay is met. Its certificate must be signed by a CA of the file, which is read each time.
#[derive(Debug, Clone)]
pub enum Security {
    /// TLS after STARTTLS; a relay that offers none is not used.
    StartTls(PathBuf),
    /// TLS first.
    Tls(PathBuf),
    /// A relay on this machine.
    Bare,
}

impl std::fmt::Debug for Relay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Relay").field("port", &self.port).field("security", &self.security).finish_non_exhaustive()
    }
}

/// A mail in plain text.
#[derive(Debug, Clone, Copy)]
pub struct Mail<'a> {
    /// The same at each try.
    pub id: &'a str,
    pub to: &'a str,
    pub subject: &'a str,
    pub text: &'a str,
    pub date: SystemTime,
}

/// RFC 3834: nobody's holiday answers it.
#[derive(Clone)]
struct AutoSubmitted;

impl lettre::message::header::Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

fn refused(error: impl std::error::Error) -> NotifyError {
    // The cause says what the outer words do not.
    NotifyError::Mail(error.source().map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}")))
}

impl Relay {
    /// Returns once the relay has taken the mail: what it says to a farewell is no matter.
    pub(super) async fn send(&self, mail: Mail<'_>) -> Result<(), NotifyError> {
        let message = Message::builder()
            .from(self.from.parse().map_err(refused)?)
            .to(mail.to.parse().map_err(refused)?)
            .subject(mail.subject)
            .date(mail.date)
            .message_id(Some(format!("<{}@{}>", mail.id, self.domain)))
            .header(AutoSubmitted)
            .header(ContentType::TEXT_PLAIN)
            .body(mail.text.to_owned())
            .map_err(refused)?;
        let mut connection = self.connect().await?;
        if let Some((user, password)) = &self.login {
            let credentials = Credentials::new(user.clone(), password.to_string());
            connection.auth(DEFAULT_MECHANISMS, &credentials).await.map_err(refused)?;
        }
        connection.send(message.envelope(), &message.formatted()).await.map(|_| ()).map_err(refused)
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, NotifyError> {
        let hello = ClientId::Domain(self.domain.clone());
        let (first, later) = match &self.security {
            Security::Tls(ca) => (Some(self.trust(ca).await?), None),
            Security::StartTls(ca) => (None, Some(self.trust(ca).await?)),
            Security::Bare => (None, None),
        };
        // The caller has the deadline.
        let server = (self.host.as_str(), self.port);
        let connecting = AsyncSmtpConnection::connect_tokio1(server, None, &hello, first, None);
        let mut connection = connecting.await.map_err(refused)?;
        if let Some(parameters) = later {
            connection.starttls(parameters, &hello).await.map_err(refused)?;
        }
        Ok(connection)
    }

    /// The CAs of a file, and no other.
    async fn trust(&self, ca: &Path) -> Result<TlsParameters, NotifyError> {
        let (host, ca) = (self.host.clone(), ca.to_owned());
        aside(move || {
            let unreadable = |error: std::io::Error| TlsError::File { path: ca.clone(), reason: error.to_string() };
            let certificate = Certificate::from_pem(&std::fs::read(&ca).map_err(unreadable)?).map_err(refused)?;
            let parameters = TlsParameters::builder(host).certificate_store(CertificateStore::None);
            parameters.add_root_certificate(certificate).build_rustls().map_err(refused)
        })
        .await
    }
}
