//! What stands between the screen and the viewer: nothing, a relay, a re-encoder, Lucarne.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use lucarne::clock::Clock;
use lucarne::tls::{Trust, certificates, fingerprint, for_site};
use rustls::ClientConfig;

use crate::child::Program;
use crate::client::Way;
use crate::machine::cpu_of;
use crate::node::{Node, free_port, site};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum System {
    Direct,
    Stunnel,
    Haproxy,
    /// x11vnc -reflect -viewonly -ssl.
    Reflect,
    Lucarne,
}

impl System {
    pub const ALL: [Self; 5] = [Self::Direct, Self::Stunnel, Self::Haproxy, Self::Reflect, Self::Lucarne];

    pub fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Stunnel => "stunnel",
            Self::Haproxy => "haproxy",
            Self::Reflect => "reflect-ssl",
            Self::Lucarne => "lucarne",
        }
    }
}

/// A system that is up.
pub struct Running {
    pub address: SocketAddr,
    stands: Stands,
}

/// What has been started, and how to come in.
enum Stands {
    Nothing,
    Relay(Program, Way),
    Lucarne(Box<Node>),
}

/// One RSA certificate for all that is not ours (x11vnc takes no other), trusted by its fingerprint.
pub fn certificate(dir: &Path) -> Result<()> {
    let script = "openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -subj /CN=localhost -days 2 && cat cert.pem key.pem > both.pem";
    let made = Command::new("sh").args(["-c", script]).current_dir(dir).output()?;
    if !made.status.success() {
        bail!("openssl made no certificate: {}", String::from_utf8_lossy(&made.stderr));
    }
    Ok(())
}

fn pinned(dir: &Path, clock: &Clock) -> Result<Arc<ClientConfig>> {
    let chain = certificates(&dir.join("cert.pem"))?;
    Ok(for_site(&Trust::Pinned(fingerprint(chain.first().context("a certificate")?)), true, clock)?)
}

impl Running {
    pub async fn start(system: System, screen: u16, dir: &Path, clock: &Clock) -> Result<Self> {
        let port = free_port()?;
        let relay = |program| Ok::<_, anyhow::Error>(Stands::Relay(program, Way::Tls(pinned(dir, clock)?)));
        let stands = match system {
            System::Direct => Stands::Nothing,
            System::Stunnel => relay(stunnel(screen, port, dir)?)?,
            System::Haproxy => relay(haproxy(screen, port, dir)?)?,
            System::Reflect => relay(reflect(screen, port, dir)?)?,
            System::Lucarne => {
                let address = SocketAddr::from(([127, 0, 0, 1], screen));
                let node = Node::begin(dir, &[(site("bench")?, address)], "", clock).await?;
                node.show(&site("bench")?).await?;
                Stands::Lucarne(Box::new(node))
            }
        };
        let address = match &stands {
            Stands::Nothing => ([127, 0, 0, 1], screen).into(),
            Stands::Relay(..) => ([127, 0, 0, 1], port).into(),
            Stands::Lucarne(node) => node.door,
        };
        Ok(Self { address, stands })
    }

    /// How to come in: once, where that takes a ticket.
    pub async fn way(&self) -> Result<Way> {
        match &self.stands {
            Stands::Nothing => Ok(Way::Plain),
            Stands::Relay(_, way) => Ok(way.clone()),
            Stands::Lucarne(node) => node.way(&site("bench")?).await,
        }
    }

    fn pids(&self) -> Vec<u32> {
        match &self.stands {
            Stands::Nothing => Vec::new(),
            Stands::Relay(program, _) => tree(program.0.id()),
            Stands::Lucarne(node) => tree(node.program.0.id()),
        }
    }

    /// Forgets the most memory that the system has had so far.
    pub fn forget_peak(&self) {
        for pid in self.pids() {
            // 5: reset the peak (proc(5)); where that is not allowed the peak is that of the whole life.
            let _ = std::fs::write(format!("/proc/{pid}/clear_refs"), "5");
        }
    }

    /// CPU seconds that the system has used, and the most memory it has had, in MiB.
    pub fn cost(&self) -> (f64, f64) {
        let (mut cpu, mut memory) = (0.0, 0.0);
        for pid in self.pids() {
            cpu += cpu_of(pid);
            let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            let peak =
                status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse::<f64>().ok());
            memory += peak.unwrap_or_default() / 1024.0;
        }
        (cpu, memory)
    }
}

/// A process and all its descendants.
pub fn tree(root: u32) -> Vec<u32> {
    let mut found = vec![root];
    let mut at = 0;
    while let Some(pid) = found.get(at).copied() {
        at += 1;
        let children = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
        for task in children {
            let text = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
            found.extend(text.split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
        }
    }
    found
}

fn stunnel(site: u16, port: u16, dir: &Path) -> Result<Program> {
    let file = dir.join("stunnel.conf");
    let text = format!(
        "foreground = yes\npid =\nsslVersionMin = TLSv1.3\n[vnc]\naccept = 127.0.0.1:{port}\nconnect = 127.0.0.1:{site}\ncert = {}\n",
        dir.join("both.pem").display()
    );
    std::fs::write(&file, text)?;
    Program::start(Command::new("stunnel4").arg(&file))
}

fn haproxy(site: u16, port: u16, dir: &Path) -> Result<Program> {
    let file = dir.join("haproxy.cfg");
    let text = format!(
        "global\n  maxconn 100\ndefaults\n  mode tcp\n  timeout connect 5s\n  timeout client 1h\n  timeout server 1h\nfrontend f\n  bind 127.0.0.1:{port} ssl crt {} ssl-min-ver TLSv1.3\n  default_backend b\nbackend b\n  server s 127.0.0.1:{site}\n",
        dir.join("both.pem").display()
    );
    std::fs::write(&file, text)?;
    Program::start(Command::new("haproxy").args(["-db", "-f"]).arg(&file))
}

fn reflect(site: u16, port: u16, dir: &Path) -> Result<Program> {
    let mut command = Command::new("x11vnc");
    command.args(["-reflect", &format!("localhost:{}", site - 5900), "-viewonly", "-forever", "-shared", "-nopw", "-localhost"]);
    command.args(["-rfbport", &port.to_string(), "-ssl"]).arg(dir.join("both.pem"));
    command.args(["-vencrypt", "never", "-anontls", "never"]);
    Program::start(&mut command)
}
