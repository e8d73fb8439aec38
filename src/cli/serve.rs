//! `lucarne serve`: the node, until it is told to stop.

use std::fs::File;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use tokio::signal::unix::{SignalKind, signal};

use super::init::private_dir;
use crate::clock::Clock;
use crate::config::Config;
use crate::node::{Node, control, open_desk};

/// Holds a node's directory for one process; it is free again when this is dropped.
pub(super) fn lock(config: &Config) -> Result<File> {
    private_dir(&config.data)?;
    let path = config.data.join("lock");
    let file = File::create(&path).with_context(|| format!("{} cannot be made", path.display()))?;
    if file.try_lock().is_err() {
        bail!("another process uses {}: stop it first, or use another `node.data`", config.data.display());
    }
    Ok(file)
}

/// Brings the store to this version, and appends what a crash left owing.
pub(super) async fn migrate(config: &Config, clock: &Clock) -> Result<ExitCode> {
    let _lock = lock(config)?;
    let desk = open_desk(config, clock).await?;
    desk.store().close().await;
    println!("the store of {} is of this version", config.data.display());
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn run(config: &Config, clock: &Clock) -> Result<ExitCode> {
    // From the first moment: unheard, it would end the process.
    let mut hangup = signal(SignalKind::hangup())?;
    let node = Node::start(config, clock.clone()).await?;
    let socket = control::open(&config.data)?;
    let orders = tokio::spawn(control::serve(socket, Arc::clone(node.shared()), clock.clone()));
    tracing::info!(viewers = %node.addresses.viewers, sites = config.sites.len(), "the node runs");
    let mut stopped = std::pin::pin!(stopped());
    loop {
        tokio::select! {
            stopped = &mut stopped => break stopped?,
            _ = hangup.recv() => match node.shared().reload().await {
                Err(error) => tracing::error!(error = format!("{error:#}"), "the certificate was not read again; the old one stays"),
                Ok(_) => tracing::info!("the certificate was read again"),
            },
        }
    }
    tracing::info!("the node stops");
    orders.abort();
    node.stop().await;
    Ok(ExitCode::SUCCESS)
}

/// Waits for Ctrl-C or SIGTERM.
pub(super) async fn stopped() -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
