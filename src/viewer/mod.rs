//! DOWNSTREAM: one auditor's connection, from its first byte to its last.
//!
//! A viewer reads the screen and is told nothing else of the site. It stamps its own copy of every rectangle. What it
//! receives is counted and dropped unless it is a display request; nothing here can reach a source. A session needs an
//! [`Admission`] and a [`Recorded`]: the [`Gate`] gives both.

mod balancer;
pub mod browser;
mod cut;
mod demand;
mod encoder;
mod entrance;
mod faces;
mod gauges;
mod limits;
pub mod listener;
mod pace;
mod presence;
mod pressure;
mod rate;
mod seated;
mod session;
mod update;

use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::desk::Presented;
use crate::governance::{Admission, Refusal};
use crate::id::{ConnectionId, EngagementId, SessionId};
use crate::rfb::Where;
use crate::rfb::input::InputKind;
use crate::screen::ScreenReader;
use crate::shutdown::{Shutdown, Switch};
use crate::tls::Card;
use crate::trace::Recorded;

pub use balancer::{Balancers, Ends};
pub use cut::Cut;
pub use entrance::Turned;
pub use limits::{Known, Limits};
pub use listener::{Entrance, Listener};
pub use rate::{Rate, whose};
pub use seated::Room;

/// What the system may hold of a viewer's picture: little, so that Stop is soon true.
const SEND_BUFFER: usize = 128 << 10;

/// Why a session ended. The codes stand in the trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The site's contact or an operator stopped it.
    Stopped,
    /// A rule no longer holds: the right to look is over.
    Refused(Refusal),
    /// Nobody was there for too long (R39).
    Locked,
    /// The trace cannot be written.
    NoTrace,
    /// The store does not answer.
    NoStore,
    Shutdown,
    /// The viewer closed.
    Left,
    /// The viewer took nothing for 30 seconds.
    NoProgress,
    /// The site was paused and the viewer was too slow to take what it was owed before: it was cut.
    SlowToPause,
    /// The viewer cannot follow the screen's new size.
    CannotResize,
    /// The viewer broke the protocol: the code says how.
    Broken {
        code: &'static str,
        at: Where,
    },
    /// Its connection failed.
    Lost,
    /// Our own fault: its task ended by itself.
    Failed,
}

impl Ending {
    pub fn code(self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::Refused(refusal) => refusal.code(),
            Self::Locked => "locked",
            Self::NoTrace => "no_trace",
            Self::NoStore => "no_store",
            Self::Shutdown => "shutdown",
            Self::Left => "viewer_left",
            Self::NoProgress => "no_progress",
            Self::SlowToPause => "slow_to_pause",
            Self::CannotResize => "cannot_resize",
            Self::Broken { code, .. } => code,
            Self::Lost => "connection_lost",
            Self::Failed => "failed",
        }
    }

    /// Where in its words a viewer broke the protocol.
    pub fn place(self) -> Option<Where> {
        if let Self::Broken { at, .. } = self { Some(at) } else { None }
    }
}

/// All that a session needs. Without an admission and its entry there is none.
#[derive(Debug)]
pub struct Seat {
    pub admission: Admission,
    pub recorded: Recorded,
    pub screen: ScreenReader,
    /// What the viewer's window and the watermark call the site.
    pub label: String,
    /// Ends the session from outside, and sees that it must end.
    pub switch: Switch<Ending>,
    pub ending: Shutdown<Ending>,
    /// Changes when the screen was cleared by order: what was copied before must soon have left the node.
    pub holds: watch::Receiver<u64>,
    /// Whether the site says that real data are on its screen.
    pub real_data: watch::Receiver<bool>,
    /// Whoever looks at the site, this one too.
    pub others: watch::Receiver<Watchers>,
    /// How long nobody need be there until the viewer is locked.
    pub idle: Duration,
}

/// Whoever looks at one site.
pub type Watchers = Arc<[Watcher]>;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Watcher {
    pub name: String,
    pub session: SessionId,
    pub engagement: EngagementId,
}

