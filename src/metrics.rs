//! Counters that rooms are handed and can only write. Names of people and sites never become labels.

use std::sync::atomic::AtomicI64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Kind {
    pub kind: &'static str,
}

/// Cheap to clone; all clones count together.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    pub connections: Counter,
    pub refused: Family<Kind, Counter>,
    pub sessions: Gauge<i64, AtomicI64>,
    pub sources: Gauge<i64, AtomicI64>,
    pub source_bytes: Counter,
    pub source_updates: Counter,
    pub viewer_bytes: Counter,
    pub viewer_updates: Counter,
    pub inputs_dropped: Family<Kind, Counter>,
    pub server_messages_dropped: Family<Kind, Counter>,
    pub tasks: Family<Kind, Gauge<i64, AtomicI64>>,
}

impl Metrics {
    /// The registry that the monitor listener prints.
    pub fn registry(&self) -> Registry {
        let mut registry = Registry::with_prefix("lucarne");
        registry.register("viewer_connections", "Connections accepted from viewers", self.connections.clone());
        registry.register("viewer_refused", "Connections refused, by cause", self.refused.clone());
        registry.register("sessions", "Sessions running", self.sessions.clone());
        registry.register("sources", "Sources open", self.sources.clone());
        registry.register("source_bytes", "Bytes received from sites", self.source_bytes.clone());
        registry.register("source_updates", "Updates received from sites", self.source_updates.clone());
        registry.register("viewer_bytes", "Bytes of picture given to viewers' sockets", self.viewer_bytes.clone());
        registry.register("viewer_updates", "Updates given to viewers", self.viewer_updates.clone());
        registry.register("inputs_dropped", "Viewers' inputs dropped, by kind", self.inputs_dropped.clone());
        registry.register("server_messages_dropped", "Sites' messages dropped, by kind", self.server_messages_dropped.clone());
        registry.register("tasks", "Tasks alive, by runtime", self.tasks.clone());
        registry
    }
}
