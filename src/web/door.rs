//! How connections of HTTP come in: limits first, recorded before a byte is answered, inside TLS; each for itself, so that
//! none waits for another's handshake.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::Orders;
use super::whole::whole;
use crate::clock::Clock;
use crate::id::ConnectionId;
use crate::network::Networks;
use crate::tls::{Card, ForViewers};
use crate::viewer::{Balancers, Cut, Ends, Rate, TlsFacts};

/// Connections at a time of strangers, and as many of known people; and how long each lives, unless it becomes a picture.
const CONNECTIONS: usize = 128;
const LIFE: Duration = Duration::from_secs(60);
const HANDSHAKE: Duration = Duration::from_secs(10);
/// From the handshake to the first request, and from each answer to the next.
const ASKS: Duration = Duration::from_secs(10);
/// Connections a minute from one address, and a second from all strangers.
const A_MINUTE: NonZeroU32 = NonZeroU32::MIN.saturating_add(119);
const IN_ALL: NonZeroU32 = NonZeroU32::MIN.saturating_add(99);

/// What is met at a door.
pub struct Entry {
    /// As the trace names it.
    pub name: &'static str,
    pub networks: Networks,
    pub balancers: Balancers,
    pub tls: Arc<ForViewers>,
}

/// Serves `routes` at a door until the task is dropped. Each request knows its [`Peer`].
pub(super) async fn serve<O: Orders>(
    socket: TcpListener,
    entry: Entry,
    orders: Arc<O>,
    clock: Clock,
    routes: Router,
) -> std::io::Result<()> {
    let (secured, handed) = mpsc::channel(16);
    let door = Door { address: socket.local_addr()?, handed };
    let routes = routes.layer(from_fn_with_state(clock.clone(), whole));
    let serving = axum::serve(door, routes.into_make_service_with_connect_info::<Peer>());
    tokio::select! {
        served = serving.into_future() => served,
        () = accept(socket, entry, orders, secured, clock) => Ok(()),
    }
}

async fn accept<O: Orders>(
    socket: TcpListener,
    Entry { name, networks, balancers, tls }: Entry,
    orders: Arc<O>,
    secured: mpsc::Sender<(Timed, SocketAddr)>,
    clock: Clock,
) {
    let places = Arc::new(Places {
        networks,
        balancers,
        rate: Rate::new(A_MINUTE, IN_ALL, &clock),
        strangers: Arc::new(Semaphore::new(CONNECTIONS)),
        known: Arc::new(Semaphore::new(CONNECTIONS)),
    });
    loop {
        let Ok((mut tcp, address)) = socket.accept().await else {
            clock.sleep(Duration::from_millis(100)).await;
            continue;
        };
        let (orders, secured, clock) = (Arc::clone(&orders), secured.clone(), clock.clone());
        let (places, tls) = (Arc::clone(&places), tls.for_orders());
        tokio::spawn(async move {
            // Gone before it was looked at.
            let Ok(local) = tcp.local_addr() else { return };
            let mut ends = Ends { address, local, via: None };
            let place = match places.brought(&mut tcp, &mut ends, &clock).await {
                Ok(()) => places.take(ends.address, orders.as_ref()),
                Err(cause) => Err(cause),
            };
            let place = match place {
                Ok(place) => place,
                Err(cause) => return orders.limited(ends.address, cause),
            };
            // As it is counted: the quota is given back to the same.
            let (end, address, known) = (clock.now() + LIFE, ends.address, orders.knows(ends.address));
            let securing = async {
                let connection = orders.attempt(ends, name).await?;
                let cut = Arc::new(Cut::of(&tcp).ok()?);
                Some((TlsAcceptor::from(tls).accept(tcp).await.ok()?, connection, cut))
            };
            let secure = clock.within(clock.now() + HANDSHAKE, securing).await;
            if let Ok(Some((stream, connection, cut))) = secure {
                let idle = watch::Sender::new(Some(clock.now()));
                let over = Some(over(idle.subscribe(), end, clock));
                let card = stream.get_ref().1.peer_certificates().and_then(Card::of).map(Arc::new);
                let facts = Arc::new(TlsFacts::of(stream.get_ref().1));
                let (let_in, stays) = (Arc::default(), Arc::default());
                let peer = Peer { ends, connection, known, card, facts, idle, let_in, stays, cut };
                let _ = secured.send((Timed { stream, over, peer, place: Some(place) }, address)).await;
            }
        });
    }
}

