//! Cutting a socket from outside the task that owns it: what the system has not sent yet is thrown away.

use std::os::fd::OwnedFd;

use tokio::net::TcpStream;

/// A second hold on a viewer's socket, kept apart from the pixels.
#[derive(Debug)]
pub struct Cut(OwnedFd);

impl Cut {
    pub(super) fn of(stream: &TcpStream) -> std::io::Result<Self> {
        Ok(Self(socket2::SockRef::from(stream).try_clone()?.into()))
    }

    /// Resets the connection (Linux: connecting a TCP socket to nowhere): its send queue is dropped, the peer is told.
    pub fn cut(&self) {
        if let Err(error) = rustix::net::connect_unspec(&self.0) {
            tracing::debug!(%error, "a viewer's socket was closed before it was cut");
        }
    }
}
