//! Who orders: the login that a file of the user's own keeps, and the orders that go with it to the node.

use std::io::{BufRead, IsTerminal, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Subcommand;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::print::{Output, print};
use crate::clock::Clock;
use crate::config::Config;
use crate::governance::Secret;
use crate::node::act::{Act, Order, Outcome};
use crate::node::control;
use crate::node::remote::Remote;

/// Nobody answers.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoNode {
    #[error("no node runs on {}; start it with `lucarne serve`, then try again", .0.display())]
    Here(PathBuf),
    #[error("nobody answers at {0}; its [api] has to listen there, and the ways between to let you through")]
    There(String),
}

/// The node that is ordered.
pub(super) enum Node {
    /// Of this machine, by its control socket; and where its settings lie.
    Here { config: Box<Config>, file: PathBuf },
    /// By HTTP.
    There(Remote),
}

/// What the file keeps: it is the user's alone.
#[derive(Default, Serialize, Deserialize)]
struct Kept {
    login: String,
    token: Option<Secret>,
    /// Tells the node that this device was here before.
    device: Option<Secret>,
    /// Whose secrets these are: no other node is told them. Files of before are of this machine's.
    #[serde(default)]
    node: Option<String>,
}

impl Node {
    /// As the file of a login names it.
    fn name(&self) -> Option<String> {
        match self {
            Self::Here { .. } => None,
            Self::There(remote) => Some(remote.name()),
        }
    }
}

/// Whence orders are given: to which node, and by whom.
pub(super) struct Terminal<'a> {
    pub node: Node,
    pub clock: &'a Clock,
    pub out: Output,
    /// The file of the login.
    pub session: PathBuf,
    /// In place of it.
    pub token: Option<Secret>,
}

#[derive(Subcommand)]
pub(super) enum EntryCommand {
    /// Open your account: its one-time code and the password that you choose are read from standard input, a line each
    Enrol {
        login: String,
        /// Your name, if you are one of the first two people
        #[arg(long)]
        name: Option<String>,
    },
    /// Log in: password and six digits (or a recovery code) are read from standard input, a line each
    Login { login: String },
    /// End your login
    Logout,
    /// Who you are here
    Whoami,
    /// Change your password: the old one, six digits and the new one are read from standard input, a line each
    Password { login: String },
    /// Say that you have read the charter: give the file that you read
    Charter { file: PathBuf },
}

/// Where a login is kept unless `LUCARNE_SESSION` says otherwise.
pub(super) fn default_session() -> PathBuf {
    let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/state"));
    state.or_else(home).unwrap_or_else(|| PathBuf::from(".")).join("lucarne/session")
}

pub(super) async fn entry(terminal: &Terminal<'_>, command: EntryCommand) -> Result<ExitCode> {
    match command {
        EntryCommand::Enrol { login, name } => {
            let code = ask("One-time code (both halves, with a hyphen between)")?;
            let password = ask_new_password("The password that you choose, at least 10 characters of 4 kinds")?;
            terminal.order_without_login(Act::Enrol { login, name, code, password }).await
        }
        EntryCommand::Login { login } => terminal.log_in(login).await,
        EntryCommand::Logout => {
            let outcome = terminal.ask(Act::Logout).await?;
            if matches!(outcome, Outcome::Done { .. }) {
                terminal.keep(&Kept { token: None, ..terminal.kept() })?;
            }
            print(&outcome, terminal.out)
        }
        EntryCommand::Whoami => terminal.order(Act::WhoAmI).await,
        EntryCommand::Password { login } => {
            let old = ask_password("Old password")?;
            let code = optional(ask("Six digits, or a recovery code")?);
            let new = ask_new_password("New password, at least 10 characters of 4 kinds, none of your last 12")?;
            let device = terminal.kept().device;
            terminal.order_without_login(Act::ChangePassword { login, old, code, device, new }).await
        }
        EntryCommand::Charter { file } => {
            let sha256 = sha256_of(&file)?;
            terminal.order(Act::Acknowledge { sha256 }).await
        }
    }
}

pub(super) fn sha256_of(file: &std::path::Path) -> Result<String> {
    use sha2::Digest;
    let bytes = std::fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
    Ok(crate::id::hex(&sha2::Sha256::digest(bytes)))
}

