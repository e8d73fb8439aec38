//! The log of one node and year: two files of lines, one writer thread, entries made durable in groups.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Map, Value};
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use tokio::sync::{mpsc, oneshot, watch};

use super::reserve::Reserve;
use super::sealed::{canonical, seal};
use super::{Event, Recorded, TraceError};
use crate::clock::{Clock, Elapsed};

/// How long an entry may take to be durable.
pub(super) const DEADLINE: Duration = Duration::from_secs(5);
/// Entries waiting for the writer; past it, callers wait (their own deadline runs).
const QUEUE: usize = 1024;
/// Entries made durable by one sync.
const GROUP: usize = 256;
/// Events kept in memory while none can be written.
const KEPT: usize = 4096;
/// An entry's public line: bundles count its length in 16 bits.
const MAX_ENTRY: usize = 65_535;

/// RFC 3339, UTC, milliseconds.
const TIME: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

/// Whether entries can be made durable.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Health {
    /// Why they cannot, now.
    pub broken: Option<String>,
    /// How often they could not since the log was opened: a failure that has passed is seen all the same.
    pub failures: u64,
    /// When the first of them was that no `log.gap` tells of yet.
    since: Option<String>,
}

impl Health {
    pub fn is_writing(&self) -> bool {
        self.broken.is_none()
    }

    fn fail(&mut self, reason: String, clock: &Clock) {
        self.failures += 1;
        self.since.get_or_insert_with(|| clock.wall().format(TIME).unwrap_or_default());
        self.broken = Some(reason);
    }
}

/// Where the writer answers.
type Answer = oneshot::Receiver<Result<Recorded, TraceError>>;

/// What has happened and could not be written in time; with the place where the writer may still say that it was.
#[derive(Debug, Default)]
struct Kept {
    events: VecDeque<(Event, Option<Answer>)>,
    /// Events for which there was no room.
    lost: u64,
}

struct Job {
    event: Event,
    answer: oneshot::Sender<Result<Recorded, TraceError>>,
}

/// The node's log. Cloning gives another handle; the writer ends when all are gone.
#[derive(Clone)]
pub struct Log {
    jobs: mpsc::Sender<Job>,
    health: Arc<watch::Sender<Health>>,
    /// What happened and could not be written: kept in order, up to [`KEPT`], under its own lock.
    kept: Arc<Mutex<Kept>>,
    clock: Clock,
    path: PathBuf,
}

impl Log {
    /// Opens (or begins) the log of this node and year in `folder`, cutting a torn last line.
    pub fn open(folder: &Path, node: &str, clock: Clock) -> Result<Self, TraceError> {
        let failed = |reason: String| TraceError::Open { path: folder.to_owned(), reason };
        std::fs::create_dir_all(folder).map_err(|error| failed(error.to_string()))?;
        let stem = format!("{node}-{}", clock.wall().year());
        let path = folder.join(format!("{stem}.jsonl"));
        let public = Lines::open(&path, u64::MAX).map_err(|error| failed(error.to_string()))?;
        let sealed =
            Lines::open(&folder.join(format!("{stem}.sealed.jsonl")), public.count).map_err(|error| failed(error.to_string()))?;
        let reserve = Reserve::open(&folder.join("reserve")).map_err(|error| failed(error.to_string()))?;
        let health = Arc::new(watch::Sender::new(Health::default()));
        let (jobs, queue) = mpsc::channel(QUEUE);
        let writer = Writer { seq: public.count, public, sealed, reserve, node: node.to_owned(), clock: clock.clone() };
        let seen = Arc::clone(&health);
        let thread = std::thread::Builder::new().name("trace".to_owned());
        thread.spawn(move || writer.run(queue, &seen)).map_err(|error| failed(error.to_string()))?;
        Ok(Self { jobs, health, kept: Arc::default(), clock, path })
    }

    /// Makes an event an entry, and answers once it is durable.
    pub async fn append(&self, event: Event) -> Result<Recorded, TraceError> {
        self.submit(event).await.map_err(|(error, _)| error)
    }

