//! How much one node carries on this machine.
//!
//! `cargo bench --bench capacity` adds viewers to one site, then sites with a viewer each, all at office work
//! (1920×1080, TLS, watermark), until the machine is full: not every change is seen any more; and tells where the 99th
//! percentile of a change's way from the site to a viewer had doubled. Then it lets a thousand viewers look at a still screen beside somebody who works. It prints a table and
//! writes `target/bench/capacity.json` and `capacity.svg`. Words after `--` choose: `viewers`, `sites`, `idle`.
//!
//! Sites and viewers share the machine with the node. The first four viewers decode and measure; the others ask as often
//! as the screen changes and throw away what comes, so that the node's work is most of what is done.

#[path = "../../tests/stories/child.rs"]
mod child;
#[expect(dead_code, reason = "other benches have other ways in")]
#[path = "../client.rs"]
mod client;
#[path = "../machine.rs"]
mod machine;
#[path = "../node.rs"]
mod node;
mod office;
mod report;
#[expect(dead_code, reason = "another bench plays more")]
#[path = "../peers/work.rs"]
mod work;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use lucarne::clock::Clock;
use lucarne::id::SiteName;
use lucarne::rfb::encoding::number;
use lucarne::rfb::{Encode, Request};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use client::Client;
use node::{Node, site};
use office::{Play, Puts};
use report::{Curve, Row};
use work::Work;

const VIEWERS: [usize; 14] = [1, 10, 25, 50, 75, 100, 125, 150, 175, 200, 250, 300, 400, 500];
const SITES: [usize; 13] = [1, 5, 10, 20, 30, 40, 50, 60, 80, 100, 120, 140, 160];
const IDLE: [usize; 3] = [0, 1, 1000];
/// Those who decode and measure, at most.
const EYES: usize = 4;
const MORE: &str = "max_sessions = 2000\nconnections_per_minute = 100000\n[accounts]\nhashing = { mebibytes = 19, passes = 2 }\n";

/// What those who measure have seen in the step at hand.
#[derive(Default)]
struct Seen {
    counts: AtomicBool,
    frames: AtomicU64,
    /// Milliseconds.
    delays: Mutex<Vec<f64>>,
}

/// A node with its sites, and everybody who looks.
struct Town {
    node: Node,
    sites: Vec<(SiteName, Arc<Puts>)>,
    seen: Arc<Seen>,
    /// So many measure, and then others come.
    eyes: usize,
    looking: usize,
    /// The site that shows a still screen.
    still: Option<usize>,
    clock: Clock,
    /// Whoever is sent away now is sent away by us.
    over: Arc<AtomicBool>,
    _dir: tempfile::TempDir,
}

impl Drop for Town {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
    }
}

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if !words.iter().any(|word| word == "--bench") {
        return Ok(());
    }
    let all = ["viewers", "sites", "idle"];
    let named = words.iter().any(|word| all.contains(&word.as_str()));
    let chosen = |name: &str| !named || words.iter().any(|word| word == name);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let mut curves = Vec::new();
    if chosen("viewers") {
        curves.push(runtime.block_on(grow("viewers", "viewers of one site", &VIEWERS))?);
    }
    if chosen("sites") {
        curves.push(runtime.block_on(grow("sites", "sites with a viewer each", &SITES))?);
    }
    if chosen("idle") {
        curves.push(runtime.block_on(idle())?);
    }
    report::save(&curves)
}

impl Town {
    /// `still`: the last site shows a still screen.
    async fn begin(sites: usize, still: bool) -> Result<Self> {
        let (dir, clock, play) = (tempfile::TempDir::new()?, Clock::system(), Arc::new(Play::office()));
        let (mut stands, mut addresses) = (Vec::new(), Vec::new());
        for n in 0..sites {
            let (socket, puts) = (TcpListener::bind("127.0.0.1:0").await?, Puts::new());
            let name = site(&format!("s{n}"))?;
            addresses.push((name.clone(), socket.local_addr()?));
            stands.push((name, Arc::clone(&puts)));
            let late = Duration::from_millis(n as u64 * 37 % 105);
            let is_still = still && n + 1 == sites;
            tokio::spawn(office::serve(socket, Arc::clone(&play), puts, (!is_still).then_some(late)));
        }
        let node = Node::begin(dir.path(), &addresses, MORE, &clock).await?;
        Ok(Self {
            node,
            sites: stands,
            seen: Arc::default(),
            eyes: EYES,
            looking: 0,
            still: still.then(|| sites - 1),
            clock,
            over: Arc::default(),
            _dir: dir,
        })
    }

    async fn show(&self, n: usize) -> Result<()> {
        match self.sites.get(n) {
            Some((site, _)) => self.node.show(site).await,
            None => anyhow::bail!("there is no site {n}"),
        }
    }

    /// One more looks at a site.
    async fn look(&mut self, n: usize) -> Result<()> {
        let Some((site, puts)) = self.sites.get(n) else { anyhow::bail!("there is no site {n}") };
        let way = self.node.way(site).await?;
        // A thousand people do not sit at one address.
        let from = [127, 1, (self.looking / 200) as u8, (self.looking % 200) as u8 + 1];
        let mut client = Client::enter(self.node.door, from, &way, &encodings()).await?;
        client.ask(false).await?;
        client.update().await?;
        let measures = self.looking < self.eyes;
        self.looking += 1;
        let asks = (self.still != Some(n)).then(|| Work::Office.period());
        let (puts, seen, clock, over) = (Arc::clone(puts), Arc::clone(&self.seen), self.clock.clone(), Arc::clone(&self.over));
        tokio::spawn(async move {
            let why = if measures { watch(client, puts, seen, clock).await } else { weigh(client, asks, clock).await };
            if !over.load(Ordering::SeqCst) {
                eprintln!("somebody was sent away: {why:#}");
            }
        });
        Ok(())
    }

