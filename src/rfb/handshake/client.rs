//! Our side towards a site.

use zeroize::Zeroizing;

pub use super::refused::HandshakeError;
use super::{ServerInit, Stop, Version, tight};
use crate::geometry::Size;
use crate::rfb::error::{Halt, ProtocolError, escaped};
use crate::rfb::request::Outbound;
use crate::rfb::security::{self, NONE, PLAIN, TIGHT, VENCRYPT, VNC_AUTH, X509_NONE, X509_PLAIN, X509_VNC};
use crate::rfb::{PixelFormat, Reader};

/// What the site wants to know of us.
#[derive(Debug, Clone, Default)]
pub enum Login {
    #[default]
    Nothing,
    Password(Zeroizing<String>),
    User {
        name: String,
        password: Zeroizing<String>,
    },
}

/// What protects the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// Nothing, or a tunnel that we do not see.
    Bare,
    /// TLS was there before the first byte of RFB.
    Tls,
    /// TLS must be started inside RFB, by VeNCrypt.
    Vencrypt,
}

/// What the driver must do next.
#[derive(Debug, PartialEq, Eq)]
pub enum Asked {
    Send(Outbound),
    /// Start TLS on the socket; call [`ClientHandshake::tls_started`] when it stands.
    StartTls,
    Ready(Entered),
}

/// The handshake's result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entered {
    pub init: ServerInit,
    pub version: Version,
    /// "VeNCrypt X509Plain (262)"
    pub security: String,
    /// All that the site offered, by name and number: outer types first, then those inside VeNCrypt or Tight.
    pub offered: String,
}

/// The parts of a handshake that a site may fail to get through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Awaits {
    Version,
    Security,
    Login,
    Init,
}

impl Awaits {
    pub fn name(self) -> &'static str {
        match self {
            Self::Version => "version",
            Self::Security => "security",
            Self::Login => "login",
            Self::Init => "server_init",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Version,
    Types,
    TightTunnels,
    TightTypes,
    Challenge,
    VencryptVersion,
    VencryptAck,
    VencryptSubtypes,
    VencryptGo,
    AwaitTls,
    Result,
    Reason { login: bool },
    Init,
    Name { left: u32, init: ServerInit },
    TightCapabilities(ServerInit),
    Capabilities { left: u32, init: ServerInit },
    Done,
}

/// The handshake as a client.
#[derive(Debug)]
pub struct ClientHandshake {
    stage: Stage,
    login: Login,
    transport: Transport,
    version: Version,
    security: u32,
    tight: bool,
    offered: Vec<u32>,
}

/// One move: the next stage and what to send on the way.
type Move = (Stage, Option<Vec<u8>>);

impl ClientHandshake {
    pub fn new(login: Login, transport: Transport) -> Self {
        Self { stage: Stage::Version, login, transport, version: Version::V3_8, security: 0, tight: false, offered: Vec::new() }
    }

    /// Takes from `input`: the bytes taken and what to do. `None`: come back with more bytes.
    pub fn advance(&mut self, input: &[u8]) -> Result<Option<(usize, Option<Asked>)>, HandshakeError> {
        if self.stage == Stage::AwaitTls {
            return if input.is_empty() { Ok(Some((0, Some(Asked::StartTls)))) } else { Err(HandshakeError::TlsInjection) };
        }
        if let Stage::Name { left, init } | Stage::Capabilities { left, init } = &mut self.stage {
            let taken = (*left as usize).min(input.len());
            *left -= taken as u32;
            if *left > 0 {
                return Ok((taken > 0).then_some((taken, None)));
            }
            let init = *init;
            if self.tight && matches!(self.stage, Stage::Name { .. }) {
                self.stage = Stage::TightCapabilities(init);
                return Ok(Some((taken, None)));
            }
            self.stage = Stage::Done;
            let offered = security::names(self.offered.iter().copied());
            let entered = Entered { init, version: self.version, security: security::name(self.security), offered };
            return Ok(Some((taken, Some(Asked::Ready(entered)))));
        }
        let mut r = Reader::new(input);
        match self.step(&mut r) {
            Err(Stop::Wait) => Ok(None),
            Err(Stop::Error(error)) => Err(error),
            Ok((stage, send)) => {
                self.stage = stage;
                Ok(Some((r.taken(), send.map(|bytes| Asked::Send(Outbound::new(bytes))))))
            }
        }
    }

