//! Settings, twice: as written in TOML, and as checked here. An error names the file, the line, the key and what
//! to write there; a [`Config`] in hand can be run.

mod accounts;
pub mod alerts;
pub mod flows;
mod networks;
mod store;
mod workstations;
mod written;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::geometry::Rect;
use crate::governance::{Capture, Kind};
use crate::id::{SiteName, hex};
use crate::network::Networks;
use crate::notify::Ways;
use crate::rfb::handshake::client::{Login, Transport};
use crate::rfb::request::Jpeg;
use crate::tls::Trust;
pub use accounts::Accounts;
pub use store::Postgres;
use workstations::Doors;
pub use workstations::Workstations;
use written::At;

/// One setting that cannot be.
#[derive(Debug, thiserror::Error)]
#[error("{}, line {line}: {key}: {problem}", file.display())]
pub struct ConfigError {
    pub file: PathBuf,
    pub line: usize,
    pub key: String,
    pub problem: String,
}

#[derive(Debug, Clone)]
pub struct Config {
    /// SHA-256 of the text that it was read from.
    pub digest: String,
    pub node: String,
    pub data: PathBuf,
    pub viewers: Viewers,
    /// Orders by HTTP, inside TLS.
    pub api: Option<Api>,
    /// What auditors see in a browser.
    pub pages: Option<Pages>,
    /// Metrics and health, on loopback.
    pub monitor: Option<SocketAddr>,
    /// The server of the rows, if they are not in a file beside the trace.
    pub postgres: Option<Postgres>,
    pub accounts: Accounts,
    pub workstations: Workstations,
    /// How people are told of incidents.
    pub alerts: Ways,
    pub sites: Vec<Site>,
}

#[derive(Debug, Clone)]
pub struct Api {
    pub listen: SocketAddr,
    /// From where connections are answered.
    pub networks: Networks,
    pub balancers: Networks,
}

#[derive(Debug, Clone)]
pub struct Pages {
    pub listen: SocketAddr,
    /// Another port, from which one pixel comes: what a canvas has drawn of elsewhere, no script reads back.
    pub pixel: SocketAddr,
    pub networks: Networks,
    pub balancers: Networks,
}

#[derive(Debug, Clone)]
pub struct Viewers {
    /// RFB with TLS inside (VeNCrypt X509Plain).
    pub listen: SocketAddr,
    /// From where viewers' connections are answered.
    pub networks: Networks,
    /// Who says for whom a connection is, by the PROXY protocol.
    pub balancers: Networks,
    /// TLS first, RFB inside: for viewers behind a tunnel.
    pub tls_first: Option<SocketAddr>,
    /// Whether short tickets are taken at the TLS-first door, each from its own workstation.
    pub tls_first_vnc_auth: bool,
    /// Without TLS, loopback only, short tickets by VncAuth.
    pub local: Option<SocketAddr>,
    pub certificate: PathBuf,
    pub key: PathBuf,
    pub tls12: bool,
    pub max_sessions: usize,
    /// How long nobody need be before a viewer until it is locked: an hour at most (R39).
    pub idle: Duration,
    /// Connections a minute from one address, and handshakes at a time: of strangers, and as many of known people.
    pub per_minute: u32,
    pub handshakes: usize,
}

#[derive(Debug, Clone)]
pub struct Site {
    pub name: SiteName,
    /// What viewers and the watermark call it.
    pub label: String,
    pub kind: Kind,
    /// Host and port, as written.
    pub host: String,
    pub port: u16,
    /// Where the host's name may lead (R43).
    pub networks: Networks,
    pub transport: Transport,
    pub trust: Option<Trust>,
    pub server_name: String,
    pub tls12: bool,
    pub login: Login,
    pub max_fps: u32,
    pub jpeg: Jpeg,
    /// The capture class that viewers need at least (R08).
    pub capture: Option<Capture>,
    pub masks: Vec<Rect>,
}

