//! Behind a balancer (HAProxy): who comes is who the balancer says, and nobody else may say it.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::time::Duration;

use lucarne::rfb::PixelFormat;
use lucarne::rfb::encoding::number;
use lucarne::trace::Entry;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::eye::{Door, Eye, exact, stranger_from};
use super::house::{House, demo_site};
use super::programs::{Program, free_port};
use super::script::Script;

const BALANCER: [u8; 4] = [127, 0, 9, 9];
const INSIDE: Ipv4Addr = Ipv4Addr::new(127, 0, 1, 7);
const OUTSIDE: Ipv4Addr = Ipv4Addr::new(127, 0, 2, 7);

async fn house() -> (Script, House) {
    let script = Script::start(2, number::RAW).await;
    let mut house =
        House::with("networks = [\"127.0.1.0/24\"]\nbalancers = [\"127.0.9.9\"]", &demo_site("a", script.address)).await;
    house.change_settings(|text| text.replace("[api]", "[api]\nbalancers = [\"127.0.9.9\"]")).await;
    (script, house)
}

/// HAProxy before the viewers' door and that of orders; where it listens.
fn haproxy(house: &House) -> (Program, [SocketAddr; 2]) {
    let ports = [free_port(), free_port()];
    let to = [house.node().addresses.viewers, house.node().addresses.api.unwrap()];
    let mut text = "defaults\n mode tcp\n timeout connect 5s\n timeout client 1m\n timeout server 1m\n".to_owned();
    for (n, (port, to)) in ports.iter().zip(to).enumerate() {
        let check = if n == 0 { "check inter 200ms check-send-proxy" } else { "" };
        text += &format!(
            "frontend f{n}\n bind 127.0.0.1:{port}\n default_backend b{n}\n\
             backend b{n}\n source 127.0.9.9\n server n {to} send-proxy-v2 {check}\n"
        );
    }
    let file = house.dir.path().join("haproxy.cfg");
    std::fs::write(&file, text).unwrap();
    let program = Program::start(Command::new("haproxy").arg("-db").arg("-f").arg(&file), &house.dir.path().join("haproxy.log"));
    (program, ports.map(|port| SocketAddr::from(([127, 0, 0, 1], port))))
}

fn sealed<'a>(entry: &'a Entry, key: &str) -> &'a str {
    entry.sealed.as_ref().and_then(|sealed| sealed.get(key)).and_then(serde_json::Value::as_str).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r41_r45_behind_haproxy_networks_and_trace_are_about_who_comes() {
    let (_script, house) = house().await;
    house.show("a").await;
    let (_haproxy, [viewers, orders]) = haproxy(&house);
    house.until(|| std::net::TcpStream::connect(viewers).ok()).await;
    let looks = async |from| {
        let ticket = house.ticket("a").await;
        let door = Door { from, ..Door::at(viewers, house.dir.path().join("ca.pem"), &house.clock) };
        Eye::through(&door, "claire", &ticket, PixelFormat::NATIVE, &exact(number::RAW)).await
    };
    looks(INSIDE).await.unwrap().leave().await;
    let came = house.entry(|entry| entry.kind() == "conn.attempt" && sealed(entry, "via").starts_with("127.0.9.9:")).await;
    assert!(sealed(&came, "src").starts_with("127.0.1.7:"), "{:?}", came.sealed);
    assert_eq!(sealed(&came, "dst"), house.node().addresses.viewers.to_string());
    assert!(looks(OUTSIDE).await.is_err());
    // Orders too.
    let url = format!("https://localhost:{}/v1/acts/who_am_i", orders.port());
    let mut curl = Command::new("curl");
    curl.args(["-sS", "-X", "POST", "--interface", "127.0.1.7", "--cacert"]).arg(house.dir.path().join("ca.pem")).arg(url);
    let told = tokio::task::spawn_blocking(move || curl.output().unwrap()).await.unwrap();
    assert!(String::from_utf8_lossy(&told.stdout).contains("session_over"), "{told:?}");
    let order = |entry: &Entry| entry.text("listener") == "api" && sealed(entry, "src").starts_with("127.0.1.7:");
    assert!(sealed(&house.entry(order).await, "via").starts_with("127.0.9.9:"));
    // The balancer looks whether somebody is here: that is counted, not told one by one.
    house.pass(62).await;
    let folded = async |cause: &str| house.entry(|entry| entry.kind() == "conn.refused" && entry.text("cause") == cause).await;
    assert!(folded("proxy_check").await.count("attempts").unwrap() >= 1);
    assert_eq!(folded("network").await.count("attempts"), Some(1));
    assert!(!house.entries().iter().any(|entry| sealed(entry, "src").starts_with("127.0.9.9:")));
    house.close().await;
}

