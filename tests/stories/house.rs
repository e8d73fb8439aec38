//! A node with its sites, in a directory of its own, under a clock that the story moves.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use lucarne::clock::Clock;
use lucarne::config::Config;
use lucarne::demo::rehearsal::{Auditor, Company, Person, went_well};
use lucarne::governance::{Kind, Right, Standing};
use lucarne::id::EngagementId;
use lucarne::id::SiteName;
use lucarne::node::act::{Act, Outcome, Site};
use lucarne::node::{Node, open_desk};
use lucarne::tls;
use lucarne::trace::{Entry, tail};
use tempfile::TempDir;
use time::OffsetDateTime;
use time::macros::datetime;

use super::postgres::{Postgres, Wire};

/// A full minute.
const BEGINNING: OffsetDateTime = datetime!(2026-03-01 10:00 UTC);

pub struct House {
    pub dir: TempDir,
    pub clock: Clock,
    text: String,
    config: Config,
    node: Option<Node>,
    /// The people: an auditor called "claire", and a contact at each site.
    pub company: Company,
    /// The engagement on each site.
    engagements: tokio::sync::Mutex<HashMap<SiteName, EngagementId>>,
    /// The server of the rows, if this run is about PostgreSQL.
    _server: Option<Postgres>,
}

/// A demo site without TLS at `address`.
pub fn demo_site(name: &str, address: SocketAddr) -> String {
    format!(
        "[[site]]\nname = {name:?}\nlabel = \"Cabinet {name}\"\nkind = \"demo\"\naddress = \"{address}\"\nsecurity = \"none\"\nmax_fps = 60\n"
    )
}

impl House {
    /// A node with these sites, the account "claire" and nothing shown. Its clock begins at a full minute.
    pub async fn open(sites: &str) -> Self {
        Self::with("", sites).await
    }

    /// The same, with more settings of `[viewers]`.
    pub async fn with(viewers: &str, sites: &str) -> Self {
        let clock = Clock::running(BEGINNING);
        // `./test` tells the stories twice: their rows are in a file, then on a server.
        let server = match std::env::var("LUCARNE_TEST_STORE").as_deref() {
            Ok("postgres") => Some(Postgres::start(&clock).await),
            _ => None,
        };
        let store = server.as_ref().map(Postgres::settings).unwrap_or_default();
        let house = Self::begin(clock, viewers, &format!("{store}{sites}")).await;
        Self { _server: server, ..house }
    }

    /// With its rows on a server that the story keeps.
    pub async fn on_postgres(sites: &str) -> (Self, Postgres) {
        let clock = Clock::running(BEGINNING);
        let server = Postgres::start(&clock).await;
        (Self::begin(clock, "", &format!("{}{sites}", server.settings())).await, server)
    }

    /// The same, by a wire that the story can cut.
    pub async fn by_wire(sites: &str) -> (Self, Postgres, Wire) {
        let clock = Clock::running(BEGINNING);
        let server = Postgres::start(&clock).await;
        let wire = Wire::to(server.address()).await;
        (Self::begin(clock, "", &format!("{}{sites}", server.settings_by(wire.port))).await, server, wire)
    }

    /// On what `before` leaves in the place that the settings name.
    pub async fn upon(sites: &str, before: impl AsyncFnOnce(&Config)) -> Self {
        Self::begin_upon(Clock::running(BEGINNING), "", sites, before).await
    }

    async fn begin(clock: Clock, viewers: &str, sites: &str) -> Self {
        Self::begin_upon(clock, viewers, sites, async |_| {}).await
    }

