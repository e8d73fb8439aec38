//! A node for a bench: begun and served, its people come in. It ends with its owner.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use anyhow::{Result, bail};
use lucarne::clock::Clock;
use lucarne::config::Config;
use lucarne::demo::rehearsal::{Auditor, ByControl, Rehearsal, went_well};
use lucarne::id::SiteName;
use lucarne::node::open_desk;
use lucarne::rfb::handshake::client::Login;
use lucarne::tls::make_certificates;
use rustls::ClientConfig;

use crate::child::Program;
use crate::client::{Way, trusting};

pub struct Node {
    pub program: Program,
    pub people: Rehearsal,
    pub door: SocketAddr,
    trust: Arc<ClientConfig>,
}

pub fn free_port() -> Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

pub fn site(name: &str) -> Result<SiteName> {
    SiteName::new(name).map_err(anyhow::Error::msg)
}

impl Node {
    /// `more`: of `[viewers]`, and sections after it. Each site is engaged for two days, and none is shown yet.
    pub async fn begin(dir: &Path, sites: &[(SiteName, SocketAddr)], more: &str, clock: &Clock) -> Result<Self> {
        make_certificates(dir, &["localhost".to_owned()])?;
        let (config, door) = (dir.join("lucarne.toml"), SocketAddr::from(([127, 0, 0, 1], free_port()?)));
        std::fs::write(&config, settings(door, more, sites))?;
        let links = open_desk(&Config::load(&config)?, clock).await?.begin_and_close().await?;
        let codes: Vec<String> = links.iter().map(|link| link.code.to_string()).collect();
        let [rssi, admin] = &codes[..] else { bail!("the first two people have no codes") };
        let mut command = Command::new(env!("CARGO_BIN_EXE_lucarne"));
        let program = Program(command.arg("serve").env("LUCARNE_CONFIG", &config).env("LUCARNE_LOG", "error").spawn()?);
        let auditor = Auditor { login: "claire", name: "Claire Martin", password: "Correct-h0rse" };
        let stage = ByControl { data: dir.join("data"), clock: clock.clone() };
        let names: Vec<SiteName> = sites.iter().map(|(name, _)| name.clone()).collect();
        let people = Rehearsal::begin(stage, [rssi, admin], auditor, &names).await?;
        Ok(Self { program, people, door, trust: trusting(&dir.join("ca.pem"))? })
    }

    pub async fn show(&self, site: &SiteName) -> Result<()> {
        went_well(self.people.show(site).await?).map(drop)
    }

    /// How to come in once: it takes a ticket.
    pub async fn way(&self, site: &SiteName) -> Result<Way> {
        let secret = self.people.ticket(site).await?;
        let login = Login::User { name: "claire".into(), password: secret.into() };
        Ok(Way::Vencrypt(Arc::clone(&self.trust), login))
    }
}

fn settings(door: SocketAddr, more: &str, sites: &[(SiteName, SocketAddr)]) -> String {
    let mut text = format!(
        "[node]\nname = \"bench\"\ndata = \"data\"\n[viewers]\nlisten = \"{door}\"\ncertificate = \"viewers.pem\"\nkey = \"viewers.key\"\n{more}"
    );
    for (name, address) in sites {
        text += &format!(
            "[[site]]\nname = \"{name}\"\nlabel = \"{name}\"\nkind = \"demo\"\naddress = \"{address}\"\nsecurity = \"none\"\n"
        );
    }
    text
}
