//! The node: wires the rooms together. Sites report to it, viewers are let in by it, and it writes down what happens.
//!
//! Three runtimes: the caller's, where connections are accepted, traced, ended and cut; and two for pixels alone
//! (`pools`), so that no picture delays a stop and no viewer a source.

pub mod act;
mod alerts;
pub mod control;
mod engagements;
mod freezing;
mod gate;
mod guard;
mod incidents;
mod listening;
mod lists;
mod orders;
mod people;
mod perform;
mod pools;
mod post;
pub mod remote;
mod seats;
mod showing;
mod site;
mod tokens;
mod workstations;

pub use listening::doors;

use std::collections::HashMap;
use std::io::Write;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use zeroize::Zeroizing;

use crate::clock::Clock;
use crate::config::{Config, Site};
use crate::desk::{Channels, Desk, Hashing, SiteSettings, Wishes};
use crate::governance::Way;
use crate::id::{SessionId, SiteName, hex, random};
use crate::metrics::{Kind, Metrics};
use crate::notify::Notifier;
use crate::source::Target;
use crate::source::session::Pace;
use crate::store::{Accounts, Engagements, Place, Sites, Store};
use crate::tls;
use crate::tls::ForViewers;
use crate::trace::{Event, Fold, Log, Quota};
use crate::viewer::{Ending, Known, Rate};
use pools::Pools;
use post::Post;
use seats::Running;
use site::SiteHandle;

/// Ways in by a network, a minute from one address and a second from all strangers: a person needs few, and each may cost
/// a hash.
const WAYS_IN: NonZeroU32 = NonZeroU32::MIN.saturating_add(29);
const WAYS_IN_ALL: NonZeroU32 = NonZeroU32::MIN.saturating_add(19);
/// How often folded entries are written and a broken trace is tried again.
const TURN: Duration = Duration::from_secs(2);
/// How long an orderly stop waits for sessions to end.
const FAREWELL: Duration = Duration::from_secs(3);

/// What a node is asked from outside its crate comes in a box: else each crate that awaits it would compile all of the node
/// again, as part of its own futures.
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
/// The same, for the thread that asks.
type Here<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// What all parts of a node share. Each lock is held for no wait.
pub struct Shared {
    /// The node's name.
    node: String,
    desk: Arc<Desk>,
    log: Log,
    clock: Clock,
    sites: HashMap<SiteName, SiteHandle>,
    sessions: Mutex<HashMap<SessionId, Running>>,
    max_sessions: usize,
    /// How long nobody need be before a viewer until it is locked.
    idle: Duration,
    fold: Mutex<Fold>,
    quota: Mutex<Quota>,
    known: Known,
    /// How often people may try to come in.
    ways_in: Rate,
    /// What viewers meet in band, and behind tunnels.
    doors: [Arc<ForViewers>; 2],
    /// The trace had a gap that is not written down yet.
    owing: AtomicBool,
    /// An act may have changed who may look.
    changed: Notify,
    post: Post,
    declared: Declared,
    /// Held while papers are read again: two at once could put back what one replaced.
    reading: tokio::sync::Mutex<()>,
    /// A list of revocations cannot be read: the one of before counts.
    lists_unreadable: AtomicBool,
}

/// What the plan's clauses ask of the settings.
#[derive(Debug, Clone)]
struct Declared {
    /// Their SHA-256.
    settings: String,
    viewers_in_networks: bool,
    revocations_are_read: bool,
    mail_is_set: bool,
}

impl Declared {
    fn of(config: &Config) -> Self {
        Self {
            settings: config.digest.clone(),
            viewers_in_networks: !config.viewers.networks.are_anywhere(),
            revocations_are_read: !config.workstations.revocations.is_empty(),
            mail_is_set: config.alerts.relay.is_some(),
        }
    }
}

/// Where a node listens.
#[derive(Debug, Clone, Copy)]
pub struct Addresses {
    pub viewers: SocketAddr,
    pub tls_first: Option<SocketAddr>,
    pub local: Option<SocketAddr>,
    pub api: Option<SocketAddr>,
    pub pages: Option<SocketAddr>,
    pub monitor: Option<SocketAddr>,
}

/// A running node.
pub struct Node {
    shared: Arc<Shared>,
    /// Ends with the node.
    _pools: Pools,
    tasks: JoinSet<()>,
    pub addresses: Addresses,
}

