//! The parts of Tight's handshake that are lists of capabilities (rfbproto, security type 16): 16 bytes each.

use super::Stop;
use super::refused::HandshakeError;
use crate::rfb::Reader;
use crate::rfb::error::Halt;

/// More of them in one list is no server's doing.
const MOST: u32 = 512;

fn bounded(count: u32) -> Result<u32, Stop<HandshakeError>> {
    if count > MOST {
        return Err(Stop::Error(HandshakeError::Tight("more than 512 capabilities")));
    }
    Ok(count)
}

/// The codes of a counted list.
pub(super) fn capabilities(r: &mut Reader<'_>) -> Result<Vec<u32>, Stop<HandshakeError>> {
    let count = bounded(r.u32()?)?;
    let read = |r: &mut Reader<'_>| {
        let code = r.u32()?;
        r.skip(12)?;
        Ok(code)
    };
    Ok((0..count).map(|_| read(r)).collect::<Result<_, Halt>>()?)
}

/// Passes over the tunnels; gives the answer to send, if one is expected. Code 0 is "no tunnel": some servers list
/// other tunnels only and take it all the same.
pub(super) fn tunnels(r: &mut Reader<'_>) -> Result<Option<Vec<u8>>, Stop<HandshakeError>> {
    let tunnels = capabilities(r)?;
    Ok((!tunnels.is_empty()).then(|| vec![0; 4]))
}

/// After ServerInit: how many bytes the server's messages, the client's and the encodings are listed in.
pub(super) fn capability_bytes(r: &mut Reader<'_>) -> Result<u32, Stop<HandshakeError>> {
    let mut bytes = 0;
    for _ in 0..3 {
        bytes += 16 * bounded(r.u16()?.into())?;
    }
    r.skip(2)?;
    Ok(bytes)
}
