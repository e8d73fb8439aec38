//! A PostgreSQL server of a story's own: begun, lost and found again.

use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use lucarne::clock::Clock;
use lucarne::tls;
use tempfile::TempDir;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use super::child::Program;
use super::programs::free_port;

pub struct Postgres {
    dir: TempDir,
    port: u16,
    server: Option<Program>,
    tls: bool,
}

/// Debian keeps the server's programs aside, by version.
fn program(name: &str) -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").expect("./test installs postgresql");
    let mut found: Vec<PathBuf> = versions.flatten().map(|version| version.path().join("bin").join(name)).collect();
    found.sort();
    found.into_iter().rfind(|path| path.exists()).expect("./test installs postgresql")
}

/// The server refuses to run as root.
fn command(name: &str) -> Command {
    let mut command = Command::new(program(name));
    if rustix::process::geteuid().is_root() {
        command.uid(number_of("postgres", "-u")).gid(number_of("postgres", "-g"));
    }
    command
}

fn number_of(user: &str, which: &str) -> u32 {
    let said = Command::new("id").args([which, user]).output().unwrap().stdout;
    String::from_utf8(said).unwrap().trim().parse().unwrap()
}

impl Postgres {
    pub async fn start(clock: &Clock) -> Self {
        Self::begin(false, clock).await
    }

    /// Nodes reach it by TLS alone.
    pub async fn start_with_tls(clock: &Clock) -> Self {
        Self::begin(true, clock).await
    }

    async fn begin(tls: bool, clock: &Clock) -> Self {
        let dir = TempDir::new().unwrap();
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::chown(dir.path(), Some(number_of("postgres", "-u")), None).unwrap();
        }
        let begun = command("initdb")
            .args(["-A", "trust", "-U", "lucarne", "--no-sync", "-E", "UTF8", "--locale=C", "-D"])
            .arg(dir.path().join("rows"))
            .output()
            .unwrap();
        assert!(begun.status.success(), "{}", String::from_utf8_lossy(&begun.stderr));
        if tls {
            tls::make_certificates(dir.path(), &["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
            let key = dir.path().join("viewers.key");
            if rustix::process::geteuid().is_root() {
                std::os::unix::fs::chown(&key, Some(number_of("postgres", "-u")), None).unwrap();
            }
        }
        let mut server = Self { dir, port: free_port(), server: None, tls };
        server.go_on(clock).await;
        server
    }

    /// The server runs (again) on its rows.
    pub async fn go_on(&mut self, clock: &Clock) {
        let mut server = command("postgres");
        let dir = self.dir.path();
        server.arg("-D").arg(dir.join("rows")).arg("-k").arg(dir).args(["-h", "127.0.0.1", "-p", &self.port.to_string()]);
        if self.tls {
            let of = |setting: &str, file: &str| format!("{setting}={}", dir.join(file).display());
            let (certificate, key) = (of("ssl_cert_file", "viewers.pem"), of("ssl_key_file", "viewers.key"));
            server.args(["-c", "ssl=on", "-c", &certificate, "-c", &key]);
        }
        self.server = Some(Program::start(&mut server, &std::env::temp_dir().join(format!("postgres-{}.log", self.port))));
        for _ in 0..500 {
            let port = self.port.to_string();
            let asked = Command::new(program("pg_isready")).args(["-q", "-h", "127.0.0.1", "-p", &port]).status();
            if asked.is_ok_and(|status| status.success()) {
                return;
            }
            clock.sleep(Duration::from_millis(20)).await;
        }
        panic!("PostgreSQL did not come up in {}", dir.display());
    }

    /// The server goes at once, with all its connections, and loses what was not on its disk.
    pub fn crash(&mut self) {
        let stopped = command("pg_ctl").args(["stop", "-m", "immediate", "-D"]).arg(self.rows()).output().unwrap();
        assert!(stopped.status.success(), "{}", String::from_utf8_lossy(&stopped.stdout));
        self.server = None;
    }

    fn rows(&self) -> PathBuf {
        Path::new(self.dir.path()).join("rows")
    }

    /// The same by another port: a wire to it.
    pub fn settings_by(&self, port: u16) -> String {
        self.settings().replace(&self.port.to_string(), &port.to_string())
    }

    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// Somebody at the database, who says this.
    pub fn psql(&self, words: &str) -> Command {
        let mut command = Command::new("psql");
        let port = self.port.to_string();
        command.args(["-X", "-h", "127.0.0.1", "-p", &port, "-U", "lucarne", "-d", "postgres", "-Atc", words]);
        command
    }

    /// What a node's settings say of it.
    pub fn settings(&self) -> String {
        let trust = if self.tls { format!("ca = {:?}\n", self.ca()) } else { String::new() };
        format!("[store]\npostgres = \"postgres://lucarne@127.0.0.1:{}/postgres\"\n{trust}", self.port)
    }

    /// Who signed its certificate.
    pub fn ca(&self) -> PathBuf {
        self.dir.path().join("ca.pem")
    }
}

/// A wire that can go dead: nothing passes, and nobody is told.
pub struct Wire {
    pub port: u16,
    cut: watch::Sender<u32>,
    task: JoinHandle<()>,
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Wire {
    pub async fn to(server: SocketAddr) -> Self {
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = socket.local_addr().unwrap().port();
        let cut = watch::Sender::new(0);
        let cuts = cut.subscribe();
        let task = tokio::spawn(async move {
            let mut passing = JoinSet::new();
            while let Ok((mut node, _)) = socket.accept().await {
                let mut cuts = cuts.clone();
                passing.spawn(async move {
                    let born = *cuts.borrow_and_update();
                    // Odd: dead. What was open when it died stays as it is, also when new ones pass again.
                    let dead = cuts.wait_for(|now| *now != born || *now % 2 == 1);
                    let mut server = TcpStream::connect(server).await.unwrap();
                    tokio::select! {
                        _ = copy_bidirectional(&mut node, &mut server) => return,
                        _ = dead => {}
                    }
                    std::future::pending::<()>().await;
                });
            }
        });
        Self { port, cut, task }
    }

    pub fn dies(&self) {
        self.cut.send_modify(|now| *now += 1);
    }

    pub fn is_mended(&self) {
        self.cut.send_modify(|now| *now += 1);
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if self.server.is_some() {
            // Orderly would wait for the node's connections.
            let _ = command("pg_ctl").args(["stop", "-m", "immediate", "-D"]).arg(self.rows()).output();
        }
        let _ = std::fs::remove_file(std::env::temp_dir().join(format!("postgres-{}.log", self.port)));
    }
}
