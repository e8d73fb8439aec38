//! Reading bytes that may not all be there yet, and keeping those that are.

use super::error::Halt;
use crate::geometry::Rect;

/// A cursor over the bytes at hand. Asking for more than there is gives [`Halt::Short`]; nothing else can go wrong.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// How many bytes were taken.
    pub fn taken(&self) -> usize {
        self.at
    }

    /// The bytes not taken yet.
    pub fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    pub fn take(&mut self, n: usize) -> Result<&'a [u8], Halt> {
        let end = self.at.checked_add(n).ok_or(Halt::Short)?;
        let taken = self.bytes.get(self.at..end).ok_or(Halt::Short)?;
        self.at = end;
        Ok(taken)
    }

    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Halt> {
        self.take(N)?.try_into().map_err(|_| Halt::Short)
    }

    pub fn u8(&mut self) -> Result<u8, Halt> {
        Ok(u8::from_be_bytes(self.array()?))
    }

    pub fn u16(&mut self) -> Result<u16, Halt> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    pub fn u32(&mut self) -> Result<u32, Halt> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    pub fn i32(&mut self) -> Result<i32, Halt> {
        Ok(i32::from_be_bytes(self.array()?))
    }

    pub fn rect(&mut self) -> Result<Rect, Halt> {
        Ok(Rect { x: self.u16()?, y: self.u16()?, width: self.u16()?, height: self.u16()? })
    }

    /// Passes over padding.
    pub fn skip(&mut self, n: usize) -> Result<(), Halt> {
        self.take(n).map(|_| ())
    }
}

/// Appends in network order.
pub trait Put {
    fn put_u8(&mut self, v: u8);
    fn put_u16(&mut self, v: u16);
    fn put_u32(&mut self, v: u32);
    fn put_i32(&mut self, v: i32);
    fn put_rect(&mut self, v: Rect);
}

impl Put for Vec<u8> {
    fn put_u8(&mut self, v: u8) {
        self.push(v);
    }

    fn put_u16(&mut self, v: u16) {
        self.extend_from_slice(&v.to_be_bytes());
    }

    fn put_u32(&mut self, v: u32) {
        self.extend_from_slice(&v.to_be_bytes());
    }

    fn put_i32(&mut self, v: i32) {
        self.extend_from_slice(&v.to_be_bytes());
    }

    fn put_rect(&mut self, v: Rect) {
        for n in [v.x, v.y, v.width, v.height] {
            self.put_u16(n);
        }
    }
}

/// Where in a peer's words something was wrong: what it was saying, and how many of its bytes were taken before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Where {
    pub state: &'static str,
    pub offset: u64,
}

/// Received bytes that no message has taken yet.
#[derive(Debug, Default)]
pub struct Buffer {
    bytes: Vec<u8>,
    start: usize,
    taken: u64,
}

impl Buffer {
    /// No unit of the language needs more at once: a Tight JPEG of 4 MiB and its header.
    pub const CAPACITY: usize = (4 << 20) + (64 << 10);
    /// How much is read from a socket at a time.
    pub const CHUNK: usize = 64 << 10;

    pub fn unread(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }

    pub fn is_empty(&self) -> bool {
        self.unread().is_empty()
    }

    pub fn consume(&mut self, n: usize) {
        let start = self.start.saturating_add(n).min(self.bytes.len());
        self.taken += (start - self.start) as u64;
        self.start = start;
        if self.start == self.bytes.len() {
            self.bytes.clear();
            self.start = 0;
        }
    }

    /// Where the peer is, in a state of its conversation.
    pub fn at(&self, state: &'static str) -> Where {
        Where { state, offset: self.taken }
    }

    /// Where new bytes go, with room for [`Buffer::CHUNK`]; `None` once [`Buffer::CAPACITY`] bytes wait to be taken.
    pub fn room(&mut self) -> Option<&mut Vec<u8>> {
        if self.unread().len() >= Self::CAPACITY {
            return None;
        }
        if self.start >= Self::CHUNK {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
        self.bytes.reserve(Self::CHUNK);
        Some(&mut self.bytes)
    }

    pub fn extend(&mut self, bytes: &[u8]) {
        if let Some(room) = self.room() {
            room.extend_from_slice(bytes);
        }
    }
}
