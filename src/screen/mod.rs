//! THE ONLY THING SHARED: a picture that one source writes and any number of viewers read.
//!
//! [`ScreenWriter`] is held by a source, [`ScreenReader`] by each viewer. A reader can carry no signal backwards: no
//! demand, no refresh, no count. Damage is kept as a version per tile, written by the source alone; a reader keeps
//! one number, the version it saw last, so a slow viewer costs no more than a fast one.
//!
//! This room never waits for a reader, never writes pixels anywhere but to memory, and never shows a masked pixel:
//! the source decodes onto a canvas of its own, and [`ScreenWriter::publish`] blanks the masks on the way.

mod damage;
mod region;

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Instant;

use tokio::sync::watch;

use crate::geometry::{Pixel, Rect, Size};
use crate::picture::Picture;
use damage::Versions;
pub use region::Region;

/// What the picture is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Face {
    /// Nothing is shown: no source is open.
    Blank,
    /// The source is open, its first picture or the confirmation of its masks is awaited.
    Awaited(Awaited),
    /// The picture is the site's.
    Live,
    /// The site does not answer, or its link failed: the last picture, known to be its own at that time.
    Stale { since: Instant },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Awaited {
    FirstPicture,
    /// The site's size is not one that its masks were confirmed for.
    MaskConfirmation(Size),
}

/// Rectangles that are never shown, and the sizes of screen that they were confirmed for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Masks {
    pub rects: Vec<Rect>,
    pub confirmed: Vec<Size>,
}

impl Masks {
    /// A site without masks has nothing to confirm.
    fn hold_for(&self, size: Size) -> bool {
        self.rects.is_empty() || self.confirmed.contains(&size)
    }
}

/// Owned by the lock below; the writer alone changes it.
#[derive(Debug)]
struct Published {
    picture: Picture,
    versions: Versions,
    face: Face,
    /// When the source last proved that the picture is the site's.
    proved: Option<Instant>,
}

#[derive(Debug)]
struct Shared {
    published: RwLock<Published>,
    /// Raised by the writer after every change; its value is the version.
    version: watch::Sender<u64>,
}

