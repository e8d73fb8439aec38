//! JPEG inside Tight: a whole JFIF picture of exactly the rectangle's size.

use jpeg_encoder::{ChromaSubsamplingMethod, ImageBuffer, JpegColorType, SamplingFactor};
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

use crate::geometry::{Pixel, Rect};
use crate::picture::Picture;
use crate::rfb::error::ProtocolError;

/// The largest JPEG rectangle that is decoded at once, in pixels.
const MAX_AREA: u64 = 4 << 20;

/// Draws the picture, its size checked before it is decoded.
pub(super) fn decode(bytes: &[u8], rect: Rect, picture: &mut Picture) -> Result<(), ProtocolError> {
    if rect.area() > MAX_AREA {
        return Err(ProtocolError::Jpeg("larger than 4 Mpx"));
    }
    // Each scan may cost a pass over the picture. No VNC server sends more than one, and the data of one cannot hold the
    // marker of another (T.81 B.1.1.5).
    if bytes.windows(2).filter(|pair| pair == &[0xff, 0xda]).count() != 1 {
        return Err(ProtocolError::Jpeg("it has not one scan"));
    }
    let options = DecoderOptions::default()
        .set_max_width(rect.width.into())
        .set_max_height(rect.height.into())
        .jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(|_| ProtocolError::Jpeg("its header"))?;
    if !decoder.info().is_some_and(|info| info.sof.is_sequential_dct()) {
        return Err(ProtocolError::Jpeg("it is progressive"));
    }
    if decoder.dimensions() != Some((rect.width.into(), rect.height.into())) {
        return Err(ProtocolError::Jpeg("its size is not the rectangle's"));
    }
    let rgb = decoder.decode().map_err(|_| ProtocolError::Jpeg("its data"))?;
    let (rows, _) = rgb.as_chunks::<3>();
    for (y, row) in (rect.y..).zip(rows.chunks_exact(rect.width.max(1).into())).take(rect.height.into()) {
        for (pixel, [r, g, b]) in picture.row_mut(rect.x, y, rect.width).iter_mut().zip(row) {
            *pixel = Pixel::rgb(*r, *g, *b);
        }
    }
    Ok(())
}

/// Above this quality colours have their full resolution, as light has.
const WHOLE: u8 = 95;

/// A JPEG of the picture, `quality` 1 to 100, its colours at half the resolution as in most films; empty if the encoder
/// cannot (it writes to memory, so it can). What was lost is sent again once it is still.
pub fn encode(picture: &Picture, quality: u8) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut out, quality);
    let whole = quality > WHOLE;
    encoder.set_sampling_factor(if whole { SamplingFactor::F_1_1 } else { SamplingFactor::F_2_2 });
    encoder.set_chroma_subsampling_method(ChromaSubsamplingMethod::Nearest);
    match encoder.encode_image(Parts { picture, whole }) {
        Ok(()) => out,
        Err(_) => Vec::new(),
    }
}

/// A picture as JFIF has it: light for each pixel; colours for each pixel, or for each pair in every other row.
struct Parts<'a> {
    picture: &'a Picture,
    whole: bool,
}

impl ImageBuffer for Parts<'_> {
    fn get_jpeg_color_type(&self) -> JpegColorType {
        JpegColorType::Ycbcr
    }

    fn width(&self) -> u16 {
        self.picture.size().width
    }

    fn height(&self) -> u16 {
        self.picture.size().height
    }

    fn fill_buffers(&self, y: u16, [light, blue, red, _]: &mut [Vec<u8>; 4]) {
        let row = self.picture.row(0, y, self.width());
        // Rows in the buffers are filled up to whole blocks, and the last row is asked for again to fill up a column.
        let read = self.whole || (light.len() / usize::from(self.width().next_multiple_of(16))).is_multiple_of(2);
        light.extend(row.iter().map(|pixel| {
            let [r, g, b] = [pixel.r(), pixel.g(), pixel.b()].map(u16::from);
            ((77 * r + 150 * g + 29 * b + 128) >> 8) as u8
        }));
        if !read {
            blue.resize(light.len(), 0);
            return red.resize(light.len(), 0);
        }
        put_colours(row, self.whole, [-43, -85, 128], blue);
        put_colours(row, self.whole, [128, -107, -21], red);
    }
}

/// Appends one colour difference of each pixel, in 256ths of its parts; unless whole, both of a pair have their mean.
fn put_colours(row: &[Pixel], whole: bool, [of_r, of_g, of_b]: [i16; 3], out: &mut Vec<u8>) {
    let difference = |a: &Pixel, b: &Pixel| {
        let [r, g, b] = [(a.r(), b.r()), (a.g(), b.g()), (a.b(), b.b())].map(|(a, b)| (i16::from(a) + i16::from(b)) / 2 - 128);
        // 127 rather than 128 to round with: more would not fit.
        (((of_r * r + of_g * g + of_b * b + 127) >> 8) + 128).clamp(0, 255) as u8
    };
    if whole {
        return out.extend(row.iter().map(|pixel| difference(pixel, pixel)));
    }
    let start = out.len();
    out.resize(start + row.len(), 0);
    let (pairs, rest) = row.as_chunks::<2>();
    let (places, last) = out.get_mut(start..).unwrap_or_default().as_chunks_mut::<2>();
    places.iter_mut().zip(pairs).for_each(|(place, [a, b])| *place = [difference(a, b); 2]);
    last.iter_mut().zip(rest).for_each(|(place, pixel)| *place = difference(pixel, pixel));
}
