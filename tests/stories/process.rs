//! The node as a process of the system: told to stop, given memory to lock, left without a disk.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use lucarne::clock::Clock;
use lucarne::demo::rehearsal::{Auditor, ByControl, Rehearsal, went_well};
use lucarne::id::SiteName;
use lucarne::node::act::{Act, Outcome};
use lucarne::rfb::PixelFormat;
use lucarne::rfb::encoding::number;
use lucarne::trace::{Entry, tail};
use tempfile::TempDir;

use super::cli::says;
use super::eye::{Door, Eye, exact};
use super::programs::{Program, free_port};
use super::script::Script;

/// `lucarne serve` on a directory of its own, its site shown, and a viewer's ticket at hand.
pub struct Served {
    pub node: Program,
    pub config: PathBuf,
    dir: TempDir,
    pub viewers: u16,
    pub clock: Clock,
    /// Those who order by its control socket.
    pub people: Arc<Rehearsal>,
    _script: Script,
}

/// `wrap` stands before the command: a program that prepares the process and becomes it.
pub async fn served(wrap: &str) -> Served {
    served_by(&format!("exec {wrap} {}", env!("CARGO_BIN_EXE_lucarne"))).await
}

/// The same, by a line of the shell that ends with the program.
async fn served_by(line: &str) -> Served {
    served_with(line, "").await
}

/// The same, with more settings.
pub async fn served_with(line: &str, more: &str) -> Served {
    let (dir, clock, script) = (TempDir::new().unwrap(), Clock::system(), Script::start(2, number::TIGHT).await);
    let root = dir.path().join("n1");
    let (config, viewers) = (root.join("lucarne.toml"), free_port());
    let mut words = says(&config, &["init", root.to_str().unwrap()], "");
    let text = std::fs::read_to_string(&config).unwrap();
    let text = text.replace("127.0.0.1:5901", &script.address.to_string()).replace("5920", &viewers.to_string());
    let text = text.replace("# connections_per_minute = 30 ", "connections_per_minute = 10000 ");
    let accounts = "[accounts]\nhashing = { mebibytes = 19, passes = 2 }";
    std::fs::write(&config, format!("{}\n{accounts}\n{more}", text.replace("9620", &free_port().to_string()))).unwrap();
    if more.contains("[store]") {
        // A store of its own begins anew.
        words = says(&config, &["init", root.to_str().unwrap()], "");
    }
    let command = format!("{line} serve").replace("$DATA", root.join("data").to_str().unwrap());
    let node = serve(&command, &config, dir.path());
    let data = control_of(&root.join("data"), line, node.id());
    let stage = ByControl { data, clock: clock.clone() };
    let auditor = Auditor { login: "claire", name: "Claire Martin", password: "Correct-h0rse" };
    let [rssi, admin] = codes(&words);
    let people = Rehearsal::begin(stage, [&rssi, &admin], auditor, &[site()]).await;
    let people =
        people.unwrap_or_else(|error| panic!("{error:#}: {}", std::fs::read_to_string(dir.path().join("serve.log")).unwrap()));
    Served { node, config, dir, viewers, clock, people: Arc::new(people), _script: script }
}

/// Where orders go: in a mount namespace of its own, the node has its directory elsewhere.
fn control_of(data: &Path, line: &str, node: u32) -> PathBuf {
    let inside = PathBuf::from(format!("/proc/{node}/root{}", data.display()));
    if line.contains("unshare") { inside } else { data.to_owned() }
}

fn site() -> SiteName {
    SiteName::new("my-site").unwrap()
}

/// The codes that `lucarne init` gave: the first rssi's, then the first admin's.
pub fn codes(words: &str) -> [String; 2] {
    ["rssi", "admin"].map(|role| {
        let line = words.lines().find(|line| line.trim().starts_with(&format!("first {role}")));
        line.unwrap().split_whitespace().last().unwrap().to_owned()
    })
}

async fn until(clock: &Clock, dir: &Path, mut ready: impl FnMut() -> bool) {
    for _ in 0..1000 {
        if ready() {
            return;
        }
        clock.sleep(Duration::from_millis(20)).await;
    }
    panic!("it did not come: {}", std::fs::read_to_string(dir.join("serve.log")).unwrap());
}

fn serve(command: &str, config: &Path, dir: &Path) -> Program {
    let mut command_line = Command::new("sh");
    command_line.args(["-c", command]).env("LUCARNE_CONFIG", config);
    Program::start(&mut command_line, &dir.join("serve.log"))
}

impl Served {
    pub fn data(&self) -> PathBuf {
        self.dir.path().join("n1/data")
    }

