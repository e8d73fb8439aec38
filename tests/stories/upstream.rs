//! What a site is sent and how it is entered: pace, patience, trust, logins of every kind.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use lucarne::clock::Clock;
use lucarne::geometry::Size;
use lucarne::id::hex;
use lucarne::node::act::Outcome;
use lucarne::rfb::encoding::number;
use lucarne::rfb::{PixelFormat, Request};
use lucarne::tls::{certificates, fingerprint};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::eye::{Eye, exact};
use super::fidelity::marked;
use super::house::{House, demo_site};
use super::programs::{Display, Program, free_port};
use super::real_sites::{furnish, local, secrets, sees, tls_server, x11vnc};
use super::script::{Mood, Script};
use super::tap::Tap;

const SIZE: Size = Size::new(800, 600);

fn updates_asked(requests: &[Request]) -> usize {
    requests.iter().filter(|request| matches!(request, Request::FramebufferUpdate { .. })).count()
}

/// `max_fps` is a promise to the site, whoever looks and however much changes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_site_is_asked_no_faster_than_max_fps() {
    let script = Script::start(1000, number::RAW).await;
    let tap = Tap::on(script.address).await;
    let house = House::open(&demo_site("a", tap.address).replace("max_fps = 60", "max_fps = 2")).await;
    let began = house.clock.now();
    house.show("a").await;
    for half_seconds in 1..=8u32 {
        house.clock.advance(Duration::from_millis(500));
        house.until(|| (updates_asked(&tap.requests()) as u32 >= half_seconds).then_some(())).await;
        let passed = house.clock.now() - began;
        let allowed = 2 + (passed.as_secs_f64() * 2.0) as usize;
        let asked = updates_asked(&tap.requests());
        assert!(asked <= allowed, "{asked} updates were asked for in {passed:?}");
    }
    house.close().await;
}

/// A site that pushes is told to once it can; its fences are answered, and no input ever goes to it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn xtigervnc_pushes_its_updates_and_has_its_fences_answered() {
    let dir = tempfile::TempDir::new().unwrap();
    let (port, clock) = (free_port(), Clock::system());
    let display = Display::tigervnc(port, SIZE, &["-SecurityTypes", "None"], dir.path(), &clock).await;
    let tap = Tap::on(local(port)).await;
    let house = House::open(&demo_site("a", tap.address)).await;
    house.show("a").await;
    house
        .until(|| tap.requests().iter().any(|r| matches!(r, Request::EnableContinuousUpdates { on: true, .. })).then_some(()))
        .await;
    let asked = updates_asked(&tap.requests());
    // What changes from now on comes without being asked for.
    let _windows = furnish(&display);
    sees(&house, &display, number::ZRLE).await;
    let requests = tap.requests();
    assert_eq!(updates_asked(&requests), asked, "nothing more was asked for");
    assert!(requests.iter().any(|request| matches!(request, Request::Fence(fence) if !fence.is_request())), "{requests:?}");
    house.close().await;
}

/// A site that cannot be entered is tried again later and later, and no more after a minute.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_site_that_fails_is_tried_again_ever_later_for_a_minute() {
    let script = Script::start(2, number::RAW).await;
    script.mood.send_replace(Mood::Broken);
    let house = House::open(&demo_site("a", script.address)).await;
    let outcome = house.shows("a").await;
    assert!(matches!(outcome, Outcome::NotDone { .. }), "{outcome:?}");
    for _ in 0..80 {
        house.clock.sleep(Duration::from_millis(15)).await;
        house.clock.advance(Duration::from_secs(1));
    }
    house.entry(|entry| entry.kind() == "site.standing" && entry.text("cause") == "link_lost").await;
    let tries: Vec<OffsetDateTime> = house
        .entries()
        .iter()
        .filter(|entry| entry.kind() == "source.opening")
        .map(|entry| OffsetDateTime::parse(entry.text("time"), &Rfc3339).unwrap())
        .collect();
    let pauses: Vec<f64> = tries.windows(2).map(|pair| (pair[1] - pair[0]).as_seconds_f64()).collect();
    // 1, 2, 4, 8, 16 seconds and up to a quarter more, in a story whose seconds are coarse; then what is left of 60.
    assert!((5..=7).contains(&pauses.len()), "{pauses:?}");
    for (n, pause) in pauses.iter().take(5).enumerate() {
        let due = f64::from(1 << n);
        assert!(*pause >= due - 0.1 && *pause <= due * 1.25 + 2.5, "pause {n}: {pauses:?}");
    }
    house.close().await;
}

/// TLS 1.3 before the first byte of RFB, made by an stunnel on the site's side.
fn stunnel_before(port: u16, dir: &Path) -> (Program, u16) {
    let door = free_port();
    let text = format!(
        "foreground = yes\npid =\n[vnc]\naccept = 127.0.0.1:{door}\nconnect = 127.0.0.1:{port}\ncert = {}\nkey = {}\n",
        dir.join("viewers.pem").display(),
        dir.join("viewers.key").display()
    );
    let file = dir.join("site-stunnel.conf");
    std::fs::write(&file, text).unwrap();
    (Program::start(Command::new("stunnel4").arg(&file), &dir.join("site-stunnel.log")), door)
}

