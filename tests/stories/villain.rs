//! A hostile site: it plays what the story wrote for it to whoever connects.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lucarne::clock::Clock;
use lucarne::geometry::Size;
use lucarne::rfb::PixelFormat;
use lucarne::rfb::handshake::server::server_init;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// One thing that a site does.
#[derive(Debug, Clone)]
pub enum Do {
    Say(Vec<u8>),
    /// Says it so many times over.
    Again(Vec<u8>, u32),
    /// Waits for so many bytes.
    Hear(usize),
    /// Says one byte of it each so many seconds.
    Drip(Vec<u8>, u64),
    Reset,
}

pub struct Villain {
    pub address: SocketAddr,
    acts: Arc<Mutex<Vec<Do>>>,
    connections: Arc<AtomicUsize>,
    /// How long after its last word it was left.
    left_after: Arc<Mutex<Option<Duration>>>,
    task: JoinHandle<()>,
}

impl Drop for Villain {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Villain {
    pub async fn start(clock: Clock) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let (acts, connections) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicUsize::new(0)));
        let (script, counted, left_after) = (Arc::clone(&acts), Arc::clone(&connections), Arc::default());
        let left = Arc::clone(&left_after);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = socket.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                let acts = script.lock().unwrap().clone();
                let (clock, left): (_, Arc<Mutex<_>>) = (clock.clone(), Arc::clone(&left));
                tokio::spawn(async move {
                    let real = Clock::system();
                    let mut said = real.now();
                    // That the node closes on it is how most of its plays end.
                    let _ = play(stream, acts, clock, || said = real.now()).await;
                    *left.lock().unwrap() = Some(real.now() - said);
                });
            }
        });
        Self { address, acts, connections, left_after, task }
    }

    /// What whoever connects from now on meets.
    pub fn will(&self, acts: Vec<Do>) {
        *self.acts.lock().unwrap() = acts;
        self.connections.store(0, Ordering::SeqCst);
        *self.left_after.lock().unwrap() = None;
    }

    pub fn left_after(&self) -> Option<Duration> {
        *self.left_after.lock().unwrap()
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

async fn play(mut stream: TcpStream, acts: Vec<Do>, clock: Clock, mut said: impl FnMut()) -> std::io::Result<()> {
    for act in acts {
        match act {
            Do::Say(bytes) => {
                said();
                stream.write_all(&bytes).await?;
            }
            Do::Again(bytes, times) => {
                let many = bytes.repeat(1000);
                for _ in 0..times / 1000 {
                    stream.write_all(&many).await?;
                }
                stream.write_all(&bytes.repeat(times as usize % 1000)).await?;
            }
            Do::Hear(n) => {
                stream.read_exact(&mut vec![0; n]).await?;
            }
            Do::Drip(bytes, seconds) => {
                for byte in bytes {
                    stream.write_all(&[byte]).await?;
                    clock.sleep(Duration::from_secs(seconds)).await;
                }
            }
            Do::Reset => {
                socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
                return Ok(());
            }
        }
    }
    // It keeps the connection, listens and says no more.
    tokio::io::copy(&mut stream, &mut tokio::io::sink()).await?;
    Ok(())
}

/// A version, and the types that are offered.
pub fn offers(types: &[u8]) -> Vec<Do> {
    let list = [&[types.len() as u8], types].concat();
    vec![Do::Say(b"RFB 003.008\n".to_vec()), Do::Hear(12), Do::Say(list), Do::Hear(1)]
}

/// Up to ServerInit, without a login.
pub fn lets_in() -> Vec<Do> {
    [offers(&[1]), vec![Do::Say(vec![0; 4]), Do::Hear(1)]].concat()
}

/// A screen of 64×48 and its first picture, then these messages.
pub fn shows_then(messages: Vec<Do>) -> Vec<Do> {
    let init = server_init(Size::new(64, 48), &PixelFormat::NATIVE, "SECRET-DESKTOP-NAME");
    let picture = update(0, 0, 64, 48, 0, &[7; 64 * 48 * 4]);
    [lets_in(), vec![Do::Say(init), Do::Say(picture)], messages].concat()
}

/// An update of one rectangle.
pub fn update(x: u16, y: u16, width: u16, height: u16, encoding: i32, body: &[u8]) -> Vec<u8> {
    let mut out = vec![0, 0, 0, 1];
    [x, y, width, height].iter().for_each(|n| out.extend(n.to_be_bytes()));
    out.extend(encoding.to_be_bytes());
    out.extend(body);
    out
}
