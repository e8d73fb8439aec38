//! Programs that act for people: tokens, the description of all acts, and what a script learns from how a command ends.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use lucarne::demo::rehearsal::{Person, file, hire, went_well};
use lucarne::governance::{Right, Role, Secret};
use lucarne::node::act::{Act, Order, Outcome};
use lucarne::rfb::encoding::number;
use time::OffsetDateTime;

use super::engagements::code;
use super::house::{House, demo_site, name};
use super::process::served;
use super::script::Script;

async fn house() -> (Script, House) {
    let script = Script::start(1, number::RAW).await;
    let house = House::open(&demo_site("a", script.address)).await;
    (script, house)
}

/// Somebody makes a token; gives its secret.
async fn lent(house: &House, person: &Person, rights: &[Right], ends: OffsetDateTime) -> Result<Secret, Outcome> {
    // Digits are good once.
    house.clock.advance(Duration::from_secs(60));
    let (label, code) = ("Nagios".to_owned(), person.digits(&house.clock).unwrap().into());
    let rights: BTreeSet<Right> = rights.iter().copied().collect();
    match house.by(person, Act::IssueToken { label, rights, ends, code }).await {
        Outcome::Token { secret, .. } => Ok(secret),
        other => Err(other),
    }
}

async fn by_token(house: &House, token: &Secret, act: Act) -> Outcome {
    house.node().shared().perform(Order { token: Some(token.clone()), act }).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r34_a_token_does_what_was_lent_until_it_ends_and_nothing_that_takes_a_person() {
    let (_script, house) = house().await;
    let admin = &house.company.admin;
    let days = |days| house.clock.wall() + time::Duration::days(days);
    for (rights, ends, refused) in [
        (&[Right::Approve][..], days(30), "right_not_lent"),
        (&[], days(30), "right_not_lent"),
        (&[Right::SeeSites], days(91), "token_too_long"),
        (&[Right::SeeSites], days(-1), "token_too_long"),
        (&[Right::Consent], days(30), "not_your_role"),
    ] {
        assert_eq!(code(lent(&house, admin, rights, ends).await.err().unwrap()), refused);
    }
    // The digits are guessed five times, then wait: whoever found somebody's terminal gets no further.
    let guess = || Act::IssueToken { label: "x".into(), rights: [Right::SeeSites].into(), ends: days(1), code: "000000".into() };
    for _ in 0..5 {
        assert_eq!(code(house.by(admin, guess()).await), "second_factor_wrong");
    }
    assert_eq!(code(house.by(admin, guess()).await), "login_wait");
    house.clock.advance(Duration::from_secs(3600));
    went_well(admin.log_in(&**house.node().shared()).await.unwrap()).unwrap();
    let token = lent(&house, admin, &[Right::SeeSites, Right::TakeAway], days(30)).await.unwrap();
    assert!(matches!(by_token(&house, &token, Act::ListSites).await, Outcome::Sites { .. }));
    went_well(by_token(&house, &token, Act::Stop { site: name("a") }).await).unwrap();
    assert_eq!(code(by_token(&house, &token, Act::ListAccounts { after: None }).await), "beyond_token");
    assert_eq!(code(by_token(&house, &token, Act::WhoAmI).await), "beyond_token");
    let stopped = house.entry(|entry| entry.kind() == "site.standing" && entry.text("standing") == "stopped").await;
    let sealed = stopped.sealed.unwrap();
    assert!(sealed["token"].as_str().unwrap().starts_with("k-") && sealed["by"].is_string(), "by whom, and by which token");
    let Outcome::Tokens { tokens } = house.by(admin, Act::ListTokens { login: None }).await else { panic!("tokens") };
    assert!(tokens.len() == 1 && tokens[0].used.is_some() && tokens[0].label == "Nagios", "{tokens:?}");
    // It is no way to more: an rssi sees it, and ends it.
    let rssi = &house.company.rssi;
    let Outcome::Tokens { tokens } = house.by(rssi, Act::ListTokens { login: Some(admin.login.clone()) }).await else {
        panic!("tokens")
    };
    let end = |person| house.by(person, Act::EndToken { token: tokens[0].id.clone() });
    assert_eq!(code(end(&house.company.auditor).await), "token_unknown");
    went_well(end(rssi).await).unwrap();
    assert_eq!(code(by_token(&house, &token, Act::ListSites).await), "token_over");
    house.close().await;
}

/// The owner's password and account keep it alive, whatever its own end is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r34_r35_a_token_ends_by_its_time_with_its_owners_password_and_with_the_account() {
    let (_script, house) = house().await;
    let (stage, company) = (&**house.node().shared(), &house.company);
    let join = |login| (login, "Camille Crise", vec![Role::Crisis], None, file(house.clock.wall().date()));
    let sees = async |token: &Secret| code(by_token(&house, token, Act::ListSites).await);
    let one = hire(stage, &company.admin, &company.rssi, join("une"), "Correct-h0rse").await.unwrap();
    let (hour, days) = (house.clock.wall() + time::Duration::hours(1), house.clock.wall() + time::Duration::days(80));
    let [short, long] = [lent(&house, &one, &[Right::SeeSites], hour).await, lent(&house, &one, &[Right::SeeSites], days).await];
    let (short, long) = (short.unwrap(), long.unwrap());
    house.clock.advance(Duration::from_secs(3600));
    assert_eq!(sees(&short).await, "token_over");
    assert!(matches!(by_token(&house, &long, Act::ListSites).await, Outcome::Sites { .. }), "a login would be over by now");
    // Another password: what it lent is over.
    house.clock.advance(Duration::from_secs(2 * 86400));
    let change = Act::ChangePassword {
        login: "une".into(),
        old: "Correct-h0rse".into(),
        code: Some(one.digits(&house.clock).unwrap().into()),
        device: None,
        new: "Nouveau-Ch3val".into(),
    };
    went_well(house.node().shared().perform(Order { token: None, act: change }).await).unwrap();
    assert_eq!(sees(&long).await, "token_over");
    let other = hire(stage, &company.admin, &company.rssi, join("autre"), "Correct-h0rse").await.unwrap();
    let token = lent(&house, &other, &[Right::SeeSites], house.clock.wall() + time::Duration::days(89)).await.unwrap();
    went_well(house.by(&company.rssi, Act::DisableAccount { login: "autre".into() }).await).unwrap();
    assert_eq!(sees(&token).await, "token_over");
    house.close().await;
}

