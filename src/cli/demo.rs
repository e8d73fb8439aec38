//! `lucarne demo`: the whole of Lucarne on loopback, with nothing to set up and nothing left behind. It plays a whole
//! engagement: who is let in, what is agreed, who shows, who looks.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, bail};
use time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpListener;

use super::init::private_dir;
use crate::clock::Clock;
use crate::config::Config;
use crate::demo::rehearsal::{Auditor, Company, went_well};
use crate::governance::Kind;
use crate::id::{EngagementId, SiteName, hex, random};
use crate::node::act::{Act, Outcome};
use crate::node::{Node, Shared, open_desk};
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

/// `check`: a browser looks, in place of a person, and then it ends.
pub(super) async fn run(port: u16, check: bool, clock: Clock) -> Result<ExitCode> {
    let folder = Folder::new()?;
    tls::make_certificates(&folder.0, &["localhost".to_owned(), "127.0.0.1".to_owned()])?;
    let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let config = settings(&folder.0, port, socket.local_addr()?)?;
    let practice = tokio::spawn(demo::serve(socket, clock.clone()));
    let links = open_desk(&config, &clock).await?.begin_and_close().await?;
    let node = Node::start(&config, clock.clone()).await?;
    let codes: Vec<&str> = links.iter().map(|link| link.code.as_str()).collect();
    let &[rssi, admin] = codes.as_slice() else { bail!("the first two people could not be let in") };
    let site = SiteName::new("demo").map_err(anyhow::Error::msg)?;
    let password = format!("Aa1-{}", hex(&random::<4>()));
    let (company, engagement) = play(node.shared(), [rssi, admin], &site, &password, &clock).await?;
    introduce(&node, &folder.0, &password);
    let pages = node.addresses.pages.map_or(0, |pages| pages.port());
    let url = format!("https://localhost:{pages}/");
    tokio::select! {
        stopped = super::serve::stopped() => stopped?,
        checked = demo::browser_check(&url, "camille", &password, &folder.0, &clock), if check => checked?,
        failed = tickets(node.shared(), &company, &engagement), if !check => failed?,
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
        pages = {{ listen = "127.0.0.1:0", pixel = "127.0.0.1:0" }}
        accounts = {{ second_factor = "privileged" }}
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

/// A visit, from nobody to a picture; each step is told.
async fn play(
    stage: &Shared,
    codes: [&str; 2],
    site: &SiteName,
    password: &str,
    clock: &Clock,
) -> Result<(Company, EngagementId)> {
    println!("Lucarne shows an invented practice. Everything is on this machine and goes when you press Ctrl-C.\n");
    println!("A visit is played, by invented people and real rules:\n");
    let auditor = Auditor { login: "camille", name: "Camille Auditeur", password };
    let company = Company::found(stage, codes, auditor, std::slice::from_ref(site)).await?;
    println!("  1. genesis    rssi and admin opened their accounts by one-time codes: password and second factor");
    println!("  2. four eyes  admin asked, rssi approved: charter, procedure, the site's settings, two more people");
    let terms = company.terms(site, Kind::Demo, clock.wall(), Duration::hours(8));
    let engagement = company.engage(stage, terms).await?;
    println!("  3. planned    {engagement}, a visit of class C1 for 8 hours; camille is its auditor");
    println!("  4. accepted   by the site's contact: \"demonstration system, no health data\"; an operator is declared");
    let login = None;
    let checklist = company.auditor.order(stage, Act::Checklist { engagement: engagement.clone(), login }).await?;
    if let Outcome::Checklist { checks, .. } = went_well(checklist)? {
        let missing: Vec<&str> = checks.iter().filter_map(|check| check.code.as_deref()).collect();
        println!("  5. checklist  {} rules, still missing: {}", checks.len(), missing.join(", "));
    }
    went_well(company.show(stage, site, &engagement).await?)?;
    println!("  6. shown      by the contact: the picture flows\n");
    Ok((company, engagement))
}

fn introduce(node: &Node, folder: &Path, password: &str) {
    let port = node.addresses.viewers.port();
    if let Some(pages) = node.addresses.pages {
        println!("Now look, in a browser (it warns of a certificate that only this demonstration trusts):\n");
        println!(
            "     https://localhost:{}\n     log in as   camille\n     with        {password}      (no digits here)\n",
            pages.port()
        );
    }
    println!("Or by a VNC viewer. In another terminal, start TigerVNC's viewer (Debian: apt install tigervnc-viewer):\n");
    println!("     vncviewer -SecurityTypes X509Plain -X509CA {} localhost::{port}\n", folder.join("ca.pem").display());
    if let Some(monitor) = node.addresses.monitor {
        println!("Health and metrics, for a browser: http://{monitor}/healthz and http://{monitor}/metrics\n");
    }
    println!("When the viewer asks, type this user name and, as the password, this ticket (one use, 60 seconds):\n");
}

/// A first ticket, and another each time Enter is pressed.
async fn tickets(stage: &Shared, company: &Company, engagement: &EngagementId) -> Result<()> {
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    loop {
        let outcome = company.ticket(stage, engagement, false).await?;
        if let Outcome::Ticket { login, secret, .. } = went_well(outcome)? {
            println!("     user name   {login}\n     password    {secret}\n");
            println!("Press Enter for another ticket, Ctrl-C to end.");
        }
        if lines.next_line().await?.is_none() {
            // No terminal: the demonstration goes on until it is told to stop.
            std::future::pending::<()>().await;
        }
    }
}
