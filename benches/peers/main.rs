//! Lucarne beside what people use today, on this machine, in one run.
//!
//! `cargo bench --bench peers` plays four workloads on a real Xtigervnc (1920×1080) and looks at them directly, through
//! stunnel, through HAProxy, through `x11vnc -reflect -viewonly -ssl`, and through Lucarne with TLS and its watermark.
//! All as they are shipped. It prints a table and writes `target/bench/peers.json`. Words after `--` choose workloads,
//! systems and kinds of viewer by name: `cargo bench --bench peers -- office lucarne direct q8`; `fanout` is one viewer beside ten,
//! `linear` is CPU against changed pixels (`target/bench/linear.svg`), `idle` is viewers of a screen on which nothing happens,
//! `browser` is the page beside noVNC behind websockify.
//!
//! Needs Xtigervnc, x11vnc, stunnel4, haproxy and openssl; for `browser` Xvfb, chromium, chromium-driver, novnc and websockify.

mod browser;
#[path = "../../tests/stories/child.rs"]
mod child;
#[path = "../client.rs"]
mod client;
mod linear;
#[expect(dead_code, reason = "other benches ask for more")]
#[path = "../machine.rs"]
mod machine;
#[path = "../node.rs"]
mod node;
mod screen;
mod systems;
mod work;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use lucarne::clock::Clock;
use lucarne::rfb::encoding::number;
use serde_json::{Value, json};
use tokio::sync::watch;

use client::Client;
use screen::Screen;
use systems::{Running, System};
use work::Work;

/// What a viewer asks for: the same of every system.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Viewer {
    /// Tight with JPEG quality 8, as TigerVNC's viewer does by default.
    Q8,
    /// Tight without leave to lose a pixel.
    Lossless,
}

impl Viewer {
    fn name(self) -> &'static str {
        match self {
            Self::Q8 => "q8",
            Self::Lossless => "lossless",
        }
    }

    fn encodings(self) -> Vec<i32> {
        let mut list = vec![number::COPY_RECT, number::TIGHT, number::ZRLE, number::HEXTILE, number::RAW];
        list.extend([number::DESKTOP_SIZE, number::LAST_RECT, number::FENCE, number::CONTINUOUS_UPDATES]);
        list.push(number::COMPRESSION.start() + 2);
        if self == Self::Q8 {
            list.push(number::QUALITY.start() + 8);
        }
        list
    }
}

/// What one run showed.
struct Row {
    work: Work,
    viewer: Viewer,
    system: System,
    viewers: usize,
    cpu: f64,
    memory: f64,
    seen: usize,
    updates: u64,
    megabytes: f64,
    p50: f64,
    p95: f64,
}

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if !words.iter().any(|word| word == "--bench") {
        return Ok(());
    }
    let chosen = |name: &str, all: &[&str]| {
        let named = words.iter().any(|word| all.contains(&word.as_str()));
        !named || words.iter().any(|word| word == name)
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let mut rows: Vec<Row> = Vec::new();
    for work in Work::ALL {
        for viewer in [Viewer::Q8, Viewer::Lossless] {
            if !chosen(work.name(), &WORDS) || !chosen(viewer.name(), &["q8", "lossless"]) {
                continue;
            }
            for system in System::ALL.into_iter().filter(|system| chosen(system.name(), &System::ALL.map(System::name))) {
                let row = runtime
                    .block_on(run(work, viewer, system, 1))
                    .with_context(|| format!("{} {}", work.name(), system.name()))?;
                print(&row, &rows);
                rows.push(row);
            }
            println!();
        }
    }
    if chosen("fanout", &WORDS) {
        fan_out(&runtime, &mut rows)?;
    }
    if chosen("linear", &WORDS) {
        linear::measure(&runtime)?;
    }
    if chosen("idle", &WORDS) {
        runtime.block_on(idle())?;
    }
    let mut told: Vec<Value> = Vec::new();
    if chosen("browser", &WORDS) {
        let named = Work::ALL.iter().any(|work| words.iter().any(|word| word == work.name()));
        let works: Vec<Work> = Work::ALL.into_iter().filter(|work| !named || chosen(work.name(), &WORDS)).collect();
        told = runtime.block_on(browser::measure(&works))?;
    }
    save(&rows, told)
}

/// What is measured, by name.
const WORDS: [&str; 8] = ["fanout", "linear", "idle", "browser", "office", "scroll", "video", "toggle"];

