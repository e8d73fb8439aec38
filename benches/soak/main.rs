//! A node under people and strangers for half an hour: does it stay as it is?
//!
//! `cargo bench --bench soak` runs thirty minutes (`LUCARNE_SOAK=120` for two), and writes `target/bench/soak.svg` and
//! `soak.json`: memory, descriptors, tasks, the rate of those who look for long, the size of the trace. Each minute has
//! twenty seconds of flood. It fails when somebody who looked was sent away, or when what a node holds has grown
//! between its second quarter and its last.

#![expect(clippy::panic, clippy::indexing_slicing, reason = "a bench fails by panicking")]

#[path = "../../tests/stories/child.rs"]
mod child;
#[expect(dead_code, reason = "other benches have other ways in")]
#[path = "../client.rs"]
mod client;
mod crowd;
#[expect(dead_code, reason = "other benches ask for more")]
#[path = "../machine.rs"]
mod machine;
#[path = "../node.rs"]
mod node;
mod plot;
mod sites;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::Result;
use lucarne::clock::Clock;
use lucarne::demo;
use lucarne::rfb::encoding::number;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crowd::Town;
use node::{Node, free_port, site};
use plot::Line;

/// Between two looks at the node.
const STEP: Duration = Duration::from_secs(5);
const SITES: [&str; 3] = ["steady", "resizes", "breaks"];

/// What was seen of the node each time.
#[derive(Default)]
struct Seen {
    memory: Vec<f64>,
    descriptors: Vec<f64>,
    tasks: Vec<f64>,
    rate: Vec<f64>,
    trace: Vec<f64>,
}

fn main() -> Result<()> {
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(soak())
}

async fn soak() -> Result<()> {
    let seconds: u64 = std::env::var("LUCARNE_SOAK").ok().and_then(|text| text.parse().ok()).unwrap_or(1800);
    let (dir, clock) = (tempfile::TempDir::new()?, Clock::system());
    let mut sites = Vec::new();
    for name in SITES {
        let socket = TcpListener::bind("127.0.0.1:0").await?;
        sites.push((site(name)?, socket.local_addr()?));
        match name {
            "steady" => drop(tokio::spawn(demo::serve(socket, clock.clone()))),
            "resizes" => drop(tokio::spawn(sites::serve(socket, sites::Habit::Resizes))),
            _ => drop(tokio::spawn(sites::serve(socket, sites::Habit::Breaks))),
        }
    }
    let monitor = free_port()?;
    let more = format!("connections_per_minute = 600\n[monitor]\nlisten = \"127.0.0.1:{monitor}\"\n");
    let node = Node::begin(dir.path(), &sites, &more, &clock).await?;
    for (site, _) in &sites {
        node.show(site).await?;
    }
    let town =
        Arc::new(Town { node, clock: clock.clone(), updates: 0.into(), visits: 0.into(), knocks: 0.into(), lost: 0.into() });
    for encodings in [vec![number::ZRLE], vec![number::TIGHT, number::QUALITY.start() + 8]] {
        tokio::spawn(Arc::clone(&town).resident([&encodings[..], &[number::DESKTOP_SIZE, number::LAST_RECT]].concat()));
    }
    for n in 0..8 {
        tokio::spawn(Arc::clone(&town).visitor(n));
    }
    tokio::spawn(reopen(Arc::clone(&town)));
    let seen = watch(&town, monitor, seconds).await?;
    report(&seen, &town, seconds)
}

/// Sites that were paused by what befell them are shown again, as a contact would.
async fn reopen(town: Arc<Town>) {
    loop {
        town.clock.sleep(Duration::from_secs(4)).await;
        for name in ["resizes", "breaks"] {
            let Ok(site) = site(name) else { return };
            let _ = town.node.show(&site).await;
        }
    }
}

