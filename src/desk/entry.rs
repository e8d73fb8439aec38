//! How people come in: a code once, then password and second factor, in exchange for a token that the store knows by its
//! hash. Guessing is slowed down by account and device, and a right password is worth nothing while it is.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use time::OffsetDateTime;
use zeroize::Zeroizing;

use super::factor::{RECOVERY_CODES, RECOVERY_LETTERS};
use super::genesis::FIRST;
use super::people::sealed;
use super::{Actor, Desk, DeskError, hash, letters};
use crate::governance::account::File;
use crate::governance::lockout::{Failures, Way};
use crate::governance::password::{Age, HISTORY};
use crate::governance::policy::turns;
use crate::governance::{Account, Login, Occasion, Paperwork, Refusal, Right, Role, Roles, Whence};
use crate::id::{AccountId, random};
use crate::store::{Accounts, FourEyes, Work};
use crate::trace::Event;

/// Letters of half a code; people write the two with a hyphen, a space or nothing between.
pub(super) const HALF: usize = 13;
/// Logins that nobody has and that were tried: as many are remembered, so that they look like those that are.
const STRANGERS: usize = 1024;

/// What somebody who wants in shows.
pub struct Knock<'a> {
    pub login: &'a str,
    pub password: &'a str,
    /// Six digits, or a recovery code.
    pub code: Option<&'a str>,
    /// What this device was given when somebody logged in from it before.
    pub device: Option<&'a str>,
    pub from: &'a Whence,
}

/// Somebody who opens an account by its one-time code.
#[derive(Clone, Copy)]
pub struct Newcomer<'a> {
    pub login: &'a str,
    /// At genesis alone: the account has none yet.
    pub name: Option<&'a str>,
    pub code: &'a str,
    pub password: &'a str,
    pub from: &'a Whence,
}

/// Somebody is in.
pub struct Welcome {
    pub account: Account,
    pub token: Zeroizing<String>,
    pub device: Zeroizing<String>,
    /// Days until the password must be changed, if these are few.
    pub password_days: Option<i64>,
    /// The charter must be acknowledged first.
    pub owes_charter: bool,
}

/// Somebody has set a password, and takes this to a device of their own. It is not told again.
pub struct Enrolled {
    pub account: Account,
    /// The second factor's secret, in base 32.
    pub secret: Zeroizing<String>,
    pub recovery: Vec<Zeroizing<String>>,
}

/// Failures of logins that do not exist, oldest first. Guarded by its own lock; bounded; gone with the process.
#[derive(Default)]
pub(super) struct Strangers(Mutex<VecDeque<(Vec<u8>, Failures)>>);

impl Strangers {
    fn failed(&self, login: &str, now: OffsetDateTime) -> Option<Failures> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let name = hash(login);
        let place = known.iter().position(|(other, _)| *other == name);
        let before = place.and_then(|place| known.remove(place)).map(|(_, failures)| failures);
        if known.len() >= STRANGERS {
            known.pop_front();
        }
        let closed = before.is_some_and(|failures| failures.way(false, now) != Way::Open);
        known.push_back((name, if closed { before? } else { Failures::one_more(before, now) }));
        before
    }
}

impl Desk {
    /// Lets somebody in who knows the password and has the second factor.
    pub async fn login(&self, knock: &Knock<'_>) -> Result<Welcome, DeskError> {
        let entered = self.try_login(knock).await;
        if let Err(DeskError::Refused(refusal)) = &entered {
            self.failed("password", knock.login, *refusal).await?;
        }
        entered
    }

    /// Writes down that somebody was not let in; what a limit kept out is counted and folded by who ordered it.
    pub(super) async fn failed(&self, method: &str, login: &str, refusal: Refusal) -> Result<(), DeskError> {
        if refusal.is_a_limit() {
            return Ok(());
        }
        let event = Event::new("auth.failed").outcome("refused").cause(refusal.code()).public("method", method);
        self.log.append(event.sealed("login", login.chars().take(64).collect::<String>())).await?;
        Ok(())
    }

