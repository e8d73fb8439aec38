//! `lucarne policy`: what the settings come to, for those who guard the network.

use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;

use crate::config::Config;
use crate::config::flows::{Way, flows, nftables};

#[derive(Subcommand)]
pub(super) enum PolicyCommand {
    /// Every connection that the node answers or makes
    Flows {
        /// As rules of nftables, for a firewall that lets nothing else pass
        #[arg(long)]
        nftables: bool,
        /// The user that the node runs as
        #[arg(long, default_value = "lucarne")]
        user: String,
    },
}

pub(super) fn run(config: &Config, command: PolicyCommand, json: bool) -> Result<ExitCode> {
    let PolicyCommand::Flows { nftables: as_rules, user } = command;
    let flows = flows(config);
    if as_rules {
        print!("{}", nftables(&flows, &user));
    } else if json {
        println!("{}", serde_json::to_string(&flows)?);
    } else {
        for flow in &flows {
            let (peer, port) = (flow.peer.join(", "), flow.port);
            let (way, where_) = match (flow.way, flow.listen) {
                (Way::In, Some(listen)) => ("in ", format!("from {peer} to {listen}")),
                _ => ("out", format!("to {peer}")),
            };
            println!("{way}  {:<3} {port:>5}  {where_:<44} {}", flow.protocol, flow.what);
        }
    }
    Ok(ExitCode::SUCCESS)
}
