//! The sealed part, and what binds it to the public entry without giving it away.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Map, Value};

use crate::id::random;

/// RFC 8785 bytes: what is hashed is what is stored.
pub(super) fn canonical(value: &Value) -> Result<Vec<u8>, String> {
    serde_json_canonicalizer::to_vec(value).map_err(|error| error.to_string())
}

/// The sealed line of an entry, and `priv`: base64(HMAC-SHA-256(salt, JCS(sealed))), the salt random and beside it.
pub(super) fn seal(seq: u64, sealed: Map<String, Value>) -> Result<(Vec<u8>, String), String> {
    let salt = random::<32>();
    let sealed = Value::Object(sealed);
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&salt).map_err(|error| error.to_string())?;
    mac.update(&canonical(&sealed)?);
    let binding = STANDARD.encode(mac.finalize().into_bytes());
    let line = serde_json::json!({ "salt": STANDARD.encode(salt), "sealed": sealed, "seq": seq });
    Ok((canonical(&line)?, binding))
}
