//! Orders to the node: by its control socket, or on its store when it does not run and need not.

use std::io::{BufRead, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Subcommand;
use zeroize::Zeroizing;

use super::serve::lock;
use crate::clock::Clock;
use crate::config::Config;
use crate::governance::Secret;
use crate::id::SiteName;
use crate::node::act::{Act, Outcome, perform_on_desk};
use crate::node::{control, open_desk};
use crate::tls::{certificates, fingerprint};

#[derive(Subcommand)]
pub(super) enum AccountCommand {
    /// Add an account; its password is read from standard input
    Add {
        login: String,
        /// The person's name, as the watermark will show it
        #[arg(long)]
        name: String,
    },
    /// Change an account's password; the old one and the new one are read from standard input, a line each
    Password { login: String },
    /// List the accounts
    List,
    /// Let an account look again
    Enable { login: String },
    /// End an account's sessions, and let it look no more
    Disable { login: String },
}

#[derive(Subcommand)]
pub(super) enum SiteCommand {
    /// List the sites: how they stand, the age of their picture, who many look
    List,
    /// Open the site's source: its picture can be seen
    Show {
        #[arg(value_parser = SiteName::new)]
        site: SiteName,
    },
    /// Close the site's source; viewers wait before a blank screen
    Pause {
        #[arg(value_parser = SiteName::new)]
        site: SiteName,
    },
    /// Close the site's source and end its sessions
    Stop {
        #[arg(value_parser = SiteName::new)]
        site: SiteName,
    },
    /// Say that the site's masks are right for a size of its screen, such as 1280x800
    Confirm {
        #[arg(value_parser = SiteName::new)]
        site: SiteName,
        size: String,
    },
}

/// How answers are printed.
#[derive(Clone, Copy)]
pub(super) struct Output {
    pub json: bool,
}

pub(super) async fn account(config: &Config, command: AccountCommand, clock: &Clock, out: Output) -> Result<ExitCode> {
    let act = match command {
        AccountCommand::Add { login, name } => {
            let ask = format!("Password for {login}, at least 10 characters of 4 kinds");
            Act::AddAccount { password: read_password(&ask)?, login, name }
        }
        AccountCommand::Password { login } => {
            let old = read_password(&format!("Old password of {login}"))?;
            let new = read_password(&format!("New password of {login}, at least 10 characters of 4 kinds, none of its last 12"))?;
            Act::ChangePassword { login, old, new }
        }
        AccountCommand::List => Act::ListAccounts,
        AccountCommand::Enable { login } => Act::EnableAccount { login, enabled: true },
        AccountCommand::Disable { login } => Act::EnableAccount { login, enabled: false },
    };
    order(config, &act, clock, out).await
}

pub(super) async fn site(config: &Config, command: SiteCommand, clock: &Clock, out: Output) -> Result<ExitCode> {
    let act = match command {
        SiteCommand::List => Act::ListSites,
        SiteCommand::Show { site } => Act::Show { site },
        SiteCommand::Pause { site } => Act::Pause { site },
        SiteCommand::Stop { site } => Act::Stop { site },
        SiteCommand::Confirm { site, size } => {
            let sides = size.split_once(['x', '×']).and_then(|(w, h)| Some((w.parse().ok()?, h.parse().ok()?)));
            let Some((width, height)) = sides else { bail!("{size:?} is no size; write width and height, such as 1280x800") };
            Act::ConfirmMasks { site, width, height }
        }
    };
    order(config, &act, clock, out).await
}

/// What binds a ticket to the workstation of a certificate file.
pub(super) fn fingerprint_of(file: &Path) -> Result<[u8; 32]> {
    let chain = certificates(file)?;
    chain.first().map(fingerprint).with_context(|| format!("{} holds no certificate", file.display()))
}

pub(super) async fn order(config: &Config, act: &Act, clock: &Clock, out: Output) -> Result<ExitCode> {
    if let Some(outcome) = control::order(&config.data, act, clock).await? {
        return print(&outcome, out);
    }
    if matches!(act, Act::AddAccount { .. } | Act::ChangePassword { .. } | Act::EnableAccount { .. } | Act::ListAccounts) {
        let _lock = lock(config)?;
        let desk = open_desk(config, clock).await?;
        if let Some(outcome) = perform_on_desk(&desk, act).await {
            return print(&outcome, out);
        }
    }
    bail!("no node runs on {}; start it with `lucarne serve`, then try again", config.data.display())
}

/// A password from standard input: one line. At a terminal it is asked for.
fn read_password(ask: &str) -> Result<Secret> {
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        eprint!("{ask} (it shows as you type): ");
        std::io::stderr().flush()?;
    }
    let mut line = Zeroizing::new(String::new());
    stdin.lock().read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).into())
}

fn print(outcome: &Outcome, out: Output) -> Result<ExitCode> {
    let failed = matches!(outcome, Outcome::Failed { .. });
    if out.json {
        println!("{}", serde_json::to_string(outcome)?);
        return Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS });
    }
    match outcome {
        Outcome::Done { message } => println!("{message}"),
        Outcome::Failed { message } => bail!("{message}"),
        Outcome::Accounts { accounts } => {
            for account in accounts {
                let state = if account.enabled { "enabled" } else { "disabled" };
                println!("{:<24} {:<10} {}", account.login, state, account.name);
            }
        }
        Outcome::Sites { sites } => {
            for site in sites {
                let age = site
                    .picture_age_ms
                    .map_or_else(|| "no picture".to_owned(), |ms| format!("{}.{} s old", ms / 1000, ms / 100 % 10));
                let size = site.size.clone().unwrap_or_else(|| "-".to_owned());
                println!(
                    "{:<20} {:<8} {:>11} {:>12} {:>3} looking  {}",
                    site.name,
                    site.standing.name(),
                    size,
                    age,
                    site.viewers,
                    site.label
                );
                if let Some(trouble) = &site.trouble {
                    println!("{:<20} ! {trouble}", "");
                }
            }
        }
        Outcome::Ticket { login, secret, short, expires, password_days } => {
            println!("user      {login}");
            println!("ticket    {secret}      (until {expires}, once)");
            if let Some(short) = short {
                println!("short     {short}");
            }
            if let Some(days) = password_days {
                let when = if *days == 0 { "today".to_owned() } else { format!("within {days} days") };
                println!("note      the password must be changed {when}: lucarne account password {login}");
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
