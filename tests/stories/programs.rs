//! Real programs around the node: each ends with the story that started it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use lucarne::clock::Clock;
use lucarne::geometry::{Pixel, Rect, Size};
use lucarne::picture::Picture;

pub use super::child::Program;

impl Program {
    /// Starts a program; its words go to `log`.
    pub fn start(command: &mut Command, log: &Path) -> Self {
        let words = std::fs::File::create(log).unwrap();
        let errors = words.try_clone().unwrap();
        let child = command.stdin(Stdio::null()).stdout(words).stderr(errors).spawn();
        Self(child.unwrap_or_else(|error| panic!("{command:?} cannot be started ({error}); ./test installs it")))
    }
}

impl Program {
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// Its exit code, once it has ended by itself.
    pub fn ended(&mut self) -> Option<i32> {
        self.0.try_wait().unwrap().map(|status| status.code().unwrap_or(-1))
    }
}

/// A display of the X window system: a server of its own, or a VNC server.
pub struct Display {
    pub number: u32,
    _server: Program,
    dir: PathBuf,
}

/// Numbers that no other story uses at the same time: stories run in processes of their own.
fn numbers() -> impl Iterator<Item = u32> {
    let base = 100 + std::process::id() % 20_000 * 3;
    (base..).filter(|n| !Path::new(&format!("/tmp/.X11-unix/X{n}")).exists())
}

impl Display {
    async fn ready(self, clock: &Clock) -> Self {
        for _ in 0..500 {
            if Command::new("xdpyinfo").args(["-display", &self.name()]).output().is_ok_and(|done| done.status.success()) {
                return self;
            }
            clock.sleep(Duration::from_millis(20)).await;
        }
        panic!(
            "display {} did not come up: {}",
            self.name(),
            std::fs::read_to_string(self.dir.join(format!("X{}.log", self.number))).unwrap()
        );
    }

    /// A plain X server without a screen to see.
    pub async fn xvfb(size: Size, dir: &Path, clock: &Clock) -> Self {
        let number = numbers().next().unwrap();
        let screen = format!("{}x{}x24", size.width, size.height);
        let mut command = Command::new("Xvfb");
        command.args([&format!(":{number}"), "-screen", "0", &screen, "-nolisten", "tcp"]);
        let server = Program::start(&mut command, &dir.join(format!("X{number}.log")));
        Self { number, _server: server, dir: dir.to_owned() }.ready(clock).await
    }

    /// TigerVNC's server, with more of its options.
    pub async fn tigervnc(port: u16, size: Size, options: &[&str], dir: &Path, clock: &Clock) -> Self {
        let number = numbers().next().unwrap();
        let geometry = format!("{}x{}", size.width, size.height);
        let mut command = Command::new("Xtigervnc");
        command.args([
            &format!(":{number}"),
            "-geometry",
            &geometry,
            "-depth",
            "24",
            "-rfbport",
            &port.to_string(),
            "-localhost",
            "-nolisten",
            "tcp",
        ]);
        let server = Program::start(command.args(options), &dir.join(format!("X{number}.log")));
        Self { number, _server: server, dir: dir.to_owned() }.ready(clock).await
    }

    pub fn name(&self) -> String {
        format!(":{}", self.number)
    }

    /// Starts a program on this display.
    pub fn start(&self, program: &str, arguments: &[&str], log: &str) -> Program {
        Program::start(Command::new(program).args(arguments).env("DISPLAY", self.name()), &self.dir.join(log))
    }

    /// Runs a program on this display and gives what it said.
    pub fn run(&self, program: &str, arguments: &[&str]) -> String {
        let done = Command::new(program).args(arguments).env("DISPLAY", self.name()).output().unwrap();
        String::from_utf8_lossy(&done.stdout).trim().to_owned()
    }

    /// What is on the display, taken from X itself.
    pub fn screenshot(&self) -> Picture {
        let file = self.dir.join(format!("{}-{}.png", self.number, std::process::id()));
        self.run("import", &["-window", "root", file.to_str().unwrap()]);
        load(&file)
    }

    /// Puts a text on the clipboard.
    pub fn copy(&self, text: &str) {
        let script = format!(
            "printf %s '{text}' | xclip -selection clipboard -i >/dev/null 2>&1; printf %s '{text}' | xclip -selection primary -i >/dev/null 2>&1"
        );
        let done = Command::new("sh").args(["-c", &script]).env("DISPLAY", self.name()).status().unwrap();
        assert!(done.success(), "xclip took the text");
    }

    pub fn clipboard(&self, selection: &str) -> String {
        self.run("timeout", &["2", "xclip", "-selection", selection, "-o"])
    }
}

/// A picture file as a picture.
pub fn load(file: &Path) -> Picture {
    let image = image::ImageReader::open(file).unwrap().with_guessed_format().unwrap().decode().unwrap().to_rgb8();
    let size = Size::new(image.width() as u16, image.height() as u16);
    let pixels: Vec<Pixel> = image.pixels().map(|p| Pixel::rgb(p[0], p[1], p[2])).collect();
    let mut picture = Picture::new(size);
    picture.put(size.rect(), &pixels);
    picture
}

/// How many pixels differ, but for those inside `aside`.
pub fn differences(a: &Picture, b: &Picture, aside: Rect) -> usize {
    assert_eq!(a.size(), b.size());
    let size = a.size();
    let wrong = |y: u16| {
        let pairs = a.row(0, y, size.width).iter().zip(b.row(0, y, size.width)).enumerate();
        pairs.filter(|(x, (a, b))| a != b && Rect::new(*x as u16, y, 1, 1).intersect(aside).is_none()).count()
    };
    (0..size.height).map(wrong).sum()
}

/// A TCP port of loopback that nobody uses now.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Builds one of the C programs of `tests/programs`.
pub fn build(name: &str, dir: &Path, libraries: &[&str]) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs").join(format!("{name}.c"));
    let program = dir.join(name);
    let done = Command::new("cc").arg("-O1").arg("-o").arg(&program).arg(source).args(libraries).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    program
}
