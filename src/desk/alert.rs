//! Who is told of what, and whether it arrived. An alert is written down in the unit of work of the act that it tells of,
//! and each try before it is made: what cannot be written down is not sent again and again.

use std::num::NonZeroU32;
use std::time::Instant;

use governor::middleware::NoOpMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};
use tokio::sync::watch;

use super::{Actor, Desk, DeskError};
use crate::clock::Clock;
use crate::governance::incident::Reminder;
use crate::governance::{Account, Alert, Occasion, Refusal, Role, Route, Way};
use crate::id::{AccountId, IncidentId};
use crate::store::{Accounts, Alerts, Incidents, StoreError, Work};
use crate::trace::{Event, Recorded};

/// So many wait at a time of what anybody may bring about: the rest is counted in the trace and told to nobody.
const WAITING: usize = 1000;
/// And of what one person brings about, so many occasions an hour.
const AN_HOUR: NonZeroU32 = NonZeroU32::MIN.saturating_add(9);
/// As many are sent at once.
const AT_ONCE: i64 = 16;
/// Of so many incidents handlers are reminded at a time.
const REMINDERS: i64 = 1000;

/// The ways by which people and programs are told, and how often one person may have them told.
pub(super) struct Alarm {
    pub mail: bool,
    pub webhook: bool,
    /// Something may have to be told.
    rings: watch::Sender<()>,
    reports: Rate,
    tests: Rate,
}

type Rate = RateLimiter<AccountId, DefaultKeyedStateStore<AccountId>, Clock, NoOpMiddleware<Instant>>;

impl Alarm {
    pub fn new(Channels { mail, webhook }: Channels, clock: &Clock) -> Self {
        let rate = || RateLimiter::new(Quota::per_hour(AN_HOUR), DefaultKeyedStateStore::default(), clock.clone());
        Self { mail, webhook, rings: watch::Sender::new(()), reports: rate(), tests: rate() }
    }
}

/// The ways that are set.
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
    /// So many more should be told, and are not: too much was told already.
    pub kept_back: usize,
}

/// An alert that is to be sent now, and to which address if it is a mail.
pub struct Sending {
    pub alert: Alert,
    pub to: Option<String>,
}

/// Who gets an alert now.
enum Recipient {
    Program,
    Address(String),
    /// For this reason.
    Nobody(&'static str),
}

impl Desk {
    /// Lets those know whom it concerns. The act's entry says how many are told, and how many cannot be. `by`: who brought
    /// it about, if somebody did.
    pub(super) async fn tell(
        &self,
        work: &Work<'_>,
        by: Option<&Actor>,
        occasion: &Occasion,
        event: Event,
    ) -> Result<(Told, Event), StoreError> {
        let (now, roles, mut told) = (self.clock.wall(), occasion.roles(), Told::default());
        let mut routes = vec![(Route::Webhook, None); usize::from(self.alarm.webhook)];
        let concerned = |account: &Account| account.is_of_use(now) && roles.iter().any(|role| account.roles.has(*role));
        let accounts = if self.alarm.mail { readable(work.accounts().await)? } else { Vec::new() };
        for account in accounts.into_iter().filter(concerned) {
            let login = account.login.as_str().to_owned();
            match account.file.mail {
                Some(_) => routes.push((Route::Mail(account.id), Some(login))),
                None => told.without_address.push(login),
            }
        }
        let mut free = usize::MAX;
        if occasion.is_anybodys() {
            // Whoever tries the alarm must not use up what tells of an incident.
            let rate = if matches!(occasion, Occasion::Test { .. }) { &self.alarm.tests } else { &self.alarm.reports };
            let too_often = by.is_some_and(|actor| rate.check_key(&actor.account().id).is_err());
            free = if too_often { 0 } else { WAITING.saturating_sub(work.alerts_waiting().await?) };
        }
        told.kept_back = routes.len().saturating_sub(free);
        for (route, login) in routes.into_iter().take(free) {
            work.add_alert(&Alert::new(occasion.clone(), route, now)).await?;
            match login {
                Some(login) => told.mailed.push(login),
                None => told.webhook = true,
            }
        }
        let count = |event: Event, name: &str, n: usize| if n == 0 { event } else { event.count(name, n as u64) };
        let event = count(event, "alerts", told.mailed.len() + usize::from(told.webhook));
        let event = count(event, "alerts_kept_back", told.kept_back);
        let event = count(event, "without_address", told.without_address.len());
        Ok((told, event))
    }

    /// Commits an act of which people are told, and has them told.
    pub(super) async fn record_told(&self, work: Work<'_>, event: Event) -> Result<Recorded, DeskError> {
        let recorded = self.record(work, event).await;
        self.alarm.rings.send_replace(());
        recorded
    }

