//! Real viewers: they see the marked picture, and whatever is typed, clicked, pasted or resized in them stays there.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use lucarne::clock::Clock;
use lucarne::geometry::{Pixel, Rect, Size};
use lucarne::picture::Picture;
use lucarne::rfb::PixelFormat;
use lucarne::rfb::encoding::number;
use vnc::{PixelFormat as VncFormat, VncConnector, VncEncoding, VncEvent, X11Event};

use super::fidelity::marked;
use super::house::{House, demo_site};
use super::programs::{Display, Program, build, differences, free_port, load};
use super::script::Script;

const SIZE: Size = Size::new(800, 600);

/// What of a display the viewer's window covers.
fn window(display: &Display) -> Option<(i32, i32)> {
    let id = display.run("xdotool", &["search", "--onlyvisible", "--name", "TigerVNC"]);
    let id = id.lines().last()?.to_owned();
    let geometry = display.run("xdotool", &["getwindowgeometry", "--shell", &id]);
    let field = |name: &str| geometry.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('=')?.parse::<i32>().ok());
    Some((field("X")?, field("Y")?))
}

fn crop(picture: &Picture, x: i32, y: i32, size: Size) -> Picture {
    let mut part = Picture::default();
    part.take(picture, Rect::new(x.max(0) as u16, y.max(0) as u16, size.width, size.height));
    part
}

struct Desk {
    site: Display,
    auditor: Display,
    house: House,
    _viewer: Program,
    _windows: Vec<Program>,
    dir: tempfile::TempDir,
}

/// How the viewer comes to the node.
#[derive(PartialEq)]
enum Way {
    InBand,
    /// An stunnel on the auditor's workstation makes the TLS.
    Tunnel,
}

/// A tunnel from a port of this machine to the node's TLS-first door, its certificate checked.
fn stunnel(house: &House, dir: &Path, more: &str) -> (Program, u16) {
    let port = free_port();
    let settings = format!(
        "foreground = yes\npid =\nclient = yes\n[vnc]\naccept = 127.0.0.1:{port}\nconnect = {}\nCAfile = {}\nverifyChain = yes\ncheckHost = localhost\nsni = localhost\n{more}",
        house.node().addresses.tls_first.unwrap(),
        house.dir.path().join("ca.pem").display()
    );
    let file = dir.join(format!("stunnel-{port}.conf"));
    std::fs::write(&file, settings).unwrap();
    (Program::start(Command::new("stunnel4").arg(&file), &dir.join("stunnel.log")), port)
}

/// Xtigervnc → Lucarne → TigerVNC's viewer, with what the user typed.
async fn tigervnc_looks(way: Way, options: &[&str]) -> Desk {
    let dir = tempfile::TempDir::new().unwrap();
    let (port, clock) = (free_port(), Clock::system());
    let site = Display::tigervnc(port, SIZE, &["-SecurityTypes", "None"], dir.path(), &clock).await;
    site.run("xdotool", &["mousemove", "795", "595"]);
    site.run("xsetroot", &["-mod", "9", "5", "-fg", "#225522", "-bg", "#ffffee"]);
    // A window over all of the screen that writes down whatever happens to it.
    let watched = site.start("xev", &["-geometry", "500x400+0+0"], "xev.log");
    site.copy("SITE-SECRET");
    let logo = site.start("xlogo", &["-geometry", "200x200+520+40"], "xlogo.log");
    let house = House::open(&demo_site("a", ([127, 0, 0, 1], port).into())).await;
    house.show("a").await;
    let auditor = Display::xvfb(Size::new(1000, 760), dir.path(), &clock).await;
    let ticket = house.ticket("a").await;
    let ca = house.dir.path().join("ca.pem");
    let mut windows = vec![watched, logo];
    let (security, port) = match way {
        Way::InBand => ("X509Plain", house.node().addresses.viewers.port()),
        Way::Tunnel => {
            let (tunnel, port) = stunnel(&house, dir.path(), "");
            windows.push(tunnel);
            while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
                clock.sleep(Duration::from_millis(20)).await;
            }
            ("Plain", port)
        }
    };
    let server = format!("localhost::{port}");
    let mut command = Command::new("vncviewer");
    command.args(["-SecurityTypes", security, "-X509CA", ca.to_str().unwrap()]).args(options).arg(&server);
    command.env("DISPLAY", auditor.name()).env("VNC_USERNAME", "claire").env("VNC_PASSWORD", &ticket).env("HOME", dir.path());
    let viewer = Program::start(&mut command, &dir.path().join("vncviewer.log"));
    house.entry(|entry| entry.kind() == "view.started").await;
    Desk { site, auditor, house, _viewer: viewer, _windows: windows, dir }
}

