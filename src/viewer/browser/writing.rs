//! What a page is told: two updates at most are on their way; what changes meanwhile is one region, newest pixels first.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::movement::Movement;
use super::reading::Asked;
use super::said::{Over, STATE, State, Told, begin_tiles, json, size};
use super::tiles::Tiles;
use super::{Close, Gone, Says, WS, WS_LENGTH, farewell};
use crate::clock::{Clock, Elapsed};
use crate::geometry::Rect;
use crate::metrics::Metrics;
use crate::rfb::Where;
use crate::screen::Face;
use crate::viewer::gauges::Gauges;
use crate::viewer::pressure::Pressure;
use crate::viewer::update::{Due, Loss, View};
use crate::viewer::{Ending, Seat, Watcher};

/// A page that paints nothing for this long is closed.
const NO_PROGRESS: Duration = Duration::from_secs(30);
/// Updates that a page has been sent and has not painted.
const IN_FLIGHT: u32 = 2;
/// A place is still when it was not sent again for a whole window of this length: then it is repaired.
const STILL: Duration = Duration::from_millis(200);
/// Bytes of tiles gathered before they go as a message.
const CHUNK: usize = 32 << 10;
/// Larger than RFB's: each tile costs a browser as much as its pixels do. A millisecond or two of work all the same.
const PIECE: (u16, u16) = (512, 256);
/// After so many updates of what moves, what is still and lossy has its turn.
const PATIENCE: u32 = 8;
/// Pieces repaired in one update.
const REPAIR_PIECES: usize = 4;
/// How often a page is told how the picture stands, if nothing else happens, and is asked for an echo.
const TOLD: Duration = Duration::from_secs(1);
/// A page whose browser answers no probe for this long is lost: browsers do so by themselves, whatever the page does.
const NO_ECHO: Duration = Duration::from_secs(30);
/// The quality of photographs that move.
const QUALITY: u8 = 80;

pub(super) struct Writing<'a, S> {
    says: S,
    view: &'a mut View,
    tiles: Tiles,
    gauges: Gauges,
    pressure: Pressure,
    asked: watch::Receiver<Asked>,
    /// The last update that was sent, when it was, and whether it is on its way.
    pub update: u32,
    sent: Instant,
    awaited: bool,
    /// As often as it was hidden, all of the picture was sent again.
    hides: u32,
    pub rects: u64,
    unrepaired: u32,
    window: Instant,
    movement: Movement,
    told: Option<(State, Instant)>,
    /// When the last probe went, and how long the last that came back took.
    probed: Option<Instant>,
    round_trip: Option<Duration>,
}

impl<'a, S: Says> Writing<'a, S> {
    pub fn new(says: S, view: &'a mut View, asked: watch::Receiver<Asked>, gauges: Gauges, now: Instant) -> Self {
        view.piece = PIECE;
        Self {
            says,
            view,
            tiles: Tiles::default(),
            gauges,
            pressure: Pressure::default(),
            asked,
            update: 0,
            sent: now,
            awaited: false,
            hides: 0,
            rects: 0,
            unrepaired: 0,
            window: now,
            movement: Movement::default(),
            told: None,
            probed: None,
            round_trip: None,
        }
    }

