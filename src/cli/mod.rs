//! The command line: what people type, and what they read.

mod alert;
mod apply;
mod check;
mod declared;
mod demo;
mod engagement;
mod incident;
mod init;
mod people;
mod policy;
mod print;
mod sandbox;
mod serve;
mod session;
mod settings;
mod tail;
mod token;
mod workstation;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::{CommandFactory, Parser, Subcommand};

use crate::clock::Clock;
use crate::config::Config;
use crate::governance::Secret;
use crate::node::act::{Act, openapi};
use crate::node::remote::Remote;
use session::{Node, Terminal};

/// See a remote screen, and do nothing else
#[derive(Parser)]
#[command(name = "lucarne", version, about, propagate_version = true, after_help = print::EXITS)]
struct Cli {
    /// The node's settings
    #[arg(short, long, global = true, default_value = "lucarne.toml", env = "LUCARNE_CONFIG")]
    config: PathBuf,
    /// Answer in JSON where a script would want it
    #[arg(long, global = true)]
    json: bool,
    /// The file that keeps your login
    #[arg(long, global = true, env = "LUCARNE_SESSION")]
    session: Option<PathBuf>,
    /// Act by this token instead (LUCARNE_TOKEN: what is on a command line others can read)
    #[arg(long, global = true, env = "LUCARNE_TOKEN", hide = true, hide_env_values = true)]
    token: Option<String>,
    #[command(flatten)]
    elsewhere: Elsewhere,
    #[command(subcommand)]
    command: Command,
}

/// A node that is ordered by HTTP, in place of this machine's.
#[derive(clap::Args)]
struct Elsewhere {
    /// Order a node elsewhere, by HTTP: https://HOST:PORT of its [api]
    #[arg(long, global = true, env = "LUCARNE_URL")]
    url: Option<String>,
    /// Who signed that node's certificate (PEM)
    #[arg(long, global = true, env = "LUCARNE_CA", value_name = "FILE")]
    ca: Option<String>,
    /// The certificate that this workstation is known by, and its key, in one file (PEM)
    #[arg(long, global = true, env = "LUCARNE_IDENTITY", value_name = "FILE")]
    identity: Option<String>,
}

impl Elsewhere {
    /// `None`: the node is this machine's.
    fn node(&self, clock: &Clock) -> Result<Option<Remote>> {
        let said = |what: &Option<String>| what.as_ref().filter(|what| !what.is_empty()).map(PathBuf::from);
        let Some(url) = self.url.as_ref().filter(|url| !url.is_empty()) else { return Ok(None) };
        let ca = said(&self.ca).context("say who signed that node's certificate: --ca FILE (`init` made certs/ca.pem)")?;
        Ok(Some(Remote::new(url, &ca, said(&self.identity).as_deref(), clock)?))
    }

    /// For what is about this machine's files.
    fn is_nowhere(&self) -> Result<()> {
        match self.url.as_ref().filter(|url| !url.is_empty()) {
            Some(_) => bail!("this is done on the node's own machine: leave --url (LUCARNE_URL) out"),
            None => Ok(()),
        }
    }
}

#[derive(Subcommand)]
enum Command {
    /// Look at an invented practice through Lucarne, with nothing to set up
    Demo {
        /// The port that viewers connect to (0: any)
        #[arg(long, default_value_t = 0)]
        port: u16,
        /// Have Chromium log in and look, by chromedriver, then end; exit code 1 if anything is not as it should be
        #[arg(long)]
        browser_check: bool,
    },
    /// Begin a node: certificates and settings, in a new directory
    Init {
        dir: PathBuf,
        /// A name or address by which viewers reach this machine (may be repeated)
        #[arg(long = "host", default_values_t = ["localhost".to_owned(), "127.0.0.1".to_owned()])]
        hosts: Vec<String>,
        /// Where store and trace lie; in the new directory, if not said
        #[arg(long)]
        data: Option<PathBuf>,
        /// Who signs the certificates of the workstations that auditors look from (PEM); if not said, none is asked for
        #[arg(long, value_name = "CA")]
        workstations: Option<PathBuf>,
    },
    /// Run the node
    Serve {
        /// Logs as JSON, for machines
        #[arg(long)]
        log_json: bool,
    },
    /// Check the settings, and each site by one ordinary handshake
    Check,
    /// Bring the store to this version of Lucarne, on a stopped node
    Migrate,
    #[command(flatten)]
    Entry(session::EntryCommand),
    /// People
    #[command(subcommand)]
    Account(people::AccountCommand),
    /// What waits for a second person
    #[command(subcommand)]
    Request(people::RequestCommand),
    /// The charter, the procedure and the runbook
    #[command(subcommand)]
    Paper(people::PaperCommand),
    /// What is shown
    #[command(subcommand)]
    Site(people::SiteCommand),
    /// Visits and audits
    #[command(subcommand)]
    Engagement(engagement::EngagementCommand),
    /// What the settings come to
    #[command(subcommand)]
    Policy(policy::PolicyCommand),
    /// What went wrong, and what was done about it
    #[command(subcommand)]
    Incident(incident::IncidentCommand),
    /// Whether people are told when something happens
    #[command(subcommand)]
    Alert(alert::AlertCommand),
    /// What you lend a program of your rights
    #[command(subcommand)]
    Token(token::TokenCommand),
    /// Workstations from which auditors look
    #[command(subcommand)]
    Workstation(workstation::WorkstationCommand),
    /// End every picture of something at once, until two people lift that
    #[command(subcommand)]
    Freeze(people::FreezeCommand),
    /// People, workstations and papers as a file declares them: shows what differs, asks, and orders it
    Apply {
        /// Such as `lucarne export` writes
        file: PathBuf,
        /// Show what differs, and do nothing (exit code 5 if anything does, be it only that something waits)
        #[arg(long)]
        check: bool,
        /// Do not ask
        #[arg(long)]
        yes: bool,
        /// Disable accounts and retire workstations that the file does not name
        #[arg(long)]
        prune: bool,
    },
    /// Write people, workstations and papers as they are, as a file that `lucarne apply` takes
    Export,
    /// Each clause of the security assurance plan: what holds it, and whether it does now
    Compliance,
    /// Read the viewers' certificate and key, and lists of revocations, again (SIGHUP does the same); sessions go on where their workstation still counts
    Reload,
    /// What happened
    #[command(subcommand)]
    Trace(tail::TraceCommand),
    /// The acts that are ordered by HTTP, as OpenAPI
    Openapi,
    /// What a shell completes commands with, on standard output
    Completions { shell: clap_complete::Shell },
    /// Manual pages, a file for each command, into a folder
    Manuals { folder: PathBuf },
}

