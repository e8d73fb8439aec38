//! Somebody who looks at another site while others do their worst, and must not notice.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use lucarne::clock::Clock;
use lucarne::geometry::{Pixel, Point, Rect};
use lucarne::mark::{Mark, stamp};
use lucarne::picture::Picture;
use lucarne::rfb::encoding::number::{RAW, ZRLE};
use tokio::task::JoinHandle;

use super::eye::{Eye, exact};
use super::fidelity::identity;
use super::house::House;
use super::script::Script;

/// Somebody who looks at another site all the while.
pub struct Bystander {
    seen: Arc<Seen>,
    _script: Script,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Seen {
    updates: AtomicU64,
    /// The next picture is to be compared with what the site shows.
    compare: AtomicBool,
    /// The longest time between two updates since it was last asked for, in milliseconds.
    gap: AtomicU64,
}

impl Drop for Bystander {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Bystander {
    /// A site "a" that changes for as long as anybody looks; it must be in the house's settings.
    pub async fn site() -> Script {
        Script::start(1_000_000, RAW).await
    }

    pub async fn looks(house: &House, script: Script) -> Self {
        house.show("a").await;
        let mut eye = Eye::enter(house, &house.ticket("a").await, &exact(ZRLE)).await.unwrap();
        let session = house.entry(|entry| entry.kind() == "view.started").await.text("session").to_owned();
        let (clock, seen) = (house.clock.clone(), Arc::new(Seen::default()));
        let told = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            let real = Clock::system();
            let (mut last, mut torn) = (real.now(), 0);
            eye.ask(false).await;
            while eye.update().await {
                let gap = (real.now() - last).as_millis() as u64;
                told.gap.fetch_max(gap, Ordering::SeqCst);
                last = real.now();
                if told.compare.load(Ordering::SeqCst) {
                    let now = clock.wall();
                    let shows = |minute| is_a_frame(&eye.picture, &Mark::new(&identity(session.clone(), "C1"), minute));
                    let is_exact = shows(now) || shows(now - time::Duration::MINUTE);
                    // The site may show another frame between two pieces of an update: the next one mends it.
                    torn = if is_exact { 0 } else { torn + 1 };
                    assert!(torn < 5, "a picture that the site never showed");
                    told.compare.store(!is_exact, Ordering::SeqCst);
                    last = real.now();
                }
                told.updates.fetch_add(1, Ordering::SeqCst);
                eye.ask(true).await;
            }
        });
        Self { seen, _script: script, task }
    }

    /// Waits for new pictures: they come, at their pace and exact, whatever happens and happened meanwhile.
    pub async fn sees_more(&self, house: &House) {
        assert!(!self.task.is_finished(), "the bystander was sent away, or saw a wrong picture");
        let seen = self.seen.updates.load(Ordering::SeqCst);
        self.seen.compare.store(true, Ordering::SeqCst);
        let compared = || !self.seen.compare.load(Ordering::SeqCst);
        house.until(|| (compared() && self.seen.updates.load(Ordering::SeqCst) > seen + 1).then_some(())).await;
        let gap = self.seen.gap.swap(0, Ordering::SeqCst);
        assert!(gap < 1000, "no picture for {gap} ms");
    }
}

/// Whether this is a whole frame of the script, under this mark.
fn is_a_frame(seen: &Picture, mark: &Mark) -> bool {
    // A frame's square comes back to its place after 180 frames, to its colour after 32.
    (0..1440).any(|n| {
        let square = Rect::new((n * 13 % 180) as u16, 110, 1, 1);
        let mut frame = Picture::new(square.size());
        frame.fill(square.size().rect(), Pixel::rgb(200, (n * 40) as u8, 30));
        stamp(&mut frame, Point { x: square.x, y: square.y }, mark);
        frame.pixels() == seen.row(square.x, square.y, 1) && {
            let mut frame = super::script::frame(n);
            stamp(&mut frame, Point::default(), mark);
            frame == *seen
        }
    })
}
