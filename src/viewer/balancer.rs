//! Who is at the other end of a balancer's connection (PROXY protocol, version 2). It is asked of listed balancers alone:
//! from anybody else such words are no TLS, and the connection ends as any other that makes no sense.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ppp::v2::{Addresses, Command, Header};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use crate::clock::Clock;
use crate::network::Networks;

/// A balancer says who comes before anything else.
const PATIENCE: Duration = Duration::from_secs(5);
/// A signature, a command, a family and a length.
const START: usize = 16;
/// Addresses and what else balancers like to tell.
const MAX_HEADER: usize = 1024;
/// Connections at a time that have not said it yet.
const SILENT: usize = 256;

/// Both ends of a connection, and the balancer between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ends {
    /// The person's.
    pub address: SocketAddr,
    /// Ours.
    pub local: SocketAddr,
    /// The balancer's end, which a firewall sees in place of the person's.
    pub via: Option<SocketAddr>,
}

/// The balancers of a door.
#[derive(Clone)]
pub struct Balancers {
    networks: Arc<Networks>,
    silent: Arc<Semaphore>,
}

impl Balancers {
    pub fn new(networks: Networks) -> Self {
        Self { networks: Arc::new(networks), silent: Arc::new(Semaphore::new(SILENT)) }
    }

    /// Whether this end of a connection is one of them.
    pub fn hold(&self, address: SocketAddr) -> bool {
        self.networks.hold(address.ip())
    }

    /// Whom a balancer brings. Nothing after its header is read. An error is a cause that the trace knows.
    pub async fn ends(&self, tcp: &mut TcpStream, ends: Ends, clock: &Clock) -> Result<Ends, &'static str> {
        let _place = self.silent.try_acquire().map_err(|_| "busy")?;
        let address = clock.within(clock.now() + PATIENCE, header(tcp)).await.map_err(|_| "proxy_silent")??;
        Ok(Ends { address, via: Some(ends.address), ..ends })
    }
}

/// The address that a header tells; a balancer that only looks whether somebody is here tells none.
async fn header(tcp: &mut TcpStream) -> Result<SocketAddr, &'static str> {
    let mut bytes = [0; START + MAX_HEADER];
    let read = read_header(tcp, &mut bytes).await.ok_or("proxy_header")?;
    let header = Header::try_from(read).map_err(|_| "proxy_header")?;
    match (header.command, header.addresses) {
        (Command::Local, _) => Err("proxy_check"),
        (Command::Proxy, Addresses::IPv4(ip)) => Ok((ip.source_address, ip.source_port).into()),
        (Command::Proxy, Addresses::IPv6(ip)) => Ok((ip.source_address, ip.source_port).into()),
        (Command::Proxy, Addresses::Unspecified | Addresses::Unix(_)) => Err("proxy_header"),
    }
}

/// Its bytes and no more; `None`: they end before, or say to be more than we take.
async fn read_header<'a>(tcp: &mut TcpStream, bytes: &'a mut [u8; START + MAX_HEADER]) -> Option<&'a [u8]> {
    let (start, rest) = bytes.split_at_mut(START);
    tcp.read_exact(start).await.ok()?;
    let length = start.get(14..).and_then(|length| length.try_into().ok()).map(u16::from_be_bytes)?;
    tcp.read_exact(rest.get_mut(..usize::from(length))?).await.ok()?;
    bytes.get(..START + usize::from(length))
}
