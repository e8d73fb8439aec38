//! The same workloads as people see them in a browser: Chromium on an X server of its own, whose pixels are read as they are
//! painted. Lucarne's page beside noVNC behind websockify, both with TLS, both at 100 %.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use lucarne::clock::Clock;
use lucarne::demo::chromium::{Chromium, Shown};
use lucarne::geometry::{Pixel, Size};
use lucarne::picture::Picture;
use serde_json::{Value, json};
use tokio::io::copy;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use x11rb::connection::Connection;
use x11rb::protocol::xproto::{ConnectionExt, ImageFormat, Window};
use x11rb::rust_connection::RustConnection;

use crate::child::Program;
use crate::machine::cpu_of;
use crate::node::{Node, free_port, site};
use crate::screen::{Screen, until};
use crate::systems::{certificate, tree};
use crate::work::{MARKER, Work, number};

/// Larger than the site's screen and what a page has around it.
const DISPLAY: Size = Size::new(2048, 1240);
/// How often the painted pixels are looked at.
const LOOK: Duration = Duration::from_millis(1);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum System {
    NoVnc,
    Page,
}

impl System {
    const ALL: [Self; 2] = [Self::NoVnc, Self::Page];

    fn name(self) -> &'static str {
        match self {
            Self::NoVnc => "novnc",
            Self::Page => "lucarne",
        }
    }
}

/// What one run showed.
struct Row {
    work: Work,
    system: System,
    seen: usize,
    p50: f64,
    p95: f64,
    proxy: f64,
    browser: f64,
    megabytes: f64,
}

/// What stands between the screen and the browser.
enum Running {
    NoVnc(Program),
    Page(Box<Node>),
}

impl Running {
    fn cpu(&self) -> f64 {
        let pid = match self {
            Self::NoVnc(program) => program.0.id(),
            Self::Page(node) => node.program.0.id(),
        };
        tree(pid).into_iter().map(cpu_of).sum()
    }
}

/// An X server in memory, on which the browser paints.
struct Pane {
    _server: Program,
    name: String,
    connection: RustConnection,
    root: Window,
}

impl Pane {
    fn start(clock: &Clock) -> Result<Self> {
        let free = |n: &u16| !Path::new(&format!("/tmp/.X11-unix/X{n}")).exists();
        let name = format!(":{}", (200..260).find(free).context("no display is free")?);
        let size = format!("{}x{}x24", DISPLAY.width, DISPLAY.height);
        let server = Program::start(Command::new("Xvfb").args([&name, "-screen", "0", &size, "-nolisten", "tcp"]))?;
        let (connection, screen) = until(clock, || RustConnection::connect(Some(&name)).ok())?;
        let root = connection.setup().roots.get(screen).context("a screen")?.root;
        Ok(Self { _server: server, name, connection, root })
    }

    /// The number of the frame that is painted, with the picture's corner there.
    fn number(&self, (x, y): (i16, i16)) -> Result<u16> {
        let asked =
            self.connection.get_image(ImageFormat::Z_PIXMAP, self.root, x, y, MARKER.width, MARKER.height, u32::MAX)?.reply()?;
        let mut picture = Picture::new(MARKER.size());
        let (places, _) = asked.data.as_chunks::<4>();
        let pixels: Vec<Pixel> = places.iter().map(|[b, g, r, _]| Pixel::rgb(*r, *g, *b)).collect();
        picture.put(MARKER, &pixels);
        Ok(number(&picture))
    }
}

/// Passes connections on, and counts what goes down.
async fn relay(to: u16) -> Result<(u16, Arc<AtomicU64>)> {
    let (socket, down) = (TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?, Arc::new(AtomicU64::new(0)));
    let (port, counted) = (socket.local_addr()?.port(), Arc::clone(&down));
    tokio::spawn(async move {
        while let Ok((browser, _)) = socket.accept().await {
            let counted = Arc::clone(&counted);
            tokio::spawn(async move {
                let server = TcpStream::connect((Ipv4Addr::LOCALHOST, to)).await?;
                server.set_nodelay(true)?;
                browser.set_nodelay(true)?;
                let ((mut up, mut heard), (mut from, mut said)) = (browser.into_split(), server.into_split());
                let upwards = tokio::spawn(async move { copy(&mut up, &mut said).await });
                let mut taken = vec![0; 64 << 10];
                loop {
                    let n = tokio::io::AsyncReadExt::read(&mut from, &mut taken).await?;
                    let Some(bytes) = taken.get(..n).filter(|bytes| !bytes.is_empty()) else { break };
                    counted.fetch_add(n as u64, Ordering::Relaxed);
                    tokio::io::AsyncWriteExt::write_all(&mut heard, bytes).await?;
                }
                upwards.abort();
                std::io::Result::Ok(())
            });
        }
    });
    Ok((port, down))
}

impl System {
    async fn start(self, port: u16, screen: u16, dir: &Path, clock: &Clock) -> Result<Running> {
        match self {
            Self::NoVnc => {
                let mut command = Command::new("websockify");
                command.args(["--web", "/usr/share/novnc", "--ssl-only", "--cert"]).arg(dir.join("both.pem"));
                Ok(Running::NoVnc(Program::start(command.args([&format!("127.0.0.1:{port}"), &format!("127.0.0.1:{screen}")]))?))
            }
            Self::Page => {
                let pages = format!("[pages]\nlisten = \"127.0.0.1:{port}\"\npixel = \"127.0.0.1:{}\"\n", free_port()?);
                let sites = [(site("bench")?, SocketAddr::from((Ipv4Addr::LOCALHOST, screen)))];
                let node = Node::begin(dir, &sites, &pages, clock).await?;
                node.show(&site("bench")?).await?;
                Ok(Running::Page(Box::new(node)))
            }
        }
    }

