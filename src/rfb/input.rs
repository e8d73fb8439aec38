//! What a viewer tries to do: sized, counted by kind, skipped. Its contents are never kept and it has no encoder.
//!
//! No RFB message carries a general length, so a message that is not in this table closes the connection by name.

use super::Reader;
use super::error::{Halt, ProtocolError};

/// The kinds that the trace counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum InputKind {
    Key,
    Pointer,
    CutText,
    Scale,
    ServerInput,
    SingleWindow,
    Chat,
    Session,
    Power,
    DesktopSize,
    Gii,
    Audio,
    Other,
}

impl InputKind {
    pub const ALL: [Self; 13] = [
        Self::Key,
        Self::Pointer,
        Self::CutText,
        Self::Scale,
        Self::ServerInput,
        Self::SingleWindow,
        Self::Chat,
        Self::Session,
        Self::Power,
        Self::DesktopSize,
        Self::Gii,
        Self::Audio,
        Self::Other,
    ];

    /// The name used in traces and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Pointer => "pointer",
            Self::CutText => "cut_text",
            Self::Scale => "scale",
            Self::ServerInput => "server_input",
            Self::SingleWindow => "single_window",
            Self::Chat => "chat",
            Self::Session => "session",
            Self::Power => "power",
            Self::DesktopSize => "desktop_size",
            Self::Gii => "gii",
            Self::Audio => "audio",
            Self::Other => "other",
        }
    }
}

/// One message that will be dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Input {
    pub kind: InputKind,
    /// Its length on the wire, the type byte included.
    pub length: u64,
}

/// The longest payload that is skipped rather than refused.
pub const MAX_PAYLOAD: u64 = 1 << 20;

impl Input {
    /// Sizes a message whose type byte was taken, from as little of its header as that needs.
    pub fn size(kind: u8, r: &mut Reader<'_>) -> Result<Self, Halt> {
        let (kind, length) = match kind {
            4 => (InputKind::Key, 8),
            5 => (InputKind::Pointer, 6),
            6 => (InputKind::CutText, 8 + cut_text(r)?),
            8 => (InputKind::Scale, 4),
            9 => (InputKind::ServerInput, 4),
            10 => (InputKind::SingleWindow, 6),
            11 => (InputKind::Chat, 8 + chat(r)?),
            13 => (InputKind::Other, 1),
            15 => (InputKind::Scale, 4),
            20 => (InputKind::Session, 1),
            21 => (InputKind::Session, 2),
            80 => (InputKind::Other, 4),
            250 => (InputKind::Power, 4),
            251 => (InputKind::DesktopSize, 8 + 16 * desktop_size(r)?),
            253 => (InputKind::Gii, 4 + gii(r)?),
            255 => qemu(r)?,
            other => return Err(refused(other).into()),
        };
        Ok(Self { kind, length })
    }
}

/// ClientCutText: a negative length is the extended clipboard's. Also used for ServerCutText.
pub(super) fn cut_text(r: &mut Reader<'_>) -> Result<u64, Halt> {
    r.skip(3)?;
    let length = u64::from(r.i32()?.unsigned_abs());
    if length > MAX_PAYLOAD {
        return Err(ProtocolError::CutText(length).into());
    }
    Ok(length)
}

/// TextChat: 0xFFFFFFFF, FE and FD open, close and finish without data.
pub(super) fn chat(r: &mut Reader<'_>) -> Result<u64, Halt> {
    r.skip(3)?;
    match r.u32()? {
        0xffff_fffd.. => Ok(0),
        length if length <= 4096 => Ok(length.into()),
        length => Err(ProtocolError::InputTooLong("chat", length.into()).into()),
    }
}

fn desktop_size(r: &mut Reader<'_>) -> Result<u64, Halt> {
    r.skip(5)?;
    Ok(r.u8()?.into())
}

pub(super) fn gii(r: &mut Reader<'_>) -> Result<u64, Halt> {
    let sub = r.u8()?;
    let length: [u8; 2] = r.array()?;
    Ok(if sub & 0x80 != 0 { u16::from_be_bytes(length) } else { u16::from_le_bytes(length) }.into())
}

fn qemu(r: &mut Reader<'_>) -> Result<(InputKind, u64), Halt> {
    match r.u8()? {
        0 => Ok((InputKind::Key, 12)),
        1 => match r.u16()? {
            0 | 1 => Ok((InputKind::Audio, 4)),
            2 => Ok((InputKind::Audio, 10)),
            _ => Err(ProtocolError::UnsafeMessage(255, "an unknown QEMU audio operation").into()),
        },
        _ => Err(ProtocolError::UnsafeMessage(255, "an unknown QEMU message").into()),
    }
}

fn refused(kind: u8) -> ProtocolError {
    let name = match kind {
        1 => "FixColourMapEntries",
        7 => "UltraVNC file transfer",
        12 => "KeyFrameRequest",
        127 => "VMware",
        128 => "Car Connectivity",
        130..=136 | 151 => "TightVNC file transfer",
        160 => "neatvnc NTP",
        178..=191 => "KasmVNC",
        249 => "OLIVE call control",
        252 => "Tight",
        254 => "VMware or UltraVNC monitors",
        other => return ProtocolError::UnknownMessage(other),
    };
    ProtocolError::UnsafeMessage(kind, name)
}
