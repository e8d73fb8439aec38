//! PAGES: the only room that knows axum. The auditor's window, orders by HTTP, and the monitor: metrics and health, on
//! loopback.

mod api;
mod door;
mod pages;
mod whole;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::trace::Health;
pub use api::{Answer, Orders, Origin, api};
pub use door::Entry;
pub use pages::{Window, pages, pixel};

#[derive(Clone)]
struct Monitor {
    registry: Arc<Registry>,
    health: watch::Receiver<Health>,
}

/// Serves `/metrics` (Prometheus text) and `/healthz` until the task is dropped.
pub async fn monitor(socket: TcpListener, registry: Registry, health: watch::Receiver<Health>) -> std::io::Result<()> {
    let state = Monitor { registry: Arc::new(registry), health };
    let routes = Router::new().route("/metrics", get(metrics)).route("/healthz", get(healthz)).with_state(state);
    axum::serve(socket, routes).await
}

async fn metrics(State(monitor): State<Monitor>) -> impl IntoResponse {
    let mut text = String::new();
    match encode(&mut text, &monitor.registry) {
        Ok(()) => (StatusCode::OK, [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text),
        Err(error) => {
            (StatusCode::INTERNAL_SERVER_ERROR, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], error.to_string())
        }
    }
}

async fn healthz(State(monitor): State<Monitor>) -> impl IntoResponse {
    match &monitor.health.borrow().broken {
        None => (StatusCode::OK, "ok\n".to_owned()),
        Some(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")),
    }
}
