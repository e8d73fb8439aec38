//! What a page is told: the first byte says which. Numbers are big-endian.
//!
//! ```text
//! 1 tiles   u32 update, u8 last, then each tile: u16 x y width height, u8 form, u32 length, bytes
//!           (form 0: WebP without loss, 1: JPEG, 2: one colour as R G B)
//! 2 size    u16 width height: what was there before is gone
//! 3 state   JSON: face, the ages of picture and link in milliseconds, who else looks, what is said over the picture
//! 4 over    JSON: why, and the session's tag for whoever is asked about it
//! ```

use serde::Serialize;

use crate::geometry::{Rect, Size};

/// Tiles begin so; what they are follows.
pub(super) fn begin_tiles(update: u32, last: bool, out: &mut Vec<u8>) {
    out.push(1);
    out.extend_from_slice(&update.to_be_bytes());
    out.push(u8::from(last));
}

/// How a tile's bytes are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    WebP = 0,
    Jpeg = 1,
    Colour = 2,
}

pub(super) fn put_tile(rect: Rect, form: Form, bytes: &[u8], out: &mut Vec<u8>) {
    for number in [rect.x, rect.y, rect.width, rect.height] {
        out.extend_from_slice(&number.to_be_bytes());
    }
    out.push(form as u8);
    out.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
    out.extend_from_slice(bytes);
}

pub(super) fn size(size: Size) -> Vec<u8> {
    [&[2][..], &size.width.to_be_bytes(), &size.height.to_be_bytes()].concat()
}

/// How the picture stands, for the words beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct State {
    pub face: &'static str,
    /// The site says that real data are on its screen.
    pub real_data: bool,
    /// Nobody has been there for long.
    pub locks_soon: bool,
    /// Who else looks at the site.
    pub others: Vec<String>,
}

/// The same, with what is another at each moment.
#[derive(Debug, Serialize)]
pub(super) struct Told<'a> {
    #[serde(flatten)]
    pub state: &'a State,
    /// Since the picture was last known to be the site's.
    pub age_ms: Option<u64>,
    /// From the node to the page and back.
    pub link_ms: Option<u64>,
}

#[derive(Debug, Serialize)]
pub(super) struct Over<'a> {
    pub code: &'a str,
    /// What the mark in the picture says too.
    pub session: Option<&'a str>,
    /// French and English, where a rule ended it.
    pub words: Option<&'a str>,
}

pub(super) fn json(kind: u8, what: &impl Serialize) -> Vec<u8> {
    let mut out = vec![kind];
    // Structures of texts and numbers: they can be written.
    out.extend(serde_json::to_vec(what).unwrap_or_default());
    out
}

pub(super) const STATE: u8 = 3;
pub(super) const OVER: u8 = 4;
