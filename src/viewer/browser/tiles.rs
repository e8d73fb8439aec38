//! A piece of the picture as a browser decodes it: one colour, a photograph as JPEG where loss is allowed, else WebP
//! without loss, which is exact and for text the shorter.

use image_webp::{ColorType, WebPEncoder};

use super::said::{Form, put_tile};
use crate::geometry::Rect;
use crate::picture::Picture;
use crate::rfb::encoding::jpeg;
use crate::rfb::encoding::tight::Loss;

/// The room that tiles are made in, kept from one to the next.
#[derive(Debug, Default)]
pub(super) struct Tiles {
    rgb: Vec<u8>,
    webp: Vec<u8>,
}

impl Tiles {
    /// Appends the piece that `picture` is. True: pixels were lost.
    pub fn put(&mut self, picture: &Picture, rect: Rect, loss: Loss, out: &mut Vec<u8>) -> bool {
        let pixels = picture.pixels();
        if let Some(first) = pixels.first()
            && pixels.iter().all(|pixel| pixel == first)
        {
            put_tile(rect, Form::Colour, &first.to_rgb(), out);
            return false;
        }
        if let Some(quality) = loss.quality(picture) {
            let jpeg = jpeg::encode(picture, quality);
            if !jpeg.is_empty() {
                put_tile(rect, Form::Jpeg, &jpeg, out);
                return true;
            }
        }
        self.rgb.clear();
        self.rgb.extend(pixels.iter().flat_map(|pixel| pixel.to_rgb()));
        self.webp.clear();
        let (width, height) = (u32::from(rect.width), u32::from(rect.height));
        // Of this many bytes, into memory: it cannot fail.
        if let Err(error) = WebPEncoder::new(&mut self.webp).encode(&self.rgb, width, height, ColorType::Rgb8) {
            tracing::error!(%error, "a tile could not be encoded");
        }
        put_tile(rect, Form::WebP, &self.webp, out);
        false
    }
}