impl Desk {
    /// Waits until the viewer's window shows exactly the marked picture of the site.
    async fn shows_the_marked_site(&self) {
        let mut wrong = 0;
        for _ in 0..40 {
            self.house.clock.sleep(Duration::from_millis(150)).await;
            let Some((x, y)) = window(&self.auditor) else { continue };
            let seen = crop(&self.auditor.screenshot(), x, y, SIZE);
            let expected = marked(&self.house, &self.site.screenshot(), &PixelFormat::NATIVE);
            wrong = differences(&seen, &expected, Rect::new(780, 580, 20, 20));
            if wrong == 0 {
                return;
            }
        }
        let kept = std::env::temp_dir().join("lucarne-viewer.png");
        self.auditor.run("import", &["-window", "root", kept.to_str().unwrap()]);
        panic!("{wrong} pixels differ; {}", std::fs::read_to_string(self.dir.path().join("vncviewer.log")).unwrap());
    }

    fn site_state(&self) -> (String, String, String, String) {
        let events = std::fs::read_to_string(self.dir.path().join("xev.log")).unwrap();
        let inputs = events
            .lines()
            .filter(|line| line.contains("KeyPress") || line.contains("ButtonPress") || line.contains("MotionNotify"));
        let size = self.site.run("xdpyinfo", &[]).lines().find(|line| line.contains("dimensions")).unwrap().to_owned();
        (inputs.collect(), self.site.run("xdotool", &["getmouselocation"]), self.site.clipboard("clipboard"), size)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r10_tigervncs_viewer_sees_the_marked_site_and_can_do_nothing_to_it() {
    let desk = tigervnc_looks(Way::InBand, &[]).await;
    desk.shows_the_marked_site().await;
    let before = desk.site_state();
    assert_eq!((before.0.as_str(), before.2.as_str()), ("", "SITE-SECRET"));
    let (x, y) = window(&desk.auditor).unwrap();
    desk.auditor.copy("AUDITOR-PASTE");
    let (x, y) = ((x + 200).to_string(), (y + 200).to_string());
    let id = desk.auditor.run("xdotool", &["search", "--onlyvisible", "--name", "TigerVNC"]);
    desk.auditor.run("xdotool", &["windowfocus", id.lines().last().unwrap()]);
    desk.auditor.run("xdotool", &["mousemove", &x, &y, "click", "1", "type", "--delay", "5", "rm -rf"]);
    desk.auditor.run(
        "xdotool",
        &["key", "ctrl+v", "mousemove_relative", "30", "30", "mousedown", "1", "mousemove_relative", "40", "40", "mouseup", "1"],
    );
    desk.auditor.run("xdotool", &["windowsize", id.lines().last().unwrap(), "640", "480"]);
    desk.house.clock.sleep(Duration::from_millis(800)).await;
    assert_eq!(desk.site_state(), before, "nothing reached the site");
    assert_ne!(desk.auditor.clipboard("clipboard"), "SITE-SECRET");
    assert_ne!(desk.auditor.clipboard("primary"), "SITE-SECRET");
    desk.house.stop("a").await;
    let ended = desk.house.entry(|entry| entry.kind() == "view.ended").await;
    assert!(ended.count("dropped_key").unwrap() >= 12, "{}", ended.public);
    assert!(ended.count("dropped_pointer").unwrap() >= 4, "{}", ended.public);
    desk.house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tigervncs_viewer_sees_the_marked_site_without_jpeg_and_in_zrle() {
    let desk = tigervnc_looks(Way::InBand, &["-AutoSelect=0", "-NoJPEG=1", "-PreferredEncoding=ZRLE"]).await;
    desk.shows_the_marked_site().await;
    desk.house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tigervncs_viewer_sees_the_marked_site_through_an_stunnel() {
    let desk = tigervnc_looks(Way::Tunnel, &["-NoJPEG=1"]).await;
    desk.shows_the_marked_site().await;
    desk.house.close().await;
}

async fn scripted() -> (Script, House) {
    let script = Script::start(3, number::RAW).await;
    let house = House::open(&demo_site("a", script.address)).await;
    house.show("a").await;
    (script, house)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_viewer_made_with_libvncclient_sees_the_marked_site_in_each_encoding() {
    let script = Script::start(3, number::RAW).await;
    // LibVNCClient 0.9.14 speaks TLS 1.2 at most: the option that a site of such viewers needs.
    let house = House::with("tls12 = true", &demo_site("a", script.address)).await;
    house.show("a").await;
    let program = build("eye", house.dir.path(), &["-lvncclient"]);
    let port = house.node().addresses.viewers.port().to_string();
    for encodings in ["tight", "zrle", "hextile", "zlib", "raw"] {
        let ticket = house.ticket("a").await;
        let out = house.dir.path().join(format!("{encodings}.ppm"));
        let ca = house.dir.path().join("ca.pem");
        let log = house.dir.path().join("eye.log");
        let arguments = [Path::new(&port), &ca, Path::new("claire"), Path::new(&ticket), &out, Path::new(encodings)];
        let mut viewer = Command::new(&program).args(arguments).stderr(std::fs::File::create(&log).unwrap()).spawn().unwrap();
        let status = loop {
            match viewer.try_wait().unwrap() {
                Some(status) => break status,
                None => house.clock.sleep(Duration::from_millis(50)).await,
            }
        };
        let words = std::fs::read_to_string(&log).unwrap();
        assert!(status.success(), "{encodings}: {status} {words}");
        assert!(!words.contains("CLIPBOARD"));
        let seen = read_ppm(&out);
        assert_eq!(differences(&seen, &marked(&house, &script.last(), &PixelFormat::NATIVE), Rect::default()), 0, "{encodings}");
    }
    house.close().await;
}

fn read_ppm(file: &Path) -> Picture {
    let bytes = std::fs::read(file).unwrap();
    let mut fields = bytes.splitn(4, |b| b.is_ascii_whitespace());
    assert_eq!(fields.next(), Some(&b"P6"[..]));
    let mut number = || std::str::from_utf8(fields.next().unwrap()).unwrap().parse::<u16>().unwrap();
    let size = Size::new(number(), number());
    let body = &bytes[bytes.len() - usize::from(size.width) * usize::from(size.height) * 3..];
    let pixels: Vec<Pixel> = body.as_chunks::<3>().0.iter().map(|[r, g, b]| Pixel::rgb(*r, *g, *b)).collect();
    let mut picture = Picture::new(size);
    picture.put(size.rect(), &pixels);
    picture
}

/// An independent client in Rust that knows VncAuth only; `None` when it is not let in.
async fn vnc_rs_looks(port: u16, short: String) -> Option<vnc::VncClient> {
    let tcp = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let connector = VncConnector::new(tcp)
        .set_auth_method(async move { Ok(short) })
        .add_encoding(VncEncoding::Zrle)
        .add_encoding(VncEncoding::DesktopSizePseudo)
        .allow_shared(true)
        .set_pixel_format(VncFormat::bgra());
    connector.build().unwrap().try_start().await.ok()?.finish().ok()
}

async fn vnc_rs_sees(client: &vnc::VncClient, house: &House, expected: &Picture) {
    let mut picture = Picture::default();
    let deadline = house.clock.now() + Duration::from_secs(10);
    while picture != *expected {
        assert!(house.clock.now() < deadline, "the picture did not come");
        while let Some(event) = client.poll_event().await.unwrap() {
            match event {
                VncEvent::SetResolution(screen) => picture.reset(Size::new(screen.width, screen.height)),
                VncEvent::RawImage(rect, data) => {
                    let pixels: Vec<Pixel> = data.as_chunks::<4>().0.iter().map(|[b, g, r, _]| Pixel::rgb(*r, *g, *b)).collect();
                    picture.put(Rect::new(rect.x, rect.y, rect.width, rect.height), &pixels);
                }
                _ => {}
            }
        }
        client.input(X11Event::Refresh).await.unwrap();
        house.clock.sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn vnc_rs_sees_the_marked_site_with_a_short_ticket_on_loopback() {
    let (script, house) = scripted().await;
    let (_, short) = house.tickets("a").await;
    let client = vnc_rs_looks(house.node().addresses.local.unwrap().port(), short).await.unwrap();
    vnc_rs_sees(&client, &house, &marked(&house, &script.last(), &PixelFormat::NATIVE)).await;
    house.close().await;
}

/// A CA of workstations, and two workstations, in `dir`.
fn workstations(dir: &Path) {
    let mut ca = rcgen::CertificateParams::new(Vec::new()).unwrap();
    ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Constrained(0));
    let ca_key = rcgen::KeyPair::generate().unwrap();
    std::fs::write(dir.join("workstations.pem"), ca.self_signed(&ca_key).unwrap().pem()).unwrap();
    let issuer = rcgen::Issuer::from_params(&ca, &ca_key);
    for name in ["poste1", "poste2"] {
        let mut leaf = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
        leaf.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
        let key = rcgen::KeyPair::generate().unwrap();
        std::fs::write(dir.join(format!("{name}.pem")), leaf.signed_by(&key, &issuer).unwrap().pem()).unwrap();
        std::fs::write(dir.join(format!("{name}.key")), key.serialize_pem()).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_a_tunnel_a_short_ticket_serves_its_own_workstation_only() {
    let dir = tempfile::TempDir::new().unwrap();
    workstations(dir.path());
    let ca = dir.path().join("workstations.pem");
    let script = Script::start(3, number::RAW).await;
    let sites = format!("[workstations]\nca = {ca:?}\n{}", demo_site("a", script.address));
    let house = House::with("tls_first_vnc_auth = true", &sites).await;
    for name in ["poste1", "poste2"] {
        super::workstations::is_known(&house, name, super::workstations::print_of(&dir.path().join(format!("{name}.pem")))).await;
    }
    house.show("a").await;
    let identity = |name: &str| format!("cert = {0}/{name}.pem\nkey = {0}/{name}.key\n", dir.path().display());
    let (_tunnel1, port1) = stunnel(&house, dir.path(), &identity("poste1"));
    let (_tunnel2, port2) = stunnel(&house, dir.path(), &identity("poste2"));
    let (_bare, port0) = stunnel(&house, dir.path(), "");
    for port in [port0, port1, port2] {
        while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            house.clock.sleep(Duration::from_millis(20)).await;
        }
    }
    let certificate = lucarne::tls::certificates(&dir.path().join("poste1.pem")).unwrap();
    let ticket = async || {
        let certificate = Some(lucarne::tls::fingerprint(&certificate[0]));
        house.tickets_for("a", certificate).await
    };
    let (secret, short) = ticket().await;
    assert!(vnc_rs_looks(port2, short.clone()).await.is_none(), "another workstation");
    assert!(vnc_rs_looks(port0, short.clone()).await.is_none(), "no certificate, no TLS");
    assert!(vnc_rs_looks(house.node().addresses.local.unwrap().port(), short.clone()).await.is_none(), "the loopback door");
    let client = vnc_rs_looks(port1, short).await.expect("its own workstation");
    vnc_rs_sees(&client, &house, &marked(&house, &script.last(), &PixelFormat::NATIVE)).await;
    assert!(super::eye::Eye::enter(&house, &secret, &[]).await.is_err(), "the same ticket, used");
    let (secret, _) = ticket().await;
    let refused = super::eye::Eye::enter(&house, &secret, &[]).await.err().unwrap();
    assert!(refused.contains("use the tunnel"), "{refused}");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn vncdotool_sees_the_marked_site_with_a_short_ticket_on_loopback() {
    let (script, house) = scripted().await;
    let (_, short) = house.tickets("a").await;
    let out = house.dir.path().join("vncdo.png");
    let server = format!("127.0.0.1::{}", house.node().addresses.local.unwrap().port());
    let vncdo = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/venv/bin/vncdo");
    let mut command = Command::new(vncdo);
    command.args(["-s", &server, "-p", &short, "type", "x", "pause", "1", "capture", out.to_str().unwrap()]);
    let log = house.dir.path().join("vncdo.log");
    let _viewer = Program::start(&mut command, &log);
    house.until(|| out.exists().then_some(())).await;
    house.entry(|entry| entry.kind() == "view.ended").await;
    let expected = marked(&house, &script.last(), &PixelFormat::NATIVE);
    assert_eq!(differences(&load(&out), &expected, Rect::default()), 0);
    house.close().await;
}
