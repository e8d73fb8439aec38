//! What comes to the pages' door and is no page of ours: the rows of HTTP, WebSocket and web of the list of hostile inputs.

use std::time::Duration;

use lucarne::demo::rehearsal::went_well;
use lucarne::governance::Terms;
use lucarne::node::act::{Act, Outcome};
use lucarne::rfb::encoding::number;

use super::chromium::Chromium;
use super::house::{House, demo_site};
use super::links::house;
use super::page::{Page, TAB, frame, origin};
use super::pages::Agency;
use super::script::Script;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_52_slow_and_endless_heads_and_bodies_are_ended() {
    let (_script, house) = house().await;
    let host = origin(&house).replace("https://", "");
    // Too much, too many.
    let big = format!("GET / HTTP/1.1\r\nHost: {host}\r\nX: {}\r\n\r\n", "x".repeat(1 << 20));
    let many = format!("GET / HTTP/1.1\r\nHost: {host}\r\n{}\r\n", "X: y\r\n".repeat(10_000));
    for head in [big, many] {
        let answer = Page::asks(&house, head.as_bytes()).await.head;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
    }
    // A body that does not come.
    let body = format!(
        "POST /acts/login HTTP/1.1\r\nHost: {host}\r\nOrigin: https://{host}\r\nContent-Type: application/json\r\n\
         Content-Length: 100\r\n\r\n{{"
    );
    let late = async {
        house.clock.sleep(Duration::from_millis(500)).await;
        house.clock.advance(Duration::from_secs(10));
    };
    let (answer, ()) = tokio::join!(Page::asks(&house, body.as_bytes()), late);
    assert!(answer.head.starts_with("HTTP/1.1 408"), "{}", answer.head);
    // A second head, drop by drop: ten seconds after the first was answered it is over.
    let mut slow = Page::asks(&house, format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes()).await;
    assert!(slow.head.starts_with("HTTP/1.1 200"), "{}", slow.head);
    slow.says(b"GET / HTTP/1.1\r\nX-").await;
    house.clock.advance(Duration::from_secs(9));
    house.clock.sleep(Duration::from_millis(100)).await;
    slow.says(b"a").await;
    house.clock.advance(Duration::from_secs(2));
    slow.is_over().await;
    // A head that does not end: nothing is answered, and the connection is over.
    let late = async {
        house.clock.sleep(Duration::from_millis(500)).await;
        house.clock.advance(Duration::from_secs(10));
    };
    let (answer, ()) = tokio::join!(Page::asks(&house, b"GET / HTTP/1.1\r\nHost: a\r\nX-"), late);
    assert_eq!(answer.head, "");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_53_only_what_is_on_the_list_is_served() {
    let (_script, house) = house().await;
    let host = origin(&house).replace("https://", "");
    for (path, status) in [
        ("/..%2f..%2fetc%2fpasswd", "404"),
        ("/../lucarne.toml", "404"),
        ("/page.js%00", "404"),
        ("/picture", "404"),
        ("/acts/login", "405"),
        ("https://evil.example/", "400"),
    ] {
        let answer = Page::asks(&house, format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes()).await.head;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{path}: {answer}");
    }
    // And what is served is kept, framed, guessed at and told to others by nobody.
    let page = Page::asks(&house, format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes()).await.head;
    for header in [
        "content-security-policy: default-src 'none'; script-src 'self'; style-src 'self'",
        "frame-ancestors 'none'",
        "cache-control: no-store",
        "x-content-type-options: nosniff",
        "referrer-policy: no-referrer",
        "cross-origin-opener-policy: same-origin",
        "cross-origin-embedder-policy: require-corp",
        "cross-origin-resource-policy: same-origin",
        "display-capture=(), clipboard-read=(), clipboard-write=()",
    ] {
        assert!(page.contains(header), "{header}: {page}");
    }
    let both = "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    for head in [both.to_owned(), "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_owned()] {
        let head = format!("POST /acts/login HTTP/1.1\r\nHost: {host}\r\nOrigin: https://{host}\r\n{head}");
        let answer = Page::asks(&house, head.as_bytes()).await.head;
        assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    }
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_54_and_57_a_foreign_page_and_a_used_ticket_get_nothing() {
    let (_script, house) = house().await;
    let (own, ticket) = (origin(&house), house.ticket("a").await);
    let cookie = format!("__Host-ticket=claire:{ticket}");
    let path = format!("/picture/{TAB}");
    for foreign in ["https://evil.example", "null", &own.replace("https", "http")] {
        let answer = Page::upgrade(&house, &path, foreign, &cookie).await.head;
        assert!(answer.starts_with("HTTP/1.1 403"), "{foreign}: {answer}");
    }
    // By a name that is not ours, as somebody does who points his own at us.
    for (method, path) in
        [("GET", "/"), ("GET", path.as_str()), ("GET", "/again/0123abcd"), ("POST", "/acts/login"), ("POST", "/look")]
    {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: evil.example\r\nOrigin: https://evil.example\r\nUpgrade: websocket\r\nConnection: \
             Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        );
        let answer = Page::asks(&house, head.as_bytes()).await.head;
        assert!(answer.starts_with("HTTP/1.1 403"), "{path}: {answer}");
    }
    assert!(Page::upgrade(&house, &path, &own, "").await.head.starts_with("HTTP/1.1 401"));
    // In an address it is no ticket.
    let answer = Page::upgrade(&house, &format!("{path}?ticket={ticket}"), &own, "").await.head;
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    let mut page = Page::enters(&house, &ticket).await;
    assert!(page.head.starts_with("HTTP/1.1 101"), "{}", page.head);
    assert!(page.head.contains("__Host-ticket=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0"), "{}", page.head);
    page.hears_of(1).await.unwrap();
    let over = Page::enters(&house, &ticket).await.hears_of(4).await.unwrap();
    assert!(String::from_utf8(over).unwrap().contains("\"code\":\"ticket_unknown\""), "a used ticket");
    let trace = house.entries().iter().map(|entry| format!("{:?}{:?}", entry.public, entry.sealed)).collect::<String>();
    assert!(!trace.contains(&ticket), "the trace holds no ticket");
    // An order that is not our page's, or is of a page that was kept from another version.
    let order = |more: &str| {
        let host = own.replace("https://", "");
        format!("POST /acts/who_am_i HTTP/1.1\r\nHost: {host}\r\n{more}Content-Length: 2\r\n\r\n{{}}")
    };
    let foreign = Page::asks(&house, order("Origin: https://evil.example\r\n").as_bytes()).await.head;
    assert!(foreign.starts_with("HTTP/1.1 403"), "{foreign}");
    let old = Page::asks(&house, order(&format!("Origin: {own}\r\nLucarne-Page: 0123456789abcdef\r\n")).as_bytes()).await.head;
    assert!(old.starts_with("HTTP/1.1 409"), "{old}");
    house.close().await;
}

