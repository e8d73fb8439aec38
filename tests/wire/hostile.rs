//! Rectangles that lie: refused by name before anything is drawn or allocated by them.

use lucarne::geometry::Pixel;
use lucarne::rfb::error::ProtocolError;

use super::golden::{play, rect, update};

#[test]
fn class_rect_outside_framebuffer_is_refused_by_every_encoding_before_anything_is_drawn() {
    use lucarne::rfb::encoding::number::*;
    for encoding in [RAW, COPY_RECT, RRE, CORRE, HEXTILE, ZLIB, TIGHT, TRLE, ZRLE] {
        // The last has a legal area and is wider than the screen.
        for (x, y, w, h) in [(63, 0, 2, 1), (0, 47, 1, 2), (65_535, 0, 65_535, 1), (0, 0, 128, 24)] {
            let (_, _, end) = play(&[encoding], &update(&[rect(x, y, w, h, encoding, &[0; 32])]));
            assert_eq!(end.unwrap_err().code().up, "up.rect_outside", "encoding {encoding}");
        }
    }
    for encoding in [3, 8, 9, 10, 17, 21, 50, 99, -1, -239, -260, i32::MAX] {
        assert_eq!(
            play(&[7], &update(&[rect(0, 0, 1, 1, encoding, &[0; 64])])).2.unwrap_err(),
            ProtocolError::EncodingNotRequested(encoding)
        );
    }
}

#[test]
fn class_subrect_outside_rect_and_other_lies_are_refused_by_name() {
    use lucarne::rfb::encoding::number::*;
    let cases = [
        (COPY_RECT, (4, 4), vec![0, 61, 0, 0], "up.copyrect_source"),
        (RRE, (4, 4), vec![0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0], "up.rre_count"),
        (RRE, (4, 4), [&[0, 0, 0, 1][..], &[0; 8], &[0, 3, 0, 0, 0, 2, 0, 1]].concat(), "up.subrect_outside"),
        (CORRE, (4, 4), [&[0, 0, 0, 1][..], &[0; 8], &[3, 0, 2, 1]].concat(), "up.subrect_outside"),
        (HEXTILE, (4, 4), vec![0xe0, 0, 0], "up.hextile"),
        (HEXTILE, (4, 4), vec![8, 1, 0x30, 0x11], "up.hextile"),
        (TIGHT, (4, 4), vec![0xb0], "up.tight"),
        (TIGHT, (4, 4), vec![0x40, 9], "up.tight"),
        (TIGHT, (4, 4), vec![0, 0], "up.tight"),
        // JPEG, though no quality level was asked for.
        (TIGHT, (4, 4), vec![0x90, 1, 0], "up.tight"),
        (TIGHT, (2, 2), vec![0x40, 1, 2, 1, 1, 1, 2, 2, 2, 3, 3, 3, 0, 1, 2, 9], "up.tight"),
        (TRLE, (4, 4), vec![17], "up.zrle_run"),
        (TRLE, (4, 4), [&[128, 1, 1, 1][..], &[255; 17]].concat(), "up.zrle_run"),
        (TRLE, (4, 4), vec![128, 1, 1, 1, 200], "up.zrle_run"),
        (TRLE, (4, 4), vec![3, 0, 0, 0, 1, 1, 1, 2, 2, 2, 0xff, 0xff, 0xff, 0xff], "up.zrle_run"),
        (ZRLE, (4, 4), vec![0xff, 0xff, 0xff, 0xff], "up.inflate_limit"),
        (ZRLE, (4, 4), vec![0, 0, 0, 4, 9, 9, 9, 9], "up.inflate"),
    ];
    for (encoding, (w, h), body, expected) in cases {
        let (_, _, end) = play(&[encoding], &update(&[rect(0, 0, w, h, encoding, &body)]));
        let code = end.as_ref().err().map_or("wait", |error| error.code().up);
        assert_eq!(code, expected, "encoding {encoding}, {body:?}");
    }
}

/// A rectangle that inflates to one byte too few or too many, or to a thousand times its size.
#[test]
fn class_decompressed_size_is_exactly_what_the_rectangle_holds() {
    use lucarne::rfb::encoding::zlib::Deflater;
    for (size, expected) in [
        (4 * 4 * 4, None),
        (4 * 4 * 4 - 1, Some("up.inflate")),
        (4 * 4 * 4 + 1, Some("up.inflate_limit")),
        (60_000, Some("up.inflate_limit")),
    ] {
        let mut data = Vec::new();
        Deflater::default().compress(&vec![7; size], &mut data);
        let body = [&(data.len() as u32).to_be_bytes()[..], &data].concat();
        let (picture, _, end) = play(&[6], &update(&[rect(0, 0, 4, 4, 6, &body)]));
        assert_eq!(end.err().map(|error| error.code().up), expected, "{size} bytes");
        if expected.is_none() {
            assert_eq!(picture.row(0, 0, 1), [Pixel(0x0007_0707)]);
        }
    }
}

#[test]
fn an_update_that_covers_the_screen_again_and_again_is_refused() {
    let fill = rect(0, 0, 64, 48, 7, &[0x80, 1, 2, 3]);
    let (_, _, end) = play(&[7], &update(&vec![fill.clone(); 64]));
    assert_eq!(end, Ok(()));
    let (_, _, end) = play(&[7], &update(&vec![fill; 65]));
    assert_eq!(end.unwrap_err().code().up, "up.rect_flood");
    let (_, _, end) = play(&[7], &update(&vec![rect(0, 0, 0, 0, 0, &[]); 4097]));
    assert_eq!(end.unwrap_err().code().up, "up.rect_flood");
}
