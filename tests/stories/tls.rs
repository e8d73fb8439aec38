//! TLS on both legs, tried from outside: what viewers meet, and which sites are met.

use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lucarne::node::act::{Act, Outcome};
use lucarne::rfb::encoding::number::RAW;
use lucarne::tls::make_certificates;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::eye::{Door, Eye, exact};
use super::house::{House, demo_site};
use super::script::Script;

/// What sslyze finds when it looks for these things.
async fn scan(commands: &[&str]) -> serde_json::Value {
    let script = Script::start(1, RAW).await;
    let house = House::with("connections_per_minute = 1000000\nhandshakes = 1000", &demo_site("a", script.address)).await;
    house.show("a").await;
    // A scanner is faster than all strangers together may be: it comes from an address that is known.
    Eye::enter(&house, &house.ticket("a").await, &exact(RAW)).await.unwrap().leave().await;
    let found = house.dir.path().join("sslyze.json");
    let door = house.node().addresses.tls_first.unwrap();
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/venv/bin/sslyze");
    let output = ["--mozilla_config", "disable", "--json_out", found.to_str().unwrap()];
    let mut scanner = command(&program, &[commands, &output, &[&door.to_string()]].concat());
    assert!(tokio::task::spawn_blocking(move || scanner.output().unwrap().status.success()).await.unwrap());
    house.pass(62).await;
    let refused = house.entries().into_iter().filter(|entry| entry.count("attempts").is_some()).count();
    assert_eq!(refused, 0, "no limit stood in the scanner's way");
    let report: serde_json::Value = serde_json::from_slice(&std::fs::read(&found).unwrap()).unwrap();
    house.close().await;
    report["server_scan_results"][0]["scan_result"].clone()
}

/// Row 49 and the whole of a scan: TLS 1.3 alone, and nothing that a scanner calls weak.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scanner_finds_tls_1_3_alone_and_nothing_weak() {
    for versions in [["ssl_2_0", "ssl_3_0", "tls_1_0"], ["tls_1_1", "tls_1_2", "tls_1_2"]] {
        let commands =
            versions.map(|version| format!("--{}", version.replace("ssl_", "sslv").replace("tls_", "tlsv").replace("_0", "")));
        let result = scan(&commands.each_ref().map(String::as_str)).await;
        for version in versions {
            let accepted = result[format!("{version}_cipher_suites")]["result"]["accepted_cipher_suites"].as_array().unwrap();
            assert!(accepted.is_empty(), "{version}: {accepted:?}");
        }
    }
    let result =
        scan(&["--tlsv1_3", "--heartbleed", "--openssl_ccs", "--reneg", "--compression", "--early_data", "--robot"]).await;
    let suites = result["tls_1_3_cipher_suites"]["result"]["accepted_cipher_suites"].as_array().unwrap();
    let suites: Vec<&str> = suites.iter().map(|suite| suite["cipher_suite"]["name"].as_str().unwrap()).collect();
    assert_eq!(suites.len(), 3, "{suites:?}");
    let weak = [
        ("heartbleed", "is_vulnerable_to_heartbleed"),
        ("openssl_ccs_injection", "is_vulnerable_to_ccs_injection"),
        ("session_renegotiation", "is_vulnerable_to_client_renegotiation_dos"),
        ("tls_compression", "supports_compression"),
        ("tls_1_3_early_data", "supports_early_data"),
    ];
    for (test, field) in weak {
        assert_eq!(result[test]["result"][field].as_bool(), Some(false), "{test}: {}", result[test]);
    }
}

fn command(program: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments);
    command
}

