//! The conversation with a site once its handshake is done, sans-IO: bytes and time in, pixels and requests out.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::film::{Ask, Film};
use crate::geometry::{Rect, Size};
use crate::metrics::{Kind, Metrics};
use crate::rfb::encoding::number;
use crate::rfb::error::ProtocolError;
use crate::rfb::request::Jpeg;
use crate::rfb::server::{Dropped, Event, ServerStream};
use crate::rfb::{Buffer, Encode, Fence, Outbound, PixelFormat, Request};
use crate::screen::ScreenWriter;

/// Without an update or an answer for this long, a site is asked whether it is there. Other messages prove nothing of
/// the picture.
const SILENCE: Duration = Duration::from_secs(5);
/// A site that pushes may send one frame as several updates: what comes so soon after the first belongs to it.
const FRAME: Duration = Duration::from_millis(12);
/// This long after the last proof, viewers are told that the picture may no longer be the site's.
const DOUBT: Duration = Duration::from_secs(7);
/// And this is how long it may take to answer.
const ANSWER: Duration = Duration::from_secs(10);
/// Inside a message, a site must send [`CRAWL`] bytes in this time.
const STALL: Duration = Duration::from_secs(30);
const CRAWL: u64 = 1024;
/// Answers waiting to be sent, at most, before more of the site's bytes are read.
const MAX_OUT: usize = 64;
/// Changes of size in ten seconds that are still a person's doing.
const MAX_RESIZES: u32 = 100;
/// Fences in ten seconds that still measure something: each is answered.
const MAX_FENCES: u32 = 5000;
const PROBE: &[u8] = b"lucarne";

/// How a site is asked: part of its configuration.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    pub max_fps: u32,
    pub jpeg: Jpeg,
}

impl Pace {
    fn interval(self) -> Duration {
        Duration::from_secs(1) / self.max_fps.max(1)
    }

    /// The encodings asked of every site, best first. No cursor: the site draws its pointer into the picture.
    pub fn encodings(self, film: bool) -> Vec<i32> {
        use number::*;
        let mut list = vec![COPY_RECT, TIGHT, ZRLE, ZLIB, HEXTILE, TRLE, CORRE, RRE, RAW];
        list.extend([DESKTOP_SIZE, EXTENDED_DESKTOP_SIZE, LAST_RECT, DESKTOP_NAME, FENCE, CONTINUOUS_UPDATES]);
        // Compression 1: the site's CPU is not ours to spend.
        list.push(COMPRESSION.start() + 1);
        let level = match self.jpeg {
            Jpeg::Always => Some(8),
            Jpeg::Films if film => Some(7),
            Jpeg::Films | Jpeg::Never => None,
        };
        list.extend(level.map(|level| QUALITY.start() + level));
        list
    }
}

#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
    #[error("the site stopped answering")]
    Stalled,
}

/// Whether the site pushes updates by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Push {
    Unknown,
    Offered,
    On,
}

/// How often something came in the ten seconds at hand.
#[derive(Debug)]
struct Rate {
    since: Instant,
    count: u32,
}

impl Rate {
    fn new(now: Instant) -> Self {
        Self { since: now, count: 0 }
    }

    fn one_more(&mut self, now: Instant) -> u32 {
        if now.saturating_duration_since(self.since) > Duration::from_secs(10) {
            *self = Self::new(now);
        }
        self.count = self.count.saturating_add(1);
        self.count
    }
}

#[derive(Debug)]
pub struct Session {
    stream: ServerStream,
    pace: Pace,
    metrics: Metrics,
    out: VecDeque<Outbound>,
    damage: Vec<Rect>,
    resized: bool,
    push: Push,
    fences: bool,
    /// When the next update may be asked for; `None` while one is outstanding or the site pushes.
    ask_at: Option<Instant>,
    /// When the frame at hand began to be whole: the next is not read earlier than an interval later.
    last_frame: Option<Instant>,
    /// When the picture was last proved to be the site's.
    proved: Instant,
    /// When anything was last heard.
    heard: Instant,
    /// Viewers were told that it has not been proved since.
    doubted: bool,
    probed: Option<Instant>,
    /// Where and when progress inside a message was last measured.
    progress: (Instant, u64),
    received: u64,
    dropped: [u64; Dropped::ALL.len()],
    resizes: Rate,
    asked_fences: Rate,
    opened: bool,
    film: Film,
}