    /// Whether a password was sent and not yet answered: then any end but success must be read as a refusal, for
    /// trying again by ourselves could lock the account.
    pub fn awaits_verdict(&self) -> bool {
        let secret = !matches!(self.login, Login::Nothing);
        secret && matches!(self.stage, Stage::Result | Stage::Reason { login: true })
    }

    /// What the site is to say next: for a site that does not.
    pub fn awaits(&self) -> Awaits {
        match self.stage {
            Stage::Version => Awaits::Version,
            Stage::Challenge | Stage::Result | Stage::Reason { login: true } => Awaits::Login,
            Stage::Init | Stage::Name { .. } | Stage::TightCapabilities(_) | Stage::Capabilities { .. } | Stage::Done => {
                Awaits::Init
            }
            _ => Awaits::Security,
        }
    }

    /// TLS stands: the handshake goes on inside it.
    pub fn tls_started(&mut self) {
        self.stage = match self.security {
            X509_VNC => Stage::Challenge,
            _ => Stage::Result,
        };
    }

    /// What must be sent first inside TLS: the name and password of X509Plain.
    pub fn first_inside_tls(&self) -> Option<Outbound> {
        (self.security == X509_PLAIN).then(|| Outbound::new(self.plain()))
    }

    fn step(&mut self, r: &mut Reader<'_>) -> Result<Move, Stop<HandshakeError>> {
        match self.stage {
            Stage::Version => {
                let (major, minor) = Version::read(r)?;
                self.version = Version::of_server(major, minor)?;
                Ok((Stage::Types, Some(self.version.line().to_vec())))
            }
            Stage::Types => self.types(r),
            Stage::TightTunnels => {
                let tunnels = tight::tunnels(r)?;
                Ok((Stage::TightTypes, tunnels))
            }
            Stage::TightTypes => self.tight_types(r),
            Stage::Challenge => {
                let challenge = r.array()?;
                let Login::Password(password) = &self.login else { return Err(HandshakeError::AuthFailed(String::new()).into()) };
                Ok((Stage::Result, Some(security::vnc_auth_response(password.as_bytes(), &challenge).to_vec())))
            }
            Stage::VencryptVersion => match r.array::<2>()? {
                version if version >= [0, 2] => Ok((Stage::VencryptAck, Some(vec![0, 2]))),
                [major, minor] => {
                    Err(HandshakeError::Vencrypt(format!("version {major}.{minor} is too old; 0.2 is needed")).into())
                }
            },
            Stage::VencryptAck => match r.u8()? {
                0 => Ok((Stage::VencryptSubtypes, None)),
                _ => Err(HandshakeError::Vencrypt("the site refuses version 0.2".to_owned()).into()),
            },
            Stage::VencryptSubtypes => self.subtypes(r),
            Stage::VencryptGo => match r.u8()? {
                1 => Ok((Stage::AwaitTls, None)),
                _ => {
                    Err(HandshakeError::Vencrypt("the site cannot start TLS; look at its certificate and key".to_owned()).into())
                }
            },
            Stage::Result => self.result(r),
            Stage::Reason { login } => {
                let length = r.u32()?;
                if length > 4096 {
                    return Err(HandshakeError::ReasonTooLong(length).into());
                }
                let text = escaped(r.take(length as usize)?);
                Err(if login { HandshakeError::AuthFailed(text) } else { HandshakeError::Refused(text) }.into())
            }
            Stage::Init => server_init(r),
            Stage::TightCapabilities(init) => Ok((Stage::Capabilities { left: tight::capability_bytes(r)?, init }, None)),
            Stage::AwaitTls | Stage::Name { .. } | Stage::Capabilities { .. } | Stage::Done => Err(Stop::Wait),
        }
    }

