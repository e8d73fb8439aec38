//! The display messages, client → server: all that Lucarne can say to a site after the handshake.

use super::codec::Put;
use super::error::{Halt, ProtocolError};
use super::{PixelFormat, Reader};
use crate::geometry::Rect;

/// When a site is asked for JPEG.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Jpeg {
    Never,
    /// While a film runs; when it is over the screen is asked for again without loss.
    Films,
    Always,
}

/// Bytes for a site. Only the handshake and [`Request`] can make them, and the upstream socket takes nothing else.
#[derive(Debug, PartialEq, Eq)]
pub struct Outbound(Vec<u8>);

impl Outbound {
    pub(in crate::rfb) fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Outbound {
    fn drop(&mut self) {
        // The handshake's bytes may hold a password.
        zeroize::Zeroize::zeroize(&mut self.0);
    }
}

/// What can be said to a site.
pub trait Encode {
    fn encode(&self) -> Outbound;
}

/// Fence (rfbproto, "ClientFence" and "ServerFence"): at most 64 bytes come back as they went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fence {
    pub flags: u32,
    payload: Vec<u8>,
}

impl Fence {
    pub const BLOCK_BEFORE: u32 = 1;
    pub const BLOCK_AFTER: u32 = 1 << 1;
    pub const SYNC_NEXT: u32 = 1 << 2;
    pub const REQUEST: u32 = 1 << 31;
    const UNDERSTOOD: u32 = Self::BLOCK_BEFORE | Self::BLOCK_AFTER | Self::SYNC_NEXT;
    pub const TYPE: u8 = 248;

    /// A question with a short mark of its own (the rest of a long one is cut).
    pub fn question(flags: u32, mark: &[u8]) -> Self {
        Self { flags: flags | Self::REQUEST, payload: mark.iter().take(64).copied().collect() }
    }

    pub fn is_request(&self) -> bool {
        self.flags & Self::REQUEST != 0
    }

    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The answer: the same payload, the bits that we understand, no longer a request.
    pub fn answer(self) -> Self {
        Self { flags: self.flags & Self::UNDERSTOOD, payload: self.payload }
    }

    /// Reads what follows the type byte.
    pub fn decode(r: &mut Reader<'_>) -> Result<Self, Halt> {
        r.skip(3)?;
        let flags = r.u32()?;
        let len = r.u8()?;
        if len > 64 {
            return Err(ProtocolError::Fence(len).into());
        }
        Ok(Self { flags, payload: r.take(len.into())?.to_vec() })
    }

    /// The whole message, the same in both directions.
    pub fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[Self::TYPE, 0, 0, 0]);
        out.put_u32(self.flags);
        out.put_u8(self.payload.len() as u8);
        out.extend_from_slice(&self.payload);
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// RFC 6143 §7.5.1
    SetPixelFormat(PixelFormat),
    /// RFC 6143 §7.5.2; at most 1024, unknown numbers kept
    SetEncodings(Vec<i32>),
    /// RFC 6143 §7.5.3
    FramebufferUpdate { incremental: bool, area: Rect },
    /// rfbproto, "EnableContinuousUpdates"
    EnableContinuousUpdates { on: bool, area: Rect },
    /// rfbproto, "ClientFence"
    Fence(Fence),
}

impl Request {
    /// The message types that are requests.
    pub const TYPES: [u8; 5] = [0, 2, 3, 150, Fence::TYPE];
    const MAX_ENCODINGS: u16 = 1024;

    /// Reads a message whose type byte, one of [`Request::TYPES`], was taken.
    pub fn decode(kind: u8, r: &mut Reader<'_>) -> Result<Self, Halt> {
        match kind {
            0 => {
                r.skip(3)?;
                Ok(Self::SetPixelFormat(PixelFormat::decode(r)?))
            }
            2 => {
                r.skip(1)?;
                let n = r.u16()?;
                if n > Self::MAX_ENCODINGS {
                    return Err(ProtocolError::EncodingsCount(n).into());
                }
                Ok(Self::SetEncodings((0..n).map(|_| r.i32()).collect::<Result<_, _>>()?))
            }
            3 => Ok(Self::FramebufferUpdate { incremental: r.u8()? != 0, area: r.rect()? }),
            150 => Ok(Self::EnableContinuousUpdates { on: r.u8()? != 0, area: r.rect()? }),
            Fence::TYPE => Ok(Self::Fence(Fence::decode(r)?)),
            other => Err(ProtocolError::UnknownMessage(other).into()),
        }
    }
}

impl Encode for Request {
    fn encode(&self) -> Outbound {
        let mut out = Vec::with_capacity(20);
        match self {
            Self::SetPixelFormat(format) => {
                out.extend_from_slice(&[0; 4]);
                format.encode(&mut out);
            }
            Self::SetEncodings(list) => {
                let list = list.get(..usize::from(Self::MAX_ENCODINGS)).unwrap_or(list);
                out.extend_from_slice(&[2, 0]);
                out.put_u16(list.len() as u16);
                list.iter().for_each(|number| out.put_i32(*number));
            }
            Self::FramebufferUpdate { incremental, area } => {
                out.extend_from_slice(&[3, u8::from(*incremental)]);
                out.put_rect(*area);
            }
            Self::EnableContinuousUpdates { on, area } => {
                out.extend_from_slice(&[150, u8::from(*on)]);
                out.put_rect(*area);
            }
            Self::Fence(fence) => fence.put(&mut out),
        }
        Outbound::new(out)
    }
}
