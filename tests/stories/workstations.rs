//! R30, R31, R50: known workstations alone, in order and not revoked; and what becomes of pictures when one is not.

use std::path::Path;
use std::time::Duration;

use lucarne::clock::Clock;
use lucarne::demo::rehearsal::together;
use lucarne::id::{WorkstationId, hex};
use lucarne::node::act::{Act, Outcome};
use lucarne::picture::Picture;
use lucarne::rfb::PixelFormat;
use lucarne::rfb::encoding::number;
use lucarne::tls::{ForViewers, Papers};
use time::macros::datetime;
use tokio::task::JoinHandle;

use super::engagements::{Places, code, places_with};
use super::eye::{Door, Eye, exact};
use super::house::House;
use super::pki::Pki;
use super::script::SIZE;

pub fn print_of(certificate: &Path) -> [u8; 32] {
    lucarne::tls::fingerprint(&lucarne::tls::certificates(certificate).unwrap()[0])
}

/// Two people let a workstation be known.
pub async fn is_known(house: &House, label: &str, print: [u8; 32]) -> WorkstationId {
    let company = &house.company;
    let act = Act::AskWorkstation { certificate: hex(&print), label: label.into(), ends: None };
    together(&**house.node().shared(), &company.admin, &company.rssi, act).await.unwrap();
    let Outcome::Workstations { workstations, .. } = house.by(&company.admin, Act::ListWorkstations { after: None }).await else {
        panic!("the workstations")
    };
    workstations.into_iter().find(|known| known.fingerprint == hex(&print)).unwrap().id
}

struct Agency {
    pki: Pki,
    places: Places,
    audit: lucarne::id::EngagementId,
}

/// A node that knows its workstations, with more in its settings, and the clinic "b" shown.
async fn agency(more: &str) -> Agency {
    let pki = Pki::new(datetime!(2026-03-01 10:00 UTC));
    let places = places_with(&format!("{}{more}\n", pki.settings())).await;
    let mut agency = Agency { pki, places, audit: lucarne::id::EngagementId::random() };
    agency.begins_an_audit().await;
    agency
}

impl Agency {
    fn house(&self) -> &House {
        &self.places.house
    }

    /// Planned, accepted and shown, for four hours.
    async fn begins_an_audit(&mut self) {
        let places = &self.places;
        // Somebody whose login is over logs in again, with other digits than those that accept.
        places.house.by(places.contact("b"), Act::WhoAmI).await;
        places.house.clock.advance(Duration::from_secs(60));
        let audit = places.engaged(places.terms("b")).await;
        lucarne::demo::rehearsal::went_well(places.show("b", &audit).await).unwrap();
        self.audit = audit;
    }

    /// Claire looks at the clinic from a workstation, or in band.
    async fn looks_from(&self, card: Option<&str>) -> Result<Eye, String> {
        self.looks_at(&self.audit, card).await
    }

    async fn looks_at(&self, engagement: &lucarne::id::EngagementId, card: Option<&str>) -> Result<Eye, String> {
        let Outcome::Ticket { secret, .. } = self.places.ticket(engagement).await else { panic!("no ticket") };
        let card = card.map(|name| (self.pki.path(&format!("{name}.pem")), self.pki.path(&format!("{name}.key"))));
        let tls_first = card.as_ref().and(self.house().node().addresses.tls_first);
        let door = Door { tls_first, card, ..Door::of(self.house()) };
        let mut eye = Eye::through(&door, "claire", &secret, PixelFormat::NATIVE, &exact(number::RAW)).await?;
        if eye.watch_until(|picture| picture.size() == SIZE).await { Ok(eye) } else { Err("nothing to see".into()) }
    }

    async fn watches_from(&self, card: &str) -> JoinHandle<Picture> {
        let eye = self.looks_from(Some(card)).await.unwrap();
        tokio::spawn(eye.watch_to_the_end())
    }