    async fn begin_upon(clock: Clock, viewers: &str, sites: &str, before: impl AsyncFnOnce(&Config)) -> Self {
        let dir = TempDir::new().unwrap();
        tls::make_certificates(dir.path(), &["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        let limit = if viewers.contains("connections_per_minute") { "" } else { "connections_per_minute = 10000" };
        let text = format!(
            "[node]\nname = \"test\"\ndata = \"data\"\n[viewers]\nlisten = \"127.0.0.1:0\"\ntls_first = \"127.0.0.1:0\"\nlocal = \"127.0.0.1:0\"\n\
             certificate = \"viewers.pem\"\nkey = \"viewers.key\"\n{limit}\n{viewers}\n[monitor]\nlisten = \"127.0.0.1:0\"\n[api]\nlisten = \"127.0.0.1:0\"\n[pages]\nlisten = \"127.0.0.1:0\"\npixel = \"127.0.0.1:0\"\n\
             [accounts]\nhashing = {{ mebibytes = 19, passes = 2 }}\ninactive_days = 365\n{sites}"
        );
        let config = Config::parse(&dir.path().join("lucarne.toml"), &text).unwrap();
        before(&config).await;
        let links = open_desk(&config, &clock).await.unwrap().begin_and_close().await.unwrap();
        let node = Node::start(&config, clock.clone()).await.unwrap();
        let codes = [links[0].code.as_str(), links[1].code.as_str()];
        let auditor = Auditor { login: "claire", name: "Claire Martin", password: "Correct-h0rse" };
        let sites: Vec<SiteName> = config.sites.iter().map(|site| site.name.clone()).collect();
        let company = Company::found(&**node.shared(), codes, auditor, &sites).await.unwrap();
        Self { dir, clock, text, config, node: Some(node), company, engagements: Default::default(), _server: None }
    }

    pub fn node(&self) -> &Node {
        self.node.as_ref().unwrap()
    }

    /// Ordered by whom it falls to.
    pub async fn order(&self, act: Act) -> Outcome {
        let company = &self.company;
        let contact = |site: &SiteName| &company.contacts[site];
        let person = match (&act, act.right()) {
            (Act::Pause { site } | Act::Stop { site }, _) => contact(site),
            (_, Some(Right::Look)) => &company.auditor,
            (_, Some(Right::Consent | Right::Show)) => {
                let engagements = self.engagements.lock().await;
                let site = engagements.iter().find(|(_, id)| Some(*id) == act.engagement()).map(|(site, _)| site);
                contact(site.unwrap())
            }
            (_, Some(Right::Approve | Right::Review)) => &company.rssi,
            _ => &company.admin,
        };
        self.by(person, act).await
    }

    /// Ordered by somebody.
    pub async fn by(&self, person: &Person, act: Act) -> Outcome {
        person.order(&**self.node().shared(), act).await.unwrap()
    }

    /// The engagement on a site: planned, accepted, for a year.
    pub async fn engagement(&self, site: &str) -> EngagementId {
        let site = name(site);
        let mut engagements = self.engagements.lock().await;
        if let Some(known) = engagements.get(&site) {
            return known.clone();
        }
        let kind = self.config.sites.iter().find(|s| s.name == site).map_or(Kind::Demo, |site| site.kind);
        let terms = self.company.terms(&site, kind, self.clock.wall() - time::Duration::days(1), time::Duration::days(401));
        let id = self.company.engage(&**self.node().shared(), terms).await.unwrap();
        engagements.insert(site, id.clone());
        id
    }

    /// Two people say that a site's masks are right for this size.
    pub async fn confirm(&self, site: &str, width: u16, height: u16) {
        let Outcome::Asked { request, .. } = self.order(Act::AskMasks { site: name(site), width, height }).await else {
            panic!("nothing was asked");
        };
        went_well(self.order(Act::Approve { request }).await).unwrap();
    }

    #[track_caller]
    fn done(outcome: Outcome) {
        assert!(matches!(outcome, Outcome::Done { .. }), "{outcome:?}");
    }

    pub async fn show(&self, site: &str) {
        Self::done(self.shows(site).await);
    }

    /// What comes of a Show that may fail.
    pub async fn shows(&self, site: &str) -> Outcome {
        let engagement = self.engagement(site).await;
        self.order(Act::Show { engagement, wait: false }).await
    }

    /// Viewers wait before a blank screen, whether the site was shown before or not.
    pub async fn pause(&self, site: &str) {
        let act = match self.site(site).await.standing {
            Standing::Stopped => Act::Show { engagement: self.engagement(site).await, wait: true },
            Standing::Paused | Standing::Showing => Act::Pause { site: name(site) },
        };
        Self::done(self.order(act).await);
    }

    pub async fn stop(&self, site: &str) {
        Self::done(self.order(Act::Stop { site: name(site) }).await);
    }

    /// A ticket for "claire": the long form and the short one.
    pub async fn tickets(&self, site: &str) -> (String, String) {
        self.tickets_for(site, None).await
    }

    /// The same, bound to a workstation.
    pub async fn tickets_for(&self, site: &str, certificate: Option<[u8; 32]>) -> (String, String) {
        let engagement = self.engagement(site).await;
        match self.order(Act::IssueTicket { engagement, acknowledged: true, short: true, certificate }).await {
            Outcome::Ticket { secret, short, .. } => (secret, short.unwrap()),
            other => panic!("{other:?}"),
        }
    }

    pub async fn ticket(&self, site: &str) -> String {
        self.tickets(site).await.0
    }

    pub async fn site(&self, site: &str) -> Site {
        match self.order(Act::ListSites).await {
            Outcome::Sites { sites } => sites.into_iter().find(|s| s.name == site).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    /// Every entry of the trace, sealed parts included.
    pub fn entries(&self) -> Vec<Entry> {
        tail(self.node().shared().log().path(), 0, true).unwrap()
    }

    /// Waits until an entry satisfies `which`; the story fails after ten seconds without it.
    pub async fn entry(&self, which: impl Fn(&Entry) -> bool) -> Entry {
        self.until(|| self.entries().into_iter().find(&which)).await
    }

    /// Waits until `look` gives something.
    pub async fn until<T>(&self, look: impl Fn() -> Option<T>) -> T {
        for _ in 0..1000 {
            if let Some(found) = look() {
                return found;
            }
            self.clock.sleep(Duration::from_millis(10)).await;
        }
        panic!("it did not come; the trace holds {:#?}", self.entries().iter().map(|e| e.public.to_string()).collect::<Vec<_>>());
    }

    /// Lets time pass, in steps that no entry in flight takes for a slow disk.
    pub async fn pass(&self, seconds: u64) {
        for _ in 0..seconds.div_ceil(2) {
            self.clock.sleep(Duration::from_millis(15)).await;
            self.clock.advance(Duration::from_secs(2));
        }
    }

    /// The node stops in order and starts again on the same directory.
    pub async fn restart(&mut self) {
        self.halt().await;
        self.begin_again().await.unwrap();
    }

    /// The file of the rows, if they are in one.
    pub fn file(&self) -> Option<std::path::PathBuf> {
        self.config.postgres.is_none().then(|| self.config.data.join("lucarne.sqlite"))
    }

    /// The node stops in order.
    pub async fn halt(&mut self) {
        self.node.take().unwrap().stop().await;
    }

    /// One that has stopped starts again on the same directory, or says why not.
    pub async fn begin_again(&mut self) -> Result<(), String> {
        self.node = Some(Node::start(&self.config, self.clock.clone()).await.map_err(|error| format!("{error:#}"))?);
        Ok(())
    }

    /// The node stops and starts again with other settings.
    pub async fn change_settings(&mut self, change: impl Fn(&str) -> String) {
        self.text = change(&self.text);
        self.config = Config::parse(&self.dir.path().join("lucarne.toml"), &self.text).unwrap();
        self.restart().await;
    }

    pub async fn close(mut self) {
        self.node.take().unwrap().stop().await;
    }
}

pub fn name(site: &str) -> SiteName {
    SiteName::new(site).unwrap()
}
