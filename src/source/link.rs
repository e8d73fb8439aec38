//! The link to one open site: connect, enter, converse, and come back after a failure.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::ClientConfig;
use tokio::sync::{mpsc, watch};

use super::reach;
use super::session::{Pace, Session};
use super::wire::{LinkError, Step, TlsFacts, Wire};
use crate::clock::{Clock, Elapsed};
use crate::id::random;
use crate::metrics::Metrics;
use crate::network::Networks;
use crate::rfb::handshake::client::{Asked, Awaits, ClientHandshake, Entered, HandshakeError, Login, Transport};
use crate::rfb::server::Dropped;
use crate::rfb::{Buffer, Where};
use crate::screen::{Masks, ScreenWriter};
use crate::shutdown::Shutdown;

/// Each step of entering a site may take this long.
const STEP: Duration = Duration::from_secs(10);
/// Decoding goes on for this long before others have their turn. Most steps are shorter; a large JPEG is one step.
const SLICE: Duration = Duration::from_micros(500);
/// Failed reconnection for this long ends the link.
const GIVE_UP: Duration = Duration::from_secs(60);
/// Viewers keep the last picture this long, marked stale.
const KEEP_STALE: Duration = Duration::from_secs(30);

/// Where a site is and how it is entered.
#[derive(Clone)]
pub struct Target {
    pub host: String,
    pub port: u16,
    /// Where the name may lead.
    pub networks: Networks,
    pub transport: Transport,
    /// There whenever `transport` uses TLS.
    pub tls: Option<Arc<ClientConfig>>,
    pub server_name: String,
    pub login: Login,
    pub pace: Pace,
}

/// What an open link is, for the trace.
#[derive(Debug, Clone)]
pub struct Opened {
    pub entered: Entered,
    pub tls: Option<TlsFacts>,
    pub took: Duration,
    pub ends: Option<Ends>,
}

/// Both ends of a connection to a site, ours first: a firewall's records name it so (R45).
pub type Ends = (SocketAddr, SocketAddr);

/// What happens to a link. The node traces each.
#[derive(Debug)]
pub enum Report {
    Opening,
    Opened(Opened),
    /// `ends`: if there was a connection.
    Refused {
        code: &'static str,
        words: String,
        at: Where,
        ends: Option<Ends>,
    },
    Closed {
        code: &'static str,
        received: u64,
        dropped: Vec<(Dropped, u64)>,
    },
}

/// Why a link is over for good, until somebody shows the site again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// We were told to.
    Stopped,
    ClosedBySite,
    /// 60 seconds of failed reconnection.
    Lost,
    /// The login failed, or somebody may be between.
    NeedsOperator,
    /// Our own fault: its task ended by itself.
    Failed,
}

impl Ended {
    pub fn code(self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::ClosedBySite => "closed_by_site",
            Self::Lost => "link_lost",
            Self::NeedsOperator => "needs_operator",
            Self::Failed => "failed",
        }
    }
}

/// Owns the writing end of the screen while it runs.
pub struct Link {
    pub target: Target,
    pub clock: Clock,
    pub metrics: Metrics,
    pub reports: mpsc::Sender<Report>,
    pub stop: Shutdown<()>,
    /// New masks, when they are confirmed.
    pub masks: watch::Receiver<Masks>,
    pub screen: ScreenWriter,
}

/// How one connection ended.
enum Over {
    Stopped,
    Closed,
    Failed(LinkError, Where, Option<Ends>),
}

impl Link {
    /// Runs until the link is over; the screen comes back cleared.
    pub async fn run(mut self) -> (ScreenWriter, Ended) {
        let ended = self.keep_open().await;
        self.screen.clear();
        (self.screen, ended)
    }

    async fn keep_open(&mut self) -> Ended {
        let mut failing_since: Option<Instant> = None;
        let mut attempt = 0u32;
        loop {
            let _ = self.reports.send(Report::Opening).await;
            let (over, opened) = self.connection(failing_since).await;
            let (error, at, ends) = match over {
                Over::Stopped => return Ended::Stopped,
                Over::Closed => return Ended::ClosedBySite,
                Over::Failed(error, at, ends) => (error, at, ends),
            };
            let report = Report::Refused { code: error.code(), words: error.to_string(), at, ends };
            tracing::warn!(code = error.code(), "a site's link failed");
            let _ = self.reports.send(report).await;
            if error.needs_operator() {
                return Ended::NeedsOperator;
            }
            let now = self.clock.now();
            if opened {
                (failing_since, attempt) = (None, 0);
            }
            let since = *failing_since.get_or_insert(now);
            if now.saturating_duration_since(since) >= GIVE_UP {
                return Ended::Lost;
            }
            self.screen.stale(since);
            let until = (now + backoff(attempt)).min(since + GIVE_UP);
            attempt += 1;
            if self.wait(until, since + KEEP_STALE).await.is_err() {
                return Ended::Stopped;
            }
        }
    }

