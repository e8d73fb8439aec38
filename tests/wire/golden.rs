//! Golden bytes, both ways, from the layouts of the specifications.

use lucarne::geometry::{Rect, Size};
use lucarne::picture::Picture;
use lucarne::rfb::client::{ClientMessage, ClientStream};
use lucarne::rfb::error::ProtocolError;
use lucarne::rfb::handshake::client::{Asked, ClientHandshake, Login, Transport};
use lucarne::rfb::handshake::{client, server};
use lucarne::rfb::input::InputKind;
use lucarne::rfb::security::vnc_auth_response;
use lucarne::rfb::server::{Dropped, Event, ServerStream};
use lucarne::rfb::{Encode, Fence, PixelFormat, Reader, Request};

const NATIVE: [u8; 16] = [32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0];

/// Every request beside its bytes (RFC 6143 §7.5, rfbproto).
fn requests() -> Vec<(Request, Vec<u8>)> {
    let area = Rect::new(1, 2, 0x0304, 5);
    vec![
        (Request::SetPixelFormat(PixelFormat::NATIVE), [&[0, 0, 0, 0][..], &NATIVE].concat()),
        (Request::SetEncodings(vec![7, -223]), vec![2, 0, 0, 2, 0, 0, 0, 7, 0xff, 0xff, 0xff, 0x21]),
        (Request::FramebufferUpdate { incremental: true, area }, vec![3, 1, 0, 1, 0, 2, 3, 4, 0, 5]),
        (Request::EnableContinuousUpdates { on: true, area }, vec![150, 1, 0, 1, 0, 2, 3, 4, 0, 5]),
        (Request::Fence(Fence::question(5, b"ab")), vec![248, 0, 0, 0, 0x80, 0, 0, 5, 2, b'a', b'b']),
    ]
}

#[test]
fn requests_are_encoded_and_decoded_as_the_specification_lays_them_out() {
    for (request, bytes) in requests() {
        assert_eq!(request.encode().as_bytes(), bytes);
        let read = ClientStream::default().advance(&bytes).unwrap();
        assert_eq!(read, Some((bytes.len(), Some(ClientMessage::Request(request)))));
        for short in 0..bytes.len() {
            assert_eq!(ClientStream::default().advance(&bytes[..short]).unwrap(), None, "short by {}", bytes.len() - short);
        }
    }
}

#[test]
fn r10_inputs_are_sized_and_the_stream_stays_in_step() {
    let cases: &[(&[u8], InputKind, usize)] = &[
        (&[4, 1, 0, 0, 0, 0, 0, 97], InputKind::Key, 8),
        (&[5, 1, 0, 1, 0, 2], InputKind::Pointer, 6),
        (&[6, 0, 0, 0, 0, 0, 0, 2, 65, 66], InputKind::CutText, 10),
        (&[6, 0, 0, 0, 0xff, 0xff, 0xff, 0xfe, 1, 2], InputKind::CutText, 10),
        (&[8, 2, 0, 0], InputKind::Scale, 4),
        (&[9, 1, 0, 0], InputKind::ServerInput, 4),
        (&[10, 1, 0, 1, 0, 1], InputKind::SingleWindow, 6),
        (&[11, 0, 0, 0, 0, 0, 0, 1, 65], InputKind::Chat, 9),
        (&[11, 0, 0, 0, 0xff, 0xff, 0xff, 0xfd], InputKind::Chat, 8),
        (&[13], InputKind::Other, 1),
        (&[15, 2, 0, 0], InputKind::Scale, 4),
        (&[20], InputKind::Session, 1),
        (&[21, 1], InputKind::Session, 2),
        (&[80, 0, 0, 0], InputKind::Other, 4),
        (&[250, 0, 1, 2], InputKind::Power, 4),
        (&[251, 0, 0, 9, 0, 9, 0, 0], InputKind::DesktopSize, 8),
        (&[253, 0x81, 0, 1, 7], InputKind::Gii, 5),
        (&[253, 1, 1, 0, 7], InputKind::Gii, 5),
        (&[255, 0, 0, 1, 0, 0, 0, 65, 0, 0, 0, 30], InputKind::Key, 12),
        (&[255, 1, 0, 1], InputKind::Audio, 4),
        (&[255, 1, 0, 2, 3, 2, 0, 0, 0, 9], InputKind::Audio, 10),
    ];
    for (bytes, kind, length) in cases {
        assert_eq!(bytes.len(), *length);
        let mut stream = ClientStream::default();
        let (taken, message) = stream.advance(bytes).unwrap().unwrap();
        let Some(ClientMessage::Input(input)) = message else { panic!("{bytes:?} gave {message:?}") };
        assert_eq!((taken, input.kind, input.length), (0, *kind, *length as u64), "{bytes:?}");
        assert_eq!(stream.advance(bytes).unwrap(), Some((*length, None)), "skipped to the byte");
        assert_eq!(stream.advance(&[]).unwrap(), None);
    }
}