    /// The node is killed in the middle of whatever it does, and started again.
    pub async fn kill_and_start(&mut self) {
        self.node.0.kill().unwrap();
        self.node.0.wait().unwrap();
        self.node = serve(&format!("exec {} serve", env!("CARGO_BIN_EXE_lucarne")), &self.config, self.dir.path());
        let socket = self.people.stage.data.join("control.sock");
        self.until(|| std::os::unix::net::UnixStream::connect(&socket).is_ok()).await;
    }

    async fn until(&self, ready: impl FnMut() -> bool) {
        until(&self.clock, self.dir.path(), ready).await;
    }

    /// What comes of a Show.
    async fn shows(&self) -> Outcome {
        self.people.show(&site()).await.unwrap()
    }

    async fn is_shown(&self) {
        went_well(self.shows().await).unwrap();
    }

    /// Viewers may come and wait.
    async fn lets_wait(&self) {
        let act = Act::Show { engagement: self.people.engagement(&site()).unwrap().clone(), wait: true };
        went_well(self.people.company.contacts[&site()].order(&self.people.stage, act).await.unwrap()).unwrap();
    }

    async fn reloads(&self) -> Outcome {
        self.people.company.admin.order(&self.people.stage, Act::Reload).await.unwrap()
    }

    pub async fn looks(&self) -> Eye {
        self.is_shown().await;
        let mut eye = self.enters(&exact(number::TIGHT)).await;
        assert!(eye.watch_until(|picture| picture.size() == super::script::SIZE).await);
        eye
    }

    async fn enters(&self, encodings: &[i32]) -> Eye {
        let secret = self.people.ticket(&site()).await.unwrap();
        let door = Door::at(([127, 0, 0, 1], self.viewers).into(), self.dir.path().join("n1/certs/ca.pem"), &self.clock);
        Eye::through(&door, "claire", &secret, PixelFormat::NATIVE, encodings).await.unwrap()
    }
}

/// The entries of the trace in a folder, sealed parts included.
pub fn whole_entries(trace: &Path) -> Vec<Entry> {
    let files = std::fs::read_dir(trace).unwrap().flatten().map(|entry| entry.path());
    let is_public = |path: &PathBuf| path.to_str().unwrap().ends_with(".jsonl") && !path.to_str().unwrap().contains("sealed");
    tail(&files.into_iter().find(is_public).unwrap(), 0, true).unwrap()
}