impl Site {
    /// SHA-256 of the settings, which two people approve; of a password only that there is one. Whom to trust counts by what
    /// the file holds now, wherever it lies.
    pub fn digest(&self) -> String {
        let login = match &self.login {
            Login::Nothing => "nothing".to_owned(),
            Login::Password(_) => "password".to_owned(),
            Login::User { name, .. } => format!("user {name}"),
        };
        let trust = match &self.trust {
            None => "nobody".to_owned(),
            Some(Trust::Pinned(print)) => hex(print),
            Some(Trust::Ca(path)) => {
                std::fs::read(path).map_or_else(|_| "a file that cannot be read".to_owned(), |bytes| hex(&Sha256::digest(bytes)))
            }
        };
        let text = format!(
            "{:?}",
            (
                (self.name.as_str(), &self.label, self.kind, &self.host, self.port, self.transport, trust),
                (&self.server_name, self.tls12, login, self.max_fps, self.jpeg, &self.masks, &self.networks),
            )
        );
        // What was approved before there were capture classes still is.
        let text = self.capture.iter().fold(text, |text, class| format!("{text} capture {}", class.name()));
        hex(&Sha256::digest(text))
    }
}

impl Config {
    /// Reads and checks a file. Paths in it are relative to it.
    pub fn load(file: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(file).map_err(|error| ConfigError {
            file: file.to_owned(),
            line: 0,
            key: "the file".to_owned(),
            problem: format!("cannot be read ({error}); `lucarne init DIR` writes one"),
        })?;
        Self::parse(file, &text)
    }

    /// Checks a text as if it were `file`.
    pub fn parse(file: &Path, text: &str) -> Result<Self, ConfigError> {
        let line = |at: usize| text.get(..at).unwrap_or(text).matches('\n').count() + 1;
        let error = |at: usize, key: &str, problem: String| ConfigError {
            file: file.to_owned(),
            line: line(at),
            key: key.to_owned(),
            problem,
        };
        let written: written::Written =
            toml::from_str(text).map_err(|e| error(e.span().map_or(0, |span| span.start), "TOML", moved(e.message())))?;
        let folder = file.parent().unwrap_or(Path::new("."));
        let config = checked(written, folder).map_err(|At { at, key, problem }| error(at, &key, problem))?;
        Ok(Self { digest: hex(&Sha256::digest(text)), ..config })
    }
}

/// Where a key went that older settings have.
fn moved(message: &str) -> String {
    let hint = if message.contains("unknown field `workstations`") { "; it is `ca` under [workstations] now" } else { "" };
    format!("{message}{hint}")
}

fn checked(written: written::Written, folder: &Path) -> Result<Config, At> {
    let name = &written.node.name;
    if SiteName::new(name.as_ref()).is_err() {
        return Err(At::new(name.span(), "node.name", "use lower-case letters, digits and hyphens, such as \"n1\""));
    }
    let mut sites: Vec<Site> = Vec::new();
    for site in written.site {
        let span = site.name.span();
        let site = checked_site(site, folder)?;
        if sites.iter().any(|other| other.name == site.name) {
            let problem = format!("two sites are called {:?}; give each its own name", site.name.as_str());
            return Err(At::new(span, "site.name", &problem));
        }
        sites.push(site);
    }
    let doors = Doors { tunnel: written.viewers.tls_first.is_some(), api: written.api.is_some() };
    let workstations = workstations::checked(written.workstations, doors, folder)?;
    let accounts = accounts::checked(written.accounts, &workstations)?;
    let monitor = written.monitor.map(|monitor| loopback(monitor.listen, "monitor.listen")).transpose()?;
    Ok(Config {
        digest: String::new(),
        node: written.node.name.into_inner(),
        data: folder.join(written.node.data),
        viewers: checked_viewers(written.viewers, workstations.ca.is_some(), folder)?,
        api: written.api.map(checked_api).transpose()?,
        pages: written.pages.map(checked_pages).transpose()?,
        monitor,
        postgres: store::checked(written.store, folder)?,
        accounts,
        workstations,
        alerts: alerts::checked(written.alerts, folder)?,
        sites,
    })
}