/// Runs what was typed.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    match dispatch(cli) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("lucarne: {error:#}");
            if error.is::<session::NoNode>() { ExitCode::from(6) } else { ExitCode::FAILURE }
        }
    }
}

fn dispatch(cli: Cli) -> Result<ExitCode> {
    let clock = Clock::system();
    let Cli { config: path, json, session, token, elsewhere, command } = cli;
    let config = || -> Result<Config> { Ok(Config::load(&path)?) };
    let out = print::Output { json };
    if matches!(
        command,
        Command::Init { .. } | Command::Serve { .. } | Command::Check | Command::Policy(_) | Command::Migrate | Command::Trace(_)
    ) {
        elsewhere.is_nowhere()?;
    }
    match command {
        Command::Demo { port, browser_check } => {
            sandbox::harden()?;
            block_on(demo::run(port, browser_check, clock))
        }
        Command::Init { dir, hosts, data, workstations } => {
            let wishes = init::Wishes { data: data.as_deref(), hosts: &hosts, workstations: workstations.as_deref() };
            block_on(init::run(&dir, &wishes, &clock))
        }
        Command::Serve { log_json } => {
            logs(log_json);
            let config = config()?;
            sandbox::harden()?;
            let _lock = serve::lock(&config)?;
            sandbox::confine(&config)?;
            block_on(serve::run(&config, &clock))
        }
        Command::Check => block_on(check::run(&config()?, &clock, json)),
        Command::Openapi => {
            println!("{}", serde_json::to_string_pretty(&openapi())?);
            Ok(ExitCode::SUCCESS)
        }
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "lucarne", &mut std::io::stdout());
            Ok(ExitCode::SUCCESS)
        }
        Command::Manuals { folder } => {
            std::fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
            clap_mangen::generate_to(Cli::command(), &folder)
                .with_context(|| format!("{} cannot be written", folder.display()))?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Policy(command) => policy::run(&config()?, command, json),
        Command::Migrate => block_on(serve::migrate(&config()?, &clock)),
        Command::Trace(command) => block_on(tail::run(&config()?, &command, &clock, json)),
        command => {
            let node = match elsewhere.node(&clock)? {
                Some(remote) => Node::There(remote),
                None => Node::Here { config: Box::new(config()?), file: path.clone() },
            };
            let session = session.unwrap_or_else(session::default_session);
            let token = token.filter(|token| !token.trim().is_empty()).map(|token| Secret::from(token.trim()));
            block_on(by_login(&Terminal { node, clock: &clock, out, session, token }, command))
        }
    }
}

/// What the node is ordered to do, by whoever logged in.
async fn by_login(terminal: &Terminal<'_>, command: Command) -> Result<ExitCode> {
    match command {
        Command::Entry(command) => session::entry(terminal, command).await,
        Command::Account(command) => people::account(terminal, command).await,
        Command::Request(command) => people::request(terminal, command).await,
        Command::Paper(command) => people::paper(terminal, command).await,
        Command::Site(command) => people::site(terminal, command).await,
        Command::Engagement(command) => engagement::engagement(terminal, command).await,
        Command::Incident(command) => incident::incident(terminal, command).await,
        Command::Alert(command) => alert::alert(terminal, command).await,
        Command::Token(command) => token::token(terminal, command).await,
        Command::Workstation(command) => workstation::workstation(terminal, command).await,
        Command::Freeze(command) => people::freeze(terminal, command).await,
        Command::Apply { file, check, yes, prune } => apply::apply(terminal, &file, apply::How { check, yes, prune }).await,
        Command::Export => apply::export(terminal).await,
        Command::Compliance => terminal.order(Act::Compliance).await,
        _ => terminal.order(Act::Reload).await,
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
    let logs = logs.with_ansi(std::io::stderr().is_terminal());
    if json { logs.json().init() } else { logs.init() }
}
