//! Accepting viewers: limits first, then the handshake, then a seat.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;

use super::balancer::{Balancers, Ends};
use super::cut::{Cut, Line};
use super::entrance::{Door, Entered};
use super::limits::{Limits, Place};
use super::seated::{Held, Room};
use super::session::Session;
use super::{Ending, Gate, Peer, Tally, Turned};
use crate::clock::Clock;
use crate::governance::Capture;
use crate::id::ConnectionId;
use crate::metrics::{Kind, Metrics};
use crate::network::Networks;
use crate::rfb::handshake::server::{Offer, server_init};
use crate::rfb::{Buffer, PixelFormat};
use crate::tls::ForViewers;

/// How viewers come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entrance {
    /// TLS inside RFB.
    InBand,
    /// TLS before RFB.
    TlsFirst { vnc_auth: bool },
    /// No TLS: loopback only.
    Local,
    /// A page, over WebSocket.
    Browser,
}

impl Entrance {
    pub fn name(self) -> &'static str {
        match self {
            Self::InBand => "in_band",
            Self::TlsFirst { .. } => "tls_first",
            Self::Local => "local",
            Self::Browser => "browser",
        }
    }

    /// What kind of viewer comes in by it, and how far its platform lets copies be kept from it: B as far as a page can, C
    /// not at all.
    pub fn client(self) -> (&'static str, Capture) {
        match self {
            Self::Browser => ("browser", Capture::B),
            Self::InBand | Self::TlsFirst { .. } | Self::Local => ("vnc", Capture::C),
        }
    }
}

pub struct Listener<G> {
    pub entrance: Entrance,
    /// Connections from elsewhere are closed unanswered.
    pub networks: Arc<Networks>,
    /// Who says for whom a connection is.
    pub balancers: Balancers,
    pub tls: Arc<ForViewers>,
    pub gate: Arc<G>,
    pub limits: Arc<Limits>,
    /// The runtime on which viewers' pixels are stamped and encoded.
    pub pixels: Handle,
    pub clock: Clock,
    pub metrics: Metrics,
}

impl<G> Clone for Listener<G> {
    fn clone(&self) -> Self {
        Self {
            entrance: self.entrance,
            networks: Arc::clone(&self.networks),
            balancers: self.balancers.clone(),
            tls: Arc::clone(&self.tls),
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

    fn accepted(&self, mut tcp: TcpStream, address: SocketAddr) {
        // Gone before it was looked at.
        let Ok(local) = tcp.local_addr() else { return };
        self.metrics.connections.inc();
        let ends = Ends { address, local, via: None };
        if !self.balancers.hold(address) {
            return self.met(tcp, ends);
        }
        let listener = self.clone();
        tokio::spawn(async move {
            match listener.balancers.ends(&mut tcp, ends, &listener.clock).await {
                Ok(ends) => listener.met(tcp, ends),
                Err(cause) => {
                    listener.metrics.refused.get_or_create(&Kind { kind: cause }).inc();
                    listener.gate.limited(listener.peer(ends), cause);
                }
            }
        });
    }

    fn peer(&self, ends: Ends) -> Peer {
        Peer { ends, entrance: self.entrance, known: self.gate.is_known(ends.address.ip()) }
    }

    fn met(&self, tcp: TcpStream, ends: Ends) {
        let (peer, address) = (self.peer(ends), ends.address);
        let inside = if self.networks.hold(address.ip()) { Ok(()) } else { Err("network") };
        let place = match inside.and_then(|()| self.limits.enter(peer)) {
            Ok(place) => place,
            Err(cause) => {
                self.metrics.refused.get_or_create(&Kind { kind: cause }).inc();
                return self.gate.limited(peer, cause);
            }
        };
        let listener = self.clone();
        tokio::spawn(async move {
            let Some(connection) = listener.gate.attempt(peer).await else { return };
            let turned = listener.connection(tcp, peer, &connection, place).await.err();
            if let Some(turned) = turned.filter(|turned| !turned.code.is_empty()) {
                listener.metrics.refused.get_or_create(&Kind { kind: turned.code }).inc();
                listener.gate.broken(&connection, turned).await;
            }
        });
    }

    async fn connection(&self, tcp: TcpStream, peer: Peer, connection: &ConnectionId, place: Place) -> Result<(), Turned> {
        let cut = Arc::new(Cut::of(&tcp)?);
        let door = Door { gate: &self.gate, connection, peer, tls: &self.tls, clock: &self.clock, place: Some(place) };
        match self.entrance {
            Entrance::InBand => {
                let entered = door.in_band(tcp).await?;
                self.seated(entered, cut).await;
            }
            Entrance::TlsFirst { vnc_auth } => {
                let (tls, card) = door.secure(tcp, &Buffer::default()).await?;
                let entered = door.plain(tls, Offer::InsideTls { vnc_auth }, card).await?;
                self.seated(entered, cut).await;
            }
            Entrance::Local => {
                let entered = door.plain(tcp, Offer::VncAuth, None).await?;
                self.seated(entered, cut).await;
            }
            // Pages are met by `web`.
            Entrance::Browser => {}
        }
        Ok(())
    }

    /// A viewer that was let in, to its end.
    async fn seated<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(&self, entered: Entered<S>, cut: Arc<Cut>) {
        let Entered { mut stream, buffer, seat } = entered;
        let room = Room { gate: &*self.gate, pixels: &self.pixels, clock: &self.clock, metrics: &self.metrics };
        let session = |held: Held| async move {
            let hello = server_init(held.view.size, &PixelFormat::NATIVE, &held.seat.label);
            match (stream.write_all(&hello).await, stream.flush().await) {
                (Ok(()), Ok(())) => Session::new(stream, buffer, held).run().await,
                _ => Tally::empty(Ending::Lost),
            }
        };
        room.hold(seat, Arc::new(Line::over(cut)), session).await;
    }
}
