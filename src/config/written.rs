//! The settings as people write them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::ops::Range;
use std::path::PathBuf;

use serde::Deserialize;
use toml::Spanned;

use crate::governance::engagement::Class;
use crate::governance::{Capture, Kind, MailAddress, Role};
use crate::id::SiteName;

/// A problem and where in the text it stands.
pub(super) struct At {
    pub at: usize,
    pub key: String,
    pub problem: String,
}

impl At {
    pub fn new(span: Range<usize>, key: &str, problem: &str) -> Self {
        Self { at: span.start, key: key.to_owned(), problem: problem.to_owned() }
    }
}

/// Such as `["10.20.0.0/16"]`.
pub(super) type Networks = Spanned<Vec<Spanned<String>>>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    pub node: Node,
    pub viewers: Viewers,
    pub api: Option<Api>,
    pub pages: Option<Pages>,
    pub monitor: Option<Monitor>,
    #[serde(default)]
    pub store: Store,
    #[serde(default)]
    pub accounts: Accounts,
    #[serde(default)]
    pub workstations: Workstations,
    #[serde(default)]
    pub alerts: Alerts,
    #[serde(default)]
    pub site: Vec<Site>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Node {
    pub name: Spanned<String>,
    pub data: PathBuf,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Viewers {
    pub listen: SocketAddr,
    pub networks: Option<Networks>,
    pub balancers: Option<Networks>,
    pub tls_first: Option<SocketAddr>,
    #[serde(default)]
    pub tls_first_vnc_auth: Option<Spanned<bool>>,
    pub local: Option<Spanned<SocketAddr>>,
    pub certificate: PathBuf,
    pub key: PathBuf,
    #[serde(default)]
    pub tls12: bool,
    #[serde(default = "fifty")]
    pub max_sessions: usize,
    #[serde(default = "an_hour")]
    pub idle_minutes: Spanned<u64>,
    #[serde(default = "thirty_a_minute")]
    pub connections_per_minute: NonZeroU32,
    #[serde(default = "handshakes")]
    pub handshakes: NonZeroUsize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Api {
    pub listen: SocketAddr,
    pub networks: Option<Networks>,
    pub balancers: Option<Networks>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pages {
    pub listen: SocketAddr,
    pub pixel: SocketAddr,
    pub networks: Option<Networks>,
    pub balancers: Option<Networks>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Monitor {
    pub listen: Spanned<SocketAddr>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Store {
    pub postgres: Option<Spanned<String>>,
    pub password_file: Option<Spanned<PathBuf>>,
    pub ca: Option<Spanned<PathBuf>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Accounts {
    pub passwords: Passwords,
    pub hashing: Option<Spanned<Hashing>>,
    pub second_factor: SecondFactor,
    pub idle_minutes: Spanned<i64>,
    pub inactive_days: Spanned<i64>,
    pub awareness_months: Spanned<i64>,
    pub awareness_blocks: bool,
    pub suspend_overdue: bool,
    pub networks: BTreeMap<Role, Networks>,
}

impl Default for Accounts {
    fn default() -> Self {
        Self {
            passwords: Passwords::Pas,
            hashing: None,
            second_factor: SecondFactor::All,
            idle_minutes: Spanned::new(0..0, 30),
            inactive_days: Spanned::new(0..0, 60),
            awareness_months: Spanned::new(0..0, 12),
            awareness_blocks: true,
            suspend_overdue: true,
            networks: BTreeMap::new(),
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Workstations {
    pub ca: Option<Spanned<PathBuf>>,
    pub revocations: Option<Spanned<Vec<PathBuf>>>,
    pub required_from: Option<Spanned<Class>>,
    pub posture_days: Option<Spanned<i64>>,
    pub orders: Option<Spanned<BTreeSet<Role>>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Alerts {
    pub mail: Option<Mail>,
    pub webhook: Option<Webhook>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Mail {
    pub relay: Spanned<String>,
    pub from: Spanned<MailAddress>,
    #[serde(default)]
    pub security: MailSecurity,
    pub ca: Option<PathBuf>,
    pub login: Option<Login>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum MailSecurity {
    #[default]
    StartTls,
    Tls,
    None,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Webhook {
    pub url: Spanned<String>,
    pub ca: Option<PathBuf>,
    pub secret_file: Spanned<PathBuf>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Hashing {
    pub mebibytes: u32,
    pub passes: u32,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum SecondFactor {
    #[default]
    All,
    Privileged,
}

#[derive(Clone, Copy, Default, Deserialize)]
pub(super) enum Passwords {
    #[default]
    #[serde(rename = "pas")]
    Pas,
    #[serde(rename = "cnil-2022")]
    Cnil2022,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Security {
    None,
    Tls,
    Vencrypt,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Jpeg {
    Never,
    #[default]
    Films,
    Always,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Site {
    pub name: Spanned<SiteName>,
    pub label: Spanned<String>,
    pub kind: Kind,
    pub address: Spanned<String>,
    pub networks: Option<Networks>,
    pub security: Spanned<Security>,
    pub ca: Option<PathBuf>,
    pub pin: Option<Spanned<String>>,
    pub server_name: Option<String>,
    #[serde(default)]
    pub tls12: bool,
    pub login: Option<Login>,
    #[serde(default = "thirty")]
    pub max_fps: Spanned<u32>,
    #[serde(default)]
    pub jpeg: Jpeg,
    pub capture: Option<Capture>,
    #[serde(default)]
    pub masks: Vec<[u16; 4]>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Login {
    pub user: Option<String>,
    pub password_file: Spanned<PathBuf>,
}

fn an_hour() -> Spanned<u64> {
    Spanned::new(0..0, 60)
}

fn fifty() -> usize {
    50
}

fn thirty() -> Spanned<u32> {
    Spanned::new(0..0, 30)
}

fn thirty_a_minute() -> NonZeroU32 {
    NonZeroU32::MIN.saturating_add(29)
}

fn handshakes() -> NonZeroUsize {
    NonZeroUsize::MIN.saturating_add(31)
}
