//! Certificates → rustls configurations, with the provider and the clock passed explicitly.
//!
//! Viewers get TLS 1.3 (1.2 by option); sites are trusted by CA or by a pinned certificate, never blindly.

mod clients;
mod making;
mod names;

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{
    ClientCertVerifierBuilder, ResolvesServerCert, VerifierBuilderError, WantsServerCert, WebPkiClientVerifier,
};
use rustls::{
    ConfigBuilder, DigitallySignedStruct, DistinguishedName, RootCertStore, ServerConfig, SignatureScheme,
    SupportedProtocolVersion, version,
};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use crate::clock::Clock;
pub use clients::{for_node, for_site};
pub use making::{Authority, authority, make_certificates};

#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("{} cannot be read as PEM: {reason}", path.display())]
    File { path: PathBuf, reason: String },
    #[error("{} cannot be written: {error}", path.display())]
    Write { path: PathBuf, error: std::io::Error },
    #[error("{} holds no private key that can be read (PEM, without a passphrase): {reason}", path.display())]
    Key { path: PathBuf, reason: String },
    #[error("{} holds a certificate that is no authority's: {error}", path.display())]
    Authority { path: PathBuf, error: rustls::Error },
    #[error("{} holds no certificate", path.display())]
    Empty { path: PathBuf },
    #[error("the certificate and key do not serve: {0}")]
    Rustls(#[from] rustls::Error),
    #[error("workstations cannot be verified: {0}")]
    Workstations(#[from] VerifierBuilderError),
    #[error("{} is no list of revocations that counts ({error}): publish a complete list (RFC 5280 §5), not a delta", path.display())]
    List { path: PathBuf, error: VerifierBuilderError },
    #[error("a certificate could not be made: {0}")]
    Make(#[from] rcgen::Error),
}

/// Whom a site's certificate must answer to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// Signed by one of the CAs in this file, and naming the site.
    Ca(PathBuf),
    /// This very certificate: SHA-256 of its DER.
    Pinned([u8; 32]),
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn versions(tls12: bool) -> &'static [&'static SupportedProtocolVersion] {
    static ONLY_1_3: [&SupportedProtocolVersion; 1] = [&version::TLS13];
    static FROM_1_2: [&SupportedProtocolVersion; 2] = [&version::TLS13, &version::TLS12];
    if tls12 { &FROM_1_2 } else { &ONLY_1_3 }
}

/// The certificates of a PEM file.
pub fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let failed = |error: rustls::pki_types::pem::Error| TlsError::File { path: path.to_owned(), reason: error.to_string() };
    let found: Vec<_> = CertificateDer::pem_file_iter(path).map_err(failed)?.collect::<Result<_, _>>().map_err(failed)?;
    if found.is_empty() {
        return Err(TlsError::Empty { path: path.to_owned() });
    }
    Ok(found)
}

/// The private key of a PEM file, whatever else it holds.
fn key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_file(path).map_err(|error| TlsError::Key { path: path.to_owned(), reason: error.to_string() })
}

/// SHA-256 of a certificate, as `pin` and traces write it.
pub fn fingerprint(certificate: &CertificateDer<'_>) -> [u8; 32] {
    Sha256::digest(certificate.as_ref()).into()
}

/// Where a listener's certificate comes from, and whom its viewers must be.
#[derive(Debug, Clone)]
pub struct Papers {
    pub certificate: PathBuf,
    pub key: PathBuf,
    /// The CA of the workstations: each must then show a certificate that it signed.
    pub workstations: Option<PathBuf>,
    /// Lists of the certificates that CAs have revoked (RFC 5280 §5): one for each CA in a workstation's chain. Without
    /// any, nothing is asked; with some, what none of them covers is refused, and so is a list past its next update.
    pub revocations: Vec<PathBuf>,
    pub tls12: bool,
}

/// What a workstation proved to hold.
#[derive(Debug, Clone)]
pub struct Card {
    /// SHA-256 of its own certificate.
    pub fingerprint: [u8; 32],
    /// Its own certificate first, then those that it sent along.
    pub chain: Vec<CertificateDer<'static>>,
}

