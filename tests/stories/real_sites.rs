//! Real VNC servers as sites: what a viewer sees is what is on their display, marked.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use lucarne::geometry::{Rect, Size};
use lucarne::picture::Picture;
use lucarne::rfb::PixelFormat;
use lucarne::rfb::encoding::number;
use lucarne::tls::make_certificates;

use super::eye::{Eye, exact};
use super::fidelity::marked;
use super::house::{House, demo_site};
use super::programs::{Display, Program, build, differences, free_port};

const SIZE: Size = Size::new(800, 600);
/// Where the site's pointer is put: servers may draw it into the picture.
const POINTER: Rect = Rect::new(780, 580, 20, 20);

pub fn local(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

/// Something to look at.
pub fn furnish(display: &Display) -> [Program; 2] {
    display.run("xdotool", &["mousemove", "795", "595"]);
    display.run("xsetroot", &["-mod", "7", "11", "-fg", "#335577", "-bg", "#ddeeff"]);
    [
        display.start("xlogo", &["-geometry", "300x300+40+40"], "xlogo.log"),
        display.start("xmessage", &["-geometry", "+360+80", "Patient fictif : SPECIMEN Ombeline"], "xmessage.log"),
    ]
}

/// Looks at site "a" until it shows what is on the display.
pub async fn sees(house: &House, display: &Display, encoding: i32) {
    let mut eye = Eye::enter(house, &house.ticket("a").await, &exact(encoding)).await.unwrap();
    let right = |seen: &Picture| differences(seen, &marked(house, &display.screenshot(), &PixelFormat::NATIVE), POINTER) == 0;
    eye.ask(false).await;
    let mut seen = false;
    for _ in 0..20 {
        assert!(eye.update().await);
        if right(&eye.picture) {
            seen = true;
            break;
        }
        eye.ask(true).await;
        // Windows come up one after another.
        house.clock.sleep(std::time::Duration::from_millis(50)).await;
        eye.ask(false).await;
    }
    assert!(seen, "the display and what the viewer holds differ");
    eye.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn xtigervnc_is_seen_as_it_is() {
    let house_dir = tempfile::TempDir::new().unwrap();
    let port = free_port();
    let clock = lucarne::clock::Clock::system();
    let display = Display::tigervnc(port, SIZE, &["-SecurityTypes", "None"], house_dir.path(), &clock).await;
    let _windows = furnish(&display);
    let house = House::open(&demo_site("a", local(port))).await;
    house.show("a").await;
    for encoding in [number::TIGHT, number::ZRLE] {
        sees(&house, &display, encoding).await;
    }
    let opened = house.entry(|entry| entry.kind() == "source.opened").await;
    assert_eq!((opened.text("security"), opened.text("rfb_version")), ("None (1)", "3.8"));
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn xtigervnc_that_changes_its_size_is_followed() {
    let house_dir = tempfile::TempDir::new().unwrap();
    let port = free_port();
    let clock = lucarne::clock::Clock::system();
    let display = Display::tigervnc(port, SIZE, &["-SecurityTypes", "None"], house_dir.path(), &clock).await;
    let house = House::open(&demo_site("a", local(port))).await;
    house.show("a").await;
    let mut eye = Eye::enter(&house, &house.ticket("a").await, &exact(number::TIGHT)).await.unwrap();
    assert!(eye.watch_until(|picture| picture.size() == SIZE).await);
    display.run("xrandr", &["--output", "VNC-0", "--mode", "1024x768"]);
    assert!(eye.watch_until(|picture| picture.size() == Size::new(1024, 768)).await);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x11vnc_is_seen_as_it_is() {
    let dir = tempfile::TempDir::new().unwrap();
    let (port, clock) = (free_port(), lucarne::clock::Clock::system());
    let display = Display::xvfb(SIZE, dir.path(), &clock).await;
    let _windows = furnish(&display);
    let _server = x11vnc(&display, port, &["-nopw"]);
    let house = House::open(&demo_site("a", local(port))).await;
    // x11vnc takes a moment to listen: Show tries again by itself.
    let _ = house.shows("a").await;
    house.pass(2).await;
    house.entry(|entry| entry.kind() == "source.opened").await;
    sees(&house, &display, number::HEXTILE).await;
    house.close().await;
}

pub fn x11vnc(display: &Display, port: u16, options: &[&str]) -> Program {
    let port = port.to_string();
    let name = display.name();
    let mut arguments =
        vec!["-display", &name, "-rfbport", &port, "-localhost", "-forever", "-shared", "-nocursor", "-noxdamage", "-wait", "10"];
    arguments.extend(options);
    display.start("x11vnc", &arguments, "x11vnc.log")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_site_made_with_libvncserver_is_seen_as_it_is_and_receives_no_input() {
    let dir = tempfile::TempDir::new().unwrap();
    let port = free_port();
    let (program, log) = (build("site", dir.path(), &["-lvncserver", "-lvncclient"]), dir.path().join("inputs"));
    let _site = Program::start(Command::new(program).arg(port.to_string()).arg(&log), &dir.path().join("site.log"));
    let house = House::open(&demo_site("a", local(port))).await;
    let _ = house.shows("a").await;
    house.pass(2).await;
    house.entry(|entry| entry.kind() == "source.opened").await;
    let mut expected = Picture::new(Size::new(320, 200));
    for y in 0..200u16 {
        for (x, pixel) in (0u16..).zip(expected.row_mut(0, y, 320)) {
            let red = if x < 160 { 255 } else { x as u8 };
            *pixel = lucarne::geometry::Pixel::rgb(red, if (x / 8 + y / 8) % 2 == 1 { 220 } else { 40 }, y as u8);
        }
    }
    let mut eye = Eye::enter(&house, &house.ticket("a").await, &exact(number::TIGHT)).await.unwrap();
    let expected = marked(&house, &expected, &PixelFormat::NATIVE);
    assert!(eye.watch_until(|picture| *picture == expected).await);
    eye.send(&[4, 1, 0, 0, 0, 0, 0, b'x', 5, 1, 0, 9, 0, 9, 6, 0, 0, 0, 0, 0, 0, 1, b'y']).await;
    eye.ask(false).await;
    assert!(eye.update().await);
    assert_eq!(std::fs::read_to_string(&log).unwrap(), "");
    house.close().await;
}

/// A directory with a certificate for "localhost", and a VNC password "secretpw".
pub fn secrets(dir: &Path) {
    make_certificates(dir, &["localhost".to_owned()]).unwrap();
    std::fs::write(dir.join("site.password"), "secretpw\n").unwrap();
    let script = format!("printf 'secretpw\\n' | vncpasswd -f > {}", dir.join("passwd").display());
    assert!(Command::new("sh").args(["-c", &script]).status().unwrap().success());
}

fn tls_site(port: u16, dir: &Path, more: &str) -> String {
    format!(
        "[[site]]\nname = \"a\"\nlabel = \"Cabinet a\"\nkind = \"production\"\naddress = \"127.0.0.1:{port}\"\nserver_name = \"localhost\"\nsecurity = \"vencrypt\"\nca = {:?}\n{more}\n",
        dir.join("ca.pem")
    )
}

pub async fn tls_server(dir: &Path, security: &str) -> (Display, u16) {
    let (port, clock) = (free_port(), lucarne::clock::Clock::system());
    let (cert, key, passwd) = (dir.join("viewers.pem"), dir.join("viewers.key"), dir.join("passwd"));
    let options = [
        "-SecurityTypes",
        security,
        "-X509Cert",
        cert.to_str().unwrap(),
        "-X509Key",
        key.to_str().unwrap(),
        "-PasswordFile",
        passwd.to_str().unwrap(),
    ];
    (Display::tigervnc(port, SIZE, &options, dir, &clock).await, port)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_production_site_is_entered_by_vencrypt_with_its_certificate_and_password_checked() {
    let dir = tempfile::TempDir::new().unwrap();
    secrets(dir.path());
    let password = format!("login = {{ password_file = {:?} }}", dir.path().join("site.password"));
    for (security, login, named) in
        [("X509None", "", "VeNCrypt X509None (260)"), ("X509Vnc", password.as_str(), "VeNCrypt X509Vnc (261)")]
    {
        let (display, port) = tls_server(dir.path(), security).await;
        let _windows = furnish(&display);
        let house = House::open(&tls_site(port, dir.path(), login)).await;
        house.show("a").await;
        sees(&house, &display, number::ZRLE).await;
        let opened = house.entry(|entry| entry.kind() == "source.opened").await;
        assert_eq!((opened.text("security"), opened.text("tls_version")), (named, "TLSv1_3"));
        house.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_site_with_another_certificate_is_not_entered_and_gets_no_password() {
    let dir = tempfile::TempDir::new().unwrap();
    secrets(dir.path());
    let (_display, port) = tls_server(dir.path(), "X509Vnc").await;
    let other = tempfile::TempDir::new().unwrap();
    make_certificates(other.path(), &["localhost".to_owned()]).unwrap();
    let login = format!("login = {{ password_file = {:?} }}", dir.path().join("site.password"));
    let house = House::open(&tls_site(port, other.path(), &login)).await;
    let outcome = format!("{:?}", house.shows("a").await);
    assert!(outcome.contains("certificate is not trusted"), "{outcome}");
    house.entry(|entry| entry.kind() == "source.refused" && entry.text("cause") == "up.tls_untrusted").await;
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_login_is_never_tried_again_by_itself() {
    let dir = tempfile::TempDir::new().unwrap();
    secrets(dir.path());
    std::fs::write(dir.path().join("site.password"), "wrongpw!\n").unwrap();
    let (_display, port) = tls_server(dir.path(), "X509Vnc").await;
    let login = format!("login = {{ password_file = {:?} }}", dir.path().join("site.password"));
    let house = House::open(&tls_site(port, dir.path(), &login)).await;
    let outcome = format!("{:?}", house.shows("a").await);
    assert!(outcome.contains("refused the login"), "{outcome}");
    house.entry(|entry| entry.kind() == "site.standing" && entry.text("cause") == "needs_operator").await;
    house.pass(120).await;
    house.clock.sleep(std::time::Duration::from_millis(300)).await;
    let attempts = house.entries().iter().filter(|entry| entry.kind() == "source.opening").count();
    assert_eq!(attempts, 1);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_site_offers_and_lucarne_cannot_is_named() {
    let dir = tempfile::TempDir::new().unwrap();
    secrets(dir.path());
    let (port, clock) = (free_port(), lucarne::clock::Clock::system());
    let passwd = dir.path().join("passwd");
    let _display = Display::tigervnc(
        port,
        SIZE,
        &["-SecurityTypes", "VncAuth", "-PasswordFile", passwd.to_str().unwrap()],
        dir.path(),
        &clock,
    )
    .await;
    let house = House::open(&demo_site("a", local(port))).await;
    let outcome = format!("{:?}", house.shows("a").await);
    assert!(outcome.contains("the site offers only VncAuth (2); configure it to offer None (1)"), "{outcome}");
    house.close().await;
}

/// A site that takes the password and closes without a word may have refused it: it is not asked again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silence_after_a_password_is_read_as_a_refusal() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let dir = tempfile::TempDir::new().unwrap();
    std::fs::write(dir.path().join("site.password"), "secretpw\n").unwrap();
    let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let site = tokio::spawn(async move {
        let (mut stream, _) = socket.accept().await.unwrap();
        stream.write_all(b"RFB 003.008\n\x01\x02").await.unwrap();
        stream.write_all(&[7; 16]).await.unwrap();
        let mut said = [0; 12 + 1 + 16];
        stream.read_exact(&mut said).await.unwrap();
        drop(stream);
        socket.accept().await.unwrap();
    });
    let login = format!("login = {{ password_file = {:?} }}\n", dir.path().join("site.password"));
    let house = House::open(&format!("{}{login}", demo_site("a", address))).await;
    let outcome = format!("{:?}", house.shows("a").await);
    assert!(outcome.contains("refused the login"), "{outcome}");
    house.entry(|entry| entry.kind() == "site.standing" && entry.text("cause") == "needs_operator").await;
    house.pass(120).await;
    house.clock.sleep(std::time::Duration::from_millis(300)).await;
    assert!(!site.is_finished(), "nobody came again");
    site.abort();
    house.close().await;
}
