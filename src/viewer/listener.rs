//! Accepting viewers: limits first, then the handshake, then a session on the pixels' own runtime.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use governor::middleware::NoOpMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use super::counters::Counters;
use super::cut::Cut;
use super::entrance::{Door, Entered, Turned};
use super::session::Session;
use super::update::View;
use super::{Ending, Gate, Peer, Tally};
use crate::clock::Clock;
use crate::id::ConnectionId;
use crate::mark::Identity;
use crate::metrics::{Kind, Metrics};
use crate::rfb::PixelFormat;
use crate::rfb::handshake::server::{Offer, server_init};

/// How viewers come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entrance {
    /// TLS inside RFB.
    InBand,
    /// TLS before RFB.
    TlsFirst { vnc_auth: bool },
    /// No TLS: loopback only.
    Local,
}

impl Entrance {
    pub fn name(self) -> &'static str {
        match self {
            Self::InBand => "in_band",
            Self::TlsFirst { .. } => "tls_first",
            Self::Local => "local",
        }
    }
}

/// What strangers may take. Shared by all listeners of a node.
pub struct Limits {
    per_address: RateLimiter<IpAddr, DefaultKeyedStateStore<IpAddr>, Clock, NoOpMiddleware<Instant>>,
    in_all: RateLimiter<NotKeyed, InMemoryState, Clock, NoOpMiddleware<Instant>>,
    handshakes: Arc<Semaphore>,
    /// People typing a ticket, at a time: they take longer than a protocol does.
    logins: Arc<Semaphore>,
}

impl Limits {
    /// Connections a minute from one address, and handshakes at a time in all.
    pub fn new(per_minute: u32, handshakes: usize, clock: &Clock) -> Self {
        let quota = Quota::per_minute(NonZeroU32::new(per_minute).unwrap_or(NonZeroU32::MIN));
        let in_all = Quota::per_second(IN_ALL);
        Self {
            per_address: RateLimiter::new(quota, DefaultKeyedStateStore::default(), clock.clone()),
            in_all: RateLimiter::direct_with_clock(in_all, clock.clone()),
            handshakes: Arc::new(Semaphore::new(handshakes)),
            logins: Arc::new(Semaphore::new(handshakes.saturating_mul(8))),
        }
    }
}

/// Connections a second from everywhere: each costs a durable entry.
const IN_ALL: NonZeroU32 = NonZeroU32::MIN.saturating_add(199);
/// Never grows: unknown addresses are dropped from the limiter when it holds this many.
const MAX_ADDRESSES: usize = 4096;
/// What the system may hold of a viewer's picture: little, so that Stop is soon true.
const SEND_BUFFER: usize = 128 << 10;
/// Between two entries of what a viewer tried.
const MINUTE: Duration = Duration::from_secs(60);
/// From being told to end to being cut.
const GRACE: Duration = Duration::from_millis(500);

pub struct Listener<G> {
    pub entrance: Entrance,
    pub tls: Arc<ServerConfig>,
    /// Workstations must show certificates: viewers that cannot are told to come through the tunnel.
    pub tunnel_only: bool,
    pub gate: Arc<G>,
    pub limits: Arc<Limits>,
    /// The runtime of the pixels.
    pub pixels: Handle,
    pub clock: Clock,
    pub metrics: Metrics,
}

impl<G> Clone for Listener<G> {
    fn clone(&self) -> Self {
        Self {
            entrance: self.entrance,
            tls: Arc::clone(&self.tls),
            tunnel_only: self.tunnel_only,
            gate: Arc::clone(&self.gate),
            limits: Arc::clone(&self.limits),
            pixels: self.pixels.clone(),
            clock: self.clock.clone(),
            metrics: self.metrics.clone(),
        }
    }
}

