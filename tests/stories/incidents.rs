//! R53, R55, R56: incidents, from the first word to the last.

use std::time::Duration;

use lucarne::demo::rehearsal::{Person, file, hire, together, went_well};
use lucarne::governance::incident::{Duty, Link, Nature, Stage};
use lucarne::governance::{Incident, Paperwork, Role};
use lucarne::id::IncidentId;
use lucarne::node::act::{Act, Outcome};

use super::engagements::{Places, code, places};
use super::house::name;

struct Cell {
    places: Places,
    crisis: Person,
    physician: Person,
}

async fn cell() -> Cell {
    let places = places().await;
    let (stage, company) = (places.stage(), places.company());
    let today = places.house.clock.wall().date();
    let let_in = async |login: &str, role| {
        let join = (login, "Camille Crise", vec![role], None, file(today));
        hire(stage, &company.admin, &company.rssi, join, "Correct-h0rse").await.unwrap()
    };
    let (crisis, physician) = (let_in("cellule", Role::Crisis).await, let_in("medecin", Role::Physician).await);
    Cell { places, crisis, physician }
}

impl Cell {
    async fn by(&self, person: &Person, act: Act) -> Outcome {
        self.places.house.by(person, act).await
    }

    async fn reports(&self, person: &Person, nature: Nature, title: &str, links: Vec<Link>) -> IncidentId {
        let known = Some(self.places.house.clock.wall() - time::Duration::hours(1));
        match self.by(person, Act::Report { nature, title: title.into(), known, links }).await {
            Outcome::Reported { incident, .. } => incident,
            other => panic!("{other:?}"),
        }
    }

    async fn sees(&self, person: &Person) -> Vec<Incident> {
        match self.by(person, Act::ListIncidents { after: None }).await {
            Outcome::Incidents { incidents, next: None } => incidents.into_iter().map(|case| case.incident).collect(),
            other => panic!("{other:?}"),
        }
    }
}

