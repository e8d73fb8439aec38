//! People are told: a task that sends what waits, and what people order of it.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::Shared;
use super::act::{Act, Due, Outcome};
use super::lists::PAGE;
use crate::desk::{Actor, DeskError, Sending, Told};
use crate::governance::{Alert, Refusal, Route};
use crate::notify::{Mail, Message, Notifier, NotifyError};
use crate::store::Accounts;

/// How often it is looked whether something is due, if nothing happens.
const LOOK: Duration = Duration::from_secs(60);

impl Shared {
    /// Tells whoever is to be told, for as long as the node runs. Nothing waits for it.
    pub(super) async fn send_alerts(self: Arc<Self>, notifier: Notifier) {
        loop {
            if let Err(error) = self.send_what_is_due(&notifier).await {
                tracing::warn!(%error, "alerts wait: what is due cannot be read or written down");
            }
            self.desk.alerts_wait(LOOK).await;
        }
    }

    async fn send_what_is_due(&self, notifier: &Notifier) -> Result<(), DeskError> {
        self.desk.remind().await?;
        loop {
            let due = self.desk.alerts_to_send().await?;
            if due.is_empty() {
                return Ok(());
            }
            let mut tries = JoinSet::new();
            for Sending { alert, to } in due {
                let (notifier, node, at) = (notifier.clone(), self.node.clone(), self.clock.wall());
                tries.spawn(async move {
                    let sent = send(&notifier, &alert, to.as_deref(), &node, at).await;
                    (alert, sent)
                });
            }
            while let Some(tried) = tries.join_next().await {
                match tried {
                    Ok((alert, Ok(()))) => self.desk.alert_arrived(&alert).await?,
                    Ok((alert, Err(error))) => {
                        tracing::warn!(alert = alert.id.as_str(), route = alert.route.name(), "an alert was not taken");
                        self.desk.alert_failed(alert, error.to_string()).await?;
                    }
                    Err(error) => tracing::error!(%error, "an alert could not be tried"),
                }
            }
        }
    }

    pub(super) async fn about_alerts(&self, actor: &Actor, act: Act) -> anyhow::Result<Outcome> {
        match act {
            Act::TestAlert { role } => {
                let Told { mailed, without_address, webhook } = self.desk.test_alert(actor, role).await?;
                Ok(Outcome::Alerted { mailed, without_address, webhook })
            }
            Act::ListAlerts { after } => {
                let page = self.desk.alerts(after.as_ref(), PAGE).await?;
                let next = page.next(|last| last.id.clone());
                let accounts = self.desk.store().accounts().await?;
                let due = |alert: Alert| {
                    let to = match &alert.route {
                        Route::Mail(id) => accounts.iter().find(|account| account.id == *id),
                        Route::Webhook => None,
                    };
                    Due { to: to.map(|account| account.login.as_str().to_owned()), alert }
                };
                Ok(Outcome::Alerts { alerts: page.rows.into_iter().map(due).collect(), next })
            }
            _ => Err(DeskError::from(Refusal::NotYourRole).into()),
        }
    }
}

async fn send(
    notifier: &Notifier,
    alert: &Alert,
    to: Option<&str>,
    node: &str,
    at: time::OffsetDateTime,
) -> Result<(), NotifyError> {
    let id = alert.id.as_str();
    if let Some(to) = to {
        let (subject, text) = (alert.occasion.subject(), alert.occasion.text(node));
        return notifier.mail(Mail { id, to, subject: &subject, text: &text, date: alert.at.into() }).await;
    }
    let body = alert.payload();
    notifier.post(Message { id, body: &body, at: at.unix_timestamp() }).await
}