/// Opens the store and the log of a node's directory, which only one process may use at a time.
pub fn open_desk<'a>(config: &'a Config, clock: &'a Clock) -> Here<'a, Result<Desk>> {
    Box::pin(desk_of(config, clock))
}

async fn desk_of(config: &Config, clock: &Clock) -> Result<Desk> {
    std::fs::create_dir_all(&config.data).with_context(|| format!("{} cannot be made", config.data.display()))?;
    let log = Log::open(&config.data.join("trace"), &config.node, clock.clone())?;
    let store = Store::open(&place(config), clock).await?;
    let key = key(&config.data.join("key"), &store).await?;
    let settings = |site: &Site| {
        let (kind, capture, written) = (site.kind, site.capture, site.clone());
        (site.name.clone(), SiteSettings { kind, capture, digest: Box::new(move || written.digest()) })
    };
    let hashing = config.accounts.hashing.map(|(mebibytes, passes)| Hashing { mebibytes, passes });
    let wishes = Wishes {
        policy: config.accounts.policy,
        premises: config.accounts.premises.clone(),
        hashing: hashing.unwrap_or_default(),
        channels: Channels { mail: config.alerts.relay.is_some(), webhook: config.alerts.hook.is_some() },
        sites: config.sites.iter().map(settings).collect(),
        key,
    };
    Ok(Desk::open(store, log, clock.clone(), wishes).await?)
}

/// What second factors are derived from: made with the first people, and never again.
async fn key(path: &Path, store: &Store) -> Result<Zeroizing<[u8; 32]>> {
    let key = match std::fs::read(path).map(Zeroizing::new) {
        Ok(bytes) => {
            let key = bytes.as_slice().try_into().with_context(|| format!("{} does not hold 32 bytes", path.display()))?;
            Zeroizing::new(key)
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let key = Zeroizing::new(random::<32>());
            if store.accounts().await?.iter().all(|account| !account.enrolled) {
                let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
                let written = file.and_then(|mut file| file.write_all(key.as_slice()).and_then(|()| file.sync_all()));
                written.with_context(|| format!("{} cannot be made", path.display()))?;
            }
            key
        }
        Err(error) => return Err(error).with_context(|| format!("{} cannot be read", path.display())),
    };
    if !store.is_its_key(&hex(&Sha256::digest(key.as_slice()))).await? {
        bail!("{} is not the key of this store's second factors: put it back from its copy", path.display());
    }
    Ok(key)
}

/// Where the rows of a node are.
fn place(config: &Config) -> Place {
    match &config.postgres {
        Some(server) => Place::Server(server.url.to_string()),
        None => Place::File(config.data.join("lucarne.sqlite")),
    }
}

/// How a configured site is entered.
pub fn target(site: &Site, clock: &Clock) -> Result<Target> {
    let tls = site.trust.as_ref().map(|trust| tls::for_site(trust, site.tls12, clock)).transpose();
    Ok(Target {
        host: site.host.clone(),
        port: site.port,
        networks: site.networks.clone(),
        transport: site.transport,
        tls: tls.with_context(|| format!("the trust of site {:?}", site.name.as_str()))?,
        server_name: site.server_name.clone(),
        login: site.login.clone(),
        pace: Pace { max_fps: site.max_fps, jpeg: site.jpeg },
    })
}

/// Each configured site, kept by a task of its own; none is open.
async fn sites(
    config: &Config,
    desk: &Arc<Desk>,
    pools: &Pools,
    metrics: &Metrics,
    clock: &Clock,
    tasks: &mut JoinSet<()>,
) -> Result<HashMap<SiteName, SiteHandle>> {
    let mut sites = HashMap::new();
    for site in &config.sites {
        let confirmed = desk.store().confirmed_sizes(&site.name).await?;
        let row = desk.store().site(&site.name).await?;
        let engagement = match &row.engagement {
            Some(id) => desk.store().engagement(id).await?,
            None => None,
        };
        // Trust that cannot be read is said before anything runs.
        target(site, clock)?;
        let wiring = site::Wiring {
            site: site.clone(),
            confirmed,
            standing: row.standing,
            real_data: engagement.is_some_and(|engagement| engagement.shows_real_data()),
            engagement: row.engagement,
            desk: Arc::clone(desk),
            clock: clock.clone(),
            metrics: metrics.clone(),
            pixels: pools.sites(),
        };
        sites.insert(site.name.clone(), site::start(wiring, tasks));
    }
    Ok(sites)
}

