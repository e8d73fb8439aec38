//! The auditor's window: pages, and the picture over WebSocket. Whoever logs in here is known by a cookie that no script can
//! read and no other site's page can send; a ticket travels in one too, never in an address.

mod assets;
mod guard;
mod picture;

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use tokio::runtime::Handle;

use super::Orders;
use super::api::{carried_out, not_done, said, told};
use super::door::{Entry, Peer, serve};
use crate::clock::Clock;
use crate::governance::Secret;
use crate::metrics::Metrics;
use crate::tls::ForViewers;
use crate::viewer::Gate;
use crate::words::Language;
use guard::{Visitor, cookie, keep, take_back};

/// What pages are made with.
pub struct Window<P> {
    node: Arc<P>,
    pixels: Handle,
    clock: Clock,
    metrics: Metrics,
    pixel: u16,
    /// What the pages' door shows: a page is asked for by a name of its certificate.
    tls: Arc<ForViewers>,
    /// Where pages find their sessions again.
    lobby: Arc<picture::Pages>,
}

impl<P> Window<P> {
    /// `pixels`: the runtime on which viewers' pixels are stamped and encoded. `pixel`: the port from which one pixel of
    /// elsewhere comes.
    pub fn new(node: Arc<P>, pixels: Handle, clock: Clock, metrics: Metrics, pixel: u16, tls: Arc<ForViewers>) -> Self {
        Self { node, pixels, clock, metrics, pixel, tls, lobby: Arc::default() }
    }

    /// Whoever asks, if it is by a name of ours.
    fn visitor<'a>(&self, headers: &'a HeaderMap) -> Option<Visitor<'a>> {
        Visitor::of(headers).filter(|visitor| self.tls.is_named(visitor.name()))
    }

    /// Whether a page of ours asks.
    fn is_ours(&self, headers: &HeaderMap) -> bool {
        self.visitor(headers).is_some_and(|visitor| visitor.is_at_home())
    }

    /// What is said to an order that is not of our own page, or not of this version of it.
    fn refused(&self, headers: &HeaderMap) -> Option<Response> {
        if !self.is_ours(headers) {
            return Some(guard::stranger());
        }
        let version = headers.get("lucarne-page").map(HeaderValue::as_bytes);
        if version == Some(assets::VERSION.as_bytes()) {
            return None;
        }
        let message = "Cette page est d'une autre version : rechargez-la. / This page is of another version: load it again.";
        Some(told(StatusCode::CONFLICT, &not_done(message)))
    }
}

impl<P> Clone for Window<P> {
    fn clone(&self) -> Self {
        let Self { node, pixels, clock, metrics, pixel, tls, lobby } = self;
        let (node, tls, lobby) = (Arc::clone(node), Arc::clone(tls), Arc::clone(lobby));
        Self { node, pixels: pixels.clone(), clock: clock.clone(), metrics: metrics.clone(), pixel: *pixel, tls, lobby }
    }
}

/// The acts that the pages of an auditor order.
const ACTS: [&str; 6] = ["login", "logout", "who_am_i", "list_engagements", "checklist", "acknowledge"];
const LOGIN: &str = "__Host-login";
const DEVICE: &str = "__Host-device";
const TICKET: &str = "__Host-ticket";
/// How long a device is remembered, in seconds.
const A_YEAR: u32 = 365 * 86400;
/// As long as a ticket lives.
const A_MINUTE: u32 = 60;

/// Serves the pages until the task is dropped.
pub async fn pages<P: Orders + Gate>(socket: TcpListener, entry: Entry, window: Window<P>) -> std::io::Result<()> {
    let (node, clock) = (Arc::clone(&window.node), window.clock.clone());
    let routes = Router::new()
        .route("/", get(index::<P>))
        .route("/words.js", get(words))
        .route("/{asset}", get(asset))
        .route("/acts/{act}", post(act::<P>))
        .route("/look", post(look::<P>))
        .route("/picture/{tab}", get(picture::picture::<P>))
        .route("/again/{tab}", get(picture::again::<P>))
        .fallback(nothing_here)
        .layer(map_response(guard::closed))
        .with_state(window);
    serve(socket, entry, node, clock, routes).await
}

/// One pixel, from another origin than the pages: a canvas that has drawn it gives its own pixels to no script.
pub async fn pixel<O: Orders>(socket: TcpListener, entry: Entry, orders: Arc<O>, clock: Clock) -> std::io::Result<()> {
    let pixel = || async {
        let headers = [
            (header::CONTENT_TYPE, "image/gif"),
            (header::CACHE_CONTROL, "no-store"),
            (HeaderName::from_static("cross-origin-resource-policy"), "cross-origin"),
        ];
        (headers, PIXEL)
    };
    let routes = Router::new().route("/pixel.gif", get(pixel)).fallback(nothing_here);
    serve(socket, entry, orders, clock, routes).await
}

