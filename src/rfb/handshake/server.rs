//! Our side towards a viewer.

use zeroize::Zeroizing;

use super::{Stop, Version};
use crate::geometry::Size;
use crate::rfb::codec::Put;
use crate::rfb::error::ProtocolError;
use crate::rfb::security::{NONE, PLAIN, VENCRYPT, VNC_AUTH, X509_PLAIN};
use crate::rfb::{PixelFormat, Reader};

/// How a listener lets viewers log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offer {
    /// TLS inside RFB: VeNCrypt X509Plain.
    X509Plain,
    /// TLS was there first: VeNCrypt Plain, and the short form of a ticket where `vnc_auth` allows it.
    InsideTls { vnc_auth: bool },
    /// The short form of a ticket, in clear: on loopback, by explicit option.
    VncAuth,
    /// Nothing is asked: the demonstration site does so, no door of viewers does.
    Nothing,
}

impl Offer {
    fn types(self) -> &'static [u8] {
        match self {
            Self::X509Plain | Self::InsideTls { vnc_auth: false } => &[VENCRYPT],
            Self::InsideTls { vnc_auth: true } => &[VENCRYPT, VNC_AUTH],
            Self::VncAuth => &[VNC_AUTH],
            Self::Nothing => &[NONE],
        }
    }

    fn subtype(self) -> u32 {
        if self == Self::X509Plain { X509_PLAIN } else { PLAIN }
    }
}

/// What a viewer shows to be let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credentials {
    Plain { user: String, password: Zeroizing<String> },
    VncAuth { challenge: [u8; 16], response: [u8; 16] },
    Nothing,
}

/// Why a viewer was closed before it was anybody.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ServerHandshakeError {
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
    #[error("the viewer chose security type {0}, which was not offered")]
    TypeNotOffered(u32),
    #[error("the viewer speaks RFB 3.3, which cannot carry TLS; use a viewer with VeNCrypt (TigerVNC), or a TLS tunnel")]
    TooOldForTls,
    #[error("the viewer cannot do VeNCrypt 0.2; use a newer viewer")]
    Vencrypt,
    #[error("the viewer sent bytes before TLS was agreed")]
    TlsInjection,
    #[error("a name of {0} bytes and a password of {1} were sent; 255 each are allowed")]
    CredentialLength(u32, u32),
}

impl ServerHandshakeError {
    pub fn code(&self) -> &'static str {
        match self {
            Self::Protocol(error) => error.code().dn,
            Self::TypeNotOffered(_) => "dn.type_not_offered",
            Self::TooOldForTls => "dn.too_old_for_tls",
            Self::Vencrypt => "dn.vencrypt",
            Self::TlsInjection => "dn.tls_injection",
            Self::CredentialLength(..) => "dn.credential_length",
        }
    }
}

/// What the driver must do next.
#[derive(Debug, PartialEq, Eq)]
pub enum Asked {
    Send(Vec<u8>),
    /// Start TLS on the socket, then call [`ServerHandshake::tls_started`].
    StartTls,
    /// Decide, then call [`ServerHandshake::accept`] or [`ServerHandshake::refuse`].
    Decide(Credentials),
    /// ClientInit came (its `shared` is read as true: nobody is thrown out). Send [`server_init`].
    Ready,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Hello,
    Version,
    Type,
    VencryptVersion,
    Subtype,
    AwaitTls,
    Plain,
    Response,
    Anyone,
    Decide,
    ClientInit,
    Done,
}

/// The handshake as a server.
#[derive(Debug)]
pub struct ServerHandshake {
    stage: Stage,
    offer: Offer,
    version: Version,
    challenge: [u8; 16],
}

type Move = (Stage, Option<Asked>);

impl ServerHandshake {
    /// `challenge` must be fresh random bytes.
    pub fn new(offer: Offer, challenge: [u8; 16]) -> Self {
        Self { stage: Stage::Hello, offer, version: Version::V3_8, challenge }
    }

    /// Takes from `input`: the bytes taken and what to do. `None`: come back with more bytes.
    pub fn advance(&mut self, input: &[u8]) -> Result<Option<(usize, Option<Asked>)>, ServerHandshakeError> {
        let mut r = Reader::new(input);
        match self.step(&mut r) {
            Err(Stop::Wait) => Ok(None),
            Err(Stop::Error(error)) => Err(error),
            Ok((stage, asked)) => {
                self.stage = stage;
                Ok(Some((r.taken(), asked)))
            }
        }
    }