impl Node {
    /// Starts a node: nothing is shown until somebody shows it.
    pub fn start(config: &Config, clock: Clock) -> Here<'_, Result<Self>> {
        Box::pin(Self::begin(config, clock))
    }

    async fn begin(config: &Config, clock: Clock) -> Result<Self> {
        let desk = Arc::new(open_desk(config, &clock).await?);
        let log = desk.log().clone();
        log.append(Event::new("process.start").outcome("ok").public("version", env!("CARGO_PKG_VERSION"))).await?;
        desk.pause_all().await?;
        let metrics = Metrics::default();
        let pools = Pools::start()?;
        let mut tasks = JoinSet::new();
        let sites = sites(config, &desk, &pools, &metrics, &clock, &mut tasks).await?;
        let shared = Arc::new(Shared {
            node: config.node.clone(),
            log,
            clock: clock.clone(),
            sites,
            sessions: Mutex::default(),
            max_sessions: config.viewers.max_sessions,
            idle: config.viewers.idle,
            fold: Mutex::default(),
            quota: Mutex::new(Quota::new(clock.now())),
            ways_in: Rate::new(WAYS_IN, WAYS_IN_ALL, &clock),
            known: known_addresses(&desk, &clock).await?,
            doors: doors(config, &clock)?,
            desk,
            owing: AtomicBool::new(false),
            changed: Notify::new(),
            post: Post::of(&config.data),
            declared: Declared::of(config),
            reading: tokio::sync::Mutex::default(),
            lists_unreadable: AtomicBool::new(false),
        });
        let addresses = listening::listen(config, &shared, &metrics, pools.viewers(), &mut tasks).await?;
        tasks.spawn(Arc::clone(&shared).guard_trace());
        tasks.spawn(Arc::clone(&shared).guard_store());
        tasks.spawn(Arc::clone(&shared).watch_rights());
        tasks.spawn(Arc::clone(&shared).keep_house());
        tasks.spawn(Arc::clone(&shared).watch_revocations());
        let notifier = Notifier::new(config.alerts.clone(), clock.clone());
        tasks.spawn(Arc::clone(&shared).send_alerts(notifier.clone(), Way::Mail));
        tasks.spawn(Arc::clone(&shared).send_alerts(notifier, Way::Webhook));
        tasks.spawn(Arc::clone(&shared).send_reminders());
        tasks.spawn(count_tasks(
            [("control", Handle::current()), ("sites", pools.sites()), ("viewers", pools.viewers())],
            metrics,
            clock,
        ));
        Ok(Self { shared, _pools: pools, tasks, addresses })
    }

    pub fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Ends every session and source in order, and writes the last entry.
    pub fn stop(self) -> Boxed<'static, ()> {
        Box::pin(self.end())
    }

    async fn end(mut self) {
        self.shared.end_sessions(Ending::Shutdown, |_| true);
        self.shared.sites.values().for_each(SiteHandle::stop_source);
        for site in self.shared.sites.values() {
            site.halt().await;
        }
        let deadline = self.shared.clock.now() + FAREWELL;
        while self.shared.running() > 0 && self.shared.clock.now() < deadline {
            self.shared.clock.sleep(Duration::from_millis(10)).await;
        }
        self.tasks.shutdown().await;
        if self.shared.owing.load(Ordering::SeqCst)
            && let Err(error) = self.shared.log.write_kept().await
        {
            tracing::error!(%error, "what could not be written is lost with this process");
        }
        let folded = self.shared.fold.lock().unwrap_or_else(PoisonError::into_inner).drain();
        for event in folded.into_iter().chain([Event::new("process.stop").outcome("ok")]) {
            if let Err(error) = self.shared.log.append(event).await {
                tracing::error!(%error, "the last entries could not be written");
            }
        }
        self.shared.desk.store().close().await;
    }
}

/// Keeps the gauges of tasks true.
async fn count_tasks(runtimes: [(&'static str, Handle); 3], metrics: Metrics, clock: Clock) {
    loop {
        for (kind, runtime) in &runtimes {
            metrics.tasks.get_or_create(&Kind { kind }).set(runtime.metrics().num_alive_tasks() as i64);
        }
        clock.sleep(TURN).await;
    }
}

async fn known_addresses(desk: &Desk, clock: &Clock) -> Result<Known> {
    let known = Known::default();
    for (address, seen) in desk.store().known_addresses(clock.wall() - Known::FOR).await? {
        known.admitted(address, seen);
    }
    Ok(known)
}

impl Shared {
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    pub fn log(&self) -> &Log {
        &self.log
    }
}
