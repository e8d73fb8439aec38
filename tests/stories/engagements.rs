//! R01 to R11, R18: what an engagement is, what is seen of it, and what its site sees.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use lucarne::demo::rehearsal::{Company, Person, file, hire, together, went_well};
use lucarne::governance::engagement::{Agreed, Class, Presence};
use lucarne::governance::{Kind, Paperwork, Role, Standing, State, Terms};
use lucarne::id::EngagementId;
use lucarne::node::Shared;
use lucarne::node::act::{Act, Outcome};
use lucarne::picture::Picture;
use lucarne::rfb::PixelFormat;
use lucarne::rfb::encoding::number;
use lucarne::tls::{certificates, make_certificates};
use lucarne::trace::Entry;
use tempfile::TempDir;
use tokio_rustls::TlsAcceptor;

use super::eye::{Eye, exact};
use super::house::{House, demo_site, name};
use super::script::{SIZE, Script};

/// A demo site "a" and a production site "b" whose script speaks TLS.
pub struct Places {
    pub house: House,
    demo: Script,
    _clinic: Script,
    _dir: TempDir,
}

pub async fn places() -> Places {
    places_with("").await
}

/// The same, with more settings of the node.
pub async fn places_with(more: &str) -> Places {
    let (demo, clinic, dir) = (Script::start(3, number::RAW).await, Script::start(3, number::RAW).await, TempDir::new().unwrap());
    make_certificates(dir.path(), &["localhost".to_owned()]).unwrap();
    let address = behind_tls(clinic.address, &dir).await;
    let production = format!(
        "[[site]]\nname = \"b\"\nlabel = \"Clinique b\"\nkind = \"production\"\naddress = \"{address}\"\nserver_name = \"localhost\"\n\
         security = \"tls\"\nca = {:?}\nmax_fps = 60\n",
        dir.path().join("ca.pem")
    );
    let house = House::open(&format!("{more}{}{production}", demo_site("a", demo.address))).await;
    Places { house, demo, _clinic: clinic, _dir: dir }
}

/// TLS first, then whatever speaks at `site`.
async fn behind_tls(site: SocketAddr, dir: &TempDir) -> SocketAddr {
    use rustls::pki_types::pem::PemObject;
    let chain = certificates(&dir.path().join("viewers.pem")).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::from_pem_file(dir.path().join("viewers.key")).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config.with_no_client_auth().with_single_cert(chain, key).unwrap()));
    let door = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = door.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = door.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let (mut outer, mut inner) = (acceptor.accept(stream).await?, tokio::net::TcpStream::connect(site).await?);
                tokio::io::copy_bidirectional(&mut outer, &mut inner).await
            });
        }
    });
    address
}

#[track_caller]
pub fn code(outcome: Outcome) -> String {
    match outcome {
        Outcome::Refused { code, .. } => code,
        other => panic!("{other:?} was not refused"),
    }
}

impl Places {
    pub fn stage(&self) -> &Shared {
        self.house.node().shared()
    }

    pub fn company(&self) -> &Company {
        &self.house.company
    }

    pub fn contact(&self, site: &str) -> &Person {
        &self.company().contacts[&name(site)]
    }

    pub fn terms(&self, site: &str) -> Terms {
        let kind = if site == "a" { Kind::Demo } else { Kind::Production };
        self.company().terms(&name(site), kind, self.house.clock.wall(), time::Duration::hours(4))
    }

    pub async fn admin(&self, act: Act) -> Outcome {
        self.house.by(&self.company().admin, act).await
    }

    pub async fn plan(&self, terms: Terms) -> EngagementId {
        match self.admin(Act::Plan { terms }).await {
            Outcome::Planned { engagement } => engagement,
            other => panic!("{other:?}"),
        }
    }

    /// Planned, with its auditor; nothing else.
    pub async fn planned(&self, terms: Terms) -> EngagementId {
        let engagement = self.plan(terms).await;
        let act = Act::Assign { engagement: engagement.clone(), login: "claire".into() };
        went_well(self.admin(act).await).unwrap();
        engagement
    }

