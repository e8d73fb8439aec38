//! `[workstations]`: how auditors' machines are known, and what is asked of them.

use std::path::{Path, PathBuf};

use time::Duration;

use super::written::{self, At};
use crate::governance::engagement::Class;
use crate::governance::workstation::Demand;

#[derive(Debug, Clone, Default)]
pub struct Workstations {
    /// Who signs their certificates: at the TLS-first door each must then show one.
    pub ca: Option<PathBuf>,
    /// Lists of those that were revoked.
    pub revocations: Vec<PathBuf>,
    pub demand: Option<Demand>,
}

/// `tls_first`: whether there is a door at which certificates can be shown.
pub(super) fn checked(written: written::Workstations, tls_first: bool, folder: &Path) -> Result<Workstations, At> {
    let Some(ca) = written.ca else {
        let class = written.required_from.map(|class| class.span());
        let spans = [class, written.posture_days.map(|days| days.span()), written.revocations.map(|lists| lists.span())];
        return match spans.into_iter().flatten().next() {
            Some(span) => {
                Err(At::new(span, "workstations", "workstations are known by certificates; add `ca = \"agency-ca.pem\"`"))
            }
            None => Ok(Workstations::default()),
        };
    };
    if !tls_first {
        let problem = "certificates are shown at the TLS-first door; add `tls_first = \"0.0.0.0:5921\"` under [viewers]";
        return Err(At::new(ca.span(), "workstations.ca", problem));
    }
    let posture = match written.posture_days {
        None => None,
        Some(days) if (1..=365).contains(days.as_ref()) => Some(Duration::days(days.into_inner())),
        Some(days) => return Err(At::new(days.span(), "workstations.posture_days", "write a number of days from 1 to 365")),
    };
    let from = written.required_from.map_or(Class::C1, toml::Spanned::into_inner);
    let lists = written.revocations.map(toml::Spanned::into_inner).unwrap_or_default();
    let revocations = lists.into_iter().map(|list| folder.join(list)).collect();
    Ok(Workstations { ca: Some(folder.join(ca.into_inner())), revocations, demand: Some(Demand { from, posture }) })
}
