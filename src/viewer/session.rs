//! A running session: one half reads what the viewer says, the other writes what it may see.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};

use super::demand::{Demand, Preferences, hull};
use super::encoder::{Encoder, put_size};
use super::gauges::Gauges;
use super::pace::Pace;
use super::presence::{Presence, Signs};
use super::pressure::Pressure;
use super::seated::Held;
use super::update::{Due, Loss, PIECE, View};
use super::{Ending, Seat, Tally};
use crate::clock::{Clock, Elapsed};
use crate::geometry::Rect;
use crate::metrics::{Kind, Metrics};
use crate::rfb::Buffer;
use crate::rfb::client::{ClientMessage, ClientStream};
use crate::rfb::encoding::number;
use crate::rfb::server::{UNTIL_LAST_RECT, put_end_of_continuous_updates, put_rect, put_update};

/// A viewer that takes nothing for this long is closed.
const NO_PROGRESS: Duration = Duration::from_secs(30);
/// A place is still when it was not sent again for a whole window of this length: then it is repaired.
const STILL: Duration = Duration::from_millis(200);
/// Messages (and pieces of skipped ones) heard from one viewer in a while: thousands a second.
const MESSAGES: u32 = 512;
/// An orderly close takes no longer than this.
const CLOSE: Duration = Duration::from_millis(500);
/// Encoded bytes gathered before they go to the socket.
const CHUNK: usize = 32 << 10;
/// After so many updates of what moves, what is still and lossy has its turn.
const PATIENCE: u32 = 8;
/// Pieces repaired in one update: a change that comes meanwhile does not wait long.
const REPAIR_PIECES: usize = 8;

pub(super) struct Session<S> {
    reading: Reading<S>,
    writing: Writing<S>,
    demand: Demand,
    seat: Seat,
    presence: Presence,
    clock: Clock,
    metrics: Metrics,
}

struct Reading<S> {
    stream: ReadHalf<S>,
    buffer: Buffer,
    gauges: Gauges,
}

struct Writing<S> {
    stream: WriteHalf<S>,
    view: View,
    encoder: Encoder,
    gauges: Gauges,
    pressure: Pressure,
    out: Vec<u8>,
    updates: u64,
    rects: u64,
    /// Updates of pixels sent in a row while repairs waited.
    unrepaired: u32,
    /// When the window began in which what is sent with losses counts as recent.
    window: Instant,
    /// Where the viewer waits for pixels: taken from its demand, kept until an update answers it.
    wanted: Option<Rect>,
}

impl<S: AsyncRead + AsyncWrite> Session<S> {
    /// A session over a stream whose handshake is done; `buffer` holds what came after it.
    pub fn new(stream: S, buffer: Buffer, held: Held) -> Self {
        let Held { seat, view, presence, gauges, clock, metrics } = held;
        let (reader, writer) = tokio::io::split(stream);
        let window = clock.now();
        let writing = Writing {
            stream: writer,
            view,
            encoder: Encoder::default(),
            gauges: gauges.clone(),
            pressure: Pressure::default(),
            out: Vec::new(),
            updates: 0,
            rects: 0,
            unrepaired: 0,
            window,
            wanted: None,
        };
        let reading = Reading { stream: reader, buffer, gauges };
        Self { reading, writing, demand: Demand::new(), seat, presence, clock, metrics }
    }

    /// Runs to the end.
    pub async fn run(mut self) -> Tally {
        let started = self.clock.now();
        let (demand, metrics, clock, presence) = (&self.demand, &self.metrics, &self.clock, &self.presence);
        let switch = self.seat.switch.clone();
        let reads = self.reading.run(demand, presence, metrics, clock);
        let ending = presence.while_there(reads, self.writing.run(demand, &mut self.seat, metrics, clock), &switch, clock).await;
        let ending = self.seat.ending.reason().unwrap_or(ending);
        self.writing.close(&self.demand, ending, self.seat.ending.reason().is_some(), &self.clock).await;
        self.writing.view.clear();
        let lasted = self.clock.now() - started;
        self.writing.gauges.tally(ending, lasted, self.writing.updates, self.writing.rects)
    }
}

impl<S: AsyncRead> Reading<S> {
    fn broken(&self, code: &'static str) -> Ending {
        Ending::Broken { code, at: self.buffer.at("session") }
    }

