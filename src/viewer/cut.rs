//! A second hold on a viewer's socket, apart from the task that owns it: to ask what the system has not sent yet, and
//! to throw it away.

use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::net::TcpStream;

use super::SEND_BUFFER;

/// Unsent bytes past which the system takes no more: little waits where newer pixels cannot overtake it.
const UNSENT: u32 = 32 << 10;

#[derive(Debug)]
pub struct Cut(OwnedFd);

impl Cut {
    /// Of a connection over which a picture may go: it is set up so that little waits and its loss is noticed.
    pub fn of(stream: &TcpStream) -> std::io::Result<Self> {
        stream.set_nodelay(true)?;
        let socket = socket2::SockRef::from(stream);
        socket.set_send_buffer_size(SEND_BUFFER)?;
        let keepalive = socket2::TcpKeepalive::new().with_time(Duration::from_secs(20)).with_interval(Duration::from_secs(5));
        socket.set_tcp_keepalive(&keepalive.with_retries(3))?;
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

/// The connection that a session runs over now: a page may come by another. The lock is held for no wait.
#[derive(Debug)]
pub(super) struct Line(Mutex<Arc<Cut>>);

impl Line {
    pub fn over(cut: Arc<Cut>) -> Self {
        Self(Mutex::new(cut))
    }

    /// The session goes on over another connection.
    pub fn take(&self, next: Arc<Cut>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = next;
    }

    pub fn is_drained(&self) -> bool {
        self.now().is_drained()
    }

    pub fn cut(&self) {
        self.now().cut();
    }

    fn now(&self) -> Arc<Cut> {
        Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
