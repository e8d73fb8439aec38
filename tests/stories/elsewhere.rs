//! Orders to a node elsewhere: from known workstations where the role says so, and by the command line.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use lucarne::clock::Clock;
use lucarne::demo::rehearsal::{Person, Stage, together, went_well};
use lucarne::governance::Role;
use lucarne::governance::account::File;
use lucarne::governance::workstation::Posture;
use lucarne::node::act::{Act, Order, Outcome};
use lucarne::node::remote::Remote;
use lucarne::rfb::encoding::number;
use time::macros::datetime;

use super::engagements::code;
use super::house::{House, demo_site, name};
use super::pki::Pki;
use super::programs::free_port;
use super::script::Script;
use super::workstations::is_known;

/// Somebody's machine, with a certificate or without.
struct Machine {
    remote: Remote,
    clock: Clock,
}

impl Stage for Machine {
    async fn order(&self, order: Order) -> anyhow::Result<Outcome> {
        Ok(self.remote.order(&order, &self.clock).await?.expect("the node answers"))
    }

    fn clock(&self) -> &Clock {
        &self.clock
    }
}

struct Agency {
    pki: Pki,
    house: House,
    _script: Script,
}

/// A node whose administrators order by HTTP from known machines, up to date.
async fn agency() -> Agency {
    let (pki, script) = (Pki::new(datetime!(2026-03-01 10:00 UTC)), Script::start(1, number::RAW).await);
    let settings = format!("{}orders = [\"admin\"]\nposture_days = 30\n", pki.settings());
    let house = House::open(&format!("{settings}{}", demo_site("a", script.address))).await;
    Agency { pki, house, _script: script }
}

fn url(house: &House) -> String {
    format!("https://localhost:{}", house.node().addresses.api.unwrap().port())
}

impl Agency {
    fn machine(&self, card: Option<&str>) -> Machine {
        let identity = card.map(|name| self.pki.identity(name));
        let ca = self.house.dir.path().join("ca.pem");
        let remote = Remote::new(&url(&self.house), &ca, identity.as_deref(), &self.house.clock).unwrap();
        Machine { remote, clock: self.house.clock.clone() }
    }

    async fn lists_accounts(&self, person: &Person, card: Option<&str>) -> Outcome {
        self.machine(card).order(person.orders(Act::ListAccounts { after: None })).await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r49_r50_administrators_order_from_known_machines_alone_and_anybody_stops() {
    let agency = agency().await;
    let (house, company) = (&agency.house, &agency.house.company);
    let poste = agency.pki.card("poste1", 11);
    // None, and one that nobody has let be known.
    assert_eq!(code(agency.lists_accounts(&company.admin, None).await), "needs_certificate");
    assert_eq!(code(agency.lists_accounts(&company.admin, Some("poste1")).await), "workstation_unknown");
    let id = is_known(house, "Bureau de l'administrateur", poste).await;
    assert_eq!(code(agency.lists_accounts(&company.admin, Some("poste1")).await), "system_stale");
    let today = house.clock.wall().date();
    let Posture { system, antivirus } = Posture { system: Some(today), antivirus: Some(today) };
    went_well(house.by(&company.admin, Act::KeepPosture { workstation: id.clone(), system, antivirus }).await).unwrap();
    let accounts = agency.lists_accounts(&company.admin, Some("poste1")).await;
    assert!(matches!(accounts, Outcome::Accounts { .. }), "{accounts:?}");
    // Whose role does not say so orders as before, and the node's own machine is no network.
    assert!(matches!(agency.lists_accounts(&company.rssi, None).await, Outcome::Accounts { .. }));
    assert!(matches!(house.by(&company.admin, Act::ListAccounts { after: None }).await, Outcome::Accounts { .. }));
    // A login from there names the machine.
    house.clock.advance(std::time::Duration::from_secs(60));
    went_well(company.admin.log_in(&agency.machine(Some("poste1"))).await.unwrap()).unwrap();
    let named =
        |entry: &lucarne::trace::Entry| entry.kind() == "auth.succeeded" && format!("{:?}", entry.sealed).contains(id.as_str());
    house.entry(named).await;
    // What takes away is kept from nobody.
    let stop = || company.admin.orders(Act::Stop { site: name("a") });
    went_well(agency.machine(None).order(stop()).await.unwrap()).unwrap();
    went_well(house.by(&company.admin, Act::RetireWorkstation { workstation: id }).await).unwrap();
    assert_eq!(code(agency.lists_accounts(&company.admin, Some("poste1")).await), "workstation_retired");
    agency.house.close().await;
}

/// A certificate that is revoked is none from then on, at whichever step it is met.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r50_a_revoked_certificate_orders_nothing() {
    let agency = agency().await;
    let (house, company) = (&agency.house, &agency.house.company);
    is_known(house, "Bureau", agency.pki.card("poste1", 11)).await;
    let machine = agency.machine(Some("poste1"));
    let orders = async || code(machine.order(company.admin.orders(Act::ListAccounts { after: None })).await.unwrap());
    assert_eq!(orders().await, "system_stale", "known, and on a connection that stays");
    agency.pki.revoke(&[11]);
    house.entry(|entry| entry.text("key") == "workstations.revocations" && entry.text("outcome") == "ok").await;
    assert_eq!(orders().await, "certificate_revoked");
    assert_eq!(code(agency.lists_accounts(&company.admin, Some("poste1")).await), "certificate_revoked");
    // Neither it nor another agency's keeps a Stop.
    let stranger = Pki::new(datetime!(2026-03-01 10:00 UTC));
    stranger.card("poste1", 11);
    std::fs::copy(stranger.identity("poste1"), agency.pki.path("autre.pem")).unwrap();
    std::fs::copy(stranger.path("poste1.key"), agency.pki.path("autre.key")).unwrap();
    for card in ["poste1", "autre"] {
        went_well(agency.machine(Some(card)).order(company.admin.orders(Act::Stop { site: name("a") })).await.unwrap()).unwrap();
    }
    agency.house.close().await;
}

/// What opens an account or changes its password asks the same, once all else was right.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r50_the_ways_in_ask_for_a_known_machine_too() {
    let agency = agency().await;
    let (house, company) = (&agency.house, &agency.house.company);
    house.clock.advance(std::time::Duration::from_secs(2 * 86400));
    let changed = company.admin.change_password(&agency.machine(None), "Nouveau-Ch3val").await.unwrap();
    assert_eq!(code(changed), "needs_certificate");
    let act = Act::AskJoin {
        login: "autre".into(),
        name: "Autre Gestion".into(),
        roles: vec![Role::Admin],
        site: None,
        file: File::default(),
        ends: None,
    };
    let stage = &**house.node().shared();
    let [one, other] = together(stage, &company.admin, &company.rssi, act).await.unwrap();
    let both = format!("{}-{}", one.unwrap(), other.unwrap());
    let enrol = || Act::Enrol { login: "autre".into(), name: None, code: both.as_str().into(), password: "Correct-h0rse".into() };
    let enrolled = agency.machine(None).order(Order { token: None, act: enrol() }).await.unwrap();
    assert_eq!(code(enrolled), "needs_certificate");
    assert!(
        matches!(stage.order(Order { token: None, act: enrol() }).await.unwrap(), Outcome::Enrolled { .. }),
        "the code is there still"
    );
    agency.house.close().await;
}

