//! The picture in a browser: tiles that it decodes by itself, in messages over any link of messages. The other way goes a
//! closed list of six, none of which can become anything that a site is told.

mod heard;
mod said;
mod session;
mod tiles;

use std::sync::Arc;

use super::cut::Cut;
use super::seated::Room;
use super::{Gate, Seat};

use crate::governance::Refusal;
pub use heard::{CopySign, NOISE};
use said::{OVER, Over, json};
use session::Session;

/// The link is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gone;

/// What hears a page. One message at a time, each small.
pub trait Hears: Send + 'static {
    /// The next message; `None`: the page closed the link in order.
    fn hear(&mut self) -> impl Future<Output = Result<Option<Vec<u8>>, Gone>> + Send;
}

/// What a page is told by. A message is the system's when this returns.
pub trait Says: Send + 'static {
    fn say(&mut self, message: Vec<u8>) -> impl Future<Output = Result<(), Gone>> + Send;
    fn close(&mut self) -> impl Future<Output = ()> + Send;
}

/// A page that was not let in is told why.
pub async fn sent_away(refusal: Refusal, says: &mut impl Says) {
    let over = Over { code: refusal.code(), session: None, words: Some(refusal.words()) };
    if says.say(json(OVER, &over)).await.is_ok() {
        says.close().await;
    }
}

/// A page that was let in, to the end of its session. `cut`: the socket that the link runs over.
pub async fn seated<G: Gate>(room: &Room<'_, G>, seat: Seat, cut: Arc<Cut>, hears: impl Hears, says: impl Says) {
    room.hold(seat, cut, |held| Session::new(hears, says, held).run()).await;
}
