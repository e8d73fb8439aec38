//! Accounts: what a login may look like.

use serde::{Deserialize, Serialize};

/// The name with which a person logs in: 1 to 64 letters, digits, dots, hyphens and underscores.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Login(String);

impl Login {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Login {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let plain = text.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
        if text.is_empty() || text.len() > 64 || !plain {
            return Err(format!(
                "{text:?} cannot be a login: use 1 to 64 letters, digits, dots, hyphens and underscores, such as \"claire.martin\""
            ));
        }
        Ok(Self(text))
    }
}

impl From<Login> for String {
    fn from(login: Login) -> Self {
        login.0
    }
}
