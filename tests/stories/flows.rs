//! R42: a node answers and makes the connections that `lucarne policy flows` lists, and no other.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use lucarne::config::Config;
use lucarne::config::flows::{flows, nftables};

use super::cli::says;
use super::process::served;

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
    let served = served(&format!("strace -f -qq -e trace=connect,bind,sendto,sendmsg -o {}", calls.display())).await;
    let eye = served.looks().await;
    eye.leave().await;
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
