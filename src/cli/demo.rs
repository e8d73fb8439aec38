//! `lucarne demo`: the whole of Lucarne on loopback, with nothing to set up and nothing left behind.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Result, bail};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpListener;

use super::init::private_dir;
use crate::clock::Clock;
use crate::config::Config;
use crate::id::{SiteName, hex, random};
use crate::node::act::{Act, Outcome};
use crate::node::{Node, Shared};
use crate::{demo, tls};

/// A directory that goes when the demonstration ends.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Self> {
        let path = std::env::temp_dir().join(format!("lucarne-demo-{}", hex(&random::<6>())));
        private_dir(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            eprintln!("lucarne: {} could not be removed: {error}", self.0.display());
        }
    }
}

pub(super) async fn run(port: u16, clock: Clock) -> Result<ExitCode> {
    let folder = Folder::new()?;
    tls::make_certificates(&folder.0, &["localhost".to_owned(), "127.0.0.1".to_owned()])?;
    let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let config = settings(&folder.0, port, socket.local_addr()?)?;
    let practice = tokio::spawn(demo::serve(socket, clock.clone()));
    let node = Node::start(&config, clock).await?;
    let site = SiteName::new("demo").map_err(anyhow::Error::msg)?;
    let password = format!("Aa1-{}", hex(&random::<8>()));
    expect_done(
        node.shared()
            .perform(Act::AddAccount {
                login: "auditor".to_owned(),
                name: "Camille Auditeur".to_owned(),
                password: password.into(),
            })
            .await,
    )?;
    expect_done(node.shared().perform(Act::Show { site: site.clone() }).await)?;
    introduce(&node, &folder.0);
    let shared = Arc::clone(node.shared());
    tokio::select! {
        stopped = super::serve::stopped() => stopped?,
        failed = tickets(&shared, &site) => failed?,
    }
    println!("\nThe demonstration ends; nothing of it is left.");
    node.stop().await;
    practice.abort();
    Ok(ExitCode::SUCCESS)
}

fn settings(folder: &Path, port: u16, practice: SocketAddr) -> Result<Config> {
    let text = format!(
        r#"
        node = {{ name = "demo", data = "data" }}
        viewers = {{ listen = "127.0.0.1:{port}", certificate = "viewers.pem", key = "viewers.key" }}
        monitor = {{ listen = "127.0.0.1:0" }}
        [[site]]
        name = "demo"
        label = "Cabinet de démonstration"
        kind = "demo"
        address = "{practice}"
        security = "none"
        "#
    );
    Ok(Config::parse(&folder.join("demo.toml"), &text)?)
}

fn expect_done(outcome: Outcome) -> Result<()> {
    match outcome {
        Outcome::Failed { message } => bail!("{message}"),
        _ => Ok(()),
    }
}

fn introduce(node: &Node, folder: &Path) {
    let port = node.addresses.viewers.port();
    println!("Lucarne shows an invented practice. Everything is on this machine and goes when you press Ctrl-C.\n");
    println!("1. In another terminal, start TigerVNC's viewer (Debian: apt install tigervnc-viewer):\n");
    println!("     vncviewer -SecurityTypes X509Plain -X509CA {} localhost::{port}\n", folder.join("ca.pem").display());
    if let Some(monitor) = node.addresses.monitor {
        println!("   Health and metrics, for a browser: http://{monitor}/healthz and http://{monitor}/metrics\n");
    }
    println!("2. When the viewer asks, type this user name and, as the password, this ticket (one use, 60 seconds):\n");
}

/// A first ticket, and another each time Enter is pressed.
async fn tickets(shared: &Shared, site: &SiteName) -> Result<()> {
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    loop {
        let act = Act::IssueTicket { login: "auditor".to_owned(), site: site.clone(), short: false, certificate: None };
        match shared.perform(act).await {
            Outcome::Ticket { login, secret, .. } => {
                println!("     user name   {login}\n     password    {secret}\n");
                println!("Press Enter for another ticket, Ctrl-C to end.");
            }
            Outcome::Failed { message } => bail!("{message}"),
            _ => bail!("no ticket was given"),
        }
        if lines.next_line().await?.is_none() {
            // No terminal: the demonstration goes on until it is told to stop.
            std::future::pending::<()>().await;
        }
    }
}