    /// The server's list, or in 3.3 its choice.
    fn types(&mut self, r: &mut Reader<'_>) -> Result<Move, Stop<HandshakeError>> {
        if self.version == Version::V3_3 {
            let kind = r.u32()?;
            return match u8::try_from(kind) {
                Ok(0) => Ok((Stage::Reason { login: false }, None)),
                Ok(kind) => {
                    let (kind, stage) = self.choose(&[kind])?;
                    if !matches!(kind, NONE | VNC_AUTH) {
                        return Err(self.no_common(&[kind.into()]).into());
                    }
                    Ok(self.leave_types(stage, None))
                }
                Err(_) => Err(self.no_common(&[kind]).into()),
            };
        }
        let count = r.u8()?;
        if count == 0 {
            return Ok((Stage::Reason { login: false }, None));
        }
        let (kind, stage) = self.choose(r.take(count.into())?)?;
        Ok(self.leave_types(stage, Some(vec![kind])))
    }

    /// After None there is a result in 3.8 only, and ClientInit is ours to send.
    fn leave_types(&self, stage: Stage, choice: Option<Vec<u8>>) -> Move {
        if stage == Stage::Result && self.version < Version::V3_8 {
            let mut bytes = choice.unwrap_or_default();
            bytes.push(SHARED);
            return (Stage::Init, Some(bytes));
        }
        (stage, choice)
    }

    fn choose(&mut self, offered: &[u8]) -> Result<(u8, Stage), HandshakeError> {
        let wide = || offered.iter().copied().map(u32::from);
        let has = |kind| offered.contains(&kind);
        self.offered.extend(wide());
        let plain = match (&self.login, self.transport) {
            (_, Transport::Vencrypt) => None,
            (Login::Nothing, _) => Some((NONE, Stage::Result)),
            (Login::Password(_), _) => Some((VNC_AUTH, Stage::Challenge)),
            (Login::User { .. }, _) => None,
        };
        let vencrypt =
            self.transport == Transport::Vencrypt || self.transport == Transport::Tls && matches!(self.login, Login::User { .. });
        if let Some((kind, stage)) = plain.filter(|(kind, _)| has(*kind)) {
            self.security = kind.into();
            return Ok((kind, stage));
        }
        if vencrypt && has(VENCRYPT) && self.version > Version::V3_3 {
            return Ok((VENCRYPT, Stage::VencryptVersion));
        }
        if has(TIGHT) && self.version > Version::V3_3 {
            self.tight = true;
            return Ok((TIGHT, Stage::TightTunnels));
        }
        if !matches!(self.login, Login::Nothing) && wide().all(|kind| kind == u32::from(NONE)) {
            return Err(HandshakeError::Downgrade { offered: security::names(wide()) });
        }
        Err(self.no_common(&wide().collect::<Vec<_>>()))
    }

    fn no_common(&self, offered: &[u32]) -> HandshakeError {
        let wanted = match (self.transport, &self.login) {
            (Transport::Vencrypt, Login::Nothing) => "VeNCrypt with X509None (260)",
            (Transport::Vencrypt, Login::Password(_)) => "VeNCrypt with X509Vnc (261)",
            (Transport::Vencrypt, Login::User { .. }) => "VeNCrypt with X509Plain (262)",
            (_, Login::Nothing) => "None (1), or give the site a `login` in Lucarne's configuration",
            (_, Login::Password(_)) => "VncAuth (2)",
            (Transport::Tls, Login::User { .. }) => "VeNCrypt Plain (256) inside TLS",
            (Transport::Bare, Login::User { .. }) => {
                "VeNCrypt with X509Plain (262), and set `security = \"vencrypt\"`: a name and password travel inside TLS only"
            }
        };
        HandshakeError::NoCommonSecurity { offered: security::names(offered.iter().copied()), wanted }
    }