    async fn ends(&self, watching: JoinHandle<Picture>, within: Duration, cause: &str) {
        let clock = &self.house().clock;
        clock.within(clock.now() + within, watching).await.expect("it ended in time").unwrap();
        self.house().entry(|entry| entry.kind() == "view.ended" && entry.text("cause") == cause).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r50_only_a_registered_workstation_looks_and_two_people_register_it() {
    let agency = agency("").await;
    let print = agency.pki.card("poste1", 11);
    let refused = agency.looks_from(Some("poste1")).await.err().unwrap();
    assert!(refused.contains("Unknown workstation"), "{refused}");
    let refused = agency.looks_from(None).await.err().unwrap();
    assert!(refused.contains("use the tunnel"), "{refused}");
    is_known(agency.house(), "Poste 12, bureau 4", print).await;
    agency.looks_from(Some("poste1")).await.unwrap().leave().await;
    let again = Act::AskWorkstation { certificate: hex(&print), label: "Poste 13".into(), ends: None };
    assert_eq!(code(agency.places.admin(again).await), "workstation_taken");
    // Of another agency's: it comes no further than TLS.
    let stranger = Pki::new(datetime!(2026-03-01 10:00 UTC));
    stranger.card("poste1", 11);
    for kind in ["pem", "key"] {
        std::fs::copy(stranger.path(&format!("poste1.{kind}")), agency.pki.path(&format!("autre.{kind}"))).unwrap();
    }
    assert!(agency.looks_from(Some("autre")).await.is_err());
    agency.house().entry(|entry| entry.kind() == "conn.refused" && entry.text("cause") == "tls.handshake").await;
    agency.places.house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r50_a_revoked_certificate_is_refused_and_its_picture_ends_without_a_command() {
    let agency = agency("").await;
    for (name, serial) in [("poste1", 11), ("poste2", 12)] {
        is_known(agency.house(), name, agency.pki.card(name, serial)).await;
    }
    let (first, second) = (agency.watches_from("poste1").await, agency.watches_from("poste2").await);
    agency.pki.revoke(&[11]);
    // Read again by itself.
    agency.ends(first, Duration::from_secs(2), "certificate_revoked").await;
    assert!(!second.is_finished(), "the other is not revoked");
    assert!(agency.looks_from(Some("poste1")).await.is_err(), "it comes no further than TLS");
    agency.looks_from(Some("poste2")).await.unwrap().leave().await;
    let read = |entry: &lucarne::trace::Entry| entry.text("key") == "workstations.revocations";
    let changed = agency.house().entry(|entry| read(entry) && entry.text("outcome") == "ok").await;
    assert!(format!("{:?}", changed.sealed).contains("lists"), "{changed:?}");
    // A list that cannot be read changes nothing, and is said.
    std::fs::write(agency.pki.path("postes.crl"), "not a list").unwrap();
    agency.house().entry(|entry| read(entry) && entry.text("outcome") == "failed").await;
    agency.looks_from(Some("poste2")).await.unwrap().leave().await;
    // Whatever else is wrong with the node's papers, what is revoked is over.
    std::fs::write(agency.house().dir.path().join("viewers.key"), "no key").unwrap();
    assert!(agency.house().node().shared().reload().await.is_err());
    agency.pki.revoke(&[11, 12]);
    agency.ends(second, Duration::from_secs(2), "certificate_revoked").await;
    agency.places.house.close().await;
}

/// A list past its next update says nothing any more: nobody comes in by it, and nobody looks on.
/// A delta list would say less than all: it is refused by name, and nothing is taken for not revoked because of it.
#[test]
fn r50_a_delta_list_is_refused_with_what_to_publish() {
    let dir = tempfile::TempDir::new().unwrap();
    lucarne::tls::make_certificates(dir.path(), &["localhost".to_owned()]).unwrap();
    let script = "openssl req -x509 -newkey ed25519 -nodes -keyout k.pem -out agency.pem -days 9 -subj /CN=Agence && touch index && \
                  printf '[ca]\ndefault_ca=a\n[a]\ndatabase=index\ndefault_md=default\ndefault_crl_days=7\ncrl_extensions=d\n[d]\n\
                  authorityKeyIdentifier=keyid\n2.5.29.20=DER:020102\n2.5.29.27=critical,DER:020101\n' > c.cnf && \
                  openssl ca -gencrl -config c.cnf -cert agency.pem -keyfile k.pem -out delta.crl";
    let made = std::process::Command::new("sh").args(["-c", script]).current_dir(dir.path()).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let path = |name: &str| dir.path().join(name);
    let papers = Papers {
        certificate: path("viewers.pem"),
        key: path("viewers.key"),
        workstations: Some(path("agency.pem")),
        revocations: vec![path("delta.crl")],
        tls12: false,
    };
    let refused = ForViewers::load(papers, &Clock::system()).err().unwrap().to_string();
    assert!(refused.contains("delta.crl is no list") && refused.contains("publish a complete list"), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r50_a_list_that_has_run_out_ends_pictures() {
    let agency = agency("").await;
    is_known(agency.house(), "Poste 1", agency.pki.card("poste1", 11)).await;
    agency.pki.lasts.set(time::Duration::minutes(30));
    agency.pki.revoke(&[]);
    agency.house().entry(|entry| entry.text("key") == "workstations.revocations").await;
    let watching = agency.watches_from("poste1").await;
    agency.house().clock.advance(Duration::from_secs(31 * 60));
    agency.ends(watching, Duration::from_secs(1), "certificate_revoked").await;
    assert!(agency.looks_from(Some("poste1")).await.is_err());
    agency.places.house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r50_a_retired_workstation_is_shown_nothing_more_within_a_second() {
    let agency = agency("").await;
    let workstation = is_known(agency.house(), "Poste 1", agency.pki.card("poste1", 11)).await;
    let watching = agency.watches_from("poste1").await;
    let retire = Act::RetireWorkstation { workstation };
    lucarne::demo::rehearsal::went_well(agency.house().by(&agency.places.company().rssi, retire).await).unwrap();
    agency.ends(watching, Duration::from_secs(1), "workstation_retired").await;
    let refused = agency.looks_from(Some("poste1")).await.err().unwrap();
    assert!(refused.contains("take another"), "{refused}");
    agency.places.house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r30_r31_what_is_declared_of_a_workstation_must_be_fresh() {
    let mut agency = agency("posture_days = 30").await;
    // Ten minutes before midnight.
    agency.house().by(agency.places.contact("b"), Act::Stop { site: super::house::name("b") }).await;
    agency.house().clock.advance(Duration::from_secs(13 * 3600 + 48 * 60));
    agency.begins_an_audit().await;
    let workstation = is_known(agency.house(), "Poste 1", agency.pki.card("poste1", 11)).await;
    let refused = agency.looks_from(Some("poste1")).await.err().unwrap();
    assert!(refused.contains("not up to date"), "{refused}");
    let today = agency.house().clock.wall().date();
    let declare = |system, antivirus| Act::KeepPosture { workstation: workstation.clone(), system, antivirus };
    let future = Some(today + time::Duration::days(2));
    assert_eq!(code(agency.places.admin(declare(future, None)).await), "date_impossible");
    lucarne::demo::rehearsal::went_well(agency.places.admin(declare(Some(today), None)).await).unwrap();
    let refused = agency.looks_from(Some("poste1")).await.err().unwrap();
    assert!(refused.contains("antivirus is not up to date"), "{refused}");
    let old = Some(today - time::Duration::days(30));
    lucarne::demo::rehearsal::went_well(agency.places.admin(declare(None, old)).await).unwrap();
    // Shortly before midnight, and then on in small steps: a leap while a picture is on its way looks like a viewer that
    // takes nothing.
    let now = agency.house().clock.wall();
    let midnight = now.date().next_day().unwrap().midnight().assume_utc();
    agency.house().clock.advance((midnight - now - time::Duration::seconds(40)).unsigned_abs());
    let watching = agency.watches_from("poste1").await;
    // The next day it is of 31 days ago: whoever looks is not let go on.
    agency.house().pass(42).await;
    agency.ends(watching, Duration::from_secs(2), "antivirus_stale").await;
    agency.places.house.close().await;
}

/// Required from C3 on, a visit of class C1 is looked at in band.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workstations_are_asked_for_from_a_class_on() {
    let agency = agency("required_from = \"C3\"").await;
    let refused = agency.looks_from(None).await.err().unwrap();
    assert!(refused.contains("use the tunnel"), "{refused}");
    let visit = agency.places.engaged(agency.places.terms("a")).await;
    lucarne::demo::rehearsal::went_well(agency.places.show("a", &visit).await).unwrap();
    agency.looks_at(&visit, None).await.unwrap().leave().await;
    agency.places.house.close().await;
}
