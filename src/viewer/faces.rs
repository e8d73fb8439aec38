//! What a viewer is told in the picture itself when it is not live, in French and English.

use time::OffsetDateTime;
use time::macros::format_description;
use tokio::sync::watch;

use crate::clock::Clock;
use crate::mark::Notice;
use crate::screen::{Awaited, Face};

/// What else is said over a picture, whatever its state: each by its own watch.
pub(super) struct Said {
    real_data: watch::Receiver<bool>,
    locks_soon: watch::Receiver<bool>,
}

/// What was said at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Saying {
    /// The site has declared real data on its screen (R06).
    pub real_data: bool,
    /// Nobody was there for long (R39).
    pub locks_soon: bool,
}

impl Said {
    pub fn new(real_data: watch::Receiver<bool>, locks_soon: watch::Receiver<bool>) -> Self {
        Self { real_data, locks_soon }
    }

    pub fn now(&self) -> Saying {
        Saying { real_data: *self.real_data.borrow(), locks_soon: *self.locks_soon.borrow() }
    }

    /// Waits until something else is to be said.
    pub async fn changed(&mut self) {
        tokio::select! {
            Ok(()) = self.real_data.changed() => {}
            Ok(()) = self.locks_soon.changed() => {}
            else => std::future::pending().await,
        }
    }
}

/// The notice that goes with the screen's state, if any.
pub(super) fn notice(face: Face, saying: Saying, clock: &Clock) -> Option<Notice> {
    let lines = |french: &str, english: &str| [french.to_owned(), english.to_owned()];
    match face {
        _ if saying.locks_soon => Some(Notice::strip(&lines(
            "Personne depuis longtemps : l'image sera verrouillée. Bougez la souris.",
            "Nobody for a long time: the picture is about to be locked. Move the mouse.",
        ))),
        Face::Live if saying.real_data => Some(Notice::strip(&lines("Données réelles à l'écran.", "Real data on the screen."))),
        Face::Live => None,
        Face::Blank => {
            Some(Notice::card(&lines("Le site n'est pas montré en ce moment.", "The site is not being shown right now.")))
        }
        Face::Awaited(Awaited::FirstPicture) => {
            Some(Notice::card(&lines("Dans l'attente de l'image du site…", "Waiting for the site's picture…")))
        }
        Face::Awaited(Awaited::MaskConfirmation(size)) => Some(Notice::card(&lines(
            &format!("L'écran du site a changé de taille ({size}) : ses masques doivent être confirmés."),
            &format!("The site's screen changed size ({size}): its masks must be confirmed."),
        ))),
        Face::Stale { since } => {
            let age = clock.now().saturating_duration_since(since);
            let at: OffsetDateTime = clock.wall() - age;
            let at = at.format(format_description!("[hour]:[minute]:[second]")).unwrap_or_default();
            Some(Notice::strip(&lines(
                &format!("Le site ne répond plus : image figée depuis {at} UTC."),
                &format!("The site does not answer: the picture has stood still since {at} UTC."),
            )))
        }
    }
}
