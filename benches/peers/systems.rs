//! What stands between the screen and the viewer: nothing, a relay, a re-encoder, Lucarne.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use lucarne::clock::Clock;
use lucarne::config::Config;
use lucarne::demo::rehearsal::{Auditor, ByControl, Rehearsal, went_well};
use lucarne::id::SiteName;
use lucarne::node::open_desk;
use lucarne::rfb::handshake::client::Login;
use lucarne::tls::{Trust, certificates, fingerprint, for_site, make_certificates};
use rustls::ClientConfig;

use crate::child::Program;
use crate::client::{Way, trusting};

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
    program: Option<Program>,
    way: Way,
    /// Of Lucarne: its people, and whom its viewers trust.
    people: Option<(Rehearsal, Arc<ClientConfig>)>,
}

fn free_port() -> Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// One RSA certificate for all that is not ours (x11vnc takes no other), trusted by its fingerprint.
pub fn certificate(dir: &Path) -> Result<()> {
    let script = "openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -subj /CN=localhost -days 2 && cat cert.pem key.pem > both.pem";
    let made = Command::new("sh").args(["-c", script]).current_dir(dir).output()?;
    if !made.status.success() {
        bail!("openssl made no certificate: {}", String::from_utf8_lossy(&made.stderr));
    }
    Ok(make_certificates(dir, &["localhost".to_owned()])?)
}

fn pinned(dir: &Path, clock: &Clock) -> Result<Arc<ClientConfig>> {
    let chain = certificates(&dir.join("cert.pem"))?;
    Ok(for_site(&Trust::Pinned(fingerprint(chain.first().context("a certificate")?)), true, clock)?)
}

impl Running {
    pub async fn start(system: System, site: u16, dir: &Path, clock: &Clock) -> Result<Self> {
        let port = if system == System::Direct { site } else { free_port()? };
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let tls = || Ok::<_, anyhow::Error>(Way::Tls(pinned(dir, clock)?));
        let (program, way) = match system {
            System::Direct => (None, Way::Plain),
            System::Stunnel => (Some(stunnel(site, port, dir)?), tls()?),
            System::Haproxy => (Some(haproxy(site, port, dir)?), tls()?),
            System::Reflect => (Some(reflect(site, port, dir)?), tls()?),
            System::Lucarne => return Self::lucarne(site, port, dir, clock).await,
        };
        Ok(Self { address, program, way, people: None })
    }

    /// The site is shown, and there is somebody who may look.
    async fn lucarne(site: u16, port: u16, dir: &Path, clock: &Clock) -> Result<Self> {
        let (program, codes) = lucarne(site, port, dir, clock).await?;
        let auditor = Auditor { login: "claire", name: "Claire Martin", password: "Correct-h0rse" };
        let stage = ByControl { data: dir.join("data"), clock: clock.clone() };
        let codes = [codes.first(), codes.last()].map(|code| code.map_or("", String::as_str));
        let people = Rehearsal::begin(stage, codes, auditor, &[bench()?]).await?;
        went_well(people.show(&bench()?).await?)?;
        let people = Some((people, trusting(&dir.join("ca.pem"))?));
        Ok(Self { address: ([127, 0, 0, 1], port).into(), program: Some(program), way: Way::Plain, people })
    }

    /// How to come in: once, where that takes a ticket.
    pub async fn way(&self) -> Result<Way> {
        let Some((people, trust)) = &self.people else { return Ok(self.way.clone()) };
        let secret = people.ticket(&bench()?).await?;
        let login = Login::User { name: "claire".into(), password: secret.into() };
        Ok(Way::Vencrypt(Arc::clone(trust), login))
    }

    /// Forgets the most memory that the system has had so far.
    pub fn forget_peak(&self) {
        for pid in self.program.iter().flat_map(|program| tree(program.0.id())) {
            // 5: reset the peak (proc(5)); where that is not allowed the peak is that of the whole life.
            let _ = std::fs::write(format!("/proc/{pid}/clear_refs"), "5");
        }
    }

    /// CPU seconds that the system has used, and the most memory it has had, in MiB.
    pub fn cost(&self) -> (f64, f64) {
        let Some(program) = &self.program else { return (0.0, 0.0) };
        let (mut cpu, mut memory) = (0.0, 0.0);
        for pid in tree(program.0.id()) {
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
fn tree(root: u32) -> Vec<u32> {
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

/// User and system time, that of children which have ended included.
pub fn cpu_of(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(4);
    fields.filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// CPU seconds that this machine has been idle.
pub fn idle() -> f64 {
    let stat = std::fs::read_to_string("/proc/stat").unwrap_or_default();
    stat.split_whitespace().nth(4).and_then(|ticks| ticks.parse::<f64>().ok()).unwrap_or_default() / 100.0
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

fn bench() -> Result<SiteName> {
    SiteName::new("bench").map_err(anyhow::Error::msg)
}

/// A node, and the codes of its first people.
async fn lucarne(site: u16, port: u16, dir: &Path, clock: &Clock) -> Result<(Program, Vec<String>)> {
    let _ = std::fs::remove_dir_all(dir.join("data"));
    let config = dir.join("lucarne.toml");
    let text = format!(
        "[node]\nname = \"bench\"\ndata = \"data\"\n[viewers]\nlisten = \"127.0.0.1:{port}\"\ncertificate = \"viewers.pem\"\nkey = \"viewers.key\"\n[[site]]\nname = \"bench\"\nlabel = \"bench\"\nkind = \"demo\"\naddress = \"127.0.0.1:{site}\"\nsecurity = \"none\"\n"
    );
    std::fs::write(&config, text)?;
    let links = open_desk(&Config::load(&config)?, clock).await?.begin_and_close().await?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_lucarne"));
    let program = Program::start(command.arg("serve").env("LUCARNE_CONFIG", &config).env("LUCARNE_LOG", "error"))?;
    Ok((program, links.iter().map(|link| link.code.to_string()).collect()))
}
