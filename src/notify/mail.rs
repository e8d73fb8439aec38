//! A mail to a relay (RFC 5321), which carries it on.

use std::path::PathBuf;
use std::time::SystemTime;

use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use zeroize::Zeroizing;

use super::NotifyError;

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
    /// The same at each try: mail systems keep one of several.
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
        self.transport()?.send(message).await.map(|_| ()).map_err(refused)
    }

    fn transport(&self) -> Result<AsyncSmtpTransport<Tokio1Executor>, NotifyError> {
        let tls = match &self.security {
            Security::StartTls(ca) => Tls::Required(self.trust(ca)?),
            Security::Tls(ca) => Tls::Wrapper(self.trust(ca)?),
            Security::Bare => Tls::None,
        };
        let builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&self.host).port(self.port).tls(tls);
        // The caller has the deadline.
        let builder = builder.timeout(None).hello_name(ClientId::Domain(self.domain.clone()));
        let login = self.login.as_ref().map(|(user, password)| Credentials::new(user.clone(), password.to_string()));
        Ok(login.into_iter().fold(builder, |builder, login| builder.credentials(login)).build())
    }

    /// The CAs of a file, and no other.
    fn trust(&self, ca: &PathBuf) -> Result<TlsParameters, NotifyError> {
        let pem = std::fs::read(ca).map_err(NotifyError::Unreachable)?;
        let certificate = Certificate::from_pem(&pem).map_err(refused)?;
        let parameters = TlsParameters::builder(self.host.clone()).certificate_store(CertificateStore::None);
        parameters.add_root_certificate(certificate).build_rustls().map_err(refused)
    }
}
