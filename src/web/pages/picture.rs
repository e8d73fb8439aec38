//! The picture's WebSocket: a ticket in a cookie lets in, once; then `viewer::browser` holds the session.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use zeroize::Zeroizing;

use super::super::api::{not_done, told};
use super::super::door;
use super::guard::{Visitor, cookie, stranger, take_back};
use super::{TICKET, Window, with};
use crate::desk::{Form, Presented};
use crate::viewer::browser::{Gone, Hears, NOISE, Says, seated, sent_away};
use crate::viewer::{Entrance, Gate, Peer, Room, TlsFacts};

/// What a page says is a few bytes.
const MESSAGE: usize = 16;

pub(super) async fn picture<P: Gate>(
    State(window): State<Window<P>>,
    ConnectInfo(peer): ConnectInfo<door::Peer>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    if Visitor::of(&headers).is_none_or(|visitor| !visitor.is_at_home()) {
        return stranger();
    }
    let Some((login, secret)) = cookie(&headers, TICKET).and_then(|ticket| ticket.split_once(':')) else {
        return told(StatusCode::UNAUTHORIZED, &not_done("there is no ticket: ask to look"));
    };
    let form = Form::Plain { login: login.to_owned(), secret: Zeroizing::new(secret.to_owned()) };
    let response = upgrade
        .max_message_size(MESSAGE)
        .max_frame_size(MESSAGE)
        .on_upgrade(move |socket| async move { looks(&window, &peer, form, socket).await });
    with(response, vec![take_back(TICKET)])
}

/// Lets somebody in, or says why not: a page reads no answer to an upgrade that failed.
async fn looks<P: Gate>(window: &Window<P>, peer: &door::Peer, form: Form, socket: WebSocket) {
    let (sink, stream) = socket.split();
    let (hears, mut says) = (Incoming(stream), Outgoing(sink));
    let card = peer.card.as_deref().cloned();
    let (certificate, from) = (card.as_ref().map(|card| card.fingerprint), peer.ends.address.ip());
    let who = Peer { ends: peer.ends, entrance: Entrance::Browser, known: peer.known };
    let shown = Presented { form, certificate, from };
    window.node.tls(&peer.connection, TlsFacts::clone(&peer.facts)).await;
    match window.node.admit(&peer.connection, who, shown, card).await {
        Ok(seat) => {
            peer.stays.store(true, Ordering::SeqCst);
            let room = Room { gate: &*window.node, pixels: &window.pixels, clock: &window.clock, metrics: &window.metrics };
            seated(&room, seat, Arc::clone(&peer.cut), hears, says).await;
        }
        Err(refusal) => sent_away(refusal, &mut says).await,
    }
}

struct Incoming(SplitStream<WebSocket>);

impl Hears for Incoming {
    async fn hear(&mut self) -> Result<Option<Vec<u8>>, Gone> {
        match self.0.next().await {
            None | Some(Ok(Message::Close(_))) => Ok(None),
            Some(Ok(Message::Binary(message))) => Ok(Some(message.to_vec())),
            // Pages say nothing in letters: it is no message of theirs.
            Some(Ok(Message::Text(_))) => Ok(Some(Vec::new())),
            // Nothing, and paced as anything that a page says.
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(Some(vec![NOISE])),
            Some(Err(_)) => Err(Gone),
        }
    }
}

struct Outgoing(SplitSink<WebSocket, Message>);

impl Says for Outgoing {
    async fn say(&mut self, message: Vec<u8>) -> Result<(), Gone> {
        self.0.send(Message::Binary(message.into())).await.map_err(|_| Gone)
    }

    async fn close(&mut self) {
        let _ = self.0.close().await;
    }
}
