//! CopyRect (RFC 6143 §7.7.2). Decoded only: what a viewer holds is stamped by position, so copying would move the mark.

use super::Step;
use crate::geometry::{Point, Rect};
use crate::picture::Picture;
use crate::rfb::Reader;
use crate::rfb::error::{Halt, ProtocolError};

pub(super) fn step(input: &[u8], rect: Rect, picture: &mut Picture) -> Result<Option<Step>, ProtocolError> {
    let mut r = Reader::new(input);
    let read = |r: &mut Reader<'_>| Ok(Point { x: r.u16()?, y: r.u16()? });
    let Some(from) = Halt::or_wait(read(&mut r))? else { return Ok(None) };
    if !picture.size().holds(Rect { x: from.x, y: from.y, ..rect }) {
        return Err(ProtocolError::CopyRectSource);
    }
    picture.copy(from, rect);
    Ok(Step::of(r.taken(), true))
}