    /// What happens while the play is played twice.
    async fn measure(&self, count: usize) -> Row {
        self.clock.sleep(Duration::from_secs(2)).await;
        let lock = || self.seen.delays.lock().unwrap_or_else(PoisonError::into_inner);
        lock().clear();
        self.seen.frames.store(0, Ordering::SeqCst);
        let (pid, own) = (self.node.program.0.id(), std::process::id());
        let (node, others, left) = (machine::cpu_of(pid), machine::cpu_of(own), machine::idle());
        let lasts = Play::lasts() * 2;
        self.seen.counts.store(true, Ordering::SeqCst);
        self.clock.sleep(lasts).await;
        self.seen.counts.store(false, Ordering::SeqCst);
        let per_second = |cpu: f64| cpu / lasts.as_secs_f64();
        let mut delays = std::mem::take(&mut *lock());
        delays.sort_by(f64::total_cmp);
        let part = |percent: usize| delays.get(delays.len() * percent / 100).copied().unwrap_or(f64::NAN);
        let made = lasts.as_secs_f64() / Work::Office.period().as_secs_f64() * self.looking.clamp(1, self.eyes) as f64;
        Row {
            count,
            p50: part(50),
            p99: part(99),
            seen: self.seen.frames.load(Ordering::SeqCst) as f64 / made,
            node_cores: per_second(machine::cpu_of(pid) - node),
            others_cores: per_second(machine::cpu_of(own) - others),
            idle_cores: per_second(machine::idle() - left),
            memory: machine::resident(pid),
        }
    }
}

fn encodings() -> Vec<i32> {
    let mut list = vec![number::COPY_RECT, number::TIGHT, number::ZRLE, number::HEXTILE, number::RAW];
    list.extend([number::DESKTOP_SIZE, number::LAST_RECT, number::COMPRESSION.start() + 2, number::QUALITY.start() + 8]);
    list
}

/// Decodes and measures for as long as it is let: the time from the site's putting a frame to its being seen.
async fn watch(mut client: Client, puts: Arc<Puts>, seen: Arc<Seen>, clock: Clock) -> anyhow::Error {
    let mut last = 0;
    let ended: Result<std::convert::Infallible> = async {
        loop {
            client.ask(true).await?;
            client.update().await?;
            let frame = work::number(&client.picture);
            if frame == last {
                continue;
            }
            last = frame;
            if let Some(put) = puts.of(frame).filter(|_| seen.counts.load(Ordering::SeqCst)) {
                seen.frames.fetch_add(1, Ordering::SeqCst);
                let delay = clock.now().saturating_duration_since(put).as_secs_f64() * 1000.0;
                seen.delays.lock().unwrap_or_else(PoisonError::into_inner).push(delay);
            }
        }
    }
    .await;
    match ended {
        Err(error) => error,
    }
}

/// A load without a decoder's cost: asks as often as the screen changes, once if it never does, and takes unread whatever
/// comes.
async fn weigh(client: Client, every: Option<Duration>, clock: Clock) -> anyhow::Error {
    let area = client.picture.size().rect();
    let asked = Request::FramebufferUpdate { incremental: true, area }.encode();
    let (mut reader, mut writer) = tokio::io::split(client.stream);
    let asking = async {
        while writer.write_all(asked.as_bytes()).await.is_ok() && writer.flush().await.is_ok() {
            match every {
                Some(every) => clock.sleep(every).await,
                None => std::future::pending().await,
            }
        }
    };
    let taking = async {
        let mut taken = vec![0; 64 << 10];
        while matches!(reader.read(&mut taken).await, Ok(1..)) {}
    };
    tokio::select! {
        () = asking => anyhow::anyhow!("it could not ask any more"),
        () = taking => anyhow::anyhow!("nothing more came"),
    }
}

/// Adds viewers of one site, or sites with a viewer each, until in two steps in a row not all that changed was seen.
async fn grow(name: &'static str, title: &'static str, counts: &[usize]) -> Result<Curve> {
    let sites = if name == "sites" { counts.iter().copied().max().unwrap_or(1) } else { 1 };
    let mut town = Town::begin(sites, false).await?;
    let mut curve = Curve::new(name, title, machine::resident(town.node.program.0.id()));
    curve.head();
    for count in counts.iter().copied() {
        for n in town.looking..count {
            if name == "sites" || n == 0 {
                town.show(n).await?;
            }
            town.look(if name == "sites" { n } else { 0 }).await?;
        }
        curve.add(town.measure(count).await);
        if curve.is_over() {
            break;
        }
    }
    Ok(curve)
}

/// A thousand who look at a still screen, beside one who works.
async fn idle() -> Result<Curve> {
    let mut town = Town::begin(2, true).await?;
    town.show(0).await?;
    town.show(1).await?;
    town.eyes = 1;
    town.look(0).await?;
    let mut curve =
        Curve::new("idle", "viewers of a still screen, beside one who works", machine::resident(town.node.program.0.id()));
    curve.head();
    for count in IDLE {
        for _ in town.looking - 1..count {
            town.look(1).await?;
        }
        curve.add(town.measure(count).await);
    }
    Ok(curve)
}
