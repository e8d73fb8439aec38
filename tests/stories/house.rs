//! A node with its sites, in a directory of its own, under a clock that the story moves.

use std::net::SocketAddr;
use std::time::Duration;

use lucarne::clock::Clock;
use lucarne::config::Config;
use lucarne::id::SiteName;
use lucarne::node::Node;
use lucarne::node::act::{Act, Outcome, Site};
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
    config: Config,
    node: Option<Node>,
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

    async fn begin(clock: Clock, viewers: &str, sites: &str) -> Self {
        let dir = TempDir::new().unwrap();
        tls::make_certificates(dir.path(), &["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        let limit = if viewers.contains("connections_per_minute") { "" } else { "connections_per_minute = 10000" };
        let text = format!(
            "[node]\nname = \"test\"\ndata = \"data\"\n[viewers]\nlisten = \"127.0.0.1:0\"\ntls_first = \"127.0.0.1:0\"\nlocal = \"127.0.0.1:0\"\n\
             certificate = \"viewers.pem\"\nkey = \"viewers.key\"\n{limit}\n{viewers}\n[monitor]\nlisten = \"127.0.0.1:0\"\n{sites}"
        );
        let config = Config::parse(&dir.path().join("lucarne.toml"), &text).unwrap();
        let node = Node::start(&config, clock.clone()).await.unwrap();
        let house = Self { dir, clock, config, node: Some(node), _server: None };
        let act = Act::AddAccount { login: "claire".into(), name: "Claire Martin".into(), password: "Correct-h0rse".into() };
        assert!(matches!(house.order(act).await, Outcome::Done { .. }));
        house
    }

    pub fn node(&self) -> &Node {
        self.node.as_ref().unwrap()
    }

    pub async fn order(&self, act: Act) -> Outcome {
        self.node().shared().perform(act).await
    }

    #[track_caller]
    fn done(outcome: Outcome) {
        assert!(matches!(outcome, Outcome::Done { .. }), "{outcome:?}");
    }

    pub async fn show(&self, site: &str) {
        Self::done(self.order(Act::Show { site: name(site) }).await);
    }

    pub async fn pause(&self, site: &str) {
        Self::done(self.order(Act::Pause { site: name(site) }).await);
    }

    pub async fn stop(&self, site: &str) {
        Self::done(self.order(Act::Stop { site: name(site) }).await);
    }

    /// A ticket for "claire": the long form and the short one.
    pub async fn tickets(&self, site: &str) -> (String, String) {
        match self.order(Act::IssueTicket { login: "claire".into(), site: name(site), short: true, certificate: None }).await {
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
        self.node.take().unwrap().stop().await;
        self.node = Some(Node::start(&self.config, self.clock.clone()).await.unwrap());
    }

    pub async fn close(mut self) {
        self.node.take().unwrap().stop().await;
    }
}

pub fn name(site: &str) -> SiteName {
    SiteName::new(site).unwrap()
}
