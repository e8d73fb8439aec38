//! Joiners, movers, leavers: what two people do about a third, and what one alone may take away.

use time::OffsetDateTime;
use zeroize::Zeroizing;

use super::entry::{HALF, person};
use super::{Actor, Desk, DeskError, hash, letters};
use crate::governance::account::File;
use crate::governance::policy::{digest, short_text};
use crate::governance::request::{Change, Request};
use crate::governance::workstation::Posture;
use crate::governance::{Account, Login, Policy, Refusal, Right, Role, Roles, Workstation};
use crate::id::{AccountId, RequestId, WorkstationId};
use crate::store::{Accounts, FourEyes, Freezes, Work, Workstations};
use crate::trace::Event;

/// A request that waits.
pub struct Asked {
    pub request: RequestId,
    /// The requester's half of the person's enrolment code, if there will be one.
    pub half: Option<Zeroizing<String>>,
}

/// A request that was approved.
pub struct Settled {
    pub change: Change,
    /// The account that it was about.
    pub account: Option<Account>,
    /// The approver's half of the person's enrolment code: neither of the two can use it alone.
    pub half: Option<Zeroizing<String>>,
}

impl Change {
    /// Whether its subject comes in by a code afterwards.
    fn enrols(&self) -> bool {
        matches!(self, Self::Join { .. } | Self::Reset { .. } | Self::Envelope { .. })
    }
}

/// Under which name a sealed code of an account is kept, apart from one to enrol with.
pub(super) fn sealed(account: &AccountId) -> String {
    format!("envelope {account}")
}

impl Desk {
    pub(super) async fn by_login(&self, login: &str) -> Result<Account, DeskError> {
        let unknown = || DeskError::NoAccount(login.to_owned());
        let name = Login::try_from(login.to_owned()).map_err(|_| unknown())?;
        self.store.account(&name).await?.ok_or_else(unknown)
    }

    /// The id of an account that an act names by its login.
    pub async fn account_named(&self, login: &str) -> Result<AccountId, DeskError> {
        self.by_login(login).await.map(|account| account.id)
    }

    /// Asks for something that a second person must approve.
    pub async fn ask(&self, actor: &Actor, change: Change) -> Result<Asked, DeskError> {
        let change = self.checked(change).await?;
        if change.subject() == Some(&actor.account().id) {
            return Err(Refusal::OwnAccount.into());
        }
        let half = change.enrols().then(letters::<HALF>);
        let request = Request { id: RequestId::random(), change, by: actor.account().id.clone(), at: self.clock.wall() };
        let work = self.store.begin().await?;
        let (old, waiting): (Vec<_>, Vec<_>) = work.requests().await?.into_iter().partition(|other| other.is_over(request.at));
        for forgotten in &old {
            work.settle(&forgotten.id).await?;
        }
        if let Some(same) = waiting.iter().find(|other| other.change == request.change) {
            return Err(DeskError::Invalid(format!("the same waits already as {}: have it approved, or turn it down", same.id)));
        }
        if waiting.len() >= Policy::REQUESTS {
            return Err(Refusal::TooManyRequests.into());
        }
        work.add_request(&request, half.as_ref().map(|half| hash(half)).as_deref()).await?;
        let event = Event::new("request.made").outcome("ok").public("change", request.change.name());
        let event = actor.signs(event.public("request", request.id.as_str()));
        self.record(work, about(event, &request.change)).await?;
        Ok(Asked { request: request.id, half })
    }

    /// What can never be is refused before it is asked for.
    async fn checked(&self, change: Change) -> Result<Change, DeskError> {
        match &change {
            Change::Join { login, name, ends, file, .. } => {
                person(name)?;
                file.clone().checked(self.clock.wall().date())?;
                if self.store.account(login).await?.is_some() {
                    return Err(crate::store::StoreError::LoginTaken(login.as_str().to_owned()).into());
                }
                is_to_come(*ends, self.clock.wall())?;
            }
            Change::Site { site, .. } | Change::Masks { site, .. } if !self.sites.contains_key(site) => {
                return Err(Refusal::SiteUnknown.into());
            }
            Change::Workstation { fingerprint, label, ends } => {
                let fingerprint = digest(fingerprint)?;
                if self.store.workstation(&fingerprint).await?.is_some() {
                    return Err(Refusal::WorkstationTaken.into());
                }
                is_to_come(*ends, self.clock.wall())?;
                return Ok(Change::Workstation { fingerprint, label: short_text(label)?, ends: *ends });
            }
            Change::Thaw { freeze } if !self.store.freezes().await?.iter().any(|other| other.id == *freeze) => {
                return Err(Refusal::FreezeUnknown.into());
            }
            _ => {}
        }
        Ok(change)
    }

