//! What happens on the screen: four workloads, the same pixels in every run. Each frame carries its number as twelve
//! black or white squares in the top left corner.

use std::time::Duration;

use lucarne::geometry::{Pixel, Point, Rect, Size};
use lucarne::mark::text;
use lucarne::picture::Picture;

pub const SCREEN: Size = Size::new(1920, 1080);
const SQUARE: u16 = 16;
const BITS: u16 = 12;
pub const MARKER: Rect = Rect::new(0, 0, SQUARE * BITS, SQUARE);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// Typing, a list that drops down, a table that scrolls, a dialogue.
    Office,
    /// A page of text, tables and photographs that scrolls.
    Scroll,
    /// A photograph that moves, over the whole screen.
    Video,
    /// A square on a still screen.
    Toggle,
    /// A band of the page that scrolls, so many lines high.
    Band(u16),
}

impl Work {
    pub const ALL: [Self; 4] = [Self::Toggle, Self::Office, Self::Scroll, Self::Video];

    pub fn name(self) -> &'static str {
        match self {
            Self::Office => "office",
            Self::Scroll => "scroll",
            Self::Video => "video",
            Self::Toggle => "toggle",
            Self::Band(_) => "band",
        }
    }

    pub fn frames(self) -> u16 {
        match self {
            Self::Office => 133,
            Self::Scroll => 200,
            Self::Video => 120,
            Self::Toggle => 60,
            Self::Band(_) => 100,
        }
    }

    pub fn period(self) -> Duration {
        match self {
            Self::Office => Duration::from_millis(105),
            Self::Scroll | Self::Band(_) => Duration::from_millis(50),
            Self::Video => Duration::from_micros(66_667),
            Self::Toggle => Duration::from_millis(170),
        }
    }
}

/// A screen on which a workload is played frame by frame.
pub struct Stage {
    work: Work,
    pub canvas: Picture,
    /// What scrolls, or the photograph.
    large: Picture,
}

const INK: Pixel = Pixel::rgb(0x22, 0x2b, 0x35);
const PALE: Pixel = Pixel::rgb(0xdd, 0xea, 0xf7);
const WORDS: [&str; 8] =
    ["Consultation", "tension artérielle", "fictif", "ordonnance", "12/8", "à revoir", "dossier n° 10042", "spécimen"];

fn write(picture: &mut Picture, line: &str, px: f32, x: u16, y: u16) {
    text::write(picture, line, px, Point { x, y }, INK);
}

fn word(n: u32) -> &'static str {
    WORDS.get((n % 8) as usize).copied().unwrap_or_default()
}

fn line_of_text(n: u32) -> String {
    (0..7).map(|i| word(n * 7 + i * 3)).collect::<Vec<_>>().join(" ")
}

/// Smooth light with some grain: what a camera gives.
fn photograph(picture: &mut Picture, place: Rect) {
    let mut grain = 0x9e37_79b9u32;
    for y in 0..place.height {
        for (x, pixel) in picture.row_mut(place.x, place.y + y, place.width).iter_mut().enumerate() {
            grain = grain.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let (fx, fy, noise) = (x as f32, f32::from(y), (grain >> 29) as f32);
            let wave =
                |a: f32, b: f32, c: f32| (128.0 + 60.0 * (fx / a + fy / b).sin() + 55.0 * (fx / c - fy / a).cos() + noise) as u8;
            *pixel = Pixel::rgb(wave(97.0, 61.0, 41.0), wave(71.0, 89.0, 53.0), wave(113.0, 47.0, 67.0));
        }
    }
}

/// A page of so many lines, with a table and a photograph now and then.
fn page(size: Size) -> Picture {
    let mut page = Picture::new(size);
    page.fill(size.rect(), Pixel::WHITE);
    for n in 0..u32::from(size.height / 24) {
        let y = n as u16 * 24;
        match n % 40 {
            28 => photograph(&mut page, Rect::new(900, y, 700, 260.min(size.height - y))),
            18..=24 => {
                page.fill(Rect::new(20, y, 820, 23), if n % 2 == 0 { PALE } else { Pixel::WHITE });
                write(&mut page, &format!("{:04}   {}", n * 37 % 9973, line_of_text(n)), 15.0, 30, y + 17);
            }
            _ => write(&mut page, &line_of_text(n), 15.0, 20, y + 17),
        }
    }
    page
}

