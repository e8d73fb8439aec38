//! The control socket: a Unix socket in the node's directory that only its owner can open. One line asks, one answers.

use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use zeroize::Zeroizing;

use super::Shared;
use super::act::{Order, Outcome};
use crate::clock::Clock;

/// The longest order, and the longest answer.
const MAX_LINE: u64 = 1 << 20;
pub(super) const MAX_ANSWER: u32 = 16 << 20;
/// Long enough to hear how a site's opening went.
pub(super) const PATIENCE: Duration = Duration::from_secs(40);

pub fn path(data: &Path) -> PathBuf {
    data.join("control.sock")
}

/// Opens the socket of a node that holds the lock of `data`.
pub fn open(data: &Path) -> Result<UnixListener> {
    let path = path(data);
    // The lock is ours, so a socket that lies there is a dead node's.
    let _ = std::fs::remove_file(&path);
    let listener = UnixListener::bind(&path).with_context(|| format!("{} cannot be made", path.display()))?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Answers until the task is dropped.
pub async fn serve(listener: UnixListener, shared: Arc<Shared>, clock: Clock) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let (shared, clock) = (Arc::clone(&shared), clock.clone());
                tokio::spawn(async move {
                    let deadline = clock.now() + PATIENCE;
                    if let Ok(Err(error)) = clock.within(deadline, answer(stream, shared)).await {
                        tracing::warn!(%error, "an order could not be answered");
                    }
                });
            }
            Err(error) => {
                tracing::warn!(%error, "the control socket failed");
                clock.sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn answer(stream: UnixStream, shared: Arc<Shared>) -> Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut line = Zeroizing::new(String::new());
    BufReader::new(reader.take(MAX_LINE)).read_line(&mut line).await?;
    let outcome = match serde_json::from_str::<Order>(&line) {
        // Once begun, an act is finished, whoever waits for its answer.
        Ok(order) => tokio::spawn(async move { shared.perform(order).await }).await?,
        Err(error) => Outcome::NotDone { message: format!("the order cannot be read: {error}") },
    };
    let mut text = serde_json::to_string(&outcome)?;
    text.push('\n');
    writer.write_all(text.as_bytes()).await?;
    Ok(())
}

/// Orders something of the node that runs on `data`; `None` if none does.
pub async fn order(data: &Path, order: &Order, clock: &Clock) -> Result<Option<Outcome>> {
    let path = path(data);
    let mut stream = match UnixStream::connect(&path).await {
        Ok(stream) => stream,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("{} cannot be opened", path.display())),
    };
    let work = async {
        let mut text = Zeroizing::new(serde_json::to_string(order)?);
        text.push('\n');
        stream.write_all(text.as_bytes()).await?;
        let mut line = String::new();
        BufReader::new(stream.take(MAX_ANSWER.into())).read_line(&mut line).await?;
        Ok(Some(serde_json::from_str(&line)?))
    };
    let deadline = clock.now() + PATIENCE;
    clock
        .within(deadline, work)
        .await
        .map_err(|_| anyhow!("the node did not answer in {} s; look at its logs", PATIENCE.as_secs()))?
}