fn note(incident: &IncidentId, stage: Option<Stage>, note: &str) -> Act {
    Act::NoteIncident { incident: incident.clone(), stage, note: note.into() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r53_r55_an_incident_goes_forward_with_its_times_and_the_authority_is_told_before_its_end() {
    let cell = cell().await;
    let company = cell.places.company();
    let runbook = Act::AskPaper { paperwork: Paperwork::Runbook, version: "3".into(), sha256: "ab".repeat(32) };
    together(cell.places.stage(), &company.admin, &company.rssi, runbook).await.unwrap();
    // Claire reports what she saw; the crisis cell takes care of it.
    let claire = &company.auditor;
    let id = cell.reports(claire, Nature::Security, "Écran d'un autre poste", vec![Link::Site(name("a"))]).await;
    let opened = cell.places.house.entry(|entry| entry.kind() == "incident.opened").await;
    assert_eq!((opened.text("nature"), opened.text("runbook_version")), ("security", "3"));
    assert!(!opened.public.to_string().contains("poste"), "{}", opened.public);
    assert_eq!(code(cell.by(claire, note(&id, None, "Encore")).await), "not_your_role");
    went_well(cell.by(&cell.crisis, note(&id, Some(Stage::Contained), "Site gelé")).await).unwrap();
    assert_eq!(code(cell.by(&cell.crisis, note(&id, Some(Stage::Open), "Retour")).await), "incident_goes_forward");
    assert_eq!(code(cell.by(&cell.crisis, note(&id, Some(Stage::Closed), "Fini")).await), "authority_not_told");
    let incident = cell.sees(&company.rssi).await.remove(0);
    assert_eq!(incident.to_be_told_by(), Some(incident.known + time::Duration::hours(72)));
    let told = Act::TellAuthority { incident: id.clone(), reference: "CNIL-2026-77".into() };
    went_well(cell.by(&company.rssi, told).await).unwrap();
    cell.places.house.clock.advance(Duration::from_secs(60));
    let act = Act::LinkIncident { incident: id.clone(), link: Link::Entry(opened.seq()) };
    went_well(cell.by(&cell.crisis, act).await).unwrap();
    went_well(cell.by(&cell.crisis, note(&id, Some(Stage::Closed), "Cause trouvée")).await).unwrap();
    assert_eq!(code(cell.by(&cell.crisis, note(&id, None, "Après")).await), "incident_closed");
    let incident = cell.sees(&company.admin).await.remove(0);
    let steps: Vec<(Stage, &str)> = incident.steps.iter().map(|step| (step.stage, step.note.as_str())).collect();
    let expected = [(Stage::Open, "Écran d'un autre poste"), (Stage::Contained, "Site gelé"), (Stage::Closed, "Cause trouvée")];
    assert_eq!(steps, expected);
    assert!(incident.steps.is_sorted_by_key(|step| step.at));
    assert_eq!(incident.duty, Some(Duty::Told("CNIL-2026-77".into())));
    assert_eq!(incident.links, [Link::Site(name("a")), Link::Entry(opened.seq())]);
    assert_eq!(incident.runbook.unwrap().version, "3");
    // Each word of it is in the trace.
    let kinds: Vec<String> = cell.places.house.entries().iter().map(|entry| entry.kind().to_owned()).collect();
    let count = |kind: &str| kinds.iter().filter(|other| *other == kind).count();
    assert_eq!([count("incident.step"), count("incident.authority"), count("incident.linked")], [2, 1, 1]);
    cell.places.house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r56_what_was_disclosed_of_health_data_is_for_physicians() {
    let cell = cell().await;
    let company = cell.places.company();
    let contact = cell.places.contact("b");
    let id = cell.reports(contact, Nature::HealthData, "Dossier affiché à tort", vec![Link::Site(name("b"))]).await;
    went_well(cell.by(&cell.crisis, note(&id, Some(Stage::Contained), "Site arrêté")).await).unwrap();
    went_well(cell.by(&cell.physician, note(&id, None, "Patient informé")).await).unwrap();
    for person in [&company.admin, &company.rssi, &cell.crisis] {
        let seen = format!("{:?}", cell.sees(person).await);
        assert!(seen.contains(id.as_str()) && !["Dossier", "arrêté", "informé"].iter().any(|word| seen.contains(word)), "{seen}");
    }
    let seen = format!("{:?}", cell.sees(&cell.physician).await);
    assert!(["Dossier affiché à tort", "Site arrêté", "Patient informé"].iter().all(|word| seen.contains(word)), "{seen}");
    // Why nobody is told may name what was disclosed; the reference of who was told does not.
    let reason = Act::NoDutyToTell { incident: id.clone(), reason: "Patient fictif, en fait".into() };
    went_well(cell.by(&company.rssi, reason).await).unwrap();
    assert!(!format!("{:?}", cell.sees(&cell.crisis).await).contains("fictif"));
    assert!(format!("{:?}", cell.sees(&cell.physician).await).contains("fictif"));
    // Other incidents are not the physician's, and a contact reports of no other site.
    let other = cell.reports(&company.admin, Nature::Operational, "Disque plein", Vec::new()).await;
    assert_eq!(code(cell.by(&cell.physician, note(&other, None, "Vu")).await), "not_your_role");
    went_well(cell.by(&cell.crisis, note(&other, Some(Stage::Closed), "Vidé")).await).unwrap();
    let links = vec![Link::Site(name("a"))];
    let elsewhere = Act::Report { nature: Nature::Security, title: "Ailleurs".into(), known: None, links };
    assert_eq!(code(cell.by(contact, elsewhere).await), "not_yours");
    cell.places.house.close().await;
}

/// There need be no duty, for a reason; what is known from tomorrow on is a mistake; texts are short.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r53_the_authority_need_not_be_told_for_a_reason() {
    let cell = cell().await;
    let rssi = &cell.places.company().rssi;
    let id = cell.reports(rssi, Nature::Security, "Badge perdu", Vec::new()).await;
    let empty = Act::NoDutyToTell { incident: id.clone(), reason: " ".into() };
    assert_eq!(code(cell.by(rssi, empty).await), "text_impossible");
    let reason = Act::NoDutyToTell { incident: id.clone(), reason: "Badge retrouvé dans les locaux".into() };
    went_well(cell.by(rssi, reason).await).unwrap();
    went_well(cell.by(rssi, note(&id, Some(Stage::Closed), "Rien à faire")).await).unwrap();
    let tomorrow = Some(cell.places.house.clock.wall() + time::Duration::days(1));
    let act = Act::Report { nature: Nature::Security, title: "Demain".into(), known: tomorrow, links: Vec::new() };
    assert_eq!(code(cell.by(rssi, act).await), "date_impossible");
    let unknown = IncidentId::stored("i-none".into());
    assert_eq!(code(cell.by(rssi, note(&unknown, None, "?")).await), "incident_unknown");
    cell.places.house.close().await;
}
