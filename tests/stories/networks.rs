//! R41, R43, R49: from where people come, and where a site's name may lead.

use std::net::Ipv4Addr;
use std::time::Duration;

use lucarne::config::Config;
use lucarne::node::act::{Act, Outcome};
use lucarne::rfb::encoding::number;
use tokio::io::AsyncReadExt;

use super::engagements::code;
use super::eye::{Door, Eye, exact, stranger_from};
use super::house::{House, demo_site};
use super::http::posts_from;
use super::script::Script;

const INSIDE: Ipv4Addr = Ipv4Addr::new(127, 0, 1, 7);
const OUTSIDE: Ipv4Addr = Ipv4Addr::new(127, 0, 2, 7);

async fn looks_from(house: &House, from: Ipv4Addr) -> Result<Eye, String> {
    let ticket = house.ticket("a").await;
    let door = Door { from, ..Door::of(house) };
    Eye::through(&door, "claire", &ticket, lucarne::rfb::PixelFormat::NATIVE, &exact(number::RAW)).await
}

/// How many bytes came before the door was closed.
async fn heard(from: Ipv4Addr, door: std::net::SocketAddr) -> usize {
    let mut stream = stranger_from(from.octets(), door).await;
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes).await;
    bytes.len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r41_viewers_from_other_networks_are_closed_before_a_byte_and_counted() {
    let script = Script::start(2, number::RAW).await;
    let house = House::with("networks = [\"127.0.1.0/24\"]", &demo_site("a", script.address)).await;
    house.show("a").await;
    looks_from(&house, INSIDE).await.unwrap().leave().await;
    for door in [house.node().addresses.viewers, house.node().addresses.tls_first.unwrap()] {
        assert_eq!(heard(OUTSIDE, door).await, 0);
    }
    house.pass(62).await;
    let folded = house.entry(|entry| entry.kind() == "conn.refused" && entry.text("cause") == "network").await;
    assert_eq!(folded.count("attempts"), Some(2));
    house.close().await;
}

/// A ticket that was passed on, and a token, are worth nothing elsewhere; what takes away is kept from nobody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r49_each_role_works_from_its_networks() {
    let script = Script::start(2, number::RAW).await;
    let mut house = House::open(&demo_site("a", script.address)).await;
    house.show("a").await;
    let networks = "[accounts]\nnetworks = { auditor = [\"127.0.1.0/24\"], contact = [\"127.0.1.7\"] }";
    house.change_settings(|text| text.replace("[accounts]", networks)).await;
    house.show("a").await;
    let refused = looks_from(&house, OUTSIDE).await.err().unwrap();
    assert!(refused.contains("come back to the premises"), "{refused}");
    let entry = house.entry(|entry| entry.kind() == "auth.failed" && entry.text("cause") == "off_premises").await;
    assert_eq!(entry.text("method"), "ticket");
    looks_from(&house, INSIDE).await.unwrap().leave().await;
    // By HTTP: a login, then an order by the token of a login that was made inside.
    let claire = &house.company.auditor;
    let login = async |from| {
        house.clock.advance(Duration::from_secs(60));
        let digits = claire.digits(&house.clock).unwrap();
        let body = format!(r#"{{"act":"login","login":"claire","password":"Correct-h0rse","code":"{digits}","device":null}}"#);
        posts_from(&house, from, None, &body).await
    };
    let (status, told) = login(OUTSIDE).await;
    assert_eq!((status, &told["code"]), (403, &"off_premises".into()), "{told}");
    let (status, told) = login(INSIDE).await;
    let token = told["token"].as_str().unwrap();
    assert_eq!(status, 200, "{told}");
    let (status, _) = posts_from(&house, INSIDE, Some(token), r#"{"act":"who_am_i"}"#).await;
    assert_eq!(status, 200);
    let (status, told) = posts_from(&house, OUTSIDE, Some(token), r#"{"act":"who_am_i"}"#).await;
    assert_eq!((status, &told["code"]), (403, &"off_premises".into()), "{told}");
    // The contact stops her site from wherever she is.
    let dominique = &house.company.contacts[&super::house::name("a")];
    house.by(dominique, Act::WhoAmI).await;
    let order = serde_json::to_value(dominique.orders(Act::Stop { site: super::house::name("a") })).unwrap();
    let token = order["token"].as_str().unwrap().to_owned();
    let (status, told) = posts_from(&house, OUTSIDE, Some(&token), r#"{"act":"stop","site":"a"}"#).await;
    assert_eq!(status, 200, "{told}");
    house.close().await;
}

/// Orders by HTTP are answered inside their networks alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r41_orders_from_other_networks_are_closed_before_tls() {
    let script = Script::start(1, number::RAW).await;
    let mut house = House::open(&demo_site("a", script.address)).await;
    house.change_settings(|text| text.replace("[api]", "[api]\nnetworks = [\"127.0.1.0/24\"]")).await;
    assert_eq!(heard(OUTSIDE, house.node().addresses.api.unwrap()).await, 0);
    let (status, told) = posts_from(&house, INSIDE, None, r#"{"act":"who_am_i"}"#).await;
    assert_eq!((status, &told["code"]), (401, &"session_over".into()));
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r43_a_sites_name_leads_to_the_networks_of_the_site_alone() {
    let script = Script::start(2, number::RAW).await;
    let by_name = demo_site("a", script.address).replace("127.0.0.1", "localhost");
    let mut house = House::open(&by_name.replace("security", "networks = [\"10.0.0.0/8\", \"::1\"]\nsecurity")).await;
    let Outcome::NotDone { message } = house.shows("a").await else { panic!("it was shown") };
    assert!(message.contains("leads to 127.0.0.1, where this site may not be"), "{message}");
    let refused = house.entry(|entry| entry.kind() == "source.refused").await;
    assert_eq!(refused.text("cause"), "up.elsewhere");
    assert_eq!(script.connections(), 0, "nothing was said to it");
    // Other networks are other settings: two people approve them.
    house.stop("a").await;
    house.change_settings(|text| text.replace("10.0.0.0/8", "127.0.0.0/8")).await;
    assert_eq!(code(house.shows("a").await), "site_not_approved");
    house.close().await;
}

#[test]
fn wrong_networks_say_what_to_write() {
    let good = include_str!("../../src/cli/lucarne.toml");
    let with = |text: &str| Config::parse(std::path::Path::new("/etc/lucarne/lucarne.toml"), text);
    for (from, to) in [
        ("[viewers]\n", "[viewers]\nnetworks = [\"10.20.0.0/33\"]\n"),
        ("[viewers]\n", "[viewers]\nnetworks = [\"10.20.0.1/16\"]\n"),
        ("kind = \"demo\"", "networks = [\"the clinic\"]\nkind = \"demo\""),
    ] {
        let words = with(&good.replacen(from, to, 1)).unwrap_err().to_string();
        assert!(words.contains("networks: write networks such as"), "{words}");
    }
    let words = with(&good.replacen("[viewers]\n", "[viewers]\nnetworks = []\n", 1)).unwrap_err().to_string();
    assert!(words.contains("line 8: viewers.networks: an empty list lets nobody in"), "{words}");
    let words =
        with(&format!("{good}\n[accounts]\nnetworks = {{ auditor = [\"10.0.0.0/8\", \"x\"] }}\n")).unwrap_err().to_string();
    assert!(words.contains("accounts.networks.auditor"), "{words}");
}
