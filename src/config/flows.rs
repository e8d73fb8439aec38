//! R42: every flow that a node makes or answers, as its settings say; and the rules of a firewall that lets no other pass.

use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};

use serde::Serialize;

use super::Config;
use super::alerts::servers;
use super::store::is_this_machine;
use crate::network::Networks;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Way {
    /// Others connect to the node.
    In,
    /// The node connects to others.
    Out,
}

/// One kind of connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Flow {
    pub way: Way,
    pub what: String,
    /// From where to the node, or to where from it: networks, an address or a name; "any".
    pub peer: Vec<String>,
    pub protocol: &'static str,
    pub port: u16,
    /// Where the node listens.
    pub listen: Option<IpAddr>,
}

impl Flow {
    fn within(what: &str, listen: SocketAddr, from: [&Networks; 2]) -> Self {
        let listens = listen.ip();
        let [people, balancers] = from;
        let mut peer = if listens.is_loopback() { vec![HERE.to_owned()] } else { names(people, "any") };
        if !listens.is_loopback() && !people.are_anywhere() {
            peer.extend(names(balancers, "any"));
        }
        Self { way: Way::In, what: what.to_owned(), peer, protocol: "tcp", port: listen.port(), listen: Some(listens) }
    }

    fn to(what: String, peer: Vec<String>, protocol: &'static str, port: u16) -> Self {
        Self { way: Way::Out, what, peer, protocol, port, listen: None }
    }

    /// Whether it leaves or enters the machine.
    fn is_outside(&self) -> bool {
        !self.peer.iter().all(|peer| peer == HERE || is_this_machine(peer))
    }
}

const HERE: &str = "this machine";

fn names(networks: &Networks, anywhere: &str) -> Vec<String> {
    if networks.are_anywhere() { vec![anywhere.to_owned()] } else { networks.iter().map(ToString::to_string).collect() }
}

/// All of them.
pub fn flows(config: &Config) -> Vec<Flow> {
    let (viewers, anywhere) = (&config.viewers, [&Networks::default(), &Networks::nowhere()]);
    let from = [&viewers.networks, &viewers.balancers];
    let mut flows = vec![Flow::within("viewers: RFB, TLS inside", viewers.listen, from)];
    flows.extend(viewers.tls_first.map(|at| Flow::within("viewers: TLS first", at, from)));
    flows.extend(viewers.local.map(|at| Flow::within("viewers of this machine", at, anywhere)));
    flows.extend(
        config.api.as_ref().map(|api| Flow::within("orders by HTTP, inside TLS", api.listen, [&api.networks, &api.balancers])),
    );
    if let Some(pages) = &config.pages {
        let from = [&pages.networks, &pages.balancers];
        flows.push(Flow::within("pages of auditors", pages.listen, from));
        flows.push(Flow::within("the pages' pixel of elsewhere", pages.pixel, from));
    }
    flows.extend(config.monitor.map(|at| Flow::within("metrics and health", at, anywhere)));
    for site in &config.sites {
        flows.push(Flow::to(format!("site {}", site.name), names(&site.networks, &site.host), "tcp", site.port));
    }
    flows
        .extend(config.postgres.iter().map(|server| Flow::to("store".to_owned(), vec![server.host.clone()], "tcp", server.port)));
    for (what, host, port) in servers(&config.alerts) {
        flows.push(Flow::to(what.to_owned(), vec![host.clone()], "tcp", port));
    }
    let hosts = config.sites.iter().map(|site| &site.host).chain(config.postgres.iter().map(|server| &server.host));
    let hosts = hosts.chain(servers(&config.alerts).map(|(_, host, _)| host));
    let mut hosts = hosts.filter(|host| !is_this_machine(host));
    if hosts.any(|host| host.parse::<IpAddr>().is_err()) {
        let resolver = || vec!["the machine's resolver".to_owned()];
        flows.extend(["udp", "tcp"].map(|protocol| Flow::to("names of these hosts".to_owned(), resolver(), protocol, 53)));
    }
    flows
}

/// The same as rules of nftables, for the node's user: all else that it would do is dropped.
pub fn nftables(flows: &[Flow], user: &str) -> String {
    let mut rules = String::from(
        "# The node's ports are answered to its networks alone; its user (--user, who must exist) reaches its sites, its store and\n\
         # whom it tells, and nothing else. Names are written as comments: put their addresses in.\n\
         table inet lucarne\ndelete table inet lucarne\ntable inet lucarne {\n    chain input {\n        type filter hook input priority 0; policy accept;\n",
    );
    // Writing to a string cannot fail.
    for flow in flows.iter().filter(|flow| flow.way == Way::In && flow.is_outside()) {
        for rule in sources(&flow.peer, "saddr") {
            let _ = writeln!(rules, "        {rule}{} dport {} accept comment \"{}\"", flow.protocol, flow.port, flow.what);
        }
        let _ = writeln!(rules, "        iif != \"lo\" {} dport {} drop", flow.protocol, flow.port);
    }
    // What no process sends (answers of the kernel, neighbours of IPv6) has no user, and is none of ours.
    let _ = writeln!(
        rules,
        "    }}\n    chain output {{\n        type filter hook output priority 0; policy accept;\n        meta skuid {user} jump node\n    }}\n    \
         chain node {{\n        oif \"lo\" accept\n        ct state established,related accept"
    );
    for flow in flows.iter().filter(|flow| flow.way == Way::Out && flow.is_outside()) {
        for rule in sources(&flow.peer, "daddr") {
            let _ = writeln!(rules, "        {rule}{} dport {} accept comment \"{}\"", flow.protocol, flow.port, flow.what);
        }
    }
    rules.push_str("        drop\n    }\n}\n");
    rules
}

/// A match for each peer; a name matches nothing until somebody writes its address.
fn sources(peers: &[String], side: &str) -> Vec<String> {
    let rule = |peer: &String| match peer.split('/').next().map(str::parse::<IpAddr>) {
        _ if peer == "any" => String::new(),
        Some(Ok(IpAddr::V4(_))) => format!("ip {side} {peer} "),
        Some(Ok(IpAddr::V6(_))) => format!("ip6 {side} {peer} "),
        _ => format!("# {side} of {peer}: "),
    };
    peers.iter().map(rule).collect()
}
