//! A viewer of our own: it logs in as one does, keeps the picture it was given, and can say anything.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use lucarne::clock::Clock;
use lucarne::geometry::Rect;
use lucarne::picture::Picture;
use lucarne::rfb::encoding::number;
use lucarne::rfb::handshake::client::{Asked, ClientHandshake, Login, Transport};
use lucarne::rfb::server::{Event, ServerStream};
use lucarne::rfb::{Buffer, Encode, PixelFormat, Request};
use lucarne::tls::{Trust, for_site};
use rustls::pki_types::ServerName;
use rustls::pki_types::pem::PemObject;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::house::House;

pub struct Eye {
    stream: TlsStream<TcpStream>,
    buffer: Buffer,
    messages: ServerStream,
    pub picture: Picture,
    clock: Clock,
    /// Bytes received since the handshake.
    pub received: usize,
    /// Everything but pixels that the node said.
    pub told: Vec<Event>,
    /// ServerInit and what else came with it.
    pub hello: Vec<u8>,
}

/// Where a node's viewers come in, and whom they trust.
pub struct Door {
    pub viewers: SocketAddr,
    pub tls_first: Option<SocketAddr>,
    /// The certificate that the workstation shows, and its key.
    pub card: Option<(PathBuf, PathBuf)>,
    pub ca: PathBuf,
    pub clock: Clock,
    /// The address that the viewer has: any of loopback.
    pub from: Ipv4Addr,
    /// The room for what it has not read, in bytes.
    pub window: Option<u32>,
    /// It asks to have the screen to itself.
    pub exclusive: bool,
}

impl Door {
    /// The first door of a node, for a viewer without peculiarities.
    pub fn of(house: &House) -> Self {
        Self::at(house.node().addresses.viewers, house.dir.path().join("ca.pem"), &house.clock)
    }

    /// The door in band of a node elsewhere.
    pub fn at(viewers: SocketAddr, ca: PathBuf, clock: &Clock) -> Self {
        let (clock, from) = (clock.clone(), Ipv4Addr::LOCALHOST);
        Self { viewers, tls_first: None, card: None, ca, clock, from, window: None, exclusive: false }
    }

    /// TLS to the TLS-first door of a node, and nothing said yet.
    pub async fn tls(house: &House) -> TlsStream<TcpStream> {
        let door = Self::of(house);
        let tcp = door.connect(house.node().addresses.tls_first.unwrap()).await;
        secure(&door.ca, &door.clock, tcp).await
    }

    async fn connect(&self, to: SocketAddr) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        if let Some(window) = self.window {
            socket.set_recv_buffer_size(window).unwrap();
        }
        socket.bind((self.from, 0).into()).unwrap();
        socket.connect(to).await.unwrap()
    }

    /// Up to the point where all else is inside TLS.
    async fn open(&self, login: Login) -> Result<(TlsStream<TcpStream>, ClientHandshake), String> {
        if let Some(address) = self.tls_first {
            let tcp = self.connect(address).await;
            let stream = match &self.card {
                Some((certificate, key)) => secure_with(&self.ca, certificate, key, tcp).await?,
                None => secure(&self.ca, &self.clock, tcp).await,
            };
            return Ok((stream, ClientHandshake::new(login, Transport::Tls)));
        }
        let mut handshake = ClientHandshake::new(login, Transport::Vencrypt);
        let mut tcp = self.connect(self.viewers).await;
        let mut buffer = Buffer::default();
        loop {
            let Some((taken, asked)) = handshake.advance(buffer.unread()).map_err(|e| e.to_string())? else {
                let n = tcp.read_buf(buffer.room().unwrap()).await.map_err(|e| e.to_string())?;
                if n == 0 {
                    return Err("closed".to_owned());
                }
                continue;
            };
            buffer.consume(taken);
            match asked {
                Some(Asked::Send(bytes)) => tcp.write_all(bytes.as_bytes()).await.unwrap(),
                Some(Asked::StartTls) => break,
                _ => {}
            }
        }
        let mut stream = secure(&self.ca, &self.clock, tcp).await;
        handshake.tls_started();
        stream.write_all(handshake.first_inside_tls().unwrap().as_bytes()).await.unwrap();
        Ok((stream, handshake))
    }
}