    /// Waits to try again, clearing the picture when it has been stale too long. `Err`: stopped.
    async fn wait(&mut self, until: Instant, clear_at: Instant) -> Result<(), ()> {
        loop {
            let now = self.clock.now();
            if now >= clear_at {
                self.screen.clear();
            }
            let next = if now < clear_at { until.min(clear_at) } else { until };
            if now >= until {
                return Ok(());
            }
            tokio::select! {
                biased;
                () = self.stop.raised() => return Err(()),
                () = self.clock.sleep_until(next) => {}
            }
        }
    }

    /// One connection, from connecting to its end; whether it was ever open.
    async fn connection(&mut self, failing_since: Option<Instant>) -> (Over, bool) {
        let (target, clock) = (self.target.clone(), self.clock.clone());
        let mut hall = Hall::new(&target, &clock);
        let mut clear_at = failing_since.map(|since| since + KEEP_STALE);
        let entered = {
            let mut enter = pin!(hall.enter());
            loop {
                let far = clock.now() + GIVE_UP;
                tokio::select! {
                    biased;
                    () = self.stop.raised() => return (Over::Stopped, false),
                    entered = &mut enter => break entered,
                    () = clock.sleep_until(clear_at.unwrap_or(far)), if clear_at.is_some() => {
                        clear_at = None;
                        self.screen.clear();
                    }
                }
            }
        };
        let (mut wire, opened) = match entered {
            Ok(entered) => entered,
            Err(error) => {
                let place = hall.place(&error);
                return (Over::Failed(error, place, hall.ends), false);
            }
        };
        let (mut buffer, ends) = (hall.buffer, hall.ends);
        let size = opened.entered.init.size;
        let _ = self.reports.send(Report::Opened(opened)).await;
        self.metrics.sources.inc();
        let masks = self.masks.borrow_and_update().clone();
        self.screen.mask(masks);
        let mut session = Session::new(self.target.pace, size, self.metrics.clone(), &mut self.screen, clock.now());
        let over = self.converse(&mut wire, &mut buffer, &mut session).await;
        let over = over.unwrap_or_else(|error| Over::Failed(error, buffer.at("session"), ends));
        self.metrics.sources.dec();
        let code = match &over {
            Over::Stopped => "stopped",
            Over::Closed => "closed_by_site",
            Over::Failed(error, ..) => error.code(),
        };
        let _ = self.reports.send(Report::Closed { code, received: session.received(), dropped: session.dropped() }).await;
        (over, session.has_opened())
    }

    /// Sends what the session has to say. True: we were told to stop meanwhile.
    async fn flush(&mut self, wire: &mut Wire, session: &mut Session) -> Result<bool, LinkError> {
        while let Some(bytes) = session.take_out() {
            let deadline = self.clock.now() + STEP;
            tokio::select! {
                biased;
                () = self.stop.raised() => return Ok(true),
                sent = self.clock.within(deadline, wire.send(&bytes)) => {
                    sent.map_err(|Elapsed| LinkError::Timeout(Step::Requests))??;
                }
            }
        }
        Ok(false)
    }

    async fn converse(&mut self, wire: &mut Wire, buffer: &mut Buffer, session: &mut Session) -> Result<Over, LinkError> {
        let mut since = self.clock.now();
        loop {
            while session.work(buffer, &mut self.screen, self.clock.now())? {
                if self.clock.now() - since >= SLICE {
                    // Others may want the core.
                    tokio::task::yield_now().await;
                    since = self.clock.now();
                }
                if self.stop.reason().is_some() || self.flush(wire, session).await? {
                    return Ok(Over::Stopped);
                }
            }
            session.tick(&mut self.screen, self.clock.now())?;
            if self.flush(wire, session).await? {
                return Ok(Over::Stopped);
            }
            let now = self.clock.now();
            let rest = session.read_from().filter(|_| session.rests(now));
            let deadline = rest.map_or(session.deadline(now), |from| from.min(session.deadline(now)));
            tokio::select! {
                biased;
                () = self.stop.raised() => return Ok(Over::Stopped),
                Ok(()) = self.masks.changed() => {
                    let masks = self.masks.borrow_and_update().clone();
                    self.screen.mask(masks);
                }
                read = wire.read(buffer), if rest.is_none() => match read {
                    Ok(0) if session.is_between_messages() && buffer.is_empty() => return Ok(Over::Closed),
                    Ok(0) => return Err(LinkError::Cut),
                    Ok(bytes) => session.heard(bytes, self.clock.now()),
                    Err(error) => return Err(error.into()),
                },
                () = self.clock.sleep_until(deadline) => {}
            }
        }
    }
}

