//! `lucarne token`: what you lend a program.

use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;
use time::OffsetDateTime;

use super::engagement::moment;
use super::people::{day, midnight};
use super::session::{Terminal, ask};
use crate::governance::Right;
use crate::id::TokenId;
use crate::node::act::Act;

#[derive(Subcommand)]
pub(super) enum TokenCommand {
    /// Lend a program some of your rights; your six digits are read from standard input
    Add {
        /// What it is for
        label: String,
        /// A right, such as see_sites (may be repeated)
        #[arg(long = "may", required = true, value_parser = right)]
        rights: Vec<Right>,
        /// The day, or the time, of its end: within 90 days
        #[arg(long, value_parser = end)]
        ends: OffsetDateTime,
    },
    /// Your tokens, or those of another
    List { login: Option<String> },
    /// End a token
    End { token: String },
}

fn right(text: &str) -> Result<Right, String> {
    let lent = || Right::ALL.iter().copied().filter(|right| !right.needs_a_person());
    lent().find(|right| right.name() == text).ok_or_else(|| {
        let names: Vec<&str> = lent().map(Right::name).collect();
        format!("use one of {}", names.join(", "))
    })
}

fn end(text: &str) -> Result<OffsetDateTime, String> {
    day(text).map(midnight).or_else(|_| moment(text)).map_err(|_| "write a day such as 2027-01-31".to_owned())
}

pub(super) async fn token(terminal: &Terminal<'_>, command: TokenCommand) -> Result<ExitCode> {
    let act = match command {
        TokenCommand::Add { label, rights, ends } => {
            let code = ask("Six digits")?;
            Act::IssueToken { label, rights: rights.into_iter().collect(), ends, code }
        }
        TokenCommand::List { login } => Act::ListTokens { login },
        TokenCommand::End { token } => Act::EndToken { token: TokenId::stored(token) },
    };
    terminal.order(act).await
}
