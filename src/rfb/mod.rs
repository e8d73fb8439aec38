//! THE LANGUAGE: RFB (RFC 6143 and the community's registry) in both roles, sans-IO.
//!
//! Bytes in, messages, pixels and bytes out. This room never opens a socket, reads a clock, knows a runtime or
//! allocates by a length that it has not checked. What we may say to a site is a type of its own, [`Outbound`],
//! that only [`handshake::client`] and [`Request`] can make; what a viewer tries to do is [`input::Input`], which
//! can be sized and counted but not encoded:
//!
//! ```compile_fail
//! use lucarne::rfb::{Encode, input::{Input, InputKind}};
//! let key = Input { kind: InputKind::Key, length: 8 };
//! key.encode(); // the trait bound `Input: Encode` is not satisfied
//! ```
//!
//! ```
//! use lucarne::{geometry::Rect, rfb::{Encode, Request}};
//! let ask = Request::FramebufferUpdate { incremental: true, area: Rect::new(0, 0, 8, 8) };
//! assert_eq!(ask.encode().as_bytes(), [3, 1, 0, 0, 0, 0, 0, 8, 0, 8]);
//! ```

pub mod client;
pub mod codec;
pub mod encoding;
pub mod error;
pub mod handshake;
pub mod input;
pub mod pixel_format;
pub mod request;
pub mod security;
pub mod server;

pub use codec::{Buffer, Reader, Where};
pub use error::{Halt, ProtocolError};
pub use pixel_format::PixelFormat;
pub use request::{Encode, Fence, Outbound, Request};
