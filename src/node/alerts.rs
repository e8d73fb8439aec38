//! People are told: a task for each way that sends what waits, one that reminds, and what people order of it.

use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;
use tokio::task::JoinSet;

use super::Shared;
use super::act::{Act, Due, Outcome};
use super::lists::PAGE;
use crate::desk::{Actor, DeskError, Sending, Told};
use crate::governance::{Alert, Refusal, Route, Way};
use crate::notify::{Mail, Message, Notifier, NotifyError};
use crate::store::Accounts;

/// How often it is looked whether something is due, if nothing happens.
const LOOK: Duration = Duration::from_secs(60);

impl Shared {
    /// Tells by a way whoever is to be told, for as long as the node runs. Nothing waits for it.
    pub(super) async fn send_alerts(self: Arc<Self>, notifier: Notifier, way: Way) {
        let mut alarm = self.desk.alarm();
        loop {
            if let Err(error) = self.send_what_is_due(&notifier, way).await {
                tracing::warn!(%error, way = way.name(), "alerts wait: what is due cannot be read or written down");
            }
            // Woken or not, it is looked at.
            let _ = self.clock.within(self.clock.now() + LOOK, alarm.changed()).await;
        }
    }

    /// Reminds handlers of incidents, for as long as the node runs.
    pub(super) async fn send_reminders(self: Arc<Self>) {
        loop {
            if let Err(error) = self.desk.remind().await {
                tracing::warn!(%error, "nobody is reminded of incidents: the store does not tell of which");
            }
            self.clock.sleep(LOOK).await;
        }
    }

    async fn send_what_is_due(&self, notifier: &Notifier, way: Way) -> Result<(), DeskError> {
        while let Some(due) = self.desk.begin_alerts(way).await? {
            let mut tries = JoinSet::new();
            for Sending { alert, to } in due {
                let (notifier, node, at) = (notifier.clone(), self.node.clone(), self.clock.wall());
                tries.spawn(async move {
                    let sent = send(&notifier, &alert, to.as_deref(), &node, at).await;
                    (alert, sent)
                });
            }
            while let Some(tried) = tries.join_next().await {
                let written = match tried {
                    Ok((alert, Ok(()))) => self.desk.alert_arrived(&alert).await,
                    Ok((alert, Err(error))) => {
                        tracing::warn!(alert = alert.id.as_str(), way = way.name(), "an alert was not taken");
                        self.desk.alert_failed(alert, &error.to_string()).await
                    }
                    Err(error) => {
                        tracing::error!(%error, "an alert could not be tried by our own fault");
                        Ok(())
                    }
                };
                // The next try is written down already: others need not wait for this one.
                if let Err(error) = written {
                    tracing::warn!(%error, "how an alert went cannot be written down: it may come twice");
                }
            }
        }
        Ok(())
    }

    pub(super) async fn about_alerts(&self, actor: &Actor, act: Act) -> anyhow::Result<Outcome> {
        match act {
            Act::TestAlert { role } => {
                let Told { mailed, without_address, webhook, kept_back } = self.desk.test_alert(actor, role).await?;
                if mailed.is_empty() && !webhook {
                    let why = match (without_address.as_slice(), kept_back) {
                        ([], 0) => format!("nobody has the role {}", role.name()),
                        (logins, 0) => {
                            format!("no address is on file: lucarne account file LOGIN --mail ADDRESS, for {}", logins.join(", "))
                        }
                        _ => "you have had people told ten times within the hour; wait".to_owned(),
                    };
                    return Ok(Outcome::NotDone { message: format!("nobody is told: {why}") });
                }
                Ok(Outcome::Alerted { mailed, without_address, webhook })
            }
            Act::ListAlerts => {
                let accounts = self.desk.store().accounts().await?;
                let due = |alert: Alert| {
                    let to = match &alert.route {
                        Route::Mail(id) => accounts.iter().find(|account| account.id == *id),
                        Route::Webhook => None,
                    };
                    Due { to: to.map(|account| account.login.as_str().to_owned()), alert }
                };
                let alerts = self.desk.alerts(PAGE as i64).await?;
                Ok(Outcome::Alerts { alerts: alerts.into_iter().map(due).collect() })
            }
            _ => Err(DeskError::from(Refusal::NotYourRole).into()),
        }
    }
}

async fn send(notifier: &Notifier, alert: &Alert, to: Option<&str>, node: &str, at: OffsetDateTime) -> Result<(), NotifyError> {
    let id = alert.id.as_str();
    if let Some(to) = to {
        let (subject, text) = (alert.occasion.subject(), alert.occasion.text(node));
        return notifier.mail(Mail { id, to, subject: &subject, text: &text, date: alert.at.into() }).await;
    }
    let body = alert.payload();
    notifier.post(Message { id, body: &body, at: at.unix_timestamp() }).await
}
