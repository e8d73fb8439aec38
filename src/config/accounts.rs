//! `[accounts]`: what the agency may set of the rules about people.

use time::Duration;
use toml::Spanned;

use super::written::{self, At};
use super::{Workstations, networks};
use crate::governance::{Policy, Premises, Profile};

/// The rules about people, and what hashing a password costs.
#[derive(Debug, Clone)]
pub struct Accounts {
    pub policy: Policy,
    /// Mebibytes and passes of Argon2id; `None`: 64 and 3.
    pub hashing: Option<(u32, u32)>,
    /// From which networks, and from which machines, people of each role work.
    pub premises: Premises,
}

/// OWASP's least, and what is still a login and no siege.
const MEBIBYTES: std::ops::RangeInclusive<u32> = 19..=1024;
const PASSES: std::ops::RangeInclusive<u32> = 2..=20;

pub(super) fn checked(written: written::Accounts, workstations: &Workstations) -> Result<Accounts, At> {
    let hashing = match written.hashing {
        None => None,
        Some(hashing) => {
            let written::Hashing { mebibytes, passes } = *hashing.as_ref();
            if !MEBIBYTES.contains(&mebibytes) || !PASSES.contains(&passes) {
                let problem = "write 19 to 1024 mebibytes and 2 to 20 passes; { mebibytes = 64, passes = 3 } is the default";
                return Err(At::new(hashing.span(), "accounts.hashing", problem));
            }
            Some((mebibytes, passes))
        }
    };
    let within = |written: Spanned<i64>, range: std::ops::RangeInclusive<i64>, key: &str| {
        if range.contains(written.as_ref()) {
            return Ok(written.into_inner());
        }
        Err(At::new(written.span(), key, &format!("write a number from {} to {}", range.start(), range.end())))
    };
    let policy = Policy {
        passwords: match written.passwords {
            written::Passwords::Pas => Profile::Pas,
            written::Passwords::Cnil2022 => Profile::Cnil2022,
        },
        awareness: Duration::days(within(written.awareness_months, 1..=60, "accounts.awareness_months")? * 365 / 12),
        awareness_blocks: written.awareness_blocks,
        suspend_overdue: written.suspend_overdue,
        inactive: Duration::days(within(written.inactive_days, 1..=365, "accounts.inactive_days")?),
        second_factor_for_all: matches!(written.second_factor, written::SecondFactor::All),
        idle: Duration::minutes(within(written.idle_minutes, 1..=60, "accounts.idle_minutes")?),
        workstations: workstations.demand,
    };
    let premises = written.networks.into_iter().map(|(role, networks)| {
        networks::checked(Some(networks), &format!("accounts.networks.{}", role.name())).map(|networks| (role, networks))
    });
    let premises = Premises::new(premises.collect::<Result<Vec<_>, _>>()?, workstations.desks.clone());
    Ok(Accounts { policy, hashing, premises })
}