/// Ten viewers of a still screen, for ten seconds.
async fn idle() -> Result<()> {
    let (dir, clock) = (tempfile::TempDir::new()?, Clock::system());
    systems::certificate(dir.path())?;
    let screen = Screen::start(&clock)?;
    let running = Running::start(System::Lucarne, screen.port(), dir.path(), &clock).await?;
    let (began, over) = (watch::Sender::new(false), watch::Sender::new(false));
    let mut costs = Vec::new();
    for viewers in [0, 1, 10] {
        for _ in usize::from(viewers == 10)..viewers {
            let client = enter(&running, Viewer::Q8, &clock).await?;
            tokio::spawn(look(client, Work::Toggle, began.clone(), over.subscribe(), clock.clone()));
        }
        clock.sleep(Duration::from_secs(3)).await;
        let before = running.cost().0;
        clock.sleep(Duration::from_secs(10)).await;
        costs.push((viewers, running.cost().0 - before));
    }
    for (viewers, cost) in costs {
        println!("idle with {viewers:>2} viewers: {cost:.2} CPU s in 10 s");
    }
    Ok(())
}

/// Ten viewers of what one viewer costs.
fn fan_out(runtime: &tokio::runtime::Runtime, rows: &mut Vec<Row>) -> Result<()> {
    for work in [Work::Office, Work::Scroll] {
        for viewers in [1, 10] {
            let (own, idle) = (machine::cpu_of(std::process::id()), machine::idle());
            let row = runtime.block_on(run(work, Viewer::Q8, System::Lucarne, viewers))?;
            println!(
                "{} with {viewers:>2} viewers: {:.2} CPU s, the one that saw least saw {}/{} frames; the viewers took {:.2} CPU s, and {:.2} were left idle",
                work.name(),
                row.cpu,
                row.seen,
                work.frames(),
                machine::cpu_of(std::process::id()) - own,
                machine::idle() - idle
            );
            rows.push(row);
        }
    }
    Ok(())
}

/// What one viewer saw: each frame when it came, how many updates, how many bytes.
#[derive(Default)]
struct Sight {
    frames: BTreeMap<u16, Instant>,
    updates: u64,
    bytes: u64,
}

/// Looks until it is told that the play is over.
async fn look(
    mut client: Client,
    work: Work,
    began: watch::Sender<bool>,
    mut over: watch::Receiver<bool>,
    clock: Clock,
) -> Result<Sight> {
    let (mut sight, mut before) = (Sight::default(), None);
    client.ask(false).await?;
    loop {
        tokio::select! {
            biased;
            _ = over.changed() => {
                sight.bytes = client.bytes - before.unwrap_or(client.bytes);
                return Ok(sight);
            }
            updated = client.update() => {
                updated?;
                let frame = work::number(&client.picture);
                if frame > 0 && frame <= work.frames() {
                    sight.frames.entry(frame).or_insert_with(|| clock.now());
                    // The first frame that is seen begins what is counted: before was the screen as it was.
                    before.get_or_insert(client.bytes);
                    began.send_replace(true);
                }
                sight.updates += u64::from(before.is_some());
                client.ask(true).await?;
            }
        }
    }
}

async fn run(work: Work, viewer: Viewer, system: System, viewers: usize) -> Result<Row> {
    let (dir, clock) = (tempfile::TempDir::new()?, Clock::system());
    systems::certificate(dir.path())?;
    let screen = Screen::start(&clock)?;
    let running = Running::start(system, screen.port(), dir.path(), &clock).await?;
    let (began, over) = (watch::Sender::new(false), watch::Sender::new(false));
    let mut eyes = Vec::new();
    for _ in 0..viewers {
        let client = enter(&running, viewer, &clock).await?;
        eyes.push(tokio::spawn(look(client, work, began.clone(), over.subscribe(), clock.clone())));
    }
    running.forget_peak();
    let put = Mutex::new(vec![None; usize::from(work.frames()) + 1]);
    let mut first = began.subscribe();
    let cost_before = async {
        let _ = first.wait_for(|began| *began).await;
        running.cost().0
    };
    let (played, before) = tokio::join!(screen.play(work, &put, &clock), cost_before);
    played?;
    clock.sleep(Duration::from_millis(500)).await;
    let (cpu, memory) = running.cost();
    over.send_replace(true);
    let put = put.into_inner().map_err(|_| anyhow::anyhow!("lock"))?;
    let (mut delays, mut seen, mut updates, mut bytes) = (Vec::new(), usize::MAX, 0, 0);
    for eye in eyes {
        let sight = eye.await??;
        delays.extend(
            sight
                .frames
                .iter()
                .filter_map(|(frame, at)| Some((*at - put.get(usize::from(*frame)).copied().flatten()?).as_secs_f64() * 1000.0)),
        );
        (seen, updates, bytes) = (seen.min(sight.frames.len()), updates + sight.updates, bytes + sight.bytes);
    }
    delays.sort_by(f64::total_cmp);
    let part = |percent: usize| delays.get(delays.len() * percent / 100).copied().unwrap_or(f64::NAN);
    let (p50, p95) = (part(50), part(95));
    Ok(Row { work, viewer, system, viewers, cpu: cpu - before, memory, seen, updates, megabytes: bytes as f64 / 1e6, p50, p95 })
}

