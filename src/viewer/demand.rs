//! What a viewer asked for: one small state, whatever and how often it asks.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::geometry::Rect;
use crate::rfb::encoding::number;
use crate::rfb::error::ProtocolError;
use crate::rfb::{Fence, PixelFormat, Request};

/// Fence answers waiting to go out; a viewer that asks faster than it reads is closed.
const MAX_ANSWERS: usize = 16;

/// How pixels are to travel, from the viewer's own list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Preferences {
    pub format: PixelFormat,
    pub encoding: i32,
    /// JPEG quality, 1 to 100; `None`: exact pixels only.
    pub quality: Option<u8>,
    pub resize: Option<i32>,
    /// Whether an update may end by LastRect, before the count that it would have announced.
    pub last_rect: bool,
}

/// Shared by the reading and the writing half of a viewer, under its own lock, held for no wait.
#[derive(Debug)]
pub(super) struct Demand {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug)]
pub(super) struct State {
    pub preferences: Preferences,
    /// Where changes are wanted (the hull of what was asked).
    pub wanted: Option<Rect>,
    /// Where everything is wanted, changed or not.
    pub refresh: Option<Rect>,
    /// Where updates flow without being asked for.
    pub continuous: Option<Rect>,
    pub answers: Vec<Fence>,
    /// EndOfContinuousUpdates messages owed.
    pub ends: u8,
    announced_updates: bool,
    /// Our own question: owed, then awaited.
    pub fence_owed: bool,
    fence_awaited: bool,
    fence_known: bool,
}

impl Demand {
    pub fn new() -> Self {
        let preferences =
            Preferences { format: PixelFormat::NATIVE, encoding: number::RAW, quality: None, resize: None, last_rect: false };
        let state = State {
            preferences,
            wanted: None,
            refresh: None,
            continuous: None,
            answers: Vec::new(),
            ends: 0,
            announced_updates: false,
            fence_owed: false,
            fence_awaited: false,
            fence_known: false,
        };
        Self { state: Mutex::new(state), changed: Notify::new() }
    }

    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// The viewer said this.
    pub fn hear(&self, request: Request) -> Result<(), ProtocolError> {
        self.lock().hear(request)?;
        self.changed.notify_one();
        Ok(())
    }
}

/// The smallest rectangle around both.
pub(super) fn hull(a: Option<Rect>, b: Rect) -> Option<Rect> {
    let Some(a) = a else { return Some(b) };
    let (x, y) = (a.x.min(b.x), a.y.min(b.y));
    let side = |end: u32, start: u16| u16::try_from(end - u32::from(start)).unwrap_or(u16::MAX);
    Some(Rect::new(x, y, side(a.right().max(b.right()), x), side(a.bottom().max(b.bottom()), y)))
}

impl State {
    fn hear(&mut self, request: Request) -> Result<(), ProtocolError> {
        match request {
            Request::SetPixelFormat(format) => self.preferences.format = format,
            Request::SetEncodings(list) => self.prefer(&list),
            Request::FramebufferUpdate { incremental, area } => {
                self.wanted = hull(self.wanted, area);
                if !incremental {
                    self.refresh = hull(self.refresh, area);
                }
            }
            Request::EnableContinuousUpdates { on: true, area } => {
                if !self.announced_updates {
                    return Err(ProtocolError::ContinuousUpdates);
                }
                self.continuous = Some(area);
            }
            Request::EnableContinuousUpdates { on: false, .. } => {
                if self.continuous.take().is_some() {
                    self.ends = self.ends.saturating_add(1);
                }
            }
            Request::Fence(fence) if fence.is_request() => {
                if self.answers.len() >= MAX_ANSWERS {
                    return Err(ProtocolError::Fence(u8::MAX));
                }
                self.answers.push(fence.answer());
            }
            Request::Fence(_) => {
                if !std::mem::take(&mut self.fence_awaited) {
                    return Err(ProtocolError::FenceUnasked);
                }
            }
        }
        Ok(())
    }

    fn prefer(&mut self, list: &[i32]) {
        use number::*;
        const OURS: [i32; 5] = [TIGHT, ZRLE, HEXTILE, ZLIB, RAW];
        self.preferences.encoding = list.iter().copied().find(|n| OURS.contains(n)).unwrap_or(RAW);
        let level = list.iter().copied().find(|n| QUALITY.contains(n)).map(|n| n - QUALITY.start());
        self.preferences.quality = level.map(|level| match level {
            ..=0 => 15,
            1 => 29,
            2 => 41,
            3 => 42,
            4 => 62,
            5 => 77,
            6 => 79,
            7 => 86,
            8 => 92,
            _ => 98,
        });
        // −308 unlocks SetDesktopSize in several viewers: −223 wherever it is known.
        let lists = |n: i32| list.contains(&n).then_some(n);
        self.preferences.last_rect = list.contains(&LAST_RECT);
        self.preferences.resize = lists(DESKTOP_SIZE).or(lists(EXTENDED_DESKTOP_SIZE));
        if list.contains(&FENCE) && !self.fence_known {
            (self.fence_known, self.fence_owed) = (true, true);
        }
        if list.contains(&CONTINUOUS_UPDATES) && list.contains(&FENCE) && !self.announced_updates {
            self.announced_updates = true;
            self.ends = self.ends.saturating_add(1);
        }
    }

    /// Our question goes out now.
    pub fn ask_fence(&mut self) -> Option<Fence> {
        if !std::mem::take(&mut self.fence_owed) {
            return None;
        }
        self.fence_awaited = true;
        Some(Fence::question(0, b""))
    }
}
