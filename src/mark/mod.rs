//! The mark: who is looking, burnt into each viewer's own copy of the pixels, and notices over the picture.
//!
//! [`stamp`] is pure: the same pixels at the same position under the same mark give the same result, so a lossless
//! viewer holds exactly `stamp(site's pixels)`. This room never reads a clock, never keeps a picture, and has no
//! switch that turns it off.

mod notice;
pub mod text;

use time::OffsetDateTime;
use time::macros::format_description;

use crate::geometry::{Pixel, Point, Size};
use crate::id::SessionId;
use crate::picture::Picture;
pub use notice::Notice;

/// Who looks at what, in which session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    pub who: String,
    pub what: String,
    pub session: SessionId,
}

/// The height of the letters, in pixels.
const LETTERS: f32 = 21.0;
/// Room between repetitions, in pixels.
const GAP: f32 = 56.0;
/// The lines rise by 30° from left to right.
const SLANT: (f32, f32) = (0.866_025_4, -0.5);
/// Longer names are cut: the tile must stay small against a screen.
const MAX_LETTERS: usize = 48;
/// Opacity in 256ths, 10 % on light ground and 12 % on dark, where the eye sees less.
const ON_LIGHT: u32 = 26;
const ON_DARK: u32 = 31;

/// A tile of slanted text, repeated over the screen from its origin. Letters are not smoothed at their edges: two
/// colours in place of one keep palettes small, so that marked text still compresses as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    period: Size,
    /// For each row of the tile, the runs of pixels under a letter: start and end.
    rows: Vec<Vec<(u16, u16)>>,
}

impl Mark {
    /// The mark of an identity in the UTC minute of `now`.
    pub fn new(identity: &Identity, now: OffsetDateTime) -> Self {
        let minute = now.format(format_description!("[year]-[month]-[day] [hour]:[minute] UTC")).unwrap_or_default();
        let lines = [cut(&format!("{} · {}", identity.who, identity.what)), format!("{minute} · {}", identity.session.tag())];
        Self::of_lines(&lines)
    }

    fn of_lines(lines: &[String]) -> Self {
        let length = lines.iter().map(|line| text::width(line, LETTERS)).fold(0.0, f32::max);
        let (cos, sin) = SLANT;
        let thick = LETTERS * 1.35 * lines.len() as f32;
        let period = Size::new((length * cos + thick * -sin + GAP) as u16, (length * -sin + thick * cos + GAP) as u16);
        let (width, height) = (i32::from(period.width), i32::from(period.height));
        let mut covered = vec![vec![false; usize::from(period.width)]; usize::from(period.height)];
        for (n, line) in lines.iter().enumerate() {
            let down = LETTERS * 1.35 * (n as f32 + 1.0);
            let origin = (GAP / 2.0 + down * -sin, GAP / 2.0 + length * -sin + down * cos);
            text::draw(line, LETTERS, origin, SLANT, &mut |x, y, coverage| {
                let row = covered.get_mut(y.rem_euclid(height) as usize);
                if let Some(place) = row.and_then(|row| row.get_mut(x.rem_euclid(width) as usize)) {
                    *place |= coverage >= 0.5;
                }
            });
        }
        let rows = covered.iter().map(|row| runs(row)).collect();
        Self { period, rows }
    }

    /// The tile's size, in pixels.
    pub fn period(&self) -> Size {
        self.period
    }
}

fn cut(line: &str) -> String {
    if line.chars().count() <= MAX_LETTERS {
        return line.to_owned();
    }
    let mut short: String = line.chars().take(MAX_LETTERS - 1).collect();
    short.push('…');
    short
}

fn runs(row: &[bool]) -> Vec<(u16, u16)> {
    let mut at = 0u16;
    let mut found = Vec::new();
    for run in row.chunk_by(|a, b| a == b) {
        let end = at + run.len() as u16;
        if run.first() == Some(&true) {
            found.push((at, end));
        }
        at = end;
    }
    found
}

/// Stamps a picture that lies at `position` on the screen.
pub fn stamp(picture: &mut Picture, position: Point, mark: &Mark) {
    let size = picture.size();
    let Some(period) = usize::from(mark.period.width).checked_sub(1).map(|p| p + 1) else { return };
    for y in 0..size.height {
        let tile_row = (usize::from(position.y) + usize::from(y)) % usize::from(mark.period.height.max(1));
        let Some(runs) = mark.rows.get(tile_row).filter(|runs| !runs.is_empty()) else { continue };
        let row = picture.row_mut(0, y, size.width);
        let from = usize::from(position.x);
        let to = from + row.len();
        for tile in (from / period * period..to).step_by(period) {
            for (start, end) in runs {
                let start = (tile + usize::from(*start)).clamp(from, to) - from;
                let end = (tile + usize::from(*end)).clamp(from, to) - from;
                row.get_mut(start..end).unwrap_or_default().iter_mut().for_each(|pixel| *pixel = blend(*pixel));
            }
        }
    }
}

/// Towards black on light ground, towards white on dark.
fn blend(pixel: Pixel) -> Pixel {
    let light = pixel.luma() >= 128;
    let channel = |v: u8| {
        let v = u32::from(v);
        (if light { v - ((v * ON_LIGHT) >> 8) } else { v + (((255 - v) * ON_DARK) >> 8) }) as u8
    };
    Pixel::rgb(channel(pixel.r()), channel(pixel.g()), channel(pixel.b()))
}
