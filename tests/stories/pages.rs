//! The auditor's window in a real browser: she logs in, sees the picture as it is, and can do and take nothing.

use std::time::Duration;

use lucarne::rfb::PixelFormat;
use lucarne::rfb::encoding::number;
use serde_json::json;

use super::chromium::Chromium;
use super::fidelity::marked_at;
use super::house::{House, demo_site};
use super::script::Script;

pub struct Agency {
    pub house: House,
    pub script: Script,
}

pub async fn agency() -> Agency {
    let script = Script::start(3, number::RAW).await;
    let house = House::open(&demo_site("a", script.address)).await;
    house.show("a").await;
    Agency { house, script }
}

impl Agency {
    fn url(&self) -> String {
        format!("https://localhost:{}/", self.house.node().addresses.pages.unwrap().port())
    }

    /// Claire logs in at a page.
    pub async fn enters(&self, chromium: &Chromium) {
        self.enters_at(chromium, &self.url()).await;
    }

    /// By another way to it.
    pub async fn enters_at(&self, chromium: &Chromium, url: &str) {
        self.house.clock.advance(Duration::from_secs(60));
        chromium.opens(url).await;
        chromium.until_it_reads("#entry h1", "Lucarne").await;
        chromium.types("[name=login]", "claire").await;
        chromium.types("[name=password]", "Correct-h0rse").await;
        chromium.types("[name=code]", &self.house.company.auditor.digits(&self.house.clock).unwrap()).await;
        chromium.clicks("#login button").await;
        chromium.until_it_reads("#who", "Claire Martin").await;
    }

    /// And looks.
    async fn looks(&self, chromium: &Chromium) {
        self.enters(chromium).await;
        chromium.clicks("#engagements button").await;
        self.sees(chromium).await;
    }

