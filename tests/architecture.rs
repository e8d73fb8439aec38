//! The import table of the house, asserted on the `use` lines and paths of every file.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Room → the rooms that it may name. `geometry` and its `picture` go together.
const TABLE: &[(&str, &[&str])] = &[
    ("main", &["cli"]),
    ("geometry", &[]),
    ("picture", &["geometry"]),
    ("id", &[]),
    ("clock", &[]),
    ("shutdown", &[]),
    ("metrics", &[]),
    ("network", &[]),
    ("tls", &["clock", "id"]),
    ("rfb", &["geometry", "picture"]),
    ("screen", &["geometry", "picture"]),
    ("mark", &["geometry", "picture", "id"]),
    ("source", &["rfb", "geometry", "picture", "screen", "tls", "metrics", "shutdown", "clock", "id", "network"]),
    (
        "viewer",
        &[
            "rfb",
            "geometry",
            "picture",
            "id",
            "mark",
            "screen",
            "governance",
            "desk",
            "trace",
            "tls",
            "metrics",
            "shutdown",
            "clock",
            "network",
        ],
    ),
    ("governance", &["id", "network"]),
    ("trace", &["id", "clock"]),
    ("store", &["governance", "trace", "id", "geometry", "clock"]),
    ("desk", &["governance", "trace", "store", "id", "clock", "geometry", "rfb"]),
    ("notify", &["clock", "tls"]),
    ("config", &["geometry", "governance", "id", "network", "notify", "rfb", "tls"]),
    ("web", &["trace", "metrics", "clock", "desk", "governance", "id", "network", "tls", "viewer", "words"]),
    ("words", &[]),
    (
        "node",
        &[
            "clock",
            "config",
            "desk",
            "geometry",
            "governance",
            "id",
            "metrics",
            "network",
            "notify",
            "rfb",
            "screen",
            "shutdown",
            "source",
            "store",
            "tls",
            "trace",
            "viewer",
            "web",
        ],
    ),
    ("fuzzing", &["rfb", "geometry", "picture", "config"]),
    ("demo", &["rfb", "geometry", "picture", "mark", "clock", "governance", "id", "node"]),
    ("cli", &["clock", "config", "demo", "governance", "id", "node", "rfb", "source", "store", "tls", "trace"]),
];

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
    found
}

fn src() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// The room that a file belongs to: the first part of its path.
fn room(path: &Path) -> String {
    let inside = path.strip_prefix(src()).unwrap();
    inside.components().next().unwrap().as_os_str().to_str().unwrap().trim_end_matches(".rs").to_owned()
}

/// Code without comments.
fn code(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// Every room named by `crate::room` or `crate::{a, b}`; `main` says `lucarne::room`.
fn named(code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for root in ["crate::", "lucarne::"] {
        for (at, _) in code.match_indices(root) {
            let rest = &code[at + root.len()..];
            let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
            match rest.strip_prefix('{') {
                Some(list) => {
                    let mut depth = 0;
                    let mut first = true;
                    for (n, c) in list.char_indices() {
                        match c {
                            '{' => depth += 1,
                            '}' if depth == 0 => break,
                            '}' => depth -= 1,
                            ',' if depth == 0 => first = true,
                            c if first && !c.is_whitespace() => {
                                found.insert(word(&list[n..]));
                                first = false;
                            }
                            _ => {}
                        }
                    }
                }
                None => {
                    found.insert(word(rest));
                }
            }
        }
    }
    found
}

#[test]
fn every_room_imports_only_what_the_table_allows() {
    let mut wrong = Vec::new();
    for path in files(&src()) {
        let room = room(&path);
        if room == "lib" {
            continue;
        }
        let allowed =
            TABLE.iter().find(|(name, _)| *name == room).unwrap_or_else(|| panic!("the room {room} is not in the table")).1;
        for other in named(&code(&path)) {
            if other != room && !allowed.contains(&other.as_str()) {
                wrong.push(format!("{} names {other}", path.strip_prefix(src()).unwrap().display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn source_and_viewer_meet_in_the_screen_by_different_hands() {
    for path in files(&src()) {
        let code = code(&path);
        match room(&path).as_str() {
            "source" => assert!(!code.contains("ScreenReader"), "{} reads the screen", path.display()),
            "viewer" | "mark" | "web" => assert!(!code.contains("ScreenWriter"), "{} writes the screen", path.display()),
            _ => {}
        }
    }
}

/// What is found in one room alone.
#[test]
fn sockets_clocks_sql_and_pages_stay_in_their_rooms() {
    let rules: &[(&str, &[&str])] = &[
        ("sqlx::", &["store"]),
        ("axum::", &["web"]),
        ("Instant::now", &["clock"]),
        ("SystemTime::now", &["clock"]),
        ("now_utc()", &["clock"]),
        ("tokio::time::", &["clock"]),
        ("unbounded_channel", &[]),
        ("unsafe ", &[]),
    ];
    for path in files(&src()) {
        let (code, room) = (code(&path), room(&path));
        for (word, rooms) in rules {
            assert!(!code.contains(word) || rooms.contains(&room.as_str()), "{} holds {word}", path.display());
        }
        if room == "rfb" || room == "governance" || room == "mark" {
            // An address is a value; a socket is not.
            let code = code.replace("std::net::IpAddr;", "");
            for word in ["tokio", "std::net", "std::fs", "async "] {
                assert!(!code.contains(word), "{} is pure, and holds {word}", path.display());
            }
        }
    }
}

#[test]
fn files_are_short_and_no_folder_is_called_util() {
    for path in files(&src()) {
        let lines = std::fs::read_to_string(&path).unwrap().lines().count();
        assert!(lines <= 400, "{} has {lines} lines", path.display());
        let name = path.to_string_lossy();
        assert!(!["util", "common", "helpers"].iter().any(|bad| name.contains(&format!("/{bad}"))), "{name}");
    }
}
