//! Names of things. Ids are random, so they say nothing about whom they name.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Fills an array from the system's generator. Without one nothing here is safe, so its failure ends the process.
#[expect(clippy::expect_used, reason = "a system without randomness can issue no ticket, key or session: stop")]
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the system's random generator answers");
    bytes
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// A new random id: 80 bits.
            pub fn random() -> Self {
                Self(format!(concat!($prefix, "{}"), hex(&random::<10>())))
            }

            /// An id as it was stored.
            pub fn stored(text: String) -> Self {
                Self(text)
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id!(
    /// A person's account.
    AccountId,
    "a-"
);
id!(
    /// One planned operation.
    EngagementId,
    "e-"
);
id!(
    /// Something that waits for a second person.
    RequestId,
    "r-"
);
id!(
    /// A freeze.
    FreezeId,
    "f-"
);
id!(
    /// Something that went wrong.
    IncidentId,
    "i-"
);
id!(
    /// Something that one person is told elsewhere than here.
    AlertId,
    "l-"
);
id!(
    /// A program's way in, by one person.
    TokenId,
    "k-"
);
id!(
    /// A registered workstation.
    WorkstationId,
    "w-"
);
id!(
    /// One auditor looking in one engagement, from admission to end.
    SessionId,
    "s-"
);
id!(
    /// One connection, before it is anybody's session.
    ConnectionId,
    "c-"
);
id!(
    /// One act of the desk: the same id stands in its outbox row and in its trace entry.
    ActId,
    "x-"
);

impl SessionId {
    /// The short tag that the watermark shows: ten characters, enough to find the session among those of a year.
    pub fn tag(&self) -> &str {
        self.0.get(2..12).unwrap_or(&self.0)
    }
}

/// A site's name in the configuration: lower-case letters, digits and hyphens.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(transparent)]
#[schemars(extend("pattern" = "^[a-z0-9-]{1,40}$"))]
pub struct SiteName(String);

impl SiteName {
    pub fn new(text: &str) -> Result<Self, String> {
        let plain = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if text.is_empty() || text.len() > 40 || !plain {
            return Err(format!(
                "{text:?} cannot name a site: use 1 to 40 lower-case letters, digits and hyphens, such as \"clinic-lyon\""
            ));
        }
        Ok(Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SiteName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for SiteName {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        Self::new(&text).map_err(serde::de::Error::custom)
    }
}