/// Their types and causes.
fn entries(trace: &Path) -> Vec<(String, String)> {
    whole_entries(trace).iter().map(|entry| (entry.kind().to_owned(), entry.text("cause").to_owned())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_terminated_ends_its_sessions_and_closes_its_trace() {
    let mut served = served("").await;
    let eye = served.looks().await;
    let told = served.clock.now();
    let pid = served.node.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    let last = eye.watch_to_the_end().await;
    assert!(last.pixels().iter().all(|pixel| *pixel == lucarne::geometry::Pixel::BLACK));
    assert!(served.clock.now() - told < Duration::from_secs(1));
    let mut code = None;
    while code.is_none() {
        served.clock.sleep(Duration::from_millis(20)).await;
        code = served.node.ended();
    }
    assert_eq!(code, Some(0));
    assert!(served.clock.now() - told < Duration::from_secs(5));
    let entries = entries(&served.data().join("trace"));
    let ended = entries.iter().position(|(kind, cause)| kind == "view.ended" && cause == "shutdown");
    assert!(ended.is_some() && entries.last().unwrap().0 == "process.stop", "{entries:?}");
}

/// Where the system allows it, all of the node's memory is locked: no pixel can be swapped out. Where it does not, the
/// node says so and how to allow it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r05_memory_is_locked_where_it_may_be() {
    let served = served("").await;
    let _eye = served.looks().await;
    let of_node = |file: &str| std::fs::read_to_string(format!("/proc/{}/{file}", served.node.id())).unwrap();
    let (limits, status) = (of_node("limits"), of_node("status"));
    let limit = limits.lines().find_map(|line| line.strip_prefix("Max locked memory")).unwrap().split_whitespace().next();
    let locked: u64 =
        status.lines().find_map(|line| line.strip_prefix("VmLck:")?.trim().strip_suffix(" kB")?.parse().ok()).unwrap();
    if limit == Some("unlimited") {
        assert!(locked > 10_000, "{status}");
    } else {
        let words = std::fs::read_to_string(served.dir.path().join("serve.log")).unwrap();
        assert!(locked == 0 && words.contains("allow it with LimitMEMLOCK=infinity"), "{words}");
    }
}

/// What the process gave up at its start, as the system sees it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_served_node_dumps_no_core_gains_no_privilege_and_keeps_to_its_own_files() {
    let served = served("").await;
    let mut eye = served.looks().await;
    let of_node = |file: &str| std::fs::read_to_string(format!("/proc/{}/{file}", served.node.id())).unwrap();
    let (status, limits) = (of_node("status"), of_node("limits"));
    assert!(status.contains("NoNewPrivs:\t1"), "{status}");
    let core = limits.lines().find_map(|line| line.strip_prefix("Max core file size")).unwrap();
    assert!(core.split_whitespace().take(2).eq(["0", "0"]), "{core}");
    // A certificate that lies elsewhere cannot be read, by whatever name: the old one stays.
    let certs = served.dir.path().join("n1/certs");
    let elsewhere = served.dir.path().join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    lucarne::tls::make_certificates(&elsewhere, &["localhost".to_owned()]).unwrap();
    let own = std::fs::read(certs.join("viewers.pem")).unwrap();
    std::fs::remove_file(certs.join("viewers.pem")).unwrap();
    std::os::unix::fs::symlink(elsewhere.join("viewers.pem"), certs.join("viewers.pem")).unwrap();
    let words = format!("{:?}", served.reloads().await);
    let confined = std::fs::read_to_string(served.dir.path().join("serve.log")).unwrap().contains("confined by Landlock");
    assert!(confined && words.contains("ermission denied"), "{words}");
    // Put back where it was, it is read; SIGHUP does the same.
    std::fs::remove_file(certs.join("viewers.pem")).unwrap();
    std::fs::write(certs.join("viewers.pem"), own).unwrap();
    assert!(format!("{:?}", served.reloads().await).contains("viewers now meet the certificate"));
    assert!(Command::new("kill").args(["-HUP", &served.node.id().to_string()]).status().unwrap().success());
    served.until(|| entries(&served.data().join("trace")).iter().filter(|(kind, _)| kind == "config.changed").count() == 2).await;
    eye.ask(false).await;
    assert!(eye.update().await, "who looked looks on");
}

/// Nobody but root looks into the node's memory: to the system its files in /proc are root's, whoever it runs as.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r05_the_memory_of_a_served_node_is_not_even_its_own_users_to_read() {
    use std::os::unix::fs::MetadataExt;
    // Root would own them anyway: there the node runs as somebody else, on a copy of its program that they may run.
    let open = TempDir::new().unwrap();
    let program = open.path().join("lucarne");
    std::fs::copy(env!("CARGO_BIN_EXE_lucarne"), &program).unwrap();
    let as_root = rustix::process::getuid().is_root();
    let wrap = if as_root {
        let parts = [open.path().display().to_string(), "$DATA/../..".to_owned()].join(" ");
        format!(
            "chmod -R a+rX {parts} && chown -R 65534 $DATA/../.. && exec setpriv --reuid 65534 --clear-groups {}",
            program.display()
        )
    } else {
        program.display().to_string()
    };
    let served = served_by(&wrap).await;
    let user = std::fs::metadata(format!("/proc/{}", std::process::id())).unwrap().uid();
    let owner = |file: &str| std::fs::metadata(format!("/proc/{}/{file}", served.node.id())).unwrap().uid();
    let status = std::fs::read_to_string(format!("/proc/{}/status", served.node.id())).unwrap();
    let runs_as = if as_root { 65_534 } else { user };
    assert!(status.lines().any(|line| line.starts_with("Uid:") && line.contains(&runs_as.to_string())), "{status}");
    assert_eq!((owner("mem"), owner("maps"), owner("environ")), (0, 0, 0), "it can be dumped");
    // A process that gives nothing up is its user's.
    let mut other = Command::new("setpriv");
    other.args(["--reuid", &runs_as.to_string(), "--clear-groups", "sleep", "60"]);
    if as_root {
        let other = Program::start(&mut other, &served.dir.path().join("sleep.log"));
        served.until(|| std::fs::metadata(format!("/proc/{}/mem", other.id())).is_ok_and(|mem| mem.uid() == runs_as)).await;
    }
}