    /// R54: tells everybody of a role that this is a test.
    pub async fn test_alert(&self, actor: &Actor, role: Role) -> Result<Told, DeskError> {
        if !self.alarm.mail && !self.alarm.webhook {
            return Err(Refusal::NoAlerts.into());
        }
        let work = self.store.begin().await?;
        let event = Event::new("alert.test").outcome("ok").public("role", role.name());
        let (told, event) = self.tell(&work, Some(actor), &Occasion::Test { role }, event).await?;
        self.record_told(work, actor.signs(event)).await?;
        Ok(told)
    }

    /// Rings when something may have to be told.
    pub fn alarm(&self) -> watch::Receiver<()> {
        self.alarm.rings.subscribe()
    }

    /// Reminds the handlers of incidents of which the authority should be told.
    pub async fn remind(&self) -> Result<(), DeskError> {
        for id in self.store.incidents_to_remind_of(self.clock.wall(), REMINDERS).await? {
            // One that cannot be read must not keep the others from being told.
            if let Err(error) = self.remind_of(&id).await {
                tracing::error!(incident = id.as_str(), %error, "nobody is reminded of an incident");
            }
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
        let (_, event) = self.tell(&work, None, &occasion, event).await?;
        self.record_told(work, event).await.map(|_| ())
    }

    /// What is to be sent now by a way; each try is written down by now. What is out of date, or what nobody is there for, is
    /// over. `None`: nothing is due.
    pub async fn begin_alerts(&self, way: Way) -> Result<Option<Vec<Sending>>, DeskError> {
        let now = self.clock.wall();
        let due = self.store.alerts_due(way, now, AT_ONCE).await?;
        if due.is_empty() {
            return Ok(None);
        }
        let mut sending = Vec::new();
        let (mut over, work) = (Vec::new(), self.store.begin().await?);
        for mut alert in due {
            let to = match self.recipient(&work, &alert).await? {
                Recipient::Nobody(cause) => {
                    over.push((alert, cause));
                    continue;
                }
                Recipient::Program => None,
                Recipient::Address(address) => Some(address),
            };
            if alert.begin_try(now) {
                work.save_alert(&alert).await?;
                sending.push(Sending { alert, to });
            } else {
                over.push((alert, "not_taken"));
            }
        }
        work.commit().await?;
        for (alert, cause) in over {
            self.alert_is_over(&alert, "alert.given_up", Some(cause)).await?;
        }
        Ok(Some(sending))
    }

    async fn recipient(&self, work: &Work<'_>, alert: &Alert) -> Result<Recipient, DeskError> {
        if let Occasion::Deadline { incident, .. } = &alert.occasion
            && work.incident(incident).await?.is_none_or(|incident| incident.to_be_told_by().is_none())
        {
            return Ok(Recipient::Nobody("told_meanwhile"));
        }
        let Route::Mail(account) = &alert.route else { return Ok(Recipient::Program) };
        let account = work.account_of(account).await?.filter(|account| account.is_of_use(self.clock.wall()));
        let mail = account.and_then(|account| account.file.mail);
        Ok(mail.map_or(Recipient::Nobody("nobody_there"), |mail| Recipient::Address(mail.as_str().to_owned())))
    }

    pub async fn alert_arrived(&self, alert: &Alert) -> Result<(), DeskError> {
        self.alert_is_over(alert, "alert.sent", None).await
    }

    pub async fn alert_failed(&self, mut alert: Alert, trouble: &str) -> Result<(), DeskError> {
        alert.failed(trouble);
        let work = self.store.begin().await?;
        work.save_alert(&alert).await?;
        Ok(work.commit().await?)
    }

    async fn alert_is_over(&self, alert: &Alert, kind: &str, cause: Option<&str>) -> Result<(), DeskError> {
        let work = self.store.begin().await?;
        work.drop_alert(&alert.id).await?;
        let event = Event::new(kind).outcome(if cause.is_some() { "failed" } else { "ok" });
        let event = cause.into_iter().fold(event, Event::cause).public("alert", alert.id.as_str());
        let event = event.public("occasion", alert.occasion.name()).public("way", alert.route.way().name());
        let event = match &alert.route {
            Route::Mail(account) => event.sealed("account", account.as_str()),
            Route::Webhook => event,
        };
        self.record(work, event).await.map(|_| ())
    }

    /// So many that wait, oldest first.
    pub async fn alerts(&self, limit: i64) -> Result<Vec<Alert>, DeskError> {
        Ok(self.store.alerts(limit).await?)
    }
}

/// Accounts that cannot be read keep no freeze from being written down: then the webhook alone is told.
fn readable(accounts: Result<Vec<Account>, StoreError>) -> Result<Vec<Account>, StoreError> {
    match accounts {
        Err(error @ StoreError::Row(_)) => {
            tracing::error!(%error, "nobody is told by mail");
            Ok(Vec::new())
        }
        accounts => accounts,
    }
}