#[test]
fn client_messages_without_a_safe_length_close_by_name() {
    for kind in [1u8, 7, 12, 127, 128, 130, 133, 136, 151, 160, 178, 191, 249, 252, 254] {
        let error = ClientStream::default().advance(&[kind; 16]).unwrap_err();
        assert!(matches!(error, ProtocolError::UnsafeMessage(k, _) if k == kind), "{kind}: {error}");
    }
    for kind in [14u8, 16, 77, 129, 200, 247] {
        assert_eq!(ClientStream::default().advance(&[kind; 16]).unwrap_err(), ProtocolError::UnknownMessage(kind));
    }
    let too_long = ClientStream::default().advance(&[6, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff]).unwrap_err();
    assert_eq!(too_long.code().dn, "dn.cuttext");
    let too_many = ClientStream::default().advance(&[2, 0, 0xff, 0xff]).unwrap_err();
    assert_eq!(too_many.code().dn, "dn.encodings_count");
    assert_eq!(ClientStream::default().advance(&[248, 0, 0, 0, 0, 0, 0, 0, 65]).unwrap_err().code().dn, "dn.fence");
}

/// The vectors of rfb.md §1.4: challenge 00 01 … 0f.
#[test]
fn vnc_auth_answers_as_every_server_expects() {
    let challenge: [u8; 16] = std::array::from_fn(|n| n as u8);
    let vectors = [
        ("password", "b866924125c8eebb9debc1db61c538e2"),
        ("secret", "ee22539f33a5983ec12f9c2edbc995dd"),
        ("", "491e890de9ace932838a49792f2213f3"),
    ];
    for (password, expected) in vectors {
        assert_eq!(lucarne::id::hex(&vnc_auth_response(password.as_bytes(), &challenge)), expected, "{password:?}");
    }
}

/// Plays a server's bytes; gives what the client sent, and how it ended.
fn enter(
    login: Login,
    transport: Transport,
    server: &[u8],
) -> (Vec<u8>, Result<Option<client::Entered>, client::HandshakeError>) {
    let mut handshake = ClientHandshake::new(login, transport);
    let (mut at, mut sent) = (0, Vec::new());
    loop {
        match handshake.advance(&server[at..]) {
            Err(error) => return (sent, Err(error)),
            Ok(None) => return (sent, Ok(None)),
            Ok(Some((taken, asked))) => {
                at += taken;
                match asked {
                    Some(Asked::Send(bytes)) => sent.extend_from_slice(bytes.as_bytes()),
                    Some(Asked::Ready(entered)) => return (sent, Ok(Some(entered))),
                    Some(Asked::StartTls) => {
                        sent.extend_from_slice(b"<tls>");
                        handshake.tls_started();
                        if let Some(first) = handshake.first_inside_tls() {
                            sent.extend_from_slice(first.as_bytes());
                        }
                    }
                    None => {}
                }
            }
        }
    }
}

fn init() -> Vec<u8> {
    [&[0, 8, 0, 4][..], &NATIVE, &[0, 0, 0, 2], b"hi"].concat()
}

