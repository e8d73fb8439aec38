//! The screen of an invented practice: a list of patients that scrolls, a form being filled, a trace that runs. Every
//! name is made up; the picture depends on the time since the start alone.

use std::time::Duration;

use crate::geometry::{Pixel, Point, Rect, Size};
use crate::mark::text;
use crate::picture::Picture;

pub const SIZE: Size = Size::new(1280, 800);

const PAPER: Pixel = Pixel::rgb(0xf5, 0xf7, 0xf9);
const WHITE: Pixel = Pixel::WHITE;
const INK: Pixel = Pixel::rgb(0x22, 0x2b, 0x35);
const GREY: Pixel = Pixel::rgb(0x6b, 0x77, 0x85);
const LINE: Pixel = Pixel::rgb(0xd5, 0xdb, 0xe1);
const BLUE: Pixel = Pixel::rgb(0x1f, 0x5f, 0xa8);
const PALE: Pixel = Pixel::rgb(0xdd, 0xea, 0xf7);
const GREEN: Pixel = Pixel::rgb(0x1d, 0x8a, 0x5b);

const FAMILY: [&str; 12] = [
    "EXEMPLE",
    "FICTIF",
    "MODÈLE",
    "DÉMO",
    "SPÉCIMEN",
    "ÉCHANTILLON",
    "ESSAI",
    "PATRON",
    "MAQUETTE",
    "INVENTÉE",
    "TÉMOIN",
    "CANEVAS",
];
const GIVEN: [&str; 9] = ["Zélie", "Anatole", "Ombeline", "Gaspard", "Philippine", "Barnabé", "Capucine", "Léopold", "Sidonie"];
const NOTE: [&str; 5] = [
    "Motif : consultation de démonstration.",
    "Patient fictif, aucune donnée de santé réelle.",
    "Tension artérielle : 12/8. Pouls : 64 /min.",
    "Examen inventé pour l'essai du logiciel.",
    "Prochain rendez-vous : à convenir.",
];

/// Draws the practice as it stands `at` this long after its start.
pub fn frame(picture: &mut Picture, at: Duration) {
    let ms = at.as_millis() as u64;
    picture.fill(SIZE.rect(), PAPER);
    picture.fill(Rect::new(0, 0, SIZE.width, 48), BLUE);
    write(picture, "Cabinet médical de démonstration", 22.0, 20, 32, WHITE);
    write(picture, "Données fictives", 16.0, 1000, 31, PALE);
    let clock = format!("{:02}:{:02}:{:02}", 9 + ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60);
    write(picture, &clock, 18.0, 1180, 32, WHITE);
    list(picture, ms);
    form(picture, ms);
    trace(picture, ms);
}

fn write(picture: &mut Picture, line: &str, px: f32, x: u16, y: u16, ink: Pixel) {
    text::write(picture, line, px, Point { x, y }, ink);
}

fn pick<'a>(list: &[&'a str], n: u64) -> &'a str {
    list.get((n % list.len() as u64) as usize).copied().unwrap_or_default()
}

fn panel(picture: &mut Picture, rect: Rect, title: &str) {
    picture.fill(Rect::new(rect.x - 1, rect.y - 1, rect.width + 2, rect.height + 2), LINE);
    picture.fill(rect, WHITE);
    picture.fill(Rect { height: 34, ..rect }, PALE);
    write(picture, title, 17.0, rect.x + 14, rect.y + 23, BLUE);
}

/// The day's patients: one more line every two seconds.
fn list(picture: &mut Picture, ms: u64) {
    let place = Rect::new(20, 68, 400, 712);
    panel(picture, place, "Patients du jour");
    let first = ms / 2000;
    for n in 0..26u16 {
        let who = first + u64::from(n);
        let y = place.y + 36 + n * 26;
        if who % 7 == 3 {
            picture.fill(Rect::new(place.x, y, place.width, 26), PALE);
        }
        let minutes = 8 * 60 + who % 48 * 15;
        write(picture, &format!("{:02}:{:02}", minutes / 60 % 24, minutes % 60), 15.0, place.x + 14, y + 18, GREY);
        let name = format!("{} {}", pick(&FAMILY, who * 5 + 1), pick(&GIVEN, who * 7 + 2));
        write(picture, &name, 15.0, place.x + 76, y + 18, INK);
        write(picture, &format!("n° {:05}", 10_000 + who * 37 % 90_000), 13.0, place.x + 310, y + 18, GREY);
    }
}

/// A note being typed, letter by letter, then begun again.
fn form(picture: &mut Picture, ms: u64) {
    let place = Rect::new(440, 68, 820, 420);
    panel(picture, place, "Consultation — SPÉCIMEN Ombeline (patiente fictive)");
    for (n, (label, value)) in
        [("Nom", "SPÉCIMEN"), ("Prénom", "Ombeline"), ("Née le", "30/02/1970"), ("Dossier", "n° 10042")].iter().enumerate()
    {
        let (x, y) = (place.x + 20 + (n as u16 % 2) * 400, place.y + 54 + (n as u16 / 2) * 46);
        write(picture, label, 14.0, x, y + 20, GREY);
        let field = Rect::new(x + 80, y, 290, 32);
        picture.fill(Rect::new(field.x - 1, field.y - 1, field.width + 2, field.height + 2), LINE);
        picture.fill(field, WHITE);
        write(picture, value, 16.0, field.x + 10, y + 22, INK);
    }
    let area = Rect::new(place.x + 20, place.y + 160, 780, 236);
    picture.fill(Rect::new(area.x - 1, area.y - 1, area.width + 2, area.height + 2), LINE);
    picture.fill(area, WHITE);
    let mut letters = (ms / 90) as usize % 260;
    for (n, line) in NOTE.iter().enumerate() {
        let typed: String = line.chars().take(letters).collect();
        letters = letters.saturating_sub(line.chars().count());
        let y = area.y + 32 + n as u16 * 38;
        write(picture, &typed, 18.0, area.x + 16, y, INK);
        if letters == 0 {
            if (ms / 500).is_multiple_of(2) {
                let x = area.x + 18 + text::width(&typed, 18.0) as u16;
                picture.fill(Rect::new(x, y - 16, 2, 20), INK);
            }
            break;
        }
    }
}

/// An invented trace that runs from left to right.
fn trace(picture: &mut Picture, ms: u64) {
    let place = Rect::new(440, 508, 820, 272);
    panel(picture, place, "Signal de démonstration");
    for n in 1..6u16 {
        picture.fill(Rect::new(place.x, place.y + 34 + n * 40, place.width, 1), PALE);
    }
    let head = (ms / 8 % u64::from(place.width)) as u16;
    let mut before = level(0);
    for x in 0..place.width {
        let now = level(x);
        // A gap runs ahead of the pen.
        if x <= head || x > head + 40 {
            let (top, bottom) = (now.min(before), now.max(before));
            picture.fill(Rect::new(place.x + x, place.y + 40 + top, 2, bottom - top + 2), GREEN);
        }
        before = now;
    }
    picture.fill(Rect::new(place.x + head.min(place.width - 4), place.y + 38, 3, 230), BLUE);
}

fn level(x: u16) -> u16 {
    match x % 164 {
        n @ 60..=66 => 120 - (n - 60) * 2,
        n @ 80..=84 => 120 + (n - 80) * 8,
        n @ 85..=89 => 152 - (n - 85) * 30,
        n @ 90..=96 => 20 + (n - 90) * 20,
        n @ 97..=100 => 140 - (n - 97) * 5,
        n @ 120..=134 => 120 - (7 - (i32::from(n) - 127).unsigned_abs() as u16) * 3,
        _ => 120,
    }
}
