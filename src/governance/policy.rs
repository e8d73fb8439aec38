//! What an agency may set of the rules, within what the plan allows; and the papers that the rules name.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use time::Duration;

use super::workstation::Demand;
use super::{Profile, Refusal};

/// The rules' own settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    pub passwords: Profile,
    /// How long a session about security counts, and whether an older one blocks (R26).
    pub awareness: Duration,
    pub awareness_blocks: bool,
    /// Whether an overdue review suspends the account (R38).
    pub suspend_overdue: bool,
    /// An account that nobody used for so long takes an approval to be used again.
    pub inactive: Duration,
    /// Whether everybody logs in with a second factor, or admins and contacts alone.
    pub second_factor_for_all: bool,
    /// How long a login may lie unused: an hour at most (R39).
    pub idle: Duration,
    /// What is asked of workstations, if anything is.
    pub workstations: Option<Demand>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            passwords: Profile::Pas,
            awareness: Duration::days(365),
            awareness_blocks: true,
            suspend_overdue: true,
            inactive: Duration::days(60),
            second_factor_for_all: true,
            idle: Duration::minutes(30),
            workstations: None,
        }
    }
}

impl Policy {
    /// A login ends after so long, however busy.
    pub const LOGIN: Duration = Duration::hours(12);
    /// A one-time code to enrol with lives for so long.
    pub const ENROLMENT: Duration = Duration::hours(24);
    /// A sealed code lives for so long.
    pub const ENVELOPE: Duration = Duration::days(365);
    /// What was asked for and not approved is forgotten after so long.
    pub const REQUEST: Duration = Duration::days(14);
    /// So many may wait at a time.
    pub const REQUESTS: usize = 200;
    /// The longest time that a window may be left by.
    pub const TOLERANCE: Duration = Duration::hours(1);

    /// R38: how often an account is looked at again.
    pub fn review_every(privileged: bool) -> Duration {
        Duration::days(if privileged { 90 } else { 180 })
    }
}

/// What the agency publishes, in versions that two people have approved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Paperwork {
    /// What auditors commit themselves to (R20).
    Charter,
    /// What is done in an engagement (R15).
    Procedure,
    /// What is done about an incident (R55).
    Runbook,
}

impl Paperwork {
    pub const ALL: [Self; 3] = [Self::Charter, Self::Procedure, Self::Runbook];

    pub fn name(self) -> &'static str {
        match self {
            Self::Charter => "charter",
            Self::Procedure => "procedure",
            Self::Runbook => "runbook",
        }
    }
}

/// One version of a paper.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Paper {
    pub version: String,
    /// SHA-256 of the paper, in hexadecimal.
    pub sha256: String,
}

impl Paper {
    pub fn new(version: &str, sha256: &str) -> Result<Self, Refusal> {
        let version = short_text(version)?;
        // It stands in the public part of the trace.
        if version.len() > 20 || !version.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b)) {
            return Err(Refusal::VersionImpossible);
        }
        Ok(Self { version, sha256: digest(sha256)? })
    }
}

/// R09: free text is short, and holds nothing that is not text.
pub fn short_text(text: &str) -> Result<String, Refusal> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > 200 || text.chars().any(|c| c.is_control() || turns(c)) {
        return Err(Refusal::TextImpossible);
    }
    Ok(text.to_owned())
}

/// What makes letters be read in another order than they are written (Unicode's Bidi_Control): whoever approves a text must
/// see what it says.
pub fn turns(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A SHA-256 as people copy it.
pub fn digest(text: &str) -> Result<String, Refusal> {
    let text = text.trim().to_ascii_lowercase();
    if text.len() != 64 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(Refusal::DigestImpossible);
    }
    Ok(text)
}
