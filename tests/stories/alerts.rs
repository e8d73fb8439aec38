//! R54, R56: people are told when something happens, by mail and webhook: that it did, never what.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use lucarne::clock::Clock;
use lucarne::demo::rehearsal::{Person, file, hire, went_well};
use lucarne::governance::account::File;
use lucarne::governance::freeze::Scope;
use lucarne::governance::incident::{Nature, Stage};
use lucarne::governance::{Alert, MailAddress, Role, Route};
use lucarne::id::IncidentId;
use lucarne::node::act::{Act, Outcome};
use lucarne::trace::Entry;
use serde_json::Value;

use super::child::Program;
use super::engagements::{Places, code, places};

/// A relay and a webhook of others' making.
pub struct Receiver {
    _program: Program,
    folder: tempfile::TempDir,
    relay: u64,
    hook: u64,
}

impl Receiver {
    pub async fn start(clock: &Clock) -> Self {
        let folder = tempfile::TempDir::new().unwrap();
        lucarne::tls::make_certificates(folder.path(), &["localhost".into(), "127.0.0.1".into()]).unwrap();
        std::fs::write(folder.path().join("webhook.secret"), "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX\n").unwrap();
        std::fs::write(folder.path().join("relay.password"), "relay-secret\n").unwrap();
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut command = Command::new(root.join("target/venv/bin/python"));
        command.arg(root.join("tests/peers/receiver.py")).arg(folder.path());
        let output = std::fs::File::create(folder.path().join("told")).unwrap();
        let program = Program(command.stdout(output).spawn().unwrap());
        let mut receiver = Self { _program: program, folder, relay: 0, hook: 0 };
        for _ in 0..500 {
            if !receiver.lines().is_empty() {
                break;
            }
            clock.sleep(Duration::from_millis(20)).await;
        }
        let ports = receiver.lines().into_iter().next().expect("it listens; ./test installs aiosmtpd and standardwebhooks");
        (receiver.relay, receiver.hook) = (ports["relay"].as_u64().unwrap(), ports["hook_port"].as_u64().unwrap());
        receiver
    }

    fn lines(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.folder.path().join("told")).unwrap();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// What arrived by mail, to `address`.
    pub fn mails(&self, address: &str) -> Vec<Value> {
        self.lines().into_iter().filter(|line| line["mail"][0] == address).collect()
    }

    pub fn hooks(&self) -> Vec<Value> {
        self.lines().into_iter().filter(|line| line["hook"].is_string()).collect()
    }

    /// How often something was refused.
    pub fn refused(&self) -> usize {
        self.lines().iter().filter(|line| line["refused"].is_string()).count()
    }

    pub fn refuses(&self, yes: bool) {
        let file = self.folder.path().join("refuse");
        if yes { std::fs::write(file, "").unwrap() } else { std::fs::remove_file(file).unwrap() }
    }

    pub fn settings(&self) -> String {
        let file = |name: &str| self.folder.path().join(name);
        let [ca, password, secret] = ["ca.pem", "relay.password", "webhook.secret"].map(file);
        format!(
            "[alerts.mail]\nrelay = \"127.0.0.1:{}\"\nfrom = \"lucarne@agence.example\"\nca = {ca:?}\n\
             login = {{ user = \"lucarne\", password_file = {password:?} }}\n\
             [alerts.webhook]\nurl = \"https://127.0.0.1:{}/alertes?de=lucarne\"\nca = {ca:?}\nsecret_file = {secret:?}\n",
            self.relay, self.hook
        )
    }
}

/// A company with a crisis cell of two, of whom one has no address, and a physician.
struct Cell {
    places: Places,
    receiver: Receiver,
    crisis: Person,
}

async fn cell() -> Cell {
    let mut places = places().await;
    let receiver = Receiver::start(&places.house.clock).await;
    let settings = receiver.settings();
    places.house.change_settings(|text| format!("{text}\n{settings}")).await;
    let today = places.house.clock.wall().date();
    let (stage, company) = (places.stage(), places.company());
    let let_in = async |login: &str, role, mail: bool| {
        let mail = mail.then(|| MailAddress::try_from(format!("{login}@agence.example")).unwrap());
        let join = (login, "Camille Crise", vec![role], None, File { mail, ..file(today) });
        hire(stage, &company.admin, &company.rssi, join, "Correct-h0rse").await.unwrap()
    };
    let crisis = let_in("cellule", Role::Crisis, true).await;
    let_in("remplacant", Role::Crisis, false).await;
    let_in("medecin", Role::Physician, true).await;
    Cell { places, receiver, crisis }
}