    pub async fn engaged(&self, terms: Terms) -> EngagementId {
        self.company().engage(self.stage(), terms).await.unwrap()
    }

    pub async fn show(&self, site: &str, engagement: &EngagementId) -> Outcome {
        self.company().show(self.stage(), &name(site), engagement).await.unwrap()
    }

    pub async fn accept(&self, site: &str, engagement: &EngagementId, letter: Option<&str>, declares: bool) -> Outcome {
        // The digits of before were used.
        self.house.clock.advance(Duration::from_secs(60));
        let code = self.contact(site).digits(&self.house.clock).unwrap().into();
        let act = Act::Accept { engagement: engagement.clone(), letter: letter.map(Into::into), declares, code };
        self.house.by(self.contact(site), act).await
    }

    pub async fn operator(&self, site: &str, engagement: &EngagementId) {
        let act = Act::DeclareOperator { engagement: engagement.clone(), name: "Dr Camille Praticien".into() };
        went_well(self.house.by(self.contact(site), act).await).unwrap();
    }

    pub async fn ticket(&self, engagement: &EngagementId) -> Outcome {
        self.company().ticket(self.stage(), engagement, false).await.unwrap()
    }

    /// Claire looks at what is shown.
    pub async fn looks(&self, engagement: &EngagementId) -> Eye {
        let Outcome::Ticket { secret, .. } = self.ticket(engagement).await else { panic!("no ticket") };
        let mut eye = Eye::enter(&self.house, &secret, &exact(number::RAW)).await.unwrap();
        assert!(eye.watch_until(|picture| picture.size() == SIZE).await);
        eye
    }

    /// How an engagement stands, and what is missing for Claire.
    pub async fn checklist(&self, engagement: &EngagementId) -> (State, Vec<String>) {
        let act = Act::Checklist { engagement: engagement.clone(), login: Some("claire".into()) };
        let Outcome::Checklist { state, checks } = self.admin(act).await else { panic!("no checklist") };
        (state, checks.into_iter().filter_map(|check| check.code.map(|code| format!("{} {code}", check.rule))).collect())
    }

    pub async fn replan(&self, engagement: &EngagementId, terms: Terms) -> Outcome {
        self.admin(Act::PlanAgain { engagement: engagement.clone(), terms }).await
    }

    /// Another procedure comes into force.
    pub async fn new_procedure(&self) {
        let (version, sha256) = ("2".to_owned(), "ab".repeat(32));
        let act = Act::AskPaper { paperwork: Paperwork::Procedure, version, sha256 };
        together(self.stage(), &self.company().admin, &self.company().rssi, act).await.unwrap();
    }

