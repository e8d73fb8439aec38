//! Roles, and which acts each may do. Being allowed an act is never enough: the act's own rules come after.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Refusal;
use crate::id::SiteName;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Auditor,
    /// The person at one site: accepts, shows, pauses, stops.
    Contact,
    Admin,
    /// Approves and reviews those who administer.
    Rssi,
    Dpo,
    Crisis,
    Physician,
    /// Reads everything, changes nothing.
    Reviewer,
}

impl Role {
    pub const ALL: [Self; 8] =
        [Self::Auditor, Self::Contact, Self::Admin, Self::Rssi, Self::Dpo, Self::Crisis, Self::Physician, Self::Reviewer];

    pub fn name(self) -> &'static str {
        match self {
            Self::Auditor => "auditor",
            Self::Contact => "contact",
            Self::Admin => "admin",
            Self::Rssi => "rssi",
            Self::Dpo => "dpo",
            Self::Crisis => "crisis",
            Self::Physician => "physician",
            Self::Reviewer => "reviewer",
        }
    }

    /// Whether it can weaken protection: granted by an rssi alone, reviewed every 90 days.
    pub fn is_privileged(self) -> bool {
        matches!(self, Self::Admin | Self::Rssi | Self::Dpo | Self::Crisis)
    }
}

/// The roles of one person: a contact is that of one site and nothing else, a reviewer nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Roles {
    roles: BTreeSet<Role>,
    site: Option<SiteName>,
}

impl Roles {
    pub fn new(roles: impl IntoIterator<Item = Role>, site: Option<SiteName>) -> Result<Self, Refusal> {
        let roles: BTreeSet<Role> = roles.into_iter().collect();
        let alone = |role| !roles.contains(&role) || roles.len() == 1;
        if roles.is_empty() || !alone(Role::Contact) || !alone(Role::Reviewer) || roles.contains(&Role::Contact) != site.is_some()
        {
            return Err(Refusal::RolesImpossible);
        }
        Ok(Self { roles, site })
    }

    pub fn has(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }

    pub fn iter(&self) -> impl Iterator<Item = Role> {
        self.roles.iter().copied()
    }

    pub fn is_privileged(&self) -> bool {
        self.iter().any(Role::is_privileged)
    }

    /// The site of a contact.
    pub fn site(&self) -> Option<&SiteName> {
        self.site.as_ref()
    }

    pub fn is_contact_of(&self, site: &SiteName) -> bool {
        self.has(Role::Contact) && self.site.as_ref() == Some(site)
    }

    /// Whether one of the roles allows this; what concerns a site, a contact may do on its own alone.
    pub fn may(&self, right: Right, site: Option<&SiteName>) -> bool {
        self.iter().any(|role| {
            let own = role != Role::Contact || site.is_none() || site == self.site.as_ref();
            own && right.roles().contains(&role)
        })
    }
}

macro_rules! rights {
    ($($(#[$doc:meta])* $right:ident $name:literal)*) => {
        /// What an act needs. Each act of the node names one.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        pub enum Right { $($(#[$doc])* #[serde(rename = $name)] $right,)* }

        impl Right {
            pub const ALL: &'static [Self] = &[$(Self::$right,)*];

            /// As tokens name it.
            pub fn name(self) -> &'static str {
                match self { $(Self::$right => $name,)* }
            }
        }
    };
}

rights! {
    /// Everybody: about oneself.
    Oneself "oneself"
    /// End a token: one's own, or another's for who may disable accounts.
    EndToken "end_token"
    /// Ask for a change that a second person approves.
    Ask "ask"
    /// Approve or refuse what another asked for.
    Approve "approve"
    /// Take an account's rights away, at once.
    Disable "disable"
    /// Let an account that was locked by wrong passwords try again.
    Unlock "unlock"
    /// Write down what a person signed and followed.
    KeepFiles "keep_files"
    /// Say of each account that it stays or goes.
    Review "review"
    SeeAccounts "see_accounts"
    Plan "plan"
    /// Accept, declare, revoke: for the audited side, by the audited side.
    Consent "consent"
    Show "show"
    /// Pause and Stop: taking away needs less than giving.
    TakeAway "take_away"
    /// Take an acceptance back.
    Withdraw "withdraw"
    /// Close, cancel, take an auditor off; turn down what somebody asked for.
    CallOff "call_off"
    SeeEngagements "see_engagements"
    SeeSites "see_sites"
    /// Which clauses of the plan hold, and what is frozen.
    Oversee "oversee"
    /// Say that something went wrong.
    Report "report"
    /// Take care of incidents; which ones, their nature says.
    HandleIncidents "handle_incidents"
    SeeIncidents "see_incidents"
    /// End every picture of something until two people lift it.
    Freeze "freeze"
    /// Try whether alerts arrive.
    Alert "alert"
    /// Look at the picture.
    Look "look"
    /// The node's own upkeep.
    Operate "operate"
}

impl Right {
    /// What takes rights away is kept from nobody whose role has it: no review, charter, password or idle login stands in
    /// its way.
    pub fn takes_away(self) -> bool {
        matches!(self, Self::TakeAway | Self::Withdraw | Self::CallOff | Self::Disable | Self::Freeze | Self::EndToken)
    }

    /// Whether a person has to be there: it is lent to no program.
    pub fn needs_a_person(self) -> bool {
        use Right::{Approve, Consent, Disable, EndToken, HandleIncidents, Look, Oneself, Review, Show, Unlock};
        matches!(self, Oneself | EndToken | Approve | Disable | Unlock | Review | Consent | Show | HandleIncidents | Look)
    }

    /// Whether it changes nothing.
    pub fn only_looks(self) -> bool {
        matches!(self, Self::SeeAccounts | Self::SeeEngagements | Self::SeeSites | Self::SeeIncidents | Self::Oversee)
    }

    pub fn roles(self) -> &'static [Role] {
        use Role::{Admin, Auditor, Contact, Crisis, Dpo, Physician, Reviewer, Rssi};
        match self {
            Self::Oneself | Self::EndToken => &Role::ALL,
            Self::Ask | Self::Approve | Self::Unlock | Self::Review => &[Admin, Rssi],
            Self::Disable | Self::Freeze | Self::Alert => &[Admin, Rssi, Crisis],
            Self::KeepFiles | Self::Plan | Self::Operate => &[Admin],
            Self::SeeAccounts | Self::Oversee => &[Admin, Rssi, Dpo, Crisis, Reviewer],
            Self::Consent | Self::Show | Self::Withdraw => &[Contact],
            Self::Report => &[Auditor, Contact, Admin, Rssi, Dpo, Crisis, Physician],
            Self::HandleIncidents => &[Rssi, Dpo, Crisis, Physician],
            Self::SeeIncidents => &[Admin, Rssi, Dpo, Crisis, Physician, Reviewer],
            Self::CallOff => &[Admin, Rssi],
            Self::TakeAway => &[Contact, Admin, Rssi, Crisis],
            Self::SeeEngagements | Self::SeeSites => &[Auditor, Contact, Admin, Rssi, Dpo, Crisis, Reviewer],
            Self::Look => &[Auditor],
        }
    }
}