impl Shared {
    fn read(&self) -> RwLockReadGuard<'_, Published> {
        self.published.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Published> {
        self.published.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A blank screen of no size yet: its one writer, and a first reader to clone.
pub fn screen() -> (ScreenWriter, ScreenReader) {
    let published = Published { picture: Picture::default(), versions: Versions::default(), face: Face::Blank, proved: None };
    let shared = Arc::new(Shared { published: RwLock::new(published), version: watch::Sender::new(0) });
    let reader = ScreenReader { changes: shared.version.subscribe(), shared: Arc::clone(&shared) };
    (ScreenWriter { shared, canvas: Picture::default(), masks: Masks::default() }, reader)
}

/// The source's hand.
#[derive(Debug)]
pub struct ScreenWriter {
    shared: Arc<Shared>,
    /// What the source decodes onto; no reader sees it.
    canvas: Picture,
    masks: Masks,
}

impl ScreenWriter {
    pub fn canvas(&mut self) -> &mut Picture {
        &mut self.canvas
    }

    /// Changes the masks; what they cover is blank from this call on.
    pub fn mask(&mut self, masks: Masks) {
        self.masks = masks;
        self.publish_all();
    }

    /// A source opens: a black canvas of its size, nothing of before.
    pub fn open(&mut self, size: Size) {
        self.canvas.reset(size);
        self.change(|published| {
            published.picture.reset(size);
            published.face = Face::Awaited(Awaited::FirstPicture);
            published.proved = None;
            published.versions.all_changed(size);
        });
    }

    /// Shows what changed on the canvas, masks blanked. The size may have changed too. Gives what differs from before.
    pub fn publish(&mut self, damage: &[Rect], now: Instant) -> Vec<Rect> {
        let size = self.canvas.size();
        if !self.masks.hold_for(size) {
            self.blank(Face::Awaited(Awaited::MaskConfirmation(size)), size);
            self.prove(now);
            return Vec::new();
        }
        // Rectangles may overlap: as tiles they cover no more than the screen.
        let overlap = damage.iter().map(|rect| rect.area()).sum::<u64>() > size.area();
        let gathered = (damage.len() > 32 || overlap).then(|| {
            let mut region = Region::new(size);
            damage.iter().for_each(|rect| region.add(*rect));
            region.rects()
        });
        let damage = gathered.as_deref().unwrap_or(damage);
        let (canvas, masks) = (&self.canvas, &self.masks.rects);
        let mut published = self.shared.write();
        let whole = [size.rect()];
        // A picture that was doubted and is proved again has no more damage than it has.
        let fresh = published.picture.size() != size || !matches!(published.face, Face::Live | Face::Stale { .. });
        if published.picture.size() != size {
            published.picture.reset(size);
        }
        published.face = Face::Live;
        published.proved = Some(now);
        let Published { picture, versions, .. } = &mut *published;
        let before = versions.latest();
        if fresh {
            versions.all_changed(size);
        }
        versions.bring(picture, if fresh { &whole } else { damage }, |x, y, width, row| {
            row.extend_from_slice(canvas.row(x, y, width));
            for mask in masks.iter().filter_map(|mask| mask.intersect(Rect::new(x, y, width, 1))) {
                let from = usize::from(mask.x - x);
                row.get_mut(from..from + usize::from(mask.width)).unwrap_or_default().fill(Pixel::BLACK);
            }
        });
        let version = published.versions.latest();
        let changed = published.versions.since(before);
        drop(published);
        self.shared.version.send_replace(version);
        changed.rects()
    }

    /// The site's screen has another size and no picture yet: nothing is shown until it has.
    pub fn await_picture(&mut self) {
        self.blank(Face::Awaited(Awaited::FirstPicture), self.canvas.size());
    }

    /// The site answered: the picture is its picture, changed or not.
    pub fn prove(&mut self, now: Instant) {
        let mut published = self.shared.write();
        published.proved = Some(now);
        let doubted = matches!(published.face, Face::Stale { .. });
        drop(published);
        if doubted {
            self.change(|published| published.face = Face::Live);
        }
    }

    /// The site does not answer: the last picture stays, marked with when it was proved last, until it is proved again.
    pub fn doubt(&mut self, since: Instant) {
        if self.shared.read().face == Face::Live {
            self.stale(since);
        }
    }

    /// The link failed: the last picture stays, marked, until [`ScreenWriter::clear`].
    pub fn stale(&mut self, since: Instant) {
        self.change(|published| match published.face {
            // What people are told is when the picture was last known to be the site's.
            Face::Live => published.face = Face::Stale { since: published.proved.unwrap_or(since) },
            Face::Awaited(_) => published.face = Face::Blank,
            Face::Blank | Face::Stale { .. } => {}
        });
    }

    /// Nothing is shown any more, and nothing is kept: both pictures are overwritten.
    pub fn clear(&mut self) {
        let size = self.canvas.size();
        self.canvas.fill(size.rect(), Pixel::BLACK);
        let shown = self.shared.read().picture.size();
        self.blank(Face::Blank, shown);
    }

    fn blank(&mut self, face: Face, size: Size) {
        self.change(|published| {
            if published.face == face && published.picture.size() == size {
                return;
            }
            published.picture.reset(size);
            published.face = face;
            published.proved = None;
            published.versions.all_changed(size);
        });
    }

    /// Shows the whole canvas again under other masks, if it was shown or waited for them; a doubt stays.
    fn publish_all(&mut self) {
        let (face, proved) = {
            let published = self.shared.read();
            (published.face, published.proved)
        };
        let shown = matches!(face, Face::Live | Face::Stale { .. } | Face::Awaited(Awaited::MaskConfirmation(_)));
        if let Some(proved) = proved.filter(|_| shown) {
            let whole = self.canvas.size().rect();
            self.publish(&[whole], proved);
            if let Face::Stale { since } = face {
                self.doubt(since);
            }
        }
    }

    /// Changes what is published and tells the readers that something did, pixels or face.
    fn change(&mut self, change: impl FnOnce(&mut Published)) {
        let mut published = self.shared.write();
        change(&mut published);
        published.versions.touch();
        let version = published.versions.latest();
        drop(published);
        self.shared.version.send_replace(version);
    }
}

impl Drop for ScreenWriter {
    /// However its holder ends, nothing stays on the screen.
    fn drop(&mut self) {
        self.clear();
    }
}

/// A viewer's eye. Cloning gives another eye that has seen as much.
#[derive(Debug, Clone)]
pub struct ScreenReader {
    shared: Arc<Shared>,
    changes: watch::Receiver<u64>,
}

/// How the screen stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    pub size: Size,
    pub face: Face,
    /// When the picture was last known to be the site's.
    pub proved: Option<Instant>,
    pub version: u64,
}

impl ScreenReader {
    pub fn look(&self) -> Look {
        let published = self.shared.read();
        Look {
            size: published.picture.size(),
            face: published.face,
            proved: published.proved,
            version: published.versions.latest(),
        }
    }

    /// Waits until the screen's version is past `seen`. If the writer is gone it never comes.
    pub async fn changed_since(&mut self, seen: u64) {
        if self.changes.wait_for(|version| *version > seen).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// What changed after version `seen`, as few rectangles.
    pub fn damage_since(&self, seen: u64) -> Region {
        self.shared.read().versions.since(seen)
    }

    /// Copies `rect` into `to`, which takes its size. False if the screen has another size by now.
    pub fn copy(&self, size: Size, rect: Rect, to: &mut Picture) -> bool {
        let published = self.shared.read();
        let same = published.picture.size() == size;
        if same {
            to.take(&published.picture, rect);
        }
        same
    }
}