    /// Waits until the canvas shows what the site shows, marked for her.
    pub async fn sees(&self, chromium: &Chromium) {
        let mut wrong = String::new();
        for _ in 0..100 {
            if self.house.entries().iter().any(|entry| entry.kind() == "view.started") {
                let seen = chromium.sees_of("#canvas").await;
                // The mark carries the minute in which it was made: this one, or the last.
                let marks = [0, 1].map(|ago| self.house.clock.wall() - time::Duration::minutes(ago));
                let is_right = |minute| seen == marked_at(&self.house, &self.script.last(), &PixelFormat::NATIVE, minute);
                if marks.into_iter().any(is_right) {
                    return;
                }
                let expected = marked_at(&self.house, &self.script.last(), &PixelFormat::NATIVE, marks[0]);
                let pairs = seen.pixels().iter().zip(expected.pixels()).enumerate().filter(|(_, (a, b))| a != b);
                let (count, first) = (pairs.clone().count(), pairs.clone().next());
                wrong = format!("{:?} for {:?}, {count} pixels differ, from {first:?}", seen.size(), expected.size());
            }
            lucarne::clock::Clock::system().sleep(Duration::from_millis(100)).await;
        }
        panic!("the picture is not the site's ({wrong}): {}", chromium.reads("body").await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r12_an_auditor_logs_in_and_sees_exactly_the_stamped_picture_in_a_browser() {
    let agency = agency().await;
    let chromium = Chromium::start("fr", (1280, 720)).await;
    chromium.opens(&agency.url()).await;
    chromium.until_it_reads("#entry button", "Se connecter").await;
    chromium.types("[name=login]", "claire").await;
    chromium.types("[name=password]", "wrong").await;
    chromium.clicks("#login button").await;
    chromium.until_it_reads("#entry .trouble", "Identifiant").await;
    agency.looks(&chromium).await;
    assert!(chromium.reads("#viewer header").await.contains("AFFICHAGE SEUL"));
    chromium.until_it_reads("#state", "en direct").await;
    // What lets her in is nowhere that a script could read it.
    assert_eq!(chromium.runs("return document.cookie + location.href.slice(location.origin.length)").await, "/");
    // She ends it, and is told so.
    chromium.clicks("#end").await;
    chromium.until_it_reads("#over", "Vous avez mis fin à l'affichage").await;
    agency.house.entry(|entry| entry.kind() == "view.ended" && entry.text("cause") == "viewer_left").await;
    chromium.clicks("#back").await;
    chromium.until_it_reads("#engagements", "montré").await;
    agency.house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r12_nothing_that_a_person_does_at_the_page_reaches_the_site_and_the_picture_cannot_be_taken_out() {
    let agency = agency().await;
    let chromium = Chromium::start("en", (1280, 720)).await;
    agency.looks(&chromium).await;
    let before = agency.script.log(0);
    // Keys, clicks, the wheel, and shortcuts that would copy.
    let keys: Vec<_> = "abcé\u{e007}\u{e012}"
        .chars()
        .flat_map(|key| [json!({ "type": "keyDown", "value": key }), json!({ "type": "keyUp", "value": key })])
        .collect();
    let pointer = json!([
        { "type": "pointerMove", "duration": 50, "x": 640, "y": 300 }, { "type": "pointerDown", "button": 0 },
        { "type": "pointerMove", "duration": 50, "x": 500, "y": 350 }, { "type": "pointerUp", "button": 0 },
        { "type": "pointerDown", "button": 2 }, { "type": "pointerUp", "button": 2 },
    ]);
    let wheel =
        json!([{ "type": "scroll", "x": 640, "y": 300, "deltaX": 0, "deltaY": 200, "duration": 50, "origin": "viewport" }]);
    chromium.acts(json!([{ "type": "key", "id": "keys", "actions": keys }])).await;
    chromium
        .acts(json!([{ "type": "pointer", "id": "mouse", "parameters": { "pointerType": "mouse" }, "actions": pointer }]))
        .await;
    chromium.acts(json!([{ "type": "wheel", "id": "wheel", "actions": wheel }])).await;
    let control = "\u{e009}";
    let copies: Vec<_> = [
        json!({ "type": "keyDown", "value": control }),
        json!({ "type": "keyDown", "value": "p" }),
        json!({ "type": "keyUp", "value": "p" }),
        json!({ "type": "keyUp", "value": control }),
    ]
    .into();
    chromium.acts(json!([{ "type": "key", "id": "keys", "actions": copies }])).await;
    chromium.until_it_reads("#warning", "this attempt is recorded").await;
    // What is pasted and dropped is taken by nobody.
    for event in ["new ClipboardEvent('paste', { cancelable: true })", "new DragEvent('drop', { cancelable: true })"] {
        assert_eq!(chromium.runs(&format!("return dispatchEvent({event})")).await, false, "{event}");
    }
    let told = agency.house.entry(|entry| entry.kind() == "copy.attempt").await;
    assert!(format!("{told:?}").contains("print"), "{told:?}");
    let started = agency.house.entry(|entry| entry.kind() == "view.started").await;
    assert_eq!((started.text("client"), started.text("capture_class")), ("browser", "B"));
    // Every way to the pixels throws, or gives nothing.
    let canvas = "const it = document.getElementById('canvas');";
    for way in [
        "it.toDataURL()",
        "await new Promise((done) => it.toBlob(done))",
        "it.getContext('2d').getImageData(0, 0, 1, 1)",
        "it.captureStream()",
        "new VideoFrame(it, { timestamp: 0 })",
    ] {
        assert_eq!(chromium.awaits(&format!("{canvas} {way}; return 'taken'")).await, "SecurityError", "{way}");
    }
    let copied = "const copy = new OffscreenCanvas(9, 9).getContext('2d'); copy.drawImage(await createImageBitmap(it), 0, 0); copy.getImageData(0, 0, 1, 1); return 'taken'";
    assert!(
        ["SecurityError", "InvalidStateError"].contains(&chromium.awaits(&format!("{canvas} {copied}")).await.as_str().unwrap())
    );
    // Printed, there is an empty sheet.
    let printed = chromium.prints().await;
    assert!(printed.len() < 3000 && !String::from_utf8_lossy(&printed).contains("/Subtype /Image"), "{} bytes", printed.len());
    assert_eq!(agency.script.log(0), before, "not one byte more was sent to the site than its own picture asks for");
    agency.house.close().await;
}

/// At 100 % a pixel of the picture is one of the screen, also where the page's own are larger.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r12_on_a_dense_screen_the_picture_at_full_size_is_as_exact() {
    let agency = agency().await;
    let chromium = Chromium::start_dense("en", (1280, 720), 2).await;
    agency.enters(&chromium).await;
    chromium.clicks("#engagements button").await;
    chromium.until_it_reads("#state", "live").await;
    chromium.clicks("#whole").await;
    agency.sees(&chromium).await;
    assert_eq!(chromium.runs("return devicePixelRatio").await, 2);
    agency.house.close().await;
}

/// By keyboard, by a screen reader, with weak eyes: what axe-core can judge of it, on every page and in both languages.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_can_be_read_and_used_by_everybody() {
    let agency = agency().await;
    for (language, enter) in [("fr", "Se connecter"), ("en", "Log in")] {
        let chromium = Chromium::start(language, (1280, 720)).await;
        let none: [String; 0] = [];
        chromium.opens(&agency.url()).await;
        chromium.until_it_reads("#entry button", enter).await;
        assert_eq!(chromium.barriers().await, none, "the way in");
        chromium.runs("document.querySelector('#entry label span').remove()").await;
        assert_eq!(chromium.barriers().await.len(), 1, "a field without its words would be seen");
        chromium.opens(&agency.url()).await;
        chromium.until_it_reads("#entry button", enter).await;
        chromium.types("[name=login]", "claire").await;
        chromium.types("[name=password]", "wrong").await;
        chromium.clicks("#login button").await;
        chromium.until_it_reads("#entry .trouble", " ").await;
        assert_eq!(chromium.barriers().await, none, "a wrong password");
        agency.enters(&chromium).await;
        chromium.until_it_reads("#engagements button", " ").await;
        assert_eq!(chromium.barriers().await, none, "the list");
        chromium.clicks("#engagements button").await;
        agency.sees(&chromium).await;
        assert_eq!(chromium.barriers().await, none, "the picture");
        chromium.runs("dispatchEvent(new Event('beforeprint'))").await;
        assert_eq!(chromium.barriers().await, none, "the picture with a warning");
        chromium.clicks("#end").await;
        chromium.until_it_reads("#over", " ").await;
        assert_eq!(chromium.barriers().await, none, "the end");
    }
    agency.house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r18_a_stop_ends_the_picture_with_words_and_a_reference() {
    let agency = agency().await;
    let chromium = Chromium::start("fr", (1280, 720)).await;
    agency.looks(&chromium).await;
    agency.house.pause("a").await;
    chromium.until_it_reads("#state", "en pause, à la demande du site").await;
    agency.house.show("a").await;
    chromium.until_it_reads("#state", "en direct").await;
    agency.sees(&chromium).await;
    agency.house.stop("a").await;
    chromium.until_it_reads("#over", "Le site a mis fin à l'affichage").await;
    let ended = agency.house.entry(|entry| entry.kind() == "view.ended" && entry.text("cause") == "stopped").await;
    assert!(chromium.reads("#reference").await.contains(&ended.text("session")[2..12]));
    let canvas = chromium.runs("document.getElementById('over').hidden = true").await;
    assert!(canvas.is_null());
    assert!(chromium.sees_of("#canvas").await.pixels().iter().all(|pixel| pixel.0 == 0), "nothing is left on it");
    agency.house.close().await;
}

/// Nobody moves: the page says what is about to happen, and then it has happened, at the server's word.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r39_a_page_before_which_nobody_sits_is_warned_then_locked() {
    let agency = agency().await;
    let chromium = Chromium::start("fr", (1280, 720)).await;
    agency.looks(&chromium).await;
    // Step by step: what is on its way when the clock leaps would be late.
    for _ in 0..580 {
        agency.house.clock.advance(Duration::from_secs(6));
        lucarne::clock::Clock::system().sleep(Duration::from_millis(40)).await;
    }
    chromium.until_it_reads("#warning", "Personne depuis longtemps").await;
    for _ in 0..20 {
        agency.house.clock.advance(Duration::from_secs(6));
        lucarne::clock::Clock::system().sleep(Duration::from_millis(40)).await;
    }
    chromium.until_it_reads("#over", "Personne pendant trop longtemps").await;
    agency.house.entry(|entry| entry.kind() == "view.ended" && entry.text("cause") == "locked").await;
    // Whoever comes to that machine now has to log in, whatever is done to the page.
    chromium.opens(&agency.url()).await;
    chromium.until_it_reads("#entry button", "Se connecter").await;
    agency.house.close().await;
}
