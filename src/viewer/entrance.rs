//! From a socket to a seat: the handshake, TLS where it belongs, and the gate's verdict.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::limits::Place;
use super::{Ending, Gate, Peer, Seat, Tally, TlsFacts};
use crate::clock::{Clock, Elapsed};
use crate::desk::{Form, Presented};
use crate::governance::Refusal;
use crate::id::{ConnectionId, random};
use crate::rfb::handshake::server::{Asked, Credentials, Offer, ServerHandshake, ServerHandshakeError, refuse_early};
use crate::rfb::{Buffer, Where};
use crate::tls::{Card, ForViewers};

/// Everything before the login must be done in this time, however slowly it drips.
const PROTOCOL: Duration = Duration::from_secs(10);
/// Whoever is sent away learns it no sooner: guessing is slow, and as slow whatever was wrong.
const SENT_AWAY: Duration = Duration::from_secs(1);
/// A person types a ticket.
const LOGIN: Duration = Duration::from_secs(120);

/// A viewer let in: its stream, what it said already, its seat.
pub(super) struct Entered<S> {
    pub stream: S,
    pub buffer: Buffer,
    pub seat: Seat,
}

/// Why a connection did not become a session: for the trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turned {
    /// Empty: the gate has traced it already.
    pub code: &'static str,
    /// The alert by which the viewer ended TLS.
    pub alert: Option<String>,
    /// Where in the viewer's words it was.
    pub at: Option<Where>,
}

impl Turned {
    pub(super) fn by(code: &'static str) -> Self {
        Self { code, alert: None, at: None }
    }

    fn at(self, place: Where) -> Self {
        Self { at: Some(place), ..self }
    }

    fn by_tls(error: &std::io::Error) -> Self {
        tracing::debug!(%error, "TLS failed with a viewer");
        let told = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
        let alert = match told {
            Some(rustls::Error::AlertReceived(alert)) => Some(format!("{alert:?}")),
            _ => None,
        };
        Self { code: "tls.handshake", alert, at: None }
    }
}

impl From<Elapsed> for Turned {
    fn from(_: Elapsed) -> Self {
        Self::by("dn.timeout")
    }
}

impl From<std::io::Error> for Turned {
    fn from(_: std::io::Error) -> Self {
        Self::by("dn.lost")
    }
}

impl From<&ServerHandshakeError> for Turned {
    fn from(error: &ServerHandshakeError) -> Self {
        Self::by(error.code())
    }
}

/// Where in the handshake a stream is given back.
enum Pause {
    StartTls,
    Decide(Credentials),
    Ready,
}

pub(super) struct Door<'a, G> {
    pub gate: &'a Arc<G>,
    pub connection: &'a ConnectionId,
    pub peer: Peer,
    pub tls: &'a ForViewers,
    pub clock: &'a Clock,
    /// Among the handshakes; given back for one among those who type.
    pub place: Option<Place>,
}