    async fn try_login(&self, knock: &Knock<'_>) -> Result<Welcome, DeskError> {
        let now = self.clock.wall();
        let (account, bucket) = self.prove(knock, now).await?;
        if account.is_asleep(&self.policy, now) {
            return Err(Refusal::AccountAsleep.into());
        }
        account.stands(&self.policy, now)?;
        let work = self.store.begin().await?;
        self.show_factor(&work, &account, knock.code).await?;
        // Only now: it tells that all else was right. Who may take rights away comes in from anywhere, as each order is
        // asked again.
        if !account.roles.may(Right::TakeAway, None) {
            self.premises.admit(&account.roles, knock.from, now)?;
        }
        let (token, device) = (letters::<26>(), knock.device.filter(|_| !bucket.is_empty()));
        let device = device.map_or_else(letters::<26>, |device| Zeroizing::new(device.to_owned()));
        // What the rules look at may have changed while the password was hashed.
        let current = work.account_of(&account.id).await?.ok_or(Refusal::LoginWrong)?;
        current.stands(&self.policy, now)?;
        let account = Account { seen: now, ..current };
        work.save_account(&account).await?;
        work.forget_failures(&account.id, &bucket).await?;
        work.know_device(&hash(&device), &account.id, now).await?;
        work.add_login(&hash(&token), &account.id, now).await?;
        let charter = work.paper(Paperwork::Charter).await?;
        let event = Event::new("auth.succeeded").outcome("ok").public("method", "password");
        let event = event.public("second_factor", knock.code.is_some()).public("known_device", !bucket.is_empty());
        let event = knock.from.workstation().into_iter().fold(event, |event, id| event.sealed("workstation", id.as_str()));
        self.record(work, event.sealed("account", account.id.as_str()).sealed("login", account.login.as_str())).await?;
        let password_days = self.password_days(&account);
        let owes_charter = account.roles.has(Role::Auditor) && charter.is_some() && charter != account.charter;
        Ok(Welcome { account, token, device, password_days, owes_charter })
    }

    /// Whose password this is, and the way that it came by. An attempt is counted before it is looked at, so that many at
    /// once are no way around the count; the right one, when all else holds, is taken back.
    pub(super) async fn prove(&self, knock: &Knock<'_>, now: OffsetDateTime) -> Result<(Account, Vec<u8>), DeskError> {
        let place = self.hasher.place().await?;
        let account = match Login::try_from(knock.login.to_owned()) {
            Ok(login) => self.store.account(&login).await?,
            Err(_) => None,
        };
        let bucket = match (&account, knock.device) {
            (Some(account), Some(device)) if self.store.is_device_of(&hash(device), &account.id, now).await? => hash(device),
            _ => Vec::new(),
        };
        let (before, privileged) = match &account {
            Some(account) => (self.store.failures(&account.id, &bucket).await?, account.roles.is_privileged()),
            None => (self.strangers.failed(knock.login, now), false),
        };
        if let Way::Wait(_) = before.map_or(Way::Open, |failures| failures.way(privileged, now)) {
            return Err(Refusal::LoginWait.into());
        }
        let known = match &account {
            Some(account) => {
                self.store.count_failure(&account.id, &bucket, now).await?;
                self.store.credentials(&account.id).await?.map(|c| c.password).filter(|hash| !hash.is_empty())
            }
            None => None,
        };
        let right = self.hasher.is_of(place, knock.password, known.as_ref()).await?;
        match account {
            // A lock takes the right password too: nothing tells a guesser that it was.
            Some(account) if right && known.is_some() => Ok((account, bucket)),
            _ => Err(Refusal::LoginWrong.into()),
        }
    }

    /// Uses up the second factor, where one is needed or shown. What is wrong is not told apart from a wrong password.
    pub(super) async fn show_factor(&self, work: &Work<'_>, account: &Account, code: Option<&str>) -> Result<(), DeskError> {
        match code {
            Some(code) => match self.use_factor(work, account, code).await {
                Err(DeskError::Refused(Refusal::SecondFactorWrong)) => Err(Refusal::LoginWrong.into()),
                other => other,
            },
            None if self.needs_factor(account) => Err(Refusal::LoginWrong.into()),
            None => Ok(()),
        }
    }

    /// Days until the password must be changed, if these are few.
    pub fn password_days(&self, account: &Account) -> Option<i64> {
        match self.policy.passwords.age(account.password_set, self.clock.wall()) {
            Age::Ending(days) => Some(days),
            Age::Good | Age::Expired => None,
        }
    }

    /// The end of a login.
    pub async fn logout(&self, actor: &Actor) -> Result<(), DeskError> {
        let work = self.store.begin().await?;
        work.end_login(actor.login()).await?;
        let event = Event::new("auth.logout").outcome("ok").sealed("account", actor.account().id.as_str());
        self.record(work, event).await?;
        Ok(())
    }

    /// Nobody was there for too long (R39): whoever comes back logs in again.
    pub async fn lock(&self, account: &AccountId) -> Result<(), DeskError> {
        let work = self.store.begin().await?;
        work.end_logins(account).await?;
        let event = Event::new("auth.logout").outcome("ok").cause("locked").sealed("account", account.as_str());
        self.record(work, event).await?;
        Ok(())
    }

    /// Sets the first password, or that after a reset, in exchange for a code; and gives a second factor. At genesis the
    /// code makes the account: `name` is then the person's.
    pub async fn enrol(&self, newcomer: &Newcomer<'_>) -> Result<Enrolled, DeskError> {
        let enrolled = self.try_enrol(newcomer).await;
        if let Err(DeskError::Refused(refusal)) = &enrolled {
            self.failed("code", newcomer.login, *refusal).await?;
        }
        enrolled
    }