impl<G: Gate> Listener<G> {
    /// Accepts until the task is dropped.
    pub async fn run(self, socket: TcpListener) {
        loop {
            match socket.accept().await {
                Ok((tcp, address)) => self.accepted(tcp, address),
                Err(error) => {
                    // Out of descriptors, usually: let some close.
                    tracing::warn!(%error, "a viewer's connection could not be accepted");
                    self.clock.sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    fn accepted(&self, tcp: TcpStream, address: SocketAddr) {
        self.metrics.connections.inc();
        let peer = Peer { address, entrance: self.entrance };
        let limited = |cause| {
            self.metrics.refused.get_or_create(&Kind { kind: cause }).inc();
            self.gate.limited(peer, cause);
        };
        if self.limits.in_all.check().is_err() {
            return limited("rate_all");
        }
        if self.limits.per_address.len() > MAX_ADDRESSES {
            self.limits.per_address.retain_recent();
        }
        if self.limits.per_address.check_key(&whose(address.ip())).is_err() {
            return limited("rate_address");
        }
        let Ok(permit) = Arc::clone(&self.limits.handshakes).try_acquire_owned() else { return limited("busy") };
        let listener = self.clone();
        tokio::spawn(async move {
            let Some(connection) = listener.gate.attempt(peer).await else { return };
            let turned = listener.connection(tcp, peer, &connection, permit).await.err();
            if let Some(Turned(code)) = turned.filter(|turned| !turned.0.is_empty()) {
                listener.metrics.refused.get_or_create(&Kind { kind: code }).inc();
                listener.gate.broken(&connection, code).await;
            }
        });
    }

    async fn connection(
        &self,
        tcp: TcpStream,
        peer: Peer,
        connection: &ConnectionId,
        permit: tokio::sync::OwnedSemaphorePermit,
    ) -> Result<(), Turned> {
        tcp.set_nodelay(true)?;
        let socket = socket2::SockRef::from(&tcp);
        socket.set_send_buffer_size(SEND_BUFFER)?;
        let keepalive = socket2::TcpKeepalive::new().with_time(Duration::from_secs(20)).with_interval(Duration::from_secs(5));
        socket.set_tcp_keepalive(&keepalive.with_retries(3))?;
        let cut = Cut::of(&tcp)?;
        let door = Door {
            gate: &self.gate,
            connection,
            peer,
            tls: &self.tls,
            clock: &self.clock,
            permit: Mutex::new(Some(permit)),
            logins: &self.limits.logins,
            tunnel_only: self.tunnel_only,
        };
        match self.entrance {
            Entrance::InBand => self.seated(door.in_band(tcp).await?, cut).await,
            Entrance::TlsFirst { vnc_auth } => {
                let (tls, certificate) = door.secure(tcp).await?;
                let entered = door.plain(tls, Offer::InsideTls { vnc_auth }, certificate).await?;
                self.seated(entered, cut).await;
            }
            Entrance::Local => self.seated(door.plain(tcp, Offer::VncAuth, None).await?, cut).await,
        }
        Ok(())
    }

    /// The session runs on the pixels' runtime; its end is watched from here.
    async fn seated<S>(&self, entered: Entered<S>, cut: Cut)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Entered { mut stream, buffer, seat } = entered;
        let identity = Identity {
            who: seat.admission.name().to_owned(),
            what: seat.label.clone(),
            session: seat.admission.session().clone(),
        };
        let view = View::new(seat.screen.clone(), identity, self.clock.clone());
        let hello = server_init(view.size, &PixelFormat::NATIVE, &seat.label);
        let mut ending = seat.ending.clone();
        let (clock, metrics) = (self.clock.clone(), self.metrics.clone());
        let id = seat.admission.session().clone();
        let dropped = Counters::default();
        let tried = dropped.clone();
        let session = self.pixels.spawn(async move {
            metrics.sessions.inc();
            let greeted = stream.write_all(&hello).await.is_ok() && stream.flush().await.is_ok();
            let tally = if greeted {
                Session::new(stream, buffer, view, seat, dropped, clock, metrics.clone()).run().await
            } else {
                Tally::empty(Ending::Lost)
            };
            metrics.sessions.dec();
            tally
        });
        let mut session = std::pin::pin!(session);
        let mut told = Vec::new();
        let done = loop {
            tokio::select! {
                biased;
                done = &mut session => break done,
                _ = ending.raised() => {
                    // Even when the session is done, the system may still hold some of its picture.
                    let deadline = self.clock.now() + GRACE;
                    let done = self.clock.within(deadline, &mut session).await;
                    self.clock.sleep_until(deadline).await;
                    cut.cut();
                    match done {
                        Ok(done) => break done,
                        Err(_) => break session.await,
                    }
                }
                () = self.clock.sleep(MINUTE) => {
                    let now = tried.tried();
                    if now != told {
                        tokio::select! {
                            biased;
                            _ = ending.raised() => {}
                            () = self.gate.counters(&id, now.clone()) => told = now,
                        }
                    }
                }
            }
        };
        let tally = done.unwrap_or_else(|error| {
            tracing::error!(%error, "a session's task failed");
            Tally::empty(Ending::Failed)
        });
        self.gate.ended(&id, tally).await;
    }
}

/// Whom a limit counts as one: an IPv4 address, or the /64 that an IPv6 host has to itself.
fn whose(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6((u128::from(v6) >> 64 << 64).into()),
        v4 => v4,
    }
}