fn checked_api(api: written::Api) -> Result<Api, At> {
    Ok(Api {
        listen: api.listen,
        networks: networks::checked(api.networks, "api.networks")?,
        balancers: networks::balancers(api.balancers, "api.balancers")?,
    })
}

fn checked_pages(pages: written::Pages) -> Result<Pages, At> {
    Ok(Pages {
        listen: pages.listen,
        pixel: pages.pixel,
        networks: networks::checked(pages.networks, "pages.networks")?,
        balancers: networks::balancers(pages.balancers, "pages.balancers")?,
    })
}

fn loopback(listen: toml::Spanned<SocketAddr>, key: &str) -> Result<SocketAddr, At> {
    if !listen.as_ref().ip().is_loopback() {
        return Err(At::new(listen.span(), key, "only loopback is allowed here; write 127.0.0.1 and a port"));
    }
    Ok(listen.into_inner())
}

/// `workstations`: whether they show certificates.
fn checked_viewers(viewers: written::Viewers, workstations: bool, folder: &Path) -> Result<Viewers, At> {
    let vnc_auth = viewers.tls_first_vnc_auth;
    if let Some(wanted) = vnc_auth.as_ref().filter(|wanted| *wanted.as_ref() && !workstations) {
        let problem = "eight letters are taken only from a workstation with a certificate; add `ca = \"agency-ca.pem\"` under [workstations]";
        return Err(At::new(wanted.span(), "viewers.tls_first_vnc_auth", problem));
    }
    Ok(Viewers {
        listen: viewers.listen,
        networks: networks::checked(viewers.networks, "viewers.networks")?,
        balancers: networks::balancers(viewers.balancers, "viewers.balancers")?,
        tls_first: viewers.tls_first,
        tls_first_vnc_auth: vnc_auth.is_some_and(toml::Spanned::into_inner),
        local: viewers.local.map(|listen| loopback(listen, "viewers.local")).transpose()?,
        certificate: folder.join(viewers.certificate),
        key: folder.join(viewers.key),
        tls12: viewers.tls12,
        max_sessions: viewers.max_sessions,
        idle: idle(&viewers.idle_minutes)?,
        per_minute: viewers.connections_per_minute.get(),
        handshakes: viewers.handshakes.get(),
    })
}

fn idle(minutes: &toml::Spanned<u64>) -> Result<Duration, At> {
    match minutes.as_ref() {
        minutes @ 1..=60 => Ok(Duration::from_secs(minutes * 60)),
        _ => Err(At::new(minutes.span(), "viewers.idle_minutes", "write a number from 1 to 60; 60 is the default")),
    }
}

