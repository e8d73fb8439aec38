//! The picture's WebSocket: a ticket in a cookie lets in, once; then `viewer::browser` holds the session. A page whose link
//! was lost comes again by another cookie, which its tab was given when it was let in.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::extract::{ConnectInfo, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use tungstenite::error::{Error, ProtocolError};
use zeroize::Zeroizing;

use super::super::api::{not_done, told};
use super::super::door;
use super::guard::{cookie, keep, stranger, take_back};
use super::{TICKET, Window, with};
use crate::desk::{Form, Presented};
use crate::governance::Refusal;
use crate::id::{hex, random};
use crate::viewer::browser::{self, Came, Close, Gone, Hears, Lobby, Says, Waiting, seated, sent_away};
use crate::viewer::{Entrance, Gate, Peer, Room, TlsFacts};

/// What a page says is a few bytes.
const MESSAGE: usize = 16;

type Link = browser::Link<Incoming, Outgoing>;
/// Where pages find their sessions again.
pub(super) type Pages = Lobby<Link>;

/// The way in, by a ticket.
pub(super) async fn picture<P: Gate>(
    State(window): State<Window<P>>,
    ConnectInfo(peer): ConnectInfo<door::Peer>,
    Path(tab): Path<String>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    let Some(again) = again_of(&tab).filter(|_| window.is_ours(&headers)) else { return stranger() };
    let Some((login, secret)) = cookie(&headers, TICKET).and_then(|ticket| ticket.split_once(':')) else {
        return told(StatusCode::UNAUTHORIZED, &not_done("there is no ticket: ask to look"));
    };
    // The tab looks anew: what it looked at before, it has left.
    if let Some(before) = cookie(&headers, &again).and_then(|own| window.lobby.find(own)) {
        before.leave();
    }
    let form = Form::Plain { login: login.to_owned(), secret: Zeroizing::new(secret.to_owned()) };
    let own = Zeroizing::new(hex(&random::<16>()));
    let cookies = [Some(take_back(TICKET)), keep(&again, &own, None)].into_iter().flatten().collect();
    let looks = move |socket| async move { looks(&window, &peer, form, &own, socket).await };
    with(upgrade.max_message_size(MESSAGE).max_frame_size(MESSAGE).on_upgrade(looks), cookies)
}

/// The way back, by what this tab was given.
pub(super) async fn again<P: Gate>(
    State(window): State<Window<P>>,
    ConnectInfo(peer): ConnectInfo<door::Peer>,
    Path(tab): Path<String>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    let Some(again) = again_of(&tab).filter(|_| window.is_ours(&headers)) else { return stranger() };
    let Some(own) = cookie(&headers, &again).map(|own| Zeroizing::new(own.to_owned())) else {
        return told(StatusCode::UNAUTHORIZED, &not_done("this tab looks at nothing: ask to look"));
    };
    let looks = move |socket| async move { looks_again(&window, &peer, &own, socket).await };
    upgrade.max_message_size(MESSAGE).max_frame_size(MESSAGE).on_upgrade(looks)
}

/// The cookie of a tab, which names itself by eight hexadecimal digits.
fn again_of(tab: &str) -> Option<String> {
    let is_name = tab.len() == 8 && tab.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    is_name.then(|| format!("__Host-again-{tab}"))
}

/// Lets somebody in, or says why not: a page reads no answer to an upgrade that failed.
async fn looks<P: Gate>(window: &Window<P>, peer: &door::Peer, form: Form, own: &str, socket: WebSocket) {
    let mut link = link(peer, socket);
    let card = peer.card.as_deref().cloned();
    let (certificate, from) = (card.as_ref().map(|card| card.fingerprint), peer.ends.address.ip());
    let shown = Presented { form, certificate, from, capture: Entrance::Browser.client().1 };
    window.node.tls(&peer.connection, TlsFacts::clone(&peer.facts)).await;
    match window.node.admit(&peer.connection, visitor(peer), shown, card).await {
        Ok(seat) => {
            peer.stays.store(true, Ordering::SeqCst);
            let room = Room { gate: &*window.node, pixels: &window.pixels, clock: &window.clock, metrics: &window.metrics };
            seated(&room, seat, link, (&window.lobby, own)).await;
        }
        Err(refusal) => sent_away(refusal, &mut link.says, &window.clock).await,
    }
}

