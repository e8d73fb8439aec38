//! The messages of a server. As a client we take its stream apart and draw it; as a server we say five things only.

use super::codec::Put;
use super::encoding::{Body, Streams, number};
use super::error::{Halt, ProtocolError};
use super::request::Fence;
use super::{PixelFormat, Reader, input};
use crate::geometry::{Rect, Size};
use crate::picture::Picture;

/// What is never asked for and yet may come: dropped, counted by kind, contents never kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Dropped {
    CutText,
    Bell,
    DesktopName,
    ColourMap,
    Other,
}

impl Dropped {
    pub const ALL: [Self; 5] = [Self::CutText, Self::Bell, Self::DesktopName, Self::ColourMap, Self::Other];

    pub fn name(self) -> &'static str {
        match self {
            Self::CutText => "server_cut_text",
            Self::Bell => "bell",
            Self::DesktopName => "desktop_name",
            Self::ColourMap => "colour_map",
            Self::Other => "other",
        }
    }
}

/// What a step of the stream brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    UpdateStarted,
    /// These pixels of the picture changed.
    Damage(Rect),
    /// The picture was replaced by a black one of this size.
    Resized(Size),
    UpdateEnded,
    Fence(Fence),
    EndOfContinuousUpdates,
    Dropped(Dropped),
}

/// Rectangles without a pixel that one update may hold.
const MAX_EMPTY_RECTS: u32 = 4096;
/// How many times over one update may cover the screen: more is work for nothing.
const MAX_COVER: u64 = 64;

#[derive(Debug)]
enum State {
    Idle,
    /// Between rectangles: how many are left, `None` until a LastRect; how many had no pixels.
    Update {
        left: Option<u16>,
        empty: u32,
    },
    Rect {
        left: Option<u16>,
        empty: u32,
        rect: Rect,
        body: Body,
    },
    /// Passing over bytes that say nothing to us, then back to an update or to rest.
    Skip {
        bytes: u64,
        then: Option<(Option<u16>, u32)>,
    },
}

/// A server's stream, taken apart as it comes.
#[derive(Debug)]
pub struct ServerStream {
    state: State,
    format: PixelFormat,
    asked: Vec<i32>,
    streams: Streams,
    /// Pixels that the update at hand covers so far.
    covered: u64,
}

/// A piece of work done: the bytes taken, and what they brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advance {
    pub taken: usize,
    pub event: Option<Event>,
}

impl ServerStream {
    /// A stream in `format`, whose server was asked for the encodings `asked`.
    pub fn new(format: PixelFormat, asked: &[i32]) -> Self {
        let mut stream = Self { state: State::Idle, format, asked: Vec::new(), streams: Streams::default(), covered: 0 };
        stream.ask(asked);
        stream
    }

    /// The server is asked for these too from now on. What was asked before may still come.
    pub fn ask(&mut self, encodings: &[i32]) {
        self.asked.extend_from_slice(encodings);
        self.asked.sort_unstable();
        self.asked.dedup();
        self.streams.jpeg |= encodings.iter().any(|n| number::QUALITY.contains(n));
    }

    /// JPEG is refused from now on.
    pub fn take_no_jpeg(&mut self) {
        self.streams.jpeg = false;
    }

    /// Whether a message has begun and not ended: only then is silence a fault.
    pub fn is_inside_message(&self) -> bool {
        !matches!(self.state, State::Idle)
    }

    /// Takes a bounded piece of `input`, drawing onto `picture`. `None`: come back with more bytes.
    pub fn advance(&mut self, input: &[u8], picture: &mut Picture) -> Result<Option<Advance>, ProtocolError> {
        let done = |taken, event| Ok(Some(Advance { taken, event }));
        match &mut self.state {
            State::Skip { .. } if input.is_empty() => Ok(None),
            State::Skip { bytes, then } => {
                let taken = usize::try_from(*bytes).unwrap_or(usize::MAX).min(input.len());
                *bytes -= taken as u64;
                if *bytes == 0 {
                    self.state = then.map_or(State::Idle, |(left, empty)| State::Update { left, empty });
                }
                done(taken, None)
            }
            State::Rect { left, empty, rect, body } => {
                let (left, empty, rect) = (*left, *empty, *rect);
                let Some(step) = body.step(input, rect, &self.format, &mut self.streams, picture)? else { return Ok(None) };
                if !step.done {
                    return done(step.taken, None);
                }
                self.state = State::Update { left, empty };
                done(step.taken, (!rect.is_empty()).then_some(Event::Damage(rect)))
            }
            State::Update { left: Some(0), .. } => {
                self.state = State::Idle;
                done(0, Some(Event::UpdateEnded))
            }
            State::Update { left, empty } => {
                let (left, empty) = (*left, *empty);
                let mut r = Reader::new(input);
                let event = Halt::or_wait(self.rect(&mut r, left, empty, picture))?;
                Ok(event.map(|event| Advance { taken: r.taken(), event }))
            }
            State::Idle => {
                let mut r = Reader::new(input);
                let event = Halt::or_wait(self.message(&mut r))?;
                Ok(event.map(|event| Advance { taken: r.taken(), event }))
            }
        }
    }