impl Session {
    /// Says what we want to a site of this size; the screen is blank until its first picture is whole.
    pub fn new(pace: Pace, size: Size, metrics: Metrics, screen: &mut ScreenWriter, now: Instant) -> Self {
        screen.open(size);
        let encodings = pace.encodings(false);
        let mut session = Self {
            stream: ServerStream::new(PixelFormat::NATIVE, &encodings),
            pace,
            metrics,
            out: VecDeque::new(),
            damage: Vec::new(),
            resized: false,
            push: Push::Unknown,
            fences: false,
            ask_at: None,
            last_frame: None,
            proved: now,
            heard: now,
            doubted: false,
            probed: None,
            progress: (now, 0),
            received: 0,
            dropped: [0; Dropped::ALL.len()],
            resizes: Rate::new(now),
            asked_fences: Rate::new(now),
            opened: false,
            film: Film::new(now),
        };
        session.say(&Request::SetPixelFormat(PixelFormat::NATIVE));
        session.say(&Request::SetEncodings(encodings));
        session.say(&Request::FramebufferUpdate { incremental: false, area: size.rect() });
        session
    }

    fn say(&mut self, request: &Request) {
        self.out.push_back(request.encode());
    }

    /// What must be sent next.
    pub fn take_out(&mut self) -> Option<Outbound> {
        self.out.pop_front()
    }

    /// Bytes arrived.
    pub fn heard(&mut self, bytes: usize, now: Instant) {
        self.heard = now;
        self.received += bytes as u64;
        self.metrics.source_bytes.inc_by(bytes as u64);
    }

    /// Whether a close now would be an orderly one.
    pub fn is_between_messages(&self) -> bool {
        !self.stream.is_inside_message()
    }

    /// Whether a whole picture was seen.
    pub fn has_opened(&self) -> bool {
        self.opened
    }

    /// Bytes received.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// What the site sent that is never passed on, by kind.
    pub fn dropped(&self) -> Vec<(Dropped, u64)> {
        Dropped::ALL.into_iter().zip(self.dropped).filter(|(_, count)| *count > 0).collect()
    }

    /// When the site's bytes may be read again: `max_fps` holds whether it pushes or is asked.
    pub fn read_from(&self) -> Option<Instant> {
        self.last_frame.map(|last| last + self.pace.interval())
    }

    /// Whether the site is left alone now: its frame is over, and the next is not due.
    pub fn rests(&self, now: Instant) -> bool {
        let frame_goes_on = self.push == Push::On && self.last_frame.is_some_and(|first| now < first + FRAME);
        !frame_goes_on && self.read_from().is_some_and(|from| now < from)
    }

    /// Does one bounded piece of work on what was received. True: there may be more to do.
    pub fn work(&mut self, buffer: &mut Buffer, screen: &mut ScreenWriter, now: Instant) -> Result<bool, SessionError> {
        let resting = self.rests(now) && self.is_between_messages();
        if resting || self.out.len() >= MAX_OUT {
            return Ok(false);
        }
        let Some(advance) = self.stream.advance(buffer.unread(), screen.canvas())? else { return Ok(false) };
        buffer.consume(advance.taken);
        if let Some(event) = advance.event {
            self.on(event, screen, now)?;
        }
        Ok(true)
    }

    fn on(&mut self, event: Event, screen: &mut ScreenWriter, now: Instant) -> Result<(), SessionError> {
        match event {
            Event::UpdateStarted => self.damage.clear(),
            Event::Damage(rect) => {
                // A flood of small rectangles becomes the whole screen: memory stays bounded.
                if self.damage.len() >= 1 << 16 {
                    self.damage = vec![screen.canvas().size().rect()];
                }
                self.damage.push(rect);
            }
            Event::Resized(_) => {
                self.resized = true;
                self.damage.clear();
                if self.resizes.one_more(now) > MAX_RESIZES {
                    return Err(ProtocolError::ResizeStorm(MAX_RESIZES).into());
                }
            }
            Event::UpdateEnded => self.update_ended(screen, now),
            Event::Fence(fence) if fence.is_request() => {
                self.fences = true;
                if self.asked_fences.one_more(now) > MAX_FENCES {
                    return Err(ProtocolError::FenceFlood(MAX_FENCES).into());
                }
                self.say(&Request::Fence(fence.answer()));
            }
            Event::Fence(fence) if fence.payload() == PROBE => {
                screen.prove(now);
                self.answered(now);
            }
            Event::Fence(_) => return Err(ProtocolError::FenceUnasked.into()),
            Event::EndOfContinuousUpdates => {
                if self.push == Push::Unknown {
                    self.push = Push::Offered;
                }
            }
            Event::Dropped(kind) => {
                if let Some(count) = self.dropped.get_mut(kind as usize) {
                    *count += 1;
                }
                self.metrics.server_messages_dropped.get_or_create(&Kind { kind: kind.name() }).inc();
            }
        }
        Ok(())
    }