fn trusting(address: SocketAddr, security: &str, trust: &str, more: &str) -> String {
    format!(
        "[[site]]\nname = \"a\"\nlabel = \"Cabinet a\"\nkind = \"production\"\naddress = \"{address}\"\nserver_name = \"localhost\"\nsecurity = {security:?}\n{trust}\n{more}\n"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_site_behind_tls_first_is_entered_and_its_password_travels_inside() {
    let dir = tempfile::TempDir::new().unwrap();
    secrets(dir.path());
    let (port, clock) = (free_port(), Clock::system());
    let passwd = dir.path().join("passwd");
    let options = ["-SecurityTypes", "VncAuth", "-PasswordFile", passwd.to_str().unwrap()];
    let display = Display::tigervnc(port, SIZE, &options, dir.path(), &clock).await;
    let (_tunnel, door) = stunnel_before(port, dir.path());
    while tokio::net::TcpStream::connect(local(door)).await.is_err() {
        clock.sleep(Duration::from_millis(20)).await;
    }
    let _windows = furnish(&display);
    let ca = format!("ca = {:?}", dir.path().join("ca.pem"));
    let login = format!("login = {{ password_file = {:?} }}", dir.path().join("site.password"));
    let house = House::open(&trusting(local(door), "tls", &ca, &login)).await;
    house.show("a").await;
    sees(&house, &display, number::TIGHT).await;
    let opened = house.entry(|entry| entry.kind() == "source.opened").await;
    assert_eq!((opened.text("security"), opened.text("tls_version")), ("VncAuth (2)", "TLSv1_3"));
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pinned_certificate_is_entered_and_any_other_is_named() {
    let dir = tempfile::TempDir::new().unwrap();
    secrets(dir.path());
    let (display, port) = tls_server(dir.path(), "X509None").await;
    let _windows = furnish(&display);
    let real = hex(&fingerprint(&certificates(&dir.path().join("viewers.pem")).unwrap()[0]));
    let house = House::open(&trusting(local(port), "vencrypt", &format!("pin = \"{}\"", "00".repeat(32)), "")).await;
    let refused = format!("{:?}", house.shows("a").await);
    assert!(refused.contains(&format!("the site's certificate is {real}, not the one that is pinned")), "{refused}");
    house.close().await;
    let house = House::open(&trusting(local(port), "vencrypt", &format!("pin = \"{real}\""), "")).await;
    house.show("a").await;
    sees(&house, &display, number::ZRLE).await;
    house.close().await;
}

/// x11vnc with a program of ours that knows one name and one password.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x11vnc_is_entered_by_name_and_password_inside_its_tls() {
    let dir = tempfile::TempDir::new().unwrap();
    // x11vnc 0.9.16 takes RSA keys only: a certificate of this story's own.
    let (pem, ca) = (dir.path().join("both.pem"), dir.path().join("own.pem"));
    let make = format!(
        "openssl req -x509 -newkey rsa:2048 -nodes -keyout {0} -out {1} -subj /CN=localhost -addext subjectAltName=DNS:localhost && cat {1} >> {0}",
        pem.display(),
        ca.display()
    );
    assert!(Command::new("sh").args(["-c", &make]).output().unwrap().status.success());
    std::fs::write(dir.path().join("site.password"), "secretpw\n").unwrap();
    let (port, clock) = (free_port(), Clock::system());
    let display = Display::xvfb(SIZE, dir.path(), &clock).await;
    let _windows = furnish(&display);
    let check = dir.path().join("check.sh");
    std::fs::write(&check, "read user; read password; [ \"$user\" = viewer ] && [ \"$password\" = secretpw ]\n").unwrap();
    let command = format!("sh {}", check.display());
    let options = ["-ssl", pem.to_str().unwrap(), "-vencrypt", "nodh:plain:force", "-anontls", "never", "-unixpw_cmd", &command];
    let _server = x11vnc(&display, port, &options);
    // A self-signed certificate is no CA: it is pinned.
    let pin = format!("pin = \"{}\"\ntls12 = true", hex(&fingerprint(&certificates(&ca).unwrap()[0])));
    let login = |user: &str| format!("login = {{ user = {user:?}, password_file = {:?} }}", dir.path().join("site.password"));
    let house = House::open(&trusting(local(port), "vencrypt", &pin, &login("viewer"))).await;
    // x11vnc takes a moment to listen: Show tries again by itself.
    let _ = house.shows("a").await;
    house.pass(2).await;
    let opened = house.entry(|entry| entry.kind() == "source.opened").await;
    assert_eq!(opened.text("security"), "VeNCrypt X509Plain (262)");
    sees(&house, &display, number::ZRLE).await;
    house.close().await;
}

/// Silence is told apart from stillness: within seven seconds the viewer reads that the site does not answer, and
/// since when; when it answers again the strip goes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_viewer_is_told_that_a_site_no_longer_answers_and_that_it_does_again() {
    let script = Script::start(3, number::RAW).await;
    let house = House::open(&demo_site("a", script.address)).await;
    house.show("a").await;
    let mut eye = Eye::enter(&house, &house.ticket("a").await, &exact(number::RAW)).await.unwrap();
    let expected = marked(&house, &script.last(), &PixelFormat::NATIVE);
    assert!(eye.watch_until(|picture| *picture == expected).await);
    script.mood.send_replace(Mood::Silent);
    // A still picture is no reason for doubt: it is asked about, and only then.
    house.clock.advance(Duration::from_secs(4));
    house.clock.sleep(Duration::from_millis(50)).await;
    eye.ask(false).await;
    assert!(eye.update().await && eye.picture == expected);
    house.pass(4).await;
    assert!(eye.watch_until(|picture| *picture != expected).await, "a strip says so");
    assert!(house.entries().iter().all(|entry| entry.kind() != "source.closed"), "the link is still there");
    script.mood.send_replace(Mood::Playing);
    assert!(eye.watch_until(|picture| *picture == expected).await, "the site answered");
    house.close().await;
}