/// Row 49: what is not TLS at all, or an older one, gets no further than TLS.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_49_old_versions_and_garbage_end_in_tls() {
    let house = House::open("").await;
    let door = house.node().addresses.tls_first.unwrap();
    // A hello of 64 KiB in fragments, and one that says it has 16 MiB.
    let record = |length: u16, body: &[u8]| [&[22, 3, 1][..], &length.to_be_bytes(), body].concat();
    let start = |length: [u8; 3]| record(16_384, &[&[1], &length[..], &[3; 16_380]].concat());
    let long = [start([0, 255, 252]), record(16_384, &[3; 16_384]).repeat(3)].concat();
    let longer = [start([255, 255, 255]), record(16_384, &[3; 16_384]).repeat(3)].concat();
    let memory = super::hostile_sites::peak_memory();
    for bytes in [&[22, 3, 1, 255, 255][..], b"GET / HTTP/1.1\r\n\r\n", &[22, 3, 1, 0, 5, 1, 0, 0, 1, 9], &long, &longer] {
        let known = house.entries().len();
        let mut viewer = super::eye::stranger(door).await;
        // It may be closed before it has said all.
        let _ = viewer.write_all(bytes).await;
        let _ = viewer.shutdown().await;
        let refused = || house.entries().into_iter().skip(known).find(|entry| entry.kind() == "conn.refused");
        let refused = house.until(refused).await;
        assert_eq!((refused.text("cause"), refused.text("state")), ("tls.handshake", "tls"), "{:?}", &bytes[..5]);
    }
    assert!(super::hostile_sites::peak_memory() - memory < 4 << 10);
    for version in ["-tls1", "-tls1_1", "-tls1_2"] {
        let known = house.entries().len();
        let mut client = command(Path::new("openssl"), &["s_client", version, "-connect", &door.to_string()]);
        let done =
            tokio::task::spawn_blocking(move || client.stdin(std::process::Stdio::null()).output().unwrap()).await.unwrap();
        assert!(!done.status.success(), "{version}");
        // Some of these OpenSSL does not even begin.
        let refused = house.entries().into_iter().skip(known).find(|entry| entry.kind() == "conn.refused");
        assert!(refused.is_none_or(|entry| entry.text("cause") == "tls.handshake"), "{version}");
    }
    house.close().await;
}

/// A renewed certificate is met by those who come after it; those who look go on looking.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_is_renewed_without_ending_a_session() {
    let script = Script::start(1000, RAW).await;
    let house = House::open(&demo_site("a", script.address)).await;
    house.show("a").await;
    let mut before = Eye::enter(&house, &house.ticket("a").await, &exact(RAW)).await.unwrap();
    let new = tempfile::TempDir::new().unwrap();
    make_certificates(new.path(), &["localhost".to_owned()]).unwrap();
    for file in ["viewers.pem", "viewers.key"] {
        std::fs::rename(new.path().join(file), house.dir.path().join(file)).unwrap();
    }
    let outcome = house.order(Act::Reload).await;
    assert!(matches!(&outcome, Outcome::Done { message } if message.contains("now meet the certificate")), "{outcome:?}");
    let changed = house.entry(|entry| entry.kind() == "config.changed").await;
    assert_eq!(changed.text("key"), "viewers.certificate");
    // Who trusts the new CA comes in; the old session still gets its pictures.
    let door = Door { ca: new.path().join("ca.pem"), ..Door::of(&house) };
    let ticket = house.ticket("a").await;
    let mut after = Eye::through(&door, "claire", &ticket, lucarne::rfb::PixelFormat::NATIVE, &exact(RAW)).await.unwrap();
    for eye in [&mut before, &mut after] {
        eye.ask(false).await;
        assert!(eye.update().await);
    }
    // A file that does not serve changes nothing.
    std::fs::write(house.dir.path().join("viewers.key"), "not a key").unwrap();
    let outcome = house.order(Act::Reload).await;
    assert!(matches!(&outcome, Outcome::NotDone { message } if message.contains("viewers.key")), "{outcome:?}");
    let ticket = house.ticket("a").await;
    assert!(Eye::through(&door, "claire", &ticket, lucarne::rfb::PixelFormat::NATIVE, &exact(RAW)).await.is_ok());
    house.close().await;
}

