//! R42: a node answers and makes the connections that `lucarne policy flows` lists, and no other.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use lucarne::clock::Clock;
use lucarne::config::Config;
use lucarne::config::flows::{flows, nftables};

use lucarne::demo::rehearsal::{Auditor, ByControl, Rehearsal, went_well};
use lucarne::governance::account::File;
use lucarne::governance::{MailAddress, Role};
use lucarne::id::SiteName;
use lucarne::node::act::Act;
use lucarne::trace::Entry;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::alerts::Receiver;
use super::child::Program;
use super::cli::says;
use super::process::{codes, served, served_with, whole_entries};

/// The ports of TCP and UDP that these calls name in strace's words.
fn ports(words: &str, call: &str) -> BTreeSet<u64> {
    let calls = words.lines().filter(|line| line.contains(call) && line.contains("AF_INET") && line.contains("sin"));
    let port = |line: &str| line.split_once("port=htons(")?.1.split_once(')')?.0.parse().ok();
    calls.filter_map(port).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r42_a_served_node_makes_and_answers_the_listed_flows_and_no_other() {
    let watched = tempfile::TempDir::new().unwrap();
    let calls = watched.path().join("calls");
    let receiver = Receiver::start(&Clock::system()).await;
    let strace = format!("exec strace -D -f -qq -e trace=connect,bind,sendto,sendmsg -o {}", calls.display());
    let served = served_with(&format!("{strace} {}", env!("CARGO_BIN_EXE_lucarne")), &receiver.settings()).await;
    let eye = served.looks().await;
    eye.leave().await;
    // Confined as it is, the node reaches whom it tells.
    let (stage, company) = (&served.people.stage, &served.people.company);
    let mail = MailAddress::try_from("claire@agence.example".to_owned()).ok();
    for act in
        [Act::KeepFile { login: "claire".into(), file: File { mail, ..File::default() } }, Act::TestAlert { role: Role::Auditor }]
    {
        went_well(company.admin.order(stage, act).await.unwrap()).unwrap();
    }
    for _ in 0..500 {
        if !receiver.mails("claire@agence.example").is_empty() {
            break;
        }
        served.clock.sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(receiver.mails("claire@agence.example").len(), 1);
    let listed: serde_json::Value = serde_json::from_str(&says(&served.config, &["--json", "policy", "flows"], "")).unwrap();
    let listed = |way: &str| -> BTreeSet<u64> {
        let flows = listed.as_array().unwrap().iter().filter(|flow| flow["way"] == way);
        flows.map(|flow| flow["port"].as_u64().unwrap()).collect()
    };
    let words = std::fs::read_to_string(&calls).unwrap();
    assert_eq!(ports(&words, "bind("), listed("in"), "{words}");
    assert_eq!(ports(&words, "connect("), listed("out"), "{words}");
    assert!(ports(&words, "sendto(").is_empty() && ports(&words, "sendmsg(").is_empty(), "{words}");
}

/// Connections by both their ends, with the seconds at which they were begun.
type Begun = Vec<(String, String, f64)>;

/// What a firewall would have seen: each SYN to one of these ports.
fn captured(file: &Path, ports: &[u16]) -> Begun {
    let filter = "tcp[tcpflags] & (tcp-syn|tcp-ack) == tcp-syn";
    let read = Command::new("tcpdump").args(["-nn", "-tt", "-r"]).arg(file).arg(filter).output().unwrap();
    let text = String::from_utf8(read.stdout).unwrap();
    // 1764306512.123456 IP 127.0.0.1.40001 > 127.0.0.1.5920: Flags [S], …
    let address = |word: &str| word.trim_end_matches(':').rsplit_once('.').map(|(ip, port)| format!("{ip}:{port}"));
    let begun = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        Some((address(words.get(2)?)?, address(words.get(4)?)?, words.first()?.parse().ok()?))
    };
    let all: Begun = text.lines().filter_map(begun).collect();
    let wanted = |to: &str| ports.iter().any(|port| to.ends_with(&format!(":{port}")));
    all.into_iter().filter(|(_, to, _)| wanted(to)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r45_a_capture_of_packets_and_the_trace_are_joined_one_to_one() {
    let folder = tempfile::TempDir::new().unwrap();
    let (file, words) = (folder.path().join("packets"), folder.path().join("tcpdump"));
    let mut capture = Command::new("tcpdump");
    // Unbuffered: what was seen is in the file at once.
    capture.args(["-i", "lo", "-nn", "-U", "--immediate-mode", "-Z", "root", "-w"]).arg(&file).arg("tcp");
    let capture = Program::start(&mut capture, &words);
    let clock = Clock::system();
    while !std::fs::read_to_string(&words).unwrap_or_default().contains("listening on") {
        clock.sleep(Duration::from_millis(20)).await;
    }
    let served = served("").await;
    served.looks().await.leave().await;
    // Whoever is sent away is joined too.
    let mut stranger = tokio::net::TcpStream::connect(("127.0.0.1", served.viewers)).await.unwrap();
    stranger.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let _ = stranger.read_to_end(&mut Vec::new()).await;
    let config = Config::load(&served.config).unwrap();
    let ports = [served.viewers, config.sites[0].port];
    clock.sleep(Duration::from_millis(500)).await;
    drop(capture);
    let mut seen = captured(&file, &ports);
    let traced = |entry: &Entry| {
        let end = |key: &str| entry.sealed.as_ref()?.get(key)?.as_str().map(str::to_owned);
        let is_one = ["conn.attempt", "source.opened", "source.refused"].contains(&entry.kind());
        let time = OffsetDateTime::parse(entry.text("time"), &Rfc3339).unwrap().unix_timestamp_nanos() as f64 / 1e9;
        if is_one { end("src").zip(end("dst")).map(|(src, dst)| (src, dst, time)) } else { None }
    };
    let entries = whole_entries(&served.data().join("trace"));
    let mut traced: Begun = entries.iter().filter_map(traced).collect();
    seen.sort_by(|a, b| (&a.0, &a.1).cmp(&(&b.0, &b.1)));
    traced.sort_by(|a, b| (&a.0, &a.1).cmp(&(&b.0, &b.1)));
    assert!(seen.len() >= 3, "{seen:?}");
    let ends = |begun: &Begun| begun.iter().map(|(from, to, _)| (from.clone(), to.clone())).collect::<Vec<_>>();
    assert_eq!(ends(&seen), ends(&traced));
    assert!(seen.iter().zip(&traced).all(|(seen, traced)| (seen.2 - traced.2).abs() < 2.0), "{seen:?} {traced:?}");
}

fn config() -> Config {
    let good = include_str!("../../src/cli/lucarne.toml");
    let text = good
        .replace("listen = \"127.0.0.1:5920\" ", "listen = \"0.0.0.0:5920\"\nnetworks = [\"10.20.0.0/16\", \"fd00:7::/64\"]\n")
        .replace("# [api] ", "[api] ")
        .replace("# listen = \"127.0.0.1:5943\"", "listen = \"0.0.0.0:5943\"")
        .replace("127.0.0.1:5901", "vnc.example.org:5901\"\nnetworks = [\"192.0.2.0/28\"] # \"");
    Config::parse(Path::new("/etc/lucarne/lucarne.toml"), &text).unwrap()
}

/// The system takes the rules as they are printed, in a network of their own.
#[test]
fn r42_the_rules_of_the_firewall_are_nftables_own() {
    let rules = nftables(&flows(&config()), "root");
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("lucarne.nft");
    std::fs::write(&file, &rules).unwrap();
    let taken = Command::new("unshare").args(["-rn", "nft", "-f"]).arg(&file).output().unwrap();
    assert!(taken.status.success(), "{rules}{}", String::from_utf8_lossy(&taken.stderr));
    for rule in [
        "ip saddr 10.20.0.0/16 tcp dport 5920 accept",
        "ip6 saddr fd00:7::/64 tcp dport 5920 accept",
        "tcp dport 5943 accept",
        "ip daddr 192.0.2.0/28 tcp dport 5901 accept",
        "# daddr of the machine's resolver: udp dport 53 accept",
    ] {
        assert!(rules.contains(rule), "{rule}: {rules}");
    }
    // What listens on loopback alone is no firewall's matter.
    assert!(!rules.contains("9620"), "{rules}");
}

/// Its site is shown, its people are answered, and not one packet of its own was in the way of a rule; what is no flow of
/// its own does not pass.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r42_inside_the_rules_that_it_prints_a_node_works_and_nothing_else_passes() {
    let (folder, clock) = (tempfile::TempDir::new().unwrap(), Clock::system());
    let (root, binary) = (folder.path().join("n1"), env!("CARGO_BIN_EXE_lucarne"));
    let config = root.join("lucarne.toml");
    let codes = codes(&says(&config, &["init", root.to_str().unwrap()], ""));
    let text = std::fs::read_to_string(&config).unwrap();
    let text = text.replacen("\"127.0.0.1:5920\"", "\"10.77.0.1:5920\"\nnetworks = [\"10.77.0.0/25\"]", 1);
    std::fs::write(&config, text.replace("127.0.0.1:5901", "10.77.0.2:5901")).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/two_networks.sh");
    let mut networks = Command::new("unshare");
    networks.args(["-rnm", "bash"]).arg(script).arg(binary).arg(folder.path()).env("LUCARNE_CONFIG", &config);
    let networks = tokio::task::spawn_blocking(move || networks.output().unwrap());
    let stage = ByControl { data: root.join("data"), clock };
    let auditor = Auditor { login: "claire", name: "Claire Martin", password: "Correct-h0rse" };
    let site = SiteName::new("my-site").unwrap();
    let people = Rehearsal::begin(stage, [&codes[0], &codes[1]], auditor, std::slice::from_ref(&site)).await;
    let shown = match people {
        Ok(people) => people.show(&site).await,
        Err(error) => Err(error),
    };
    // Whatever has become of it: the script waits for that.
    std::fs::write(folder.path().join("shown"), "").unwrap();
    let done = networks.await.unwrap();
    let said = String::from_utf8(done.stdout).unwrap();
    let all = || format!("{said}{}", String::from_utf8_lossy(&done.stderr));
    shown.and_then(went_well).unwrap_or_else(|error| panic!("{error:#}: {}", all()));
    let expected = "people: RFB 003.008\nstrangers: silence\nmetrics: refused\ndropped: 0\nelsewhere: silence\nand counted\n";
    assert!(done.status.success() && said == expected, "{}", all());
}
