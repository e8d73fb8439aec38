//! Zlib (rfbproto, encoding 6): a Raw rectangle through one zlib stream per connection.

use super::inflate::{Inflater, Prefixed};
use super::{Step, raw};
use crate::geometry::Rect;
use crate::picture::Picture;
use crate::rfb::codec::Put;
use crate::rfb::error::ProtocolError;
use crate::rfb::pixel_format::Shape;

#[derive(Debug, Default)]
pub(crate) struct Body {
    data: Prefixed,
    rows: raw::Rows,
}

impl Body {
    pub(super) fn step(
        &mut self,
        input: &[u8],
        rect: Rect,
        shape: &Shape,
        stream: &mut Inflater,
        picture: &mut Picture,
    ) -> Result<Option<Step>, ProtocolError> {
        let most = rect.area() as usize * shape.bytes();
        self.data.step(input, stream, most, "Zlib", |bytes| self.rows.step(bytes, rect, shape, picture))
    }
}

/// Appends the length and the compressed pixels.
pub fn encode(picture: &Picture, shape: &Shape, stream: &mut Deflater, out: &mut Vec<u8>) {
    let mut pixels = Vec::new();
    raw::encode(picture, shape, &mut pixels);
    let at = out.len();
    out.put_u32(0);
    stream.compress(&pixels, out);
    patch_length(out, at);
}

/// Writes at `at` how many bytes follow the four there.
pub(super) fn patch_length(out: &mut [u8], at: usize) {
    let length = (out.len() - at - 4) as u32;
    if let Some(place) = out.get_mut(at..at + 4) {
        place.copy_from_slice(&length.to_be_bytes());
    }
}

/// A zlib stream that lasts as long as the connection, flushed after every rectangle. It takes its memory, a third of a
/// megabyte, when it is first used.
#[derive(Debug, Default)]
pub struct Deflater(Option<flate2::Compress>);

impl Deflater {
    /// Appends `bytes`, compressed up to a sync flush.
    pub fn compress(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        // Level 1: pixels of screens gain little from more, and latency is what people feel.
        let stream = self.0.get_or_insert_with(|| flate2::Compress::new(flate2::Compression::fast(), true));
        let start = stream.total_in();
        loop {
            out.reserve(bytes.len() / 4 + 256);
            let taken = (stream.total_in() - start) as usize;
            let rest = bytes.get(taken..).unwrap_or_default();
            // Compression of bytes at hand cannot fail; what it says is how far it came.
            let _ = stream.compress_vec(rest, out, flate2::FlushCompress::Sync);
            let all_taken = (stream.total_in() - start) as usize == bytes.len();
            if all_taken && out.len() < out.capacity() {
                return;
            }
        }
    }
}
