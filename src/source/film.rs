//! Whether a film runs on a site's screen: told by its own pixels and the clock, never by those who look.
//!
//! While it runs the site is asked for JPEG. What changed meanwhile and is still is asked for again without loss every
//! few seconds, and the whole screen when the film is over.

use std::time::{Duration, Instant};

use crate::geometry::{Rect, Size};
use crate::picture::{Picture, equal_neighbours};
use crate::screen::Region;

/// How often it is decided. A turn takes two windows that agree: neither a picture that opens nor a hiccup is one. Of a
/// window in which all of the screen changed twice there is no doubt.
const WINDOW: Duration = Duration::from_millis(500);
/// So many photographic pixels that changed in a window, in so many updates, are of a film: six million a second.
const BEGINS: u64 = 3 << 20;
const FRAMES: u32 = 2;
/// Fewer pixels than this are of its end: a film that goes on is far above.
const ENDS: u64 = 1 << 19;
/// One row in so many is looked at.
const STEP: usize = 8;
/// After so many windows of a film, what is still is mended.
const MEND: u32 = 6;
/// A site that does not answer that is asked for JPEG again.
const ANSWER: Duration = Duration::from_secs(5);
/// So often the screen is asked for after a film, before a site is given up that does not send it.
const MAX_TRIES: u32 = 3;
/// Places that are asked for one by one: more are asked for as the whole screen.
const MAX_PLACES: usize = 32;

/// What must be asked of the site.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ask {
    Jpeg,
    /// No JPEG from now on, and these places again.
    Exact(Vec<Rect>),
    /// All was sent again, and what was on its way has come: JPEG need not be taken any more.
    Done,
}

#[derive(Debug)]
enum Phase {
    /// No film. `left`: what is still awaited without loss since the last one, until when, and how often it was asked for.
    Off {
        left: Option<(Region, Instant, u32)>,
    },
    On,
    /// It runs, and what is still was asked for without loss.
    Mending {
        left: Region,
        until: Instant,
    },
}

#[derive(Debug)]
pub(super) struct Film {
    phase: Phase,
    since: Instant,
    photographic: u64,
    frames: u32,
    /// Windows in a row that say that it should turn.
    agreed: u32,
    windows: u32,
    /// What changed while it ran, and since it was last mended.
    lossy: Region,
    recent: Region,
}

impl Film {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            phase: Phase::Off { left: None },
            since: now,
            photographic: 0,
            frames: 0,
            agreed: 0,
            windows: 0,
            lossy: Region::default(),
            recent: Region::default(),
        }
    }

    fn runs(&self) -> bool {
        !matches!(self.phase, Phase::Off { .. })
    }

    /// An update is whole: what it sent, and what of that differs from before.
    pub(super) fn saw(&mut self, picture: &Picture, sent: &[Rect], changed: &[Rect]) -> Option<Ask> {
        self.fit(picture.size());
        let before = self.photographic;
        for row in changed.iter().flat_map(|place| picture.rows(*place).step_by(STEP)) {
            // A photograph has few equal neighbours. One that was JPEG has more of them: it is still the film.
            let most = if self.runs() { row.len() * 2 / 3 } else { row.len() / 3 };
            if equal_neighbours(row) < most {
                self.photographic += (row.len() * STEP) as u64;
            }
        }
        self.frames += u32::from(self.photographic > before);
        if self.runs() {
            // While it is mended too: what was on its way is JPEG.
            changed.iter().for_each(|place| self.recent.add(*place));
            changed.iter().for_each(|place| self.lossy.add(*place));
        }
        match &mut self.phase {
            Phase::On | Phase::Off { left: None } => None,
            Phase::Off { left: Some((left, ..)) } => {
                sent.iter().for_each(|place| left.remove(*place));
                None
            }
            Phase::Mending { left, .. } => {
                sent.iter().for_each(|place| left.remove(*place));
                let done = left.is_empty();
                if done {
                    self.phase = Phase::On;
                }
                done.then_some(Ask::Jpeg)
            }
        }
    }

    /// A screen of another size has all of its picture still to come.
    pub(super) fn fit(&mut self, size: Size) {
        if self.lossy.size() == size {
            return;
        }
        (self.lossy, self.recent) = (Region::new(size), Region::new(size));
        if let Phase::Off { left: Some((left, ..)) } | Phase::Mending { left, .. } = &mut self.phase {
            *left = whole(size);
        }
    }

    /// At the end of a window: what must be asked, if anything.
    pub(super) fn turn(&mut self, now: Instant) -> Option<Ask> {
        if now < self.since + WINDOW {
            return None;
        }
        let turns = if self.runs() { self.photographic < ENDS } else { self.photographic >= BEGINS && self.frames >= FRAMES };
        let no_doubt = !self.runs() && self.photographic >= 2 * self.lossy.size().area();
        self.agreed = if turns { self.agreed + 1 + u32::from(no_doubt) } else { 0 };
        (self.since, self.photographic, self.frames) = (now, 0, 0);
        if self.agreed >= 2 {
            self.agreed = 0;
            return Some(self.turned(now));
        }
        match &self.phase {
            Phase::Mending { until, .. } if now >= *until => {
                self.phase = Phase::On;
                Some(Ask::Jpeg)
            }
            Phase::On => self.mend(now),
            Phase::Off { left: Some((left, until, tries)) } if now >= *until => {
                let (left, tries) = (left.clone(), *tries);
                let again = (!left.is_empty() && tries < MAX_TRIES).then(|| places(&left));
                let done = left.is_empty();
                self.phase = Phase::Off { left: again.is_some().then(|| (left, now + ANSWER, tries + 1)) };
                again.map(Ask::Exact).or(done.then_some(Ask::Done))
            }
            _ => None,
        }
    }

    fn turned(&mut self, now: Instant) -> Ask {
        let size = self.lossy.size();
        (self.lossy, self.recent, self.windows) = (Region::new(size), Region::new(size), 0);
        if self.runs() {
            self.phase = Phase::Off { left: Some((whole(size), now + ANSWER, 1)) };
            return Ask::Exact(vec![size.rect()]);
        }
        // What the last film left is this one's to mend.
        if let Phase::Off { left: Some((left, ..)) } = std::mem::replace(&mut self.phase, Phase::On) {
            self.lossy = left;
        }
        Ask::Jpeg
    }

    /// Now and then: what changed before and not since.
    fn mend(&mut self, now: Instant) -> Option<Ask> {
        self.windows += 1;
        if self.windows < MEND {
            return None;
        }
        self.windows = 0;
        let still = self.lossy.without(&self.recent);
        self.recent = Region::new(self.lossy.size());
        if still.is_empty() {
            return None;
        }
        self.lossy = self.lossy.without(&still);
        let places = places(&still);
        self.phase = Phase::Mending { left: still, until: now + ANSWER };
        Some(Ask::Exact(places))
    }

    /// When it must be asked again at the latest: a film that stops says nothing more.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Off { left } => left.as_ref().map(|(_, until, _)| (*until).max(self.since + WINDOW)),
            Phase::On | Phase::Mending { .. } => Some(self.since + WINDOW),
        }
    }
}

fn places(region: &Region) -> Vec<Rect> {
    let places = region.rects();
    if places.len() > MAX_PLACES { vec![region.size().rect()] } else { places }
}

fn whole(size: Size) -> Region {
    let mut region = Region::new(size);
    region.add(size.rect());
    region
}
