//! A notice over the picture: why it is blank, or that it is no longer live.

use super::text;
use crate::geometry::{Pixel, Point, Rect, Size};
use crate::picture::Picture;

const LETTERS: f32 = 20.0;
const MARGIN: u16 = 14;
const LINE: u16 = 28;
const GROUND: Pixel = Pixel::rgb(0x1d, 0x23, 0x2b);
const INK: Pixel = Pixel::rgb(0xf4, 0xf6, 0xf8);

/// A box of text, drawn once and laid on each rectangle that it touches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    card: Picture,
    centred: bool,
}

impl Notice {
    /// A strip at the top of the screen: the picture below stays readable.
    pub fn strip(lines: &[String]) -> Self {
        Self { card: card(lines), centred: false }
    }

    /// A card in the middle of an empty screen.
    pub fn card(lines: &[String]) -> Self {
        Self { card: card(lines), centred: true }
    }

    /// Where it lies on a screen.
    pub fn place(&self, screen: Size) -> Rect {
        let size = self.card.size();
        let (width, height) = (size.width.min(screen.width), size.height.min(screen.height));
        let y = if self.centred { (screen.height - height) / 2 } else { 0 };
        Rect::new((screen.width - width) / 2, y, width, height)
    }

    /// Lays the part that touches a picture lying at `position` of the screen.
    pub fn lay(&self, picture: &mut Picture, position: Point, screen: Size) {
        let place = self.place(screen);
        let here = Rect { x: position.x, y: position.y, ..picture.size().rect() };
        let Some(part) = place.intersect(here) else { return };
        for y in part.y..part.y + part.height {
            let from = self.card.row(part.x - place.x, y - place.y, part.width);
            let to = picture.row_mut(part.x - here.x, y - here.y, part.width);
            for (to, from) in to.iter_mut().zip(from) {
                *to = *from;
            }
        }
    }
}

fn card(lines: &[String]) -> Picture {
    let width = lines.iter().map(|line| text::width(line, LETTERS)).fold(0.0, f32::max) as u16;
    let height = LINE * lines.len().min(8) as u16;
    let mut card = Picture::new(Size::new(width.min(4096) + 2 * MARGIN, height + 2 * MARGIN));
    let whole = card.size().rect();
    card.fill(whole, GROUND);
    for (n, line) in (0u16..8).zip(lines) {
        text::write(&mut card, line, LETTERS, Point { x: MARGIN, y: MARGIN + LINE * n + 21 }, INK);
    }
    card
}