impl Cell {
    async fn by(&self, person: &Person, act: Act) -> Outcome {
        self.places.house.by(person, act).await
    }

    async fn reports(&self, nature: Nature, title: &str) -> IncidentId {
        let act = Act::Report { nature, title: title.into(), known: None, links: Vec::new() };
        match self.by(&self.places.company().auditor, act).await {
            Outcome::Reported { incident, .. } => incident,
            other => panic!("{other:?}"),
        }
    }

    async fn waiting(&self) -> Vec<Alert> {
        match self.places.admin(Act::ListAlerts).await {
            Outcome::Alerts { alerts } => alerts.into_iter().map(|due| due.alert).collect(),
            other => panic!("{other:?}"),
        }
    }

    /// Waits until `look` gives something. A node that had just looked when the story moved its clock looks again in a
    /// minute.
    async fn soon<T>(&self, look: impl AsyncFn() -> Option<T>) -> T {
        for turn in 1..500 {
            if let Some(found) = look().await {
                return found;
            }
            self.places.house.clock.sleep(Duration::from_millis(20)).await;
            if turn % 50 == 0 {
                self.places.house.clock.advance(Duration::from_secs(61));
            }
        }
        panic!("it did not come: {:?}", self.waiting().await);
    }

    /// So many entries of a kind, with this cause if they have one, are in the trace.
    async fn written(&self, count: usize, kind: &str, cause: &str) {
        let house = &self.places.house;
        let is_one = |entry: &Entry| entry.kind() == kind && (cause.is_empty() || entry.text("cause") == cause);
        let written = || house.entries().iter().filter(|entry| is_one(entry)).count();
        self.soon(async || (written() >= count).then_some(())).await;
        assert_eq!(written(), count);
    }

    /// So many alerts have arrived, by the trace.
    async fn arrived(&self, count: usize) {
        self.written(count, "alert.sent", "").await;
    }

    /// Both ways were tried so often in vain, and so much was refused.
    async fn tried(&self, tries: u32, refused: usize) -> Vec<Alert> {
        self.soon(async || {
            let waiting = self.waiting().await;
            let in_vain = waiting.iter().all(|alert| alert.tries >= tries && alert.trouble.is_some());
            (waiting.len() == 2 && in_vain && self.receiver.refused() >= refused).then_some(waiting)
        })
        .await
    }
}

