//! RRE (RFC 6143 §7.7.3) and CoRRE (rfbproto): a background and filled subrectangles. Decoded only.

use super::{SLICE, Step};
use crate::geometry::Rect;
use crate::picture::Picture;
use crate::rfb::Reader;
use crate::rfb::error::{Halt, ProtocolError};
use crate::rfb::pixel_format::Shape;

/// Subrectangles drawn in one step.
const BATCH: u32 = 512;

#[derive(Debug)]
pub(crate) struct Subrects {
    compact: bool,
    /// How many are to come; `None` before the header.
    left: Option<u32>,
}

impl Subrects {
    pub(super) fn rre() -> Self {
        Self { compact: false, left: None }
    }

    pub(super) fn corre() -> Self {
        Self { compact: true, left: None }
    }

    pub(super) fn step(
        &mut self,
        input: &[u8],
        rect: Rect,
        shape: &Shape,
        picture: &mut Picture,
    ) -> Result<Option<Step>, ProtocolError> {
        let mut r = Reader::new(input);
        let Some(left) = self.left else {
            let header = |r: &mut Reader<'_>| Ok((r.u32()?, shape.read(r)?));
            let Some((count, background)) = Halt::or_wait(header(&mut r))? else { return Ok(None) };
            if u64::from(count) > rect.area() {
                return Err(ProtocolError::RreCount(count));
            }
            if self.compact && (rect.width > 255 || rect.height > 255) {
                return Err(ProtocolError::Subrect("a CoRRE rectangle wider or higher than 255"));
            }
            picture.fill(rect, background);
            self.left = Some(count);
            return Ok(Step::of(r.taken(), count == 0));
        };
        let (mut taken, mut drawn, mut area) = (0, 0, 0);
        while drawn < left.min(BATCH) && area < SLICE as u64 {
            let Some((pixel, sub)) = Halt::or_wait(self.subrect(&mut r, shape))? else { break };
            if !rect.size().holds(sub) {
                return Err(ProtocolError::Subrect(if self.compact { "CoRRE" } else { "RRE" }));
            }
            picture.fill(Rect { x: rect.x + sub.x, y: rect.y + sub.y, ..sub }, pixel);
            taken = r.taken();
            drawn += 1;
            area += sub.area();
        }
        self.left = Some(left - drawn);
        Ok(Step::of(taken, left == drawn))
    }

    fn subrect(&self, r: &mut Reader<'_>, shape: &Shape) -> Result<(crate::geometry::Pixel, Rect), Halt> {
        let pixel = shape.read(r)?;
        if !self.compact {
            return Ok((pixel, r.rect()?));
        }
        let [x, y, width, height] = r.array::<4>()?.map(u16::from);
        Ok((pixel, Rect { x, y, width, height }))
    }
}
