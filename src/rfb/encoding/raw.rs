//! Raw (RFC 6143 §7.7.1): the pixels, row by row.

use super::{SLICE, Step};
use crate::geometry::Rect;
use crate::picture::Picture;
use crate::rfb::error::ProtocolError;
use crate::rfb::pixel_format::Shape;

/// Rows drawn so far.
#[derive(Debug, Default)]
pub(crate) struct Rows(u16);

impl Rows {
    /// Draws the whole rows at hand.
    pub(super) fn step(
        &mut self,
        input: &[u8],
        rect: Rect,
        shape: &Shape,
        picture: &mut Picture,
    ) -> Result<Option<Step>, ProtocolError> {
        let row = usize::from(rect.width) * shape.bytes();
        let at_once = SLICE / usize::from(rect.width.max(1)) + 1;
        let left = usize::from(rect.height - self.0);
        let rows = input.len().checked_div(row).map_or(left, |rows| rows.min(left).min(at_once));
        for bytes in input.chunks_exact(row.max(1)).take(rows) {
            shape.read_row(bytes, picture.row_mut(rect.x, rect.y + self.0, rect.width));
            self.0 += 1;
        }
        Ok(Step::of(rows * row, row == 0 || self.0 == rect.height))
    }
}

/// Appends the pixels.
pub fn encode(picture: &Picture, shape: &Shape, out: &mut Vec<u8>) {
    shape.put_row(picture.pixels(), out);
}
