//! A real X server with a VNC server in it, and the hand that draws on it.

use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use lucarne::clock::Clock;
use lucarne::geometry::Rect;
use lucarne::picture::Picture;
use x11rb::connection::Connection;
use x11rb::protocol::xproto::{ConnectionExt, CreateGCAux, CreateWindowAux, Gcontext, ImageFormat, Window, WindowClass};
use x11rb::rust_connection::RustConnection;

use crate::child::Program;
use crate::work::{SCREEN, Stage, Work};

impl Program {
    pub fn start(command: &mut Command) -> Result<Self> {
        let words = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Ok(Self(words.spawn().with_context(|| format!("{:?} cannot be started; install it", words.get_program()))?))
    }
}

pub struct Screen {
    _server: Program,
    connection: RustConnection,
    window: Window,
    context: Gcontext,
    pub number: u16,
}

impl Screen {
    /// Xtigervnc on a display of its own; its VNC port is 5900 and the display's number.
    pub fn start(clock: &Clock) -> Result<Self> {
        let free = |n: &u16| !std::path::Path::new(&format!("/tmp/.X11-unix/X{n}")).exists();
        let number = (130..190).find(free).context("no display is free")?;
        let mut command = Command::new("Xtigervnc");
        let port = 5900 + number;
        command.args([&format!(":{number}"), "-geometry", "1920x1080", "-depth", "24", "-rfbport", &port.to_string()]);
        command.args(["-localhost", "-nolisten", "tcp", "-SecurityTypes", "None", "-AlwaysShared"]);
        let server = Program::start(&mut command)?;
        let name = format!(":{number}");
        let (connection, screen) = until(clock, || RustConnection::connect(Some(&name)).ok())?;
        let root = connection.setup().roots.get(screen).context("a screen")?.root;
        let (window, context) = (connection.generate_id()?, connection.generate_id()?);
        let aux = CreateWindowAux::new().override_redirect(1);
        let (width, height) = (SCREEN.width, SCREEN.height);
        connection.create_window(24, window, root, 0, 0, width, height, 0, WindowClass::INPUT_OUTPUT, 0, &aux)?;
        connection.create_gc(context, window, &CreateGCAux::new())?;
        connection.map_window(window)?;
        connection.flush()?;
        Ok(Self { _server: server, connection, window, context, number })
    }

    pub fn port(&self) -> u16 {
        5900 + self.number
    }

    /// Puts a part of the canvas on the screen.
    pub fn put(&self, canvas: &Picture, rect: Rect) -> Result<()> {
        let rows = (200_000 / (u32::from(rect.width) * 4)).clamp(1, 1080) as u16;
        for piece in rect.pieces(rect.width, rows) {
            // Fast: what the player takes is missing to those who are measured.
            let mut bytes = vec![0; piece.area() as usize * 4];
            let (places, _) = bytes.as_chunks_mut::<4>();
            places.iter_mut().zip(canvas.rows(piece).flatten()).for_each(|(place, pixel)| *place = pixel.0.to_le_bytes());
            let (width, height) = (piece.width, piece.height);
            self.connection.put_image(
                ImageFormat::Z_PIXMAP,
                self.window,
                self.context,
                width,
                height,
                piece.x as i16,
                piece.y as i16,
                0,
                24,
                &bytes,
            )?;
        }
        Ok(())
    }

    /// Plays a workload; writes down when each frame was about to be put.
    pub async fn play(&self, work: Work, put: &Mutex<Vec<Option<Instant>>>, clock: &Clock) -> Result<()> {
        let mut stage = Stage::new(work);
        self.put(&stage.canvas, SCREEN.rect())?;
        self.connection.flush()?;
        clock.sleep(Duration::from_millis(1500)).await;
        let started = clock.now();
        for n in 1..=work.frames() {
            clock.sleep_until(started + work.period() * u32::from(n)).await;
            let changed = stage.draw(n);
            if let Some(place) = put.lock().map_err(|_| anyhow::anyhow!("lock"))?.get_mut(usize::from(n)) {
                *place = Some(clock.now());
            }
            for rect in changed {
                self.put(&stage.canvas, rect)?;
            }
            self.connection.flush()?;
        }
        Ok(())
    }
}

/// Tries for some seconds.
pub fn until<T>(clock: &Clock, mut attempt: impl FnMut() -> Option<T>) -> Result<T> {
    let deadline = clock.now() + Duration::from_secs(15);
    while clock.now() < deadline {
        if let Some(done) = attempt() {
            return Ok(done);
        }
        std::thread::yield_now();
    }
    bail!("it did not come up in 15 seconds")
}
