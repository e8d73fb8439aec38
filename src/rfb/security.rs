//! Security types by number and name (RFC 6143 §7.1.2 and the registry), and VncAuth's response (§7.2.2).

use des::cipher::{Array, BlockCipherEncrypt, KeyInit};
use zeroize::Zeroize;

pub const NONE: u8 = 1;
pub const VNC_AUTH: u8 = 2;
pub const TIGHT: u8 = 16;
pub const VENCRYPT: u8 = 19;

/// VeNCrypt subtypes.
pub const PLAIN: u32 = 256;
pub const X509_NONE: u32 = 260;
pub const X509_VNC: u32 = 261;
pub const X509_PLAIN: u32 = 262;

/// The name that a site's administrator knows a type by, and its number.
pub fn name(kind: u32) -> String {
    let name = match kind {
        0 => "Invalid",
        1 => "None",
        2 => "VncAuth",
        5 => "RA2",
        6 => "RA2ne",
        7 => "SSPI",
        8 => "SSPIne",
        13 => "RA2r",
        3 | 4 | 9..=12 | 14 | 15 | 128 | 131 | 132 | 134..=255 => "RealVNC",
        16 => "Tight",
        17 => "Ultra",
        18 => "TLS with anonymous keys",
        19 => "VeNCrypt",
        20 => "SASL",
        21 => "MD5",
        22 => "xvp",
        23 => "Secure Tunnel",
        24 => "Integrated SSH",
        30 => "Apple Diffie-Hellman",
        31..=36 => "Apple",
        104 => "UltraVNC SCPrompt",
        105 => "UltraVNC SessionSelect",
        112 => "MS-Logon I",
        113 => "MS-Logon II",
        114 | 115 => "UltraVNC SecureVNC plugin",
        116 | 117 => "UltraVNC extra",
        118 => "MS-Logon III",
        129 => "RA2_256",
        130 => "RA2ne_256",
        133 => "RA2r_256",
        256 => "VeNCrypt Plain",
        257 => "VeNCrypt TLSNone",
        258 => "VeNCrypt TLSVnc",
        259 => "VeNCrypt TLSPlain",
        260 => "VeNCrypt X509None",
        261 => "VeNCrypt X509Vnc",
        262 => "VeNCrypt X509Plain",
        263 | 264 => "VeNCrypt SASL",
        265..=267 => "VeNCrypt Ident",
        _ => "unknown",
    };
    format!("{name} ({kind})")
}

/// "None (1), VncAuth (2)".
pub fn names(kinds: impl IntoIterator<Item = u32>) -> String {
    let list: Vec<_> = kinds.into_iter().map(name).collect();
    if list.is_empty() { "nothing".to_owned() } else { list.join(", ") }
}

/// DES-ECB of the challenge under the first eight bytes of the password, the bits of each byte reversed.
pub fn vnc_auth_response(password: &[u8], challenge: &[u8; 16]) -> [u8; 16] {
    let mut key = [0u8; 8];
    for (to, from) in key.iter_mut().zip(password) {
        *to = from.reverse_bits();
    }
    let cipher = des::Des::new(&Array(key));
    key.zeroize();
    let mut response = *challenge;
    let (halves, _) = response.as_chunks_mut::<8>();
    for half in halves {
        let mut block = Array(*half);
        cipher.encrypt_block(&mut block);
        *half = block.0;
    }
    response
}
