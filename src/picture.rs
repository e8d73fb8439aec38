//! A picture in memory: the only form in which pixels exist here. Every access is clipped, so none can panic.

use crate::geometry::{Pixel, Point, Rect, Size};

#[derive(Clone, PartialEq, Eq, Default)]
pub struct Picture {
    size: Size,
    pixels: Vec<Pixel>,
}

impl std::fmt::Debug for Picture {
    /// The size alone: pixels never reach a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Picture({})", self.size)
    }
}

impl Picture {
    /// A black picture. The caller has checked that the size is showable.
    pub fn new(size: Size) -> Self {
        Self { size, pixels: vec![Pixel::BLACK; usize::from(size.width) * usize::from(size.height)] }
    }

    pub fn size(&self) -> Size {
        self.size
    }

    /// All pixels, row by row.
    pub fn pixels(&self) -> &[Pixel] {
        &self.pixels
    }

    /// Takes another size, keeping the allocation; the content is black afterwards.
    pub fn reset(&mut self, size: Size) {
        // What a smaller size leaves unused must hold no pixel either.
        self.pixels.fill(Pixel::BLACK);
        self.size = size;
        self.pixels.clear();
        self.pixels.resize(usize::from(size.width) * usize::from(size.height), Pixel::BLACK);
    }

    /// Takes the size of `rect` and the pixels of `source` there (black where `rect` leaves it).
    pub fn take(&mut self, source: &Self, rect: Rect) {
        self.size = rect.size();
        self.pixels.clear();
        for row in source.rows(rect) {
            self.pixels.extend_from_slice(row);
        }
        self.pixels.resize(usize::from(rect.width) * usize::from(rect.height), Pixel::BLACK);
    }

    fn stride(&self) -> usize {
        usize::from(self.size.width)
    }

    /// The pixels of row `y` from `x`, at most `width` of them.
    pub fn row(&self, x: u16, y: u16, width: u16) -> &[Pixel] {
        let width = usize::from(width.min(self.size.width.saturating_sub(x)));
        let start = usize::from(y) * self.stride() + usize::from(x);
        self.pixels.get(start..start + width).unwrap_or_default()
    }

    pub fn row_mut(&mut self, x: u16, y: u16, width: u16) -> &mut [Pixel] {
        let width = usize::from(width.min(self.size.width.saturating_sub(x)));
        let start = usize::from(y) * self.stride() + usize::from(x);
        self.pixels.get_mut(start..start + width).unwrap_or_default()
    }

    /// The rows of `rect`, clipped to the picture.
    pub fn rows(&self, rect: Rect) -> impl Iterator<Item = &[Pixel]> {
        let rect = rect.intersect(self.size.rect()).unwrap_or_default();
        (rect.y..rect.y + rect.height).map(move |y| self.row(rect.x, y, rect.width))
    }

    pub fn fill(&mut self, rect: Rect, pixel: Pixel) {
        let Some(rect) = rect.intersect(self.size.rect()) else { return };
        for y in rect.y..rect.y + rect.height {
            self.row_mut(rect.x, y, rect.width).fill(pixel);
        }
    }

    /// Copies inside the picture as if through a buffer: the two places may overlap (RFC 6143 §7.7.2).
    pub fn copy(&mut self, from: Point, to: Rect) {
        let source = Rect { x: from.x, y: from.y, ..to };
        if !self.size.holds(source) || !self.size.holds(to) {
            return;
        }
        let (stride, width) = (self.stride(), usize::from(to.width));
        let mut row = |dy: u16| {
            let src = usize::from(source.y + dy) * stride + usize::from(source.x);
            let dst = usize::from(to.y + dy) * stride + usize::from(to.x);
            self.pixels.copy_within(src..src + width, dst);
        };
        if to.y > source.y {
            (0..to.height).rev().for_each(&mut row);
        } else {
            (0..to.height).for_each(&mut row);
        }
    }

    /// Puts rows of `rect.width` pixels at `rect`; what is missing or outside is left alone.
    pub fn put(&mut self, rect: Rect, pixels: &[Pixel]) {
        if rect.width == 0 {
            return;
        }
        for (y, row) in (rect.y..rect.y.saturating_add(rect.height)).zip(pixels.chunks(usize::from(rect.width))) {
            for (to, from) in self.row_mut(rect.x, y, rect.width).iter_mut().zip(row) {
                *to = *from;
            }
        }
    }
}

/// How many pixels of a row equal the one before: few in a photograph, most in text.
pub fn equal_neighbours(row: &[Pixel]) -> usize {
    row.iter().zip(row.iter().skip(1)).map(|(a, b)| usize::from(a == b)).sum()
}
