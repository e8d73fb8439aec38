//! Sites: what they are, and whether they are shown.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// An editor's demonstration system: no health data.
    Demo,
    /// A clinic's system: personal data. TLS with a verified peer is required.
    Production,
}

/// Whether a site is shown. Only Show opens a source; a restart leaves nothing showing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    Stopped,
    /// It was shown and may be again: viewers wait before a blank screen.
    Paused,
    Showing,
}

impl Standing {
    pub const ALL: [Self; 3] = [Self::Stopped, Self::Paused, Self::Showing];

    pub fn name(self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::Paused => "paused",
            Self::Showing => "showing",
        }
    }
}