impl Card {
    pub fn of(chain: &[CertificateDer<'_>]) -> Option<Self> {
        let fingerprint = fingerprint(chain.first()?);
        Some(Self { fingerprint, chain: chain.iter().map(|one| one.clone().into_owned()).collect() })
    }
}

/// Who judges workstations.
type Judge = Arc<dyn ClientCertVerifier>;

/// Takes a certificate from whoever shows one and proves to hold its key. Whether it counts is asked at each order: what
/// takes away is kept from nobody, whatever has become of the certificate.
#[derive(Debug)]
struct WhoeverShows(Judge);

impl ClientCertVerifier for WhoeverShows {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.0.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        _own: &CertificateDer<'_>,
        _others: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        own: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls12_signature(message, own, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        own: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls13_signature(message, own, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

/// Whether a chain counts now. Without a judge no workstation is asked for.
fn trusts(judge: Option<&Judge>, chain: &[CertificateDer<'_>], now: OffsetDateTime) -> bool {
    let (Some(judge), Some((own, others))) = (judge, chain.split_first()) else { return false };
    let since = Duration::from_secs(u64::try_from(now.unix_timestamp()).unwrap_or_default());
    judge.verify_client_cert(own, others, UnixTime::since_unix_epoch(since)).is_ok()
}

/// A list of a large authority has some megabytes.
const MAX_LIST: u64 = 64 << 20;

/// The lists of a PEM or DER file, and the file's SHA-256.
fn revocations(path: &Path) -> Result<(Vec<CertificateRevocationListDer<'static>>, [u8; 32]), TlsError> {
    use std::io::Read;
    let failed = |reason: String| TlsError::File { path: path.to_owned(), reason };
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(|error| failed(error.to_string()))?;
    file.take(MAX_LIST + 1).read_to_end(&mut bytes).map_err(|error| failed(error.to_string()))?;
    if bytes.len() as u64 > MAX_LIST {
        return Err(failed("a list has 64 MiB at most".to_owned()));
    }
    let print = Sha256::digest(&bytes).into();
    if !bytes.starts_with(b"-----BEGIN") {
        return Ok((vec![CertificateRevocationListDer::from(bytes)], print));
    }
    let found = CertificateRevocationListDer::pem_slice_iter(&bytes).collect::<Result<Vec<_>, _>>();
    let found = found.map_err(|error| failed(error.to_string()))?;
    if found.is_empty() { Err(failed("it holds no list of revoked certificates".to_owned())) } else { Ok((found, print)) }
}

impl Papers {
    fn roots(&self) -> Result<Option<Arc<RootCertStore>>, TlsError> {
        self.workstations.as_ref().map(|ca| roots(ca).map(Arc::new)).transpose()
    }

    /// By the lists as they are now, with their SHA-256.
    fn verifier(
        &self,
        roots: Option<&Arc<RootCertStore>>,
    ) -> Result<(Option<ClientCertVerifierBuilder>, Vec<[u8; 32]>), TlsError> {
        let Some(roots) = roots else { return Ok((None, Vec::new())) };
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::clone(roots), provider());
        let read = self.revocations.iter().map(|path| revocations(path)).collect::<Result<Vec<_>, _>>()?;
        let (lists, prints): (Vec<_>, Vec<_>) = read.into_iter().unzip();
        Ok((Some(verifier.with_crls(lists.into_iter().flatten()).enforce_revocation_expiration()), prints))
    }

    /// What keeps workstations from being verified, with the list that does if it is one.
    fn blame(&self, error: VerifierBuilderError, roots: Option<&Arc<RootCertStore>>) -> TlsError {
        let cannot_be = |path: &&PathBuf| match (revocations(path), roots) {
            (Ok((lists, _)), Some(roots)) => {
                WebPkiClientVerifier::builder_with_provider(Arc::clone(roots), provider()).with_crls(lists).build().is_err()
            }
            _ => false,
        };
        match self.revocations.iter().find(cannot_be) {
            Some(path) => TlsError::List { path: path.clone(), error },
            None => error.into(),
        }
    }

    fn builder(&self, judge: Option<Judge>, clock: &Clock) -> Result<ConfigBuilder<ServerConfig, WantsServerCert>, TlsError> {
        let builder = ServerConfig::builder_with_details(provider(), Arc::new(clock.clone()))
            .with_protocol_versions(versions(self.tls12))?;
        Ok(match judge {
            None => builder.with_no_client_auth(),
            Some(judge) => builder.with_client_cert_verifier(judge),
        })
    }

    /// Our own certificate, with its key.
    fn own(&self, clock: &Clock) -> Result<Arc<dyn ResolvesServerCert>, TlsError> {
        let config = self.builder(None, clock)?.with_single_cert(certificates(&self.certificate)?, key(&self.key)?)?;
        Ok(config.cert_resolver)
    }
}

/// How the files of the lists looked when they were read.
type Looks = Vec<Option<(SystemTime, u64)>>;

fn looks(files: &[PathBuf]) -> Looks {
    let look = |file: &PathBuf| std::fs::metadata(file).and_then(|data| Ok((data.modified()?, data.len()))).ok();
    files.iter().map(look).collect()
}

/// What viewers meet. It can be read again while the node runs: handshakes that begin later meet the new one; sessions
/// that run go on, unless their workstation's certificate no longer counts.
#[derive(Debug)]
pub struct ForViewers {
    papers: Papers,
    clock: Clock,
    current: RwLock<Met>,
}

#[derive(Debug, Clone)]
struct Met {
    config: Arc<ServerConfig>,
    /// Met by orders: a workstation may show its certificate, and may not.
    orders: Arc<ServerConfig>,
    /// Who signs workstations' certificates.
    roots: Option<Arc<RootCertStore>>,
    judge: Option<Judge>,
    /// Our own certificate.
    own: Option<CertificateDer<'static>>,
    looks: Looks,
    /// SHA-256 of each list of revocations.
    lists: Vec<[u8; 32]>,
}

impl Met {
    fn of(papers: &Papers, clock: &Clock) -> Result<Self, TlsError> {
        let own = certificates(&papers.certificate)?.into_iter().next();
        Ok(Self { own, ..Self::with(papers, papers.roots()?, papers.own(clock)?, clock)? })
    }

    /// The same certificate and authorities, with the lists of revocations as they are now.
    fn with_lists_of_now(&self, papers: &Papers, clock: &Clock) -> Result<Self, TlsError> {
        let new = Self::with(papers, self.roots.clone(), Arc::clone(&self.config.cert_resolver), clock)?;
        Ok(Self { own: self.own.clone(), ..new })
    }

    fn with(
        papers: &Papers,
        roots: Option<Arc<RootCertStore>>,
        own: Arc<dyn ResolvesServerCert>,
        clock: &Clock,
    ) -> Result<Self, TlsError> {
        // Before they are read: what changes meanwhile is read again.
        let looks = looks(&papers.revocations);
        let (verifier, lists) = papers.verifier(roots.as_ref())?;
        let judge = verifier.map(ClientCertVerifierBuilder::build).transpose();
        let judge = judge.map_err(|error| papers.blame(error, roots.as_ref()))?;
        let lenient = judge.clone().map(|judge| -> Judge { Arc::new(WhoeverShows(judge)) });
        let config = |judge| -> Result<_, TlsError> {
            let mut config = papers.builder(judge, clock)?.with_cert_resolver(Arc::clone(&own));
            config.require_ems = true;
            Ok(Arc::new(config))
        };
        Ok(Self { config: config(judge.clone())?, orders: config(lenient)?, roots, judge, own: None, looks, lists })
    }
}

impl ForViewers {
    pub fn load(papers: Papers, clock: &Clock) -> Result<Self, TlsError> {
        let current = RwLock::new(Met::of(&papers, clock)?);
        Ok(Self { papers, clock: clock.clone(), current })
    }

    fn met(&self) -> Met {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn current(&self) -> Arc<ServerConfig> {
        self.met().config
    }

    /// The same for orders: a certificate is taken from whoever shows one.
    pub fn for_orders(&self) -> Arc<ServerConfig> {
        self.met().orders
    }

    /// Whether a workstation's certificates count now.
    pub fn trusts(&self, chain: &[CertificateDer<'_>], now: OffsetDateTime) -> bool {
        trusts(self.met().judge.as_ref(), chain, now)
    }

    /// If a list of revocations has changed since it was read, all of them are read again, whatever else is wrong with the
    /// other papers, and new handshakes meet them. Gives their SHA-256; `None`: nothing has changed.
    pub fn read_lists(&self) -> Result<Option<Vec<[u8; 32]>>, TlsError> {
        let met = self.met();
        if met.looks == looks(&self.papers.revocations) {
            return Ok(None);
        }
        let new = met.with_lists_of_now(&self.papers, &self.clock)?;
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        if !Arc::ptr_eq(&current.config, &met.config) {
            // Other papers are met since: these lists are read again with them.
            return Ok(None);
        }
        let lists = new.lists.clone();
        *current = new;
        Ok(Some(lists))
    }

    /// Reads the files again; nobody meets them before [`ForViewers::meet`].
    pub fn read_again(&self) -> Result<Renewed, TlsError> {
        let met = Met::of(&self.papers, &self.clock)?;
        let chain = certificates(&self.papers.certificate)?;
        let certificate = chain.first().map(fingerprint).unwrap_or_default();
        let workstations = match &self.papers.workstations {
            Some(ca) => certificates(ca)?.first().map(fingerprint),
            None => None,
        };
        Ok(Renewed { met, certificate, workstations })
    }

    /// From now on handshakes meet what was read.
    pub fn meet(&self, renewed: Renewed) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = renewed.met;
    }
}

/// Papers that were read again.
#[derive(Debug)]
pub struct Renewed {
    met: Met,
    /// SHA-256 of the certificate.
    pub certificate: [u8; 32],
    /// SHA-256 of the first CA of the workstations.
    pub workstations: Option<[u8; 32]>,
}

impl Renewed {
    /// Whether a workstation's certificates will count.
    pub fn trust(&self, chain: &[CertificateDer<'_>], now: OffsetDateTime) -> bool {
        trusts(self.met.judge.as_ref(), chain, now)
    }
}

fn roots(ca: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(ca)? {
        roots.add(certificate).map_err(|error| TlsError::Authority { path: ca.to_owned(), error })?;
    }
    Ok(roots)
}
