//! README's five minutes before a real Xtigervnc, with a workstation's certificate: typed as they are printed.

use std::path::Path;
use std::process::Command;

/// In a network of its own, as the ports are those of the page; with displays of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_five_minutes_of_the_readme_end_at_a_picture() {
    let (dir, root) = (tempfile::TempDir::new().unwrap(), Path::new(env!("CARGO_MANIFEST_DIR")));
    let bin = dir.path().join("bin");
    std::fs::create_dir(&bin).unwrap();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_lucarne"), bin.join("lucarne")).unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let alone =
        "ip link set lo up && mkdir -p /tmp/.X11-unix && mount -t tmpfs tmpfs /tmp/.X11-unix && exec python3 \"$0\" \"$1\"";
    let mut command = Command::new("unshare");
    command.args(["-rnm", "sh", "-c", alone]).arg(root.join("tests/peers/readme.py")).arg(root.join("README.md"));
    command.env("PATH", path).current_dir(dir.path());
    let done = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    let log = |name: &str| std::fs::read_to_string(dir.path().join(name)).unwrap_or_default();
    let all = || format!("{said}\n{}\n{}", String::from_utf8_lossy(&done.stderr), log("viewer.log"));
    assert!(done.status.success() && said.ends_with("done\n"), "{}", all());
    // The editor's screen, with the name of who looks written over it.
    let seen = image::open(dir.path().join("auditor.png")).unwrap().to_rgb8();
    let blue = seen.pixels().filter(|pixel| pixel.0 == [0x1f, 0x5f, 0xa8]).count();
    assert!(blue > 400_000 && blue < 1280 * 800 - 100_000, "{blue} pixels of the editor's blue\n{}", all());
}