fn password() -> Login {
    Login::Password("password".to_owned().into())
}

#[test]
fn every_version_of_a_server_is_entered_as_it_expects() {
    let cases: &[(&[u8], &[u8], &[u8])] = &[
        (b"RFB 003.003\n", &[0, 0, 0, 1], b"RFB 003.003\n\x01"),
        (b"RFB 003.005\n", &[0, 0, 0, 1], b"RFB 003.003\n\x01"),
        (b"RFB 003.007\n", &[2, 1, 2], b"RFB 003.007\n\x01\x01"),
        (b"RFB 003.008\n", &[1, 1, 0, 0, 0, 0], b"RFB 003.008\n\x01\x01"),
        (b"RFB 003.889\n", &[2, 30, 1, 0, 0, 0, 0], b"RFB 003.008\n\x01\x01"),
        (b"RFB 005.000\n", &[1, 1, 0, 0, 0, 0], b"RFB 003.008\n\x01\x01"),
    ];
    for (hello, types, expected) in cases {
        let (sent, entered) = enter(Login::Nothing, Transport::Bare, &[hello, *types, &init()].concat());
        assert_eq!(sent, *expected, "{}", String::from_utf8_lossy(hello));
        assert_eq!(entered.unwrap().unwrap().init.size, Size::new(8, 4));
    }
    for wrong in [&b"RFB 002.000\n"[..], b"RFB 003.002\n", b"HTTP/1.1 400 Bad", b"\x16\x03\x01\0\0", b"RFB 00x.008\n"] {
        let error = enter(Login::Nothing, Transport::Bare, wrong).1.unwrap_err();
        assert!(["up.bad_version", "up.not_rfb"].contains(&error.code()), "{error}");
    }
}

#[test]
fn vencrypt_and_tight_lead_to_the_security_that_is_configured() {
    let challenge: Vec<u8> = (0..16).collect();
    let answer = vnc_auth_response(b"password", &std::array::from_fn(|n| n as u8));
    let vencrypt =
        |subtype: u8| [b"RFB 003.008\n\x02\x02\x13\0\x02\0\x02\0\0\x01\x04\0\0\x01".to_vec(), vec![subtype, 1]].concat();
    // X509Vnc: the second subtype offered is 261.
    let server = [vencrypt(5)].concat();
    let (sent, waiting) = enter(password(), Transport::Vencrypt, &server);
    assert_eq!((sent, waiting), (b"RFB 003.008\n\x13\0\x02\0\0\x01\x05<tls>".to_vec(), Ok(None)));
    let user = Login::User { name: "ann".to_owned(), password: "pw".to_owned().into() };
    let (sent, _) = enter(user, Transport::Vencrypt, &vencrypt(6));
    assert_eq!(sent, b"RFB 003.008\n\x13\0\x02\0\0\x01\x06<tls>\0\0\0\x03\0\0\0\x02annpw");
    // Tight with no tunnel around VncAuth, and its capabilities after ServerInit.
    let auth = [&[0, 0, 0, 2][..], b"STDVVNCAUTH_"].concat();
    let server = [
        b"RFB 003.008\n\x01\x10\0\0\0\0\0\0\0\x01".to_vec(),
        auth,
        challenge,
        vec![0; 4],
        init(),
        vec![0, 1, 0, 0, 0, 0, 0, 0],
        vec![9; 16],
    ];
    let (sent, entered) = enter(password(), Transport::Bare, &server.concat());
    assert_eq!(sent, [b"RFB 003.008\n\x10\0\0\0\x02".to_vec(), answer.to_vec(), vec![1]].concat());
    assert_eq!(entered.unwrap().unwrap().security, "VncAuth (2)");
}