/// A header of the protocol's second version that says: from 127.0.1.99.
fn header(command: u8, family: u8, length: u16) -> Vec<u8> {
    let addresses = [127, 0, 1, 99, 127, 0, 0, 1, 0x30, 0x39, 0x17, 0x20];
    [&b"\r\n\r\n\0\r\nQUIT\n"[..], &[command, family], &length.to_be_bytes(), &addresses].concat()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r41_only_a_listed_balancer_says_who_comes_and_it_says_it_well_and_soon() {
    let (_script, house) = house().await;
    let door = house.node().addresses.viewers;
    // From an allowed network, but no balancer: it is greeted as a viewer, and those words are none of a viewer's.
    let mut stranger = stranger_from([127, 0, 1, 8], door).await;
    stranger.write_all(&header(0x21, 0x11, 12)).await.unwrap();
    let mut heard = Vec::new();
    let _ = stranger.read_to_end(&mut heard).await;
    assert!(heard.starts_with(b"RFB 003.008\n"), "{heard:?}");
    assert!(!house.entries().iter().any(|entry| sealed(entry, "src").contains("127.0.1.99")));
    let mut wrong =
        vec![b"GET / HTTP/1.1\r\n\r\n".to_vec(), header(0x21, 0x31, 12), header(0x21, 0x11, 0xffff), header(0x11, 0x11, 12)];
    wrong.push(header(0x21, 0x11, 4));
    wrong.push(header(0x21, 0x41, 12));
    let count = wrong.len() as u64;
    for words in wrong {
        let mut balancer = stranger_from(BALANCER, door).await;
        balancer.write_all(&words).await.unwrap();
        let mut heard = Vec::new();
        let _ = balancer.read_to_end(&mut heard).await;
        assert!(heard.is_empty(), "{words:?}: {heard:?}");
    }
    // One that says nothing, and one that stops in the middle.
    let (mut silent, mut halting) = (stranger_from(BALANCER, door).await, stranger_from(BALANCER, door).await);
    halting.write_all(&header(0x21, 0x11, 12)[..20]).await.unwrap();
    house.clock.sleep(Duration::from_millis(100)).await;
    house.clock.advance(Duration::from_secs(6));
    for stream in [&mut silent, &mut halting] {
        assert_eq!(stream.read(&mut [0; 16]).await.unwrap_or_default(), 0);
    }
    house.pass(62).await;
    let folded = async |cause: &str| {
        house.entry(|entry| entry.kind() == "conn.refused" && entry.text("cause") == cause).await.count("attempts")
    };
    assert_eq!((folded("proxy_header").await, folded("proxy_silent").await), (Some(count), Some(2)));
    // Said well, it counts.
    let mut balancer = stranger_from(BALANCER, door).await;
    balancer.write_all(&header(0x21, 0x11, 12)).await.unwrap();
    let mut greeting = [0; 12];
    balancer.read_exact(&mut greeting).await.unwrap();
    house.entry(|entry| sealed(entry, "src") == "127.0.1.99:12345").await;
    house.close().await;
}
