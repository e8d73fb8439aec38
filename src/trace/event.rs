//! One event, before it is an entry: a public part that may be kept long, a sealed part that names people.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::id::{ActId, SessionId};

/// What happened. Names, logins, addresses, labels and free text go into the sealed part, always.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    public: Map<String, Value>,
    sealed: Map<String, Value>,
}

impl Event {
    /// An event of a type of the event table, such as "view.started".
    pub fn new(kind: &str) -> Self {
        let mut public = Map::new();
        public.insert("type".to_owned(), kind.into());
        public.insert("v".to_owned(), 1.into());
        Self { public, sealed: Map::new() }
    }

    /// "ok", "refused" or "failed".
    pub fn outcome(self, outcome: &str) -> Self {
        self.public("outcome", outcome)
    }

    /// A stable code: never a peer's own words.
    pub fn cause(self, cause: &str) -> Self {
        self.public("cause", cause)
    }

    pub fn session(self, session: &SessionId) -> Self {
        self.public("session", session.as_str())
    }

    /// The act of the desk that this entry stands for.
    pub fn act(self, act: &ActId) -> Self {
        self.public("act", act.as_str())
    }

    /// Where in its words a peer went wrong: what it was saying, and how many of its bytes were taken before.
    pub fn at(self, state: &str, offset: u64) -> Self {
        self.public("state", state).public("offset", offset)
    }

    /// A count, exact.
    pub fn count(mut self, name: &str, n: u64) -> Self {
        let counts = self.public.entry("counts").or_insert_with(|| Value::Object(Map::new()));
        if let Value::Object(counts) = counts {
            counts.insert(name.to_owned(), n.into());
        }
        self
    }

    pub fn public(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.public.insert(key.to_owned(), value.into());
        self
    }

    pub fn sealed(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.sealed.insert(key.to_owned(), value.into());
        self
    }

    pub fn kind(&self) -> &str {
        self.public.get("type").and_then(Value::as_str).unwrap_or_default()
    }

    /// Whether it tells that something is over: such entries may use the log's reserve.
    pub(super) fn is_an_end(&self) -> bool {
        let shows = self.public.get("standing").and_then(Value::as_str) == Some("showing");
        matches!(self.kind(), "view.ended" | "view.interrupted" | "source.closed" | "site.standing" | "process.stop") && !shows
    }

    pub(super) fn into_parts(self) -> (Map<String, Value>, Map<String, Value>) {
        (self.public, self.sealed)
    }
}
