//! Orders by HTTP: `POST /v1/acts/ACT`, what it says in JSON, the token of a login as `Authorization: Bearer`. No cookie is
//! read, so no other site's page can order anything. `GET /v1/openapi.json` describes them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;

use super::door::{Entry, Peer, serve};
use crate::clock::Clock;
use crate::governance::{Secret, Verdict};
use crate::id::ConnectionId;
use crate::tls::Card;
use crate::viewer::Ends;

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

/// Where an order comes from.
pub struct Origin {
    pub address: SocketAddr,
    /// What the workstation proved to hold, if it showed anything.
    pub card: Option<Arc<Card>>,
}

/// Who carries orders out: the node.
pub trait Orders: Send + Sync + 'static {
    /// Whether somebody was let in from there not long ago.
    fn knows(&self, address: SocketAddr) -> bool;
    /// A connection came, at a door of this name: recorded before a byte is answered. `None`: close it unanswered.
    fn attempt(&self, ends: Ends, door: &'static str) -> impl Future<Output = Option<ConnectionId>> + Send;
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
pub async fn api<O: Orders>(socket: TcpListener, entry: Entry, orders: Arc<O>, clock: Clock) -> std::io::Result<()> {
    // Written once, whoever asks.
    let description = Bytes::from(O::openapi().to_string());
    let describe = move || async move { (StatusCode::OK, HEADERS, description) };
    let routes = Router::new().route("/v1/acts/{act}", post(act::<O>)).route("/v1/openapi.json", get(describe));
    let routes = routes.fallback(nothing_here).method_not_allowed_fallback(no_such_method);
    serve(socket, entry, Arc::clone(&orders), clock, routes.with_state(orders)).await
}

async fn act<O: Orders>(
    State(orders): State<Arc<O>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    Path(act): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let says = match said(&body) {
        Ok(says) => says,
        Err(why) => return told(StatusCode::BAD_REQUEST, &not_done(&why)),
    };
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = bearer
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| Secret::from(token));
    let (status, outcome) = carried_out(&orders, &peer, token, &act, says).await;
    told(status, &outcome)
}

/// An order by somebody at a connection, and how it went.
pub(super) async fn carried_out<O: Orders>(
    orders: &Arc<O>,
    peer: &Peer,
    token: Option<Secret>,
    act: &str,
    says: Map<String, Value>,
) -> (StatusCode, Value) {
    let from = Origin { address: peer.ends.address, card: peer.card.clone() };
    let (answer, outcome) = orders.order(from, token, act, says).await;
    if matches!(answer, Answer::Done) && !peer.let_in.swap(true, Ordering::SeqCst) {
        orders.let_in(peer.ends.address, peer.known);
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
    (status, outcome)
}

/// What an order says: an object in JSON, or nothing.
pub(super) fn said(body: &Bytes) -> Result<Map<String, Value>, String> {
    match serde_json::from_slice(body) {
        Ok(says) => Ok(says),
        Err(_) if body.is_empty() => Ok(Map::new()),
        Err(error) => Err(format!("the body is no object in JSON: {error}")),
    }
}

async fn nothing_here() -> Response {
    told(StatusCode::NOT_FOUND, &not_done("there is nothing here; GET /v1/openapi.json tells what there is"))
}

async fn no_such_method() -> Response {
    told(StatusCode::METHOD_NOT_ALLOWED, &not_done("acts are ordered by POST, their description is read by GET"))
}

pub(super) fn not_done(message: &str) -> Value {
    json!({ "outcome": "not_done", "message": message })
}

pub(super) const HEADERS: [(HeaderName, &str); 3] = [
    (header::CONTENT_TYPE, "application/json"),
    (header::CACHE_CONTROL, "no-store"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
];

pub(super) fn told(status: StatusCode, outcome: &Value) -> Response {
    let mut response = (status, HEADERS, outcome.to_string()).into_response();
    if status == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}
