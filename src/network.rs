//! Networks that an address must be in (R41, R43, R49).

use std::net::IpAddr;

use ipnet::IpNet;

/// Some networks, or anywhere.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Networks(Option<Vec<IpNet>>);

impl Networks {
    pub fn of(networks: Vec<IpNet>) -> Self {
        Self(Some(networks))
    }

    /// No address is in them.
    pub fn nowhere() -> Self {
        Self(Some(Vec::new()))
    }

    pub fn hold(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.as_ref().is_none_or(|networks| networks.iter().any(|network| network.contains(&address)))
    }

    /// None were given, or one that holds every address.
    pub fn are_anywhere(&self) -> bool {
        self.0.as_ref().is_none_or(|networks| networks.iter().any(|network| network.prefix_len() == 0))
    }

    pub fn iter(&self) -> impl Iterator<Item = &IpNet> {
        self.0.iter().flatten()
    }
}