impl<G: Gate> Door<'_, G> {
    /// TLS on a raw socket, on which this was said before.
    pub async fn secure(&self, tcp: TcpStream, said: &Buffer) -> Result<(TlsStream<TcpStream>, Option<Card>), Turned> {
        let accept = TlsAcceptor::from(self.tls.current()).accept(tcp);
        let accepted = self.clock.within(self.clock.now() + PROTOCOL, accept).await;
        let stream = accepted.map_err(Turned::from).and_then(|accepted| accepted.map_err(|error| Turned::by_tls(&error)));
        let stream = stream.map_err(|turned| turned.at(said.at("tls")))?;
        let (_, connection) = stream.get_ref();
        let card = connection.peer_certificates().and_then(Card::of);
        self.gate.tls(self.connection, TlsFacts::of(connection)).await;
        Ok((stream, card))
    }

    /// RFB first, TLS inside it (VeNCrypt X509Plain).
    pub async fn in_band(self, mut tcp: TcpStream) -> Result<Entered<TlsStream<TcpStream>>, Turned> {
        let mut handshake = ServerHandshake::new(Offer::X509Plain, random());
        let mut buffer = Buffer::default();
        match self.until(&mut tcp, &mut handshake, &mut buffer, PROTOCOL).await? {
            Pause::StartTls if buffer.is_empty() => {}
            _ => return Err(Turned::by("dn.tls_injection").at(buffer.at(handshake.state()))),
        }
        let (stream, card) = self.secure(tcp, &buffer).await?;
        handshake.tls_started();
        self.login(stream, handshake, buffer, card).await
    }

    /// Everything on one stream: inside TLS that came first, or in clear on loopback.
    pub async fn plain<S: AsyncRead + AsyncWrite + Unpin>(
        self,
        stream: S,
        offer: Offer,
        card: Option<Card>,
    ) -> Result<Entered<S>, Turned> {
        self.login(stream, ServerHandshake::new(offer, random()), Buffer::default(), card).await
    }

    /// From the credentials to ServerInit's door.
    async fn login<S: AsyncRead + AsyncWrite + Unpin>(
        mut self,
        mut stream: S,
        mut handshake: ServerHandshake,
        mut buffer: Buffer,
        card: Option<Card>,
    ) -> Result<Entered<S>, Turned> {
        // Held until the viewer is let in or sent away, not while it looks.
        let place = self.place.take().and_then(Place::begin_login);
        let _place = place.ok_or(Turned::by("dn.busy"))?;
        let Pause::Decide(credentials) = self.until(&mut stream, &mut handshake, &mut buffer, LOGIN).await? else {
            return Err(Turned::by("dn.handshake"));
        };
        let form = match credentials {
            Credentials::Plain { user, password } => Some(Form::Plain { login: user, secret: password }),
            Credentials::VncAuth { challenge, response } => Some(Form::Short { challenge, response }),
            // No listener offers None: whoever looks has a ticket.
            Credentials::Nothing => None,
        };
        let verdict = match form {
            Some(form) => {
                let certificate = card.as_ref().map(|card| card.fingerprint);
                let shown =
                    Presented { form, certificate, from: self.peer.ends.address.ip(), capture: self.peer.entrance.client().1 };
                self.gate.admit(self.connection, self.peer, shown, card).await
            }
            None => Err(Refusal::TicketUnknown),
        };
        match verdict {
            Ok(seat) => match self.greet(&mut stream, &mut handshake, &mut buffer).await {
                Ok(()) => Ok(Entered { stream, buffer, seat }),
                Err(turned) => {
                    // The session was recorded: so is its end, though it showed nothing.
                    let ending = match turned.at.filter(|_| turned.code != "dn.lost") {
                        Some(at) => Ending::Broken { code: turned.code, at },
                        None => Ending::Lost,
                    };
                    self.gate.ended(seat.admission.session(), Tally::empty(ending)).await;
                    Err(Turned::by(""))
                }
            },
            Err(refusal) => {
                self.clock.sleep(SENT_AWAY).await;
                self.send(&mut stream, &handshake.refuse(refusal.words())).await?;
                let _ = self.clock.within(self.clock.now() + PROTOCOL, stream.shutdown()).await;
                // The gate has traced the refusal.
                Err(Turned::by(""))
            }
        }
    }

    /// Tells the viewer that it is let in, and waits for its ClientInit.
    async fn greet<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: &mut S,
        handshake: &mut ServerHandshake,
        buffer: &mut Buffer,
    ) -> Result<(), Turned> {
        self.send(stream, &handshake.accept()).await?;
        match self.until(stream, handshake, buffer, PROTOCOL).await? {
            Pause::Ready => Ok(()),
            _ => Err(Turned::by("dn.handshake")),
        }
    }

    async fn send<S: AsyncWrite + Unpin>(&self, stream: &mut S, bytes: &[u8]) -> Result<(), Turned> {
        let work = async {
            stream.write_all(bytes).await?;
            stream.flush().await
        };
        Ok(self.clock.within(self.clock.now() + PROTOCOL, work).await??)
    }

    /// Moves the handshake until it needs something that is not bytes.
    async fn until<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: &mut S,
        handshake: &mut ServerHandshake,
        buffer: &mut Buffer,
        time: Duration,
    ) -> Result<Pause, Turned> {
        let pause = self.advance(stream, handshake, buffer, time).await;
        pause.map_err(|turned| turned.at(buffer.at(handshake.state())))
    }

    async fn advance<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: &mut S,
        handshake: &mut ServerHandshake,
        buffer: &mut Buffer,
        time: Duration,
    ) -> Result<Pause, Turned> {
        let deadline = self.clock.now() + time;
        loop {
            let step = match handshake.advance(buffer.unread()) {
                Ok(step) => step,
                Err(error) => {
                    if error == ServerHandshakeError::TooOldForTls {
                        self.send(stream, &[&[0; 3], refuse_early(&error.to_string()).as_slice()].concat()).await?;
                    }
                    return Err((&error).into());
                }
            };
            let Some((taken, asked)) = step else {
                let Some(room) = buffer.room() else { return Err(Turned::by("dn.handshake")) };
                if self.clock.within(deadline, stream.read_buf(room)).await?? == 0 {
                    return Err(Turned::by("dn.lost"));
                }
                continue;
            };
            buffer.consume(taken);
            match asked {
                None => {}
                Some(Asked::Send(bytes)) => self.send(stream, &bytes).await?,
                Some(Asked::StartTls) => return Ok(Pause::StartTls),
                Some(Asked::Decide(credentials)) => return Ok(Pause::Decide(credentials)),
                Some(Asked::Ready) => return Ok(Pause::Ready),
            }
        }
    }
}