impl Stage {
    pub fn new(work: Work) -> Self {
        let mut canvas = Picture::new(SCREEN);
        canvas.fill(SCREEN.rect(), Pixel::rgb(0xf5, 0xf7, 0xf9));
        let large = match work {
            Work::Video => {
                let mut large = Picture::new(Size::new(2600, 1500));
                let whole = large.size().rect();
                photograph(&mut large, whole);
                large
            }
            Work::Scroll | Work::Band(_) => page(Size::new(1650, 6000)),
            Work::Office => page(Size::new(900, 4000)),
            Work::Toggle => Picture::default(),
        };
        if work == Work::Office || work == Work::Scroll {
            for n in 0..40 {
                write(&mut canvas, &line_of_text(n), 15.0, 30, 60 + n as u16 * 25);
            }
        }
        Self { work, canvas, large }
    }

    fn show(&mut self, from: Point, to: Rect) {
        for y in 0..to.height {
            let row = self.large.row(from.x, from.y + y, to.width).to_vec();
            self.canvas.row_mut(to.x, to.y + y, to.width).copy_from_slice(&row);
        }
    }

    /// Draws frame `n` (from 1); gives where the canvas changed, its marker last.
    pub fn draw(&mut self, n: u16) -> Vec<Rect> {
        let changed = match self.work {
            Work::Toggle => {
                let square = Rect::new(900, 500, 64, 64);
                self.canvas.fill(square, if n.is_multiple_of(2) { Pixel::WHITE } else { Pixel::rgb(0x1f, 0x5f, 0xa8) });
                square
            }
            Work::Scroll | Work::Band(_) => {
                let height = if let Work::Band(height) = self.work { height } else { 770 };
                let place = Rect::new(240, 120, 1650, height);
                self.show(Point { x: 0, y: n * 26 }, place);
                place
            }
            Work::Video => {
                self.show(Point { x: n * 5, y: n * 3 }, SCREEN.rect());
                SCREEN.rect()
            }
            Work::Office => self.office(n),
        };
        for bit in 0..BITS {
            let pixel = if n >> bit & 1 == 1 { Pixel::WHITE } else { Pixel::BLACK };
            self.canvas.fill(Rect::new(bit * SQUARE, 0, SQUARE, SQUARE), pixel);
        }
        vec![changed, MARKER]
    }

    fn office(&mut self, n: u16) -> Rect {
        match n % 33 {
            // A list drops down, and is gone again.
            20 => {
                let place = Rect::new(1200, 200, 300, 420);
                self.canvas.fill(place, PALE);
                for row in 0..16 {
                    write(&mut self.canvas, word(row.into()), 15.0, 1212, 222 + row * 25);
                }
                place
            }
            24 => {
                let place = Rect::new(1200, 200, 300, 420);
                self.show(Point { x: 0, y: 400 }, place);
                place
            }
            // A table scrolls.
            25..=29 => {
                let place = Rect::new(960, 640, 900, 300);
                self.show(Point { x: 0, y: n * 24 }, place);
                place
            }
            30 => {
                let place = Rect::new(600, 300, 700, 400);
                self.canvas.fill(place, Pixel::WHITE);
                self.canvas.fill(Rect { height: 34, ..place }, Pixel::rgb(0x1f, 0x5f, 0xa8));
                write(&mut self.canvas, "Enregistrer la consultation fictive ?", 18.0, 640, 420);
                place
            }
            32 => {
                let place = Rect::new(600, 300, 700, 400);
                self.show(Point { x: 100, y: 900 }, place);
                place
            }
            // Letters are typed.
            letter => {
                let place = Rect::new(960 + letter * 11, 560, 13, 24);
                self.canvas.fill(place, Pixel::WHITE);
                let typed = char::from(b'a' + (n % 26) as u8).to_string();
                write(&mut self.canvas, &typed, 17.0, place.x + 1, place.y + 18);
                place
            }
        }
    }
}

/// The number of the frame that a picture shows.
pub fn number(picture: &Picture) -> u16 {
    let bit = |bit: u16| picture.row(bit * SQUARE + SQUARE / 2, SQUARE / 2, 1).first().is_some_and(|pixel| pixel.luma() > 128);
    (0..BITS).map(|n| u16::from(bit(n)) << n).sum()
}
