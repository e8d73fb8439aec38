//! Letters: the outlines of an openly licensed font, filled at any angle.

use std::sync::LazyLock;

use ab_glyph::{Font, FontRef, OutlineCurve, point};
use ab_glyph_rasterizer::{Point as RasterPoint, Rasterizer};

use crate::geometry::{Pixel, Point};
use crate::picture::Picture;

/// Roboto Medium, Apache-2.0 (`assets/fonts`).
static FONT: LazyLock<Option<FontRef<'static>>> =
    LazyLock::new(|| FontRef::try_from_slice(include_bytes!("../../assets/fonts/Roboto-Medium.ttf")).ok());

/// Straight text, from left to right.
pub const UPRIGHT: (f32, f32) = (1.0, 0.0);

fn scale(font: &FontRef<'_>, px: f32) -> f32 {
    px / font.units_per_em().unwrap_or(2048.0)
}

/// The length of a line in letters of `px` pixels.
pub fn width(line: &str, px: f32) -> f32 {
    let Some(font) = FONT.as_ref() else { return 0.0 };
    line.chars().map(|c| font.h_advance_unscaled(font.glyph_id(c)) * scale(font, px)).sum()
}

/// Fills the letters of a line whose baseline starts at `origin` and runs along `(cos, sin)`, y down. `plot` is given
/// each pixel and how much of it is covered, 0 to 1.
pub fn draw(line: &str, px: f32, origin: (f32, f32), (cos, sin): (f32, f32), plot: &mut dyn FnMut(i32, i32, f32)) {
    let Some(font) = FONT.as_ref() else { return };
    let scale = scale(font, px);
    let mut pen = 0.0;
    for c in line.chars() {
        let glyph = font.glyph_id(c);
        let place = |p: ab_glyph::Point| {
            let (x, y) = (pen + p.x * scale, -p.y * scale);
            point(origin.0 + x * cos - y * sin, origin.1 + x * sin + y * cos)
        };
        if let Some(outline) = font.outline(glyph) {
            let curves: Vec<_> = outline.curves.iter().map(|curve| moved(curve, &place)).collect();
            fill(&curves, plot);
        }
        pen += font.h_advance_unscaled(glyph) * scale;
    }
}

fn moved(curve: &OutlineCurve, place: &impl Fn(ab_glyph::Point) -> ab_glyph::Point) -> Vec<ab_glyph::Point> {
    match curve {
        OutlineCurve::Line(a, b) => vec![place(*a), place(*b)],
        OutlineCurve::Quad(a, b, c) => vec![place(*a), place(*b), place(*c)],
        OutlineCurve::Cubic(a, b, c, d) => vec![place(*a), place(*b), place(*c), place(*d)],
    }
}

fn fill(curves: &[Vec<ab_glyph::Point>], plot: &mut dyn FnMut(i32, i32, f32)) {
    let points = || curves.iter().flatten();
    let left = points().map(|p| p.x).fold(f32::INFINITY, f32::min).floor() - 1.0;
    let top = points().map(|p| p.y).fold(f32::INFINITY, f32::min).floor() - 1.0;
    let right = points().map(|p| p.x).fold(f32::NEG_INFINITY, f32::max).ceil() + 2.0;
    let bottom = points().map(|p| p.y).fold(f32::NEG_INFINITY, f32::max).ceil() + 2.0;
    if !(right > left && bottom > top) {
        return;
    }
    let mut raster = Rasterizer::new((right - left) as usize, (bottom - top) as usize);
    let at = |p: &ab_glyph::Point| RasterPoint { x: p.x - left, y: p.y - top };
    for curve in curves {
        match curve.as_slice() {
            [a, b] => raster.draw_line(at(a), at(b)),
            [a, b, c] => raster.draw_quad(at(a), at(b), at(c)),
            [a, b, c, d] => raster.draw_cubic(at(a), at(b), at(c), at(d)),
            _ => {}
        }
    }
    raster.for_each_pixel_2d(|x, y, coverage| {
        if coverage > 0.0 {
            plot(left as i32 + x as i32, top as i32 + y as i32, coverage.min(1.0));
        }
    });
}

/// Writes a smooth, upright line onto a picture; `at` is the left end of the baseline.
pub fn write(picture: &mut Picture, line: &str, px: f32, at: Point, ink: Pixel) {
    draw(line, px, (at.x.into(), at.y.into()), UPRIGHT, &mut |x, y, coverage| {
        let (Ok(x), Ok(y)) = (u16::try_from(x), u16::try_from(y)) else { return };
        if let Some(pixel) = picture.row_mut(x, y, 1).first_mut() {
            let mix = |ground: u8, ink: u8| (f32::from(ground) + (f32::from(ink) - f32::from(ground)) * coverage) as u8;
            *pixel = Pixel::rgb(mix(pixel.r(), ink.r()), mix(pixel.g(), ink.g()), mix(pixel.b(), ink.b()));
        }
    });
}
