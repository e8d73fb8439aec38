//! Encoding numbers (RFC 6143 §7.7, §7.8 and the registry of rfbproto).

pub const RAW: i32 = 0;
pub const COPY_RECT: i32 = 1;
pub const RRE: i32 = 2;
pub const CORRE: i32 = 4;
pub const HEXTILE: i32 = 5;
pub const ZLIB: i32 = 6;
pub const TIGHT: i32 = 7;
pub const TRLE: i32 = 15;
pub const ZRLE: i32 = 16;

pub const DESKTOP_SIZE: i32 = -223;
pub const CURSOR: i32 = -239;
pub const LAST_RECT: i32 = -224;
pub const DESKTOP_NAME: i32 = -307;
pub const EXTENDED_DESKTOP_SIZE: i32 = -308;
pub const FENCE: i32 = -312;
pub const CONTINUOUS_UPDATES: i32 = -313;

/// JPEG quality 0 (worst) to 9: their presence is the viewer's leave to lose pixels.
pub const QUALITY: std::ops::RangeInclusive<i32> = -32..=-23;
/// Compression 0 to 9.
pub const COMPRESSION: std::ops::RangeInclusive<i32> = -256..=-247;