async fn watch(town: &Arc<Town>, monitor: u16, seconds: u64) -> Result<Seen> {
    let (mut seen, mut before) = (Seen::default(), 0);
    let steps = seconds / STEP.as_secs();
    for step in 0..steps {
        if step % 12 == 4 {
            tokio::spawn(Arc::clone(town).flood(20, 2_000));
        }
        town.clock.sleep(STEP).await;
        let proc = format!("/proc/{}", town.node.program.0.id());
        seen.memory.push(machine::resident(town.node.program.0.id()));
        seen.descriptors.push(std::fs::read_dir(format!("{proc}/fd"))?.count() as f64);
        seen.tasks.push(tasks(monitor).await?);
        let updates = town.updates.load(Ordering::Relaxed);
        seen.rate.push((updates - before) as f64 / STEP.as_secs_f64());
        before = updates;
        seen.trace.push(size_of(&town.node.people.stage.data.join("trace")) as f64 / f64::from(1 << 20));
        if step % 12 == 11 {
            let last = |values: &[f64]| values.last().copied().unwrap_or_default();
            println!(
                "{:>4} s  {:6.1} MiB  {:4} descriptors  {:4} tasks  {:5.1} updates/s  trace {:.1} MiB  {} visits  {} knocks",
                (step + 1) * STEP.as_secs(),
                last(&seen.memory),
                last(&seen.descriptors),
                last(&seen.tasks),
                last(&seen.rate),
                last(&seen.trace),
                town.visits.load(Ordering::Relaxed),
                town.knocks.load(Ordering::Relaxed)
            );
        }
    }
    Ok(seen)
}

async fn tasks(monitor: u16) -> Result<f64> {
    let mut stream = TcpStream::connect(("127.0.0.1", monitor)).await?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await?;
    let mut text = String::new();
    stream.read_to_string(&mut text).await?;
    let values = text
        .lines()
        .filter(|line| line.starts_with("lucarne_tasks{"))
        .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
    Ok(values.sum())
}

/// Bytes of the trace's two files, not of its reserve.
fn size_of(folder: &Path) -> u64 {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let lines = files.filter(|file| file.path().extension().is_some_and(|ending| ending == "jsonl"));
    lines.filter_map(|file| Some(file.metadata().ok()?.len())).sum()
}

/// The middle value: floods and visits come and go.
fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

fn report(seen: &Seen, town: &Town, seconds: u64) -> Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench");
    std::fs::create_dir_all(&folder)?;
    let line = |name, colour, values: &[f64]| Line { name, colour, values: values.to_vec() };
    let lines = [
        line("memory, MiB", "#1f5fa8", &seen.memory),
        line("descriptors", "#1d8a5b", &seen.descriptors),
        line("tasks", "#b5651d", &seen.tasks),
        line("updates a second to two who look for long", "#7a2f8a", &seen.rate),
        line("trace, MiB", "#555", &seen.trace),
    ];
    std::fs::write(folder.join("soak.svg"), plot::svg("A node under people and strangers", STEP.as_secs_f64(), &lines))?;
    let json = serde_json::json!({
        "seconds": seconds, "visits": town.visits.load(Ordering::Relaxed), "knocks": town.knocks.load(Ordering::Relaxed),
        "lost": town.lost.load(Ordering::Relaxed), "memory": seen.memory, "descriptors": seen.descriptors,
        "tasks": seen.tasks, "rate": seen.rate, "trace": seen.trace,
    });
    std::fs::write(folder.join("soak.json"), json.to_string())?;
    let quarter = seen.memory.len() / 4;
    let mut grown = Vec::new();
    for (name, values, allowed) in
        [("memory", &seen.memory, 1.10), ("descriptors", &seen.descriptors, 1.15), ("tasks", &seen.tasks, 1.15)]
    {
        // In the first quarter it warms up: buffers and pools take the size that they keep.
        let (second, last) = (median(&values[quarter..][..quarter.max(1)]), median(&values[values.len() - quarter.max(1)..]));
        println!("{name:<12} second quarter {second:8.1}, last quarter {last:8.1}");
        if last > second * allowed + 4.0 {
            grown.push(name);
        }
    }
    let lost = town.lost.load(Ordering::Relaxed);
    println!("{}", folder.join("soak.svg").display());
    if lost > 0 || !grown.is_empty() {
        panic!("{lost} people who looked were sent away; grown: {grown:?}");
    }
    Ok(())
}