/// What a viewer is sent but for the colours of pixels: messages, padding and fourth bytes.
fn around_the_colours(mut bytes: &[u8]) -> Vec<u8> {
    let mut around = Vec::new();
    let mut take = |n: usize, every: usize| {
        around.extend(bytes[..n].iter().skip(every - 1).step_by(every));
        let taken = bytes[..n].to_vec();
        bytes = &bytes[n..];
        (taken, bytes.first().copied())
    };
    let mut next = take(0, 1).1;
    while let Some(kind) = next {
        if kind != 0 {
            next = take(if kind == 248 { 9 } else { 1 }, 1).1;
            continue;
        }
        let (head, _) = take(4, 1);
        for _ in 0..u16::from_be_bytes([head[2], head[3]]) {
            let rect = take(12, 1).0;
            let [_, _, width, height] = [0, 2, 4, 6].map(|n| usize::from(u16::from_be_bytes([rect[n], rect[n + 1]])));
            next = match i32::from_be_bytes(rect[8..].try_into().unwrap()) {
                number::RAW => take(width * height * 4, 4).1,
                number::EXTENDED_DESKTOP_SIZE => take(20, 1).1,
                other => panic!("encoding {other} was not asked for"),
            };
        }
    }
    around
}

/// LibVNCServer CVE-2019-15681, UltraVNC CVE-2019-8259: two nodes whose memory is filled with different bytes before use
/// send the same, down to the padding.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn class_stale_memory_what_is_sent_does_not_depend_on_what_memory_held() {
    let mut sent = Vec::new();
    for poison in [0x5a, 0xc3] {
        let served = served(&format!("env MALLOC_PERTURB_={poison}")).await;
        served.lets_wait().await;
        let whole = [3, 0, 0, 0, 0, 0, 255, 255, 255, 255];
        let mut eye =
            served.enters(&[number::RAW, number::EXTENDED_DESKTOP_SIZE, number::FENCE, number::CONTINUOUS_UPDATES]).await;
        eye.send(&whole).await;
        let mut bytes = eye.take_all().await;
        served.is_shown().await;
        for _ in 0..2 {
            eye.send(&whole).await;
            bytes.extend(eye.take_all().await);
        }
        let around = [eye.hello.clone(), around_the_colours(&bytes)].concat();
        assert!(around.len() > 1024 * 768 + 200 * 150, "{} bytes: a blank screen, a size and a picture", around.len());
        sent.push(around);
    }
    assert!(sent[0] == sent[1], "they differ at {:?}", sent[0].iter().zip(&sent[1]).position(|(a, b)| a != b));
}

/// x11vnc CVE-2020-29074, LibVNC CVE-2019-20839: nobody else on the machine reads or reaches what is the node's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn class_local_files_and_sockets_are_their_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let served = served("").await;
    let root = served.dir.path().join("n1");
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&root.join("data")), 0o700);
    assert_eq!(mode(&root.join("data/control.sock")), 0o600);
    assert_eq!(mode(&root.join("certs/viewers.key")), 0o600);
    let kept: Vec<PathBuf> = std::fs::read_dir(root.join("data/trace")).unwrap().flatten().map(|entry| entry.path()).collect();
    assert!(kept.len() >= 3, "{kept:?}");
    for path in kept {
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
}

/// The disk of the trace fills up under a running session: its end is still written, out of the reserve, and with room
/// again all goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r44_on_a_full_disk_pictures_end_and_their_ends_are_written_from_the_reserve() {
    // A file system of its own for the node, in a mount namespace that ends with it.
    let served = served("unshare -m sh -c 'cp -a $DATA $DATA.kept && mount -t tmpfs -o size=80m lucarne $DATA && cp -a $DATA.kept/. $DATA/ && exec \"$0\" \"$@\"'").await;
    let inside = PathBuf::from(format!("/proc/{}/root{}", served.node.id(), served.data().display()));
    let eye = served.looks().await;
    let filler = inside.join("filler");
    let status = Command::new("dd").args(["if=/dev/zero", &format!("of={}", filler.display()), "bs=1k"]).output().unwrap();
    assert!(!status.status.success(), "the disk is full");
    let trace = inside.join("trace");
    let known = entries(&trace).len();
    // Entries come until one does not fit: strangers' attempts.
    let end = async {
        let viewers = served.viewers;
        served
            .until(|| {
                drop(std::net::TcpStream::connect(("127.0.0.1", viewers)));
                entries(&trace).iter().skip(known).any(|(kind, cause)| kind == "view.ended" && cause == "no_trace")
            })
            .await;
    };
    tokio::join!(end, eye.watch_to_the_end());
    let words = format!("{:?}", served.shows().await);
    assert!(words.contains("disk"), "nothing is shown: {words}");
    std::fs::remove_file(&filler).unwrap();
    served.until(|| entries(&trace).iter().any(|(kind, _)| kind == "log.gap")).await;
    served.looks().await.leave().await;
}