#[test]
fn what_cannot_be_entered_is_named() {
    let server = |types: &[u8]| [&b"RFB 003.008\n"[..], &[types.len() as u8], types].concat();
    let words = |login, transport, bytes: &[u8]| enter(login, transport, bytes).1.unwrap_err();
    let error = words(Login::Nothing, Transport::Bare, &server(&[113, 30]));
    assert!(error.to_string().starts_with("the site offers only MS-Logon II (113), Apple Diffie-Hellman (30)"), "{error}");
    assert_eq!(words(password(), Transport::Bare, &server(&[1])).code(), "up.downgrade");
    assert_eq!(words(password(), Transport::Vencrypt, &server(&[1])).code(), "up.downgrade");
    assert_eq!(words(Login::Nothing, Transport::Vencrypt, &server(&[1, 2])).code(), "up.no_common_security");
    assert_eq!(words(password(), Transport::Bare, b"RFB 003.008\n\0\xff\xff\xff\xff").code(), "up.reason_too_long");
    let refused = words(Login::Nothing, Transport::Bare, b"RFB 003.008\n\0\0\0\0\x05a\x1b[2J");
    assert_eq!(refused.to_string(), "the site refuses connections: \"a\\x1b[2J\"");
    let injected = [&b"RFB 003.008\n\x01\x13\0\x02\0\x01\0\0\x01\x05\x01"[..], b"early"].concat();
    assert_eq!(words(password(), Transport::Vencrypt, &injected).code(), "up.tls_injection");
    for result in [2u32, 7, u32::MAX] {
        let bytes = [b"RFB 003.008\n\x01\x01".to_vec(), result.to_be_bytes().to_vec()].concat();
        let error = words(Login::Nothing, Transport::Bare, &bytes);
        assert!(error.code() == "up.auth_result" && error.needs_operator());
    }
    let huge = [&b"RFB 003.008\n\x01\x01\0\0\0\0"[..], &[0xff; 4], &NATIVE].concat();
    assert_eq!(words(Login::Nothing, Transport::Bare, &huge).code(), "up.size_limit");
}

#[test]
fn a_viewer_is_led_through_vencrypt_byte_by_byte() {
    let mut handshake = server::ServerHandshake::new(server::Offer::X509Plain, [0; 16]);
    let said = b"RFB 003.008\n\x13\0\x02\0\0\x01\x06";
    let (mut at, mut given, mut sent) = (0, 0, Vec::new());
    let tls = loop {
        match handshake.advance(&said[at..given]).unwrap() {
            None => given += 1,
            Some((taken, asked)) => {
                at += taken;
                match asked {
                    Some(server::Asked::Send(bytes)) => sent.extend_from_slice(&bytes),
                    Some(server::Asked::StartTls) => break true,
                    _ => {}
                }
            }
        }
    };
    assert!(tls);
    assert_eq!(sent, b"RFB 003.008\n\x01\x13\0\x02\0\x01\0\0\x01\x06\x01");
    handshake.tls_started();
    let plain = b"\0\0\0\x03\0\0\0\x02annpw";
    let (taken, asked) = handshake.advance(plain).unwrap().unwrap();
    let expected = server::Credentials::Plain { user: "ann".to_owned(), password: "pw".to_owned().into() };
    assert_eq!((taken, asked), (plain.len(), Some(server::Asked::Decide(expected))));
    assert_eq!(handshake.accept(), [0, 0, 0, 0]);
    assert_eq!(handshake.advance(&[0]).unwrap(), Some((1, Some(server::Asked::Ready))), "shared=0 throws nobody out");
}

/// Plays a server's messages on a black 64×48 screen.
pub fn play(asked: &[i32], bytes: &[u8]) -> (Picture, Vec<Event>, Result<(), ProtocolError>) {
    let (mut picture, mut events, mut at) = (Picture::new(Size::new(64, 48)), Vec::new(), 0);
    let mut stream = ServerStream::new(PixelFormat::NATIVE, asked);
    loop {
        match stream.advance(&bytes[at..], &mut picture) {
            Err(error) => return (picture, events, Err(error)),
            Ok(None) => return (picture, events, Ok(())),
            Ok(Some(advance)) => {
                at += advance.taken;
                events.extend(advance.event);
            }
        }
    }
}

