//! The certificates of an agency's workstations: a root, an authority under it, cards, and what it has revoked.

use std::path::PathBuf;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod,
    KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber,
};
use time::{Duration, OffsetDateTime};

/// A root and an intermediate, whose cards are named `<name>.pem` (with the intermediate's certificate) and `<name>.key`.
pub struct Pki {
    dir: tempfile::TempDir,
    root: Issuer<'static, KeyPair>,
    authority: Issuer<'static, KeyPair>,
    authority_pem: String,
    now: OffsetDateTime,
    lists: std::cell::Cell<u64>,
    /// How long the next list lasts.
    pub lasts: std::cell::Cell<Duration>,
}

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

impl Pki {
    pub fn new(now: OffsetDateTime) -> Self {
        let dir = tempfile::TempDir::new().unwrap();
        let (root_params, root_key) = (authority("Racine"), KeyPair::generate().unwrap());
        std::fs::write(dir.path().join("ca.pem"), root_params.self_signed(&root_key).unwrap().pem()).unwrap();
        let root = Issuer::new(root_params, root_key);
        let (params, key) = (authority("Postes"), KeyPair::generate().unwrap());
        let authority_pem = params.signed_by(&key, &root).unwrap().pem();
        let pki = Self {
            dir,
            root,
            authority: Issuer::new(params, key),
            authority_pem,
            now,
            lists: 0.into(),
            lasts: Duration::days(7).into(),
        };
        pki.revoke(&[]);
        std::fs::write(pki.path("root.crl"), Self::list(&pki.root, &[], [now, now + Duration::days(7)], 0)).unwrap();
        pki
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A workstation's certificate with its serial number; gives its fingerprint.
    pub fn card(&self, name: &str, serial: u64) -> [u8; 32] {
        let mut leaf = CertificateParams::new(vec![name.to_owned()]).unwrap();
        leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        leaf.serial_number = Some(SerialNumber::from(serial));
        let key = KeyPair::generate().unwrap();
        let certificate = leaf.signed_by(&key, &self.authority).unwrap();
        std::fs::write(self.path(&format!("{name}.pem")), certificate.pem() + &self.authority_pem).unwrap();
        std::fs::write(self.path(&format!("{name}.key")), key.serialize_pem()).unwrap();
        lucarne::tls::fingerprint(certificate.der())
    }

    /// A card's certificates and key in one file.
    pub fn identity(&self, name: &str) -> PathBuf {
        let parts = ["pem", "key"].map(|kind| std::fs::read_to_string(self.path(&format!("{name}.{kind}"))).unwrap());
        let file = self.path(&format!("{name}.identity"));
        std::fs::write(&file, parts.concat()).unwrap();
        file
    }

    fn list(issuer: &Issuer<'_, KeyPair>, serials: &[u64], [now, next]: [OffsetDateTime; 2], number: u64) -> String {
        let revoked = |serial: &u64| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: now,
            reason_code: None,
            invalidity_date: None,
        };
        let params = CertificateRevocationListParams {
            this_update: now - Duration::hours(1),
            next_update: next,
            crl_number: SerialNumber::from(number),
            issuing_distribution_point: None,
            revoked_certs: serials.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(issuer).unwrap().pem().unwrap()
    }

    /// Publishes what is revoked from now on: the file is replaced, as those who fetch it do.
    pub fn revoke(&self, serials: &[u64]) {
        self.lists.set(self.lists.get() + 1);
        let list = Self::list(&self.authority, serials, [self.now, self.now + self.lasts.get()], self.lists.get());
        std::fs::write(self.path("postes.new"), list).unwrap();
        std::fs::rename(self.path("postes.new"), self.path("postes.crl")).unwrap();
    }

    /// What a node's settings say of it.
    pub fn settings(&self) -> String {
        let [ca, list, root] = ["ca.pem", "postes.crl", "root.crl"].map(|name| self.path(name));
        format!("[workstations]\nca = {ca:?}\nrevocations = [{list:?}, {root:?}]\n")
    }
}