/// What is said, how the session ends, and with which code the link is closed (RFC 6455 §7.4.1).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_55_what_no_page_says_ends_the_session() {
    let (_script, house) = house().await;
    let unmasked = [0x82, 1, 6].to_vec();
    let endless = [&[0x82, 0xff][..], &(1u64 << 63).to_be_bytes(), &[0; 4]].concat();
    let long = [&[0x82, 0xfe, 1, 0, 0, 0, 0, 0][..], &[0; 256]].concat();
    let fragmented_control = [0x09, 0x81, 0, 0, 0, 0, b'a'].to_vec();
    let reserved_bits = [0xc2, 0x81, 0, 0, 0, 0, 6].to_vec();
    let unknown_opcode = frame(3, b"a");
    for (what, says, cause, code) in [
        ("a message that is none", frame(2, &[7]), "dn.page", 1008),
        ("a text", frame(1, b"hello"), "dn.page", 1008),
        ("an update that was not sent", frame(2, &[1, 0x7f, 0, 0, 0]), "dn.page", 1008),
        ("unmasked", unmasked, "dn.ws", 1002),
        ("a control frame in pieces", fragmented_control, "dn.ws", 1002),
        ("reserved bits", reserved_bits, "dn.ws", 1002),
        ("an unknown opcode", unknown_opcode, "dn.ws", 1002),
        ("2^63 bytes", endless, "dn.ws_length", 1009),
        ("more than a page says", long, "dn.ws_length", 1009),
    ] {
        let ended = || house.entries().iter().filter(|entry| entry.kind() == "view.ended").count();
        let before = ended();
        let mut page = Page::enters(&house, &house.ticket("a").await).await;
        page.hears_of(1).await.unwrap();
        page.says(&says).await;
        assert_eq!(page.closed().await, Some(code), "{what}");
        house.until(|| (ended() > before).then_some(())).await;
        let entries = house.entries();
        assert_eq!(entries.iter().rev().find(|entry| entry.kind() == "view.ended").unwrap().text("cause"), cause, "{what}");
    }
    // Pings without end are answered one by one, at a pace; then what is said after them is heard.
    let mut page = Page::enters(&house, &house.ticket("a").await).await;
    page.hears_of(1).await.unwrap();
    page.says(&frame(9, b"").repeat(1000)).await;
    page.says(&frame(2, &[6])).await;
    house.entry(|entry| entry.kind() == "view.ended" && entry.text("cause") == "viewer_left").await;
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_56_a_handshake_that_lacks_something_is_refused() {
    let (_script, house) = house().await;
    let own = origin(&house);
    for (leaves_out, instead) in [
        ("Sec-WebSocket-Version: 13\r\n", "Sec-WebSocket-Version: 8\r\n"),
        ("Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n", ""),
        ("Upgrade: websocket\r\n", ""),
        ("Connection: Upgrade\r\n", ""),
    ] {
        let head = format!(
            "GET /picture/{TAB} HTTP/1.1\r\nHost: {}\r\nOrigin: {own}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nCookie: __Host-ticket=claire:{}\r\n\r\n",
            own.replace("https://", ""),
            house.ticket("a").await
        );
        let answer = Page::asks(&house, head.replace(leaves_out, instead).as_bytes()).await.head;
        assert!(["HTTP/1.1 400", "HTTP/1.1 426"].iter().any(|status| answer.starts_with(status)), "{leaves_out}: {answer}");
    }
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_58_markup_in_a_label_and_a_purpose_is_text() {
    let script = Script::start(3, number::RAW).await;
    let label = "<b onmouseover=taken()>Cabinet</b>";
    let house = House::open(&demo_site("a", script.address).replace("Cabinet a", label)).await;
    house.show("a").await;
    let agency = Agency { house, script };
    let house = &agency.house;
    let purpose = "<img src=x onerror=\"document.title='taken'\"><script>document.title='taken'</script>".to_owned();
    let (site, now) = (super::house::name("a"), house.clock.wall());
    let terms = house.company.terms(&site, lucarne::governance::Kind::Demo, now, time::Duration::days(1));
    let Outcome::Planned { engagement } =
        went_well(house.order(Act::Plan { terms: Terms { purpose: purpose.clone(), ..terms } }).await).unwrap()
    else {
        panic!("nothing was planned")
    };
    let login = house.company.auditor.login.clone();
    went_well(house.order(Act::Assign { engagement, login }).await).unwrap();
    let chromium = Chromium::start("fr", (1280, 720)).await;
    agency.enters(&chromium).await;
    chromium.until_it_reads("#engagements", &purpose).await;
    chromium.until_it_reads("#engagements", label).await;
    assert_eq!(chromium.runs("return document.querySelectorAll('#engagements :is(img, script, b)').length").await, 0);
    chromium.clicks("#engagements button").await;
    chromium.until_it_reads("#label", label).await;
    assert_eq!(chromium.runs("return document.title").await, "Lucarne");
    // And if some were there, the policy of the page would not run it.
    let added = "const it = document.createElement('script'); it.textContent = \"document.title='taken'\"; \
                 document.body.append(it); const image = document.createElement('div'); \
                 image.innerHTML = \"<img src=x onerror=\\\"document.title='taken'\\\">\"; document.body.append(image); \
                 await new Promise((done) => setTimeout(done, 300)); return document.title";
    assert_eq!(chromium.awaits(added).await, "Lucarne");
    agency.house.close().await;
}
