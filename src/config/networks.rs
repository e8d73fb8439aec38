//! Networks, as people write them: `10.20.0.0/16`, or one address.

use std::net::IpAddr;

use ipnet::IpNet;
use toml::Spanned;

use super::written::{self, At};
use crate::network::Networks;

/// Balancers: none, unless they are named.
pub(super) fn balancers(written: Option<written::Networks>, key: &str) -> Result<Networks, At> {
    let Some(span) = written.as_ref().map(Spanned::span) else { return Ok(Networks::nowhere()) };
    let networks = checked(written, key)?;
    if networks.are_anywhere() {
        return Err(At::new(span, key, "a balancer says who comes: name its own address, not every one"));
    }
    Ok(networks)
}

/// `None`: anywhere.
pub(super) fn checked(written: Option<written::Networks>, key: &str) -> Result<Networks, At> {
    let Some(written) = written else { return Ok(Networks::default()) };
    if written.as_ref().is_empty() {
        return Err(At::new(
            written.span(),
            key,
            "an empty list lets nobody in: name at least one network, or leave the line out",
        ));
    }
    let network = |text: &Spanned<String>| {
        let word = text.as_ref().trim();
        let one = || word.parse::<IpAddr>().map(IpNet::from);
        let network = word.parse::<IpNet>().or_else(|_| one()).ok().filter(|network| network.trunc() == *network);
        let problem = "write networks such as \"10.20.0.0/16\" or \"fd00:7::/64\", without bits after the prefix";
        network.ok_or_else(|| At::new(text.span(), key, problem))
    };
    Ok(Networks::of(written.as_ref().iter().map(network).collect::<Result<_, _>>()?))
}