    /// The same; with an error comes the place where the writer may still answer, if the event reached it.
    async fn submit(&self, event: Event) -> Result<Recorded, (TraceError, Option<Answer>)> {
        let (answer, mut answered) = oneshot::channel();
        let deadline = self.clock.now() + DEADLINE;
        let sent = self.clock.within(deadline, self.jobs.send(Job { event, answer })).await;
        let written = match sent {
            Err(Elapsed) => Err((TraceError::Slow, None)),
            Ok(Err(_)) => Err((TraceError::Closed, None)),
            Ok(Ok(())) => match self.clock.within(deadline, &mut answered).await {
                Ok(answer) => answer.unwrap_or(Err(TraceError::Closed)).map_err(|error| (error, None)),
                Err(Elapsed) => Err((TraceError::Slow, Some(answered))),
            },
        };
        if let Err((error @ (TraceError::Slow | TraceError::Closed), _)) = &written {
            self.health.send_modify(|health| health.fail(error.to_string(), &self.clock));
        }
        written
    }

    /// Appends what gives no right and has happened anyhow: a failure keeps it, with its time, for
    /// [`Log::write_kept`], and shows in the log's health.
    pub async fn note(&self, event: Event) {
        let happened = self.clock.wall().format(TIME).unwrap_or_default();
        if let Err((error, answer)) = self.submit(event.clone()).await {
            tracing::error!(%error, "an entry waits to be written");
            let mut kept = self.kept();
            if kept.events.len() < KEPT {
                kept.events.push_back((event.public("happened", happened), answer));
            } else {
                kept.lost += 1;
            }
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes that entries could not be written: since when, how many wait, how many had no room. Then those that wait.
    pub async fn write_kept(&self) -> Result<(), TraceError> {
        let (since, failures) = {
            let health = self.health.borrow();
            (health.since.clone(), health.failures)
        };
        let (waiting, lost) = {
            let kept = self.kept();
            (kept.events.len() as u64, kept.lost)
        };
        let gap = Event::new("log.gap").outcome("failed").count("kept", waiting).count("lost", lost);
        self.append(since.iter().fold(gap, |gap, since| gap.public("since", since.as_str()))).await?;
        self.kept().lost -= lost;
        self.health.send_modify(|health| {
            if health.failures == failures {
                health.since = None;
            }
        });
        loop {
            let Some((event, answer)) = self.kept().events.pop_front() else { return Ok(()) };
            // The writer may have been slow and not unable: then it stands in the log already.
            if answer.is_some_and(|mut answer| matches!(answer.try_recv(), Ok(Ok(_)))) {
                continue;
            }
            if let Err(error) = self.append(event.clone()).await {
                self.kept().events.push_front((event, None));
                return Err(error);
            }
        }
    }

    /// Tells at once when entries can no longer be made durable, and when they can again.
    pub fn health(&self) -> watch::Receiver<Health> {
        self.health.subscribe()
    }

    /// The public file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// A file of lines that never keeps half of one.
struct Lines {
    file: File,
    /// Bytes known to be durable.
    length: u64,
    count: u64,
    /// Something past them could not be cut off.
    torn: bool,
}

impl Lines {
    /// Keeps whole lines, and no more than `at_most`: a crash between the two files leaves a sealed part without its
    /// entry.
    fn open(path: &Path, at_most: u64) -> std::io::Result<Self> {
        let mut file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
        let (mut length, mut count, mut at) = (0, 0, 0);
        let mut piece = vec![0; 64 << 10];
        loop {
            let n = file.read(&mut piece)?;
            if n == 0 {
                break;
            }
            for (i, _) in piece.iter().take(n).enumerate().filter(|(_, byte)| **byte == b'\n') {
                if count < at_most {
                    length = at + i as u64 + 1;
                    count += 1;
                }
            }
            at += n as u64;
        }
        file.set_len(length)?;
        file.seek(SeekFrom::End(0))?;
        Ok(Self { file, length, count, torn: false })
    }

    fn write(&mut self, lines: &[u8]) -> std::io::Result<()> {
        if self.torn {
            self.file.set_len(self.length)?;
            self.torn = false;
        }
        self.file.write_all(lines)?;
        self.file.sync_data()
    }

    fn keep(&mut self, bytes: usize) {
        self.length += bytes as u64;
    }

    /// Back to what is known to be whole.
    fn undo(&mut self) {
        if let Err(error) = self.file.set_len(self.length) {
            self.torn = true;
            tracing::error!(%error, "the trace could not be cut back to its last whole entry");
        }
    }
}

/// Owned by the writer thread alone.
struct Writer {
    public: Lines,
    sealed: Lines,
    reserve: Reserve,
    seq: u64,
    node: String,
    clock: Clock,
}

impl Writer {
    fn run(mut self, mut queue: mpsc::Receiver<Job>, health: &watch::Sender<Health>) {
        while let Some(first) = queue.blocking_recv() {
            let mut group = vec![first];
            while group.len() < GROUP {
                let Ok(next) = queue.try_recv() else { break };
                group.push(next);
            }
            // Whoever gave up by its own deadline keeps the event, or has refused what it was for.
            group.retain(|job| !job.answer.is_closed());
            let (events, answers): (Vec<_>, Vec<_>) = group.into_iter().map(|job| (job.event, job.answer)).unzip();
            let written = self.write(&events);
            health.send_if_modified(|health| match &written {
                Ok(_) => health.broken.take().is_some(),
                Err(error) => {
                    health.fail(error.to_string(), &self.clock);
                    true
                }
            });
            for ((n, event), answer) in (0..).zip(&events).zip(answers) {
                let recorded = match &written {
                    Ok(first) => Ok(Recorded { seq: first + n }),
                    Err(error) => self.write_end(event).ok_or_else(|| TraceError::Write(error.to_string())),
                };
                // A caller that no longer waits has given up by its own deadline.
                let _ = answer.send(recorded);
            }
            self.reserve.take_back();
            if written.is_ok() {
                self.reserve.refill();
            }
        }
    }

    /// What tells that something is over may use the reserve, when the group it came with finds the disk full.
    fn write_end(&mut self, event: &Event) -> Option<Recorded> {
        while event.is_an_end() && self.reserve.give() {
            match self.write(std::slice::from_ref(event)) {
                Ok(seq) => return Some(Recorded { seq }),
                Err(error) if matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) => {}
                Err(_) => return None,
            }
        }
        None
    }

    /// All of a group or nothing of it; gives the first one's place.
    fn write(&mut self, events: &[Event]) -> std::io::Result<u64> {
        let (mut public, mut sealed, first) = (Vec::new(), Vec::new(), self.seq);
        for (seq, event) in (first..).zip(events) {
            let (line, secret) = self.entry(seq, event.clone()).map_err(std::io::Error::other)?;
            public.extend_from_slice(&line);
            public.push(b'\n');
            sealed.extend_from_slice(&secret);
            sealed.push(b'\n');
        }
        // The sealed part first: an entry whose `priv` nobody can open must not exist.
        if let Err(error) = self.sealed.write(&sealed).and_then(|()| self.public.write(&public)) {
            self.sealed.undo();
            self.public.undo();
            return Err(error);
        }
        self.sealed.keep(sealed.len());
        self.public.keep(public.len());
        self.seq += events.len() as u64;
        Ok(first)
    }

    fn entry(&self, seq: u64, event: Event) -> Result<(Vec<u8>, Vec<u8>), String> {
        let (mut public, sealed): (Map<String, Value>, _) = event.into_parts();
        let (secret, binding) = seal(seq, sealed)?;
        let time = self.clock.wall().format(TIME).map_err(|error| error.to_string())?;
        public.insert("node".to_owned(), self.node.clone().into());
        public.insert("seq".to_owned(), seq.into());
        public.insert("time".to_owned(), time.into());
        public.insert("priv".to_owned(), binding.into());
        let line = canonical(&Value::Object(public))?;
        if line.len() > MAX_ENTRY {
            return Err(format!("an entry of {} bytes is too long", line.len()));
        }
        Ok((line, secret))
    }
}
