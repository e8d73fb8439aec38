//! A page's session: one half hears what it says, the other tells it what it may see. Two updates at most are on their
//! way; what changes meanwhile is one region, newest pixels first.

use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::heard::Heard;
use super::said::{OVER, Over, STATE, State, begin_tiles, json, size};
use super::tiles::Tiles;
use super::{Gone, Hears, Says};
use crate::clock::{Clock, Elapsed};
use crate::geometry::Rect;
use crate::metrics::Metrics;
use crate::rfb::Where;
use crate::screen::Face;
use crate::viewer::gauges::Gauges;
use crate::viewer::presence::Presence;
use crate::viewer::pressure::Pressure;
use crate::viewer::seated::Held;
use crate::viewer::update::{Due, Loss, PIECE, View};
use crate::viewer::{Ending, Seat, Tally};

/// A page that paints nothing for this long is closed.
const NO_PROGRESS: Duration = Duration::from_secs(30);
/// Updates that a page has been sent and has not painted.
const IN_FLIGHT: u32 = 2;
/// A place is still when it was not sent again for a whole window of this length: then it is repaired.
const STILL: Duration = Duration::from_millis(200);
/// Bytes of tiles gathered before they go as a message.
const CHUNK: usize = 32 << 10;
/// After so many updates of what moves, what is still and lossy has its turn.
const PATIENCE: u32 = 8;
/// Pieces repaired in one update.
const REPAIR_PIECES: usize = 8;
/// How often a page is told how the picture stands, if nothing else happens.
const TOLD: Duration = Duration::from_secs(1);
/// The quality of photographs that move.
const QUALITY: u8 = 80;
/// Messages heard from one page in a time of [`PACE`].
const MESSAGES: u32 = 64;
const PACE: Duration = Duration::from_millis(50);
/// An orderly close takes no longer than this.
const CLOSE: Duration = Duration::from_millis(500);

pub(super) struct Session<H, S> {
    reading: Reading<H>,
    writing: Writing<S>,
    seat: Seat,
    presence: Presence,
    clock: Clock,
    metrics: Metrics,
}

/// What a page last said of itself.
#[derive(Debug, Clone, Copy, Default)]
struct Asked {
    painted: u32,
    hidden: bool,
    /// How often it was hidden: each time what was on it is gone.
    hides: u32,
}

struct Reading<H> {
    hears: H,
    asked: watch::Sender<Asked>,
    gauges: Gauges,
}

struct Writing<S> {
    says: S,
    view: View,
    tiles: Tiles,
    gauges: Gauges,
    pressure: Pressure,
    asked: watch::Receiver<Asked>,
    /// The last update that was sent, when it was, and whether it is on its way.
    update: u32,
    sent: Instant,
    awaited: bool,
    /// As often as it was hidden, all of the picture was sent again.
    hides: u32,
    rects: u64,
    unrepaired: u32,
    window: Instant,
    told: Option<(State, Instant)>,
}

impl<H: Hears, S: Says> Session<H, S> {
    pub fn new(hears: H, says: S, held: Held) -> Self {
        let Held { seat, view, presence, gauges, clock, metrics } = held;
        let (now, (asks, asked)) = (clock.now(), watch::channel(Asked::default()));
        let writing = Writing {
            says,
            view,
            tiles: Tiles::default(),
            gauges: gauges.clone(),
            pressure: Pressure::default(),
            asked,
            update: 0,
            sent: now,
            awaited: false,
            hides: 0,
            rects: 0,
            unrepaired: 0,
            window: now,
            told: None,
        };
        Self { reading: Reading { hears, asked: asks, gauges }, writing, seat, presence, clock, metrics }
    }

    /// Runs to the end.
    pub async fn run(mut self) -> Tally {
        let started = self.clock.now();
        let (clock, metrics, presence) = (&self.clock, &self.metrics, &self.presence);
        let switch = self.seat.switch.clone();
        let reads = self.reading.run(presence, clock);
        let ending = presence.while_there(reads, self.writing.run(&mut self.seat, metrics, clock), &switch, clock).await;
        let ending = self.seat.ending.reason().unwrap_or(ending);
        self.writing.close(&self.seat, ending, &self.clock).await;
        self.writing.view.clear();
        let lasted = self.clock.now() - started;
        self.writing.gauges.tally(ending, lasted, self.writing.update.into(), self.writing.rects)
    }
}