    fn answered(&mut self, now: Instant) {
        (self.proved, self.doubted, self.probed) = (now, false, None);
    }

    fn update_ended(&mut self, screen: &mut ScreenWriter, now: Instant) {
        self.answered(now);
        self.metrics.source_updates.inc();
        if self.read_from().is_none_or(|from| now >= from) {
            self.last_frame = Some(now);
        }
        let area = screen.canvas().size().rect();
        let resized = std::mem::take(&mut self.resized);
        if resized {
            // Whatever the sizes were in between, nothing of before stays.
            screen.await_picture();
            self.film.fit(area.size());
        }
        if !self.damage.is_empty() {
            let changed = screen.publish(&self.damage, now);
            self.opened = true;
            if self.pace.jpeg == Jpeg::Films {
                let ask = self.film.saw(screen.canvas(), &self.damage, &changed);
                self.ask_film(ask);
                let ask = self.film.turn(now);
                self.ask_film(ask);
            }
        } else if !resized {
            screen.prove(now);
        }
        self.damage.clear();
        if self.push == Push::Offered && self.fences || resized && self.push == Push::On {
            self.push = Push::On;
            self.say(&Request::EnableContinuousUpdates { on: true, area });
        }
        if resized {
            self.say(&Request::FramebufferUpdate { incremental: false, area });
            self.ask_at = None;
        } else if self.push != Push::On {
            self.ask_at = Some(self.read_from().unwrap_or(now).max(now));
        }
    }

    /// Does what is due: asks for the next update, asks a silent site whether it is there, gives up on a stalled one.
    pub fn tick(&mut self, screen: &mut ScreenWriter, now: Instant) -> Result<(), SessionError> {
        let area = screen.canvas().size().rect();
        if self.is_between_messages() {
            let ask = self.film.turn(now);
            self.ask_film(ask);
        }
        if self.ask_at.is_some_and(|at| at <= now) {
            self.ask_at = None;
            self.say(&Request::FramebufferUpdate { incremental: true, area });
        }
        if self.is_between_messages() {
            self.progress = (now, self.received);
        } else if now.saturating_duration_since(self.progress.0) >= STALL {
            if self.received - self.progress.1 < CRAWL {
                return Err(SessionError::Stalled);
            }
            self.progress = (now, self.received);
        }
        // A large update on a slow line is no silence.
        let silent = self.is_between_messages() || now.saturating_duration_since(self.heard) >= DOUBT;
        if !self.doubted && silent && now.saturating_duration_since(self.proved) >= DOUBT {
            self.doubted = true;
            screen.doubt(self.proved);
        }
        match self.probed {
            Some(at) if now.saturating_duration_since(at) >= ANSWER && self.is_between_messages() => {
                return Err(SessionError::Stalled);
            }
            None if now.saturating_duration_since(self.proved) >= SILENCE && self.is_between_messages() => {
                self.probed = Some(now);
                if self.fences {
                    self.say(&Request::Fence(Fence::question(Fence::BLOCK_BEFORE, PROBE)));
                } else {
                    self.say(&Request::FramebufferUpdate { incremental: false, area: Rect::new(0, 0, 1, 1) });
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn ask_film(&mut self, ask: Option<Ask>) {
        let Some(ask) = ask else { return };
        if ask == Ask::Done {
            return self.stream.take_no_jpeg();
        }
        let encodings = self.pace.encodings(ask == Ask::Jpeg);
        self.stream.ask(&encodings);
        self.say(&Request::SetEncodings(encodings));
        if let Ask::Exact(places) = ask {
            for area in places {
                self.say(&Request::FramebufferUpdate { incremental: false, area });
            }
        }
    }

    /// When [`Session::tick`] must be called at the latest.
    pub fn deadline(&self, now: Instant) -> Instant {
        let mut deadline = self.probed.map_or(self.proved + SILENCE, |at| at + ANSWER);
        if !self.is_between_messages() {
            deadline = self.progress.0 + STALL;
        }
        if !self.doubted {
            let doubt = if self.is_between_messages() { self.proved } else { self.proved.max(self.heard) } + DOUBT;
            deadline = deadline.min(doubt);
        }
        // Never in the past: what is due was done by the tick before, but for what waits on other things.
        let deadline = deadline.max(now + Duration::from_millis(1));
        let film = self.film.deadline().filter(|_| self.is_between_messages());
        [self.ask_at, film].into_iter().flatten().fold(deadline, Instant::min)
    }
}
