//! R49: from which networks people of each role work.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::{Refusal, Role, Roles};
use crate::network::Networks;

/// Roles without networks work from anywhere.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Premises(BTreeMap<Role, Networks>);

impl Premises {
    pub fn new(networks: impl IntoIterator<Item = (Role, Networks)>) -> Self {
        Self(networks.into_iter().collect())
    }

    /// Whether somebody with these roles may come from there: each of them must allow it. `None`: from the node's own
    /// machine, by no network.
    pub fn admit(&self, roles: &Roles, from: Option<IpAddr>) -> Result<(), Refusal> {
        let Some(from) = from else { return Ok(()) };
        let inside = roles.iter().all(|role| self.0.get(&role).is_none_or(|networks| networks.hold(from)));
        if inside { Ok(()) } else { Err(Refusal::OffPremises) }
    }

    pub fn of(&self, role: Role) -> Option<&Networks> {
        self.0.get(&role)
    }
}