/// Exact pixels, by this encoding.
pub fn exact(encoding: i32) -> Vec<i32> {
    vec![encoding, number::DESKTOP_SIZE, number::LAST_RECT]
}

impl Eye {
    /// Enters with a ticket; `Err` is the reason that the person reads.
    pub async fn enter(house: &House, ticket: &str, encodings: &[i32]) -> Result<Self, String> {
        Self::enter_as(house, "claire", ticket, PixelFormat::NATIVE, encodings, false).await
    }

    pub async fn enter_as(
        house: &House,
        user: &str,
        ticket: &str,
        format: PixelFormat,
        encodings: &[i32],
        tls_first: bool,
    ) -> Result<Self, String> {
        let door = Door { tls_first: house.node().addresses.tls_first.filter(|_| tls_first), ..Door::of(house) };
        Self::through(&door, user, ticket, format, encodings).await
    }

    /// Enters by any door: TLS first where it has one.
    pub async fn through(door: &Door, user: &str, ticket: &str, format: PixelFormat, encodings: &[i32]) -> Result<Self, String> {
        let login = Login::User { name: user.to_owned(), password: ticket.to_owned().into() };
        let (mut stream, mut handshake) = door.open(login).await?;
        let (mut buffer, mut hello) = (Buffer::default(), Vec::new());
        let size = loop {
            match handshake.advance(buffer.unread()).map_err(|e| e.to_string())? {
                None => {
                    let n = stream.read_buf(buffer.room().unwrap()).await.map_err(|e| e.to_string())?;
                    if n == 0 {
                        return Err("closed".to_owned());
                    }
                }
                Some((taken, asked)) => {
                    hello.extend_from_slice(&buffer.unread()[..taken]);
                    buffer.consume(taken);
                    match asked {
                        Some(Asked::Send(bytes)) if door.exclusive && bytes.as_bytes() == [1] => {
                            stream.write_all(&[0]).await.unwrap();
                        }
                        Some(Asked::Send(bytes)) => stream.write_all(bytes.as_bytes()).await.unwrap(),
                        Some(Asked::Ready(entered)) => break entered.init.size,
                        _ => {}
                    }
                }
            }
        };
        let mut asked = encodings.to_vec();
        asked.push(number::RAW);
        let messages = ServerStream::new(format, &asked);
        let mut eye = Self {
            stream,
            buffer,
            messages,
            picture: Picture::new(size),
            clock: door.clock.clone(),
            received: 0,
            told: Vec::new(),
            hello,
        };
        eye.say(&Request::SetPixelFormat(format)).await;
        eye.say(&Request::SetEncodings(encodings.to_vec())).await;
        Ok(eye)
    }

    pub async fn say(&mut self, request: &Request) {
        self.send(request.encode().as_bytes()).await;
    }

    /// Says any bytes.
    pub async fn send(&mut self, bytes: &[u8]) {
        // A viewer that was closed learns it when it reads.
        let _ = self.stream.write_all(bytes).await;
        let _ = self.stream.flush().await;
    }

    pub async fn ask(&mut self, incremental: bool) {
        let area = Rect { ..self.picture.size().rect() };
        self.say(&Request::FramebufferUpdate { incremental, area }).await;
    }

    /// The next event, or `None` once the connection is closed.
    pub async fn event(&mut self) -> Option<Event> {
        loop {
            match self.messages.advance(self.buffer.unread(), &mut self.picture).unwrap() {
                Some(advance) => {
                    self.buffer.consume(advance.taken);
                    if let Some(event) = advance.event.as_ref().filter(|event| !matches!(event, Event::Damage(_))) {
                        self.told.push(event.clone());
                    }
                    if advance.event.is_some() {
                        return advance.event;
                    }
                }
                None => match self.stream.read_buf(self.buffer.room().unwrap()).await {
                    Ok(0) | Err(_) => return None,
                    Ok(n) => self.received += n,
                },
            }
        }
    }

    /// Waits for the end of an update. False: closed.
    pub async fn update(&mut self) -> bool {
        while let Some(event) = self.event().await {
            if event == Event::UpdateEnded {
                return true;
            }
        }
        false
    }

