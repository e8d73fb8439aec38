//! A viewer that counts: any way in, any encodings, the picture it was given.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use lucarne::picture::Picture;
use lucarne::rfb::encoding::number;
use lucarne::rfb::handshake::client::{Asked, ClientHandshake, Login, Transport};
use lucarne::rfb::server::{Event, ServerStream};
use lucarne::rfb::{Buffer, Encode, Fence, PixelFormat, Request};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;

pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// How a server is entered.
#[derive(Clone)]
pub enum Way {
    /// Nothing protects it, nothing is asked.
    Plain,
    /// TLS first, and nothing asked inside.
    Tls(Arc<ClientConfig>),
    /// TLS inside RFB, with a name and a password.
    Vencrypt(Arc<ClientConfig>, Login),
}

pub struct Client {
    pub stream: Box<dyn Stream>,
    buffer: Buffer,
    messages: ServerStream,
    pub picture: Picture,
    /// Bytes read, TLS not counted.
    pub bytes: u64,
    /// The server pushes its updates: they need not be asked for.
    pushed: bool,
}

/// Trusts the CA in this file.
pub fn trusting(ca: &std::path::Path) -> Result<Arc<ClientConfig>> {
    let clock = lucarne::clock::Clock::system();
    Ok(lucarne::tls::for_site(&lucarne::tls::Trust::Ca(ca.to_owned()), true, &clock)?)
}

async fn secure(config: &Arc<ClientConfig>, tcp: TcpStream) -> Result<Box<dyn Stream>> {
    let name = ServerName::try_from("localhost")?;
    Ok(Box::new(TlsConnector::from(Arc::clone(config)).connect(name, tcp).await?))
}

impl Client {
    pub async fn enter(address: SocketAddr, from: [u8; 4], way: &Way, encodings: &[i32]) -> Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind((from, 0).into())?;
        let tcp = socket.connect(address).await?;
        tcp.set_nodelay(true)?;
        let (login, transport) = match way {
            Way::Plain => (Login::Nothing, Transport::Bare),
            Way::Tls(_) => (Login::Nothing, Transport::Tls),
            Way::Vencrypt(_, login) => (login.clone(), Transport::Vencrypt),
        };
        let mut handshake = ClientHandshake::new(login, transport);
        let mut tcp = Some(tcp);
        let mut stream: Box<dyn Stream> = match way {
            Way::Tls(config) => secure(config, tcp.take().context("a socket")?).await?,
            _ => Box::new(tokio::io::empty()),
        };
        let mut buffer = Buffer::default();
        let size = loop {
            let Some((taken, asked)) = handshake.advance(buffer.unread())? else {
                let room = buffer.room().context("room")?;
                let read = match &mut tcp {
                    Some(tcp) => tcp.read_buf(room).await?,
                    None => stream.read_buf(room).await?,
                };
                if read == 0 {
                    bail!("closed");
                }
                continue;
            };
            buffer.consume(taken);
            match asked {
                Some(Asked::Send(bytes)) => match &mut tcp {
                    Some(tcp) => tcp.write_all(bytes.as_bytes()).await?,
                    None => stream.write_all(bytes.as_bytes()).await?,
                },
                Some(Asked::StartTls) => {
                    let Way::Vencrypt(config, _) = way else { bail!("TLS was not expected") };
                    stream = secure(config, tcp.take().context("a socket")?).await?;
                    handshake.tls_started();
                    if let Some(first) = handshake.first_inside_tls() {
                        stream.write_all(first.as_bytes()).await?;
                    }
                }
                Some(Asked::Ready(entered)) => break entered.init.size,
                None => {}
            }
        };
        if let Some(tcp) = tcp {
            stream = Box::new(tcp);
        }
        let asked = [encodings, &[number::RAW]].concat();
        let messages = ServerStream::new(PixelFormat::NATIVE, &asked);
        let mut client = Self { stream, buffer, messages, picture: Picture::new(size), bytes: 0, pushed: false };
        client.say(&Request::SetPixelFormat(PixelFormat::NATIVE)).await?;
        client.say(&Request::SetEncodings(encodings.to_vec())).await?;
        Ok(client)
    }

    pub async fn say(&mut self, request: &Request) -> Result<()> {
        self.send(request.encode().as_bytes()).await
    }

    pub async fn send(&mut self, bytes: &[u8]) -> Result<()> {
        self.stream.write_all(bytes).await?;
        Ok(self.stream.flush().await?)
    }

    /// Asks for what changes, unless it comes by itself.
    pub async fn ask(&mut self, incremental: bool) -> Result<()> {
        if self.pushed && incremental {
            return Ok(());
        }
        let area = self.picture.size().rect();
        self.say(&Request::FramebufferUpdate { incremental, area }).await
    }

    /// Waits for the end of an update; answers fences and takes continuous updates on the way.
    pub async fn update(&mut self) -> Result<()> {
        loop {
            match self.messages.advance(self.buffer.unread(), &mut self.picture)? {
                Some(advance) => {
                    self.buffer.consume(advance.taken);
                    match advance.event {
                        Some(Event::UpdateEnded) => return Ok(()),
                        Some(Event::Fence(fence)) if fence.is_request() => {
                            let answer: Fence = fence.answer();
                            self.say(&Request::Fence(answer)).await?;
                        }
                        Some(Event::EndOfContinuousUpdates) if !self.pushed => {
                            self.pushed = true;
                            let area = self.picture.size().rect();
                            self.say(&Request::EnableContinuousUpdates { on: true, area }).await?;
                        }
                        _ => {}
                    }
                }
                None => {
                    let read = self.stream.read_buf(self.buffer.room().context("room")?).await?;
                    if read == 0 {
                        bail!("closed");
                    }
                    self.bytes += read as u64;
                }
            }
        }
    }
}
