//! Orders by HTTP: `POST /v1/acts/ACT`, what it says in JSON, the token of a login as `Authorization: Bearer`. No cookie is
//! read, so no other site's page can order anything. `GET /v1/openapi.json` describes them.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::{ConnectInfo, Path, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::serve::{IncomingStream, Listener};
use serde_json::{Map, Value, json};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::clock::Clock;
use crate::governance::{Secret, Verdict};
use crate::network::Networks;
use crate::tls::{Card, ForViewers};
use crate::viewer::{Balancers, Ends, Rate};

/// An act in JSON is a kilobyte.
const MAX_BODY: usize = 64 << 10;
/// Connections at a time of strangers, and as many of known people; and how long each lives: an order is one exchange.
const CONNECTIONS: usize = 128;
const LIFE: Duration = Duration::from_secs(60);
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Connections a minute from one address, and a second from all strangers.
const A_MINUTE: NonZeroU32 = NonZeroU32::MIN.saturating_add(119);
const IN_ALL: NonZeroU32 = NonZeroU32::MIN.saturating_add(99);

/// How an order went.
pub enum Answer {
    Done,
    Refused(Verdict),
    /// The order, or how things are, stood in the way.
    NotDone,
    /// The node could not.
    Failed,
    /// There is no such act.
    NoSuchAct,
    /// What it says cannot be read.
    Unreadable,
}

/// Origin an order comes.
pub struct Origin {
    pub address: SocketAddr,
    /// What the workstation proved to hold, if it showed anything.
    pub card: Option<Arc<Card>>,
}

/// Who carries orders out: the node.
pub trait Orders: Send + Sync + 'static {
    /// Whether somebody was let in from there not long ago.
    fn knows(&self, address: SocketAddr) -> bool;
    /// A connection came: recorded before a byte is answered. False: close it unanswered.
    fn attempt(&self, ends: Ends) -> impl Future<Output = bool> + Send;
    /// A limit refused one: counted and folded.
    fn limited(&self, address: SocketAddr, cause: &'static str);
    /// Somebody is let in by a connection: it is not counted among those of strangers.
    fn let_in(&self, address: SocketAddr, known: bool);
    fn order(
        self: &Arc<Self>,
        from: Origin,
        token: Option<Secret>,
        act: &str,
        says: Map<String, Value>,
    ) -> impl Future<Output = (Answer, Value)> + Send;
    /// All of them, as OpenAPI.
    fn openapi() -> Value;
}

/// Serves orders until the task is dropped.
pub async fn api<O: Orders>(
    socket: TcpListener,
    from: (Networks, Balancers),
    tls: Arc<ForViewers>,
    orders: Arc<O>,
    clock: Clock,
) -> std::io::Result<()> {
    let (secured, handed) = mpsc::channel(16);
    let door = Door { address: socket.local_addr()?, handed };
    // Written once, whoever asks.
    let description = Bytes::from(O::openapi().to_string());
    let describe = move || async move { (StatusCode::OK, HEADERS, description) };
    let routes = Router::new().route("/v1/acts/{act}", post(act::<O>)).route("/v1/openapi.json", get(describe));
    let routes = routes.fallback(nothing_here).method_not_allowed_fallback(no_such_method);
    let routes = routes.with_state(Arc::clone(&orders));
    let serving = axum::serve(door, routes.into_make_service_with_connect_info::<Peer>());
    tokio::select! {
        served = serving.into_future() => served,
        () = accept(socket, from, tls, orders, secured, clock) => Ok(()),
    }
}