pub fn rect(x: u16, y: u16, w: u16, h: u16, encoding: i32, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    [x, y, w, h].iter().for_each(|n| out.extend(n.to_be_bytes()));
    out.extend(encoding.to_be_bytes());
    out.extend_from_slice(body);
    out
}

pub fn update(rects: &[Vec<u8>]) -> Vec<u8> {
    [&[0, 0][..], &(rects.len() as u16).to_be_bytes(), &rects.concat()].concat()
}

#[test]
fn r12_a_servers_other_messages_are_dropped_and_counted() {
    let messages: Vec<(Vec<u8>, Dropped)> = vec![
        (vec![1, 0, 0, 0, 0, 1, 1, 2, 3, 4, 5, 6], Dropped::ColourMap),
        (vec![2], Dropped::Bell),
        (b"\x03\0\0\0\0\0\0\x06SECRET".to_vec(), Dropped::CutText),
        (b"\x03\0\0\0\xff\xff\xff\xfaSECRET".to_vec(), Dropped::CutText),
        (vec![11, 0, 0, 0, 0, 0, 0, 1, 65], Dropped::Other),
        (vec![13], Dropped::Other),
        (vec![20], Dropped::Other),
        (vec![173; 12], Dropped::Other),
        (vec![250, 0, 1, 1], Dropped::Other),
        (vec![253, 0x80, 0, 1, 7], Dropped::Other),
    ];
    let all: Vec<u8> = messages.iter().flat_map(|(bytes, _)| bytes.clone()).chain([150]).collect();
    let (_, events, end) = play(&[], &all);
    let expected: Vec<Event> =
        messages.iter().map(|(_, kind)| Event::Dropped(*kind)).chain([Event::EndOfContinuousUpdates]).collect();
    assert_eq!((events, end), (expected, Ok(())));
    for kind in [4u8, 5, 7, 15, 77, 80, 130, 160, 180, 249, 252, 254, 255] {
        assert_eq!(play(&[], &[kind; 64]).2.unwrap_err(), ProtocolError::UnknownMessage(kind));
    }
}

#[test]
fn sizes_are_checked_before_anything_is_allocated() {
    for (w, h) in [(0, 5), (65_535, 65_535), (16_385, 1), (16_384, 16_384)] {
        for encoding in [-223, -308] {
            let (_, _, end) = play(&[encoding], &update(&[rect(0, 0, w, h, encoding, &[0; 4])]));
            assert_eq!(end.unwrap_err(), ProtocolError::SizeLimit(Size::new(w, h)));
        }
    }
    let (picture, events, end) =
        play(&[-223, -224], &[&[0, 0, 0xff, 0xff][..], &rect(0, 0, 90, 30, -223, &[]), &rect(0, 0, 0, 0, -224, &[])].concat());
    assert_eq!((picture.size(), end), (Size::new(90, 30), Ok(())));
    assert_eq!(events, [Event::UpdateStarted, Event::Resized(Size::new(90, 30)), Event::UpdateEnded]);
}

#[test]
fn pixel_formats_that_cannot_be_are_refused_by_field() {
    let cases: [(usize, u8, &str); 7] = [
        (0, 24, "bits-per-pixel"),
        (0, 0, "bits-per-pixel"),
        (1, 0, "depth"),
        (1, 33, "depth"),
        (5, 0, "red-max"),
        (5, 254, "red-max"),
        (10, 30, "shift"),
    ];
    for (at, value, field) in cases {
        let mut bytes = NATIVE;
        bytes[at] = value;
        let error = PixelFormat::decode(&mut Reader::new(&bytes)).unwrap_err().to_string();
        assert!(error.contains(field), "{error}");
    }
    let mut overlapping = NATIVE;
    overlapping[10] = 8;
    assert!(PixelFormat::decode(&mut Reader::new(&overlapping)).is_err());
    let mut colour_map = NATIVE;
    colour_map[3] = 0;
    assert!(PixelFormat::decode(&mut Reader::new(&colour_map)).unwrap_err().to_string().contains("true-colour"));
}
