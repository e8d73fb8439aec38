//! `lucarne alert`: whether people are told when something happens.

use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;

use super::people::role;
use super::session::Terminal;
use crate::governance::Role;
use crate::node::act::Act;

#[derive(Subcommand)]
pub(super) enum AlertCommand {
    /// Tell everybody of a role that this is a test
    Test {
        #[arg(long, value_parser = role, default_value = "crisis")]
        role: Role,
    },
    /// What has not arrived yet, and why
    List,
}

pub(super) async fn alert(terminal: &Terminal<'_>, command: AlertCommand) -> Result<ExitCode> {
    let act = match command {
        AlertCommand::Test { role } => Act::TestAlert { role },
        AlertCommand::List => Act::ListAlerts,
    };
    terminal.order(act).await
}
