//! What the pages are made of, in the program itself; and their version, by which a page is told apart from one that the
//! browser kept from before the node was upgraded.

use std::sync::LazyLock;

use sha2::{Digest, Sha256};

use crate::id::hex;
use crate::words::Language;

pub(super) struct Asset {
    pub name: &'static str,
    pub kind: &'static str,
    pub bytes: &'static [u8],
}

pub(super) const SCRIPT: &str = "text/javascript; charset=utf-8";
pub(super) const INDEX: &str = include_str!("assets/index.html");

macro_rules! asset {
    ($name:literal, $kind:expr) => {
        Asset { name: $name, kind: $kind, bytes: include_bytes!(concat!("assets/", $name)) }
    };
}

pub(super) const ALL: [Asset; 5] = [
    asset!("page.css", "text/css; charset=utf-8"),
    asset!("page.js", SCRIPT),
    asset!("picture.js", SCRIPT),
    asset!("canvas.js", SCRIPT),
    asset!("icon.svg", "image/svg+xml"),
];

/// Of everything that a page is made of.
pub(super) static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut digest = Sha256::new_with_prefix(env!("CARGO_PKG_VERSION"));
    digest.update(INDEX);
    ALL.iter().for_each(|asset| digest.update(asset.bytes));
    Language::ALL.iter().flat_map(|language| language.words()).for_each(|(_, text)| digest.update(text));
    hex(digest.finalize().get(..8).unwrap_or_default())
});
