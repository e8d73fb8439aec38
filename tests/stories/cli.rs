//! The command line, as people type it: a node from nothing to a picture, and what wrong settings say.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use lucarne::clock::Clock;
use lucarne::config::Config;
use lucarne::rfb::PixelFormat;
use lucarne::rfb::encoding::number;

use super::eye::{Eye, exact};
use super::process::codes;
use super::programs::{Program, free_port};
use super::script::Script;

pub fn lucarne(config: &Path, arguments: &[&str], input: &str) -> Output {
    use std::io::Write;
    use std::process::Stdio;
    let mut command = Command::new(env!("CARGO_BIN_EXE_lucarne"));
    command.env("LUCARNE_CONFIG", config).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

/// What a command says when all is well.
#[track_caller]
pub fn says(config: &Path, arguments: &[&str], input: &str) -> String {
    let done = lucarne(config, arguments, input);
    assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

/// What a command says when it fails.
#[track_caller]
pub fn complains(config: &Path, arguments: &[&str], input: &str) -> String {
    let done = lucarne(config, arguments, input);
    assert!(!done.status.success(), "{arguments:?} went well");
    String::from_utf8(done.stderr).unwrap()
}

/// People at their terminals: each with a login of their own.
struct People {
    config: PathBuf,
    dir: PathBuf,
    clock: Clock,
}

const PASSWORD: &str = "Correct-h0rse";

impl People {
    fn by_input(&self, who: &str, arguments: &[&str], input: &str, well: bool) -> String {
        let session = self.dir.join(format!("session-{who}"));
        let arguments = [&["--session", session.to_str().unwrap()], arguments].concat();
        if well { says(&self.config, &arguments, input) } else { complains(&self.config, &arguments, input) }
    }

    fn by(&self, who: &str, arguments: &[&str]) -> String {
        self.by_input(who, arguments, "", true)
    }

    fn complains(&self, who: &str, arguments: &[&str]) -> String {
        self.by_input(who, arguments, "", false)
    }

    /// Opens an account by its code and logs in; gives the authenticator.
    async fn enrols(&self, login: &str, name: Option<&str>, code: &str) -> String {
        let name: Vec<&str> = name.into_iter().flat_map(|name| ["--name", name]).collect();
        let words = self.by_input(login, &[&["enrol", login], name.as_slice()].concat(), &format!("{code}\n{PASSWORD}\n"), true);
        let secret = words.lines().find_map(|line| line.strip_prefix("secret")).unwrap().trim().to_owned();
        let digits = self.digits(&secret, 0);
        self.by_input(login, &["login", login], &format!("{PASSWORD}\n{digits}\n"), true);
        secret
    }

    fn digits(&self, secret: &str, steps: u64) -> String {
        let secret = totp_rs::Secret::try_from_base32(secret).unwrap();
        let totp = totp_rs::Builder::new().with_algorithm(totp_rs::Algorithm::SHA1).with_secret(secret).build().unwrap();
        totp.generate(self.clock.wall().unix_timestamp() as u64 + 30 * steps).to_string()
    }

    /// Adrien asks, Rachida approves; what each was given of a code.
    fn together(&self, arguments: &[&str]) -> String {
        let half = |words: &str| {
            let line = words.lines().find_map(|line| line.strip_prefix("half"));
            line.map(|line| line.split_whitespace().next().unwrap().to_owned()).unwrap_or_default()
        };
        let asked = self.by("adrien", arguments);
        let request = asked.split_whitespace().nth(1).unwrap().trim_end_matches(';').to_owned();
        let waiting = self.by("rachida", &["request", "list"]);
        assert!(waiting.contains(&request) && !waiting.contains('{'), "{waiting}");
        // What is not said is said to be none: an account without an end is no small thing.
        assert!(
            arguments[0] != "account" || waiting.lines().any(|line| line.trim().starts_with("ends ") && line.ends_with("none"))
        );
        assert!(self.complains("adrien", &["request", "approve", &request]).contains("another person must approve"));
        let approved = self.by("rachida", &["request", "approve", &request]);
        format!("{}-{}", half(&asked), half(&approved))
    }
}

/// The first two people open their accounts, each by a code of their own.
async fn genesis_by_commands(people: &People, old: &str, rssi: &str, admin: &str) {
    let words = people.by_input("rssi", &["enrol", "rachida", "--name", "Rachida"], &format!("{old}\nCorrect-h0rse\n"), false);
    assert!(words.contains("Unknown, expired or used enrolment code"), "{words}");
    let words = people.by_input("rssi", &["enrol", "rachida", "--name", "Rachida"], &format!("{rssi}\nsimple\n"), false);
    assert!(words.contains("at least 10 characters"), "{words}");
    people.enrols("rachida", Some("Rachida Sécurité"), rssi).await;
    people.enrols("adrien", Some("Adrien Gestion"), admin).await;
}

/// All that comes before a Show, as people type it.
async fn a_visit_by_commands(people: &People, paper: &Path) -> String {
    std::fs::write(paper, "what is agreed\n").unwrap();
    let paper = paper.to_str().unwrap();
    people.together(&["paper", "publish", "charter", paper, "--as", "1.0"]);
    people.together(&["paper", "publish", "procedure", paper, "--as", "1.0"]);
    people.together(&["site", "approve", "my-site"]);
    let file = ["--job", "FP-7", "--job-date", "2026-01-05", "--clause", paper, "--clause-signed", "2026-01-05"];
    let claire = ["account", "add", "claire", "--name", "Claire Martin", "--role", "auditor", "--awareness", &today(people)];
    let code = people.together(&[&claire[..], &file[..]].concat());
    people.enrols("claire", None, &code).await;
    people.by("claire", &["charter", paper]);
    let dominique = ["account", "add", "dominique", "--name", "Dominique Contact", "--role", "contact", "--site", "my-site"];
    let code = people.together(&dominique);
    let secret = people.enrols("dominique", None, &code).await;
    let (opens, closes) = (format!("{}T00:00Z", today(people)), "2999-01-01T00:00Z");
    let visit = ["--kind", "visit", "--site", "my-site", "--purpose", "Dossier patient", "--opens", &opens, "--closes", closes];
    let place = ["--place", "Chez l'éditeur", "--agreed-by", "Dominique", "--agreed-on", "2026-01-05", "--class", "C1"];
    let planned = people.by("adrien", &[&["engagement", "plan"], &visit[..], &place[..]].concat());
    let engagement = planned.split_whitespace().nth(1).unwrap().to_owned();
    people.by("adrien", &["engagement", "assign", &engagement, "claire"]);
    let digits = format!("{}\n", people.digits(&secret, 1));
    people.by_input("dominique", &["engagement", "accept", &engagement, "--no-health-data"], &digits, true);
    people.by("dominique", &["engagement", "operator", &engagement, "Dominique Contact"]);
    assert!(people.by("adrien", &["engagement", "list"]).contains("accepted  visit C1 on my-site"));
    engagement
}

fn today(people: &People) -> String {
    people.clock.wall().date().to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newcomer_gets_from_nothing_to_a_picture_by_commands() {
    let dir = tempfile::TempDir::new().unwrap();
    let (root, clock) = (dir.path().join("n1"), Clock::system());
    let script = Script::start(2, number::TIGHT).await;
    let config = root.join("lucarne.toml");
    let words = says(&config, &["init", root.to_str().unwrap()], "");
    // Until somebody has used them, the codes are given anew.
    let [old, _] = codes(&words);
    let [rssi, admin] = codes(&says(&config, &["init", root.to_str().unwrap()], ""));
    assert_ne!(old, rssi);
    let (viewers, monitor) = (free_port(), free_port());
    let text = std::fs::read_to_string(&config).unwrap();
    let text = text.replace("127.0.0.1:5901", &script.address.to_string()).replace("5920", &viewers.to_string());
    std::fs::write(&config, text.replace("9620", &monitor.to_string())).unwrap();
    let checked = says(&config, &["check"], "");
    assert!(checked.contains("ok   site my-site             200×150, RFB 3.8, None (1), no TLS"), "{checked}");
    assert!(
        checked.contains("offers None (1)") && checked.contains("note site my-site             neither TLS nor a password"),
        "{checked}"
    );
    assert!(complains(&config, &["site", "list"], "").contains("start it with `lucarne serve`"));
    let mut serve = Command::new(env!("CARGO_BIN_EXE_lucarne"));
    let node = Program::start(serve.args(["serve", "--log-json"]).env("LUCARNE_CONFIG", &config), &dir.path().join("serve.log"));
    while !root.join("data/control.sock").exists() {
        clock.sleep(Duration::from_millis(20)).await;
    }
    let people = People { config: config.clone(), dir: dir.path().to_owned(), clock: clock.clone() };
    genesis_by_commands(&people, &old, &rssi, &admin).await;
    let engagement = a_visit_by_commands(&people, &dir.path().join("paper")).await;
    let checked = people.by("claire", &["engagement", "check", &engagement]);
    assert!(checked.contains("MISSING R18") && checked.matches("MISSING").count() == 1, "{checked}");
    assert!(people.complains("claire", &["engagement", "show", &engagement]).contains("Your role does not allow this"));
    assert_eq!(people.by("dominique", &["engagement", "show", &engagement]), "my-site is shown\n");
    assert!(people.complains("claire", &["engagement", "ticket", &engagement]).contains("acknowledge the reminder"));
    let ticket = people.by("claire", &["--json", "engagement", "ticket", &engagement, "--acknowledge"]);
    let ticket: serde_json::Value = serde_json::from_str(&ticket).unwrap();
    let secret = ticket["secret"].as_str().unwrap();
    let door = super::eye::Door::at(([127, 0, 0, 1], viewers).into(), root.join("certs/ca.pem"), &clock);
    let mut eye = Eye::through(&door, "claire", secret, PixelFormat::NATIVE, &exact(number::TIGHT)).await.unwrap();
    assert!(eye.watch_until(|picture| picture.size() == super::script::SIZE).await);
    let sites = people.by("dominique", &["site", "list"]);
    assert!(sites.contains("showing") && sites.contains("200×150") && sites.contains("watched by Claire Martin"), "{sites}");
    let clauses = people.by("rachida", &["compliance"]);
    assert!(clauses.contains("R44  held") && clauses.contains("R57  OFF"), "{clauses}");
    people.by("rachida", &["account", "disable", "claire"]);
    eye.watch_to_the_end().await;
    let mut entries = String::new();
    while !entries.contains("view.ended") {
        clock.sleep(Duration::from_millis(100)).await;
        entries = says(&config, &["trace", "tail", "-n", "100"], "");
    }
    assert!(entries.contains("view.ended") && entries.contains("account_disabled") && !entries.contains("Claire"), "{entries}");
    assert!(says(&config, &["trace", "tail", "-n", "100", "--sealed"], "").contains("Claire Martin"));
    an_exercise_by_commands(&people, &engagement);
    assert!(people.complains("rachida", &["account", "unlock", "nobody"]).contains("lucarne account list"));
    drop(node);
    names_nobody(&dir.path().join("serve.log"), secret);
}

/// Everything is frozen, and an incident reported.
fn an_exercise_by_commands(people: &People, engagement: &str) {
    assert!(people.by("rachida", &["freeze", "everything", "--reason", "Exercice"]).contains("lucarne freeze lift f-"));
    assert!(people.by("adrien", &["freeze", "list"]).contains("everything  by rachida"));
    let report = ["incident", "report", "security", "Exercice", "--site", "my-site", "--view", "s-1"];
    people.by("adrien", &report);
    let listed = people.by("rachida", &["incident", "list"]);
    assert!(listed.contains("! the authority is to be told by") && listed.contains("about site my-site"), "{listed}");
    assert!(people.complains("dominique", &["engagement", "show", engagement]).contains("Frozen by somebody in charge"));
}

/// No person and no ticket is in the logs.
fn names_nobody(log: &Path, secret: &str) {
    let words = std::fs::read_to_string(log).unwrap();
    assert!(!words.contains("laire") && !words.contains(&secret[..8]), "{words}");
}

#[test]
fn wrong_settings_are_named_by_file_line_and_key_with_what_to_write() {
    let good = include_str!("../../src/cli/lucarne.toml");
    let file = Path::new("/etc/lucarne/lucarne.toml");
    assert!(Config::parse(file, good).is_ok());
    let line = |needle: &str| good.lines().position(|line| line.contains(needle)).unwrap() + 1;
    let cases = [
        ("address = \"127.0.0.1:5901\"", "address = \"127.0.0.1\"", "site.address", "write host and port"),
        ("kind = \"demo\"", "kind = \"production\"", "site.security", "a production site needs"),
        ("security = \"none\"", "security = \"vencrypt\"", "site.security", "add `ca = \"…\"`"),
        ("listen = \"127.0.0.1:9620\"", "listen = \"0.0.0.0:9620\"", "monitor.listen", "only loopback"),
        ("name = \"my-site\"", "name = \"My Site\"", "TOML", "lower-case letters"),
        ("# max_fps = 30", "max_fps = 300 #", "site.max_fps", "from 1 to 60"),
        ("# pin = \"…\"", "pin = \"abc\" #", "site.pin", "64 hexadecimal digits"),
        ("# jpeg = \"films\"", "jpeg = \"sometimes\" #", "TOML", "sometimes"),
        ("# login = { password_file", "login = { password_file", "site.login.password_file", "cannot be read"),
    ];
    for (from, to, key, remedy) in cases {
        let error = Config::parse(file, &good.replacen(from, to, 1)).unwrap_err();
        let words = error.to_string();
        assert!(words.starts_with("/etc/lucarne/lucarne.toml, line "), "{words}");
        assert!(words.contains(key) && words.contains(remedy), "{to}: {words}");
        let expected = if key == "site.security" { line("security = \"none\"") } else { line(from) };
        assert_eq!(error.line, expected, "{words}");
    }
    let twice = format!("{good}\n{}", &good[good.find("[[site]]").unwrap()..]);
    let error = Config::parse(file, &twice).unwrap_err();
    let second = twice.lines().enumerate().filter(|(_, line)| line.starts_with("name = \"my-site\"")).nth(1).unwrap().0 + 1;
    assert!(error.line == second && error.to_string().contains("two sites are called"), "{error}");
}

/// The demonstration says what to type; typed as it stands, it shows the practice. Ctrl-C leaves nothing behind.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_demonstration_is_seen_by_what_it_says_and_leaves_nothing_behind() {
    let dir = tempfile::TempDir::new().unwrap();
    let (clock, words) = (Clock::system(), dir.path().join("words"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_lucarne"));
    let mut demo = Program::start(command.arg("demo").env("TMPDIR", dir.path()), &words);
    let said = || std::fs::read_to_string(&words).unwrap();
    while !said().contains("Press Enter") {
        clock.sleep(Duration::from_millis(50)).await;
        assert!(demo.ended().is_none(), "{}", said());
    }
    let text = said();
    let after = |start: &str| text.split(start).nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    let door =
        super::eye::Door::at(([127, 0, 0, 1], after("localhost::").parse().unwrap()).into(), after("-X509CA").into(), &clock);
    assert!(door.ca.starts_with(dir.path()), "its files are in the temporary directory");
    let mut eye =
        Eye::through(&door, &after("\n     user name"), &after("\n     password"), PixelFormat::NATIVE, &exact(number::TIGHT))
            .await
            .unwrap();
    let blue = lucarne::geometry::Pixel::rgb(0x1f, 0x5f, 0xa8);
    assert!(eye.watch_until(|picture| picture.size() == lucarne::demo::SIZE && picture.pixels().contains(&blue)).await);
    assert!(Command::new("kill").args(["-INT", &demo.id().to_string()]).status().unwrap().success());
    while demo.ended().is_none() {
        clock.sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(demo.ended(), Some(0));
    let left: Vec<_> = std::fs::read_dir(dir.path()).unwrap().flatten().map(|entry| entry.file_name()).collect();
    assert_eq!(left, ["words"], "{left:?}");
}

/// The same, looked at by a browser that is told what a person is told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_demonstration_checks_itself_with_a_browser() {
    let dir = tempfile::TempDir::new().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_lucarne"));
    command.args(["demo", "--browser-check"]).env("TMPDIR", dir.path());
    let done = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "{said}{}", String::from_utf8_lossy(&done.stderr));
    assert_eq!(said.matches("\n  ok  ").count(), 4, "{said}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "nothing is left");
}
