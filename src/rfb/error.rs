//! What can be wrong with a peer's bytes, each by name. A peer's text is escaped, never shown as it came.

use crate::geometry::{Rect, Size};

/// Why parsing stopped.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Halt {
    /// The unit is not all there yet: keep the bytes and come back with more.
    #[error("more bytes are needed")]
    Short,
    #[error(transparent)]
    Broken(#[from] ProtocolError),
}

impl Halt {
    /// `Ok(None)` when more bytes are needed.
    pub fn or_wait<T>(result: Result<T, Self>) -> Result<Option<T>, ProtocolError> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(Self::Short) => Ok(None),
            Err(Self::Broken(error)) => Err(error),
        }
    }
}

/// The stable name of an error as it stands in traces: `up.` where a site is at fault, `dn.` where a viewer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    pub up: &'static str,
    pub dn: &'static str,
}

macro_rules! code {
    ($name:literal) => {
        Code { up: concat!("up.", $name), dn: concat!("dn.", $name) }
    };
}

/// A peer broke the protocol or our limits. [`ProtocolError::code`] is stable: traces and tests use it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    #[error("the peer does not speak RFB: its first bytes are \"{0}\"")]
    NotRfb(String),
    #[error("the peer speaks RFB {0}, which is not supported; 3.3, 3.7 and 3.8 are")]
    BadVersion(String),
    #[error("the pixel format's {field} is {value}, which cannot be")]
    PixelFormat { field: &'static str, value: u32 },
    #[error("a colour map was asked for; only true-colour pixel formats are served")]
    ColourMap,
    #[error("the screen would be {0}; 1×1 to 16384×16384 and at most 64 Mpx can be shown")]
    SizeLimit(Size),
    #[error("rectangle {rect:?} leaves the {screen} screen")]
    RectOutside { rect: Rect, screen: Size },
    #[error("encoding {0} was not asked for")]
    EncodingNotRequested(i32),
    #[error("CopyRect copies from outside the screen")]
    CopyRectSource,
    #[error("an RRE rectangle has {0} subrectangles, more than its pixels")]
    RreCount(u32),
    #[error("a subrectangle leaves its rectangle ({0})")]
    Subrect(&'static str),
    #[error("a Hextile tile is wrong: {0}")]
    Hextile(&'static str),
    #[error("a Tight rectangle is wrong: {0}")]
    Tight(&'static str),
    #[error("a ZRLE or TRLE tile is wrong: {0}")]
    Zrle(&'static str),
    #[error("compressed data is broken ({0})")]
    Inflate(&'static str),
    #[error("compressed data gives more than its rectangle holds ({0})")]
    InflateLimit(&'static str),
    #[error("a JPEG rectangle is wrong: {0}")]
    Jpeg(&'static str),
    #[error("message type {0} is unknown, so its length is too")]
    UnknownMessage(u8),
    #[error("message type {0} ({1}) has no safe length and was never negotiated")]
    UnsafeMessage(u8, &'static str),
    #[error("a fence carries {0} bytes; 64 are allowed")]
    Fence(u8),
    #[error("a fence answers a question that nobody asked")]
    FenceUnasked,
    #[error("more than {0} fences came in ten seconds")]
    FenceFlood(u32),
    #[error("continuous updates were not announced")]
    ContinuousUpdates,
    #[error("a cut text of {0} bytes is past the limit of 1 MiB")]
    CutText(u64),
    #[error("a {0} of {1} bytes is past the limit of 1 MiB")]
    InputTooLong(&'static str, u64),
    #[error("the colour map entries {0} to {1} leave the map")]
    ColourMapRange(u16, u32),
    #[error("{0} encodings are listed; 1024 are allowed")]
    EncodingsCount(u16),
    #[error("a text of {0} bytes is past the limit")]
    TextLength(u32),
    #[error("an update holds thousands of rectangles without a pixel, or covers the screen many times over")]
    RectFlood,
    #[error("the screen changed its size more than {0} times in ten seconds")]
    ResizeStorm(u32),
}

impl ProtocolError {
    pub fn code(&self) -> Code {
        match self {
            Self::NotRfb(_) => Code { up: "up.not_rfb", dn: "dn.bad_version" },
            Self::BadVersion(_) => code!("bad_version"),
            Self::PixelFormat { .. } | Self::ColourMap => code!("pixel_format"),
            Self::SizeLimit(_) | Self::TextLength(_) => code!("size_limit"),
            Self::RectOutside { .. } => code!("rect_outside"),
            Self::EncodingNotRequested(_) => code!("encoding_not_requested"),
            Self::CopyRectSource => code!("copyrect_source"),
            Self::RreCount(_) => code!("rre_count"),
            Self::Subrect(_) => code!("subrect_outside"),
            Self::Hextile(_) => code!("hextile"),
            Self::Tight(_) => code!("tight"),
            Self::Zrle(_) => code!("zrle_run"),
            Self::Inflate(_) => code!("inflate"),
            Self::InflateLimit(_) => code!("inflate_limit"),
            Self::Jpeg(_) => code!("jpeg"),
            Self::UnknownMessage(_) | Self::UnsafeMessage(..) => code!("unknown_message"),
            Self::Fence(_) | Self::FenceUnasked | Self::FenceFlood(_) => code!("fence"),
            Self::ContinuousUpdates => code!("cu"),
            Self::CutText(_) => code!("cuttext"),
            Self::InputTooLong(..) => code!("input_too_long"),
            Self::ColourMapRange(..) => code!("colour_map"),
            Self::EncodingsCount(_) => code!("encodings_count"),
            Self::RectFlood => code!("rect_flood"),
            Self::ResizeStorm(_) => code!("resize_storm"),
        }
    }
}

/// A peer's text made safe to show: controls, quotes and non-ASCII escaped, at most 200 bytes of it.
pub fn escaped(bytes: &[u8]) -> String {
    bytes.iter().take(200).flat_map(|b| std::ascii::escape_default(*b)).map(char::from).collect()
}