/// Gives a session that runs its page back.
async fn looks_again<P: Gate>(window: &Window<P>, peer: &door::Peer, own: &str, socket: WebSocket) {
    let mut link = link(peer, socket);
    window.node.tls(&peer.connection, TlsFacts::clone(&peer.facts)).await;
    let waiting = window.lobby.find(own);
    let (place, now) = (waiting.as_ref().and_then(Waiting::place), window.clock.now());
    let session = waiting.as_ref().filter(|_| place.is_some());
    let session = session.map(|waiting| (&waiting.session, now.saturating_duration_since(*waiting.last.borrow())));
    let card = peer.card.as_deref().cloned();
    match (window.node.resumed(&peer.connection, visitor(peer), session, card).await, place) {
        (Ok(()), Some(place)) => {
            peer.stays.store(true, Ordering::SeqCst);
            place.send(link);
        }
        // That passes: the page tries again.
        (Err(Refusal::NoStore), _) => {}
        (Err(refusal), _) => sent_away(refusal, &mut link.says, &window.clock).await,
        (Ok(()), None) => {}
    }
}

fn visitor(peer: &door::Peer) -> Peer {
    Peer { ends: peer.ends, entrance: Entrance::Browser, known: peer.known }
}

fn link(peer: &door::Peer, socket: WebSocket) -> Link {
    let (sink, stream) = socket.split();
    Link { hears: Incoming(stream), says: Outgoing(sink), cut: Arc::clone(&peer.cut) }
}

pub(super) struct Incoming(SplitStream<WebSocket>);

impl Hears for Incoming {
    async fn hear(&mut self) -> Result<Option<Came>, Gone> {
        match self.0.next().await {
            Some(Ok(Message::Close(Some(frame)))) if frame.code == Close::GivenUp as u16 => Err(Gone::Lost),
            None | Some(Ok(Message::Close(_))) => Ok(None),
            Some(Ok(Message::Binary(message))) => Ok(Some(Came::Message(message.to_vec()))),
            // Pages say nothing in letters: it is no message of theirs.
            Some(Ok(Message::Text(_))) => Ok(Some(Came::Message(Vec::new()))),
            Some(Ok(Message::Ping(_))) => Ok(Some(Came::Noise)),
            Some(Ok(Message::Pong(_))) => Ok(Some(Came::Echo)),
            Some(Err(error)) => Err(gone(error)),
        }
    }
}

/// Whether a link was lost or what came over it is no WebSocket.
fn gone(error: axum::Error) -> Gone {
    match error.into_inner().downcast_ref::<Error>() {
        Some(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)) => Gone::Lost,
        Some(Error::Protocol(_) | Error::Utf8(_)) => Gone::Broken,
        Some(Error::Capacity(_)) => Gone::TooLong,
        _ => Gone::Lost,
    }
}

pub(super) struct Outgoing(SplitSink<WebSocket, Message>);

impl Outgoing {
    async fn send(&mut self, message: Message) -> Result<(), Gone> {
        self.0.send(message).await.map_err(|_| Gone::Lost)
    }
}

impl Says for Outgoing {
    async fn say(&mut self, message: Vec<u8>) -> Result<(), Gone> {
        self.send(Message::Binary(message.into())).await
    }

    async fn probe(&mut self) -> Result<(), Gone> {
        self.send(Message::Ping(Default::default())).await
    }

    async fn close(&mut self, why: Close) {
        let frame = CloseFrame { code: why as u16, reason: Default::default() };
        // Whoever is gone is told nothing.
        let _ = self.send(Message::Close(Some(frame))).await;
        let _ = self.0.close().await;
    }
}
