//! One site: a task that opens and closes its source when told, and tells what happens to it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{JoinHandle, JoinSet};

use super::target;
use crate::clock::Clock;
use crate::config::Site;
use crate::desk::Desk;
use crate::geometry::Size;
use crate::governance::Standing;
use crate::id::{EngagementId, SiteName};
use crate::metrics::Metrics;
use crate::screen::{Face, Masks, ScreenReader, ScreenWriter, screen};
use crate::shutdown::{Switch, signal};
use crate::source::{Ended, Ends, Link, Opened, Report, Target};
use crate::trace::Event;
use crate::viewer::Watchers;

/// A source clears its screen between two slices of pixels.
const AT_ONCE: Duration = Duration::from_millis(500);

/// What a site is told, and the answer that it is done.
enum Order {
    Open(oneshot::Sender<Option<String>>),
    Close(oneshot::Sender<()>),
    Masks(Vec<Size>),
}

/// How a site stands now, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    pub standing: Standing,
    /// Why the source is not open though the site was shown.
    pub trouble: Option<String>,
}

pub(super) struct SiteHandle {
    pub label: String,
    pub reader: ScreenReader,
    /// Written by the keeper and by acts; the latest word stands.
    pub state: Arc<watch::Sender<State>>,
    orders: mpsc::Sender<Order>,
    /// Stops the source that is open, if one is: raised without waiting for the keeper.
    stop: Arc<Mutex<Option<Switch<()>>>>,
    /// One act at a time changes how the site stands.
    pub acts: Arc<tokio::sync::Mutex<()>>,
    /// For which engagement the site was shown last. Held for no wait.
    engagement: Mutex<Option<EngagementId>>,
    /// Whether the site says that real data are on its screen.
    pub real_data: watch::Sender<bool>,
    /// Who looks.
    pub watchers: watch::Sender<Watchers>,
}

pub(super) struct Wiring {
    pub site: Site,
    pub confirmed: Vec<Size>,
    pub standing: Standing,
    pub engagement: Option<EngagementId>,
    pub real_data: bool,
    pub desk: Arc<Desk>,
    pub clock: Clock,
    pub metrics: Metrics,
    pub pixels: Handle,
}

impl SiteHandle {
    /// Orders the source to be opened. The answer comes when it is (`None`), or says what stands in the way.
    pub async fn open(&self) -> oneshot::Receiver<Option<String>> {
        let (answer, answered) = oneshot::channel();
        // If the keeper is gone the answer never comes, and the receiver says so.
        let _ = self.orders.send(Order::Open(answer)).await;
        answered
    }

    /// Tells the source that is open, if one is, to close: without waiting for anybody.
    pub fn stop_source(&self) {
        if let Some(stop) = self.stop.lock().unwrap_or_else(PoisonError::into_inner).take() {
            stop.raise(());
        }
    }

    /// Stops the source and waits until it has cleared the screen, which it does at once.
    pub async fn go_blank(&self, clock: &Clock) {
        self.stop_source();
        let mut reader = self.reader.clone();
        let blank = async {
            loop {
                let look = reader.look();
                if look.face == Face::Blank {
                    return;
                }
                reader.changed_since(look.version).await;
            }
        };
        if clock.within(clock.now() + AT_ONCE, blank).await.is_err() {
            tracing::error!("a source was slow to clear its screen");
        }
    }

    /// Closes the source and clears the screen, without changing how the site stands on paper.
    pub async fn halt(&self) {
        self.stop_source();
        let (answer, answered) = oneshot::channel();
        if self.orders.send(Order::Close(answer)).await.is_ok() {
            let _ = answered.await;
        }
    }

