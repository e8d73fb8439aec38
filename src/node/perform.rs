//! How orders are carried out: who orders, whether the role allows it, then the act. What takes rights away acts before
//! it is recorded, what gives them after.

use std::net::{IpAddr, SocketAddr};

use time::format_description::well_known::Rfc3339;

use super::act::{Act, Order, Outcome};
use super::{Boxed, Shared};
use crate::desk::{Actor, DeskError, Knock, Newcomer};
use crate::governance::{Refusal, Secret, Whence, Workplace};
use crate::id::SiteName;
use crate::store::StoreError;
use crate::tls::Card;
use crate::viewer::{Ending, Gate, whose};
use crate::web::{self, Orders};

pub(super) fn done(message: impl Into<String>) -> Outcome {
    Outcome::Done { message: message.into() }
}

pub(super) fn shown(secret: Option<&Secret>) -> Option<&str> {
    secret.map(Secret::as_str)
}

impl Shared {
    /// Does what was ordered. Every verdict against it is traced; ways in write down their own.
    pub fn perform(&self, order: Order) -> Boxed<'_, Outcome> {
        Box::pin(self.perform_from(order, None))
    }

    /// The same, ordered from an address; `None`: on the node's own machine.
    pub(super) async fn perform_from(&self, order: Order, from: Option<web::Origin>) -> Outcome {
        let (name, way_in) = (order.act.name(), order.act.right().is_none());
        let card = from.as_ref().and_then(|from| from.card.clone());
        let from = from.map(|from| from.address);
        let known = from.is_some_and(|from| self.is_known(from.ip()));
        if let (true, Some(from)) = (way_in, from)
            && let Err(cause) = self.may_try(from.ip(), known)
        {
            Orders::limited(self, from, cause);
            return Refusal::Busy.into();
        }
        let (actor, outcome) = match self.whence(from, card.as_deref()).await {
            Ok(whence) => self.perform_at(order, &whence).await,
            Err(error) => (None, Err(error.into())),
        };
        if actor.is_some() || outcome.is_ok() {
            self.changed.notify_one();
        }
        if let Some(actor) = &actor {
            self.desk.was_used(actor).await;
        }
        match outcome {
            Ok(outcome) => {
                if let (true, Some(from)) = (way_in, from) {
                    self.quota().give_back(whose(from.ip()), known);
                }
                outcome
            }
            Err(error) => {
                if let Some(DeskError::Refused(refusal)) = error.downcast_ref() {
                    self.write_down(*refusal, name, way_in, actor.as_ref(), from).await;
                    return (*refusal).into();
                }
                let of_the_node = error.downcast_ref().is_some_and(DeskError::is_of_the_node) || error.is::<StoreError>();
                let message = format!("{error:#}");
                if of_the_node { Outcome::Failed { message } } else { Outcome::NotDone { message } }
            }
        }
    }

    async fn perform_at(&self, order: Order, whence: &Whence) -> (Option<Actor>, anyhow::Result<Outcome>) {
        match self.actor(&order, whence).await {
            Ok(actor) => {
                let outcome = self.carry_out(actor.as_ref(), order.act, whence).await;
                (actor, outcome)
            }
            Err((actor, error)) => (actor, Err(error)),
        }
    }

    /// Where somebody is who orders. A certificate is judged each time: it may be revoked since it was shown.
    async fn whence(&self, from: Option<SocketAddr>, card: Option<&Card>) -> Result<Whence, DeskError> {
        let Some(from) = from else { return Ok(Whence::Here) };
        let workplace = match card {
            Some(card) if !self.trusts(card) => Workplace::Distrusted,
            card => self.desk.ordering_from(card.map(|card| card.fingerprint)).await?,
        };
        Ok(Whence::There { address: from.ip(), workplace })
    }

    /// Whether somebody may try to come in, by what the address has tried before.
    fn may_try(&self, from: IpAddr, known: bool) -> Result<(), &'static str> {
        self.ways_in.check(from, known)?;
        let free = self.quota().take(whose(from), known, self.clock.now());
        if free { Ok(()) } else { Err("stranger_quota") }
    }

    /// A verdict against an order, in the trace: what nobody in particular ordered from elsewhere is counted, not told one
    /// by one.
    async fn write_down(&self, refusal: Refusal, name: &str, way_in: bool, actor: Option<&Actor>, from: Option<SocketAddr>) {
        let counted = if way_in { refusal.is_a_limit() } else { actor.is_none() };
        match from {
            Some(from) if counted => Orders::limited(self, from, refusal.code()),
            // Ways in have written it down, unless a limit kept them out.
            _ if way_in && !counted => {}
            _ => self.desk.note_refusal(actor, name, refusal).await,
        }
    }

    /// Who orders, if the act is not a way in; and whether that person's role allows it, at the site that it is about.
    async fn actor(&self, order: &Order, whence: &Whence) -> Result<Option<Actor>, (Option<Actor>, anyhow::Error)> {
        let Some(right) = order.act.right() else { return Ok(None) };
        let token = order.token.as_ref().ok_or_else(|| (None, DeskError::Refused(Refusal::SessionOver).into()))?;
        let actor = self.desk.actor(token.as_str()).await.map_err(|error| (None, error.into()))?;
        let site = match (&order.act, order.act.engagement()) {
            (Act::Pause { site } | Act::Stop { site }, _) => Some(site.clone()),
            (_, Some(engagement)) => match self.desk.site_of(engagement).await {
                Ok(site) => Some(site),
                Err(error) => return Err((Some(actor), error.into())),
            },
            _ => None,
        };
        // What takes away is kept from nobody, and so is leaving.
        let from_anywhere = (right.takes_away() && !actor.is_lent()) || matches!(order.act, Act::Logout);
        let (premises, roles, now) = (self.desk.premises(), &actor.account().roles, self.clock.wall());
        let on_premises = || if from_anywhere { Ok(()) } else { premises.admit(roles, whence, now) };
        match actor.may(right, site.as_ref()).and_then(|()| on_premises()) {
            Ok(()) => Ok(Some(actor)),
            Err(refusal) => Err((Some(actor), DeskError::Refused(refusal).into())),
        }
    }

    async fn carry_out(&self, actor: Option<&Actor>, act: Act, from: &Whence) -> anyhow::Result<Outcome> {
        match actor {
            None => self.enter(act, from).await,
            Some(actor) => match act {
                Act::Logout | Act::WhoAmI | Act::Acknowledge { .. } => self.of_oneself(actor, act).await,
                Act::IssueToken { .. } | Act::ListTokens { .. } | Act::EndToken { .. } => self.about_tokens(actor, act).await,
                Act::Approve { .. } | Act::TurnDown { .. } | Act::ListRequests => self.settle(actor, act).await,
                Act::DisableAccount { .. }
                | Act::EndAccount { .. }
                | Act::UnlockAccount { .. }
                | Act::KeepFile { .. }
                | Act::Review { .. }
                | Act::ListAccounts { .. } => self.about_people(actor, act).await,
                Act::Plan { .. }
                | Act::PlanAgain { .. }
                | Act::Assign { .. }
                | Act::Unassign { .. }
                | Act::GiveTo { .. }
                | Act::Notice { .. }
                | Act::Close { .. }
                | Act::Cancel { .. }
                | Act::ListEngagements { .. }
                | Act::Checklist { .. } => self.about_engagements(actor, act).await,
                Act::Accept { .. } | Act::Revoke { .. } | Act::DeclareOperator { .. } | Act::RealData { .. } => {
                    self.consent(actor, act).await
                }
                Act::KeepPosture { .. } | Act::RetireWorkstation { .. } | Act::ListWorkstations { .. } => {
                    self.about_workstations(actor, act).await
                }
                Act::Report { .. }
                | Act::NoteIncident { .. }
                | Act::LinkIncident { .. }
                | Act::TellAuthority { .. }
                | Act::NoDutyToTell { .. }
                | Act::ListIncidents { .. } => self.about_incidents(actor, act).await,
                Act::TestAlert { .. } | Act::ListAlerts => self.about_alerts(actor, act).await,
                Act::Freeze { .. } | Act::ListFreezes => self.about_freezes(actor, act).await,
                Act::Compliance => self.compliance().await,
                Act::ListPapers => self.list_papers().await,
                Act::Show { .. } | Act::Pause { .. } | Act::Stop { .. } | Act::ListSites | Act::Reload => {
                    self.about_sites(actor, act).await
                }
                Act::IssueTicket { engagement, acknowledged, short, certificate } => {
                    let ticket = self.desk.issue_ticket(actor, &engagement, acknowledged, short, certificate).await?;
                    Ok(Outcome::Ticket {
                        login: actor.account().login.as_str().to_owned(),
                        secret: ticket.secret.to_string(),
                        short: ticket.short.as_ref().map(|short| short.to_string()),
                        expires: ticket.expires.replace_nanosecond(0)?.format(&Rfc3339)?,
                        password_days: ticket.password_days,
                    })
                }
                act => self.ask(actor, act).await,
            },
        }
    }

    /// The ways in.
    async fn enter(&self, act: Act, from: &Whence) -> anyhow::Result<Outcome> {
        match act {
            Act::Enrol { login, name, code, password } => {
                let (name, code, password) = (name.as_deref(), code.as_str(), password.as_str());
                let enrolled = self.desk.enrol(&Newcomer { login: &login, name, code, password, from }).await?;
                // By a sealed code: whoever looked by what the account had before is out.
                let id = &enrolled.account.id;
                self.end_sessions(Ending::Refused(Refusal::SessionOver), |running| running.account == *id);
                let (login, secret) = (enrolled.account.login.as_str().to_owned(), enrolled.secret.to_string());
                let url = format!("otpauth://totp/Lucarne:{login}?secret={secret}&issuer=Lucarne");
                let recovery = enrolled.recovery.iter().map(|code| code.to_string()).collect();
                Ok(Outcome::Enrolled { login, secret, url, recovery })
            }
            Act::Login { login, password, code, device } => {
                let (code, device) = (shown(code.as_ref()), shown(device.as_ref()));
                let knock = Knock { login: &login, password: password.as_str(), code, device, from };
                let welcome = self.desk.login(&knock).await?;
                Ok(Outcome::Welcome {
                    token: welcome.token.as_str().into(),
                    device: welcome.device.as_str().into(),
                    name: welcome.account.name,
                    roles: welcome.account.roles,
                    password_days: welcome.password_days,
                    owes_charter: welcome.owes_charter,
                })
            }
            Act::ChangePassword { login, old, code, device, new } => {
                let (code, device) = (shown(code.as_ref()), shown(device.as_ref()));
                let knock = Knock { login: &login, password: old.as_str(), code, device, from };
                let account = self.desk.change_password(&knock, new.as_str()).await?;
                self.end_sessions(Ending::Refused(Refusal::SessionOver), |running| running.account == account.id);
                Ok(done(format!("the password of {login} was changed; log in again")))
            }
            _ => Err(DeskError::from(Refusal::SessionOver).into()),
        }
    }

    async fn of_oneself(&self, actor: &Actor, act: Act) -> anyhow::Result<Outcome> {
        Ok(match act {
            Act::Logout => self.desk.logout(actor).await.map(|()| done("logged out"))?,
            Act::Acknowledge { sha256 } => {
                let paper = self.desk.acknowledge(actor, &sha256).await?;
                done(format!("the charter {} is acknowledged", paper.version))
            }
            _ => Outcome::Person {
                account: Box::new(actor.account().clone()),
                password_days: self.desk.password_days(actor.account()),
                owes_charter: actor.owes_charter(),
            },
        })
    }

    pub(super) fn site(&self, name: &SiteName) -> anyhow::Result<&super::SiteHandle> {
        self.sites.get(name).ok_or_else(|| DeskError::from(Refusal::SiteUnknown).into())
    }
}
