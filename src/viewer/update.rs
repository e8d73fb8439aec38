//! From the screen to a viewer's bytes: copy out, stamp the copy, lay the notice, encode.

use std::time::{Duration, Instant};

use time::OffsetDateTime;

use super::faces::{self, Said, Saying};
use crate::clock::Clock;
use crate::geometry::{Rect, Size};
use crate::mark::{Identity, Mark, Notice, stamp};
use crate::picture::Picture;
pub(super) use crate::rfb::encoding::tight::Loss;
use crate::screen::{Face, Look, Region, ScreenReader};

/// A piece of at most this many pixels is stamped and encoded at a time: under a millisecond of work.
pub(super) const PIECE: (u16, u16) = (512, 128);
/// A viewer is told of a new size no sooner after the last: sizes that come faster are passed over.
const BETWEEN_SIZES: Duration = Duration::from_millis(500);
/// The size shown when the site never had one.
const NO_SITE: Size = Size::new(1024, 768);

/// What one viewer was shown and is owed: a version and two regions, however slow it is.
pub(super) struct View {
    screen: ScreenReader,
    identity: Identity,
    clock: Clock,
    /// The size that the viewer knows.
    pub size: Size,
    /// What is stamped and encoded at a time.
    pub piece: (u16, u16),
    /// When the viewer may be told of another size.
    resize_from: Instant,
    seen: u64,
    owed: Region,
    lossy: Lossy,
    face: Face,
    /// What else is said over the picture, and what was said last.
    said: Said,
    saying: Saying,
    notice: Option<Notice>,
    mark: (i64, Mark),
    copy: Picture,
}

/// What was sent with losses, and must be repaired once it is still: place by place, so that a film in one corner
/// does not keep the rest blurred.
struct Lossy {
    all: Region,
    /// Sent with losses in the window at hand.
    recent: Region,
    /// Lossy for a whole window.
    still: Region,
}

impl Lossy {
    fn new(size: Size) -> Self {
        Self { all: Region::new(size), recent: Region::new(size), still: Region::new(size) }
    }

    fn sent(&mut self, rect: Rect, lost: bool) {
        self.still.remove(rect);
        if lost {
            self.all.add(rect);
            self.recent.add(rect);
        } else {
            self.all.remove(rect);
        }
    }

    fn turn(&mut self) {
        self.still = self.all.without(&self.recent);
        self.recent = Region::new(self.all.size());
    }
}

/// A full turn of the screen's state: what can be sent now.
pub(super) enum Due {
    Nothing,
    /// A new size, but not before this.
    Later(Instant),
    Resize(Size),
    Pixels(Vec<Rect>),
    /// The picture is still: lossy places can be repaired.
    Repair(Vec<Rect>),
}

impl View {
    pub fn new(screen: ScreenReader, identity: Identity, said: Said, clock: Clock) -> Self {
        let (look, saying) = (screen.look(), said.now());
        let size = shown_size(&look);
        let (now, now_at) = (clock.wall(), clock.now());
        let mut view = Self {
            mark: (minute(now), Mark::new(&identity, now)),
            notice: faces::notice(look.face, saying, &clock),
            said,
            saying,
            screen,
            identity,
            clock,
            size,
            piece: PIECE,
            resize_from: now_at,
            seen: 0,
            owed: Region::new(size),
            lossy: Lossy::new(size),
            face: look.face,
            copy: Picture::default(),
        };
        view.owed.add(size.rect());
        view
    }

    /// Waits until the screen shows something that was not gathered yet.
    pub async fn changed(&mut self) {
        tokio::select! {
            () = self.screen.changed_since(self.seen) => {}
            () = self.said.changed() => {}
        }
    }

    /// A window of time has passed: what was lossy before it and was not sent again is still.
    pub fn turn_window(&mut self) {
        self.lossy.turn();
    }

    pub fn has_losses(&self) -> bool {
        !self.lossy.all.is_empty()
    }

    /// Everything in `area` is owed again.
    pub fn refresh(&mut self, area: Rect) {
        self.owed.add(area);
    }

