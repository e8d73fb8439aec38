//! The command line: what people type, and what they read.

mod check;
mod demo;
mod init;
mod manage;
mod sandbox;
mod serve;
mod tail;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::clock::Clock;
use crate::config::Config;
use crate::id::SiteName;
use crate::node::act::Act;

/// See a remote screen, and do nothing else.
#[derive(Parser)]
#[command(name = "lucarne", version, about, propagate_version = true)]
struct Cli {
    /// The node's settings
    #[arg(short, long, global = true, default_value = "lucarne.toml", env = "LUCARNE_CONFIG")]
    config: PathBuf,
    /// Answer in JSON where a script would want it
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Look at an invented practice through Lucarne, with nothing to set up
    Demo {
        /// The port that viewers connect to (0: any)
        #[arg(long, default_value_t = 0)]
        port: u16,
    },
    /// Begin a node: certificates and settings, in a new directory
    Init {
        dir: PathBuf,
        /// A name or address by which viewers reach this machine (may be repeated)
        #[arg(long = "host", default_values_t = ["localhost".to_owned(), "127.0.0.1".to_owned()])]
        hosts: Vec<String>,
    },
    /// Run the node
    Serve {
        /// Logs as JSON, for machines
        #[arg(long)]
        log_json: bool,
    },
    /// Check the settings, and each site by one ordinary handshake
    Check,
    /// Who may look
    #[command(subcommand)]
    Account(manage::AccountCommand),
    /// What is shown
    #[command(subcommand)]
    Site(manage::SiteCommand),
    /// Give an account a ticket for a site: one use, 60 seconds
    Ticket {
        login: String,
        #[arg(value_parser = SiteName::new)]
        site: SiteName,
        /// Also give its form of eight letters, for viewers that know VncAuth only (`viewers.local`)
        #[arg(long)]
        short: bool,
        /// Bind it to the workstation with this certificate (PEM)
        #[arg(long)]
        certificate: Option<PathBuf>,
    },
    /// Read the viewers' certificate and key again (SIGHUP does the same); sessions go on
    Reload,
    /// What happened
    #[command(subcommand)]
    Trace(tail::TraceCommand),
}

/// Runs what was typed.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    match dispatch(cli) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("lucarne: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(cli: Cli) -> Result<ExitCode> {
    let clock = Clock::system();
    let Cli { config: path, json, command } = cli;
    let config = || -> Result<Config> { Ok(Config::load(&path)?) };
    let out = manage::Output { json };
    match command {
        Command::Demo { port } => {
            sandbox::harden()?;
            block_on(demo::run(port, clock))
        }
        Command::Init { dir, hosts } => init::run(&dir, &hosts),
        Command::Serve { log_json } => {
            logs(log_json);
            let config = config()?;
            sandbox::harden()?;
            let _lock = serve::lock(&config)?;
            sandbox::confine(&config)?;
            block_on(serve::run(&config, &clock))
        }
        Command::Check => block_on(check::run(&config()?, &clock, json)),
        Command::Account(command) => block_on(manage::account(&config()?, command, &clock, out)),
        Command::Site(command) => block_on(manage::site(&config()?, command, &clock, out)),
        Command::Ticket { login, site, short, certificate } => {
            let certificate = certificate.map(|file| manage::fingerprint_of(&file)).transpose()?;
            let act = Act::IssueTicket { login, site, short, certificate };
            block_on(manage::order(&config()?, &act, &clock, out))
        }
        Command::Reload => block_on(manage::order(&config()?, &Act::Reload, &clock, out)),
        Command::Trace(command) => block_on(tail::run(&config()?, &command, &clock, json)),
    }
}

/// Runs a command on the control runtime. There are no other threads before: what the process has given up by now is
/// given up by all of them.
fn block_on(work: impl Future<Output = Result<ExitCode>>) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).thread_name("control").enable_all().build()?;
    let done = runtime.block_on(work);
    // A thread may still wait for a line of standard input: do not wait for it.
    runtime.shutdown_background();
    done
}

/// Logs go to standard error; at the level "info" they name no person, no site and no address.
fn logs(json: bool) {
    let filter = tracing_subscriber::EnvFilter::try_from_env("LUCARNE_LOG").unwrap_or_else(|_| "info".into());
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if json { logs.json().init() } else { logs.init() }
}
