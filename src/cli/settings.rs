//! The node's settings in a declared file: compared line by line with those on its machine, checked, put in their place.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use similar::{ChangeTag, TextDiff};

use super::session::Node;
use crate::config::Config;

/// What is to be done about settings.
pub(super) enum Settings {
    /// Nothing is said of them, or the node runs by them.
    Same,
    /// No order of ours mends it.
    Note(String),
    News(News),
}

/// Other settings than those that lie there.
pub(super) struct News {
    file: PathBuf,
    wanted: String,
    /// Lines with a plus or a minus.
    pub lines: Vec<String>,
}

/// Compares; settings that cannot be are an error that names line, key and what to write. `running`: SHA-256 of those
/// that the node runs by.
pub(super) fn compare(node: &Node, wanted: Option<&str>, running: &str) -> Result<Settings> {
    let Some(wanted) = wanted else { return Ok(Settings::Same) };
    let Node::Here { file, .. } = node else {
        let same = digest(wanted) == running;
        let note = "the node runs by other settings: apply this file on its machine".to_owned();
        return Ok(if same { Settings::Same } else { Settings::Note(note) });
    };
    let kept = fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
    if kept == wanted {
        let note = "the node runs by the settings of before: restart it, then apply again".to_owned();
        return Ok(if digest(wanted) == running { Settings::Same } else { Settings::Note(note) });
    }
    Config::parse(file, wanted).context("the settings in the file cannot be")?;
    let diff = TextDiff::from_lines(kept.as_str(), wanted);
    let line = |change: similar::Change<&str>| match change.tag() {
        ChangeTag::Equal => None,
        ChangeTag::Delete => Some(format!("- {}", change.value().trim_end())),
        ChangeTag::Insert => Some(format!("+ {}", change.value().trim_end())),
    };
    let lines = diff.iter_all_changes().filter_map(line).collect();
    Ok(Settings::News(News { file: file.clone(), wanted: wanted.to_owned(), lines }))
}

/// As a node tells of its settings.
pub(super) fn digest(text: &str) -> String {
    use sha2::Digest;
    crate::id::hex(&sha2::Sha256::digest(text))
}

impl News {
    /// In place of those that lie there, which are kept beside them; whole or not at all. Gives where those are.
    pub fn write(&self) -> Result<PathBuf> {
        let [before, new] = ["before", "new"].map(|ending| beside(&self.file, ending));
        let cannot = || format!("{} cannot be written", self.file.display());
        fs::copy(&self.file, &before).with_context(cannot)?;
        // A copy first: whoever could read the old ones can read the new ones, and nobody else.
        fs::copy(&self.file, &new).with_context(cannot)?;
        let mut file = fs::OpenOptions::new().write(true).truncate(true).open(&new).with_context(cannot)?;
        file.write_all(self.wanted.as_bytes()).and_then(|()| file.sync_all()).with_context(cannot)?;
        fs::rename(&new, &self.file).with_context(cannot)?;
        Ok(before)
    }
}

fn beside(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{ending}"));
    file.with_file_name(name)
}