    /// Gathers what changed, and says what can be sent where the viewer wants pixels: what moves first, unless repairs
    /// have waited long enough.
    pub fn due(&mut self, wanted: Option<Rect>, repairs_first: bool) -> Due {
        let look = self.screen.look();
        let size = shown_size(&look);
        if size != self.size {
            // Nothing of the old size is worth sending; all of the new one is owed once the viewer knows it.
            self.seen = look.version;
            return match wanted {
                None => Due::Nothing,
                Some(_) if self.clock.now() < self.resize_from => Due::Later(self.resize_from),
                Some(_) => Due::Resize(size),
            };
        }
        if look.version > self.seen {
            self.owed.add_region(&self.screen.damage_since(self.seen));
            self.seen = look.version;
        }
        self.turn_face(look.face);
        // Whole tiles, so that striking off what was sent strikes off no more than that.
        let Some(wanted) = wanted.map(|area| self.owed.align(area)) else { return Due::Nothing };
        let cut = |region: &Region| region.rects().iter().filter_map(|r| r.intersect(wanted)).collect::<Vec<_>>();
        let (pixels, repair) = (cut(&self.owed), cut(&self.lossy.still));
        match (pixels.is_empty(), repair.is_empty()) {
            (true, true) => Due::Nothing,
            (_, false) if repairs_first || pixels.is_empty() => Due::Repair(repair),
            _ => Due::Pixels(pixels),
        }
    }

    fn turn_face(&mut self, face: Face) {
        let saying = self.said.now();
        if (face, saying) == (self.face, self.saying) {
            return;
        }
        (self.face, self.saying) = (face, saying);
        let before = self.notice.take();
        self.notice = faces::notice(face, saying, &self.clock);
        for notice in [&before, &self.notice].into_iter().flatten() {
            self.owed.add(notice.place(self.size));
        }
    }

    /// The viewer is told of another size: all of it is owed.
    pub fn resize(&mut self, size: Size) {
        self.size = size;
        self.resize_from = self.clock.now() + BETWEEN_SIZES;
        self.owed = Region::new(size);
        self.owed.add(size.rect());
        self.lossy = Lossy::new(size);
        self.seen = self.screen.look().version;
    }

    /// Cuts rectangles into pieces, whole tiles of what is owed struck off as they are promised.
    pub fn pieces(&mut self, rects: &[Rect]) -> Vec<Rect> {
        for rect in rects {
            self.owed.remove(*rect);
        }
        let pieces: Vec<Rect> = rects.iter().flat_map(|r| r.pieces(self.piece.0, self.piece.1)).collect();
        if pieces.len() < usize::from(u16::MAX) { pieces } else { self.size.rect().pieces(self.piece.0, self.piece.1).collect() }
    }

    /// One piece: the screen's pixels as this viewer may have them, or black when `blank`.
    pub fn piece(&mut self, rect: Rect, blank: bool) -> &Picture {
        if blank || !self.screen.copy(self.size, rect, &mut self.copy) {
            self.copy.reset(rect.size());
        }
        if !blank {
            let now = self.clock.wall();
            if self.mark.0 != minute(now) {
                self.mark = (minute(now), Mark::new(&self.identity, now));
            }
            stamp(&mut self.copy, rect.origin(), &self.mark.1);
            if let Some(notice) = &self.notice {
                notice.lay(&mut self.copy, rect.origin(), self.size);
            }
        }
        &self.copy
    }

    /// A piece was encoded, with pixels lost or without.
    pub fn sent(&mut self, rect: Rect, lost: bool) {
        self.lossy.sent(rect, lost);
    }

    /// How the screen stands, and for how long the picture has not been proved to be the site's.
    pub fn state(&self) -> (Face, Option<Duration>) {
        let look = self.screen.look();
        (look.face, look.proved.map(|at| self.clock.now().saturating_duration_since(at)))
    }

    /// What is said over the picture.
    pub fn saying(&self) -> Saying {
        self.said.now()
    }

    /// Whether the screen still has the size that the viewer knows.
    pub fn is_of_its_size(&self) -> bool {
        shown_size(&self.screen.look()) == self.size
    }

    /// Overwrites the copy: nothing of the picture stays behind.
    pub fn clear(&mut self) {
        let size = self.copy.size();
        self.copy.reset(size);
    }
}

fn minute(now: OffsetDateTime) -> i64 {
    now.unix_timestamp().div_euclid(60)
}

fn shown_size(look: &Look) -> Size {
    if look.size.is_showable() { look.size } else { NO_SITE }
}
