//! Conversations that end at any byte, in any way: nothing is left behind, and nobody else notices.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use lucarne::rfb::PixelFormat;
use lucarne::rfb::encoding::number::RAW;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::bystander::Bystander;
use super::eye::{Door, Eye, exact, stranger_from};
use super::house::{House, demo_site};
use super::strangers::held;

/// How a peer goes.
#[derive(Debug, Clone, Copy)]
enum Leaves {
    Dropping,
    Resetting,
    HalfClosing,
}

const WAYS: [Leaves; 3] = [Leaves::Dropping, Leaves::Resetting, Leaves::HalfClosing];

impl Leaves {
    /// Leaves; who half-closes waits for the node to do the same.
    async fn leave(self, socket: &mut TcpStream) {
        match self {
            Self::Dropping => {}
            Self::Resetting => socket2::SockRef::from(&*socket).set_linger(Some(Duration::ZERO)).unwrap(),
            Self::HalfClosing => {
                let _ = socket.shutdown().await;
                let _ = socket.read_to_end(&mut Vec::new()).await;
            }
        }
    }
}

/// This process's open sockets; the store's pool may open more files than it had.
fn sockets() -> usize {
    let open = std::fs::read_dir("/proc/self/fd").unwrap().flatten().filter_map(|file| std::fs::read_link(file.path()).ok());
    open.filter(|link| link.to_string_lossy().starts_with("socket:")).count()
}

/// Up to each byte of the handshake in clear, and into TLS.
async fn before_tls(house: Arc<House>, way: Leaves) {
    let said = b"RFB 003.008\n\x13\0\x02\0\0\x01\x06\x16\x03\x01\x00\xa0\x01\0\0\x9c\x03\x03";
    for length in 0..=said.len() {
        let from = [127, 1, way as u8, length as u8 + 1];
        let mut stream = stranger_from(from, house.node().addresses.viewers).await;
        let _ = stream.write_all(&said[..length]).await;
        way.leave(&mut stream).await;
    }
}

/// Up to each byte of a handshake inside TLS.
async fn before_login(house: Arc<House>, way: Leaves) {
    let said = b"RFB 003.008\n\x13\0\x02\0\0\x01\0\0\0\0\x06\0\0\0\x06claireguess";
    for length in 0..=said.len() {
        let mut stream = Door::tls(&house).await;
        let _ = stream.write_all(&said[..length]).await;
        way.leave(stream.get_mut().0).await;
    }
}

/// Up to each byte of a session's messages.
async fn looking(house: Arc<House>, way: Leaves) {
    let said = [
        &[0, 0, 0, 0, 32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0][..],
        &[2, 0, 0, 3, 0, 0, 0, 16, 255, 255, 254, 200, 255, 255, 254, 199],
        &[3, 0, 0, 0, 0, 0, 0, 200, 0, 150],
        &[248, 0, 0, 0, 128, 0, 0, 1, 2, 9, 9],
        &[6, 0, 0, 0, 0, 0, 0, 3, 65, 66, 67],
        &[150, 1, 0, 0, 0, 0, 0, 200, 0, 150],
    ]
    .concat();
    let door = Door { from: Ipv4Addr::new(127, 2, way as u8, 1), ..Door::of(&house) };
    for length in 0..=said.len() {
        let ticket = house.ticket("a").await;
        let mut eye = Eye::through(&door, "claire", &ticket, PixelFormat::NATIVE, &exact(RAW)).await.unwrap();
        eye.send(&said[..length]).await;
        way.leave(eye.socket()).await;
    }
}

/// LibVNCServer CVE-2018-6307 and 15126, TigerVNC CVE-2017-7393, QEMU CVE-2023-3354: dropped, reset and half-closed at
/// each byte of each state, three at a time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn class_use_after_free_peers_who_leave_at_any_byte_leave_nothing_behind() {
    let script = Bystander::site().await;
    let house = Arc::new(House::with("max_sessions = 1000", &demo_site("a", script.address)).await);
    let bystander = Bystander::looks(&house, script).await;
    bystander.sees_more(&house).await;
    let (before, threads) = (sockets(), held().1);
    for part in 0..3 {
        let mut peers = JoinSet::new();
        for way in WAYS {
            let house = Arc::clone(&house);
            match part {
                0 => peers.spawn(before_tls(house, way)),
                1 => peers.spawn(before_login(house, way)),
                _ => peers.spawn(looking(house, way)),
            };
        }
        while let Some(done) = peers.join_next().await {
            done.unwrap();
            bystander.sees_more(&house).await;
        }
    }
    let count = |kind: &str| house.entries().iter().filter(|entry| entry.kind() == kind).count();
    house.until(|| (count("view.ended") + 1 == count("view.started")).then_some(())).await;
    assert!(count("view.started") > 200);
    house.until(|| (sockets() <= before).then_some(())).await;
    assert!(held().1 <= threads + 4, "{threads} threads before, {} after", held().1);
    bystander.sees_more(&house).await;
}
