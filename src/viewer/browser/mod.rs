//! The picture in a browser: tiles that it decodes by itself, in messages over any link of messages. The other way goes a
//! closed list of six, none of which can become anything that a site is told.

mod heard;
mod lobby;
mod movement;
mod reading;
mod said;
mod session;
mod tiles;
mod writing;

use std::sync::Arc;
use std::time::Duration;

use super::cut::{Cut, Line};
use super::seated::Room;
use super::{Gate, Seat};

use crate::clock::Clock;
use crate::governance::Refusal;
pub use heard::CopySign;
pub use lobby::{Lobby, Waiting};
use said::{OVER, Over, json};
use session::Session;

/// As the trace names what came over a link and is no WebSocket.
const WS: &str = "dn.ws";
const WS_LENGTH: &str = "dn.ws_length";

/// An orderly close takes no longer than this.
const CLOSE: Duration = Duration::from_millis(500);

/// Why nothing more is heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gone {
    Lost,
    /// What came is no WebSocket (RFC 6455).
    Broken,
    /// A message is longer than any of a page.
    TooLong,
}

/// What came over the link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Came {
    Message(Vec<u8>),
    /// The answer to a probe.
    Echo,
    /// The link's own noise, which says nothing.
    Noise,
}

/// How a link is closed (RFC 6455 §7.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Close {
    Normal = 1000,
    Protocol = 1002,
    Policy = 1008,
    TooLong = 1009,
    /// By a page that has given the link up, and comes by another.
    GivenUp = 4000,
}

/// What hears a page. One message at a time, each small.
pub trait Hears: Send + 'static {
    /// What comes next; `None`: the page closed the link in order.
    fn hear(&mut self) -> impl Future<Output = Result<Option<Came>, Gone>> + Send;
}

/// What a page is told by. A message is the system's when this returns.
pub trait Says: Send + 'static {
    fn say(&mut self, message: Vec<u8>) -> impl Future<Output = Result<(), Gone>> + Send;
    /// Asks for an echo, which the browser gives by itself.
    fn probe(&mut self) -> impl Future<Output = Result<(), Gone>> + Send;
    fn close(&mut self, why: Close) -> impl Future<Output = ()> + Send;
}

/// One way to a page.
pub struct Link<H, S> {
    pub hears: H,
    pub says: S,
    /// The socket that it runs over.
    pub cut: Arc<Cut>,
}

/// A page that was not let in is told why; it has half a second to take it.
pub async fn sent_away(refusal: Refusal, says: &mut impl Says, clock: &Clock) {
    let over = Over { code: refusal.code(), session: None, words: Some(refusal.words()) };
    farewell(&over, Close::Normal, says, clock).await;
}

/// The last that is said. Whoever reads nothing is not waited for.
async fn farewell(over: &Over<'_>, why: Close, says: &mut impl Says, clock: &Clock) {
    let said = async {
        if says.say(json(OVER, over)).await.is_ok() {
            says.close(why).await;
        }
    };
    let _ = clock.within(clock.now() + CLOSE, said).await;
}

/// A page that was let in, to the end of its session. `secret`: by which the page finds it again in the lobby when its
/// link was lost.
pub async fn seated<G: Gate, H: Hears, S: Says>(
    room: &Room<'_, G>,
    seat: Seat,
    link: Link<H, S>,
    (lobby, secret): (&Arc<Lobby<Link<H, S>>>, &str),
) {
    let line = Arc::new(Line::over(Arc::clone(&link.cut)));
    let chair = lobby.enter(secret, &seat, room.clock.now());
    room.hold(seat, Arc::clone(&line), |held| Session::new(held, line, chair).run(link)).await;
}