    async fn try_enrol(&self, newcomer: &Newcomer<'_>) -> Result<Enrolled, DeskError> {
        let Newcomer { login, name, code, password, from } = *newcomer;
        let login = Login::try_from(login.to_owned()).map_err(DeskError::Invalid)?;
        let account = self.enrolling(&login, name, code).await?;
        self.premises.admit(&account.roles, from, self.clock.wall())?;
        self.policy.passwords.check(password, &account.login, &account.name).map_err(DeskError::Invalid)?;
        let former = self.store.passwords(&account.id, HISTORY - 1).await?;
        self.is_none_of(password, &former).await?;
        let password = self.hasher.hash(self.hasher.place().await?, password).await?;
        let (factor, now) = (random::<20>(), self.clock.wall());
        let recovery: Vec<_> = (0..RECOVERY_CODES).map(|_| letters::<RECOVERY_LETTERS>()).collect();
        let work = self.store.begin().await?;
        if !self.take_code(&work, &account, code).await? {
            return Err(Refusal::CodeWrong.into());
        }
        let stored = work.account_of(&account.id).await?;
        let (is_new, was_sealed) = (stored.is_none(), stored.as_ref().is_some_and(|account| account.enrolled));
        let account = Account { enrolled: true, password_set: now, seen: now, ..stored.unwrap_or(account) };
        if is_new {
            work.add_account(&account).await?;
        } else {
            work.save_account(&account).await?;
        }
        let current = former.first().map_or("", String::as_str);
        if !work.set_password(&account.id, current, &password, now, HISTORY - 1).await? {
            return Err(Refusal::CodeWrong.into());
        }
        let hashes: Vec<Vec<u8>> = recovery.iter().map(|code| hash(code)).collect();
        work.set_factor(&account.id, &factor, &hashes).await?;
        work.forget_entry(&account.id).await?;
        work.unlock(&account.id).await?;
        let sealed = |event: Event| event.sealed("account", account.id.as_str()).sealed("login", account.login.as_str());
        if was_sealed {
            // Whoever was in by what the account had before is out.
            work.end_logins(&account.id).await?;
            work.void_tickets_of(&account.id).await?;
            let event = sealed(Event::new("account.envelope_opened").outcome("ok"));
            let (_, event) = self.tell(&work, None, &Occasion::Envelope, event).await?;
            self.record_told(work, event).await?;
        } else {
            let event = Event::new("account.enrolled").outcome("ok").public("genesis", account.vouched.is_none());
            self.record(work, sealed(event)).await?;
        }
        let secret = Zeroizing::new(self.totp(&account, &factor)?.secret().to_base32());
        Ok(Enrolled { account, secret, recovery })
    }

    /// The account that a code opens: one that waits for its owner, or at genesis a new one. The code is not used up yet.
    async fn enrolling(&self, login: &Login, name: Option<&str>, code: &str) -> Result<Account, DeskError> {
        let now = self.clock.wall();
        let work = self.store.begin().await?;
        let account = match work.account(login).await? {
            Some(account) => account,
            None => {
                let mut role = None;
                for first in FIRST {
                    if work.take_enrolment(first.name(), None, &hash(code), now).await? {
                        role = Some(first);
                    }
                }
                let role = role.ok_or(Refusal::CodeWrong)?;
                let name = person(name.unwrap_or_default())?;
                return Ok(Account {
                    id: AccountId::random(),
                    login: login.clone(),
                    name,
                    roles: Roles::new([role], None)?,
                    vouched: None,
                    enabled: true,
                    enrolled: false,
                    ends: None,
                    reviewed: now,
                    seen: now,
                    password_set: now,
                    file: File::default(),
                    charter: None,
                });
            }
        };
        // An account that works opens by a sealed code alone, and never one that somebody has closed.
        if (account.enrolled && !account.is_of_use(now)) || !self.take_code(&work, &account, code).await? {
            // Whether the login exists is not told.
            return Err(Refusal::CodeWrong.into());
        }
        // Dropped without a commit: the code is there still.
        Ok(account)
    }

    /// The requester's half and the approver's, in either order, or the one code of genesis.
    async fn take_code(&self, work: &Work<'_>, account: &Account, code: &str) -> Result<bool, DeskError> {
        let now = self.clock.wall();
        if account.vouched.is_none() && work.account_of(&account.id).await?.is_none() {
            let role = account.roles.iter().next().map_or("", Role::name);
            return Ok(work.take_enrolment(role, None, &hash(code), now).await?);
        }
        let letters: String = code.chars().filter(char::is_ascii_alphanumeric).collect();
        let Some((one, other)) = letters.split_at_checked(HALF) else { return Ok(false) };
        let who = if account.enrolled { sealed(&account.id) } else { account.id.to_string() };
        let (who, one, other) = (who.as_str(), hash(one), hash(other));
        Ok(work.take_enrolment(who, Some(&one), &other, now).await? || work.take_enrolment(who, Some(&other), &one, now).await?)
    }
}

/// A person's name.
pub(super) fn person(name: &str) -> Result<String, DeskError> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > 60 || name.chars().any(|c| c.is_control() || turns(c)) {
        return Err(DeskError::Invalid("a person's name has 1 to 60 characters; the watermark shows it".to_owned()));
    }
    Ok(name.to_owned())
}
