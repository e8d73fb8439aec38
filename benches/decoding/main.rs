//! Streams of real servers, decoded by LibVNCClient and by Lucarne: CPU seconds of a process each, same bytes, one run.
//!
//! `cargo bench --bench decoding`. Needs a C compiler and libvncserver-dev. The captures are those of the tests.

#[expect(dead_code, reason = "other benches have other ways in")]
#[path = "../client.rs"]
mod client;

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use lucarne::rfb::encoding::number;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use client::{Client, Way};

/// Captures and how often each is decoded: for seconds of work.
const STREAMS: [(&str, u32); 5] = [
    ("tiger-raw-office", 60),
    ("tiger-hextile-office", 150),
    ("tiger-zrle-term-copyrect", 300),
    ("tiger-tight-lossless-office", 60),
    ("x11vnc-tight-lossless-office", 60),
];

/// Set in a process of ours that decodes: where from.
const CHILD: &str = "LUCARNE_DECODE";

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    if let Ok(place) = std::env::var(CHILD) {
        let (address, times) = place.split_once(' ').context("a place")?;
        return runtime.block_on(decode(address.parse()?, times.parse()?));
    }
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let dir = tempfile::TempDir::new()?;
    let peer = dir.path().join("peer");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/decoding/peer.c");
    let built = Command::new("cc").arg("-O2").arg("-o").arg(&peer).arg(source).arg("-lvncclient").output()?;
    if !built.status.success() {
        bail!("{}", String::from_utf8_lossy(&built.stderr));
    }
    println!("{:<30} {:>9} {:>14} {:>10} {:>7}", "stream", "updates", "LibVNCClient s", "Lucarne s", "ratio");
    for (name, times) in STREAMS {
        let bytes: &'static [u8] = Box::leak(stream(name)?.into_boxed_slice());
        let address = runtime.block_on(serve(bytes))?;
        let theirs = seconds(Command::new(&peer).args([address.port().to_string(), times.to_string()]))?;
        let ours = seconds(Command::new(std::env::current_exe()?).env(CHILD, format!("{address} {times}")))?;
        if theirs.0 != ours.0 {
            bail!("{name}: LibVNCClient finished {} updates, Lucarne {}", theirs.0, ours.0);
        }
        println!("{name:<30} {:>9} {:>14.2} {:>10.2} {:>7.2}", ours.0, theirs.1, ours.1, theirs.1 / ours.1);
    }
    Ok(())
}

/// Updates finished and CPU seconds, as a decoder prints them.
fn seconds(command: &mut Command) -> Result<(u64, f64)> {
    let done = command.stderr(std::process::Stdio::null()).output()?;
    let words = String::from_utf8_lossy(&done.stdout);
    let line = words.trim().lines().last().and_then(|line| line.split_once(' '));
    let (updates, seconds) = line.with_context(|| format!("no figures: {words:?}"))?;
    Ok((updates.parse()?, seconds.parse()?))
}

/// What a server sent, from its version on.
fn stream(name: &str) -> Result<Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/captures").join(format!("{name}.rfbcap.zst"));
    let file = zstd::decode_all(&std::fs::read(path)?[..])?;
    let end = file.iter().position(|byte| *byte == b'\n').context("a header")?;
    let (mut bytes, mut rest) = (Vec::new(), file.get(end + 1..).unwrap_or_default());
    while let Some(([_, _, _, _, a, b, c, d], after)) = rest.split_first_chunk::<8>() {
        let length = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
        bytes.extend_from_slice(after.get(..length).context("a record")?);
        rest = after.get(length..).unwrap_or_default();
    }
    Ok(bytes)
}

/// Gives the whole stream to whoever connects, and takes no notice of what it says.
async fn serve(bytes: &'static [u8]) -> Result<SocketAddr> {
    let socket = TcpListener::bind("127.0.0.1:0").await?;
    let address = socket.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = socket.accept().await {
            tokio::spawn(async move {
                let (mut said, mut told) = stream.into_split();
                tokio::spawn(async move { drop(tokio::io::copy(&mut said, &mut tokio::io::sink()).await) });
                let _ = told.write_all(bytes).await;
                let _ = told.shutdown().await;
            });
        }
    });
    Ok(address)
}

async fn decode(address: SocketAddr, times: u32) -> Result<()> {
    let asked = [
        number::COPY_RECT,
        number::TIGHT,
        number::ZRLE,
        number::HEXTILE,
        number::ZLIB,
        number::DESKTOP_SIZE,
        number::LAST_RECT,
        number::EXTENDED_DESKTOP_SIZE,
        number::DESKTOP_NAME,
        number::CURSOR,
    ];
    let mut updates = 0;
    for _ in 0..times {
        let mut client = Client::enter(address, [127, 0, 0, 1], &Way::Plain, &asked).await?;
        while client.update().await.is_ok() {
            updates += 1;
        }
    }
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let ticks = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
    println!("{updates} {}", ticks.filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0);
    Ok(())
}
