//! The signal that ends things: raised once, with a reason, seen by every holder, early or late.

use tokio::sync::watch;

/// Raises the signal. Dropping it without raising means nothing.
#[derive(Debug, Clone)]
pub struct Switch<R>(watch::Sender<Option<R>>);

/// Sees the signal.
#[derive(Debug, Clone)]
pub struct Shutdown<R>(watch::Receiver<Option<R>>);

/// A signal and its switch.
pub fn signal<R>() -> (Switch<R>, Shutdown<R>) {
    let (sender, receiver) = watch::channel(None);
    (Switch(sender), Shutdown(receiver))
}

impl<R> Switch<R> {
    /// Raises the signal; the first reason stays.
    pub fn raise(&self, reason: R) {
        self.0.send_if_modified(|seen| {
            let first = seen.is_none();
            if first {
                *seen = Some(reason);
            }
            first
        });
    }
}

impl<R: Clone> Shutdown<R> {
    /// The reason, if the signal was raised.
    pub fn reason(&self) -> Option<R> {
        self.0.borrow().clone()
    }

    /// Waits for the signal. If every switch is gone it never comes.
    pub async fn raised(&mut self) -> R {
        loop {
            if let Some(reason) = self.reason() {
                return reason;
            }
            if self.0.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}