    /// Opens the picture at 100 %; gives where its corner is painted.
    async fn open(self, chromium: &Chromium, port: u16, running: &Running, clock: &Clock) -> Result<(i16, i16)> {
        let canvas = match running {
            Running::NoVnc(_) => {
                let address = format!("https://localhost:{port}/vnc_lite.html?port={port}&view_only=true");
                chromium.open(&address).await?;
                "#screen canvas"
            }
            Running::Page(node) => {
                chromium.open(&format!("https://localhost:{port}/")).await?;
                chromium.wait_until("#entry h1", "Lucarne").await?;
                chromium.write("[name=login]", "claire").await?;
                chromium.write("[name=password]", "Correct-h0rse").await?;
                chromium.write("[name=code]", &node.people.company.auditor.digits(clock)?).await?;
                chromium.click("#login button").await?;
                chromium.wait_until("#who", "Claire").await?;
                chromium.click("#engagements button").await?;
                chromium.wait_until("#state", "live").await?;
                chromium.click("#whole").await?;
                "#canvas"
            }
        };
        // Until it has the site's size.
        for _ in 0..100 {
            clock.sleep(Duration::from_millis(100)).await;
            let script = format!(
                "const it = document.querySelector({canvas:?}), r = it?.getBoundingClientRect(); \
                 const bars = outerHeight - innerHeight; \
                 return it && it.width === 1920 ? [Math.round(screenX + r.x), Math.round(screenY + bars + r.y)] : null"
            );
            if let Value::Array(place) = chromium.run(&script).await? {
                let at = |n: usize| place.get(n).and_then(Value::as_i64).and_then(|n| i16::try_from(n).ok()).context("a place");
                return Ok((at(0)?, at(1)?));
            }
        }
        anyhow::bail!("{} shows no picture: {}", self.name(), chromium.read("body").await?)
    }
}

async fn run(work: Work, system: System, clock: &Clock) -> Result<Row> {
    let dir = tempfile::TempDir::new()?;
    certificate(dir.path())?;
    let (screen, pane, port) = (Screen::start(clock)?, Pane::start(clock)?, free_port()?);
    let running = system.start(port, screen.port(), dir.path(), clock).await?;
    let (door, down) = relay(port).await?;
    clock.sleep(Duration::from_secs(1)).await;
    let size = (u32::from(DISPLAY.width), u32::from(DISPLAY.height));
    let chromium = Chromium::start("en", size, Shown::On(&pane.name), dir.path(), clock).await?;
    let corner = system.open(&chromium, door, &running, clock).await?;
    clock.sleep(Duration::from_secs(2)).await;
    let browser = || tree(chromium.pid()).into_iter().map(cpu_of).sum::<f64>();
    let before = (running.cpu(), browser(), down.load(Ordering::Relaxed));
    let put = Mutex::new(vec![None; usize::from(work.frames()) + 1]);
    let (over, mut told) = watch::channel(false);
    let looking = async {
        let mut frames = BTreeMap::<u16, Instant>::new();
        while !*told.borrow_and_update() {
            let seen = pane.number(corner)?;
            if (1..=work.frames()).contains(&seen) {
                frames.entry(seen).or_insert_with(|| clock.now());
            }
            clock.sleep(LOOK).await;
        }
        Ok::<_, anyhow::Error>(frames)
    };
    let playing = async {
        let played = screen.play(work, &put, clock).await;
        clock.sleep(Duration::from_millis(700)).await;
        over.send_replace(true);
        played
    };
    let (frames, played) = tokio::join!(looking, playing);
    played?;
    let (frames, put) = (frames?, put.into_inner().map_err(|_| anyhow::anyhow!("lock"))?);
    let delay =
        |(frame, at): (&u16, &Instant)| Some((*at - put.get(usize::from(*frame)).copied().flatten()?).as_secs_f64() * 1e3);
    let mut delays: Vec<f64> = frames.iter().filter_map(delay).collect();
    delays.sort_by(f64::total_cmp);
    let part = |percent: usize| delays.get(delays.len() * percent / 100).copied().unwrap_or(f64::NAN);
    Ok(Row {
        work,
        system,
        seen: frames.len(),
        p50: part(50),
        p95: part(95),
        proxy: running.cpu() - before.0,
        browser: browser() - before.1,
        megabytes: (down.load(Ordering::Relaxed) - before.2) as f64 / 1e6,
    })
}

/// Each workload through each system.
pub async fn measure(works: &[Work]) -> Result<Vec<Value>> {
    let clock = Clock::system();
    println!(
        "{:<8} {:<8} {:>9} {:>8} {:>8} {:>12} {:>14} {:>8}",
        "work", "page", "frames", "p50 ms", "p95 ms", "proxy CPU s", "browser CPU s", "MB"
    );
    let mut rows = Vec::new();
    for work in works {
        for system in System::ALL {
            let row = run(*work, system, &clock).await.with_context(|| format!("{} {}", work.name(), system.name()))?;
            println!(
                "{:<8} {:<8} {:>5}/{:<3} {:>8.1} {:>8.1} {:>12.2} {:>14.2} {:>8.1}",
                row.work.name(),
                row.system.name(),
                row.seen,
                row.work.frames(),
                row.p50,
                row.p95,
                row.proxy,
                row.browser,
                row.megabytes
            );
            rows.push(json!({
                "workload": row.work.name(), "viewer": "browser", "system": row.system.name(), "frames_seen": row.seen,
                "frames_made": row.work.frames(), "p50_ms": row.p50, "p95_ms": row.p95, "cpu_seconds": row.proxy,
                "browser_cpu_seconds": row.browser, "megabytes": row.megabytes,
            }));
        }
    }
    Ok(rows)
}
