//! ACTS: check, row and trace in one. Whatever changes what may be seen goes through here.
//!
//! An act's entry lies in the outbox in the same SQL transaction as the act, and leaves it once the log has it; what
//! a crash left there is appended at the next start, once. What gives rights counts only when its entry is recorded;
//! what takes rights away has acted before it comes here. This room opens no socket and draws no pixel.

mod password;
mod ticket;

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::clock::Clock;
use crate::geometry::Size;
use crate::governance::password::Age;
use crate::governance::{Admission, Facts, Login, Profile, Refusal, Request, Standing, admit};
use crate::id::{AccountId, ActId, ConnectionId, SiteName};
use crate::store::{AccountRow, Store, StoreError, Work};
use crate::trace::{Event, Log, Recorded, TraceError, acts_among};
use password::Hasher;
use ticket::ShortTickets;
pub use ticket::{Form, Presented, Ticket};

#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Trace(#[from] TraceError),
    #[error("{0}")]
    Invalid(String),
    #[error("there is no account {0:?}; `lucarne account list` shows those there are")]
    NoAccount(String),
}

/// A ticket was not taken.
#[derive(Debug, thiserror::Error)]
pub enum Denied {
    #[error("{}", .0.words())]
    Refused(Refusal),
    #[error(transparent)]
    Failed(#[from] DeskError),
}

impl From<StoreError> for Denied {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

pub struct Desk {
    store: Store,
    log: Log,
    clock: Clock,
    hasher: Hasher,
    /// The rules of passwords.
    passwords: Profile,
    short: ShortTickets,
    /// Acts between their commit and their entry: nobody may take them for some that were left behind. Held for no
    /// wait: a lock here and the store's own would wait for each other.
    flying: Mutex<HashSet<ActId>>,
    /// Held while entries that were left behind are appended: two at once would each find them missing.
    emptying: tokio::sync::Mutex<()>,
}

/// An act that is among those flying, for as long as this lives.
struct Flight<'a> {
    desk: &'a Desk,
    act: &'a ActId,
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        self.desk.flying().remove(self.act);
    }
}

impl Desk {
    /// A desk over its store and log. Entries that a crash left behind are appended now.
    pub async fn open(store: Store, log: Log, clock: Clock, passwords: Profile) -> Result<Self, DeskError> {
        let desk = Self {
            store,
            log,
            clock,
            hasher: Hasher::default(),
            passwords,
            short: ShortTickets::default(),
            flying: Mutex::default(),
            emptying: tokio::sync::Mutex::default(),
        };
        desk.empty_outbox().await?;
        Ok(desk)
    }

    pub fn log(&self) -> &Log {
        &self.log
    }

    pub fn store(&self) -> &Store {
        &self.store
    }

    fn flying(&self) -> MutexGuard<'_, HashSet<ActId>> {
        self.flying.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends the entries of acts that the log does not have yet.
    pub async fn empty_outbox(&self) -> Result<(), DeskError> {
        let _one_at_a_time = self.emptying.lock().await;
        let mut left = self.store.outbox().await?;
        left.retain(|(act, _)| !self.flying().contains(act));
        if left.is_empty() {
            return Ok(());
        }
        // Looked for only now: an act that landed meanwhile has its entry there.
        let (path, wanted) = (self.log.path().to_owned(), left.iter().map(|(act, _)| act.clone()).collect());
        let looking = tokio::task::spawn_blocking(move || acts_among(&path, wanted));
        let landed = looking.await.map_err(|_| TraceError::Closed)??;
        for (act, event) in left {
            if !landed.contains(&act) {
                self.log.append(event).await?;
            }
            self.store.forget_act(&act).await?;
        }
        Ok(())
    }

    /// Commits an act with its entry, and answers once the entry is durable.
    async fn record(&self, work: Work<'_>, event: Event) -> Result<Recorded, DeskError> {
        self.record_as(&ActId::random(), work, event).await
    }

    async fn record_as(&self, act: &ActId, mut work: Work<'_>, event: Event) -> Result<Recorded, DeskError> {
        self.flying().insert(act.clone());
        let _flight = Flight { desk: self, act };
        let event = event.act(act);
        work.put_act(act, &event).await?;
        work.commit().await?;
        let recorded = self.log.append(event).await?;
        self.store.forget_act(act).await?;
        Ok(recorded)
    }

    pub async fn add_account(&self, login: &str, name: &str, password: &str) -> Result<AccountRow, DeskError> {
        let login = Login::try_from(login.to_owned()).map_err(DeskError::Invalid)?;
        let name = name.trim();
        if name.is_empty() || name.chars().count() > 60 || name.chars().any(char::is_control) {
            return Err(DeskError::Invalid("a person's name has 1 to 60 characters; the watermark shows it".to_owned()));
        }
        self.passwords.check(password, &login, name).map_err(DeskError::Invalid)?;
        let hash = self.hasher.hash(password).await?;
        let now = self.clock.wall();
        let account = AccountRow { id: AccountId::random(), login, name: name.to_owned(), enabled: true, password_set: now };
        let mut work = self.store.begin().await?;
        work.add_account(&account, &hash, now).await?;
        let event = Event::new("account.created").outcome("ok").sealed("account", account.id.as_str());
        self.record(work, event.sealed("login", account.login.as_str()).sealed("name", name)).await?;
        Ok(account)
    }