/// schemathesis, told what there is by the node itself, orders whatever it can think of.
fn schemathesis(house: &House, token: Option<&str>, letters: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let url = format!("https://localhost:{}/v1/openapi.json", house.node().addresses.api.unwrap().port());
    let mut command = Command::new(root.join("target/venv/bin/schemathesis"));
    // What is valid may be impossible all the same (422): that is no fault.
    command.args(["run", &url, "--checks", "all", "--exclude-checks", "positive_data_acceptance", "--warnings", "off"]);
    command.args(["--phases", "coverage,fuzzing", "--max-examples", "4", "--seed", "7", "--no-color", "--tls-verify"]);
    command.arg(house.dir.path().join("ca.pem")).current_dir(house.dir.path());
    // It would end the login that all the others need.
    command.args(["--include-operation-id-regex", &format!("^[{letters}]"), "--exclude-operation-id", "logout"]);
    if let Some(token) = token {
        command.args(["-H", &format!("Authorization: Bearer {token}")]);
    }
    let done = command.output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    let entries = house.entries();
    let came = entries.iter().filter(|entry| entry.kind() == "conn.attempt").count();
    let turned: Vec<String> =
        entries.iter().filter(|entry| entry.kind() == "conn.refused").map(|e| e.public.to_string()).collect();
    assert!(done.status.success(), "{text}\n{came} connections: {turned:#?}");
    text
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn schemathesis_finds_no_fault_of_the_node_and_no_answer_that_is_not_described() {
    let (_script, house) = house().await;
    let (stage, company) = (&**house.node().shared(), &house.company);
    let roles = vec![Role::Auditor, Role::Admin, Role::Rssi, Role::Dpo, Role::Crisis, Role::Physician];
    let join = ("tout", "Tout Faire", roles, None, file(house.clock.wall().date()));
    let everything = hire(stage, &company.admin, &company.rssi, join, "Correct-h0rse").await.unwrap();
    house.by(&everything, Act::WhoAmI).await;
    for person in [Some(&everything), Some(&company.contacts[&name("a")]), None] {
        // A known address may cause six hundred connections an hour that end in no session.
        house.clock.advance(Duration::from_secs(3600));
        if let Some(person) = person {
            house.by(person, Act::WhoAmI).await;
        }
        let token = person.map(|person| {
            let order = serde_json::to_value(person.orders(Act::WhoAmI)).unwrap();
            order["token"].as_str().unwrap().to_owned()
        });
        // It comes anew for each operation, and an address may a hundred and twenty times a minute.
        for letters in ["a", "b-k", "l-n", "o-z"] {
            let [first, last] = [letters.chars().next(), letters.chars().last()].map(Option::unwrap);
            let named = |name: &str| name.chars().next().is_some_and(|letter| (first..=last).contains(&letter));
            let count = Act::ALL.iter().filter(|about| named(about.name) && about.name != "logout").count();
            let told = tokio::task::block_in_place(|| schemathesis(&house, token.as_deref(), letters));
            assert!(told.contains(&format!("Tested: {count}")), "{told}");
            house.clock.advance(Duration::from_secs(60));
        }
    }
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_script_learns_from_the_exit_code_how_a_command_went() {
    let served = served("").await;
    let folder = tempfile::TempDir::new().unwrap();
    let run = |config: &Path, session: &str, token: Option<&Secret>, words: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lucarne"));
        command.env("LUCARNE_CONFIG", config).env("LUCARNE_SESSION", folder.path().join(session)).args(words);
        if let Some(token) = token {
            command.env("LUCARNE_TOKEN", token.as_str());
        }
        let done = command.output().unwrap();
        (
            done.status.code().unwrap(),
            format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr)),
        )
    };
    let (stage, admin) = (&served.people.stage, &served.people.company.admin);
    let (rights, ends) =
        ([Right::SeeSites, Right::TakeAway, Right::KeepFiles].into(), served.clock.wall() + time::Duration::days(1));
    let issue = Act::IssueToken { label: "Script".into(), rights, ends, code: admin.digits(&served.clock).unwrap().into() };
    let Outcome::Token { secret, .. } = admin.order(stage, issue).await.unwrap() else { panic!("a token") };
    let here = |token, words: &[&str]| run(&served.config, "nobody", token, words);
    let expect = |(code, words): (i32, String), expected: i32, says: &str| {
        assert!(code == expected && words.contains(says), "{code} instead of {expected}: {words}");
    };
    expect(here(Some(&secret), &["site", "list"]), 0, "my-site");
    expect(here(Some(&secret), &["site", "lst"]), 2, "unrecognized subcommand");
    expect(here(Some(&secret), &["--json", "freeze", "list"]), 3, "\"code\":\"beyond_token\"");
    expect(here(None, &["site", "list"]), 4, "lucarne: ");
    expect(here(Some(&secret), &["account", "file", "nobody", "--mail", "a@b.fr"]), 5, "there is no account \"nobody\"");
    let elsewhere = folder.path().join("n2/lucarne.toml");
    expect(run(&elsewhere, "nobody", None, &["init", folder.path().join("n2").to_str().unwrap()]), 0, "first rssi");
    expect(run(&elsewhere, "nobody", None, &["site", "list"]), 6, "no node runs");
    // What needs no node.
    expect(here(None, &["openapi"]), 0, "\"openapi\": \"3.1.0\"");
    expect(here(None, &["completions", "bash"]), 0, "complete -F _lucarne");
    let manuals = folder.path().join("man");
    expect(here(None, &["manuals", manuals.to_str().unwrap()]), 0, "");
    let page = std::fs::read_to_string(manuals.join("lucarne-engagement-ticket.1")).unwrap();
    assert!(page.contains(".SH SYNOPSIS"), "{page}");
}