    /// Approves what another person asked for.
    pub async fn approve(&self, actor: &Actor, request: &RequestId) -> Result<Settled, DeskError> {
        let now = self.clock.wall();
        let work = self.store.begin().await?;
        let (request, asker) = work.settle(request).await?.ok_or(Refusal::RequestUnknown)?;
        let subject = match request.change.subject() {
            Some(id) => Some(work.account_of(id).await?.ok_or(Refusal::RequestUnknown)?),
            None => None,
        };
        // Both as they are now, not as they were when they asked.
        let by = work.account_of(&actor.account().id).await?.ok_or(Refusal::SessionOver)?;
        by.stands(&self.policy, now)?;
        let asked_by = work.account_of(&request.by).await?.ok_or(Refusal::RequestUnknown)?;
        if !by.roles.may(Right::Approve, None) || !asked_by.enabled || !asked_by.roles.may(Right::Ask, None) {
            return Err(Refusal::RequestUnknown.into());
        }
        request.may_be_approved(&by, subject.as_ref(), now)?;
        let account = self.carry_out(&work, actor, &request.change, subject, now).await?;
        let half = match (&account, asker) {
            (Some(account), Some(asker)) if request.change.enrols() => {
                let half = letters::<HALF>();
                let (who, life) = match &request.change {
                    Change::Envelope { .. } => (sealed(&account.id), Policy::ENVELOPE),
                    _ => (account.id.to_string(), Policy::ENROLMENT),
                };
                work.put_enrolment(&who, Some(&asker), &hash(&half), now + life).await?;
                Some(half)
            }
            _ => None,
        };
        let event = Event::new("request.approved").outcome("ok").public("change", request.change.name());
        let event = actor.signs(event.public("request", request.id.as_str()));
        let event = event.sealed("asked_by", request.by.as_str());
        let event = account.iter().fold(event, |event, account| event.sealed("account", account.id.as_str()));
        self.record(work, about(event, &request.change)).await?;
        Ok(Settled { change: request.change, account, half })
    }

