//! The handshake (RFC 6143 §7.1–7.3, rfbproto's VeNCrypt and Tight), both roles, one state a step.
//!
//! A machine takes the bytes at hand and asks its driver for one thing at a time: send this, start TLS, decide.

pub mod client;
mod refused;
pub mod server;
mod tight;

use super::Reader;
use super::error::{Halt, ProtocolError, escaped};
use super::pixel_format::PixelFormat;
use crate::geometry::Size;

/// The versions that exist; everything else is read as one of them (RFC 6143 §7.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    V3_3,
    V3_7,
    V3_8,
}

impl Version {
    pub const LENGTH: usize = 12;

    pub fn line(self) -> &'static [u8; Self::LENGTH] {
        match self {
            Self::V3_3 => b"RFB 003.003\n",
            Self::V3_7 => b"RFB 003.007\n",
            Self::V3_8 => b"RFB 003.008\n",
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::V3_3 => "3.3",
            Self::V3_7 => "3.7",
            Self::V3_8 => "3.8",
        }
    }

    /// Reads the peer's twelve bytes, and refuses others as soon as they show.
    fn read(r: &mut Reader<'_>) -> Result<(u16, u16), Halt> {
        let seen = r.rest();
        let prefix = seen.iter().zip(b"RFB ").all(|(a, b)| a == b);
        if !prefix {
            return Err(ProtocolError::NotRfb(escaped(seen.get(..12).unwrap_or(seen))).into());
        }
        let line: [u8; Self::LENGTH] = r.array()?;
        let digits =
            |bytes: &[u8]| std::str::from_utf8(bytes).ok().filter(|t| t.bytes().all(|b| b.is_ascii_digit()))?.parse().ok();
        let number = match line {
            [b'R', b'F', b'B', b' ', a, b, c, b'.', d, e, f, b'\n'] => digits(&[a, b, c]).zip(digits(&[d, e, f])),
            _ => None,
        };
        number.ok_or_else(|| ProtocolError::NotRfb(escaped(&line)).into())
    }

    /// What we answer to a server: the highest that both know. 3.4 to 3.6 mean 3.3; 3.889, 4.x and 5.x mean 3.8.
    fn of_server(major: u16, minor: u16) -> Result<Self, ProtocolError> {
        match (major, minor) {
            (3, 3..=6) => Ok(Self::V3_3),
            (3, 7) => Ok(Self::V3_7),
            (3, 8..) | (4.., _) => Ok(Self::V3_8),
            _ => Err(ProtocolError::BadVersion(format!("{major}.{minor}"))),
        }
    }

    /// What a viewer's answer means.
    fn of_viewer(major: u16, minor: u16) -> Result<Self, ProtocolError> {
        if major == 3 { Self::of_server(major, minor) } else { Err(ProtocolError::BadVersion(format!("{major}.{minor}"))) }
    }
}

/// ServerInit (RFC 6143 §7.3.2) without the name, which is passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerInit {
    pub size: Size,
    pub format: PixelFormat,
}

/// Why a step of a machine stopped: for more bytes, or for good.
enum Stop<E> {
    Wait,
    Error(E),
}

impl<E: From<ProtocolError>> From<Halt> for Stop<E> {
    fn from(halt: Halt) -> Self {
        match halt {
            Halt::Short => Self::Wait,
            Halt::Broken(error) => Self::Error(error.into()),
        }
    }
}

impl<E: From<ProtocolError>> From<ProtocolError> for Stop<E> {
    fn from(error: ProtocolError) -> Self {
        Self::Error(error.into())
    }
}
