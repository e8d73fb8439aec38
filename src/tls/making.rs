//! Certificates of our own making: those of `init` and of the demonstration.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::CertificateDer;

use super::{TlsError, certificates, roots};

/// A CA and a certificate that it signed for `names`, written to `folder` as `ca.pem`, `viewers.pem`, `viewers.key`.
/// The CA's key is not kept: nobody can sign with it again.
pub fn make_certificates(folder: &Path, names: &[String]) -> Result<(), TlsError> {
    let mut ca = rcgen::CertificateParams::new(Vec::new())?;
    ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Constrained(0));
    ca.distinguished_name.push(rcgen::DnType::CommonName, "Lucarne CA");
    ca.key_usages = vec![rcgen::KeyUsagePurpose::KeyCertSign];
    let ca_key = rcgen::KeyPair::generate()?;
    let ca_certificate = ca.self_signed(&ca_key)?;
    let issuer = rcgen::Issuer::from_params(&ca, &ca_key);
    let mut leaf = rcgen::CertificateParams::new(names.to_vec())?;
    leaf.distinguished_name.push(rcgen::DnType::CommonName, names.first().map_or("lucarne", String::as_str));
    leaf.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    let key = rcgen::KeyPair::generate()?;
    let certificate = leaf.signed_by(&key, &issuer)?;
    write(&folder.join("ca.pem"), ca_certificate.pem().as_bytes(), 0o644)?;
    write(&folder.join("viewers.pem"), certificate.pem().as_bytes(), 0o644)?;
    write(&folder.join("viewers.key"), key.serialize_pem().as_bytes(), 0o600)
}

/// Who signs certificates: certificates alone, whatever else lies in the file.
pub struct Authority(Vec<CertificateDer<'static>>);

/// An authority as a file has it (PEM).
pub fn authority(path: &Path) -> Result<Authority, TlsError> {
    roots(path)?;
    Ok(Authority(certificates(path)?))
}

impl Authority {
    /// For everybody to read.
    pub fn write(&self, path: &Path) -> Result<(), TlsError> {
        let mut pem = String::new();
        for certificate in &self.0 {
            let letters = STANDARD.encode(certificate);
            let lines: Vec<&str> = letters.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
            pem += &format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"));
        }
        write(path, pem.as_bytes(), 0o644)
    }
}

fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<(), TlsError> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let failed = |error: std::io::Error| TlsError::Write { path: path.to_owned(), error };
    let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    file.and_then(|mut file| file.write_all(bytes)).map_err(failed)
}
