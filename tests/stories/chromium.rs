//! A real browser (Chromium, headless, by chromedriver), as somebody at a workstation uses it.

use std::path::PathBuf;
use std::time::Duration;

use lucarne::clock::Clock;
use lucarne::demo::chromium::{Chromium as Browser, Shown};
use lucarne::geometry::{Pixel, Rect, Size};
use lucarne::picture::Picture;
use serde_json::Value;

pub struct Chromium {
    browser: Browser,
    clock: Clock,
    _folder: tempfile::TempDir,
}

impl Chromium {
    pub async fn start(language: &str, size: (u32, u32)) -> Self {
        Self::start_dense(language, size, 1).await
    }

    /// On a screen of which so many pixels are one of the page.
    pub async fn start_dense(language: &str, size: (u32, u32), density: u8) -> Self {
        let (clock, shown, folder) = (Clock::system(), Shown::Nowhere { density }, tempfile::TempDir::new().unwrap());
        let browser = Browser::start(language, size, shown, folder.path(), &clock).await.unwrap();
        Self { browser, clock, _folder: folder }
    }

    pub async fn opens(&self, url: &str) {
        self.browser.open(url).await.unwrap();
    }

    /// What a script of the story's gives, in the page.
    pub async fn runs(&self, script: &str) -> Value {
        self.browser.run(script).await.unwrap()
    }

    /// The same, with what came of a promise.
    pub async fn awaits(&self, script: &str) -> Value {
        self.browser.wait_for(script).await.unwrap()
    }

    pub async fn types(&self, selector: &str, text: &str) {
        self.browser.write(selector, text).await.unwrap();
    }

    pub async fn clicks(&self, selector: &str) {
        self.browser.click(selector).await.unwrap();
    }

    /// Keys and pointer, as a person at the machine moves them.
    pub async fn acts(&self, actions: Value) {
        self.browser.act(actions).await.unwrap();
    }

    /// What can be read of an element; nothing if it is not shown.
    pub async fn reads(&self, selector: &str) -> String {
        self.browser.read(selector).await.unwrap()
    }

    /// Waits until an element reads so.
    #[track_caller]
    pub fn until_it_reads<'a>(&'a self, selector: &'a str, words: &'a str) -> impl Future<Output = ()> + 'a {
        let place = std::panic::Location::caller();
        async move {
            let mut read = String::new();
            for _ in 0..200 {
                read = self.reads(selector).await;
                if read.contains(words) {
                    return;
                }
                self.clock.sleep(Duration::from_millis(50)).await;
            }
            panic!("{place}: {selector} reads {read:?}, not {words:?}; the page: {}", self.reads("body").await);
        }
    }

    /// What is seen of the page.
    pub async fn sees(&self) -> Picture {
        let png = self.browser.screenshot().await.unwrap();
        if let Ok(folder) = std::env::var("LUCARNE_SCREENSHOTS") {
            let n = std::fs::read_dir(&folder).unwrap().count();
            std::fs::write(format!("{folder}/{n:02}.png"), &png).unwrap();
        }
        let image = image::load_from_memory(&png).unwrap().to_rgb8();
        let size = Size::new(image.width() as u16, image.height() as u16);
        let mut picture = Picture::new(size);
        let pixels: Vec<Pixel> = image.pixels().map(|pixel| Pixel::rgb(pixel.0[0], pixel.0[1], pixel.0[2])).collect();
        picture.put(size.rect(), &pixels);
        picture
    }

    /// What is seen of an element.
    pub async fn sees_of(&self, selector: &str) -> Picture {
        let script = format!(
            "const r = document.querySelector({selector:?}).getBoundingClientRect(); \
             return [r.x, r.y, r.width, r.height].map((length) => length * devicePixelRatio)"
        );
        let place: Vec<u16> =
            self.runs(&script).await.as_array().unwrap().iter().map(|n| n.as_f64().unwrap().round() as u16).collect();
        let mut part = Picture::default();
        part.take(&self.sees().await, Rect::new(place[0], place[1], place[2], place[3]));
        part
    }

    /// The pages of the page, printed: a PDF.
    pub async fn prints(&self) -> Vec<u8> {
        self.browser.print().await.unwrap()
    }

    /// What axe-core finds that keeps somebody from reading or using the page as it stands.
    pub async fn barriers(&self) -> Vec<String> {
        let axe = std::fs::read_to_string(axe()).unwrap();
        self.runs(&format!("{axe}; window.axe = axe;")).await;
        let found = self.awaits("return (await axe.run(document, { resultTypes: ['violations'] })).violations").await;
        let told = |rule: &Value| format!("{} ({}): {}", rule["id"], rule["impact"], rule["nodes"][0]["html"]);
        let serious = |rule: &&Value| ["serious", "critical"].iter().any(|impact| rule["impact"] == *impact);
        found.as_array().unwrap_or_else(|| panic!("{found}")).iter().filter(serious).map(told).collect()
    }
}

/// Where `./test` put axe-core.
fn axe() -> PathBuf {
    let lib = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/target/venv/lib"));
    let python = std::fs::read_dir(lib).unwrap().next().unwrap().unwrap().path();
    python.join("site-packages/axe_playwright_python/axe.min.js")
}
