//! Under which names a door is known: those of its certificate.

use rustls::client::verify_server_name;
use rustls::pki_types::ServerName;
use rustls::server::ParsedCertificate;

use super::ForViewers;

impl ForViewers {
    /// Whether our certificate is for this host (a name, or an address as URLs write it).
    pub fn is_named(&self, host: &str) -> bool {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let Ok(name) = ServerName::try_from(bare) else { return false };
        let own = self.met().own;
        let parsed = own.as_ref().and_then(|own| ParsedCertificate::try_from(own).ok());
        parsed.is_some_and(|parsed| verify_server_name(&parsed, &name).is_ok())
    }
}
