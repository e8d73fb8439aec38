//! Chromium without a window, told what to do by chromedriver (W3C WebDriver): the demonstration's own check, and the tests'.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};

use crate::clock::Clock;

/// The name by which the protocol knows an element (W3C WebDriver §11).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
/// A screenshot, and more.
const MAX_ANSWER: usize = 64 << 20;
const STARTING: Duration = Duration::from_secs(20);
const ANSWERING: Duration = Duration::from_secs(60);

/// Where the browser paints.
#[derive(Debug, Clone, Copy)]
pub enum Shown<'a> {
    /// Nowhere: headless. So many pixels of the screen are one of the page.
    Nowhere { density: u8 },
    /// On all of an X display.
    On(&'a str),
}

/// A browser with a profile that goes with it.
pub struct Chromium {
    driver: Child,
    address: SocketAddr,
    session: String,
    clock: Clock,
}

impl Drop for Chromium {
    /// The browser is of the driver's process group: nothing of it stays.
    fn drop(&mut self) {
        if let Some(group) = rustix::process::Pid::from_raw(self.driver.id() as i32) {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
        let _ = self.driver.wait();
    }
}

impl Chromium {
    /// `folder`: where it keeps what it needs, and whose owner removes it.
    pub async fn start(language: &str, size: (u32, u32), shown: Shown<'_>, folder: &Path, clock: &Clock) -> Result<Self> {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?.local_addr()?.port();
        let mut command = Command::new("chromedriver");
        command.arg(format!("--port={port}")).env("TMPDIR", folder).env("HOME", folder).process_group(0);
        if let Shown::On(display) = shown {
            command.env("DISPLAY", display);
        }
        let started = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let driver = started.map_err(|error| match error.kind() {
            ErrorKind::NotFound => anyhow!("there is no chromedriver: on Debian, apt install chromium chromium-driver"),
            _ => anyhow!("chromedriver cannot be started: {error}"),
        })?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut chromium = Self { driver, address, session: String::new(), clock: clock.clone() };
        chromium.begin(language, size, shown).await?;
        Ok(chromium)
    }

    /// The driver's process, from which all of the browser's come.
    pub fn pid(&self) -> u32 {
        self.driver.id()
    }

    async fn begin(&mut self, language: &str, (width, height): (u32, u32), shown: Shown<'_>) -> Result<()> {
        let end = self.clock.now() + STARTING;
        while TcpStream::connect(self.address).await.is_err() {
            if self.clock.now() > end {
                bail!("chromedriver does not answer");
            }
            self.clock.sleep(Duration::from_millis(50)).await;
        }
        let how = match shown {
            Shown::Nowhere { density } => vec!["--headless=new".to_owned(), format!("--force-device-scale-factor={density}")],
            Shown::On(_) => ["--kiosk", "--window-position=0,0", "--no-first-run"].map(str::to_owned).into(),
        };
        let mut words =
            ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--force-color-profile=srgb", "--hide-scrollbars"]
                .map(str::to_owned)
                .to_vec();
        words.extend(how);
        words.extend([format!("--window-size={width},{height}"), format!("--accept-lang={language}")]);
        let options = json!({ "args": words });
        let wanted = json!({ "browserName": "chrome", "acceptInsecureCerts": true, "goog:chromeOptions": options });
        let made = self.call("POST", "/session", json!({ "capabilities": { "alwaysMatch": wanted } })).await?;
        let id = made.get("sessionId").and_then(Value::as_str).context("chromedriver gave no session")?;
        self.session = format!("/session/{id}");
        Ok(())
    }

    async fn call(&self, method: &str, path: &str, body: Value) -> Result<Value> {
        let late = |_| anyhow!("chromedriver did not answer {path}");
        self.clock.within(self.clock.now() + ANSWERING, self.exchange(method, path, body)).await.map_err(late)?
    }

