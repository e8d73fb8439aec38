//! `lucarne workstation`: from where auditors look.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Subcommand;
use time::Date;

use super::people::{day, midnight};
use super::session::{Node, Terminal};
use crate::id::{WorkstationId, hex};
use crate::node::act::Act;
use crate::node::doors;
use crate::tls::{certificates, fingerprint};

#[derive(Subcommand)]
pub(super) enum WorkstationCommand {
    /// Ask for a workstation to be known; another person approves it
    Add {
        /// What people call it
        label: String,
        /// Its certificate (PEM)
        #[arg(long)]
        certificate: PathBuf,
        /// The day on which it is to be known no longer
        #[arg(long, value_parser = day)]
        ends: Option<Date>,
    },
    /// Declare when it was brought up to date last
    Posture {
        workstation: String,
        /// The day of its system's last update
        #[arg(long, value_parser = day, required_unless_present = "antivirus")]
        system: Option<Date>,
        /// The day of its antivirus's last update
        #[arg(long, value_parser = day)]
        antivirus: Option<Date>,
    },
    /// Nobody looks from it any more; whoever does is shown nothing more
    Retire { workstation: String },
    /// Those that are known
    List,
}

/// What binds a ticket to the workstation of a certificate file.
pub(super) fn fingerprint_of(file: &std::path::Path) -> Result<[u8; 32]> {
    let chain = certificates(file)?;
    chain.first().map(fingerprint).with_context(|| format!("{} holds no certificate", file.display()))
}

pub(super) async fn workstation(terminal: &Terminal<'_>, command: WorkstationCommand) -> Result<ExitCode> {
    use WorkstationCommand as C;
    let id = WorkstationId::stored;
    terminal
        .order(match command {
            C::Add { label, certificate, ends } => {
                if let Node::Here { config, .. } = &terminal.node {
                    let [_, tunnel] = doors(config, terminal.clock)?;
                    if !tunnel.trusts(&certificates(&certificate)?, terminal.clock.wall()) {
                        bail!(
                            "nobody could look with {}: `workstations.ca` did not sign it, or it is revoked or over",
                            certificate.display()
                        );
                    }
                } else {
                    eprintln!("lucarne: not looked at here: whether workstations.ca signed it. `workstation add` on the node's machine does");
                }
                Act::AskWorkstation { certificate: hex(&fingerprint_of(&certificate)?), label, ends: ends.map(midnight) }
            }
            C::Posture { workstation, system, antivirus } => Act::KeepPosture { workstation: id(workstation), system, antivirus },
            C::Retire { workstation } => Act::RetireWorkstation { workstation: id(workstation) },
            C::List => Act::ListWorkstations { after: None },
        })
        .await
}
