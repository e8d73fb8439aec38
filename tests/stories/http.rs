//! Orders by HTTP, as curl gives them; and hydra, who guesses at every door and gets nowhere.

use std::net::Ipv4Addr;
use std::process::Command;
use std::time::Duration;

use lucarne::demo::rehearsal::went_well;
use lucarne::node::act::{Act, Outcome};
use lucarne::rfb::encoding::number;
use tokio::io::AsyncReadExt;

use super::bystander::Bystander;
use super::eye::{Eye, exact, stranger};
use super::house::{House, demo_site};
use super::script::Script;

async fn house() -> (Script, House) {
    let script = Script::start(2, number::RAW).await;
    let house = House::open(&demo_site("a", script.address)).await;
    (script, house)
}

fn port(house: &House) -> u16 {
    house.node().addresses.api.unwrap().port()
}

/// What curl is told: the status and the answer.
async fn posts(house: &House, token: Option<&str>, body: &str) -> (u16, serde_json::Value) {
    posts_from(house, Ipv4Addr::LOCALHOST, token, body).await
}

/// The same, from any address of loopback.
pub async fn posts_from(house: &House, from: Ipv4Addr, token: Option<&str>, body: &str) -> (u16, serde_json::Value) {
    // Written with its act in it, for those who read the story.
    let (act, body) = match serde_json::from_str(body) {
        Ok(serde_json::Value::Object(mut says)) => {
            (says.remove("act").unwrap().as_str().unwrap().to_owned(), serde_json::Value::Object(says).to_string())
        }
        _ => ("list_sites".to_owned(), body.to_owned()),
    };
    let (url, ca) = (format!("https://localhost:{}/v1/acts/{act}", port(house)), house.dir.path().join("ca.pem"));
    let mut command = Command::new("curl");
    command
        .args(["-sS", "--interface", &from.to_string(), "--max-time", "30", "-w", "\n%{http_code}", "--cacert"])
        .arg(ca)
        .args(["-d", &body]);
    if let Some(token) = token {
        command.args(["-H", &format!("Authorization: Bearer {token}")]);
    }
    let done = tokio::task::spawn_blocking(move || command.arg(url).output().unwrap()).await.unwrap();
    let text = String::from_utf8(done.stdout).unwrap();
    let (answer, status) = text.rsplit_once('\n').unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&done.stderr)));
    (status.parse().unwrap(), serde_json::from_str(answer).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_http_the_same_people_do_the_same_things() {
    let (_script, house) = house().await;
    let engagement = house.engagement("a").await;
    let claire = &house.company.auditor;
    house.clock.advance(Duration::from_secs(60));
    let login = |digits: &str| {
        format!(r#"{{"act":"login","login":"claire","password":"Correct-h0rse","code":"{digits}","device":null}}"#)
    };
    let (status, welcome) = posts(&house, None, &login(&claire.digits(&house.clock).unwrap())).await;
    assert_eq!((status, &welcome["outcome"], &welcome["name"]), (200, &"welcome".into(), &"Claire Martin".into()));
    let token = welcome["token"].as_str();
    let (status, list) = posts(&house, token, r#"{"act":"list_engagements"}"#).await;
    assert_eq!((status, &list["engagements"][0]["state"]), (200, &"accepted".into()), "{list}");
    house.show("a").await;
    let ask =
        format!(r#"{{"act":"issue_ticket","engagement":"{engagement}","acknowledged":true,"short":false,"certificate":null}}"#);
    let (status, ticket) = posts(&house, token, &ask).await;
    assert_eq!(status, 200, "{ticket}");
    let mut eye = Eye::enter(&house, ticket["secret"].as_str().unwrap(), &exact(number::RAW)).await.unwrap();
    eye.ask(false).await;
    assert!(eye.update().await);
    // What is refused says so in words and by its code; what cannot be read says where.
    let show = format!(r#"{{"act":"show","engagement":"{engagement}","wait":false}}"#);
    let (status, refused) = posts(&house, token, &show).await;
    assert_eq!((status, &refused["code"]), (403, &"not_your_role".into()));
    assert!(refused["message"].as_str().unwrap().contains("Your role does not allow this"), "{refused}");
    let (status, nobody) = posts(&house, None, r#"{"act":"list_sites"}"#).await;
    assert_eq!((status, &nobody["code"]), (401, &"session_over".into()));
    let (status, wrong) = posts(&house, None, &login("000000")).await;
    assert_eq!((status, &wrong["code"]), (401, &"login_wrong".into()));
    for (body, expected, words) in [
        ("{", 400, "no object in JSON"),
        (r#"["a"]"#, 400, "no object in JSON"),
        (r#"{"act":"fly"}"#, 404, "there is no act"),
        (r#"{"act":"pause"}"#, 400, "missing field `site`"),
        (
            r#"{"act":"report","nature":"security","title":"Vu","knwon":"2026-03-01T09:00:00Z"}"#,
            400,
            "no such field as \"knwon\"",
        ),
        (r#"{"act":"list_sites","page":2}"#, 400, "no such field as \"page\""),
    ] {
        let (status, answer) = posts(&house, token, body).await;
        assert!(status == expected && answer["message"].as_str().unwrap().contains(words), "{answer}");
    }
    let entry = house.entry(|entry| entry.kind() == "conn.attempt" && entry.text("listener") == "api").await;
    assert!(!entry.public.to_string().contains("127.0.0.1"), "R44, with the address sealed");
    house.close().await;
}

/// Who tries too often waits, in whatever form the orders come; what nobody in particular orders is counted, not told one
/// by one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r34_by_http_ways_in_have_a_rate_and_orders_without_a_login_are_counted() {
    let (_script, house) = house().await;
    let mut told = Vec::new();
    for n in 0..40 {
        let body = [
            r#"{"act":"enrol","login":"nobody","code":"x","password":"y"}"#,
            r#"{"act":"enrol","login":"nobody","name":null,"code":"x","password":"y"}"#,
        ];
        told.push(posts(&house, None, body[n % 2]).await.0);
    }
    let refused = told.iter().filter(|status| **status == 429).count();
    // Some thirty at once, and one more every two seconds.
    assert!((1..=20).contains(&refused) && told.iter().filter(|status| **status == 401).count() == 40 - refused, "{told:?}");
    for _ in 0..5 {
        assert_eq!(posts(&house, None, r#"{"act":"who_am_i"}"#).await.0, 401);
    }
    assert!(!house.entries().iter().any(|entry| entry.kind() == "act.refused"), "nobody is written down for nothing");
    house.pass(62).await;
    let folded = house.entry(|entry| entry.kind() == "conn.refused" && entry.text("cause") == "session_over").await;
    assert_eq!(folded.count("attempts"), Some(5));
    house.close().await;
}

/// No clear text, no long body, no connection that stays.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_door_for_orders_is_tls_bounded_and_patient_for_a_minute() {
    use tokio::io::AsyncWriteExt;
    let (_script, house) = house().await;
    let mut clear = stranger(house.node().addresses.api.unwrap()).await;
    clear.write_all(b"POST /v1/acts HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _ = clear.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    let (url, ca) = (format!("https://localhost:{}/v1/acts/list_sites", port(&house)), house.dir.path().join("ca.pem"));
    let long = house.dir.path().join("long");
    std::fs::write(&long, vec![b'x'; 100_000]).unwrap();
    let mut command = Command::new("curl");
    command.args(["-sS", "-o", "/dev/null", "-w", "%{http_code}", "--cacert"]).arg(ca);
    // It asks first: a body that is on its way when the door closes would hide the answer.
    command.args(["-H", "Expect: 100-continue", "--data-binary"]).arg(format!("@{}", long.display())).arg(url);
    let done = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&done.stdout), "413");
    // Somebody who says nothing is closed when its minute is over.
    let mut silent = super::eye::secure_api(&house).await;
    silent.write_all(b"POST /v1/acts HTTP/1.1\r\n").await.unwrap();
    house.pass(62).await;
    let mut rest = Vec::new();
    let ended = house.clock.within(house.clock.now() + Duration::from_secs(5), silent.read_to_end(&mut rest)).await;
    assert!(ended.is_ok(), "it is still there");
    house.close().await;
}

/// hydra with a list that holds the right password.
async fn hydra(arguments: Vec<String>) -> String {
    // It waits for long on whoever does not answer.
    let mut command = Command::new("timeout");
    command.args(["25", "hydra", "-t", "8", "-I", "-f"]).args(arguments);
    let done = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r34_hydra_gets_nowhere_and_locks_no_innocent_out() {
    let script = Bystander::site().await;
    let house = House::with("connections_per_minute = 120", &demo_site("a", script.address)).await;
    let bystander = Bystander::looks(&house, script).await;
    let list = house.dir.path().join("list");
    let words: Vec<String> = (0..24).map(|n| format!("Cheval-neuf-{n}")).chain(["Correct-h0rse".to_owned()]).collect();
    std::fs::write(&list, words.join("\n")).unwrap();
    let list = list.display().to_string();
    let form = r#"/v1/acts/login:{"login"\:"^USER^","password"\:"^PASS^","code"\:"000000","device"\:null}:S=welcome"#;
    let at = |port: u16| vec!["-P".to_owned(), list.clone(), "-s".to_owned(), port.to_string()];
    let login = [vec!["-l".to_owned(), "claire".to_owned()], at(port(&house))].concat();
    let told = hydra([login, vec!["localhost".into(), "https-post-form".into(), form.into()]].concat()).await;
    assert!(told.contains("attacking http-post-forms") && !told.contains("password:"), "{told}");
    let (in_band, local) = (house.node().addresses.viewers.port(), house.node().addresses.local.unwrap().port());
    for door in [in_band, local] {
        let told = hydra([at(door), vec!["127.0.0.1".into(), "vnc".into()]].concat()).await;
        assert!(told.contains("attacking vnc") && !told.contains("password:"), "{told}");
    }
    let wrong = house.entries().iter().filter(|entry| entry.kind() == "auth.failed").count();
    assert!(wrong >= 5, "hydra did knock: {wrong}");
    bystander.sees_more(&house).await;
    // She comes in from her own device, and looks.
    house.clock.advance(Duration::from_secs(60));
    went_well(house.company.auditor.log_in(&**house.node().shared()).await.unwrap()).unwrap();
    let outcome = house.by(&house.company.auditor, Act::WhoAmI).await;
    assert!(matches!(outcome, Outcome::Person { .. }), "{outcome:?}");
    house.close().await;
}
