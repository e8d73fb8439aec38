//! A tap on the wire between the node and a real site: it passes everything on, and keeps what the site is sent.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use lucarne::rfb::Request;
use lucarne::rfb::client::{ClientMessage, ClientStream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

pub struct Tap {
    pub address: SocketAddr,
    heard: Arc<Mutex<Vec<u8>>>,
    jpeg: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Tap {
    pub async fn on(site: SocketAddr) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (kept, jpeg) = (Arc::clone(&heard), Arc::new(AtomicBool::new(false)));
        let seen = Arc::clone(&jpeg);
        let task = tokio::spawn(async move {
            while let Ok((node, _)) = socket.accept().await {
                let (kept, site) = (Arc::clone(&kept), TcpStream::connect(site).await.unwrap());
                tokio::spawn(pass(node, site, kept, Arc::clone(&seen)));
            }
        });
        Self { address, heard, jpeg, task }
    }

    /// Whether the site sent a JPEG.
    pub fn saw_jpeg(&self) -> bool {
        self.jpeg.load(Ordering::SeqCst)
    }

    /// What the site was asked after the handshake without a login (RFB 3.8: version, type, ClientInit).
    pub fn requests(&self) -> Vec<Request> {
        let heard = self.heard.lock().unwrap();
        let (mut at, mut stream, mut found) = (12 + 1 + 1, ClientStream::default(), Vec::new());
        while let Some((taken, message)) = stream.advance(heard.get(at..).unwrap_or_default()).unwrap() {
            at += taken;
            match message {
                Some(ClientMessage::Request(request)) => found.push(request),
                Some(ClientMessage::Input(input)) => panic!("a site was sent an input: {input:?}"),
                None => {}
            }
        }
        found
    }
}

async fn pass(mut node: TcpStream, mut site: TcpStream, kept: Arc<Mutex<Vec<u8>>>, jpeg: Arc<AtomicBool>) {
    let (mut up, mut down) = (vec![0; 4096], vec![0; 65_536]);
    loop {
        tokio::select! {
            read = node.read(&mut up) => match read {
                Ok(n) if n > 0 => {
                    kept.lock().unwrap().extend_from_slice(&up[..n]);
                    site.write_all(&up[..n]).await.unwrap();
                }
                _ => return,
            },
            read = site.read(&mut down) => match read {
                Ok(n) if n > 0 => {
                    // The head of a JFIF file: no noise holds it by chance.
                    if down[..n].windows(11).any(|head| head == b"\xff\xd8\xff\xe0\0\x10JFIF\0") {
                        jpeg.store(true, Ordering::SeqCst);
                    }
                    if node.write_all(&down[..n]).await.is_err() {
                        return;
                    }
                }
                _ => return,
            },
        }
    }
}