    async fn run(&mut self, demand: &Demand, presence: &Presence, metrics: &Metrics, clock: &Clock) -> Ending {
        let (mut messages, mut signs) = (ClientStream::default(), Signs::default());
        let mut pace = Pace::of(MESSAGES, clock);
        loop {
            pace.next(clock).await;
            match messages.advance(self.buffer.unread()) {
                Err(error) => return self.broken(error.code().dn),
                Ok(Some((taken, message))) => {
                    match message {
                        None => {}
                        Some(ClientMessage::Input(input)) => {
                            self.gauges.count(input.kind);
                            if signs.show(self.buffer.unread()) {
                                presence.shown(clock.now());
                            }
                            metrics.inputs_dropped.get_or_create(&Kind { kind: input.kind.name() }).inc();
                        }
                        Some(ClientMessage::Request(request)) => {
                            if let Err(error) = demand.hear(request) {
                                return self.broken(error.code().dn);
                            }
                        }
                    }
                    self.buffer.consume(taken);
                }
                Ok(None) => {
                    let Some(room) = self.buffer.room() else { return self.broken("dn.overlong") };
                    match self.stream.read_buf(room).await {
                        Ok(0) => return Ending::Left,
                        Ok(bytes) => self.gauges.hear(bytes),
                        Err(error) if error.kind() == ErrorKind::UnexpectedEof => return self.broken("tls.eof"),
                        Err(_) => return Ending::Lost,
                    }
                }
            }
        }
    }
}

impl<S: AsyncWrite> Writing<S> {
    async fn run(&mut self, demand: &Demand, seat: &mut Seat, metrics: &Metrics, clock: &Clock) -> Ending {
        loop {
            if let Some(ending) = seat.ending.reason() {
                return ending;
            }
            let (preferences, wanted) = self.take_demand(demand);
            if clock.now() >= self.window + STILL {
                self.window = clock.now();
                self.view.turn_window();
            }
            let due = self.view.due(wanted, self.unrepaired >= PATIENCE);
            self.unrepaired = match due {
                Due::Pixels(_) if self.view.has_losses() => self.unrepaired.saturating_add(1),
                _ => 0,
            };
            let sent = match due {
                Due::Nothing | Due::Later(_) if self.out.is_empty() => {
                    let repair = (wanted.is_some() && self.view.has_losses()).then_some(self.window + STILL);
                    let resize = if let Due::Later(at) = due { Some(at) } else { None };
                    let turn = repair.into_iter().chain(resize).min();
                    tokio::select! {
                        biased;
                        ending = seat.ending.raised() => return ending,
                        () = demand.changed() => {}
                        () = self.view.changed() => {}
                        () = clock.sleep_until(turn.unwrap_or(self.window)), if turn.is_some() => {}
                    }
                    continue;
                }
                Due::Nothing | Due::Later(_) => self.send(clock).await,
                Due::Resize(size) => {
                    let Some(encoding) = preferences.resize else { return Ending::CannotResize };
                    self.view.resize(size);
                    put_size(size, encoding, &mut self.out);
                    self.wanted = None;
                    self.send(clock).await
                }
                Due::Pixels(rects) => {
                    self.wanted = None;
                    self.update(&rects, &preferences, false, seat, clock).await
                }
                Due::Repair(rects) => {
                    self.wanted = None;
                    let pieces = if self.pressure.is_slow(clock.now()) { 1 } else { REPAIR_PIECES };
                    self.update(&within_budget(&rects, pieces), &preferences, true, seat, clock).await
                }
            };
            match sent {
                Ok(bytes) => {
                    metrics.viewer_bytes.inc_by(bytes);
                    metrics.viewer_updates.inc();
                }
                Err(ending) => return seat.ending.reason().unwrap_or(ending),
            }
        }
    }

    /// Answers go out first; then what is wanted, and where.
    fn take_demand(&mut self, demand: &Demand) -> (Preferences, Option<Rect>) {
        let mut state = demand.lock();
        for fence in std::mem::take(&mut state.answers) {
            fence.put(&mut self.out);
        }
        if let Some(fence) = state.ask_fence() {
            fence.put(&mut self.out);
        }
        for _ in 0..std::mem::take(&mut state.ends) {
            put_end_of_continuous_updates(&mut self.out);
        }
        if let Some(area) = state.refresh.take() {
            self.view.refresh(area);
        }
        let screen = self.view.size.rect();
        if let Some(area) = state.wanted.take() {
            self.wanted = hull(self.wanted, area);
        }
        let wanted = state.continuous.or(self.wanted).map(|area| area.intersect(screen).unwrap_or(screen));
        (state.preferences, wanted)
    }

