//! Who is told of what, and whether it arrived. An alert is written down in the unit of work of the act that it tells of.

use std::time::Duration;

use super::{Actor, Desk, DeskError};
use crate::governance::incident::Reminder;
use crate::governance::{Account, Alert, Occasion, Refusal, Role, Route};
use crate::id::{AlertId, IncidentId};
use crate::store::{Accounts, Alerts, Incidents, Page, StoreError, Work};
use crate::trace::{Event, Recorded};

/// So many wait at a time: what comes after is counted in the trace and told to nobody.
const WAITING: usize = 1000;
/// As many are sent at once.
const AT_ONCE: i64 = 16;

/// The ways by which people and programs are told.
#[derive(Debug, Clone, Copy, Default)]
pub struct Channels {
    pub mail: bool,
    pub webhook: bool,
}

/// Who is told.
#[derive(Debug, Default)]
pub struct Told {
    /// Logins of those who get a mail.
    pub mailed: Vec<String>,
    /// Of those who should, and have no address on file.
    pub without_address: Vec<String>,
    pub webhook: bool,
}

/// An alert that is to be sent now, and to which address if it is a mail.
pub struct Sending {
    pub alert: Alert,
    pub to: Option<String>,
}

impl Desk {
    /// Lets those know whom it concerns. The act's entry says how many are told, and how many cannot be.
    pub(super) async fn tell(&self, work: &Work<'_>, occasion: &Occasion, event: Event) -> Result<(Told, Event), StoreError> {
        let (now, roles, mut told) = (self.clock.wall(), occasion.roles(), Told::default());
        let concerned = |account: &Account| account.is_of_use(now) && roles.iter().any(|role| account.roles.has(*role));
        let mut routes = Vec::new();
        if self.channels.mail {
            for account in work.accounts().await?.into_iter().filter(concerned) {
                let login = account.login.as_str().to_owned();
                match account.file.mail {
                    Some(_) => {
                        told.mailed.push(login);
                        routes.push(Route::Mail(account.id));
                    }
                    None => told.without_address.push(login),
                }
            }
        }
        told.webhook = self.channels.webhook;
        routes.extend(self.channels.webhook.then_some(Route::Webhook));
        let free = WAITING.saturating_sub(work.alerts_waiting().await?);
        for route in routes.iter().take(free) {
            work.add_alert(&Alert::new(occasion.clone(), route.clone(), now)).await?;
        }
        let count = |event: Event, name: &str, n: usize| if n == 0 { event } else { event.count(name, n as u64) };
        let event = count(event, "alerts", routes.len().min(free));
        let event = count(event, "alerts_kept_back", routes.len().saturating_sub(free));
        let event = count(event, "without_address", told.without_address.len());
        Ok((told, event))
    }

    /// Commits an act of which people are told, and has them told.
    pub(super) async fn record_told(&self, work: Work<'_>, event: Event) -> Result<Recorded, DeskError> {
        let recorded = self.record(work, event).await;
        self.alerts_wait.notify_one();
        recorded
    }

    /// R54: tells everybody of a role that this is a test.
    pub async fn test_alert(&self, actor: &Actor, role: Role) -> Result<Told, DeskError> {
        if !self.channels.mail && !self.channels.webhook {
            return Err(Refusal::NoAlerts.into());
        }
        let work = self.store.begin().await?;
        let event = Event::new("alert.test").outcome("ok").public("role", role.name());
        let (told, event) = self.tell(&work, &Occasion::Test { role }, event).await?;
        self.record_told(work, event.sealed("by", actor.account().id.as_str())).await?;
        Ok(told)
    }

    /// Returns when something may have to be told, or after so long: what failed is tried again by then.
    pub async fn alerts_wait(&self, at_most: Duration) {
        // Woken or not, it is looked at.
        let _ = self.clock.within(self.clock.now() + at_most, self.alerts_wait.notified()).await;
    }

    /// Reminds the handlers of incidents of which the authority should be told.
    pub async fn remind(&self) -> Result<(), DeskError> {
        let now = self.clock.wall();
        for id in self.store.incidents_to_remind_of(now, AT_ONCE).await? {
            self.remind_of(&id).await?;
        }
        Ok(())
    }

    async fn remind_of(&self, id: &IncidentId) -> Result<(), DeskError> {
        let (now, work) = (self.clock.wall(), self.store.begin().await?);
        let Some(mut incident) = work.incident(id).await? else { return Ok(()) };
        let Some((reminder, by)) = incident.reminder_due(now).zip(incident.to_be_told_by()) else {
            // An incident of an older version: when it is due next stands beside it from now on.
            work.save_incident(&incident).await?;
            return Ok(work.commit().await?);
        };
        incident.reminded = Some(reminder);
        work.save_incident(&incident).await?;
        let overdue = reminder == Reminder::Overdue;
        let occasion = Occasion::Deadline { incident: id.clone(), nature: incident.nature, by, overdue };
        let event = Event::new("incident.deadline").outcome("ok").public("incident", id.as_str()).public("overdue", overdue);
        let (_, event) = self.tell(&work, &occasion, event).await?;
        self.record_told(work, event).await.map(|_| ())
    }

    /// What is to be sent now; what nobody is there for any more is given up.
    pub async fn alerts_to_send(&self) -> Result<Vec<Sending>, DeskError> {
        let (now, mut sending) = (self.clock.wall(), Vec::new());
        for alert in self.store.alerts_due(now, AT_ONCE).await? {
            let Route::Mail(account) = &alert.route else {
                sending.push(Sending { alert, to: None });
                continue;
            };
            let account = self.store.account_of(account).await?.filter(|account| account.is_of_use(now));
            match account.and_then(|account| account.file.mail) {
                Some(mail) => sending.push(Sending { alert, to: Some(mail.as_str().to_owned()) }),
                None => self.alert_is_over(&alert, "alert.given_up", Some("nobody_there")).await?,
            }
        }
        Ok(sending)
    }

    pub async fn alert_arrived(&self, alert: &Alert) -> Result<(), DeskError> {
        self.alert_is_over(alert, "alert.sent", None).await
    }

    /// It is tried again later, as long as it is worth telling.
    pub async fn alert_failed(&self, mut alert: Alert, trouble: String) -> Result<(), DeskError> {
        if !alert.failed(trouble, self.clock.wall()) {
            return self.alert_is_over(&alert, "alert.given_up", Some("not_taken")).await;
        }
        let work = self.store.begin().await?;
        work.save_alert(&alert).await?;
        Ok(work.commit().await?)
    }

    async fn alert_is_over(&self, alert: &Alert, kind: &str, cause: Option<&str>) -> Result<(), DeskError> {
        let work = self.store.begin().await?;
        work.drop_alert(&alert.id).await?;
        let event = Event::new(kind).outcome(if cause.is_some() { "failed" } else { "ok" });
        let event = cause.into_iter().fold(event, Event::cause).public("alert", alert.id.as_str());
        let event = event.public("occasion", alert.occasion.name()).public("route", alert.route.name());
        let event = match &alert.route {
            Route::Mail(account) => event.sealed("account", account.as_str()),
            Route::Webhook => event,
        };
        self.record(work, event).await.map(|_| ())
    }

    /// So many that wait, oldest first, after one.
    pub async fn alerts(&self, after: Option<&AlertId>, limit: usize) -> Result<Page<Alert>, DeskError> {
        Ok(self.store.alerts_after(after, limit).await?)
    }
}