    pub fn has(&self, kind: &str) -> bool {
        self.house.entries().iter().any(|entry| entry.kind() == kind)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r01_a_visit_stays_a_visit_and_an_audit_an_audit() {
    let places = places().await;
    let visit = places.planned(places.terms("a")).await;
    assert_eq!(code(places.replan(&visit, places.terms("b")).await), "operation_fixed");
    let audit = Terms { operation: places.terms("b").operation, class: Class::C2, ..places.terms("a") };
    assert_eq!(code(places.replan(&visit, audit).await), "operation_fixed");
    went_well(places.admin(Act::Cancel { engagement: visit.clone() }).await).unwrap();
    assert_eq!(places.checklist(&visit).await.0, State::Cancelled);
    assert_eq!(code(places.replan(&visit, places.terms("a")).await), "engagement_over");
    places.house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r02_r03_a_visit_is_shown_after_its_place_was_agreed_on_and_the_editor_has_declared() {
    let places = places().await;
    let engagement = places.planned(Terms { agreed: None, ..places.terms("a") }).await;
    places.operator("a", &engagement).await;
    assert_eq!(code(places.show("a", &engagement).await), "no_place");
    let agreed = Agreed { place: "Lyon".into(), by: "Éditeur".into(), date: places.house.clock.wall().date() };
    went_well(places.replan(&engagement, Terms { agreed: Some(agreed), ..places.terms("a") }).await).unwrap();
    assert_eq!(code(places.show("a", &engagement).await), "no_declaration");
    assert_eq!(code(places.accept("a", &engagement, None, false).await), "no_declaration");
    went_well(places.accept("a", &engagement, None, true).await).unwrap();
    let recorded = places.house.entry(|entry| entry.kind() == "acceptance.recorded").await;
    assert_eq!(recorded.text("declared"), "demonstration system, no health data");
    assert_eq!(places.checklist(&engagement).await, (State::Accepted, vec!["R18 site_not_shown".to_owned()]));
    went_well(places.show("a", &engagement).await).unwrap();
    places.looks(&engagement).await.leave().await;
    // On a system with health data there is no visit.
    let wrong = Terms { site: name("b"), ..places.terms("a") };
    let engagement = places.planned(wrong).await;
    assert_eq!(code(places.show("b", &engagement).await), "wrong_kind_of_site");
    places.house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r04_an_audit_names_a_professional_and_is_on_a_production_site() {
    let places = places().await;
    let engagement = places.planned(Terms { professional: None, ..places.terms("b") }).await;
    let act = Act::Notice { engagement: engagement.clone(), reference: "X".into() };
    assert_eq!(code(places.admin(act).await), "no_professional");
    assert_eq!(code(places.show("b", &engagement).await), "no_professional");
    let wrong = places.planned(Terms { site: name("a"), ..places.terms("b") }).await;
    assert_eq!(code(places.show("a", &wrong).await), "wrong_kind_of_site");
    places.house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r06_real_data_take_a_reason_and_are_said_on_both_screens() {
    let places = places().await;
    let engagement = places.engaged(places.terms("b")).await;
    went_well(places.show("b", &engagement).await).unwrap();
    let mut eye = places.looks(&engagement).await;
    let says_so = |picture: &Picture| picture.row(100, 4, 1)[0].r() < 0x40;
    assert!(eye.watch_until(|picture| !says_so(picture)).await);
    let real = |reason: Option<&str>| Act::RealData { engagement: engagement.clone(), reason: reason.map(str::to_owned) };
    assert_eq!(code(places.house.by(places.contact("b"), real(Some("  "))).await), "text_impossible");
    assert_eq!(code(places.admin(real(Some("cas réel"))).await), "not_your_role");
    went_well(places.house.by(places.contact("b"), real(Some("allergies non reproductibles"))).await).unwrap();
    assert!(eye.watch_until(says_so).await, "a strip says so");
    let begun = places.house.entry(|entry| entry.kind() == "real_data.begun").await;
    assert!(!begun.public.to_string().contains("allergies"), "R09: the reason is sealed");
    went_well(places.house.by(places.contact("b"), real(None)).await).unwrap();
    assert!(eye.watch_until(|picture| !says_so(picture)).await, "and goes again");
    places.house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r07_with_a_blackout_pixels_flow_within_declared_intervals_alone() {
    let places = places().await;
    let engagement = places.engaged(Terms { blackout: true, ..places.terms("a") }).await;
    went_well(places.show("a", &engagement).await).unwrap();
    assert_eq!(places.demo.connections(), 0, "no source is opened outside an interval");
    let Outcome::Ticket { secret, .. } = places.ticket(&engagement).await else { panic!("no ticket") };
    let mut eye = Eye::enter(&places.house, &secret, &exact(number::RAW)).await.unwrap();
    eye.ask(false).await;
    assert!(eye.update().await && eye.picture.size() != SIZE, "a blank screen");
    let real = |reason: Option<&str>| Act::RealData { engagement: engagement.clone(), reason: reason.map(str::to_owned) };
    let began = places.house.clock.wall();
    went_well(places.house.by(places.contact("a"), real(Some("contrôle d'identité"))).await).unwrap();
    assert!(eye.watch_until(|picture| picture.size() == SIZE).await);
    places.house.clock.advance(Duration::from_secs(90));
    went_well(places.house.by(places.contact("a"), real(None)).await).unwrap();
    assert_eq!(places.house.site("a").await.standing, Standing::Paused);
    let Outcome::Engagements { engagements, .. } = places.admin(Act::ListEngagements { after: None }).await else {
        panic!("a list")
    };
    let interval = &engagements.iter().find(|planned| planned.engagement.id == engagement).unwrap().engagement.real_data[0];
    let lasted = interval.to.unwrap() - interval.from;
    assert!(
        (interval.from - began).abs() < time::Duration::seconds(5) && (90..100).contains(&lasted.whole_seconds()),
        "{interval:?}"
    );
    places.house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r09_free_text_is_short_and_stays_in_the_sealed_part() {
    let places = places().await;
    for purpose in [String::new(), "x".repeat(201), "deux\nlignes".to_owned()] {
        assert_eq!(code(places.admin(Act::Plan { terms: Terms { purpose, ..places.terms("a") } }).await), "text_impossible");
    }
    let engagement = places.engaged(places.terms("a")).await;
    let act = Act::DeclareOperator { engagement, name: "Ombeline Specimen".into() };
    went_well(places.house.by(places.contact("a"), act).await).unwrap();
    let entries = places.house.entries();
    assert!(entries.iter().all(|entry| !entry.public.to_string().contains("Ombeline")));
    assert!(entries.iter().any(|entry| format!("{:?}", entry.sealed).contains("Ombeline")));
    places.house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r11_an_engagement_on_site_opens_no_source() {
    let places = places().await;
    let engagement = places.engaged(Terms { presence: Presence::OnSite, ..places.terms("a") }).await;
    assert_eq!(code(places.show("a", &engagement).await), "on_site");
    assert_eq!((places.demo.connections(), code(places.ticket(&engagement).await)), (0, "on_site".to_owned()));
    places.house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r18_the_site_sees_who_looks_and_a_new_show_ends_what_another_engagement_saw() {
    let places = places().await;
    let engagement = places.engaged(places.terms("a")).await;
    went_well(places.show("a", &engagement).await).unwrap();
    let eye = places.looks(&engagement).await;
    let Outcome::Sites { sites } = places.house.by(places.contact("a"), Act::ListSites).await else { panic!("the sites") };
    assert_eq!((sites.len(), sites[0].watched_by[0].name.as_str()), (1, "Claire Martin"), "its own alone");
    let other = Terms { purpose: "Autre visite".into(), ..places.terms("a") };
    places.house.clock.advance(Duration::from_secs(60));
    let other = places.engaged(other).await;
    assert_eq!(code(places.show("a", &other).await), "site_taken");
    assert_eq!(code(places.house.by(places.contact("b"), Act::Stop { site: name("a") }).await), "not_yours");
    let stop = places.house.by(places.contact("a"), Act::Stop { site: name("a") });
    let (_, outcome) = tokio::join!(eye.watch_to_the_end(), stop);
    went_well(outcome).unwrap();
    went_well(places.show("a", &other).await).unwrap();
    // The first one's auditor has a right of its own only there.
    let Outcome::Ticket { secret, .. } = places.ticket(&engagement).await else { panic!("no ticket") };
    let refused = Eye::enter(&places.house, &secret, &exact(number::RAW)).await.err().unwrap();
    assert!(refused.contains("The site is not shown"), "{refused}");
    places.house.close().await;
}

/// What is told to wait sees nothing, also when it saw something before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_site_that_is_shown_and_then_told_to_wait_is_blank() {
    let places = places().await;
    let engagement = places.engaged(places.terms("a")).await;
    went_well(places.show("a", &engagement).await).unwrap();
    let mut eye = places.looks(&engagement).await;
    let site = |picture: &Picture| picture.pixels().iter().any(|p| p.r() > 150 && p.g() < 90 && p.b() < 70);
    assert!(eye.watch_until(site).await);
    let act = Act::Show { engagement: engagement.clone(), wait: true };
    went_well(places.house.by(places.contact("a"), act).await).unwrap();
    assert!(eye.watch_until(|picture| !site(picture)).await);
    assert_eq!(places.house.site("a").await.standing, Standing::Paused);
    went_well(places.show("a", &engagement).await).unwrap();
    assert!(eye.watch_until(site).await);
    places.house.close().await;
}

/// R57: somebody is ill. Another planner answers for the engagement, another auditor looks, and what was agreed and done
/// before stays: nobody has to be asked anew.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r57_an_engagement_is_handed_over_between_auditors_and_planners_with_its_history() {
    let places = places().await;
    let (stage, company) = (places.stage(), places.company());
    let let_in = async |login: &str, name: &str, role| {
        let join = (login, name, vec![role], None, file(places.house.clock.wall().date()));
        hire(stage, &company.admin, &company.rssi, join, "Correct-h0rse").await.unwrap()
    };
    let (paul, other) =
        (let_in("paul", "Paul Durand", Role::Auditor).await, let_in("adjointe", "Anne Jointe", Role::Admin).await);
    let acknowledged = places.house.entry(|entry| entry.kind() == "charter.acknowledged").await.text("paper_sha256").to_owned();
    went_well(places.house.by(&paul, Act::Acknowledge { sha256: acknowledged }).await).unwrap();
    let engagement = places.engaged(places.terms("a")).await;
    went_well(places.show("a", &engagement).await).unwrap();
    let looking = tokio::spawn(places.looks(&engagement).await.watch_to_the_end());
    let ticket = || Act::IssueTicket { engagement: engagement.clone(), acknowledged: true, short: false, certificate: None };
    assert_eq!(code(places.house.by(&paul, ticket()).await), "not_assigned");
    let id = || engagement.clone();
    for act in [
        Act::GiveTo { engagement: id(), login: other.login.clone() },
        Act::Assign { engagement: id(), login: "paul".into() },
        Act::Unassign { engagement: id(), login: "claire".into() },
    ] {
        went_well(places.admin(act).await).unwrap();
    }
    // Hers ends within a second; he looks by the same acceptance and the same Show.
    let clock = &places.house.clock;
    clock.within(clock.now() + Duration::from_secs(1), looking).await.expect("it ended in a second").unwrap();
    assert_eq!(code(places.ticket(&engagement).await), "not_assigned");
    let Outcome::Ticket { secret, .. } = places.house.by(&paul, ticket()).await else { panic!("a ticket") };
    let eye = Eye::enter_as(&places.house, "paul", &secret, PixelFormat::NATIVE, &exact(number::RAW), false).await.unwrap();
    eye.leave().await;
    // Who planned it may go; somebody answers for it.
    let Outcome::Accounts { accounts, .. } = places.house.by(&company.rssi, Act::ListAccounts { after: None }).await else {
        panic!("the accounts")
    };
    let id_of = |login: &str| accounts.iter().find(|listed| listed.account.login.as_str() == login).unwrap().account.id.clone();
    let Outcome::Engagements { engagements, .. } = places.admin(Act::ListEngagements { after: None }).await else {
        panic!("engagements")
    };
    let kept = &engagements.iter().find(|planned| planned.engagement.id == engagement).unwrap().engagement;
    assert_eq!(kept.owner, id_of(&other.login));
    assert!(kept.auditors.contains(&id_of("paul")) && !kept.auditors.contains(&id_of("claire")) && kept.acceptance.is_some());
    // And the trace has it all under the one engagement: both who looked, and each change.
    let entries = places.house.entries();
    let of_it = |kind: &str| {
        let is_one = |entry: &&Entry| entry.kind() == kind && entry.text("engagement") == engagement.as_str();
        entries.iter().filter(is_one).count()
    };
    assert_eq!((of_it("view.started"), of_it("acceptance.recorded")), (2, 1));
    assert!(of_it("engagement.assigned") >= 3, "{:?}", entries.iter().map(Entry::kind).collect::<Vec<_>>());
    places.house.close().await;
}