    /// Encodes and sends an update piece by piece. Told to end, or when the screen took another size, it is cut short
    /// where the viewer knows LastRect; else what is left is filled with black.
    async fn update(
        &mut self,
        rects: &[Rect],
        preferences: &Preferences,
        repair: bool,
        seat: &Seat,
        clock: &Clock,
    ) -> Result<u64, Ending> {
        let pieces = self.view.pieces(rects);
        let (mut bytes, mut waited) = (0, Duration::ZERO);
        let loss = match preferences.quality {
            Some(quality) if !repair && self.pressure.is_slow(clock.now()) => Loss::WhereItSaves(quality),
            Some(quality) if !repair => Loss::OfPhotographs(quality),
            _ => Loss::None,
        };
        put_update(if preferences.last_rect { UNTIL_LAST_RECT } else { pieces.len() as u16 }, &mut self.out);
        for piece in pieces {
            let blank = seat.ending.reason().is_some();
            if preferences.last_rect && (blank || !self.view.is_of_its_size()) {
                break;
            }
            self.gauges.begin();
            self.put_piece(piece, preferences, if blank { Loss::None } else { loss }, blank);
            self.rects += 1;
            if self.out.len() >= CHUNK {
                let before = clock.now();
                bytes += self.send(clock).await?;
                waited += clock.now() - before;
            }
            // One slice of pixels done: others may want the core.
            tokio::task::yield_now().await;
        }
        if preferences.last_rect {
            put_rect(Rect::default(), number::LAST_RECT, &mut self.out);
        }
        self.updates += 1;
        let before = clock.now();
        bytes += self.send(clock).await?;
        self.pressure.waited(waited + (clock.now() - before), clock.now());
        Ok(bytes)
    }

    fn put_piece(&mut self, piece: Rect, preferences: &Preferences, loss: Loss, blank: bool) {
        let copy = self.view.piece(piece, blank);
        let lost = self.encoder.encode(copy, piece, preferences, loss, &mut self.out);
        self.view.sent(piece, lost);
    }

    async fn send(&mut self, clock: &Clock) -> Result<u64, Ending> {
        let mut sent = 0;
        while let Some(rest) = self.out.get(sent..).filter(|rest| !rest.is_empty()) {
            let deadline = clock.now() + NO_PROGRESS;
            match clock.within(deadline, self.stream.write(rest)).await {
                Ok(Ok(0)) | Ok(Err(_)) => return Err(Ending::Lost),
                Ok(Ok(bytes)) => {
                    sent += bytes;
                    self.gauges.give(bytes);
                }
                Err(Elapsed) => return Err(Ending::NoProgress),
            }
        }
        let deadline = clock.now() + NO_PROGRESS;
        clock.within(deadline, self.stream.flush()).await.map_err(|Elapsed| Ending::NoProgress)?.map_err(|_| Ending::Lost)?;
        self.out.clear();
        self.gauges.hand_over();
        Ok(sent as u64)
    }

    /// The end: a black screen if it comes from our side and there is a beginning to put it after, then an orderly
    /// close. Whoever watches the session cuts the socket if this takes too long.
    async fn close(&mut self, demand: &Demand, ending: Ending, ours: bool, clock: &Clock) {
        if ours && self.out.is_empty() && ending != Ending::NoProgress {
            let preferences = demand.lock().preferences;
            let whole = self.view.size.rect();
            let pieces = self.view.pieces(&[whole]);
            put_update(pieces.len() as u16, &mut self.out);
            for piece in pieces {
                self.put_piece(piece, &preferences, Loss::None, true);
            }
            if self.send(clock).await.is_err() {
                return;
            }
        }
        let _ = clock.within(clock.now() + CLOSE, self.stream.shutdown()).await;
    }
}

/// As many pieces as one update of repairs may hold.
fn within_budget(rects: &[Rect], pieces: usize) -> Vec<Rect> {
    rects.iter().flat_map(|rect| rect.pieces(PIECE.0, PIECE.1)).take(pieces).collect()
}
