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

pub(super) fn checked(written: written::Workstations, folder: &Path) -> Result<Workstations, At> {
    let Some(ca) = written.ca else {
        let spans = [written.required_from.map(|class| class.span()), written.posture_days.map(|days| days.span())];
        return match spans.into_iter().flatten().next() {
            Some(span) => {
                Err(At::new(span, "workstations", "workstations are known by certificates; add `ca = \"agency-ca.pem\"`"))
            }
            None => Ok(Workstations::default()),
        };
    };
    let posture = match written.posture_days {
        None => None,
        Some(days) if (1..=365).contains(days.as_ref()) => Some(Duration::days(days.into_inner())),
        Some(days) => return Err(At::new(days.span(), "workstations.posture_days", "write a number of days from 1 to 365")),
    };
    let from = written.required_from.map_or(Class::C1, toml::Spanned::into_inner);
    let revocations = written.revocations.into_iter().map(|list| folder.join(list)).collect();
    Ok(Workstations { ca: Some(folder.join(ca)), revocations, demand: Some(Demand { from, posture }) })
}
