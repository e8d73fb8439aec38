//! Accounts: what a login may look like, what a password must be.

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

/// R33: at least ten characters of four classes; at most 1024 bytes.
pub fn check_password(password: &str) -> Result<(), String> {
    let classes = [
        password.chars().any(char::is_lowercase),
        password.chars().any(char::is_uppercase),
        password.chars().any(char::is_numeric),
        password.chars().any(|c| !c.is_alphanumeric()),
    ];
    if password.len() > 1024 {
        return Err("the password is longer than 1024 bytes; choose a shorter one".to_owned());
    }
    if password.chars().count() < 10 || classes.contains(&false) {
        return Err("the password is too simple; use at least 10 characters with a lower-case letter, an upper-case letter, a digit and another sign".to_owned());
    }
    Ok(())
}
