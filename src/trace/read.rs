//! Reading entries back: for `lucarne trace tail`, for the desk's outbox, for tests.

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use serde_json::Value;

use super::TraceError;
use crate::id::ActId;

/// An entry as it stands in the files. `sealed` is there for those who may read that file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub public: Value,
    pub sealed: Option<Value>,
}

impl Entry {
    pub fn text(&self, key: &str) -> &str {
        self.public.get(key).and_then(Value::as_str).unwrap_or_default()
    }

    pub fn kind(&self) -> &str {
        self.text("type")
    }

    pub fn seq(&self) -> u64 {
        self.public.get("seq").and_then(Value::as_u64).unwrap_or_default()
    }

    pub fn count(&self, name: &str) -> Option<u64> {
        self.public.get("counts")?.get(name)?.as_u64()
    }
}

/// The entries of a public file from `seq` on, with their sealed parts if `with_sealed`.
pub fn tail(path: &Path, from: u64, with_sealed: bool) -> Result<Vec<Entry>, TraceError> {
    let public = lines(path, from)?;
    let sealed = if with_sealed { lines(&path.with_extension("sealed.jsonl"), from)? } else { Vec::new() };
    let mut sealed = sealed.into_iter().map(Some).chain(std::iter::repeat(None));
    Ok(public
        .into_iter()
        .map(|public| {
            let part = sealed.next().flatten().and_then(|line| line.get("sealed").cloned());
            Entry { public, sealed: part }
        })
        .collect())
}

/// Whole lines only: the writer may be in the middle of one.
fn lines(path: &Path, from: u64) -> Result<Vec<Value>, TraceError> {
    let failed = |line: usize, reason: String| TraceError::Read { path: path.to_owned(), line, reason };
    let text = std::fs::read_to_string(path).map_err(|error| failed(0, error.to_string()))?;
    let whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n')).enumerate();
    let from = usize::try_from(from).unwrap_or(usize::MAX);
    whole.skip(from).map(|(n, line)| serde_json::from_str(line).map_err(|error| failed(n + 1, error.to_string()))).collect()
}

/// Those of the acts that have an entry in the public file, which is read a line at a time.
pub fn acts_among(path: &Path, wanted: Vec<ActId>) -> Result<HashSet<ActId>, TraceError> {
    let failed = |error: std::io::Error| TraceError::Read { path: path.to_owned(), line: 0, reason: error.to_string() };
    // As RFC 8785 writes the member: ids need no escapes.
    let mut missing: Vec<(String, ActId)> = wanted.into_iter().map(|act| (format!("\"act\":\"{act}\""), act)).collect();
    let mut found = HashSet::new();
    for line in BufReader::new(File::open(path).map_err(failed)?).lines() {
        let line = line.map_err(failed)?;
        if let Some(n) = missing.iter().position(|(member, _)| line.contains(member)) {
            found.insert(missing.swap_remove(n).1);
        }
        if missing.is_empty() {
            break;
        }
    }
    Ok(found)
}