    pub async fn run(&mut self, seat: &mut Seat, metrics: &Metrics, clock: &Clock) -> Ending {
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
            if let Err(ending) = self.tell(seat, clock).await {
                return seat.ending.reason().unwrap_or(ending);
            }
            if behind == 0 && std::mem::take(&mut self.awaited) {
                self.pressure.waited(clock.now() - self.sent, clock.now());
            } else if behind > 0 && clock.now() >= self.sent + NO_PROGRESS && !asked.hidden {
                return if self.is_silent(clock.now()) { Ending::Lost } else { Ending::NoProgress };
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
        let told = self.told.as_ref().map_or_else(|| clock.now(), |(_, at)| *at + TOLD);
        let turn = repair.into_iter().chain(later).fold(told, Instant::min);
        tokio::select! {
            biased;
            _ = seat.ending.raised() => {}
            Ok(()) = seat.others.changed() => {}
            // The reading half holds the sender for as long as this one lives.
            _ = self.asked.changed() => {}
            () = self.view.changed() => {}
            () = clock.sleep_until(turn) => {}
        }
    }

    /// Says how the picture stands, when that is new or was said a while ago; and sees how far away the page is.
    async fn tell(&mut self, seat: &Seat, clock: &Clock) -> Result<(), Ending> {
        let ((face, age), saying) = (self.view.state(), self.view.saying());
        let face = match face {
            Face::Blank => "blank",
            Face::Awaited(_) => "awaited",
            Face::Live => "live",
            Face::Stale { .. } => "stale",
        };
        let watchers = Arc::clone(&seat.others.borrow());
        // Colleagues: of the same engagement, in which all know of each other.
        let own = |watcher: &&Watcher| watcher.engagement == *seat.admission.engagement();
        let others = watchers.iter().filter(own).filter(|watcher| watcher.session != *seat.admission.session());
        let others = others.map(|watcher| watcher.name.clone()).collect();
        let state = State { face, real_data: saying.real_data, locks_soon: saying.locks_soon, others };
        let now = clock.now();
        // First: an update may have been longer on its way than the echo.
        if let (Some(probed), Some(echoed)) = (self.probed, self.asked.borrow().echoed)
            && echoed >= probed
        {
            (self.probed, self.round_trip) = (None, Some(echoed - probed));
        }
        if self.probed.is_some_and(|probed| now >= probed + NO_ECHO) {
            return Err(Ending::Lost);
        }
        if self.told.as_ref().is_some_and(|(before, at)| *before == state && now < *at + TOLD) {
            return Ok(());
        }
        let milliseconds = |time: Duration| time.as_millis() as u64;
        // An echo that does not come says it too.
        let link = self.round_trip.max(self.probed.map(|at| now - at).filter(|_| self.is_silent(now)));
        let told = Told { state: &state, age_ms: age.map(milliseconds), link_ms: link.map(milliseconds) };
        let message = json(STATE, &told);
        self.told = Some((state, now));
        self.say(message, clock).await?;
        if self.probed.is_none() {
            self.probed = Some(clock.now());
            in_time(self.says.probe(), clock).await?;
        }
        Ok(())
    }

    /// The last probe has not come back, and should have.
    fn is_silent(&self, now: Instant) -> bool {
        self.probed.is_some_and(|probed| now > probed + TOLD)
    }

    /// One update, piece by piece, in messages of some tens of kilobytes. Told to end, or when the screen took another
    /// size, it stops where it is.
    async fn send(&mut self, rects: &[Rect], repair: bool, seat: &Seat, metrics: &Metrics, clock: &Clock) -> Result<(), Ending> {
        let pieces = self.view.pieces(rects);
        let loss = if repair { Loss::None } else { self.loss(&pieces, clock.now()) };
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

    /// Text is exact at once, unless it moves, or the line is slow.
    fn loss(&mut self, pieces: &[Rect], now: Instant) -> Loss {
        let changed: u64 = pieces.iter().map(|piece| piece.area()).sum();
        let moves = self.movement.changed(changed, self.view.size.rect().area(), now);
        match (moves, self.pressure.is_slow(now)) {
            (true, _) => Loss::OfEverything(QUALITY),
            (false, true) => Loss::WhereItSaves(QUALITY),
            (false, false) => Loss::OfPhotographs(QUALITY),
        }
    }

    async fn say(&mut self, message: Vec<u8>, clock: &Clock) -> Result<(), Ending> {
        let length = message.len();
        in_time(self.says.say(message), clock).await?;
        self.gauges.give(length);
        Ok(())
    }

    /// The end: the page is told why, and clears its canvas; then the link is closed.
    pub async fn close(&mut self, seat: &Seat, ending: Ending, clock: &Clock) {
        let words = if let Ending::Refused(refusal) = ending { Some(refusal.words()) } else { None };
        let over = Over { code: ending.code(), session: Some(seat.admission.session().tag()), words };
        if matches!(ending, Ending::NoProgress) {
            return;
        }
        let close = match ending {
            Ending::Broken { code: WS, .. } => Close::Protocol,
            Ending::Broken { code: WS_LENGTH, .. } => Close::TooLong,
            Ending::Broken { .. } => Close::Policy,
            _ => Close::Normal,
        };
        farewell(&over, close, &mut self.says, clock).await;
    }
}

/// What is not taken for so long goes over a link that is lost.
async fn in_time(says: impl Future<Output = Result<(), Gone>>, clock: &Clock) -> Result<(), Ending> {
    match clock.within(clock.now() + NO_PROGRESS, says).await {
        Ok(said) => said.map_err(|_| Ending::Lost),
        Err(Elapsed) => Err(Ending::Lost),
    }
}
