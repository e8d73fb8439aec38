//! How we meet others: sites, trusted by CA or by a pinned certificate, and nodes.

use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};

use super::{TlsError, Trust, certificates, fingerprint, key, provider, roots, versions};
use crate::clock::Clock;

/// How we meet a site.
pub fn for_site(trust: &Trust, tls12: bool, clock: &Clock) -> Result<Arc<ClientConfig>, TlsError> {
    let builder =
        ClientConfig::builder_with_details(provider(), Arc::new(clock.clone())).with_protocol_versions(versions(tls12))?;
    let builder = match trust {
        Trust::Ca(path) => builder.with_root_certificates(roots(path)?),
        Trust::Pinned(pin) => {
            let pinned = Pinned { pin: *pin, provider: provider() };
            builder.dangerous().with_custom_certificate_verifier(Arc::new(pinned))
        }
    };
    let mut config = builder.with_no_client_auth();
    config.require_ems = true;
    Ok(Arc::new(config))
}

/// How orders meet a node elsewhere. `identity`: a workstation's certificates and key, in one file.
pub fn for_node(ca: &Path, identity: Option<&Path>, clock: &Clock) -> Result<ClientConfig, TlsError> {
    let builder =
        ClientConfig::builder_with_details(provider(), Arc::new(clock.clone())).with_protocol_versions(versions(false))?;
    let builder = builder.with_root_certificates(roots(ca)?);
    Ok(match identity {
        None => builder.with_no_client_auth(),
        Some(file) => builder.with_client_auth_cert(certificates(file)?, key(file)?)?,
    })
}

/// Accepts one certificate by its hash; the handshake's signature is verified as ever.
#[derive(Debug)]
struct Pinned {
    pin: [u8; 32],
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if fingerprint(end_entity) == self.pin {
            return Ok(ServerCertVerified::assertion());
        }
        let seen = crate::id::hex(&fingerprint(end_entity));
        Err(rustls::Error::General(format!("the site's certificate is {seen}, not the one that is pinned")))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
