//! What a viewer is told in the picture itself when it is not live, in French and English.

use time::OffsetDateTime;
use time::macros::format_description;

use crate::clock::Clock;
use crate::mark::Notice;
use crate::screen::{Awaited, Face};

/// The notice that goes with the screen's state, if any.
pub(super) fn notice(face: Face, real_data: bool, clock: &Clock) -> Option<Notice> {
    let lines = |french: &str, english: &str| [french.to_owned(), english.to_owned()];
    match face {
        // R06: what the site has declared is said on the auditor's side too.
        Face::Live if real_data => Some(Notice::strip(&lines("Données réelles à l'écran.", "Real data on the screen."))),
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