    /// Enables or disables an account. The node ends the sessions of a disabled one before it calls this.
    pub async fn enable_account(&self, login: &str, enabled: bool) -> Result<AccountRow, DeskError> {
        let unknown = || DeskError::NoAccount(login.to_owned());
        let name = Login::try_from(login.to_owned()).map_err(|_| unknown())?;
        let account = self.store.account(&name).await?.ok_or_else(unknown)?;
        let mut work = self.store.begin().await?;
        work.enable_account(&name, enabled).await?;
        let event = Event::new(if enabled { "account.enabled" } else { "account.disabled" });
        self.record(work, event.outcome("ok").sealed("account", account.id.as_str()).sealed("login", login)).await?;
        Ok(AccountRow { enabled, ..account })
    }

    /// Records that a site is shown, paused or stopped. For Show the source may open only after this returns.
    pub async fn stand(&self, site: &SiteName, standing: Standing, cause: &str) -> Result<Recorded, DeskError> {
        let mut work = self.store.begin().await?;
        work.set_standing(site, standing).await?;
        let event = Event::new("site.standing").outcome("ok").cause(cause).public("standing", standing.name());
        let act = ActId::random();
        let recorded = self.record_as(&act, work, event.sealed("site", site.as_str())).await;
        if recorded.is_err() && standing == Standing::Showing {
            // What gives rights and could not be recorded did not happen: neither the row nor its entry.
            let mut work = self.store.begin().await?;
            work.set_standing(site, Standing::Paused).await?;
            work.drop_act(&act).await?;
            work.commit().await?;
            // A slow log may have it all the same: then this corrects it.
            let event = Event::new("site.standing").outcome("ok").cause("not_recorded").public("standing", "paused");
            self.log.note(event.sealed("site", site.as_str())).await;
        }
        recorded
    }

    /// A restart leaves nothing showing.
    pub async fn pause_all(&self) -> Result<(), DeskError> {
        let mut work = self.store.begin().await?;
        let sites = work.pause_all().await?;
        if sites.is_empty() {
            return Ok(());
        }
        let event = Event::new("site.standing").outcome("ok").cause("node_restarted").public("standing", "paused");
        self.record(work, event.sealed("sites", sites)).await?;
        Ok(())
    }

    /// Says that a site's masks are right for this size of its screen.
    pub async fn confirm_masks(&self, site: &SiteName, size: Size) -> Result<Vec<Size>, DeskError> {
        let mut work = self.store.begin().await?;
        work.confirm_size(site, size).await?;
        let event = Event::new("site.masks_confirmed").outcome("ok").public("size", size.to_string());
        self.record(work, event.sealed("site", site.as_str())).await?;
        Ok(self.store.confirmed_sizes(site).await?)
    }

    /// A one-time right to ask for the picture of a site, for 60 seconds.
    pub async fn issue_ticket(
        &self,
        login: &str,
        site: &SiteName,
        short: bool,
        certificate: Option<[u8; 32]>,
    ) -> Result<Ticket, DeskError> {
        let unknown = || DeskError::NoAccount(login.to_owned());
        let name = Login::try_from(login.to_owned()).map_err(|_| unknown())?;
        let account = self.store.account(&name).await?.ok_or_else(unknown)?;
        let now = self.clock.wall();
        let days_left = match self.passwords.age(account.password_set, now) {
            Age::Expired => return Err(DeskError::Invalid(format!("{login}: {}", Refusal::PasswordExpired.words()))),
            Age::Ending(days) => Some(days),
            Age::Good => None,
        };
        let ticket = Ticket::new(now, short, certificate, days_left);
        let mut work = self.store.begin().await?;
        work.add_ticket(&ticket.hash(), ticket.certificate, &account.id, site, ticket.expires).await?;
        let event = Event::new("ticket.issued").outcome("ok").public("short", short).public("bound", certificate.is_some());
        let event = event.sealed("account", account.id.as_str()).sealed("login", login).sealed("site", site.as_str());
        self.record(work, event).await?;
        self.short.add(&ticket);
        Ok(ticket)
    }

    /// Makes every ticket that was not used worthless; gives how many there were.
    pub async fn void_tickets(&self) -> Result<u64, DeskError> {
        self.short.clear();
        Ok(self.store.void_tickets().await?)
    }

    /// Consumes a ticket and asks the rules.
    pub async fn redeem(&self, presented: &Presented, connection: &ConnectionId) -> Result<Admission, Denied> {
        let now = self.clock.wall();
        let hash = self.short.hash_of(presented, now);
        let ticket = match &hash {
            Some(hash) => {
                let mut work = self.store.begin().await?;
                let ticket = work.take_ticket(hash).await?;
                work.commit().await?;
                ticket
            }
            None => None,
        };
        // A site without a row was never shown; whether it is configured is asked when the ticket is issued and at
        // the seat.
        let standing = match &ticket {
            Some(ticket) => self.store.standing(&ticket.site).await?.or(Some(Standing::Stopped)),
            None => None,
        };
        let request = Request { login: presented.login(), certificate: presented.certificate };
        let verdict = admit(&request, Facts { ticket, standing, passwords: self.passwords }, now);
        let event = match &verdict {
            Ok(admission) => Event::new("auth.succeeded")
                .outcome("ok")
                .session(admission.session())
                .sealed("account", admission.account().as_str()),
            Err(refusal) => Event::new("auth.failed").outcome("refused").cause(refusal.code()),
        };
        let event = event.public("method", "ticket").public("connection", connection.as_str());
        self.log.append(event.sealed("login", presented.typed_login())).await.map_err(DeskError::from)?;
        verdict.map_err(Denied::Refused)
    }
}
