//! A real browser (Chromium, headless, by chromedriver), as somebody at a workstation uses it.

use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use lucarne::clock::Clock;
use lucarne::geometry::{Pixel, Rect, Size};
use lucarne::picture::Picture;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use super::programs::{Program, free_port};

pub struct Chromium {
    driver: Program,
    address: SocketAddr,
    session: String,
    clock: Clock,
    _dir: tempfile::TempDir,
}

/// The name by which the protocol knows an element (W3C WebDriver §11).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

impl Drop for Chromium {
    /// A story that fails leaves no browser behind: they are of the driver's group.
    fn drop(&mut self) {
        if let Some(group) = rustix::process::Pid::from_raw(self.driver.id() as i32) {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
    }
}

impl Chromium {
    pub async fn start(language: &str, size: (u32, u32)) -> Self {
        let (dir, port, clock) = (tempfile::TempDir::new().unwrap(), free_port(), Clock::system());
        let mut command = Command::new("chromedriver");
        let command = command.arg(format!("--port={port}")).process_group(0);
        let driver = Program::start(command, &dir.path().join("driver.log"));
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let mut chromium = Self { driver, address, session: String::new(), clock, _dir: dir };
        while TcpStream::connect(address).await.is_err() {
            chromium.clock.sleep(Duration::from_millis(50)).await;
        }
        let options = json!({
            "args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--force-color-profile=srgb",
                     "--hide-scrollbars", format!("--window-size={},{}", size.0, size.1), format!("--accept-lang={language}")],
        });
        let wanted = json!({ "browserName": "chrome", "acceptInsecureCerts": true, "goog:chromeOptions": options });
        let made = chromium.call("POST", "/session", json!({ "capabilities": { "alwaysMatch": wanted } })).await;
        chromium.session = format!("/session/{}", made["sessionId"].as_str().unwrap_or_else(|| panic!("{made}")));
        chromium
    }

    /// What the driver answers, or how it failed.
    async fn asks(&self, method: &str, path: &str, body: Value) -> Result<Value, Value> {
        let tcp = TcpStream::connect(self.address).await.unwrap();
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(tcp)).await.unwrap();
        tokio::spawn(connection);
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let request = hyper::Request::builder().method(method).uri(path).header("host", "localhost");
        let request = request.header("content-type", "application/json").body(Full::new(Bytes::from(body))).unwrap();
        let answer = sender.send_request(request).await.unwrap();
        let done = answer.status().is_success();
        let bytes = answer.into_body().collect().await.unwrap().to_bytes();
        let value = serde_json::from_slice::<Value>(&bytes).unwrap()["value"].take();
        if done { Ok(value) } else { Err(value) }
    }

    async fn call(&self, method: &str, path: &str, body: Value) -> Value {
        self.asks(method, &format!("{}{path}", self.session), body).await.unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    pub async fn opens(&self, url: &str) {
        self.call("POST", "/url", json!({ "url": url })).await;
    }

    /// What a script of the story's gives, in the page.
    pub async fn runs(&self, script: &str) -> Value {
        self.call("POST", "/execute/sync", json!({ "script": script, "args": [] })).await
    }

    /// The same, with what came of a promise.
    pub async fn awaits(&self, script: &str) -> Value {
        let script =
            format!("const done = arguments[0]; (async () => {{ {script} }})().then(done, (error) => done(`${{error.name}}`));");
        self.call("POST", "/execute/async", json!({ "script": script, "args": [] })).await
    }

    async fn element(&self, selector: &str) -> String {
        let found = self.call("POST", "/element", json!({ "using": "css selector", "value": selector })).await;
        found[ELEMENT].as_str().unwrap().to_owned()
    }

    pub async fn types(&self, selector: &str, text: &str) {
        let element = self.element(selector).await;
        self.call("POST", &format!("/element/{element}/value"), json!({ "text": text })).await;
    }

    pub async fn clicks(&self, selector: &str) {
        let element = self.element(selector).await;
        self.call("POST", &format!("/element/{element}/click"), json!({})).await;
    }

    /// Keys and pointer, as a person at the machine moves them.
    pub async fn acts(&self, actions: Value) {
        self.call("POST", "/actions", json!({ "actions": actions })).await;
    }

    /// What can be read of an element; nothing if it is not shown.
    pub async fn reads(&self, selector: &str) -> String {
        let script =
            format!("const it = document.querySelector({selector:?}); return it && it.checkVisibility() ? it.innerText : \"\"");
        self.runs(&script).await.as_str().unwrap_or_default().to_owned()
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
        let png = self.call("GET", "/screenshot", Value::Null).await;
        let png = STANDARD.decode(png.as_str().unwrap()).unwrap();
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
            "const r = document.querySelector({selector:?}).getBoundingClientRect(); return [r.x, r.y, r.width, r.height]"
        );
        let place: Vec<u16> =
            self.runs(&script).await.as_array().unwrap().iter().map(|n| n.as_f64().unwrap().round() as u16).collect();
        let mut part = Picture::default();
        part.take(&self.sees().await, Rect::new(place[0], place[1], place[2], place[3]));
        part
    }

    /// The pages of the page, printed: a PDF.
    pub async fn prints(&self) -> Vec<u8> {
        STANDARD.decode(self.call("POST", "/print", json!({})).await.as_str().unwrap()).unwrap()
    }
}
