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
        let read = clock.within(clock.now() + PATIENCE, header(tcp)).await.map_err(|_| "proxy_silent")?;
        let address = read.ok_or("proxy_header")?.ok_or("proxy_check")?;
        Ok(Ends { address, via: Some(ends.address), ..ends })
    }
}

/// `None`: it is no header of ours. `Some(None)`: the balancer only looks whether somebody is here.
async fn header(tcp: &mut TcpStream) -> Option<Option<SocketAddr>> {
    let mut bytes = [0; START + MAX_HEADER];
    let (start, rest) = bytes.split_at_mut(START);
    tcp.read_exact(start).await.ok()?;
    let length = start.get(14..).and_then(|length| length.try_into().ok()).map(u16::from_be_bytes)?;
    let rest = rest.get_mut(..usize::from(length))?;
    tcp.read_exact(rest).await.ok()?;
    let header = Header::try_from(bytes.get(..START + usize::from(length))?).ok()?;
    match (header.command, header.addresses) {
        (Command::Local, _) => Some(None),
        (Command::Proxy, Addresses::IPv4(ip)) => Some(Some((ip.source_address, ip.source_port).into())),
        (Command::Proxy, Addresses::IPv6(ip)) => Some(Some((ip.source_address, ip.source_port).into())),
        (Command::Proxy, Addresses::Unspecified | Addresses::Unix(_)) => None,
    }
}