    /// For which engagement the site was shown last.
    pub fn engagement(&self) -> Option<EngagementId> {
        self.engagement.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn show_for(&self, engagement: &EngagementId) {
        *self.engagement.lock().unwrap_or_else(PoisonError::into_inner) = Some(engagement.clone());
    }

    /// How the site stands from now on.
    pub fn stand(&self, standing: Standing) {
        self.state.send_modify(|state| *state = State { standing, trouble: None });
    }

    pub async fn confirm(&self, sizes: Vec<Size>) {
        let _ = self.orders.send(Order::Masks(sizes)).await;
    }
}

/// The source that is open, and the hand that closes it.
struct Running {
    link: JoinHandle<(ScreenWriter, Ended)>,
    stop: Switch<()>,
    reports: mpsc::Receiver<Report>,
}

struct Keeper {
    wiring: Wiring,
    /// There whenever no source is open.
    writer: Option<ScreenWriter>,
    running: Option<Running>,
    state: Arc<watch::Sender<State>>,
    /// The link that is open sees the latest.
    masks: watch::Sender<Masks>,
    stop: Arc<Mutex<Option<Switch<()>>>>,
    acts: Arc<tokio::sync::Mutex<()>>,
    /// Who waits to hear that the source is open.
    waiting: Vec<oneshot::Sender<Option<String>>>,
}

pub(super) fn start(wiring: Wiring, tasks: &mut JoinSet<()>) -> SiteHandle {
    let (writer, reader) = screen();
    let state = Arc::new(watch::Sender::new(State { standing: wiring.standing, trouble: None }));
    let (orders, received) = mpsc::channel(16);
    let (stop, acts) = (Arc::default(), Arc::default());
    let handle = SiteHandle {
        label: wiring.site.label.clone(),
        reader,
        state: Arc::clone(&state),
        orders,
        stop: Arc::clone(&stop),
        acts: Arc::clone(&acts),
        engagement: Mutex::new(wiring.engagement.clone()),
        real_data: watch::Sender::new(wiring.real_data),
        watchers: watch::Sender::new(Watchers::default()),
    };
    let masks = watch::Sender::new(Masks { rects: wiring.site.masks.clone(), confirmed: wiring.confirmed.clone() });
    let keeper = Keeper { wiring, writer: Some(writer), running: None, state, masks, stop, acts, waiting: Vec::new() };
    tasks.spawn(keeper.run(received));
    handle
}

/// What woke the keeper.
enum Woke {
    Order(Option<Order>),
    Report(Option<Report>),
    Ended(Result<(ScreenWriter, Ended), tokio::task::JoinError>),
}

impl Keeper {
    async fn run(mut self, mut orders: mpsc::Receiver<Order>) {
        loop {
            let woke = match &mut self.running {
                None => Woke::Order(orders.recv().await),
                Some(running) => tokio::select! {
                    order = orders.recv() => Woke::Order(order),
                    report = running.reports.recv(), if !running.reports.is_closed() || !running.reports.is_empty() => Woke::Report(report),
                    ended = &mut running.link => Woke::Ended(ended),
                },
            };
            match woke {
                Woke::Order(None) => return,
                Woke::Order(Some(order)) => self.obey(order).await,
                Woke::Report(Some(report)) => self.tell(report).await,
                Woke::Report(None) => {}
                Woke::Ended(ended) => self.ended(ended).await,
            }
        }
    }

    async fn obey(&mut self, order: Order) {
        match order {
            Order::Open(answer) => {
                self.waiting.push(answer);
                self.state.send_modify(|state| *state = State { standing: Standing::Showing, trouble: None });
                match self.writer.take() {
                    // Whom to trust is read anew each time the site is shown.
                    Some(writer) => match target(&self.wiring.site, &self.wiring.clock) {
                        Ok(target) => self.open(target, writer),
                        Err(error) => self.cannot_open(writer, format!("{error:#}")),
                    },
                    None if self.running.is_some() => self.answer(None),
                    None => self.answer(Some("its source failed by our fault; restart the node".to_owned())),
                }
            }
            Order::Close(answer) => {
                if let Some(mut running) = self.running.take() {
                    running.stop.raise(());
                    let ended = loop {
                        tokio::select! {
                            ended = &mut running.link => break ended,
                            Some(report) = running.reports.recv() => self.tell(report).await,
                        }
                    };
                    self.writer = ended.ok().map(|(writer, _)| writer);
                    while let Ok(report) = running.reports.try_recv() {
                        self.tell(report).await;
                    }
                }
                self.answer(Some("it was stopped".to_owned()));
                let _ = answer.send(());
            }
            Order::Masks(confirmed) => {
                self.masks.send_modify(|masks| masks.confirmed = confirmed);
            }
        }
    }

    fn cannot_open(&mut self, writer: ScreenWriter, trouble: String) {
        self.writer = Some(writer);
        self.state.send_modify(|state| *state = State { standing: Standing::Paused, trouble: Some(trouble.clone()) });
        self.answer(Some(trouble));
        self.record_pause("trust");
    }

