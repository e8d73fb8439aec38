//! A second hold on a viewer's socket, apart from the task that owns it: to ask what the system has not sent yet, and
//! to throw it away.

use std::os::fd::OwnedFd;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::net::TcpStream;

/// Unsent bytes past which the system takes no more: little waits where newer pixels cannot overtake it.
const UNSENT: u32 = 32 << 10;

#[derive(Debug)]
pub struct Cut(OwnedFd);

impl Cut {
    pub(super) fn of(stream: &TcpStream) -> std::io::Result<Self> {
        let socket = socket2::SockRef::from(stream);
        socket.set_tcp_notsent_lowat(UNSENT)?;
        Ok(Self(socket.try_clone()?.into()))
    }

    /// Whether all that the system was given has left it. With a low-water mark of one byte, Linux calls a socket
    /// writable when nothing in it is unsent.
    pub fn is_drained(&self) -> bool {
        let socket = socket2::SockRef::from(&self.0);
        let mut asked = [PollFd::new(&self.0, PollFlags::OUT)];
        let marked = socket.set_tcp_notsent_lowat(1);
        let polled = poll(&mut asked, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }));
        let unmarked = socket.set_tcp_notsent_lowat(UNSENT);
        marked.is_ok() && unmarked.is_ok() && polled.is_ok_and(|ready| ready > 0)
    }

    /// Resets the connection (Linux: connecting a TCP socket to nowhere): its send queue is dropped, the peer is told.
    pub fn cut(&self) {
        if let Err(error) = rustix::net::connect_unspec(&self.0) {
            tracing::debug!(%error, "a viewer's socket was closed before it was cut");
        }
    }
}