    fn tight_types(&mut self, r: &mut Reader<'_>) -> Result<Move, Stop<HandshakeError>> {
        let codes = tight::capabilities(r)?;
        if codes.is_empty() {
            if !matches!(self.login, Login::Nothing) || self.transport == Transport::Vencrypt {
                return Err(HandshakeError::Downgrade { offered: "Tight without authentication".to_owned() }.into());
            }
            self.security = NONE.into();
            return Ok(self.leave_types(Stage::Result, None));
        }
        let offered: Vec<u8> = codes.iter().filter_map(|code| u8::try_from(*code).ok()).filter(|kind| *kind != TIGHT).collect();
        let (kind, stage) = self.choose(&offered)?;
        Ok(self.leave_types(stage, Some(u32::from(kind).to_be_bytes().to_vec())))
    }

    fn subtypes(&mut self, r: &mut Reader<'_>) -> Result<Move, Stop<HandshakeError>> {
        let count = r.u8()?;
        if count == 0 {
            return Err(HandshakeError::Vencrypt("the site offers no subtype; look at its certificate and key".to_owned()).into());
        }
        let offered = (0..count).map(|_| r.u32()).collect::<Result<Vec<_>, _>>()?;
        self.offered.extend(&offered);
        let wanted = match (self.transport, &self.login) {
            (Transport::Vencrypt, Login::Nothing) if self.version == Version::V3_8 => X509_NONE,
            (Transport::Vencrypt, Login::Password(_)) => X509_VNC,
            (Transport::Vencrypt, Login::User { .. }) => X509_PLAIN,
            (Transport::Tls, Login::User { .. }) => PLAIN,
            _ => return Err(self.no_common(&offered).into()),
        };
        if !offered.contains(&wanted) {
            return Err(self.no_common(&offered).into());
        }
        self.security = wanted;
        let mut choice = wanted.to_be_bytes().to_vec();
        if wanted == PLAIN {
            choice.extend_from_slice(&self.plain());
            return Ok((Stage::Result, Some(choice)));
        }
        Ok((Stage::VencryptGo, Some(choice)))
    }

    /// `U32 ulen, U32 plen, user, password`.
    fn plain(&self) -> Vec<u8> {
        let Login::User { name, password } = &self.login else { return Vec::new() };
        let mut out = Vec::new();
        out.extend_from_slice(&(name.len() as u32).to_be_bytes());
        out.extend_from_slice(&(password.len() as u32).to_be_bytes());
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(password.as_bytes());
        out
    }

    fn result(&self, r: &mut Reader<'_>) -> Result<Move, Stop<HandshakeError>> {
        match r.u32()? {
            0 => Ok((Stage::Init, Some(vec![SHARED]))),
            1 if self.version == Version::V3_8 => Ok((Stage::Reason { login: true }, None)),
            1 => Err(HandshakeError::AuthFailed(String::new()).into()),
            other => Err(HandshakeError::AuthResult(other).into()),
        }
    }
}

/// ClientInit: always shared, so that nobody is thrown out for us.
const SHARED: u8 = 1;

fn server_init(r: &mut Reader<'_>) -> Result<Move, Stop<HandshakeError>> {
    let size = Size::new(r.u16()?, r.u16()?);
    if !size.is_showable() {
        return Err(HandshakeError::Protocol(ProtocolError::SizeLimit(size)).into());
    }
    // We set our own format at once, so a colour map here is no fault.
    let format = match PixelFormat::decode(r) {
        Err(Halt::Broken(ProtocolError::ColourMap)) => PixelFormat::NATIVE,
        other => other?,
    };
    let left = r.u32()?;
    if left > 1 << 16 {
        return Err(HandshakeError::Protocol(ProtocolError::TextLength(left)).into());
    }
    Ok((Stage::Name { left, init: ServerInit { size, format } }, None))
}

impl From<HandshakeError> for Stop<HandshakeError> {
    fn from(error: HandshakeError) -> Self {
        Self::Error(error)
    }
}