    /// What the viewer is saying: for a viewer that says it wrong.
    pub fn state(&self) -> &'static str {
        match self.stage {
            Stage::Hello | Stage::Version => "version",
            Stage::Type => "security_type",
            Stage::VencryptVersion => "vencrypt_version",
            Stage::Subtype => "vencrypt_subtype",
            Stage::AwaitTls => "tls",
            Stage::Plain | Stage::Response | Stage::Anyone | Stage::Decide => "login",
            Stage::ClientInit | Stage::Done => "client_init",
        }
    }

    /// TLS stands: the name and password come next.
    pub fn tls_started(&mut self) {
        self.stage = Stage::Plain;
    }

    /// The bytes that let the viewer in; ClientInit is awaited next.
    pub fn accept(&mut self) -> Vec<u8> {
        self.stage = Stage::ClientInit;
        let silent = self.offer == Offer::Nothing && self.version < Version::V3_8;
        if silent { Vec::new() } else { vec![0; 4] }
    }

    /// The bytes that send the viewer away. Below 3.8 there is no place for the reason.
    pub fn refuse(&mut self, reason: &str) -> Vec<u8> {
        self.stage = Stage::Done;
        let mut out = vec![0, 0, 0, 1];
        if self.version == Version::V3_8 {
            out.put_u32(reason.len() as u32);
            out.extend_from_slice(reason.as_bytes());
        }
        out
    }

    fn step(&mut self, r: &mut Reader<'_>) -> Result<Move, Stop<ServerHandshakeError>> {
        match self.stage {
            Stage::Hello => Ok((Stage::Version, Some(Asked::Send(Version::V3_8.line().to_vec())))),
            Stage::Version => {
                let (major, minor) = Version::read(r)?;
                self.version = Version::of_viewer(major, minor)?;
                self.offer_types()
            }
            Stage::Type => {
                let kind = r.u8()?;
                if !self.offer.types().contains(&kind) {
                    return Err(ServerHandshakeError::TypeNotOffered(kind.into()).into());
                }
                Ok(self.after_type(kind, Vec::new()))
            }
            Stage::VencryptVersion => match r.array()? {
                [0, 2] => {
                    let mut out = vec![0, 1];
                    out.put_u32(self.offer.subtype());
                    Ok((Stage::Subtype, Some(Asked::Send(out))))
                }
                _ => Err(ServerHandshakeError::Vencrypt.into()),
            },
            Stage::Subtype => {
                let subtype = r.u32()?;
                if subtype != self.offer.subtype() {
                    return Err(ServerHandshakeError::TypeNotOffered(subtype).into());
                }
                if subtype == PLAIN {
                    return Ok((Stage::Plain, None));
                }
                if !r.rest().is_empty() {
                    return Err(ServerHandshakeError::TlsInjection.into());
                }
                Ok((Stage::AwaitTls, Some(Asked::Send(vec![1]))))
            }
            Stage::AwaitTls => Ok((Stage::AwaitTls, Some(Asked::StartTls))),
            Stage::Plain => plain(r),
            Stage::Response => {
                let credentials = Credentials::VncAuth { challenge: self.challenge, response: r.array()? };
                Ok((Stage::Decide, Some(Asked::Decide(credentials))))
            }
            Stage::Anyone => Ok((Stage::Decide, Some(Asked::Decide(Credentials::Nothing)))),
            Stage::ClientInit => {
                r.u8()?;
                Ok((Stage::Done, Some(Asked::Ready)))
            }
            Stage::Decide | Stage::Done => Err(Stop::Wait),
        }
    }

    fn offer_types(&mut self) -> Result<Move, Stop<ServerHandshakeError>> {
        if self.version > Version::V3_3 {
            let types = self.offer.types();
            let mut out = vec![types.len() as u8];
            out.extend_from_slice(types);
            return Ok((Stage::Type, Some(Asked::Send(out))));
        }
        // 3.3: we choose, and only types without a choice of their own exist.
        match self.offer.types().iter().find(|kind| matches!(**kind, NONE | VNC_AUTH)) {
            Some(kind) => Ok(self.after_type(*kind, u32::from(*kind).to_be_bytes().to_vec())),
            None => Err(ServerHandshakeError::TooOldForTls.into()),
        }
    }

    fn after_type(&mut self, kind: u8, mut out: Vec<u8>) -> Move {
        match kind {
            VENCRYPT => (Stage::VencryptVersion, Some(Asked::Send(vec![0, 2]))),
            VNC_AUTH => {
                out.extend_from_slice(&self.challenge);
                (Stage::Response, Some(Asked::Send(out)))
            }
            _ => (Stage::Anyone, (!out.is_empty()).then_some(Asked::Send(out))),
        }
    }
}

/// Bytes for a viewer of RFB 3.3 or later that is sent away before any type was agreed.
pub fn refuse_early(reason: &str) -> Vec<u8> {
    let mut out = vec![0];
    out.put_u32(reason.len() as u32);
    out.extend_from_slice(reason.as_bytes());
    out
}

/// ServerInit with our own label, never the site's name.
pub fn server_init(size: Size, format: &PixelFormat, label: &str) -> Vec<u8> {
    let mut out = Vec::new();
    out.put_u16(size.width);
    out.put_u16(size.height);
    format.encode(&mut out);
    out.put_u32(label.len() as u32);
    out.extend_from_slice(label.as_bytes());
    out
}

/// `U32 ulen, U32 plen, user, password`, at most 255 each.
fn plain(r: &mut Reader<'_>) -> Result<Move, Stop<ServerHandshakeError>> {
    let (user, password) = (r.u32()?, r.u32()?);
    if user > 255 || password > 255 {
        return Err(ServerHandshakeError::CredentialLength(user, password).into());
    }
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let user = text(r.take(user as usize)?);
    let password = Zeroizing::new(text(r.take(password as usize)?));
    Ok((Stage::Decide, Some(Asked::Decide(Credentials::Plain { user, password }))))
}

impl From<ServerHandshakeError> for Stop<ServerHandshakeError> {
    fn from(error: ServerHandshakeError) -> Self {
        Self::Error(error)
    }
}