fn subject(mail: &Value) -> &str {
    mail["headers"]["Subject"].as_str().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r54_a_test_alert_reaches_all_members_of_the_crisis_cell_and_names_those_whom_it_cannot() {
    let cell = cell().await;
    let test = Act::TestAlert { role: Role::Crisis };
    assert_eq!(code(cell.by(&cell.places.company().auditor, Act::TestAlert { role: Role::Crisis }).await), "not_your_role");
    let Outcome::Alerted { mailed, without_address, webhook } = cell.by(&cell.crisis, test).await else { panic!("alerted") };
    assert_eq!((mailed, without_address, webhook), (vec!["cellule".into()], vec!["remplacant".into()], true));
    cell.arrived(2).await;
    let mail = cell.receiver.mails("cellule@agence.example").remove(0);
    assert_eq!((mail["by"].as_str(), subject(&mail)), (Some("lucarne"), "[Lucarne] Essai d'alerte / Test alert"));
    let headers = &mail["headers"];
    assert_eq!((&headers["From"], &headers["Auto-Submitted"]), (&"lucarne@agence.example".into(), &"auto-generated".into()));
    assert!(headers["Date"].as_str().unwrap().contains("Mar 2026"), "the node's clock: {headers}");
    assert!(mail["text"].as_str().unwrap().contains("les alertes du rôle crisis vous parviennent"), "{mail}");
    let hook = cell.receiver.hooks().remove(0);
    assert_eq!((&hook["hook"], &hook["genuine"]), (&"/alertes?de=lucarne".into(), &true.into()), "{hook}");
    assert_eq!((&hook["body"]["type"], &hook["body"]["data"]["role"]), (&"test".into(), &"crisis".into()));
    let entry = cell.places.house.entry(|entry| entry.kind() == "alert.test").await;
    assert_eq!(entry.public["counts"], serde_json::json!({ "alerts": 2, "without_address": 1 }));
    assert!(cell.waiting().await.is_empty());
    cell.places.house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r56_the_physician_is_told_that_health_data_were_disclosed_and_no_mail_says_which() {
    let cell = cell().await;
    let id = cell.reports(Nature::HealthData, "Dossier de Mme Untel affiché").await;
    cell.arrived(3).await;
    let note = |stage| Act::NoteIncident { incident: id.clone(), stage, note: "Écran coupé".into() };
    went_well(cell.by(&cell.crisis, note(None)).await).unwrap();
    went_well(cell.by(&cell.crisis, note(Some(Stage::Contained))).await).unwrap();
    cell.arrived(6).await;
    let subjects = [format!("[Lucarne] Incident ouvert / opened: {id}"), format!("[Lucarne] Incident contenu / contained: {id}")];
    for address in ["medecin@agence.example", "cellule@agence.example"] {
        let mails = cell.receiver.mails(address);
        assert_eq!(mails.iter().map(subject).collect::<Vec<_>>(), subjects, "a note by itself tells nobody");
    }
    let all = format!("{:?}", cell.receiver.lines());
    assert!(!["Untel", "Dossier", "coupé"].iter().any(|word| all.contains(word)), "{all}");
    let mails = format!("{:?}", cell.receiver.mails("medecin@agence.example"));
    assert!(!mails.contains("health") && !mails.contains("santé"), "not even of which kind: {mails}");
    // What is not the physician's is not told to the physician.
    cell.reports(Nature::Operational, "Disque plein").await;
    let everything = Act::Freeze { scope: Scope::Everything, reason: "Fuite".into() };
    went_well(cell.by(&cell.crisis, everything).await).unwrap();
    cell.arrived(10).await;
    assert_eq!(cell.receiver.mails("medecin@agence.example").len(), 2);
    let told: Vec<String> = cell.receiver.mails("cellule@agence.example").iter().map(|mail| subject(mail).to_owned()).collect();
    assert!(told[3].starts_with("[Lucarne] Affichages gelés / Pictures frozen: f-"), "{told:?}");
    cell.places.house.close().await;
}

/// A relay that refuses, a node that restarts: what was to be told is told, once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r54_what_is_not_taken_is_tried_again_and_given_up_after_a_day() {
    let mut cell = cell().await;
    cell.receiver.refuses(true);
    let id = cell.reports(Nature::Operational, "Disque plein").await;
    let waiting = cell.tried(1, 2).await;
    let troubles: Vec<&str> = waiting.iter().filter_map(|alert| alert.trouble.as_deref()).collect();
    assert!(["not now", "503"].iter().all(|word| troubles.iter().any(|trouble| trouble.contains(word))), "{troubles:?}");
    cell.places.house.restart().await;
    cell.places.house.clock.advance(Duration::from_secs(120));
    cell.tried(2, 4).await;
    cell.receiver.refuses(false);
    cell.places.house.clock.advance(Duration::from_secs(180));
    cell.arrived(2).await;
    let (mails, hooks) = (cell.receiver.mails("cellule@agence.example"), cell.receiver.hooks());
    assert_eq!((mails.len(), hooks.len()), (1, 1));
    let hook = waiting.iter().find(|alert| alert.route == Route::Webhook).unwrap();
    assert_eq!(hooks[0]["id"], hook.id.as_str(), "the same at each try");
    assert!(subject(&mails[0]).contains(id.as_str()));
    // Nobody comes for a day.
    cell.receiver.refuses(true);
    cell.reports(Nature::Operational, "Encore").await;
    cell.tried(1, 6).await;
    cell.places.house.clock.advance(Duration::from_secs(25 * 3600));
    cell.written(2, "alert.given_up", "not_taken").await;
    cell.places.house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r55_handlers_are_reminded_a_day_before_the_72_hours_are_over_and_when_they_are() {
    let cell = cell().await;
    let id = cell.reports(Nature::Security, "Badge perdu").await;
    cell.arrived(2).await;
    let hours = |hours: u64| cell.places.house.clock.advance(Duration::from_secs(hours * 3600));
    hours(47);
    cell.places.house.clock.sleep(Duration::from_millis(300)).await;
    cell.arrived(2).await;
    hours(2);
    cell.arrived(4).await;
    hours(24);
    cell.arrived(6).await;
    hours(24);
    cell.places.house.clock.sleep(Duration::from_millis(300)).await;
    cell.arrived(6).await;
    let mails = cell.receiver.mails("cellule@agence.example");
    let expected = [
        format!("[Lucarne] Incident ouvert / opened: {id}"),
        format!("[Lucarne] Moins de 24 h pour notifier / Less than 24 h to notify: {id}"),
        format!("[Lucarne] Notification en retard / Notification overdue: {id}"),
    ];
    assert_eq!(mails.iter().map(subject).collect::<Vec<_>>(), expected);
    let overdue: Vec<Value> = cell.receiver.hooks().iter().map(|hook| hook["body"]["data"]["overdue"].clone()).collect();
    assert_eq!(overdue, [Value::Null, false.into(), true.into()]);
    cell.places.house.close().await;
}

/// A contact who reports and reports fills no mailbox, and keeps no freeze from being told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r54_one_person_has_people_told_ten_times_an_hour_and_a_freeze_is_told_always() {
    let cell = cell().await;
    for _ in 0..14 {
        cell.reports(Nature::Operational, "Encore").await;
    }
    cell.arrived(20).await;
    let kept_back = |entry: &Entry| entry.count("alerts_kept_back") == Some(2);
    let house = &cell.places.house;
    let opened: Vec<_> = house.entries().into_iter().filter(|entry| entry.kind() == "incident.opened").collect();
    assert_eq!((opened.len(), opened.iter().filter(|entry| kept_back(entry)).count()), (14, 4));
    // Others' reports are told, and so is what the cell does.
    let everything = Act::Freeze { scope: Scope::Everything, reason: "Fuite".into() };
    went_well(cell.by(&cell.crisis, everything).await).unwrap();
    cell.arrived(22).await;
    cell.places.house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r54_what_was_told_in_the_meantime_needs_no_reminder_and_a_mistyped_address_is_none() {
    let cell = cell().await;
    for wrong in ["a..b@x.fr", "a@-x.fr", "a@x..fr", "@x.fr", "a b@x.fr", "a@b@c", "a@x.fr\r\nBcc: b@y.fr"] {
        assert!(MailAddress::try_from(wrong.to_owned()).is_err(), "{wrong}");
    }
    let id = cell.reports(Nature::Security, "Badge perdu").await;
    cell.arrived(2).await;
    cell.receiver.refuses(true);
    let house = &cell.places.house;
    house.clock.advance(Duration::from_secs(49 * 3600));
    house.entry(|entry| entry.kind() == "incident.deadline").await;
    cell.tried(1, 2).await;
    // The authority is told before the mail has come.
    let told = Act::TellAuthority { incident: id, reference: "CNIL-1".into() };
    went_well(cell.by(&cell.crisis, told).await).unwrap();
    cell.receiver.refuses(false);
    house.clock.advance(Duration::from_secs(180));
    cell.written(2, "alert.given_up", "told_meanwhile").await;
    assert_eq!(cell.receiver.mails("cellule@agence.example").len(), 1);
    cell.places.house.close().await;
}

/// Whom nobody trusts is told nothing; and where nothing is set, a test says so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r54_a_relay_that_is_not_the_agencys_gets_no_mail() {
    let mut cell = cell().await;
    let other = tempfile::TempDir::new().unwrap();
    lucarne::tls::make_certificates(other.path(), &["localhost".into()]).unwrap();
    let (ours, theirs) = (cell.receiver.folder.path().join("ca.pem"), other.path().join("ca.pem"));
    cell.places.house.change_settings(|text| text.replace(ours.to_str().unwrap(), theirs.to_str().unwrap())).await;
    went_well(cell.by(&cell.crisis, Act::TestAlert { role: Role::Crisis }).await).unwrap();
    cell.tried(1, 0).await;
    let troubles: Vec<String> = cell.waiting().await.into_iter().filter_map(|alert| alert.trouble).collect();
    assert!(troubles.len() == 2 && troubles.iter().all(|trouble| trouble.contains("certificate")), "{troubles:?}");
    assert_eq!(cell.receiver.lines().len(), 1);
    cell.places.house.change_settings(|text| text.split("[alerts.mail]").next().unwrap().to_owned()).await;
    assert_eq!(code(cell.by(&cell.crisis, Act::TestAlert { role: Role::Crisis }).await), "no_alerts");
    cell.places.house.close().await;
}
