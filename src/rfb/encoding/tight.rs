//! Tight (rfbproto, encoding 7): fill, palette, gradient, plain copy, each through one of four zlib streams, or JPEG.

use super::inflate::{Compressed, Inflater};
use super::tile::{self, Palette};
use super::zlib::Deflater;
use super::{SLICE, Step, Streams, jpeg};
use crate::geometry::{Pixel, Rect};
use crate::picture::{Picture, equal_neighbours};
use crate::rfb::error::{Halt, ProtocolError};
use crate::rfb::pixel_format::Shape;
use crate::rfb::{PixelFormat, Reader};

/// Wider rectangles may only be filled (TigerVNC before 1.16 sent such fills).
pub const MAX_WIDTH: u16 = 2048;
/// Data shorter than this is sent without zlib and without a length.
const MIN_TO_COMPRESS: usize = 12;

/// How the bytes of a Basic rectangle become pixels.
#[derive(Debug)]
enum Filter {
    Copy,
    Palette(Vec<Pixel>),
    Gradient { above: Vec<[u8; 3]> },
}

#[derive(Debug, Default)]
pub(crate) enum Body {
    #[default]
    Control,
    Basic(Basic),
    Jpeg,
}

/// A Basic rectangle whose filter is known.
#[derive(Debug)]
pub(crate) struct Basic {
    stream: usize,
    filter: Filter,
    data: Option<Compressed>,
    row: u16,
}

impl Body {
    pub(super) fn step(
        &mut self,
        input: &[u8],
        rect: Rect,
        format: &PixelFormat,
        streams: &mut Streams,
        picture: &mut Picture,
    ) -> Result<Option<Step>, ProtocolError> {
        let mut r = Reader::new(input);
        match self {
            Self::Control => {
                let Some(done) = Halt::or_wait(self.control(&mut r, rect, format, streams, picture))? else {
                    return Ok(None);
                };
                Ok(Step::of(r.taken(), done))
            }
            Self::Jpeg => {
                let data = compact_length(&mut r).and_then(|length| r.take(length));
                let Some(bytes) = Halt::or_wait(data)? else { return Ok(None) };
                jpeg::decode(bytes, rect, picture)?;
                Ok(Step::of(r.taken(), true))
            }
            Self::Basic(basic) => basic.step(input, rect, format, &mut streams.tight, picture),
        }
    }

    /// Reads the control byte and what goes with it. True when that was the whole rectangle.
    fn control(
        &mut self,
        r: &mut Reader<'_>,
        rect: Rect,
        format: &PixelFormat,
        streams: &mut Streams,
        picture: &mut Picture,
    ) -> Result<bool, Halt> {
        let control = r.u8()?;
        let shape = format.tpixel();
        let kind = control >> 4;
        if kind != 8 && rect.width > MAX_WIDTH {
            return Err(ProtocolError::Tight("wider than 2048 pixels").into());
        }
        let next = match kind {
            8 => {
                let pixel = shape.read(r)?;
                picture.fill(rect, pixel);
                None
            }
            9 if streams.jpeg && format.bytes() > 1 => Some(Self::Jpeg),
            0..=7 => {
                let filter = if kind & 4 != 0 { Filter::decode(r, rect, format)? } else { Filter::Copy };
                Some(Self::Basic(Basic { stream: usize::from(kind & 3), filter, data: None, row: 0 }))
            }
            _ => return Err(ProtocolError::Tight("an unknown kind of rectangle").into()),
        };
        // Only now is the control whole: a reset must happen once, before anything is inflated.
        for (n, stream) in streams.tight.iter_mut().enumerate() {
            if control >> n & 1 != 0 {
                stream.reset();
            }
        }
        let filled = next.is_none();
        if let Some(next) = next {
            *self = next;
        }
        Ok(filled)
    }
}

impl Filter {
    fn decode(r: &mut Reader<'_>, rect: Rect, format: &PixelFormat) -> Result<Self, Halt> {
        match r.u8()? {
            0 => Ok(Self::Copy),
            1 => {
                let shape = format.tpixel();
                let colours = usize::from(r.u8()?) + 1;
                let bytes = r.take(colours * shape.bytes())?;
                Ok(Self::Palette(bytes.chunks_exact(shape.bytes()).map(|b| shape.get(b)).collect()))
            }
            2 if format.bytes() > 1 => Ok(Self::Gradient { above: vec![[0; 3]; rect.width.into()] }),
            _ => Err(ProtocolError::Tight("an unknown filter").into()),
        }
    }

    /// Bytes of one filtered row.
    fn row_len(&self, width: u16, shape: &Shape) -> usize {
        let width = usize::from(width);
        match self {
            Self::Palette(colours) if colours.len() <= 2 => width.div_ceil(8),
            Self::Palette(_) => width,
            Self::Copy | Self::Gradient { .. } => width * shape.bytes(),
        }
    }