/// 1 s, doubling to 60 s, with up to a quarter more so that nodes do not come back in step.
fn backoff(attempt: u32) -> Duration {
    let base = Duration::from_secs(1 << attempt.min(6)).min(GIVE_UP);
    let [jitter] = random::<1>();
    base + base * u32::from(jitter) / 1024
}

/// The way in to a site: connecting and the handshake, each step within its deadline.
struct Hall<'a> {
    target: &'a Target,
    clock: &'a Clock,
    handshake: ClientHandshake,
    buffer: Buffer,
    ends: Option<Ends>,
}

impl<'a> Hall<'a> {
    fn new(target: &'a Target, clock: &'a Clock) -> Self {
        let handshake = ClientHandshake::new(target.login.clone(), target.transport);
        Self { target, clock, handshake, buffer: Buffer::default(), ends: None }
    }

    /// How far the site has come, when this ended it.
    fn place(&self, error: &LinkError) -> Where {
        self.buffer.at(match error {
            LinkError::Connect(..) | LinkError::Elsewhere(..) | LinkError::Timeout(Step::Connecting) => "connecting",
            LinkError::Tls(_) | LinkError::Timeout(Step::Tls) => "tls",
            _ => self.handshake.awaits().name(),
        })
    }

    async fn enter(&mut self) -> Result<(Wire, Opened), LinkError> {
        self.shake_hands().await.map_err(|error| match error {
            error if error.needs_operator() || !self.handshake.awaits_verdict() => error,
            error => HandshakeError::AuthFailed(error.to_string()).into(),
        })
    }

    async fn shake_hands(&mut self) -> Result<(Wire, Opened), LinkError> {
        let Self { target, clock, .. } = *self;
        let started = clock.now();
        let connect = reach::connect(&target.host, target.port, &target.networks);
        let tcp = clock.within(started + STEP, connect).await.map_err(|Elapsed| LinkError::Timeout(Step::Connecting))?;
        let tcp = tcp?;
        self.ends = tcp.local_addr().ok().zip(tcp.peer_addr().ok());
        let mut wire = Wire::new(tcp)?;
        if target.transport == Transport::Tls {
            wire = self.secure(wire).await?;
        }
        let mut entered = self.drive(&mut wire).await?;
        if entered.is_none() {
            wire = self.secure(wire).await?;
            self.handshake.tls_started();
            if let Some(first) = self.handshake.first_inside_tls() {
                let late = |Elapsed| LinkError::Timeout(Step::Handshake(Awaits::Login));
                clock.within(clock.now() + STEP, wire.send(&first)).await.map_err(late)??;
            }
            entered = self.drive(&mut wire).await?;
        }
        let opened =
            Opened { entered: entered.ok_or(LinkError::Cut)?, tls: wire.tls(), took: clock.now() - started, ends: self.ends };
        Ok((wire, opened))
    }

    async fn secure(&self, wire: Wire) -> Result<Wire, LinkError> {
        let none = || LinkError::Tls(std::io::Error::other("no trust is configured"));
        let config = self.target.tls.clone().ok_or_else(none)?;
        let start = wire.start_tls(config, &self.target.server_name);
        self.clock.within(self.clock.now() + STEP, start).await.map_err(|Elapsed| LinkError::Timeout(Step::Tls))?
    }

    /// Moves the handshake, in one step's time, until it is done (`Some`) or TLS must start (`None`).
    async fn drive(&mut self, wire: &mut Wire) -> Result<Option<Entered>, LinkError> {
        let Self { clock, handshake, buffer, .. } = self;
        let deadline = clock.now() + STEP;
        loop {
            let step = handshake.advance(buffer.unread())?;
            let late = |Elapsed| LinkError::Timeout(Step::Handshake(handshake.awaits()));
            let Some((taken, asked)) = step else {
                if clock.within(deadline, wire.read(buffer)).await.map_err(late)?? == 0 {
                    return Err(LinkError::Cut);
                }
                continue;
            };
            buffer.consume(taken);
            match asked {
                None => {}
                Some(Asked::Send(bytes)) => clock.within(deadline, wire.send(&bytes)).await.map_err(late)??,
                Some(Asked::StartTls) => return Ok(None),
                Some(Asked::Ready(entered)) => return Ok(Some(entered)),
            }
        }
    }
}

/// Enters a site once, as ever, and leaves: for `lucarne check`.
pub async fn probe(target: &Target, clock: &Clock) -> Result<Opened, LinkError> {
    let (_, opened) = Hall::new(target, clock).enter().await?;
    Ok(opened)
}