    /// What is about no account, as rows. False: it is about one.
    async fn is_carried_out(&self, work: &Work<'_>, change: &Change) -> Result<bool, DeskError> {
        match change {
            Change::Publish { paperwork, paper } => work.publish(*paperwork, paper).await?,
            Change::Site { site, settings } => work.approve_site(site, settings).await?,
            Change::Workstation { fingerprint, label, ends } => {
                let (id, fingerprint, label) = (WorkstationId::random(), fingerprint.clone(), label.clone());
                let workstation =
                    Workstation { id, fingerprint, label, ends: *ends, posture: Posture::default(), retired: false };
                if !work.add_workstation(&workstation).await? {
                    return Err(Refusal::WorkstationTaken.into());
                }
            }
            Change::Thaw { freeze } => {
                if !work.lift(freeze).await? {
                    return Err(Refusal::FreezeUnknown.into());
                }
            }
            Change::Masks { site, width, height } => {
                work.confirm_size(site, crate::geometry::Size::new(*width, *height)).await?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// What was approved, as rows.
    async fn carry_out(
        &self,
        work: &Work<'_>,
        actor: &Actor,
        change: &Change,
        subject: Option<Account>,
        now: OffsetDateTime,
    ) -> Result<Option<Account>, DeskError> {
        if self.is_carried_out(work, change).await? {
            return Ok(None);
        }
        let by = actor.account().id.clone();
        let account = match (change, subject) {
            (Change::Join { login, name, roles, file, ends }, _) => {
                let account = Account {
                    id: AccountId::random(),
                    login: login.clone(),
                    name: person(name)?,
                    roles: roles.clone(),
                    vouched: Some(by),
                    enabled: true,
                    enrolled: false,
                    ends: *ends,
                    reviewed: now,
                    seen: now,
                    password_set: now,
                    file: file.clone(),
                    charter: None,
                };
                work.add_account(&account).await?;
                return Ok(Some(account));
            }
            (Change::Envelope { .. }, Some(account)) => return Ok(Some(account)),
            (Change::Move { roles, .. }, Some(account)) => {
                is_not_the_last(&work.accounts().await?, &account, Some(roles))?;
                Account { roles: roles.clone(), vouched: Some(by), reviewed: now, ..account }
            }
            (Change::Reset { .. }, Some(account)) => Account { enrolled: false, vouched: Some(by), ..account },
            (Change::Enable { .. }, Some(account)) => Account { enabled: true, seen: now, reviewed: now, ..account },
            (Change::Prolong { ends, .. }, Some(account)) => Account { ends: *ends, ..account },
            _ => return Err(Refusal::RequestUnknown.into()),
        };
        work.save_account(&account).await?;
        work.end_logins(&account.id).await?;
        work.void_tickets_of(&account.id).await?;
        if matches!(change, Change::Reset { .. }) {
            work.forget_entry(&account.id).await?;
        }
        // What was sealed for other roles, or another password, opens nothing.
        if matches!(change, Change::Reset { .. } | Change::Move { .. }) {
            work.drop_enrolment(&sealed(&account.id)).await?;
        }
        Ok(Some(account))
    }

    /// Turns down what somebody asked for; whoever asked may take it back so.
    pub async fn turn_down(&self, actor: &Actor, request: &RequestId) -> Result<Change, DeskError> {
        let work = self.store.begin().await?;
        let (request, _) = work.settle(request).await?.ok_or(Refusal::RequestUnknown)?;
        let event = Event::new("request.turned_down").outcome("ok").public("change", request.change.name());
        let event = actor.signs(event.public("request", request.id.as_str()));
        self.record(work, event).await?;
        Ok(request.change)
    }

    /// Takes an account's rights away. The node ends its sessions before it calls this.
    pub async fn disable_account(&self, actor: &Actor, login: &str) -> Result<Account, DeskError> {
        self.change_account(actor, login, "account.disabled", |account| {
            account.enabled = false;
            Ok(())
        })
        .await
    }

    /// The account ends then, unless it ends before.
    pub async fn end_account(&self, actor: &Actor, login: &str, ends: OffsetDateTime) -> Result<Account, DeskError> {
        self.change_account(actor, login, "account.end_set", |account| {
            if account.ends.is_some_and(|before| before < ends) {
                return Err(DeskError::Invalid("the account ends before; ask for it to be prolonged".to_owned()));
            }
            account.ends = Some(ends);
            Ok(())
        })
        .await
    }

    async fn change_account(
        &self,
        actor: &Actor,
        login: &str,
        kind: &str,
        change: impl FnOnce(&mut Account) -> Result<(), DeskError>,
    ) -> Result<Account, DeskError> {
        let id = self.account_named(login).await?;
        let work = self.store.begin().await?;
        let mut account = work.account_of(&id).await?.ok_or_else(|| DeskError::NoAccount(login.to_owned()))?;
        is_not_the_last(&work.accounts().await?, &account, None)?;
        change(&mut account)?;
        work.save_account(&account).await?;
        work.end_logins(&account.id).await?;
        work.void_tickets_of(&account.id).await?;
        self.record(work, on(Event::new(kind), actor, &account)).await?;
        Ok(account)
    }

    /// Opens the ways into an account that wrong passwords closed.
    pub async fn unlock_account(&self, actor: &Actor, login: &str) -> Result<Account, DeskError> {
        let account = self.by_login(login).await?;
        if account.id == actor.account().id {
            return Err(Refusal::OwnAccount.into());
        }
        let work = self.store.begin().await?;
        work.unlock(&account.id).await?;
        self.record(work, on(Event::new("account.unlocked"), actor, &account)).await?;
        Ok(account)
    }

    /// Writes down what is on file about a person; what is not given stays.
    pub async fn keep_file(&self, actor: &Actor, login: &str, news: File) -> Result<Account, DeskError> {
        let id = self.account_named(login).await?;
        let work = self.store.begin().await?;
        let mut account = work.account_of(&id).await?.ok_or_else(|| DeskError::NoAccount(login.to_owned()))?;
        if account.id == actor.account().id {
            return Err(Refusal::OwnAccount.into());
        }
        let news = news.checked(self.clock.wall().date())?;
        let File { job, clause, awareness, mail } = std::mem::take(&mut account.file);
        account.file = File {
            job: news.job.or(job),
            clause: news.clause.or(clause),
            awareness: news.awareness.or(awareness),
            mail: news.mail.or(mail),
        };
        work.save_account(&account).await?;
        let event = on(Event::new("account.file_kept"), actor, &account);
        let event = account.file.mail.iter().fold(event, |event, mail| event.sealed("mail", mail.as_str()));
        let clause = account.file.clause.as_ref().map(|clause| clause.sha256.clone());
        self.record(work, clause.into_iter().fold(event, |event, sha256| event.sealed("clause", sha256))).await?;
        Ok(account)
    }

    /// R38: an account stays, or goes. One who administers is judged by an rssi, an rssi by anybody else who may.
    pub async fn review(&self, actor: &Actor, login: &str, keep: bool) -> Result<Account, DeskError> {
        let id = self.account_named(login).await?;
        let work = self.store.begin().await?;
        let account = work.account_of(&id).await?.ok_or_else(|| DeskError::NoAccount(login.to_owned()))?;
        if account.id == actor.account().id {
            return Err(Refusal::OwnAccount.into());
        }
        if account.roles.is_privileged() && !account.roles.has(Role::Rssi) && !actor.account().roles.has(Role::Rssi) {
            return Err(Refusal::NeedsRssi.into());
        }
        if !keep {
            is_not_the_last(&work.accounts().await?, &account, None)?;
        }
        let account = Account { reviewed: self.clock.wall(), enabled: account.enabled && keep, ..account };
        work.save_account(&account).await?;
        if !keep {
            work.end_logins(&account.id).await?;
            work.void_tickets_of(&account.id).await?;
        }
        let event = on(Event::new("account.reviewed"), actor, &account).public("kept", keep);
        self.record(work, event).await?;
        Ok(account)
    }
}

fn is_to_come(ends: Option<OffsetDateTime>, now: OffsetDateTime) -> Result<(), DeskError> {
    match ends {
        Some(ends) if ends <= now => Err(DeskError::Invalid("that end is past; give a later day, or none".to_owned())),
        _ => Ok(()),
    }
}

/// Whoever loses a role that lets others in leaves somebody who has it: else nobody could ever come in again.
fn is_not_the_last(accounts: &[Account], account: &Account, keeps: Option<&Roles>) -> Result<(), Refusal> {
    let works = |other: &&Account| other.id != account.id && other.enabled && other.enrolled && other.ends.is_none();
    let loses = |role| account.roles.has(role) && !keeps.is_some_and(|roles| roles.has(role));
    let last = |role| loses(role) && !accounts.iter().filter(works).any(|other| other.roles.has(role));
    if [Role::Rssi, Role::Admin].into_iter().any(last) { Err(Refusal::LastOne) } else { Ok(()) }
}

/// An entry about an account, by somebody.
fn on(event: Event, actor: &Actor, account: &Account) -> Event {
    let event = event.outcome("ok").sealed("account", account.id.as_str()).sealed("login", account.login.as_str());
    actor.signs(event)
}

/// What a change is about, for the trace.
fn about(event: Event, change: &Change) -> Event {
    match change {
        Change::Join { login, name, roles, .. } => {
            let roles: Vec<&str> = roles.iter().map(Role::name).collect();
            event.public("roles", roles).sealed("login", login.as_str()).sealed("name", name.as_str())
        }
        Change::Move { account, roles } => {
            let roles: Vec<&str> = roles.iter().map(Role::name).collect();
            event.public("roles", roles).sealed("account", account.as_str())
        }
        Change::Reset { account }
        | Change::Enable { account }
        | Change::Envelope { account }
        | Change::Prolong { account, .. } => event.sealed("account", account.as_str()),
        Change::Publish { paperwork, paper } => event
            .public("paperwork", paperwork.name())
            .public("paper_version", paper.version.as_str())
            .public("paper_sha256", paper.sha256.as_str()),
        Change::Workstation { fingerprint, label, .. } => {
            event.sealed("certificate", fingerprint.as_str()).sealed("label", label.as_str())
        }
        Change::Thaw { freeze } => event.public("freeze", freeze.as_str()),
        Change::Site { site, settings } => event.sealed("settings", settings.as_str()).sealed("site", site.as_str()),
        Change::Masks { site, width, height } => event.public("size", format!("{width}×{height}")).sealed("site", site.as_str()),
    }
}