    fn open(&mut self, target: Target, writer: ScreenWriter) {
        let (stop, stopped) = signal();
        *self.stop.lock().unwrap_or_else(PoisonError::into_inner) = Some(stop.clone());
        let (reporter, reports) = mpsc::channel(64);
        let link = Link {
            target,
            clock: self.wiring.clock.clone(),
            metrics: self.wiring.metrics.clone(),
            reports: reporter,
            stop: stopped,
            masks: self.masks.subscribe(),
            screen: writer,
        };
        let link = self.wiring.pixels.spawn(link.run());
        self.running = Some(Running { link, stop, reports });
    }

    fn answer(&mut self, trouble: Option<String>) {
        for waiting in self.waiting.drain(..) {
            let _ = waiting.send(trouble.clone());
        }
    }

    async fn append(&self, event: Event) {
        let event = event.sealed("site", self.wiring.site.name.as_str());
        self.wiring.desk.log().note(event).await;
    }

    async fn tell(&mut self, report: Report) {
        match report {
            Report::Opening => {
                let address = format!("{}:{}", self.wiring.site.host, self.wiring.site.port);
                self.append(Event::new("source.opening").outcome("ok").sealed("address", address)).await;
            }
            Report::Opened(opened) => {
                self.append(opened_event(&opened)).await;
                self.state.send_modify(|state| state.trouble = None);
                self.answer(None);
            }
            Report::Refused { code, words, at, ends } => {
                let event = Event::new("source.refused").outcome("failed").cause(code).at(at.state, at.offset);
                self.append(with_ends(event, ends)).await;
                self.state.send_modify(|state| state.trouble = Some(words.clone()));
                self.answer(Some(words));
            }
            Report::Closed { code, received, dropped } => {
                let event = Event::new("source.closed").outcome("ok").cause(code).count("bytes", received);
                let event = dropped
                    .into_iter()
                    .fold(event, |event, (kind, count)| event.count(&format!("dropped_{}", kind.name()), count));
                self.append(event).await;
            }
        }
    }

    /// The link ended by itself: the site is paused until somebody shows it again.
    async fn ended(&mut self, ended: Result<(ScreenWriter, Ended), tokio::task::JoinError>) {
        if let Some(mut running) = self.running.take() {
            while let Ok(report) = running.reports.try_recv() {
                self.tell(report).await;
            }
        }
        let ended = match ended {
            Ok((writer, ended)) => {
                self.writer = Some(writer);
                ended
            }
            Err(error) => {
                tracing::error!(%error, "a source's task failed; restart the node to show its site again");
                Ended::Failed
            }
        };
        if ended == Ended::Stopped {
            // Somebody told it to, faster than the order came here: how the site stands is theirs to say.
            return;
        }
        self.answer(Some("the site closed the connection".to_owned()));
        let paused = self.state.send_if_modified(|state| {
            let showing = state.standing == Standing::Showing;
            if showing {
                state.standing = Standing::Paused;
            }
            showing
        });
        if paused {
            self.record_pause(ended.code());
        }
    }

    /// In its turn among the acts on this site, unless one of them has changed the standing meanwhile. On its own: an
    /// act may be waiting for us.
    fn record_pause(&self, code: &'static str) {
        let (acts, state, desk) = (Arc::clone(&self.acts), Arc::clone(&self.state), Arc::clone(&self.wiring.desk));
        let name: SiteName = self.wiring.site.name.clone();
        tokio::spawn(async move {
            let _one_at_a_time = acts.lock().await;
            if state.borrow().standing != Standing::Paused {
                return;
            }
            if let Err(error) = desk.stand(None, &name, Standing::Paused, code).await {
                tracing::error!(%error, "a pause could not be recorded");
            }
        });
    }
}

fn opened_event(opened: &Opened) -> Event {
    let init = opened.entered.init;
    let mut event = Event::new("source.opened")
        .outcome("ok")
        .public("rfb_version", opened.entered.version.name())
        .public("security", opened.entered.security.clone())
        .public("size", init.size.to_string())
        .public("format", init.format.to_string())
        .count("ms", opened.took.as_millis() as u64);
    if let Some(tls) = &opened.tls {
        event = event.public("tls_version", tls.version.clone()).public("tls_suite", tls.suite.clone());
        event = event.sealed("certificate", tls.fingerprint.clone());
    }
    with_ends(event, opened.ends)
}

/// R45: as a firewall's records name the connection.
fn with_ends(event: Event, ends: Option<Ends>) -> Event {
    ends.into_iter().fold(event, |event, (own, site)| event.sealed("src", own.to_string()).sealed("dst", site.to_string()))
}
