//! `lucarne trace tail`: the last entries, and those that come.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::Subcommand;
use serde_json::Value;

use crate::clock::Clock;
use crate::config::Config;
use crate::trace::{Entry, tail};

#[derive(Subcommand)]
pub(super) enum TraceCommand {
    /// Print the last entries
    Tail {
        /// How many
        #[arg(short, default_value_t = 20)]
        n: usize,
        /// Go on printing those that come
        #[arg(short, long)]
        follow: bool,
        /// With names, logins and addresses
        #[arg(long)]
        sealed: bool,
    },
}

pub(super) async fn run(config: &Config, command: &TraceCommand, clock: &Clock, json: bool) -> Result<ExitCode> {
    let TraceCommand::Tail { n, follow, sealed } = command;
    let path = config.data.join("trace").join(format!("{}-{}.jsonl", config.node, clock.wall().year()));
    let entries = tail(&path, 0, *sealed)?;
    let mut next = entries.len() as u64;
    for entry in entries.iter().skip(entries.len().saturating_sub(*n)) {
        print(entry, json);
    }
    if !follow {
        return Ok(ExitCode::SUCCESS);
    }
    loop {
        clock.sleep(Duration::from_millis(500)).await;
        let entries = tail(&path, next, *sealed)?;
        next += entries.len() as u64;
        entries.iter().for_each(|entry| print(entry, json));
    }
}

fn print(entry: &Entry, json: bool) {
    if json {
        let mut whole = entry.public.clone();
        if let (Some(object), Some(sealed)) = (whole.as_object_mut(), &entry.sealed) {
            object.insert("sealed".to_owned(), sealed.clone());
        }
        println!("{whole}");
        return;
    }
    let shown = ["type", "seq", "time", "node", "v", "priv", "outcome", "act"];
    let rest = entry.public.as_object().into_iter().flatten().filter(|(key, _)| !shown.contains(&key.as_str()));
    let sealed = entry.sealed.as_ref().and_then(Value::as_object).into_iter().flatten();
    let words: Vec<String> = rest.chain(sealed).map(|(key, value)| format!("{key}={}", plain(value))).collect();
    println!("{:>6} {} {:<20} {:<8} {}", entry.seq(), entry.text("time"), entry.kind(), entry.text("outcome"), words.join(" "));
}

fn plain(value: &Value) -> String {
    // Quoted by JSON whenever it is more than a word: a peer's text cannot forge a line.
    match value.as_str() {
        Some(text) if text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.:/×".contains(c)) => text.to_owned(),
        _ => value.to_string(),
    }
}