    fn row(&mut self, bytes: &[u8], format: &PixelFormat, to: &mut [Pixel]) -> Result<(), ProtocolError> {
        match self {
            Self::Copy => format.tpixel().read_row(bytes, to),
            Self::Palette(colours) => {
                let mono = colours.len() <= 2;
                for (n, pixel) in to.iter_mut().enumerate() {
                    let byte = |n: usize| bytes.get(n).copied().unwrap_or(0);
                    let index = if mono { byte(n / 8) >> (7 - n % 8) & 1 } else { byte(n) };
                    let known = colours.get(usize::from(index)).copied();
                    *pixel = known.ok_or(ProtocolError::Tight("a colour outside the palette"))?;
                }
            }
            Self::Gradient { above } => gradient_row(bytes, format, above, to),
        }
        Ok(())
    }
}

/// Adds to each delta what the pixels left and above foretell (rfbproto, "GradientFilter").
fn gradient_row(bytes: &[u8], format: &PixelFormat, above: &mut [[u8; 3]], to: &mut [Pixel]) {
    let (shape, maxima) = (format.tpixel(), format.maxima());
    let (mut left, mut up_left) = ([0; 3], [0; 3]);
    for ((pixel, delta), up) in to.iter_mut().zip(bytes.chunks_exact(shape.bytes())).zip(above) {
        let delta = format.components(shape.get(delta));
        let mut value = [0; 3];
        for (v, (((d, l), (u, c)), max)) in
            value.iter_mut().zip(delta.iter().zip(&left).zip(up.iter().zip(&up_left)).zip(&maxima))
        {
            let foretold = (i16::from(*l) + i16::from(*u) - i16::from(*c)).clamp(0, i16::from(*max));
            *v = (i16::from(*d) + foretold) as u8 & max;
        }
        *pixel = format.from_components(value);
        up_left = *up;
        *up = value;
        left = value;
    }
}

impl Basic {
    fn step(
        &mut self,
        input: &[u8],
        rect: Rect,
        format: &PixelFormat,
        streams: &mut [Inflater; 4],
        picture: &mut Picture,
    ) -> Result<Option<Step>, ProtocolError> {
        let row = self.filter.row_len(rect.width, &format.tpixel());
        let total = row * usize::from(rect.height);
        if total < MIN_TO_COMPRESS {
            let Some(bytes) = input.get(..total) else { return Ok(None) };
            self.rows(bytes, row, rect, format, picture)?;
            return Ok(Step::of(total, true));
        }
        let Some(data) = &mut self.data else {
            let mut r = Reader::new(input);
            let Some(length) = Halt::or_wait(compact_length(&mut r))? else { return Ok(None) };
            self.data = Some(Compressed::new(length, total, "Tight")?);
            return Ok(Step::of(r.taken(), false));
        };
        let stream = streams.get_mut(self.stream).ok_or(ProtocolError::Tight("an unknown stream"))?;
        let taken = data.feed(input, stream)?;
        let drawn = self.rows(stream.ready(), row, rect, format, picture)?;
        stream.consume(drawn);
        let data = self.data.as_mut().ok_or(ProtocolError::Tight("no data"))?;
        if self.row == rect.height {
            let done = data.finish(stream)?;
            return Ok((drawn > 0 || taken > 0 || done).then_some(Step { taken, done }));
        }
        if drawn == 0 && taken == 0 {
            data.starved()?;
            return Ok(None);
        }
        Ok(Some(Step { taken, done: false }))
    }

    /// Draws the whole rows at hand; gives the bytes used.
    fn rows(
        &mut self,
        bytes: &[u8],
        row: usize,
        rect: Rect,
        format: &PixelFormat,
        picture: &mut Picture,
    ) -> Result<usize, ProtocolError> {
        let at_once = SLICE / usize::from(rect.width.max(1)) + 1;
        let mut used = 0;
        for bytes in bytes.chunks_exact(row.max(1)).take(at_once.min(usize::from(rect.height - self.row))) {
            self.filter.row(bytes, format, picture.row_mut(rect.x, rect.y + self.row, rect.width))?;
            self.row += 1;
            used += row;
        }
        Ok(used)
    }
}

/// A length in one to three bytes: 7, 7 and 8 bits, least significant first. Zero is refused: there is always data.
fn compact_length(r: &mut Reader<'_>) -> Result<usize, Halt> {
    let mut length = 0;
    for n in 0..3 {
        let byte = usize::from(r.u8()?);
        let (bits, more) = if n < 2 { (byte & 0x7f, byte & 0x80 != 0) } else { (byte, false) };
        length |= bits << (7 * n);
        if !more {
            break;
        }
    }
    if length == 0 {
        return Err(ProtocolError::Tight("data of length zero").into());
    }
    Ok(length)
}

