//! R49, R50: from which networks, and from which machines, people of each role work.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use time::OffsetDateTime;

use super::workstation::{Freshness, Workplace};
use super::{Refusal, Role, Roles};
use crate::id::WorkstationId;
use crate::network::Networks;

/// Whence somebody orders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whence {
    /// At the node's own machine, by no network.
    Here,
    There {
        address: IpAddr,
        workplace: Workplace,
    },
}

impl Whence {
    /// The known machine at which somebody is.
    pub fn workstation(&self) -> Option<&WorkstationId> {
        match self {
            Self::There { workplace: Workplace::Registered(workstation), .. } => Some(&workstation.id),
            Self::There { .. } | Self::Here => None,
        }
    }
}

/// What is asked of the machines that people order from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Desks {
    /// Roles whose people order from known machines alone.
    pub roles: BTreeSet<Role>,
    pub freshness: Freshness,
}

/// Roles of which nothing is said work from anywhere.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Premises {
    networks: BTreeMap<Role, Networks>,
    desks: Desks,
}

impl Premises {
    pub fn new(networks: impl IntoIterator<Item = (Role, Networks)>, desks: Desks) -> Self {
        Self { networks: networks.into_iter().collect(), desks }
    }

    /// Whether somebody with these roles may be at this address: each of them must allow it.
    pub fn hold(&self, roles: &Roles, address: IpAddr) -> Result<(), Refusal> {
        let inside = roles.iter().all(|role| self.networks.get(&role).is_none_or(|networks| networks.hold(address)));
        if inside { Ok(()) } else { Err(Refusal::OffPremises) }
    }

    /// Whether somebody with these roles may order from there.
    pub fn admit(&self, roles: &Roles, whence: &Whence, now: OffsetDateTime) -> Result<(), Refusal> {
        let Whence::There { address, workplace } = whence else { return Ok(()) };
        self.hold(roles, *address)?;
        let asked = roles.iter().any(|role| self.desks.roles.contains(&role));
        workplace.may_order(asked.then_some(self.desks.freshness), now)
    }

    pub fn of(&self, role: Role) -> Option<&Networks> {
        self.networks.get(&role)
    }
}
