//! Why a site could not be entered, and what to configure.

use crate::rfb::error::ProtocolError;

/// Why a site could not be entered. [`HandshakeError::code`] is stable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HandshakeError {
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
    #[error("the site refuses connections: \"{0}\"")]
    Refused(String),
    #[error("the site's reason for refusing is {0} bytes long; 4096 are read at most")]
    ReasonTooLong(u32),
    #[error("the site offers only {offered}; configure it to offer {wanted}")]
    NoCommonSecurity { offered: String, wanted: &'static str },
    #[error(
        "the site offers only {offered}, though a password is configured for it: somebody may be between, or its password was removed. Restore it, or remove `login` from the site's configuration"
    )]
    Downgrade { offered: String },
    #[error("VeNCrypt: {0}")]
    Vencrypt(String),
    #[error("Tight security: {0}")]
    Tight(&'static str),
    #[error("bytes came between the VeNCrypt agreement and TLS: somebody may be between")]
    TlsInjection,
    #[error("the site refused the login{}; correct `login` in the site's configuration, then show the site again", reason(.0))]
    AuthFailed(String),
    #[error("the site answered the login with an unknown result ({0})")]
    AuthResult(u32),
}

fn reason(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(" (\"{text}\")") }
}

impl HandshakeError {
    pub fn code(&self) -> &'static str {
        match self {
            Self::Protocol(error) => error.code().up,
            Self::Refused(_) => "up.refused",
            Self::ReasonTooLong(_) => "up.reason_too_long",
            Self::NoCommonSecurity { .. } => "up.no_common_security",
            Self::Downgrade { .. } => "up.downgrade",
            Self::Vencrypt(_) => "up.vencrypt",
            Self::Tight(_) => "up.tight_security",
            Self::TlsInjection => "up.tls_injection",
            Self::AuthFailed(_) => "up.auth_failed",
            Self::AuthResult(_) => "up.auth_result",
        }
    }

    /// Whether trying again by ourselves could lock accounts: then an operator must say so.
    pub fn needs_operator(&self) -> bool {
        matches!(self, Self::AuthFailed(_) | Self::AuthResult(_) | Self::Downgrade { .. } | Self::TlsInjection)
    }
}
