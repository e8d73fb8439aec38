//! What a page says, message by message.

use std::time::Instant;

use tokio::sync::watch;

use super::heard::Heard;
use super::{Came, Gone, Hears, WS, WS_LENGTH};
use crate::clock::Clock;
use crate::rfb::Where;
use crate::viewer::Ending;
use crate::viewer::gauges::Gauges;
use crate::viewer::pace::Pace;
use crate::viewer::presence::Presence;

/// Messages heard from one page in a while: a thousand a second.
const MESSAGES: u32 = 64;

/// What a page last said of itself.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Asked {
    pub painted: u32,
    pub hidden: bool,
    /// How often it was hidden: each time what was on it is gone.
    pub hides: u32,
    /// When it answered a probe.
    pub echoed: Option<Instant>,
}

pub(super) struct Reading<H> {
    pub hears: H,
    pub asked: watch::Sender<Asked>,
    pub gauges: Gauges,
    /// When anything was heard of the page.
    pub last: watch::Sender<Instant>,
}

impl<H: Hears> Reading<H> {
    pub async fn run(&mut self, presence: &Presence, clock: &Clock) -> Ending {
        let mut pace = Pace::of(MESSAGES, clock);
        loop {
            pace.next(clock).await;
            let came = match self.hears.hear().await {
                Ok(Some(came)) => came,
                Ok(None) => return Ending::Left,
                Err(Gone::Lost) => return Ending::Lost,
                Err(Gone::Broken) => return self.broken(WS, 0),
                Err(Gone::TooLong) => return self.broken(WS_LENGTH, 0),
            };
            self.last.send_replace(clock.now());
            let message = match came {
                Came::Message(message) => message,
                Came::Echo => {
                    self.asked.send_modify(|asked| asked.echoed = Some(clock.now()));
                    continue;
                }
                Came::Noise => continue,
            };
            self.gauges.hear(message.len());
            match Heard::read(&message) {
                Some(Heard::Painted(update)) => {
                    self.asked.send_if_modified(|asked| std::mem::replace(&mut asked.painted, update) != update);
                }
                Some(Heard::Present) => presence.shown(clock.now()),
                Some(Heard::Hidden) => self.asked.send_modify(|asked| {
                    (asked.hidden, asked.hides) = (true, asked.hides.wrapping_add(1));
                }),
                Some(Heard::Visible) => self.asked.send_modify(|asked| asked.hidden = false),
                Some(Heard::Copies(sign)) => self.gauges.copy(sign),
                Some(Heard::Bye) => return Ending::Left,
                None => return self.broken("dn.page", message.len()),
            }
        }
    }

    /// `length`: of the message that was none.
    fn broken(&self, code: &'static str, length: usize) -> Ending {
        Ending::Broken { code, at: Where { state: "page", offset: self.gauges.heard() - length as u64 } }
    }
}