/// A site that speaks VeNCrypt X509Plain with this chain; gives what it hears inside TLS.
async fn site_with(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> (std::net::SocketAddr, Arc<Mutex<Vec<u8>>>) {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config.with_no_client_auth().with_single_cert(chain, key).unwrap()));
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, heard) = (socket.local_addr().unwrap(), Arc::new(Mutex::new(Vec::new())));
    let kept = Arc::clone(&heard);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = socket.accept().await {
            let mut said = [0; 12];
            stream.write_all(b"RFB 003.008\n").await.unwrap();
            stream.read_exact(&mut said).await.unwrap();
            stream.write_all(&[1, 19]).await.unwrap();
            stream.read_exact(&mut said[..1]).await.unwrap();
            stream.write_all(&[0, 2]).await.unwrap();
            stream.read_exact(&mut said[..2]).await.unwrap();
            stream.write_all(&[0, 1, 0, 0, 1, 6]).await.unwrap();
            stream.read_exact(&mut said[..4]).await.unwrap();
            stream.write_all(&[1]).await.unwrap();
            if let Ok(mut tls) = acceptor.accept(stream).await {
                let mut bytes = vec![0; 64];
                while let Ok(n @ 1..) = tls.read(&mut bytes).await {
                    kept.lock().unwrap().extend_from_slice(&bytes[..n]);
                }
            }
        }
    });
    (address, heard)
}

struct Authority {
    params: CertificateParams,
    key: KeyPair,
}

fn authority(named: &str, is_ca: bool) -> Authority {
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, named);
    if is_ca {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    }
    Authority { params, key: KeyPair::generate().unwrap() }
}

/// Row 8: a certificate that is wrong in any way is refused before the name and password leave.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_8_class_tls_trust_no_password_goes_to_a_site_whose_certificate_is_wrong() {
    let dir = tempfile::TempDir::new().unwrap();
    let ca = authority("the CA", true);
    std::fs::write(dir.path().join("ca.pem"), ca.params.self_signed(&ca.key).unwrap().pem()).unwrap();
    std::fs::write(dir.path().join("password"), "secretpw\n").unwrap();
    let issuer = Issuer::from_params(&ca.params, &ca.key);
    let leaf = |names: &[&str], years: (i32, i32)| {
        let mut params = CertificateParams::new(names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>()).unwrap();
        (params.not_before, params.not_after) = (rcgen::date_time_ymd(years.0, 1, 1), rcgen::date_time_ymd(years.1, 1, 1));
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &issuer).unwrap();
        (vec![certificate.der().clone()], PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap())
    };
    let own = authority("nobody's", false);
    let alone = (
        vec![own.params.self_signed(&own.key).unwrap().der().clone()],
        PrivateKeyDer::from_pem_slice(own.key.serialize_pem().as_bytes()).unwrap(),
    );
    // A leaf of the CA that plays a CA itself.
    let false_ca = authority("a leaf", false);
    let false_ca_certificate = false_ca.params.signed_by(&false_ca.key, &issuer).unwrap();
    let below = authority("below a leaf", false);
    let by_leaf = below.params.signed_by(&below.key, &Issuer::from_params(&false_ca.params, &false_ca.key)).unwrap();
    let chained = (
        vec![by_leaf.der().clone(), false_ca_certificate.der().clone()],
        PrivateKeyDer::from_pem_slice(below.key.serialize_pem().as_bytes()).unwrap(),
    );
    let cases = [
        ("right", leaf(&["localhost"], (2020, 2040)), true),
        ("of another name", leaf(&["other.example"], (2020, 2040)), false),
        ("expired", leaf(&["localhost"], (2020, 2021)), false),
        ("not yet valid", leaf(&["localhost"], (2039, 2040)), false),
        ("self-signed", alone, false),
        ("signed by a leaf", chained, false),
    ];
    for (what, (chain, key), trusted) in cases {
        let (address, heard) = site_with(chain, key).await;
        let house = House::open(&format!(
            "[[site]]\nname = \"a\"\nlabel = \"A\"\nkind = \"production\"\naddress = \"{address}\"\nserver_name = \"localhost\"\nsecurity = \"vencrypt\"\nca = {:?}\nlogin = {{ user = \"viewer\", password_file = {:?} }}\n",
            dir.path().join("ca.pem"),
            dir.path().join("password")
        ))
        .await;
        // The right one never answers the password: it is told by what it hears.
        let show = house.shows("a");
        let _ = house.clock.within(house.clock.now() + Duration::from_millis(700), show).await;
        let got_it = heard.lock().unwrap().windows(8).any(|window| window == b"secretpw");
        assert_eq!(got_it, trusted, "{what}");
        if !trusted {
            house.entry(|entry| entry.kind() == "source.refused" && entry.text("cause") == "up.tls_untrusted").await;
            assert!(heard.lock().unwrap().is_empty(), "{what}: not one byte inside TLS");
        }
        house.close().await;
    }
}