/// The command line at a machine that has no settings: only where the node is.
fn lucarne(url: &str, ca: &Path, session: &Path, arguments: &[&str], input: &str) -> Output {
    use std::io::Write;
    let mut command = Command::new(env!("CARGO_BIN_EXE_lucarne"));
    command.env("LUCARNE_URL", url).env("LUCARNE_CA", ca).env("LUCARNE_SESSION", session).args(arguments);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_line_orders_a_node_elsewhere_and_says_what_stands_between() {
    let agency = agency().await;
    let (house, company) = (&agency.house, &agency.house.company);
    let (ca, session) = (house.dir.path().join("ca.pem"), house.dir.path().join("session"));
    let by = |url: &str, ca: &Path, arguments: &[&str], input: &str| lucarne(url, ca, &session, arguments, input);
    let (here, said) = (url(house), |output: &Output| String::from_utf8_lossy(&output.stderr).into_owned());
    house.clock.advance(std::time::Duration::from_secs(60));
    let digits = company.auditor.digits(&house.clock).unwrap();
    let done = by(&here, &ca, &["login", "claire"], &format!("Correct-h0rse\n{digits}\n"));
    assert!(done.status.success(), "{}", said(&done));
    let done = by(&here, &ca, &["--json", "whoami"], "");
    let person: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(person["account"]["login"], "claire", "{person}");
    // No other node is told what this one gave.
    let other_name = here.replace("localhost", "127.0.0.1");
    assert_eq!(by(&other_name, &ca, &["whoami"], "").status.code(), Some(4));
    // A refusal is one here too.
    let refused = by(&here, &ca, &["account", "list"], "");
    assert_eq!(refused.status.code(), Some(3), "{}", said(&refused));
    // What stands between is said, with what to do.
    let nobody = by(&format!("https://localhost:{}", free_port()), &ca, &["whoami"], "");
    assert_eq!(nobody.status.code(), Some(6));
    assert!(said(&nobody).contains("nobody answers at localhost"), "{}", said(&nobody));
    let plain = by(&here.replace("https", "http"), &ca, &["whoami"], "");
    assert!(said(&plain).contains("write https://HOST:PORT"), "{}", said(&plain));
    let other = agency.pki.path("ca.pem");
    let untrusted = by(&here, &other, &["whoami"], "");
    assert!(said(&untrusted).contains("Is --ca who signed its certificate?"), "{}", said(&untrusted));
    assert!(said(&by(&here, &ca, &["check"], "")).contains("leave --url"), "checked here");
    let nowhere =
        Command::new(env!("CARGO_BIN_EXE_lucarne")).args(["--url", &here, "whoami"]).env_remove("LUCARNE_CA").output().unwrap();
    assert!(said(&nowhere).contains("--ca FILE"), "{}", said(&nowhere));
    agency.house.close().await;
}
