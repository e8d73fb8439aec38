//! Pictures never touch the disk: a canary picture is shown and then searched for, and the system calls of the node
//! are watched while it is shown.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use lucarne::geometry::Pixel;
use lucarne::picture::Picture;
use lucarne::rfb::encoding::number;

use super::eye::{Eye, exact};
use super::house::{House, demo_site};
use super::programs::Program;
use super::script::{Script, frame};

/// Forty bytes of noise of the scripted picture, as they lie in memory and as RGB: they stand nowhere else.
fn canaries() -> Vec<Vec<u8>> {
    let picture: Picture = frame(0);
    let noise: Vec<Pixel> = picture.row(60, 20, 12).to_vec();
    let memory = noise.iter().flat_map(|p| p.0.to_le_bytes()).collect();
    let rgb = noise.iter().flat_map(|p| [p.r(), p.g(), p.b()]).collect();
    let bgr = noise.iter().flat_map(|p| [p.b(), p.g(), p.r()]).collect();
    vec![memory, rgb, bgr]
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.is_file() {
            found.push(path);
        }
    }
    found
}

fn holds(bytes: &[u8], canary: &[u8]) -> bool {
    bytes.windows(canary.len()).any(|window| window == canary)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r05_a_canary_picture_is_found_in_no_file_and_no_file_is_written_but_store_trace_and_control() {
    let script = Script::start(3, number::RAW).await;
    let house = House::open(&demo_site("a", script.address)).await;
    let log = house.dir.path().join("strace.log");
    let mut command = Command::new("strace");
    command
        .args([
            "-f",
            "-qq",
            "-e",
            "trace=openat,open,creat,memfd_create,link,rename",
            "-p",
            &std::process::id().to_string(),
            "-o",
        ])
        .arg(&log);
    let watcher = Program::start(&mut command, &house.dir.path().join("strace.words"));
    house.until(|| log.exists().then_some(())).await;
    house.clock.sleep(Duration::from_millis(300)).await;
    // The watch sees: a file made on purpose must be among the calls.
    std::fs::write(house.dir.path().join("on-purpose"), "x").unwrap();
    house.show("a").await;
    let mut eye = Eye::enter(&house, &house.ticket("a").await, &exact(number::RAW)).await.unwrap();
    assert!(eye.watch_until(|_| true).await);
    house.stop("a").await;
    house.entry(|entry| entry.kind() == "view.ended").await;
    drop(watcher);
    let calls = std::fs::read_to_string(&log).unwrap();
    let dir = house.dir.path().to_str().unwrap();
    assert!(calls.contains("on-purpose"), "strace watched this process");
    let written: Vec<&str> = calls
        .lines()
        .filter(|line| line.contains("O_WRONLY") || line.contains("O_RDWR") || line.contains("O_CREAT") || line.contains("memfd"))
        .collect();
    for call in &written {
        let own = call.contains(&format!("{dir}/data/lucarne.sqlite")) || call.contains(&format!("{dir}/data/trace/"));
        assert!(
            own || call.contains("on-purpose") || call.contains("/dev/null") || call.contains("/proc/"),
            "an unknown file is written: {call}"
        );
    }
    for file in files(house.dir.path()) {
        let bytes = std::fs::read(&file).unwrap();
        for canary in canaries() {
            assert!(!holds(&bytes, &canary), "{} holds the picture", file.display());
        }
    }
    // The search can find: the same bytes written by hand are found.
    let planted = house.dir.path().join("planted");
    std::fs::write(&planted, &canaries()[1]).unwrap();
    assert!(holds(&std::fs::read(&planted).unwrap(), &canaries()[1]));
    house.close().await;
}