/// What connections there may be.
struct Places {
    networks: Networks,
    balancers: Balancers,
    rate: Rate,
    strangers: Arc<Semaphore>,
    known: Arc<Semaphore>,
}

impl Places {
    /// Whom a balancer brings, if it is one.
    async fn brought(&self, tcp: &mut TcpStream, ends: &mut Ends, clock: &Clock) -> Result<(), &'static str> {
        if self.balancers.hold(ends.address) {
            *ends = self.balancers.ends(tcp, *ends, clock).await?;
        }
        Ok(())
    }

    fn take<O: Orders>(&self, address: SocketAddr, orders: &O) -> Result<OwnedSemaphorePermit, &'static str> {
        let known = orders.knows(address);
        if !self.networks.hold(address.ip()) {
            return Err("network");
        }
        self.rate.check(address.ip(), known)?;
        let places = if known { &self.known } else { &self.strangers };
        Arc::clone(places).try_acquire_owned().map_err(|_| "busy")
    }
}

/// Connections that are ready to be read.
struct Door {
    address: SocketAddr,
    handed: mpsc::Receiver<(Timed, SocketAddr)>,
}

impl Listener for Door {
    type Io = Timed;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Timed, SocketAddr) {
        match self.handed.recv().await {
            Some(next) => next,
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        Ok(self.address)
    }
}

type Over = Pin<Box<dyn Future<Output = ()> + Send>>;

/// When a connection is over: soon, if nothing is asked by it, and at its end.
fn over(mut idle: watch::Receiver<Option<Instant>>, end: Instant, clock: Clock) -> Over {
    Box::pin(async move {
        loop {
            let since = *idle.borrow_and_update();
            tokio::select! {
                () = clock.sleep_until(since.map_or(end, |since| end.min(since + ASKS))) => return,
                Ok(()) = idle.changed() => {}
            }
        }
    })
}

/// A connection that ends at its time, whatever it says, unless a picture goes over it.
struct Timed {
    stream: TlsStream<TcpStream>,
    /// `None`: it is over.
    over: Option<Over>,
    peer: Peer,
    /// Given back when it becomes a picture, which has a place of its own.
    place: Option<OwnedSemaphorePermit>,
}

impl Timed {
    fn is_over(&mut self, cx: &mut Context<'_>) -> bool {
        if self.peer.stays.load(Ordering::SeqCst) {
            self.place = None;
            return false;
        }
        let Some(over) = &mut self.over else { return true };
        if over.as_mut().poll(cx).is_pending() {
            return false;
        }
        self.over = None;
        // Whoever reads nothing would hold what is still to be said.
        self.peer.cut.cut();
        true
    }
}

impl AsyncRead for Timed {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        if self.is_over(cx) {
            return Poll::Ready(Err(std::io::ErrorKind::TimedOut.into()));
        }
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Timed {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<std::io::Result<usize>> {
        if self.is_over(cx) {
            return Poll::Ready(Err(std::io::ErrorKind::TimedOut.into()));
        }
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        if self.is_over(cx) {
            return Poll::Ready(Err(std::io::ErrorKind::TimedOut.into()));
        }
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        if self.is_over(cx) {
            return Poll::Ready(Err(std::io::ErrorKind::TimedOut.into()));
        }
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Whose a connection is.
#[derive(Clone)]
pub(super) struct Peer {
    pub ends: Ends,
    pub connection: ConnectionId,
    /// When it came.
    pub known: bool,
    /// What the workstation proved to hold.
    pub card: Option<Arc<Card>>,
    pub facts: Arc<TlsFacts>,
    /// Since when nothing is asked by it; `None`: a request is being answered.
    pub idle: watch::Sender<Option<Instant>>,
    /// One of its orders was carried out.
    pub let_in: Arc<AtomicBool>,
    /// A picture goes over it.
    pub stays: Arc<AtomicBool>,
    pub cut: Arc<Cut>,
}

impl axum::extract::connect_info::Connected<IncomingStream<'_, Door>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Door>) -> Self {
        stream.io().peer.clone()
    }
}