    /// Asks for changes until the picture satisfies `right`; false when closed or after ten seconds.
    pub async fn watch_until(&mut self, right: impl Fn(&Picture) -> bool) -> bool {
        let deadline = self.clock.now() + Duration::from_secs(10);
        let clock = self.clock.clone();
        self.ask(false).await;
        let work = async {
            loop {
                if !self.update().await {
                    return false;
                }
                if right(&self.picture) {
                    return true;
                }
                self.ask(true).await;
            }
        };
        clock.within(deadline, work).await.unwrap_or(false)
    }

    /// The next bytes inside TLS, whatever they mean.
    pub async fn bytes(&mut self, n: usize) -> Vec<u8> {
        let mut bytes = vec![0; n];
        self.stream.read_exact(&mut bytes).await.unwrap();
        bytes
    }

    /// All that has come inside TLS so far, and was not read.
    pub async fn take_all(&mut self) -> Vec<u8> {
        let mut all = self.buffer.unread().to_vec();
        let clock = self.clock.clone();
        let mut piece = vec![0; 65_536];
        while let Ok(Ok(n @ 1..)) = clock.within(clock.now() + Duration::from_millis(100), self.stream.read(&mut piece)).await {
            all.extend_from_slice(&piece[..n]);
        }
        all
    }

    /// The socket below TLS.
    pub fn socket(&mut self) -> &mut TcpStream {
        self.stream.get_mut().0
    }

    /// Asks for the whole screen again and again, and reads nothing: soon nothing more fits anywhere.
    pub async fn stuff_itself(&mut self) {
        let clock = self.clock.clone();
        for _ in 0..400 {
            self.ask(false).await;
            clock.sleep(Duration::from_millis(2)).await;
        }
    }

    /// Closes in order.
    pub async fn leave(mut self) {
        self.stream.shutdown().await.unwrap();
    }

    /// Waits until the connection is closed, asking for changes all the while. Gives what was last on the screen.
    pub async fn watch_to_the_end(mut self) -> Picture {
        self.ask(false).await;
        while self.update().await {
            self.ask(true).await;
        }
        self.picture
    }
}

/// Behind a tunnel that shows a workstation's certificate.
async fn secure_with(ca: &Path, certificate: &Path, key: &Path, tcp: TcpStream) -> Result<TlsStream<TcpStream>, String> {
    let mut roots = rustls::RootCertStore::empty();
    lucarne::tls::certificates(ca).unwrap().into_iter().for_each(|ca| roots.add(ca).unwrap());
    let key = rustls::pki_types::PrivateKeyDer::from_pem_file(key).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let chain = lucarne::tls::certificates(certificate).unwrap();
    let config = config.with_root_certificates(roots).with_client_auth_cert(chain, key).unwrap();
    let connector = TlsConnector::from(Arc::new(config));
    connector.connect(ServerName::try_from("localhost").unwrap(), tcp).await.map_err(|error| error.to_string())
}

async fn secure(ca: &Path, clock: &Clock, tcp: TcpStream) -> TlsStream<TcpStream> {
    let config = for_site(&Trust::Ca(ca.to_owned()), false, clock).unwrap();
    TlsConnector::from(Arc::clone(&config)).connect(ServerName::try_from("localhost").unwrap(), tcp).await.unwrap()
}

/// A raw connection, for those who say nothing sensible.
pub async fn stranger(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).await.unwrap()
}

/// The same, from any address of loopback.
pub async fn stranger_from(from: [u8; 4], address: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((Ipv4Addr::from(from), 0).into()).unwrap();
    socket.connect(address).await.unwrap()
}

/// TLS to the door for orders, and nothing said yet.
pub async fn secure_api(house: &House) -> TlsStream<TcpStream> {
    secure_to(house, house.node().addresses.api.unwrap(), Ipv4Addr::LOCALHOST).await.unwrap()
}

/// The same to any door, from any address of loopback.
pub async fn secure_to(house: &House, address: SocketAddr, from: Ipv4Addr) -> std::io::Result<TlsStream<TcpStream>> {
    let door = Door { from, ..Door::of(house) };
    let config = for_site(&Trust::Ca(door.ca.clone()), false, &door.clock).unwrap();
    let tcp = door.connect(address).await;
    TlsConnector::from(Arc::clone(&config)).connect(ServerName::try_from("localhost").unwrap(), tcp).await
}
