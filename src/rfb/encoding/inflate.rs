//! A zlib stream that lasts as long as the connection, inflated a bounded piece at a time.

use flate2::{Decompress, FlushDecompress, Status};

use super::Step;
use crate::rfb::Reader;
use crate::rfb::error::{Halt, ProtocolError};

/// Inflated bytes held at most: a decoder takes them before more are made.
const AHEAD: usize = 64 << 10;

#[derive(Debug)]
pub struct Inflater {
    stream: Decompress,
    out: Vec<u8>,
    start: usize,
}

impl Default for Inflater {
    fn default() -> Self {
        Self { stream: Decompress::new(true), out: Vec::new(), start: 0 }
    }
}

impl Inflater {
    /// Starts a new zlib stream.
    pub fn reset(&mut self) {
        self.stream.reset(true);
        self.out.clear();
        self.start = 0;
    }

    /// Inflated bytes that nobody took yet.
    pub fn ready(&self) -> &[u8] {
        self.out.get(self.start..).unwrap_or_default()
    }

    pub fn consume(&mut self, n: usize) {
        self.start = self.start.saturating_add(n).min(self.out.len());
    }

    /// Inflates until 64 KiB are ready or the input is used up; gives the input bytes taken.
    pub fn feed(&mut self, input: &[u8], name: &'static str) -> Result<usize, ProtocolError> {
        if self.start > 0 {
            self.out.drain(..self.start);
            self.start = 0;
        }
        let mut taken = 0;
        while self.out.len() < AHEAD {
            self.out.reserve(AHEAD);
            let (before_in, before_out) = (self.stream.total_in(), self.stream.total_out());
            let rest = input.get(taken..).unwrap_or_default();
            let status = self.stream.decompress_vec(rest, &mut self.out, FlushDecompress::Sync);
            let status = status.map_err(|_| ProtocolError::Inflate(name))?;
            taken += (self.stream.total_in() - before_in) as usize;
            let produced = self.stream.total_out() - before_out;
            if status == Status::StreamEnd && taken < input.len() {
                return Err(ProtocolError::Inflate(name));
            }
            if produced == 0 || self.out.len() < self.out.capacity() && taken == input.len() {
                break;
            }
        }
        Ok(taken)
    }
}

/// The compressed bytes of one rectangle, counted down as they come.
#[derive(Debug)]
pub(super) struct Compressed {
    left: usize,
    name: &'static str,
}

impl Compressed {
    /// `length` was read from the wire; `raw` is what the rectangle can hold uncompressed. No honest deflate
    /// stream is longer than that, its blocks and flushes counted.
    pub fn new(length: usize, raw: usize, name: &'static str) -> Result<Self, ProtocolError> {
        if length > raw.saturating_add(raw / 8).saturating_add(4096) {
            return Err(ProtocolError::InflateLimit(name));
        }
        Ok(Self { left: length, name })
    }

    /// Inflates what is at hand; gives the bytes taken from `input`.
    pub fn feed(&mut self, input: &[u8], stream: &mut Inflater) -> Result<usize, ProtocolError> {
        let input = input.get(..self.left.min(input.len())).unwrap_or_default();
        let taken = stream.feed(input, self.name)?;
        self.left -= taken;
        Ok(taken)
    }

    /// At the rectangle's end: what is left may hold the flush, but not one byte more of output.
    /// True once everything was taken.
    pub fn finish(&mut self, stream: &Inflater) -> Result<bool, ProtocolError> {
        if !stream.ready().is_empty() {
            return Err(ProtocolError::InflateLimit(self.name));
        }
        Ok(self.left == 0)
    }

    /// All input was taken and still too little came out.
    pub fn starved(&self) -> Result<(), ProtocolError> {
        if self.left == 0 { Err(ProtocolError::Inflate(self.name)) } else { Ok(()) }
    }
}

/// A rectangle behind a 32-bit length: Zlib and ZRLE. What is inflated goes to `draw`, which takes what it can use.
#[derive(Debug, Default)]
pub(super) struct Prefixed {
    data: Option<Compressed>,
    drawn: bool,
}

impl Prefixed {
    /// `most` is what the rectangle can hold uncompressed, in bytes.
    pub fn step(
        &mut self,
        input: &[u8],
        stream: &mut Inflater,
        most: usize,
        name: &'static str,
        draw: impl FnOnce(&[u8]) -> Result<Option<Step>, ProtocolError>,
    ) -> Result<Option<Step>, ProtocolError> {
        let Some(data) = &mut self.data else {
            let mut r = Reader::new(input);
            let Some(length) = Halt::or_wait(r.u32())? else { return Ok(None) };
            self.data = Some(Compressed::new(length as usize, most, name)?);
            return Ok(Step::of(r.taken(), false));
        };
        let taken = data.feed(input, stream)?;
        let mut moved = taken > 0;
        if !self.drawn {
            if let Some(step) = draw(stream.ready())? {
                stream.consume(step.taken);
                self.drawn = step.done;
                moved = true;
            } else if !moved {
                data.starved()?;
            }
        }
        let done = self.drawn && data.finish(stream)?;
        Ok((moved || done).then_some(Step { taken, done }))
    }
}
