//! `[workstations]`: how people's machines are known, and what is asked of them.

use std::path::{Path, PathBuf};

use time::Duration;

use super::written::{self, At};
use crate::governance::Desks;
use crate::governance::engagement::Class;
use crate::governance::workstation::Demand;

#[derive(Debug, Clone, Default)]
pub struct Workstations {
    /// Who signs their certificates: at the TLS-first door each must then show one, and at that of orders each may.
    pub ca: Option<PathBuf>,
    /// Lists of those that were revoked.
    pub revocations: Vec<PathBuf>,
    /// Of those that auditors look from.
    pub demand: Option<Demand>,
    /// Of those that people order from.
    pub desks: Desks,
}

/// Where certificates can be shown.
#[derive(Debug, Clone, Copy)]
pub(super) struct Doors {
    pub tunnel: bool,
    pub api: bool,
}

pub(super) fn checked(written: written::Workstations, doors: Doors, folder: &Path) -> Result<Workstations, At> {
    let class = written.required_from.as_ref().map(toml::Spanned::span);
    let orders = written.orders.as_ref().map(toml::Spanned::span);
    let Some(ca) = written.ca else {
        let spans = [class, orders, written.posture_days.map(|days| days.span()), written.revocations.map(|lists| lists.span())];
        return match spans.into_iter().flatten().next() {
            Some(span) => {
                Err(At::new(span, "workstations", "workstations are known by certificates; add `ca = \"agency-ca.pem\"`"))
            }
            None => Ok(Workstations::default()),
        };
    };
    if let Some(class) = class.filter(|_| !doors.tunnel) {
        let problem = "auditors show certificates at the TLS-first door; add `tls_first = \"0.0.0.0:5921\"` under [viewers]";
        return Err(At::new(class, "workstations.required_from", problem));
    }
    if let Some(orders) = orders.clone().filter(|_| !doors.api) {
        let problem = "orders come from workstations by HTTP; add `listen = \"0.0.0.0:5943\"` under [api]";
        return Err(At::new(orders, "workstations.orders", problem));
    }
    if !doors.tunnel && orders.is_none() {
        let problem = "auditors show certificates at the TLS-first door: add `tls_first = \"0.0.0.0:5921\"` under [viewers]; if it is about orders by HTTP alone, say whose: `orders = [\"admin\"]`";
        return Err(At::new(ca.span(), "workstations.ca", problem));
    }
    let freshness = match written.posture_days {
        None => None,
        Some(days) if (1..=365).contains(days.as_ref()) => Some(Duration::days(days.into_inner())),
        Some(days) => return Err(At::new(days.span(), "workstations.posture_days", "write a number of days from 1 to 365")),
    };
    let from = written.required_from.map_or(Class::C1, toml::Spanned::into_inner);
    let lists = written.revocations.map(toml::Spanned::into_inner).unwrap_or_default();
    Ok(Workstations {
        ca: Some(folder.join(ca.into_inner())),
        revocations: lists.into_iter().map(|list| folder.join(list)).collect(),
        demand: doors.tunnel.then_some(Demand { from, freshness }),
        desks: Desks { roles: written.orders.map(toml::Spanned::into_inner).unwrap_or_default(), freshness },
    })
}
