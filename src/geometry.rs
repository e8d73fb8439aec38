//! Points, sizes, rectangles and pixels, in the units of RFB: whole pixels, origin top left.

use std::fmt;

/// The longest side of a screen that Lucarne shows, in pixels.
pub const MAX_SIDE: u16 = 16_384;
/// The largest screen that Lucarne shows, in pixels.
pub const MAX_AREA: u64 = 64 << 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Point {
    pub x: u16,
    pub y: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Size {
    pub width: u16,
    pub height: u16,
}

impl Size {
    pub const fn new(width: u16, height: u16) -> Self {
        Self { width, height }
    }

    /// Whether a screen may have this size: neither empty nor past [`MAX_SIDE`] and [`MAX_AREA`].
    pub fn is_showable(self) -> bool {
        self.width > 0 && self.height > 0 && self.width <= MAX_SIDE && self.height <= MAX_SIDE && self.area() <= MAX_AREA
    }

    pub fn area(self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// The rectangle of this size at the origin.
    pub const fn rect(self) -> Rect {
        Rect { x: 0, y: 0, width: self.width, height: self.height }
    }

    /// Whether `rect` lies wholly inside, each edge checked by itself (never by area).
    pub fn holds(self, rect: Rect) -> bool {
        rect.right() <= u32::from(self.width) && rect.bottom() <= u32::from(self.height)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}×{}", self.width, self.height)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Rect {
    pub x: u16,
    pub y: u16,
    pub width: u16,
    pub height: u16,
}

impl Rect {
    pub const fn new(x: u16, y: u16, width: u16, height: u16) -> Self {
        Self { x, y, width, height }
    }

    pub fn right(self) -> u32 {
        u32::from(self.x) + u32::from(self.width)
    }

    pub fn bottom(self) -> u32 {
        u32::from(self.y) + u32::from(self.height)
    }

    pub fn is_empty(self) -> bool {
        self.width == 0 || self.height == 0
    }

    pub fn size(self) -> Size {
        Size::new(self.width, self.height)
    }

    pub fn origin(self) -> Point {
        Point { x: self.x, y: self.y }
    }

    pub fn area(self) -> u64 {
        self.size().area()
    }

    /// The part that both cover, if any.
    pub fn intersect(self, other: Self) -> Option<Self> {
        let x = self.x.max(other.x);
        let y = self.y.max(other.y);
        let width = self.right().min(other.right()).checked_sub(u32::from(x))?;
        let height = self.bottom().min(other.bottom()).checked_sub(u32::from(y))?;
        let cut = Self::new(x, y, u16::try_from(width).ok()?, u16::try_from(height).ok()?);
        (!cut.is_empty()).then_some(cut)
    }

    /// Pieces of at most `width` × `height`, left to right and top down.
    pub fn pieces(self, width: u16, height: u16) -> impl Iterator<Item = Self> {
        let (step_x, step_y) = (usize::from(width.max(1)), usize::from(height.max(1)));
        (0..self.height).step_by(step_y).flat_map(move |dy| {
            (0..self.width).step_by(step_x).map(move |dx| {
                Self::new(self.x + dx, self.y + dy, width.max(1).min(self.width - dx), height.max(1).min(self.height - dy))
            })
        })
    }
}

/// One pixel, `0x00RRGGBB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[repr(transparent)]
pub struct Pixel(pub u32);

impl Pixel {
    pub const BLACK: Self = Self(0);
    pub const WHITE: Self = Self(0x00ff_ffff);

    pub const fn rgb(r: u8, g: u8, b: u8) -> Self {
        Self((r as u32) << 16 | (g as u32) << 8 | b as u32)
    }

    pub const fn to_rgb(self) -> [u8; 3] {
        [self.r(), self.g(), self.b()]
    }

    pub const fn r(self) -> u8 {
        (self.0 >> 16) as u8
    }

    pub const fn g(self) -> u8 {
        (self.0 >> 8) as u8
    }

    pub const fn b(self) -> u8 {
        self.0 as u8
    }

    /// Luminance, 0 to 255 (Rec. 601 weights in 256ths).
    pub const fn luma(self) -> u8 {
        ((77 * self.r() as u32 + 150 * self.g() as u32 + 29 * self.b() as u32) >> 8) as u8
    }
}
