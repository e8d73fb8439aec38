//! Requests as they may come, at every door: whole within a time, of a length that is said, about this node.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;

use super::api::{not_done, told};
use super::door::Peer;
use crate::clock::Clock;

/// An act in JSON is a kilobyte.
const MAX_BODY: usize = 64 << 10;
/// How long the rest of a request may take.
const REST: Duration = Duration::from_secs(10);

/// Hands on what has come whole. While it is answered its connection is not idle.
pub(super) async fn whole(State(clock): State<Clock>, request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<ConnectInfo<Peer>>().map(|ConnectInfo(peer)| peer.idle.clone());
    let idle = |since| peer.iter().for_each(|idle| idle.send_modify(|now| *now = since));
    idle(None);
    let response = answered(&clock, request, next).await;
    idle(Some(clock.now()));
    response
}

async fn answered(clock: &Clock, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    // Two lengths would be read by two programs in two ways (RFC 9112 §6.1, §11.2): there is one.
    if parts.headers.contains_key(header::TRANSFER_ENCODING) {
        return refused(StatusCode::BAD_REQUEST, "a request says its length (Content-Length), and comes in one piece");
    }
    if parts.uri.authority().is_some() {
        return refused(StatusCode::BAD_REQUEST, "this is no proxy: a request names a path");
    }
    // Said before a byte of it is read: whoever asks first sends none.
    if length(&parts.headers).is_some_and(|length| length > MAX_BODY) {
        return refused(StatusCode::PAYLOAD_TOO_LARGE, "an order has 64 KiB at most");
    }
    match clock.within(clock.now() + REST, to_bytes(body, MAX_BODY)).await {
        Ok(Ok(body)) => next.run(Request::from_parts(parts, Body::from(body))).await,
        Ok(Err(_)) => refused(StatusCode::PAYLOAD_TOO_LARGE, "an order has 64 KiB at most"),
        Err(_) => refused(StatusCode::REQUEST_TIMEOUT, "the rest of the request did not come within ten seconds"),
    }
}

fn length(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn refused(status: StatusCode, why: &str) -> Response {
    told(status, &not_done(why))
}