    async fn exchange(&self, method: &str, path: &str, body: Value) -> Result<Value> {
        let tcp = TcpStream::connect(self.address).await?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(tcp)).await?;
        tokio::spawn(connection);
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let request = hyper::Request::builder().method(method).uri(format!("{}{path}", self.session)).header("host", "localhost");
        let request = request.header("content-type", "application/json").body(Full::new(Bytes::from(body)))?;
        let answer = sender.send_request(request).await?;
        let done = answer.status().is_success();
        let body = Limited::new(answer.into_body(), MAX_ANSWER).collect().await.map_err(|error| anyhow!(error))?.to_bytes();
        let value = serde_json::from_slice::<Value>(&body)?.get_mut("value").map(Value::take).unwrap_or_default();
        if done { Ok(value) } else { Err(anyhow!("{path}: {value}")) }
    }

    /// Ends the browser in order: then its folder can be removed.
    pub async fn close(self) -> Result<()> {
        self.call("DELETE", "", Value::Null).await.map(drop)
    }

    pub async fn open(&self, url: &str) -> Result<()> {
        self.call("POST", "/url", json!({ "url": url })).await.map(drop)
    }

    /// What a script gives, run in the page.
    pub async fn run(&self, script: &str) -> Result<Value> {
        self.call("POST", "/execute/sync", json!({ "script": script, "args": [] })).await
    }

    /// The same, with what came of a promise; or the name of its error.
    pub async fn wait_for(&self, script: &str) -> Result<Value> {
        let script =
            format!("const done = arguments[0]; (async () => {{ {script} }})().then(done, (error) => done(`${{error.name}}`));");
        self.call("POST", "/execute/async", json!({ "script": script, "args": [] })).await
    }

    async fn element(&self, selector: &str) -> Result<String> {
        let found = self.call("POST", "/element", json!({ "using": "css selector", "value": selector })).await?;
        Ok(found.get(ELEMENT).and_then(Value::as_str).with_context(|| format!("there is no {selector}"))?.to_owned())
    }

    pub async fn write(&self, selector: &str, text: &str) -> Result<()> {
        let element = self.element(selector).await?;
        self.call("POST", &format!("/element/{element}/value"), json!({ "text": text })).await.map(drop)
    }

    pub async fn click(&self, selector: &str) -> Result<()> {
        let element = self.element(selector).await?;
        self.call("POST", &format!("/element/{element}/click"), json!({})).await.map(drop)
    }

    /// Keys and pointer, as a person at the machine moves them.
    pub async fn act(&self, actions: Value) -> Result<()> {
        self.call("POST", "/actions", json!({ "actions": actions })).await.map(drop)
    }

    /// What can be read of an element; nothing if it is not shown.
    pub async fn read(&self, selector: &str) -> Result<String> {
        let script =
            format!("const it = document.querySelector({selector:?}); return it && it.checkVisibility() ? it.innerText : \"\"");
        Ok(self.run(&script).await?.as_str().unwrap_or_default().to_owned())
    }

    /// Waits until an element reads so.
    pub async fn wait_until(&self, selector: &str, words: &str) -> Result<()> {
        for _ in 0..300 {
            if self.read(selector).await?.contains(words) {
                return Ok(());
            }
            self.clock.sleep(Duration::from_millis(50)).await;
        }
        bail!("{selector} reads {:?}, not {words:?}; the page: {}", self.read(selector).await?, self.read("body").await?)
    }

    /// What is seen of the page: a PNG.
    pub async fn screenshot(&self) -> Result<Vec<u8>> {
        self.bytes("GET", "/screenshot", Value::Null).await
    }

    /// The page, printed: a PDF.
    pub async fn print(&self) -> Result<Vec<u8>> {
        self.bytes("POST", "/print", json!({})).await
    }

    async fn bytes(&self, method: &str, path: &str, body: Value) -> Result<Vec<u8>> {
        let text = self.call(method, path, body).await?;
        Ok(STANDARD.decode(text.as_str().context("chromedriver gave no bytes")?)?)
    }
}
