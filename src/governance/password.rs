//! R32–R36: what a password must be, how long it lives, and which may not come again.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};
use zeroize::Zeroizing;

use super::Login;

/// As many as an account has had may not come again (R36).
pub const HISTORY: usize = 12;
/// A password is kept for a day at least: else the history is cycled in a minute.
const SHORTEST: Duration = Duration::days(1);
/// People are warned for so long before their password expires.
const WARNING: Duration = Duration::days(14);
/// Parts of a login or a name that are shorter say nothing of it.
const TELLING: usize = 4;

/// A password on its way from a person to its hash: never printed, wiped when it is dropped.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Secret(#[schemars(with = "String")] Zeroizing<String>);

impl Secret {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<T: Into<String>> From<T> for Secret {
    fn from(text: T) -> Self {
        Self(Zeroizing::new(text.into()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// Which rules passwords follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Profile {
    /// The plan's: ten characters of four classes, for 90 days.
    #[default]
    Pas,
    /// CNIL, recommendation of 2022: 80 bits, without an end.
    Cnil2022,
}

/// How a password stands at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Age {
    Good,
    /// It ends in so many days.
    Ending(i64),
    Expired,
}

impl Profile {
    fn lifetime(self) -> Option<Duration> {
        match self {
            Self::Pas => Some(Duration::days(90)),
            Self::Cnil2022 => None,
        }
    }

    /// How a password that was set then stands now (R35).
    pub fn age(self, set: OffsetDateTime, now: OffsetDateTime) -> Age {
        let Some(lifetime) = self.lifetime() else { return Age::Good };
        match set + lifetime - now {
            left if left <= Duration::ZERO => Age::Expired,
            left if left <= WARNING => Age::Ending(left.whole_days()),
            _ => Age::Good,
        }
    }

    /// Whether this may be the password of that person; `Err` says what to do.
    pub fn check(self, password: &str, login: &Login, name: &str) -> Result<(), String> {
        if password.len() > 1024 {
            return Err("the password is longer than 1024 bytes; choose a shorter one".to_owned());
        }
        match self {
            Self::Pas if password.chars().count() < 10 || Classes::of(password).count() < 4 => {
                return Err("the password is too simple; use at least 10 characters with a lower-case letter, an upper-case letter, a digit and another sign".to_owned());
            }
            Self::Cnil2022 if entropy(password) < 80.0 => {
                return Err(format!(
                    "the password is too simple: {:.0} bits of 80; use more characters, or more kinds of them",
                    entropy(password)
                ));
            }
            _ => {}
        }
        let folded = folded(password);
        let parts = login.as_str().split(|c: char| !c.is_alphanumeric()).chain(name.split(|c: char| !c.is_alphanumeric()));
        let told = parts.filter(|part| part.chars().count() >= TELLING).find(|part| folded.contains(&self::folded(part)));
        if let Some(part) = told {
            return Err(format!("the password holds {part:?}, which others know; choose one without your login and name"));
        }
        if let Some(word) = FREQUENT.iter().find(|word| is_hardly_more(&folded, word)) {
            return Err(format!("the password is hardly more than {word:?}, one of the first that are tried; choose another"));
        }
        Ok(())
    }
}

/// Whether a password that was set then may be changed now by its owner.
pub fn may_change(set: OffsetDateTime, now: OffsetDateTime) -> Result<(), String> {
    if now - set >= SHORTEST {
        return Ok(());
    }
    Err("the password was changed less than a day ago; if others may know it, have the account disabled until tomorrow"
        .to_owned())
}

/// The classes of characters of a password.
struct Classes([bool; 4]);

impl Classes {
    fn of(password: &str) -> Self {
        Self([
            password.chars().any(char::is_lowercase),
            password.chars().any(char::is_uppercase),
            password.chars().any(char::is_numeric),
            password.chars().any(|c| !c.is_alphanumeric()),
        ])
    }

    fn count(&self) -> usize {
        self.0.iter().filter(|there| **there).count()
    }
}

/// Bits of a password chosen at random among its classes: 26, 26, 10 and 37 characters (CNIL, 2022).
fn entropy(password: &str) -> f64 {
    let sizes = [26.0, 26.0, 10.0, 37.0f64];
    let alphabet: f64 = Classes::of(password).0.iter().zip(sizes).filter(|(there, _)| **there).map(|(_, size)| size).sum();
    password.chars().count() as f64 * alphabet.max(1.0).log2()
}

/// Lower case without accents, with the signs that people write for letters read as these.
fn folded(text: &str) -> String {
    let letter = |c| match c {
        '0' => 'o',
        '1' | '!' => 'i',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' => 't',
        'é' | 'è' | 'ê' | 'ë' => 'e',
        'à' | 'â' => 'a',
        'ç' => 'c',
        'î' | 'ï' => 'i',
        'ô' => 'o',
        'û' | 'ù' => 'u',
        c => c,
    };
    text.to_lowercase().chars().map(letter).collect()
}

/// Whether next to nothing is left of a folded password without this word, but signs and figures.
fn is_hardly_more(folded: &str, word: &str) -> bool {
    // Figures were folded into letters: what is left is short with them too.
    let rest = folded.replace(word, "");
    rest.len() < folded.len() && rest.chars().filter(|c| c.is_alphabetic()).count() < 6
}

/// Words that the first guesses are made of, in the languages of those who use this.
const FREQUENT: [&str; 23] = [
    "password",
    "passwort",
    "motdepasse",
    "azerty",
    "qwerty",
    "qwertz",
    "bonjour",
    "bienvenue",
    "welcome",
    "soleil",
    "doudou",
    "marseille",
    "chouchou",
    "loulou",
    "admin",
    "changeme",
    "letmein",
    "iloveyou",
    "jetaime",
    "lucarne",
    "auditeur",
    "sante",
    "abcdef",
];