/// The three bytes of a length, of which the first are enough: how many.
fn compact(length: usize) -> ([u8; 3], usize) {
    let [low, middle, high] = [length & 0x7f, length >> 7 & 0x7f, length >> 14].map(|bits| bits as u8);
    match (middle, high) {
        (0, 0) => ([low, 0, 0], 1),
        (_, 0) => ([low | 0x80, middle, 0], 2),
        _ => ([low | 0x80, middle | 0x80, high], 3),
    }
}

fn put_compact_length(length: usize, out: &mut Vec<u8>) {
    let (bytes, taken) = compact(length);
    out.extend(bytes.iter().take(taken));
}

/// The streams of the encoding side: 0 for full colour, 1 for palettes, of the four that there may be. Each takes a
/// third of a megabyte.
#[derive(Debug, Default)]
pub struct Deflaters([Deflater; 2]);

/// Where pixels may be lost, and the JPEG quality (1 to 100) that the viewer asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    None,
    /// Text is never blurred.
    OfPhotographs(u8),
    /// Wherever JPEG is likely the shorter: for slow lines.
    WhereItSaves(u8),
    /// What moves, text too: it is not read meanwhile.
    OfEverything(u8),
}

impl Loss {
    /// The quality at which this picture is sent as JPEG, if it is.
    pub fn quality(self, picture: &Picture) -> Option<u8> {
        match self {
            Self::None => None,
            Self::OfPhotographs(quality) => has_few_equal_neighbours(picture, (1, 3)).then_some(quality),
            Self::OfEverything(quality) => Some(quality),
            Self::WhereItSaves(quality) => has_few_equal_neighbours(picture, (2, 3)).then_some(quality),
        }
    }
}

/// Appends a picture of at most 2048 pixels a row in the form that suits its content. True: pixels were lost.
pub fn encode(picture: &Picture, format: &PixelFormat, loss: Loss, streams: &mut Deflaters, out: &mut Vec<u8>) -> bool {
    let (shape, pixels) = (format.tpixel(), picture.pixels());
    // More colours than this in a small rectangle cost more than they save.
    let limit = (pixels.len() / 2).clamp(2, 256);
    let palette = Palette::of(pixels, limit);
    let [full, indexed] = &mut streams.0;
    match palette {
        Some(palette) if palette.colours().len() == 1 => {
            out.push(0x80);
            shape.put_row(palette.colours(), out);
        }
        Some(palette) => {
            let bits = if palette.colours().len() == 2 { 1 } else { 8 };
            out.extend_from_slice(&[0x50, 1, (palette.colours().len() - 1) as u8]);
            shape.put_row(palette.colours(), out);
            let mut indices = Vec::with_capacity(pixels.len());
            tile::put_indices(pixels, picture.size().width.into(), &palette, bits, &mut indices);
            put_basic(&indices, indexed, out);
        }
        None => {
            if let Some(quality) = loss.quality(picture).filter(|_| format.bytes() == 4) {
                let jpeg = jpeg::encode(picture, quality);
                if !jpeg.is_empty() && jpeg.len() < 1 << 22 {
                    out.push(0x90);
                    put_compact_length(jpeg.len(), out);
                    out.extend_from_slice(&jpeg);
                    return true;
                }
            }
            out.push(0);
            let mut bytes = Vec::with_capacity(pixels.len() * shape.bytes());
            shape.put_row(pixels, &mut bytes);
            put_basic(&bytes, full, out);
        }
    }
    false
}

fn put_basic(bytes: &[u8], stream: &mut Deflater, out: &mut Vec<u8>) {
    if bytes.len() < MIN_TO_COMPRESS {
        return out.extend_from_slice(bytes);
    }
    // The length stands before the data and is known after it: there is room for three bytes, and two are mostly enough.
    let start = out.len();
    out.extend_from_slice(&[0; 3]);
    stream.compress(bytes, out);
    let (length, taken) = compact(out.len() - start - 3);
    out.drain(start + taken..start + 3);
    if let Some(place) = out.get_mut(start..start + taken) {
        place.copy_from_slice(length.get(..taken).unwrap_or_default());
    }
}

/// Whether less than a part of the pixels equals its left neighbour: a photograph has less than a third, text smoothed
/// over a picture less than two; plain text has more, and JPEG would make it longer. Small pieces never have: JPEG's
/// own head is longer than they are.
fn has_few_equal_neighbours(picture: &Picture, (part, whole): (usize, usize)) -> bool {
    let rows = picture.rows(picture.size().rect()).step_by(2);
    let (equal, all) = rows.fold((0, 0), |(equal, all), row| (equal + equal_neighbours(row), all + row.len().saturating_sub(1)));
    all >= 256 && equal * whole < all * part
}