impl<H: Hears> Reading<H> {
    async fn run(&mut self, presence: &Presence, clock: &Clock) -> Ending {
        let (mut window, mut heard) = (clock.now() + PACE, 0u32);
        loop {
            heard += 1;
            if heard > MESSAGES {
                clock.sleep_until(window).await;
                (window, heard) = (clock.now() + PACE, 0);
            }
            let message = match self.hears.hear().await {
                Ok(Some(message)) => message,
                Ok(None) => return Ending::Left,
                Err(Gone) => return Ending::Lost,
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
                Some(Heard::Nothing) => {}
                None => {
                    let at = Where { state: "page", offset: self.gauges.heard() - message.len() as u64 };
                    return Ending::Broken { code: "dn.page", at };
                }
            }
        }
    }
}

impl<S: Says> Writing<S> {
    async fn run(&mut self, seat: &mut Seat, metrics: &Metrics, clock: &Clock) -> Ending {
        let first = size(self.view.size);
        if let Err(ending) = self.say(first, clock).await {
            return ending;
        }
        loop {
            if let Some(ending) = seat.ending.reason() {
                return ending;
            }
            let asked = *self.asked.borrow_and_update();
            let behind = self.update.wrapping_sub(asked.painted);
            if behind > self.update {
                // It has painted what it was not sent.
                return Ending::Broken { code: "dn.page", at: Where { state: "page", offset: self.gauges.heard() } };
            }
            if asked.hides != self.hides && !asked.hidden {
                self.hides = asked.hides;
                self.view.refresh(self.view.size.rect());
                // A page that slept has its time again.
                self.sent = clock.now();
            }
            if let Err(ending) = self.tell(clock).await {
                return seat.ending.reason().unwrap_or(ending);
            }
            if behind == 0 && std::mem::take(&mut self.awaited) {
                self.pressure.waited(clock.now() - self.sent, clock.now());
            } else if behind > 0 && clock.now() >= self.sent + NO_PROGRESS && !asked.hidden {
                return Ending::NoProgress;
            }
            if clock.now() >= self.window + STILL {
                self.window = clock.now();
                self.view.turn_window();
            }
            let wanted = (behind < IN_FLIGHT && !asked.hidden).then(|| self.view.size.rect());
            let due = self.view.due(wanted, self.unrepaired >= PATIENCE);
            self.unrepaired = match due {
                Due::Pixels(_) if self.view.has_losses() => self.unrepaired.saturating_add(1),
                _ => 0,
            };
            let done = match due {
                Due::Nothing | Due::Later(_) => {
                    let later = if let Due::Later(at) = due { Some(at) } else { None };
                    self.wait(seat, wanted.is_some(), later, clock).await;
                    continue;
                }
                Due::Resize(new) => {
                    self.view.resize(new);
                    self.say(size(new), clock).await
                }
                Due::Pixels(rects) => self.send(&rects, false, seat, metrics, clock).await,
                Due::Repair(rects) => {
                    let rects: Vec<Rect> =
                        rects.iter().flat_map(|rect| rect.pieces(PIECE.0, PIECE.1)).take(REPAIR_PIECES).collect();
                    self.send(&rects, true, seat, metrics, clock).await
                }
            };
            if let Err(ending) = done {
                return seat.ending.reason().unwrap_or(ending);
            }
        }
    }

    /// Until something is due, or is to be told.
    async fn wait(&mut self, seat: &mut Seat, wants: bool, later: Option<Instant>, clock: &Clock) {
        let repair = (wants && self.view.has_losses()).then_some(self.window + STILL);
        let told = self.told.map_or_else(|| clock.now(), |(_, at)| at + TOLD);
        let turn = repair.into_iter().chain(later).fold(told, Instant::min);
        tokio::select! {
            biased;
            _ = seat.ending.raised() => {}
            // The reading half holds the sender for as long as this one lives.
            _ = self.asked.changed() => {}
            () = self.view.changed() => {}
            () = clock.sleep_until(turn) => {}
        }
    }