/// Accepts and secures connections; each on its own, so that none waits for another's handshake.
async fn accept<O: Orders>(
    socket: TcpListener,
    (networks, balancers): (Networks, Balancers),
    tls: Arc<ForViewers>,
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
                if !orders.attempt(ends).await {
                    return None;
                }
                TlsAcceptor::from(tls).accept(tcp).await.ok()
            };
            let stream = clock.within(clock.now() + HANDSHAKE, securing).await;
            if let Ok(Some(stream)) = stream {
                let over = Box::pin(async move { clock.sleep_until(end).await });
                let card = stream.get_ref().1.peer_certificates().and_then(Card::of).map(Arc::new);
                let peer = Peer { address, known, card, let_in: Arc::default() };
                let _ = secured.send((Timed { stream, over, peer, _place: place }, address)).await;
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

/// A connection that ends at its time, whatever it says.
struct Timed {
    stream: TlsStream<TcpStream>,
    over: Pin<Box<dyn Future<Output = ()> + Send>>,
    peer: Peer,
    _place: OwnedSemaphorePermit,
}

impl AsyncRead for Timed {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        if self.over.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(std::io::ErrorKind::TimedOut.into()));
        }
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Timed {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<std::io::Result<usize>> {
        if self.over.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(std::io::ErrorKind::TimedOut.into()));
        }
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Whose a connection is.
#[derive(Clone)]
struct Peer {
    address: SocketAddr,
    /// When it came.
    known: bool,
    card: Option<Arc<Card>>,
    /// One of its orders was carried out.
    let_in: Arc<AtomicBool>,
}

impl axum::extract::connect_info::Connected<IncomingStream<'_, Door>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Door>) -> Self {
        stream.io().peer.clone()
    }
}

async fn act<O: Orders>(
    State(orders): State<Arc<O>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    Path(act): Path<String>,
    request: Request,
) -> Response {
    let (Parts { headers, .. }, body) = request.into_parts();
    let too_long = || told(StatusCode::PAYLOAD_TOO_LARGE, &not_done("an order has 64 KiB at most"));
    let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    // Said before a byte of it is read: whoever asks first sends none.
    if length.is_some_and(|length| length > MAX_BODY) {
        return too_long();
    }
    let Ok(body) = to_bytes(body, MAX_BODY).await else { return too_long() };
    let says: Map<String, Value> = match serde_json::from_slice(&body) {
        Ok(says) => says,
        Err(_) if body.is_empty() => Map::new(),
        Err(error) => return told(StatusCode::BAD_REQUEST, &not_done(&format!("the body is no object in JSON: {error}"))),
    };
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = bearer
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| Secret::from(token));
    let from = Origin { address: peer.address, card: peer.card };
    let (answer, outcome) = orders.order(from, token, &act, says).await;
    if matches!(answer, Answer::Done) && !peer.let_in.swap(true, Ordering::SeqCst) {
        orders.let_in(peer.address, peer.known);
    }
    let status = match answer {
        Answer::Done => StatusCode::OK,
        Answer::NoSuchAct => StatusCode::NOT_FOUND,
        Answer::Unreadable => StatusCode::BAD_REQUEST,
        Answer::NotDone => StatusCode::UNPROCESSABLE_ENTITY,
        Answer::Failed => StatusCode::SERVICE_UNAVAILABLE,
        Answer::Refused(Verdict::NobodyIn) => StatusCode::UNAUTHORIZED,
        Answer::Refused(Verdict::TooOften) => StatusCode::TOO_MANY_REQUESTS,
        Answer::Refused(Verdict::Rule) => StatusCode::FORBIDDEN,
    };
    told(status, &outcome)
}

async fn nothing_here() -> Response {
    told(StatusCode::NOT_FOUND, &not_done("there is nothing here; GET /v1/openapi.json tells what there is"))
}

async fn no_such_method() -> Response {
    told(StatusCode::METHOD_NOT_ALLOWED, &not_done("acts are ordered by POST, their description is read by GET"))
}

fn not_done(message: &str) -> Value {
    json!({ "outcome": "not_done", "message": message })
}

const HEADERS: [(HeaderName, &str); 3] = [
    (header::CONTENT_TYPE, "application/json"),
    (header::CACHE_CONTROL, "no-store"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
];

fn told(status: StatusCode, outcome: &Value) -> Response {
    let mut response = (status, HEADERS, outcome.to_string()).into_response();
    if status == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}