/// Comes in as soon as the system lets anybody in: some fall over a connection that only looks whether they are up.
async fn enter(running: &Running, viewer: Viewer, clock: &Clock) -> Result<Client> {
    let deadline = clock.now() + Duration::from_secs(20);
    loop {
        clock.sleep(Duration::from_millis(500)).await;
        match Client::enter(running.address, [127, 0, 0, 1], &running.way().await?, &viewer.encodings()).await {
            Ok(client) => return Ok(client),
            Err(error) if clock.now() >= deadline => return Err(error),
            Err(_) => {}
        }
    }
}

/// The row of another system in the same workload.
fn beside<'a>(row: &Row, rows: &'a [Row], system: System) -> Option<&'a Row> {
    rows.iter().find(|other| other.work == row.work && other.viewer == row.viewer && other.system == system && other.viewers == 1)
}

fn per_frame(row: &Row) -> f64 {
    row.cpu * 1000.0 / row.seen.max(1) as f64
}

fn print(row: &Row, rows: &[Row]) {
    if rows.is_empty() {
        println!(
            "{:<8} {:<9} {:<12} {:>6} {:>9} {:>8} {:>8} {:>7} {:>7} {:>8} {:>8} {:>8} {:>9}",
            "work",
            "viewer",
            "system",
            "CPU s",
            "frames",
            "updates",
            "MB",
            "p50 ms",
            "p95 ms",
            "+p50",
            "+p95",
            "MiB",
            "CPU ratio"
        );
    }
    let direct = beside(row, rows, System::Direct);
    let added = |pick: fn(&Row) -> f64| direct.map_or_else(String::new, |direct| format!("{:+.1}", pick(row) - pick(direct)));
    let ratio = beside(row, rows, System::Reflect).filter(|_| row.system == System::Lucarne);
    let ratio = ratio.map_or_else(String::new, |reflect| format!("{:.2}", per_frame(row) / per_frame(reflect)));
    println!(
        "{:<8} {:<9} {:<12} {:>6.2} {:>5}/{:<3} {:>8} {:>8.1} {:>7.1} {:>7.1} {:>8} {:>8} {:>8.0} {:>9}",
        row.work.name(),
        row.viewer.name(),
        row.system.name(),
        row.cpu,
        row.seen,
        row.work.frames(),
        row.updates,
        row.megabytes,
        row.p50,
        row.p95,
        added(|row| row.p50),
        added(|row| row.p95),
        row.memory,
        ratio
    );
}

fn save(rows: &[Row], browsers: Vec<Value>) -> Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench");
    std::fs::create_dir_all(&folder)?;
    let object = |row: &Row| -> Value {
        let direct = beside(row, rows, System::Direct);
        let reflect = beside(row, rows, System::Reflect);
        json!({
            "workload": row.work.name(), "viewer": row.viewer.name(), "encodings": row.viewer.encodings(), "system": row.system.name(), "viewers": row.viewers,
            "cpu_seconds": row.cpu, "frames_seen": row.seen, "frames_made": row.work.frames(), "updates": row.updates,
            "megabytes": row.megabytes, "p50_ms": row.p50, "p95_ms": row.p95, "memory_mib": row.memory,
            "added_p50_ms": direct.map(|direct| row.p50 - direct.p50), "added_p95_ms": direct.map(|direct| row.p95 - direct.p95),
            "bytes_ratio_direct": direct.map(|direct| row.megabytes / direct.megabytes),
            "cpu_per_frame_ratio_reflect": reflect.map(|reflect| per_frame(row) / per_frame(reflect)),
        })
    };
    let file = folder.join("peers.json");
    std::fs::write(&file, serde_json::to_string_pretty(&rows.iter().map(object).chain(browsers).collect::<Vec<_>>())?)?;
    println!("{}", file.display());
    Ok(())
}