/// What is good once, from standard input: one line. At a terminal it is asked for.
pub(super) fn ask(what: &str) -> Result<Secret> {
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        eprint!("{what}: ");
        std::io::stderr().flush()?;
    }
    let mut line = Zeroizing::new(String::new());
    stdin.lock().read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).into())
}

/// A password, which does not show as it is typed.
fn ask_password(what: &str) -> Result<Secret> {
    if !std::io::stdin().is_terminal() {
        return ask(what);
    }
    eprint!("{what} (it does not show): ");
    std::io::stderr().flush()?;
    Ok(Zeroizing::new(rpassword::read_password()?).as_str().into())
}

/// One that is new: at a terminal it is typed twice, as nobody sees it.
fn ask_new_password(what: &str) -> Result<Secret> {
    loop {
        let password = ask_password(what)?;
        if !std::io::stdin().is_terminal() || ask_password("The same again")?.as_str() == password.as_str() {
            return Ok(password);
        }
        eprintln!("lucarne: the two differ; once more");
    }
}

/// An empty line is none.
pub(super) fn optional(secret: Secret) -> Option<Secret> {
    (!secret.as_str().trim().is_empty()).then_some(secret)
}

impl Terminal<'_> {
    fn kept(&self) -> Kept {
        let text = std::fs::read_to_string(&self.session).map(Zeroizing::new);
        let kept: Option<Kept> = text.ok().and_then(|text| serde_json::from_str(&text).ok());
        kept.filter(|kept| kept.node == self.node.name()).unwrap_or_default()
    }

    fn keep(&self, kept: &Kept) -> Result<()> {
        let cannot = || format!("{} cannot be written; name another file by LUCARNE_SESSION", self.session.display());
        if let Some(folder) = self.session.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).with_context(cannot)?;
        }
        let text = Zeroizing::new(serde_json::to_string(kept)?);
        let new = self.session.with_extension("new");
        let _ = std::fs::remove_file(&new);
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new).with_context(cannot)?;
        file.write_all(text.as_bytes()).with_context(cannot)?;
        std::fs::rename(&new, &self.session).with_context(cannot)
    }

    async fn log_in(&self, login: String) -> Result<ExitCode> {
        let kept = self.kept();
        let device = kept.device.filter(|_| kept.login == login);
        let (password, code) = (ask_password("Password")?, optional(ask("Six digits, or a recovery code")?));
        let act = Act::Login { login: login.clone(), password, code, device };
        let outcome = self.ask_node(&Order { token: None, act }).await?;
        if let Outcome::Welcome { token, device, .. } = &outcome {
            let (token, device) = (Some(token.clone()), Some(device.clone()));
            self.keep(&Kept { login, token, device, node: self.node.name() })?;
        }
        print(&outcome, self.out)
    }

    /// The login of whoever logged in last; empty if a token acts.
    pub fn login(&self) -> String {
        if self.token.is_some() { String::new() } else { self.kept().login }
    }

    /// Orders something as whoever logged in last.
    pub async fn order(&self, act: Act) -> Result<ExitCode> {
        let mut outcome = self.ask(act).await?;
        // A list may come in pages; in JSON each is a line.
        while let Some(next) = outcome.next_page() {
            print(&outcome, self.out)?;
            outcome = self.ask(next).await?;
        }
        print(&outcome, self.out)
    }

    /// The same, for who has to look at the answer.
    pub async fn ask(&self, act: Act) -> Result<Outcome> {
        let token = self.token.clone().or_else(|| self.kept().token);
        self.ask_node(&Order { token, act }).await
    }

    async fn order_without_login(&self, act: Act) -> Result<ExitCode> {
        let outcome = self.ask_node(&Order { token: None, act }).await?;
        print(&outcome, self.out)
    }

    async fn ask_node(&self, order: &Order) -> Result<Outcome> {
        match &self.node {
            Node::Here { config, .. } => {
                let outcome = control::order(&config.data, order, self.clock).await?;
                outcome.ok_or_else(|| NoNode::Here(config.data.clone()).into())
            }
            Node::There(remote) => remote.order(order, self.clock).await?.ok_or_else(|| NoNode::There(remote.name()).into()),
        }
    }
}
