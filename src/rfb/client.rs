//! The stream of a viewer's messages: requests come out, inputs are counted and skipped in constant memory.

use super::error::{Halt, ProtocolError};
use super::input::Input;
use super::{Reader, Request};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientMessage {
    Request(Request),
    /// Announced as soon as it is sized; its bytes are passed over as they come.
    Input(Input),
}

/// Where we are in the stream.
#[derive(Debug, Default)]
pub struct ClientStream {
    skip: u64,
}

impl ClientStream {
    /// Takes from `input` up to the end of the next message: the bytes taken and the message, if one begins.
    /// `None`: come back with more bytes.
    pub fn advance(&mut self, input: &[u8]) -> Result<Option<(usize, Option<ClientMessage>)>, ProtocolError> {
        if self.skip > 0 {
            let taken = usize::try_from(self.skip).unwrap_or(usize::MAX).min(input.len());
            self.skip -= taken as u64;
            return Ok((taken > 0).then_some((taken, None)));
        }
        let mut r = Reader::new(input);
        let Some(message) = Halt::or_wait(Self::message(&mut r))? else { return Ok(None) };
        let taken = match &message {
            ClientMessage::Request(_) => r.taken(),
            ClientMessage::Input(input) => {
                self.skip = input.length;
                0
            }
        };
        Ok(Some((taken, Some(message))))
    }

    fn message(r: &mut Reader<'_>) -> Result<ClientMessage, Halt> {
        let kind = r.u8()?;
        if Request::TYPES.contains(&kind) {
            return Request::decode(kind, r).map(ClientMessage::Request);
        }
        Input::size(kind, r).map(ClientMessage::Input)
    }
}
