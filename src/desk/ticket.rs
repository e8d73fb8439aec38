//! View tickets: 130 random bits in 26 letters, stored hashed, for one use within 60 seconds; and the short form of
//! eight letters for viewers that know VncAuth only, which lives in memory alone.

use std::sync::{Mutex, PoisonError};

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use time::{Duration, OffsetDateTime};
use zeroize::Zeroizing;

use crate::governance::Login;
use crate::governance::admission::TICKET_SECONDS;
use crate::id::random;
use crate::rfb::security::vnc_auth_response;

/// Crockford's base 32: no letter is read as another.
const LETTERS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// Short tickets alive at once.
const MAX_SHORT: usize = 64;

/// A ticket in the hands of the person it was issued for.
pub struct Ticket {
    /// What is typed as the password.
    pub secret: Zeroizing<String>,
    /// The form of eight letters, if it was asked for.
    pub short: Option<Zeroizing<String>>,
    /// The only workstation that may use it, by the SHA-256 of its certificate.
    pub certificate: Option<[u8; 32]>,
    pub expires: OffsetDateTime,
    /// Days until the account's password must be changed, if these are few.
    pub password_days: Option<i64>,
}

impl Ticket {
    pub(super) fn new(now: OffsetDateTime, short: bool, certificate: Option<[u8; 32]>, password_days: Option<i64>) -> Self {
        Self {
            secret: letters(&random::<26>()),
            short: short.then(|| letters(&random::<8>())),
            certificate,
            expires: now + Duration::seconds(TICKET_SECONDS),
            password_days,
        }
    }

    pub(super) fn hash(&self) -> Vec<u8> {
        hash(&self.secret)
    }
}

/// Five bits of each byte: uniform, as 32 divides 256.
fn letters(bytes: &[u8]) -> Zeroizing<String> {
    Zeroizing::new(bytes.iter().filter_map(|b| LETTERS.get(usize::from(b & 31))).map(|b| char::from(*b)).collect())
}

fn hash(secret: &str) -> Vec<u8> {
    Sha256::digest(secret.trim().to_ascii_lowercase().as_bytes()).to_vec()
}

/// What a viewer shows.
#[derive(Debug, Clone)]
pub struct Presented {
    pub form: Form,
    /// SHA-256 of the certificate that the workstation proved to hold.
    pub certificate: Option<[u8; 32]>,
}

#[derive(Debug, Clone)]
pub enum Form {
    Plain { login: String, secret: Zeroizing<String> },
    Short { challenge: [u8; 16], response: [u8; 16] },
}

impl Presented {
    /// The login that was typed, if the way in has one.
    pub(super) fn login(&self) -> Option<Login> {
        match &self.form {
            Form::Plain { login, .. } => Login::try_from(login.clone()).ok(),
            Form::Short { .. } => None,
        }
    }

    pub(super) fn typed_login(&self) -> String {
        match &self.form {
            Form::Plain { login, .. } => login.chars().take(64).collect(),
            Form::Short { .. } => String::new(),
        }
    }
}

/// The short forms alive, and which ticket each is. Guarded by its own lock; bounded; gone with the process.
#[derive(Default)]
pub(super) struct ShortTickets(Mutex<Vec<Short>>);

struct Short {
    secret: Zeroizing<String>,
    hash: Vec<u8>,
    certificate: Option<[u8; 32]>,
    expires: OffsetDateTime,
}

impl ShortTickets {
    pub(super) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    pub(super) fn add(&self, ticket: &Ticket) {
        let Some(short) = &ticket.short else { return };
        let mut alive = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if alive.len() >= MAX_SHORT {
            alive.remove(0);
        }
        let certificate = ticket.certificate;
        alive.push(Short { secret: short.clone(), hash: ticket.hash(), certificate, expires: ticket.expires });
    }

    /// The hash of the ticket that was shown, if it can be one.
    pub(super) fn hash_of(&self, presented: &Presented, now: OffsetDateTime) -> Option<Vec<u8>> {
        match &presented.form {
            // What cannot be a login matches no ticket, and uses none up.
            Form::Plain { login, secret } => Login::try_from(login.clone()).ok().map(|_| hash(secret)),
            Form::Short { challenge, response } => {
                let mut alive = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                alive.retain(|short| short.expires >= now);
                // Eight letters are few: they are compared with the tickets of this very workstation only.
                let own = |short: &Short| short.certificate == presented.certificate;
                let matches = |short: &Short| vnc_auth_response(short.secret.as_bytes(), challenge).ct_eq(response).into();
                let place = alive.iter().position(|short| own(short) && matches(short))?;
                Some(alive.remove(place).hash)
            }
        }
    }
}