/// A GIF of one black pixel.
const PIXEL: &[u8] = b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;";

async fn index<P>(State(window): State<Window<P>>, headers: HeaderMap) -> Response {
    let Some(visitor) = window.visitor(&headers) else { return guard::stranger() };
    let pixel = format!("https://{}:{}", visitor.name(), window.pixel);
    let page = assets::INDEX
        .replace("{version}", &assets::VERSION)
        .replace("{language}", language(&headers).code())
        .replace("{pixel}", &format!("{pixel}/pixel.gif"));
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' {pixel}; connect-src 'self' wss://{}; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        visitor.host
    );
    let Ok(policy) = HeaderValue::try_from(policy) else { return guard::stranger() };
    let mut response = ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], page).into_response();
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    response
}

fn language(headers: &HeaderMap) -> Language {
    let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    accepted.map_or_else(Language::default, Language::of)
}

async fn words(headers: HeaderMap) -> Response {
    let words = serde_json::to_string(&language(&headers).words()).unwrap_or_default();
    ([(header::CONTENT_TYPE, assets::SCRIPT)], format!("export default {words};\n")).into_response()
}

async fn asset(Path(name): Path<String>) -> Response {
    match assets::ALL.iter().find(|asset| asset.name == name) {
        Some(asset) => ([(header::CONTENT_TYPE, asset.kind)], Bytes::from_static(asset.bytes)).into_response(),
        None => nothing_here().await,
    }
}

async fn nothing_here() -> Response {
    told(StatusCode::NOT_FOUND, &not_done("there is nothing here"))
}

/// An act of the page, by whoever the cookie says.
async fn act<P: Orders>(
    State(window): State<Window<P>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    Path(act): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if let Some(refused) = window.refused(&headers) {
        return refused;
    }
    let mut says = match said(&body) {
        Ok(says) if ACTS.contains(&act.as_str()) => says,
        Ok(_) => return nothing_here().await,
        Err(why) => return told(StatusCode::BAD_REQUEST, &not_done(&why)),
    };
    if act == "login" {
        says.extend(cookie(&headers, DEVICE).map(|device| ("device".to_owned(), device.into())));
    }
    let (status, mut outcome) = carried_out(&window.node, &peer, login(&headers), &act, says).await;
    let kept = [LOGIN, DEVICE].into_iter().zip(["token", "device"]).filter_map(|(name, field)| {
        // Scripts get neither: they are the browser's to keep.
        let secret = outcome.as_object_mut().filter(|_| act == "login")?.remove(field)?;
        Some(keep(name, secret.as_str()?, if name == DEVICE { Some(A_YEAR) } else { None }))
    });
    let mut cookies: Vec<HeaderValue> = kept.flatten().collect();
    if act == "logout" {
        cookies.push(take_back(LOGIN));
    }
    with(told(status, &outcome), cookies)
}

fn login(headers: &HeaderMap) -> Option<Secret> {
    cookie(headers, LOGIN).map(Secret::from)
}

fn with(mut response: Response, cookies: Vec<HeaderValue>) -> Response {
    for cookie in cookies {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

/// A ticket, after the reminder was read: it goes into a cookie, for the picture alone.
async fn look<P: Orders>(
    State(window): State<Window<P>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if let Some(refused) = window.refused(&headers) {
        return refused;
    }
    let said = match said(&body) {
        Ok(said) => said,
        Err(why) => return told(StatusCode::BAD_REQUEST, &not_done(&why)),
    };
    let mut says = Map::new();
    says.insert("engagement".to_owned(), said.get("engagement").cloned().unwrap_or_default());
    says.insert("acknowledged".to_owned(), said.get("acknowledged").cloned().unwrap_or(false.into()));
    says.insert("short".to_owned(), false.into());
    says.insert("certificate".to_owned(), Value::Null);
    let (status, outcome) = carried_out(&window.node, &peer, login(&headers), "issue_ticket", says).await;
    let text = |field: &str| outcome.get(field).and_then(Value::as_str);
    match (text("login"), text("secret")) {
        (Some(login), Some(secret)) if status == StatusCode::OK => {
            let ticket = keep(TICKET, &format!("{login}:{secret}"), Some(A_MINUTE));
            with(told(status, &json!({ "outcome": "done", "message": "a ticket" })), ticket.into_iter().collect())
        }
        _ => told(status, &outcome),
    }
}
