//! Where a site's name may lead: to what two people approved, and to nothing near us by surprise (R43).

use std::net::IpAddr;

use tokio::net::{TcpStream, lookup_host};

use super::wire::LinkError;
use crate::network::Networks;

/// Connects to the first address of the name that may be reached.
pub(super) async fn connect(host: &str, port: u16, networks: &Networks) -> Result<TcpStream, LinkError> {
    let failed = |error| LinkError::Connect(format!("{host}:{port}"), error);
    let (mut last, mut elsewhere) = (None, None);
    for address in lookup_host((host, port)).await.map_err(failed)? {
        if !may_be_reached(host, address.ip(), networks) {
            elsewhere = Some(address.ip());
            continue;
        }
        match TcpStream::connect(address).await {
            Ok(tcp) => return Ok(tcp),
            Err(error) => last = Some(error),
        }
    }
    Err(match (last, elsewhere) {
        (Some(error), _) => failed(error),
        (None, Some(address)) => LinkError::Elsewhere(host.to_owned(), address),
        (None, None) => failed(std::io::Error::other("the name has no address")),
    })
}

/// A name that comes to loopback, to the link's own addresses or to no single host is a mistake or a trap, unless the
/// settings say so; an address that is written is meant.
fn may_be_reached(host: &str, address: IpAddr, networks: &Networks) -> bool {
    if !networks.are_anywhere() {
        return networks.hold(address);
    }
    let is_meant = host == "localhost" || host.parse::<IpAddr>().is_ok();
    let is_near = match address.to_canonical() {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_link_local() || v4.is_unspecified() || v4.is_multicast() || v4.is_broadcast(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unicast_link_local() || v6.is_unspecified() || v6.is_multicast(),
    };
    is_meant || !is_near
}