    fn message(&mut self, r: &mut Reader<'_>) -> Result<Option<Event>, Halt> {
        let (bytes, dropped) = match r.u8()? {
            0 => {
                r.skip(1)?;
                let count = r.u16()?;
                self.covered = 0;
                self.state = State::Update { left: (count != 0xffff).then_some(count), empty: 0 };
                return Ok(Some(Event::UpdateStarted));
            }
            1 => (colour_map(r)?, Dropped::ColourMap),
            2 => (0, Dropped::Bell),
            3 => (input::cut_text(r)?, Dropped::CutText),
            11 => (input::chat(r)?, Dropped::Other),
            13 | 20 => (0, Dropped::Other),
            150 => return Ok(Some(Event::EndOfContinuousUpdates)),
            173 => (11, Dropped::Other),
            Fence::TYPE => return Ok(Some(Event::Fence(Fence::decode(r)?))),
            250 => (3, Dropped::Other),
            253 => (input::gii(r)?, Dropped::Other),
            other => return Err(ProtocolError::UnknownMessage(other).into()),
        };
        self.skip(bytes, None);
        Ok(Some(Event::Dropped(dropped)))
    }

    fn skip(&mut self, bytes: u64, then: Option<(Option<u16>, u32)>) {
        self.state = match then {
            _ if bytes > 0 => State::Skip { bytes, then },
            None => State::Idle,
            Some((left, empty)) => State::Update { left, empty },
        };
    }

    /// A rectangle's header: pixels, or a pseudo-encoding.
    fn rect(&mut self, r: &mut Reader<'_>, left: Option<u16>, empty: u32, picture: &mut Picture) -> Result<Option<Event>, Halt> {
        let (rect, encoding) = (r.rect()?, r.i32()?);
        if encoding != number::RAW && !self.asked.contains(&encoding) {
            return Err(ProtocolError::EncodingNotRequested(encoding).into());
        }
        let left = left.map(|n| n - 1);
        let empty = empty + u32::from(rect.is_empty());
        if empty > MAX_EMPTY_RECTS {
            return Err(ProtocolError::RectFlood.into());
        }
        if let Some(body) = Body::new(encoding) {
            let screen = picture.size();
            if !screen.holds(rect) {
                return Err(ProtocolError::RectOutside { rect, screen }.into());
            }
            self.covered += rect.area();
            if self.covered > MAX_COVER * screen.area() {
                return Err(ProtocolError::RectFlood.into());
            }
            self.state = State::Rect { left, empty, rect, body };
            return Ok(None);
        }
        let mut resized = None;
        let skip = match encoding {
            number::LAST_RECT => {
                self.state = State::Update { left: Some(0), empty };
                return Ok(None);
            }
            number::DESKTOP_SIZE => {
                resized = resize(rect.size(), picture)?;
                0
            }
            number::EXTENDED_DESKTOP_SIZE => {
                let screens = u64::from(r.u8()?);
                r.skip(3)?;
                // The status (y) tells of a refused request only when we asked (x = 1), which we never do.
                resized = resize(rect.size(), picture)?;
                16 * screens
            }
            // Lucarne never asks for cursors; a stream that was asked for them is still taken apart.
            number::CURSOR if rect.width <= 1024 && rect.height <= 1024 => {
                let mask = u64::from(rect.width.div_ceil(8)) * u64::from(rect.height);
                rect.area() * self.format.bytes() as u64 + mask
            }
            number::DESKTOP_NAME => match r.u32()? {
                length if length <= 1 << 16 => length.into(),
                length => return Err(ProtocolError::TextLength(length).into()),
            },
            other => return Err(ProtocolError::EncodingNotRequested(other).into()),
        };
        self.skip(skip, Some((left, empty)));
        let named = (encoding == number::DESKTOP_NAME).then_some(Event::Dropped(Dropped::DesktopName));
        Ok(resized.map(Event::Resized).or(named))
    }
}

/// Takes another size if it is one, checked before anything is allocated.
fn resize(size: Size, picture: &mut Picture) -> Result<Option<Size>, ProtocolError> {
    if !size.is_showable() {
        return Err(ProtocolError::SizeLimit(size));
    }
    if size == picture.size() {
        return Ok(None);
    }
    picture.reset(size);
    Ok(Some(size))
}

fn colour_map(r: &mut Reader<'_>) -> Result<u64, Halt> {
    r.skip(1)?;
    let (first, count) = (r.u16()?, r.u16()?);
    let end = u32::from(first) + u32::from(count);
    if end > 256 {
        return Err(ProtocolError::ColourMapRange(first, end).into());
    }
    Ok(6 * u64::from(count))
}

/// Appends the head of an update of `rects` rectangles.
pub fn put_update(rects: u16, out: &mut Vec<u8>) {
    out.extend_from_slice(&[0, 0]);
    out.put_u16(rects);
}

/// The count that stands for "until a LastRect".
pub const UNTIL_LAST_RECT: u16 = 0xffff;

/// Appends a rectangle's head.
pub fn put_rect(rect: Rect, encoding: i32, out: &mut Vec<u8>) {
    out.put_rect(rect);
    out.put_i32(encoding);
}

/// Appends EndOfContinuousUpdates.
pub fn put_end_of_continuous_updates(out: &mut Vec<u8>) {
    out.push(150);
}