    /// Says how the picture stands, when that is new or was said a while ago.
    async fn tell(&mut self, clock: &Clock) -> Result<(), Ending> {
        let ((face, age), saying) = (self.view.state(), self.view.saying());
        let face = match face {
            Face::Blank => "blank",
            Face::Awaited(_) => "awaited",
            Face::Live => "live",
            Face::Stale { .. } => "stale",
        };
        let (real_data, locks_soon) = (saying.real_data, saying.locks_soon);
        let state = State { face, age_ms: age.map(|age| age.as_millis() as u64), real_data, locks_soon };
        let is_new = self.told.is_none_or(|(before, at)| {
            State { age_ms: None, ..before } != State { age_ms: None, ..state } || clock.now() >= at + TOLD
        });
        if is_new {
            self.told = Some((state, clock.now()));
            self.say(json(STATE, &state), clock).await?;
        }
        Ok(())
    }

    /// One update, piece by piece, in messages of some tens of kilobytes. Told to end, or when the screen took another
    /// size, it stops where it is.
    async fn send(&mut self, rects: &[Rect], repair: bool, seat: &Seat, metrics: &Metrics, clock: &Clock) -> Result<(), Ending> {
        let pieces = self.view.pieces(rects);
        let slow = self.pressure.is_slow(clock.now());
        let loss = match (repair, slow) {
            (true, _) => Loss::None,
            (false, true) => Loss::WhereItSaves(QUALITY),
            (false, false) => Loss::OfPhotographs(QUALITY),
        };
        self.update = self.update.wrapping_add(1);
        let (mut out, mut waited) = (Vec::new(), Duration::ZERO);
        begin_tiles(self.update, false, &mut out);
        for piece in pieces {
            if seat.ending.reason().is_some() || !self.view.is_of_its_size() {
                break;
            }
            self.gauges.begin();
            let lost = self.tiles.put(self.view.piece(piece, false), piece, loss, &mut out);
            self.view.sent(piece, lost);
            self.rects += 1;
            if out.len() >= CHUNK {
                let before = clock.now();
                metrics.viewer_bytes.inc_by(out.len() as u64);
                self.say(std::mem::take(&mut out), clock).await?;
                waited += clock.now() - before;
                begin_tiles(self.update, false, &mut out);
            }
            // One slice of pixels done: others may want the core.
            tokio::task::yield_now().await;
        }
        if let Some(last) = out.get_mut(5) {
            *last = 1;
        }
        let before = clock.now();
        metrics.viewer_bytes.inc_by(out.len() as u64);
        metrics.viewer_updates.inc();
        self.say(out, clock).await?;
        self.gauges.hand_over();
        self.pressure.waited(waited + (clock.now() - before), clock.now());
        (self.sent, self.awaited) = (clock.now(), true);
        Ok(())
    }

    async fn say(&mut self, message: Vec<u8>, clock: &Clock) -> Result<(), Ending> {
        let length = message.len();
        match clock.within(clock.now() + NO_PROGRESS, self.says.say(message)).await {
            Ok(Ok(())) => {
                self.gauges.give(length);
                Ok(())
            }
            Ok(Err(Gone)) => Err(Ending::Lost),
            Err(Elapsed) => Err(Ending::NoProgress),
        }
    }

    /// The end: the page is told why, and clears its canvas; then the link is closed. Whoever reads nothing is not waited
    /// for.
    async fn close(&mut self, seat: &Seat, ending: Ending, clock: &Clock) {
        let words = if let Ending::Refused(refusal) = ending { Some(refusal.words()) } else { None };
        let over = Over { code: ending.code(), session: Some(seat.admission.session().tag()), words };
        if matches!(ending, Ending::Lost | Ending::NoProgress) {
            return;
        }
        let farewell = async {
            if self.says.say(json(OVER, &over)).await.is_ok() {
                self.says.close().await;
            }
        };
        let _ = clock.within(clock.now() + CLOSE, farewell).await;
    }
}
