//! The encoding side of one viewer's connection: its zlib streams, and the choice by its preferences.

use super::demand::Preferences;
use crate::geometry::{Rect, Size};
use crate::picture::Picture;
use crate::rfb::encoding::tight::Loss;
use crate::rfb::encoding::zlib::Deflater;
use crate::rfb::encoding::{hextile, number, raw, tight, zlib, zrle};
use crate::rfb::server::{put_rect, put_update};

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

/// Appends an update that tells a viewer its new size, by the encoding it understands.
pub(super) fn put_size(size: Size, encoding: i32, out: &mut Vec<u8>) {
    put_update(1, out);
    put_rect(size.rect(), encoding, out);
    if encoding == number::EXTENDED_DESKTOP_SIZE {
        // One screen (id 0) that is all of the picture.
        out.extend_from_slice(&[1, 0, 0, 0, 0, 0, 0, 0]);
        crate::rfb::codec::Put::put_rect(out, size.rect());
        out.extend_from_slice(&[0; 4]);
    }
}
