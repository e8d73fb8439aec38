//! Encodings: one file each, decoder and encoder side by side.
//!
//! A decoder is a state that takes the bytes at hand, does a bounded piece of work (a few rows, some tiles), draws it
//! and says how many bytes it took. Progress of nothing means: come back with more.

pub mod copy_rect;
pub mod hextile;
mod inflate;
pub mod jpeg;
pub mod number;
pub mod raw;
pub mod rre;
pub mod tight;
pub mod tile;
pub mod zlib;
pub mod zrle;

pub use inflate::Inflater;

use super::PixelFormat;
use super::error::ProtocolError;
use crate::geometry::Rect;
use crate::picture::Picture;

/// Pixels that one step may draw before it gives way: well under a millisecond of work.
pub(crate) const SLICE: usize = 64 << 10;

/// What one step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Step {
    pub taken: usize,
    pub done: bool,
}

impl Step {
    /// What a step over the input itself did: without a byte taken and not done, it waits for more (`None`).
    fn of(taken: usize, done: bool) -> Option<Self> {
        (taken > 0 || done).then_some(Self { taken, done })
    }
}

/// The zlib streams of a connection: they outlive rectangles.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    pub zlib: Inflater,
    pub zrle: Inflater,
    pub tight: [Inflater; 4],
    /// Whether JPEG was asked for, by a quality level.
    pub jpeg: bool,
}

/// A rectangle being decoded.
#[derive(Debug)]
pub(crate) enum Body {
    Raw(raw::Rows),
    CopyRect,
    Rre(rre::Subrects),
    Hextile(hextile::Tiles),
    Zlib(zlib::Body),
    Trle(zrle::Trle),
    Zrle(zrle::Zrle),
    Tight(tight::Body),
}

impl Body {
    /// The decoder of an encoding number, if that is an encoding with pixels that we know.
    pub fn new(encoding: i32) -> Option<Self> {
        Some(match encoding {
            number::RAW => Self::Raw(raw::Rows::default()),
            number::COPY_RECT => Self::CopyRect,
            number::RRE => Self::Rre(rre::Subrects::rre()),
            number::CORRE => Self::Rre(rre::Subrects::corre()),
            number::HEXTILE => Self::Hextile(hextile::Tiles::default()),
            number::ZLIB => Self::Zlib(zlib::Body::default()),
            number::TRLE => Self::Trle(zrle::Trle::default()),
            number::ZRLE => Self::Zrle(zrle::Zrle::default()),
            number::TIGHT => Self::Tight(tight::Body::default()),
            _ => return None,
        })
    }

    pub fn step(
        &mut self,
        input: &[u8],
        rect: Rect,
        format: &PixelFormat,
        streams: &mut Streams,
        picture: &mut Picture,
    ) -> Result<Option<Step>, ProtocolError> {
        match self {
            Self::Raw(rows) => rows.step(input, rect, &format.pixel(), picture),
            Self::CopyRect => copy_rect::step(input, rect, picture),
            Self::Rre(subrects) => subrects.step(input, rect, &format.pixel(), picture),
            Self::Hextile(tiles) => tiles.step(input, rect, &format.pixel(), picture),
            Self::Zlib(body) => body.step(input, rect, &format.pixel(), &mut streams.zlib, picture),
            Self::Trle(tiles) => tiles.step(input, rect, &format.cpixel(), picture),
            Self::Zrle(body) => body.step(input, rect, &format.cpixel(), &mut streams.zrle, picture),
            Self::Tight(body) => body.step(input, rect, format, streams, picture),
        }
    }
}
