//! Everybody around the node: people who look for long, people who come and go, and strangers in floods.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Result;
use lucarne::clock::Clock;
use lucarne::rfb::encoding::number;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpSocket;

use crate::client::Client;
use crate::node::{Node, site};

/// What the crowd needs to know of the node.
pub struct Town {
    pub node: Node,
    pub clock: Clock,
    /// Updates seen by those who look for long.
    pub updates: AtomicU64,
    pub visits: AtomicU64,
    pub knocks: AtomicU64,
    /// Sessions of those who look for long that ended: there should be none.
    pub lost: AtomicU64,
}

impl Town {
    async fn look(&self, name: &str, from: [u8; 4], encodings: &[i32]) -> Result<Client> {
        Client::enter(self.node.door, from, &self.node.way(&site(name)?).await?, encodings).await
    }

    /// Looks for as long as it is let.
    pub async fn resident(self: Arc<Self>, encodings: Vec<i32>) {
        let work = async {
            let mut client = self.look("steady", [127, 0, 0, 1], &encodings).await?;
            client.ask(false).await?;
            loop {
                client.update().await?;
                self.updates.fetch_add(1, Ordering::Relaxed);
                client.ask(true).await?;
            }
        };
        let ended: Result<()> = work.await;
        eprintln!("somebody who looked for long was sent away: {ended:?}");
        self.lost.fetch_add(1, Ordering::Relaxed);
    }

    /// Comes, looks for some seconds, misbehaves in one way or another, and goes; again and again.
    pub async fn visitor(self: Arc<Self>, n: usize) {
        let lists =
            [vec![number::TIGHT, number::QUALITY.start() + 6], vec![number::ZRLE], vec![number::HEXTILE], vec![number::RAW]];
        for round in 0usize.. {
            let site = ["steady", "resizes", "breaks"][(n + round) % 3];
            let encodings = [&lists[(n + round) % 4][..], &[number::DESKTOP_SIZE, number::LAST_RECT]].concat();
            let visit = async {
                let mut client = self.look(site, [127, 0, 1, n as u8 + 1], &encodings).await?;
                let until = self.clock.now() + Duration::from_secs(1 + (n * 3 + round) as u64 % 7);
                client.ask(false).await?;
                let looking = async {
                    loop {
                        client.update().await?;
                        if round % 5 == 1 {
                            client.send(&[4, 1, 0, 0, 0, 0, 0, b'x', 5, 1, 0, 9, 0, 9].repeat(500)).await?;
                        }
                        client.ask(true).await?;
                    }
                };
                let _: Result<Result<()>, _> = self.clock.within(until, looking).await;
                if round % 7 == 3 {
                    // Asks and reads no more for a while.
                    for _ in 0..50 {
                        client.ask(false).await?;
                    }
                    self.clock.sleep(Duration::from_secs(3)).await;
                }
                anyhow::Ok(())
            };
            let _ = visit.await;
            self.visits.fetch_add(1, Ordering::Relaxed);
            self.clock.sleep(Duration::from_millis(200 + n as u64 * 50)).await;
        }
    }

    /// Strangers by the hundred: silent, garbled, half-open, reset.
    pub async fn flood(self: Arc<Self>, seconds: u64, a_second: u32) {
        let until = self.clock.now() + Duration::from_secs(seconds);
        let mut open = std::collections::VecDeque::new();
        for n in 0u32.. {
            if self.clock.now() >= until {
                return;
            }
            let Ok(socket) = TcpSocket::new_v4() else { continue };
            // Some come from the addresses of people who are known: they get as far as the handshake all the time, when
            // the hour's share of strangers is long used up.
            let from = match n % 300 {
                7 => [127, 0, 1, (n / 300 % 8) as u8 + 1],
                _ => [127, 1 + (n / 60_000) as u8 % 100, (n / 250) as u8, (n % 250) as u8 + 2],
            };
            if socket.bind((from, 0).into()).is_ok()
                && let Ok(mut stream) = socket.connect(self.node.door).await
            {
                self.knocks.fetch_add(1, Ordering::Relaxed);
                let said: &[u8] = match (n + n / 300) % 4 {
                    0 => b"",
                    1 => b"GET / HTTP/1.1\r\n\r\n",
                    2 => b"RFB 003.008\n\x13\0\x02\0\0\x01\x06",
                    _ => &[22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3],
                };
                let _ = stream.write_all(said).await;
                // A thousand are left half-open.
                open.push_back(stream);
                if open.len() > 1000 {
                    open.pop_front();
                }
            }
            if n % 20 == 0 {
                self.clock.sleep(Duration::from_secs(20) / a_second).await;
            }
        }
    }
}
