//! What people see of a node: lists, page by page, and how the plan's clauses stand.

use std::sync::atomic::Ordering;

use time::OffsetDateTime;

use super::Shared;
use super::act::{Listed, Outcome, Planned, Site, Waiting, Watcher};
use crate::desk::Actor;
use crate::governance::compliance::{Facts, commitments};
use crate::governance::{Account, Engagement, Paperwork, Role, State};
use crate::id::{AccountId, EngagementId, SiteName};
use crate::store::{Accounts, Engagements, FourEyes, Sites};

/// What a list holds in one answer; the next one goes on after its last.
pub(super) const PAGE: usize = 200;

impl Shared {
    pub(super) async fn list_requests(&self) -> anyhow::Result<Outcome> {
        let (now, mut requests) = (self.clock.wall(), Vec::new());
        let accounts = self.desk.store().accounts().await?;
        let login =
            |id: &AccountId| accounts.iter().find(|account| account.id == *id).map(|account| account.login.as_str().to_owned());
        for request in self.desk.store().requests().await? {
            if !request.is_over(now) {
                let (asked_by, about) = (login(&request.by), request.change.subject().and_then(login));
                requests.push(Waiting { request, asked_by, about });
            }
        }
        Ok(Outcome::Requests { requests })
    }

    pub(super) async fn list_accounts(&self, after: Option<&str>) -> anyhow::Result<Outcome> {
        let now = self.clock.wall();
        let page = self.desk.store().accounts_after(after, PAGE).await?;
        let next = page.next(|last| last.login.as_str().to_owned());
        let engagements = self.desk.store().engagements().await?;
        let listed = |account: Account| {
            let orphans = orphans(&engagements, &account, now);
            Listed { review_overdue: account.enabled && account.review_overdue(now), orphans, account }
        };
        Ok(Outcome::Accounts { accounts: page.rows.into_iter().map(listed).collect(), next })
    }

    pub(super) async fn list_engagements(&self, actor: &Actor, after: Option<&EngagementId>) -> anyhow::Result<Outcome> {
        let (found, next) = self.desk.engagements(actor, after, PAGE).await?;
        let planned = |(engagement, state): (Engagement, State)| {
            let label = self.sites.get(&engagement.terms.site).map(|site| site.label.clone());
            Planned { engagement, state, label }
        };
        let engagements = found.into_iter().map(planned).collect();
        let procedure = self.desk.store().paper(Paperwork::Procedure).await?;
        Ok(Outcome::Engagements { engagements, procedure, next })
    }

    pub(super) async fn list_papers(&self) -> anyhow::Result<Outcome> {
        let mut papers = Vec::new();
        for paperwork in Paperwork::ALL {
            papers.extend(self.desk.store().paper(paperwork).await?.map(|paper| (paperwork, paper)));
        }
        let (unapproved, settings) = (self.unapproved().await?, self.declared.settings.clone());
        Ok(Outcome::Papers { papers, unapproved, settings })
    }

    /// Sites whose settings as they are now two people have not approved.
    async fn unapproved(&self) -> anyhow::Result<Vec<SiteName>> {
        let mut unapproved = Vec::new();
        for name in self.sites.keys() {
            if self.desk.store().site(name).await?.approved != Some(self.desk.settings_of(name)?) {
                unapproved.push(name.clone());
            }
        }
        unapproved.sort();
        Ok(unapproved)
    }

    /// R13: each clause of the plan, and whether it holds now.
    pub(super) async fn compliance(&self) -> anyhow::Result<Outcome> {
        let (store, now) = (self.desk.store(), self.clock.wall());
        let accounts = store.accounts().await?;
        let unapproved = self.unapproved().await?;
        let engagements = store.engagements().await?;
        let orphans = accounts.iter().flat_map(|account| orphans(&engagements, account, now)).collect();
        let facts = Facts {
            policy: *self.desk.policy(),
            has_charter: store.paper(Paperwork::Charter).await?.is_some(),
            has_runbook: store.paper(Paperwork::Runbook).await?.is_some(),
            has_procedure: store.paper(Paperwork::Procedure).await?.is_some(),
            viewers_in_networks: self.declared.viewers_in_networks,
            auditors_on_premises: self.desk.premises().of(Role::Auditor).is_some_and(|networks| !networks.are_anywhere()),
            mail_is_set: self.declared.mail_is_set,
            revocations_are_read: self.declared.revocations_are_read && !self.lists_unreadable.load(Ordering::SeqCst),
            trace_is_writing: self.log.health().borrow().is_writing(),
            accounts,
            unapproved,
            orphans,
            now,
        };
        Ok(Outcome::Compliance { clauses: commitments(&facts) })
    }

    pub(super) fn list_sites(&self, actor: &Actor) -> Outcome {
        let now = self.clock.now();
        // Auditors are told how many look, not who: of those who look with them the window tells the names.
        let names = actor.account().roles.iter().any(|role| role != Role::Auditor);
        let own = |name: &&SiteName| actor.account().roles.site().is_none_or(|site| site == *name);
        let mut sites: Vec<Site> = self
            .sites
            .iter()
            .filter(|(name, _)| own(name))
            .map(|(name, handle)| {
                let (look, state) = (handle.reader.look(), handle.state.borrow().clone());
                let sessions = self.sessions();
                let watched = sessions.values().filter(|running| running.site == *name);
                let watched_by: Vec<Watcher> =
                    watched.map(|running| Watcher { name: running.name.clone(), capture: running.capture }).collect();
                Site {
                    name: name.to_string(),
                    label: handle.label.clone(),
                    standing: state.standing,
                    size: look.size.is_showable().then(|| look.size.to_string()),
                    picture_age_ms: look.proved.map(|at| now.saturating_duration_since(at).as_millis() as u64),
                    viewers: watched_by.len(),
                    watched_by: if names { watched_by } else { Vec::new() },
                    trouble: state.trouble,
                }
            })
            .collect();
        sites.sort_by(|a, b| a.name.cmp(&b.name));
        Outcome::Sites { sites }
    }
}

/// R23: engagements that somebody owns who can no longer answer for them.
fn orphans(engagements: &[Engagement], account: &Account, now: OffsetDateTime) -> Vec<EngagementId> {
    let left = !account.enabled || account.ends.is_some_and(|ends| ends <= now);
    let own = engagements.iter().filter(|e| left && e.ended.is_none() && e.owner == account.id);
    own.map(|e| e.id.clone()).collect()
}
