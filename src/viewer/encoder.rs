//! The encoding side of one viewer's connection: its zlib streams, and the choice by its preferences.

use super::demand::Preferences;
use crate::geometry::Rect;
use crate::picture::Picture;
use crate::rfb::encoding::tight::Loss;
use crate::rfb::encoding::zlib::Deflater;
use crate::rfb::encoding::{hextile, number, raw, tight, zlib, zrle};
use crate::rfb::server::put_rect;

#[derive(Debug, Default)]
pub(super) struct Encoder {
    zlib: Deflater,
    zrle: Deflater,
    tight: tight::Deflaters,
}

impl Encoder {
    /// Appends the rectangle that `picture` is. True: pixels were lost, with the viewer's leave.
    pub fn encode(&mut self, picture: &Picture, rect: Rect, preferences: &Preferences, loss: Loss, out: &mut Vec<u8>) -> bool {
        let format = &preferences.format;
        put_rect(rect, preferences.encoding, out);
        match preferences.encoding {
            number::TIGHT => {
                return tight::encode(picture, format, loss, &mut self.tight, out);
            }
            number::ZRLE => zrle::encode(picture, &format.cpixel(), &mut self.zrle, out),
            number::HEXTILE => hextile::encode(picture, &format.pixel(), out),
            number::ZLIB => zlib::encode(picture, &format.pixel(), &mut self.zlib, out),
            _ => raw::encode(picture, &format.pixel(), out),
        }
        false
    }
}