fn checked_site(site: written::Site, folder: &Path) -> Result<Site, At> {
    let example = "write host and port, such as \"10.1.2.3:5900\" or \"[fd00::7]:5900\"";
    let (host, port) = host_and_port(&site.address, "site.address", example)?;
    let transport = match site.security.as_ref() {
        written::Security::None => Transport::Bare,
        written::Security::Tls => Transport::Tls,
        written::Security::Vencrypt => Transport::Vencrypt,
    };
    let trust = trust(&site, folder)?;
    let span = site.security.span();
    match (transport, &trust) {
        (Transport::Tls | Transport::Vencrypt, None) => {
            return Err(At::new(span, "site.security", "TLS needs to know whom to trust; add `ca = \"…\"` or `pin = \"…\"`"));
        }
        (Transport::Bare, _) if site.kind == Kind::Production => {
            return Err(At::new(span, "site.security", "a production site needs \"vencrypt\" or \"tls\", with `ca` or `pin`"));
        }
        (Transport::Bare, Some(_)) => {
            return Err(At::new(
                span,
                "site.security",
                "`ca` or `pin` is given but TLS is not used; write \"vencrypt\" or \"tls\"",
            ));
        }
        _ => {}
    }
    let label = site.label.as_ref();
    if label.is_empty() || label.chars().count() > 60 || label.chars().any(char::is_control) {
        return Err(At::new(site.label.span(), "site.label", "write 1 to 60 characters; viewers see them"));
    }
    let fps = *site.max_fps.as_ref();
    if !(1..=60).contains(&fps) {
        return Err(At::new(site.max_fps.span(), "site.max_fps", "write a number from 1 to 60; 30 is the default"));
    }
    Ok(Site {
        login: login(site.login, folder)?,
        server_name: site.server_name.unwrap_or_else(|| host.clone()),
        label: site.label.into_inner(),
        networks: networks::checked(site.networks, "site.networks")?,
        name: site.name.into_inner(),
        kind: site.kind,
        host,
        port,
        transport,
        trust,
        tls12: site.tls12,
        max_fps: fps,
        jpeg: match site.jpeg {
            written::Jpeg::Never => Jpeg::Never,
            written::Jpeg::Films => Jpeg::Films,
            written::Jpeg::Always => Jpeg::Always,
        },
        capture: site.capture,
        masks: site.masks.into_iter().map(|[x, y, width, height]| Rect::new(x, y, width, height)).collect(),
    })
}

fn host_and_port(address: &toml::Spanned<String>, key: &str, example: &str) -> Result<(String, u16), At> {
    let wrong = || At::new(address.span(), key, example);
    let (host, port) = address.as_ref().rsplit_once(':').ok_or_else(wrong)?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let port = port.parse().ok().filter(|port| *port != 0).ok_or_else(wrong)?;
    if host.is_empty() {
        return Err(wrong());
    }
    Ok((host.to_owned(), port))
}

fn trust(site: &written::Site, folder: &Path) -> Result<Option<Trust>, At> {
    match (&site.ca, &site.pin) {
        (None, None) => Ok(None),
        (Some(ca), None) => Ok(Some(Trust::Ca(folder.join(ca)))),
        (None, Some(pin)) => {
            let wrong = || {
                At::new(
                    pin.span(),
                    "site.pin",
                    "write the 64 hexadecimal digits of the certificate's SHA-256; with 64 zeros, `lucarne check` tells what the site has",
                )
            };
            let digits: String = pin.as_ref().chars().filter(|c| *c != ':').collect();
            let bytes: Option<Vec<u8>> =
                (0..digits.len()).step_by(2).map(|n| u8::from_str_radix(digits.get(n..n + 2)?, 16).ok()).collect();
            Ok(Some(Trust::Pinned(bytes.and_then(|b| b.try_into().ok()).ok_or_else(wrong)?)))
        }
        (Some(_), Some(pin)) => Err(At::new(pin.span(), "site.pin", "`ca` and `pin` exclude each other; keep one")),
    }
}

fn login(login: Option<written::Login>, folder: &Path) -> Result<Login, At> {
    let Some(login) = login else { return Ok(Login::Nothing) };
    let password = secret_of(&login.password_file, folder, "site.login.password_file")?;
    Ok(match login.user {
        Some(name) => Login::User { name, password },
        None => Login::Password(password),
    })
}

/// What a file of one line holds.
fn secret_of(file: &toml::Spanned<PathBuf>, folder: &Path, key: &str) -> Result<Zeroizing<String>, At> {
    let path = folder.join(file.as_ref());
    let unreadable = |error| At::new(file.span(), key, &format!("{} cannot be read ({error})", path.display()));
    let text = std::fs::read_to_string(&path).map(Zeroizing::new).map_err(unreadable)?;
    let secret = Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned());
    if secret.is_empty() {
        return Err(At::new(file.span(), key, "the file is empty; write the secret on its first line, or remove this setting"));
    }
    Ok(secret)
}
