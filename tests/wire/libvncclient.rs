//! LibVNCClient beside our decoders, in a process of its own: what both take, they take for the same pixels. Streams
//! are valid, or changed in a byte or two. `LUCARNE_FUZZ` says how many changed ones each encoding gets.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use lucarne::geometry::Pixel;
use lucarne::picture::Picture;
use lucarne::rfb::PixelFormat;
use lucarne::rfb::encoding::number::{COPY_RECT, CORRE, HEXTILE, RAW, RRE, TIGHT, TRLE, ZLIB, ZRLE};
use lucarne::rfb::handshake::server::server_init;
use lucarne::rfb::server::{Event, ServerStream, put_rect, put_update};

use super::dice::{Dice, SIZE};

const EACH: [i32; 9] = [RAW, COPY_RECT, RRE, CORRE, HEXTILE, ZLIB, TIGHT, TRLE, ZRLE];

/// The program, and the port at which it takes its streams.
struct Peer {
    program: std::path::PathBuf,
    socket: TcpListener,
    child: Child,
    _dir: tempfile::TempDir,
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn start(program: &Path, socket: &TcpListener) -> Child {
    let port = socket.local_addr().unwrap().port().to_string();
    let (width, height) = (SIZE.width.to_string(), SIZE.height.to_string());
    let mut command = Command::new(program);
    command.args([port, width, height]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

impl Peer {
    fn new() -> Self {
        let dir = tempfile::TempDir::new().unwrap();
        let (program, source) =
            (dir.path().join("decode"), Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs/decode.c"));
        let built = Command::new("cc").args(["-O1", "-o"]).arg(&program).arg(source).arg("-lvncclient").output().unwrap();
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let child = start(&program, &socket);
        Self { program, socket, child, _dir: dir }
    }

    /// The updates that it finished after its first and its picture; `None`: it fell over these bytes.
    fn decodes(&mut self, bytes: &[u8]) -> Option<(usize, Picture)> {
        // It may have died of what it was given last, after its answer.
        if self.child.try_wait().unwrap().is_some() {
            self.child = start(&self.program, &self.socket);
        }
        let (mut stream, _) = self.socket.accept().unwrap();
        enter(&mut stream);
        // It closes on what it does not take.
        let _ = stream.write_all(bytes);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut heard = Vec::new();
        let _ = stream.read_to_end(&mut heard);
        let mut told = vec![0; 4 + SIZE.area() as usize * 4];
        if self.child.stdout.as_mut().unwrap().read_exact(&mut told).is_err() {
            let _ = self.child.wait();
            self.child = start(&self.program, &self.socket);
            return None;
        }
        let (updates, pixels) = told.split_first_chunk::<4>().unwrap();
        let pixels: Vec<Pixel> = pixels.as_chunks::<4>().0.iter().map(|[b, g, r, _]| Pixel::rgb(*r, *g, *b)).collect();
        let mut picture = Picture::new(SIZE);
        picture.put(SIZE.rect(), &pixels);
        Some((u32::from_ne_bytes(*updates).saturating_sub(1) as usize, picture))
    }
}

/// The handshake without a login. Its memory is black first: it does not clear it.
fn enter(stream: &mut TcpStream) {
    let mut bytes = b"RFB 003.008\n\x01\x01\0\0\0\0".to_vec();
    bytes.extend(server_init(SIZE, &PixelFormat::NATIVE, "differential"));
    put_update(1, &mut bytes);
    put_rect(SIZE.rect(), RAW, &mut bytes);
    bytes.resize(bytes.len() + SIZE.area() as usize * 4, 0);
    stream.write_all(&bytes).unwrap();
}

/// What we make of it; `None`: refused, or not all there.
fn ours(bytes: &[u8]) -> Option<(usize, Picture)> {
    let mut stream = ServerStream::new(PixelFormat::NATIVE, &EACH);
    let (mut picture, mut at, mut updates) = (Picture::new(SIZE), 0, 0);
    while let Some(advance) = stream.advance(&bytes[at..], &mut picture).ok()? {
        at += advance.taken;
        updates += usize::from(advance.event == Some(Event::UpdateEnded));
    }
    (at == bytes.len() && !stream.is_inside_message()).then_some((updates, picture))
}

#[test]
fn libvncclient_sees_the_same_pixels_in_every_encoding() {
    let (mut dice, mut peer) = (Dice(0x51f1_5e37_79b9_7f4a), Peer::new());
    for encoding in EACH {
        for round in 0..8 {
            let mut bytes = dice.session(RAW, 5);
            bytes.extend(dice.session(encoding, 30));
            let (our_updates, our_picture) = ours(&bytes).unwrap();
            let (updates, picture) = peer.decodes(&bytes).unwrap();
            let wrong = picture.pixels().iter().zip(our_picture.pixels()).filter(|(a, b)| a != b).count();
            assert_eq!((our_updates, updates, wrong), (35, 35, 0), "encoding {encoding}, round {round}");
        }
    }
}

#[test]
fn fuzz_libvncclient_and_we_never_take_the_same_bytes_for_different_pixels() {
    let inputs: usize =
        std::env::var("LUCARNE_FUZZ").ok().and_then(|n| n.parse::<usize>().ok()).map_or(100, |n| (n / 200).max(40));
    let (mut dice, mut peer) = (Dice(0x9e37_79b9_7f4a_7c15), Peer::new());
    for encoding in EACH {
        let mut compared = 0;
        for _ in 0..inputs {
            let valid = [dice.session(RAW, 1), dice.session(encoding, 3)].concat();
            let bytes = dice.touch(&valid);
            let (Some((our_updates, picture)), Some((updates, theirs))) = (ours(&bytes), peer.decodes(&bytes)) else { continue };
            if our_updates == updates {
                compared += 1;
                let wrong = picture.pixels().iter().zip(theirs.pixels()).filter(|(a, b)| a != b).count();
                assert_eq!(wrong, 0, "encoding {encoding}: pixels differ in {bytes:?}");
            }
        }
        assert!(compared * 20 > inputs, "encoding {encoding}: {compared} of {inputs} were taken by both");
    }
}