/// Where a connection came in.
#[derive(Debug, Clone, Copy)]
pub struct Peer {
    pub ends: Ends,
    pub entrance: Entrance,
    /// Somebody was let in from this address not long ago.
    pub known: bool,
}

/// What TLS agreed on with a viewer.
#[derive(Debug, Clone)]
pub struct TlsFacts {
    pub version: String,
    pub suite: String,
    pub group: String,
    pub resumed: bool,
    /// The name that the viewer asked for.
    pub server_name: Option<String>,
    /// SHA-256 of the workstation's certificate, if it showed one.
    pub certificate: Option<[u8; 32]>,
}

impl TlsFacts {
    /// Of a connection whose handshake is done.
    pub fn of(connection: &rustls::ServerConnection) -> Self {
        Self {
            version: connection.protocol_version().map(|v| format!("{v:?}")).unwrap_or_default(),
            suite: connection.negotiated_cipher_suite().map(|s| format!("{:?}", s.suite())).unwrap_or_default(),
            group: connection.negotiated_key_exchange_group().map(|g| format!("{:?}", g.name())).unwrap_or_default(),
            resumed: connection.handshake_kind() == Some(rustls::HandshakeKind::Resumed),
            server_name: connection.server_name().map(|name| name.chars().take(255).collect()),
            certificate: connection.peer_certificates().and_then(Card::of).map(|card| card.fingerprint),
        }
    }
}

/// What a session was, at its end.
#[derive(Debug, Clone)]
pub struct Tally {
    pub ending: Ending,
    pub milliseconds: u64,
    pub updates: u64,
    pub rects: u64,
    pub bytes: u64,
    /// What the viewer sent.
    pub heard: u64,
    pub dropped: Vec<(InputKind, u64)>,
}

impl Tally {
    /// A session that showed nothing.
    fn empty(ending: Ending) -> Self {
        Self { ending, milliseconds: 0, updates: 0, rects: 0, bytes: 0, heard: 0, dropped: Vec::new() }
    }
}

/// Who decides and who writes down: the node. Implementations never answer a viewer themselves.
pub trait Gate: Send + Sync + 'static {
    /// Whether somebody was let in from this address not long ago.
    fn is_known(&self, address: IpAddr) -> bool;
    /// A connection came. It is recorded before one byte is answered; `None`: close it unanswered.
    fn attempt(&self, peer: Peer) -> impl Future<Output = Option<ConnectionId>> + Send;
    /// A limit refused a connection: counted and folded.
    fn limited(&self, peer: Peer, cause: &'static str);
    fn tls(&self, connection: &ConnectionId, facts: TlsFacts) -> impl Future<Output = ()> + Send;
    /// A connection ended before it was anybody's session.
    fn broken(&self, connection: &ConnectionId, how: Turned) -> impl Future<Output = ()> + Send;
    /// Whether what was shown lets a session start; its entry is durable when this returns.
    fn admit(
        &self,
        connection: &ConnectionId,
        peer: Peer,
        shown: Presented,
        card: Option<Card>,
    ) -> impl Future<Output = Result<Seat, Refusal>> + Send;
    /// What a running session's viewer tried so far: once a minute, when it tried something.
    fn counters(&self, session: &SessionId, dropped: Vec<(InputKind, u64)>) -> impl Future<Output = ()> + Send;
    /// A page saw signs that somebody tries to copy the picture.
    fn copied(&self, session: &SessionId, signs: Vec<(browser::CopySign, u64)>) -> impl Future<Output = ()> + Send;
    /// A session's link was lost: it waits for another.
    fn interrupted(&self, session: &SessionId) -> impl Future<Output = ()> + Send;
    /// Whether a session may go on over this connection, with the time since anything was heard of its page; `None`: there
    /// is none. Its entry is durable when this returns.
    fn resumed(
        &self,
        connection: &ConnectionId,
        peer: Peer,
        session: Option<(&SessionId, Duration)>,
        card: Option<Card>,
    ) -> impl Future<Output = Result<(), Refusal>> + Send;
    fn ended(&self, session: &SessionId, tally: Tally) -> impl Future<Output = ()> + Send;
}
