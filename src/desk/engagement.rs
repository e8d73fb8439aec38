//! Engagements: planned on one side, accepted on the other.

use std::collections::BTreeSet;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::{Actor, Desk, DeskError, letters};
use crate::governance::engagement::{Notice, RealData};
use crate::governance::policy::short_text;
use crate::governance::{
    Capture, Check, Engagement, Looking, Matter, Paperwork, Refusal, Role, SiteFacts, State, Terms, first_refusal,
};
use crate::id::{AccountId, EngagementId, SiteName};
use crate::store::{Accounts, Engagements, FourEyes, Freezes, Reads, Sites};
use crate::trace::Event;

/// A letter to be posted: the code is in it and nowhere else.
pub struct Letter {
    pub reference: String,
    pub code: Zeroizing<String>,
    pub terms: Terms,
}

/// What the audited side says.
#[derive(Debug, Clone, Copy)]
pub struct Consent<'a> {
    /// Of the letter, for an audit.
    pub letter: Option<&'a str>,
    /// "Demonstration system, no health data", for a visit.
    pub declares: bool,
    /// The second factor, shown again.
    pub code: &'a str,
}

/// Who looks, in which engagement, and with which workstation's certificate (SHA-256), if it showed one.
pub type Watch = (AccountId, EngagementId, Option<[u8; 32]>);

impl Desk {
    /// An engagement with all that it is judged by.
    pub(super) async fn matter(&self, reads: &impl Reads, id: &EngagementId) -> Result<Matter, DeskError> {
        let engagement = reads.engagement(id).await?.ok_or(Refusal::EngagementUnknown)?;
        let site = match self.sites.get(&engagement.terms.site) {
            Some(settings) => {
                let row = reads.site(&engagement.terms.site).await?;
                let approved = row.approved.as_ref() == Some(&(settings.digest)());
                let (kind, capture) = (settings.kind, settings.capture);
                Some(SiteFacts { kind, capture, approved, standing: row.standing, engagement: row.engagement })
            }
            None => None,
        };
        let acceptor = match &engagement.acceptance {
            Some(acceptance) => reads.account_of(&acceptance.by).await?,
            None => None,
        };
        let procedure = reads.paper(Paperwork::Procedure).await?;
        let freezes = reads.freezes().await?;
        let frozen = freezes.iter().any(|freeze| freeze.scope.covers(&engagement.terms.site, Some(&engagement.id)));
        Ok(Matter { engagement, site, procedure, acceptor, frozen })
    }

    /// The site that an engagement is on.
    pub async fn site_of(&self, id: &EngagementId) -> Result<SiteName, DeskError> {
        Ok(self.store.engagement(id).await?.ok_or(Refusal::EngagementUnknown)?.terms.site)
    }

    /// The capture class that viewers of an engagement need.
    pub fn capture_of(&self, terms: &Terms) -> Option<Capture> {
        terms.demands(self.sites.get(&terms.site).and_then(|site| site.capture))
    }

    pub(super) async fn looking(&self, reads: &impl Reads, account: &AccountId, id: &EngagementId) -> Result<Looking, DeskError> {
        let account = reads.account_of(account).await?.ok_or(Refusal::AccountDisabled)?;
        let matter = self.matter(reads, id).await?;
        let charter = reads.paper(Paperwork::Charter).await?;
        Ok(Looking { account, matter, policy: self.policy, charter, premises: Arc::clone(&self.premises), workplace: None })
    }

    /// The same, for somebody who has come, with the workstation's certificate (SHA-256) if it showed one.
    pub(super) async fn looking_from(
        &self,
        reads: &impl Reads,
        (account, engagement, certificate): &Watch,
    ) -> Result<Looking, DeskError> {
        let looking = self.looking(reads, account, engagement).await?;
        Ok(Looking { workplace: Some(self.workplace(reads, *certificate).await?), ..looking })
    }

    /// Whether somebody who looks may look on.
    pub async fn may_look_on(&self, watch: &Watch) -> Result<Result<(), Refusal>, DeskError> {
        let looking = match self.looking_from(&self.store, watch).await {
            Err(DeskError::Refused(refusal)) => return Ok(Err(refusal)),
            other => other?,
        };
        Ok(first_refusal(&looking.checklist(self.clock.wall())))
    }

    /// Whether a site that is shown for an engagement may be shown on.
    pub async fn may_show_on(&self, id: &EngagementId) -> Result<Result<(), Refusal>, DeskError> {
        let matter = match self.matter(&self.store, id).await {
            Err(DeskError::Refused(refusal)) => return Ok(Err(refusal)),
            other => other?,
        };
        Ok(first_refusal(&matter.checks(&self.policy, self.clock.wall())))
    }

    /// What the rules look at, to be asked again and again.
    pub async fn look_again(&self, watch: &Watch) -> Result<Looking, DeskError> {
        self.looking_from(&self.store, watch).await
    }

    /// An engagement as it stands.
    pub async fn engagement(&self, id: &EngagementId) -> Result<Engagement, DeskError> {
        Ok(self.store.engagement(id).await?.ok_or(Refusal::EngagementUnknown)?)
    }

    /// Every rule with its result, for an auditor who would look.
    pub async fn checklist(&self, account: &AccountId, id: &EngagementId) -> Result<(State, Vec<Check>), DeskError> {
        let looking = self.looking(&self.store, account, id).await?;
        Ok((looking.matter.state(), looking.checklist(self.clock.wall())))
    }

    /// Those among the next engagements that concern this person, each with its state, newest first; and after which one
    /// there are more.
    pub async fn engagements(
        &self,
        actor: &Actor,
        after: Option<&EngagementId>,
        limit: usize,
    ) -> Result<(Vec<(Engagement, State)>, Option<EngagementId>), DeskError> {
        let (account, mut found) = (actor.account(), Vec::new());
        let page = self.store.engagements_after(after, limit).await?;
        let next = page.next(|last| last.id.clone());
        let concerns = |engagement: &Engagement| {
            account.roles.iter().any(|role| match role {
                Role::Auditor => engagement.auditors.contains(&account.id),
                Role::Contact => account.roles.is_contact_of(&engagement.terms.site),
                Role::Physician => false,
                Role::Admin | Role::Rssi | Role::Dpo | Role::Crisis | Role::Reviewer => true,
            })
        };
        for engagement in page.rows.into_iter().filter(concerns) {
            let mut matter = self.matter(&self.store, &engagement.id).await?;
            let state = matter.state();
            if let Some(notice) = &mut matter.engagement.notice {
                notice.code.clear();
            }
            found.push((matter.engagement, state));
        }
        Ok((found, next))
    }

    /// Plans an operation: its kind and its site are fixed for good (R01).
    pub async fn plan(&self, actor: &Actor, terms: Terms) -> Result<EngagementId, DeskError> {
        let terms = self.checked_terms(terms).await?;
        self.settings_of(&terms.site)?;
        let engagement = Engagement {
            id: EngagementId::random(),
            terms,
            owner: actor.account().id.clone(),
            planned_by: actor.account().id.clone(),
            auditors: BTreeSet::new(),
            notice: None,
            acceptance: None,
            operator: None,
            real_data: Vec::new(),
            ended: None,
        };
        let work = self.store.begin().await?;
        work.add_engagement(&engagement).await?;
        self.record(work, actor.signs(event("engagement.created", &engagement))).await?;
        Ok(engagement.id)
    }

    /// Terms that can be, by the procedure that is in force.
    async fn checked_terms(&self, terms: Terms) -> Result<Terms, DeskError> {
        let terms = terms.checked(self.clock.wall())?;
        if self.store.paper(Paperwork::Procedure).await?.as_ref() != Some(&terms.procedure) {
            return Err(Refusal::ProcedureChanged.into());
        }
        Ok(terms)
    }

    /// Other terms: what was told and accepted no longer fits them. Whoever changes them has planned them.
    pub async fn plan_again(&self, actor: &Actor, id: &EngagementId, terms: Terms) -> Result<(), DeskError> {
        let terms = self.checked_terms(terms).await?;
        self.change(actor, id, "engagement.changed", |engagement| {
            engagement.is_open()?;
            if terms.operation != engagement.terms.operation || terms.site != engagement.terms.site {
                return Err(Refusal::OperationFixed.into());
            }
            engagement.terms = terms;
            engagement.planned_by = actor.account().id.clone();
            Ok(None)
        })
        .await
    }

    /// Auditors come and go, and an owner follows another (R23, R24).
    pub async fn assign(&self, actor: &Actor, id: &EngagementId, login: &str, assigned: bool) -> Result<(), DeskError> {
        let account = self.by_login(login).await?;
        if assigned && !account.roles.has(Role::Auditor) {
            return Err(Refusal::NotAuditor.into());
        }
        if assigned && account.file.clause.is_none() {
            return Err(Refusal::NoClause.into());
        }
        self.change(actor, id, "engagement.assigned", |engagement| {
            engagement.is_open()?;
            if assigned {
                engagement.auditors.insert(account.id.clone());
            } else {
                engagement.auditors.remove(&account.id);
            }
            Ok(Some(("account", account.id.to_string())))
        })
        .await
    }

    pub async fn give_to(&self, actor: &Actor, id: &EngagementId, login: &str) -> Result<(), DeskError> {
        let owner = self.by_login(login).await?;
        owner.stands(&self.policy, self.clock.wall())?;
        self.change(actor, id, "engagement.owner_changed", |engagement| {
            engagement.owner = owner.id.clone();
            Ok(Some(("account", owner.id.to_string())))
        })
        .await
    }

    /// Records the letter that tells of an audit (R14, R15), which is to be
    /// posted: `post` keeps it, before anything is recorded.
    pub async fn notice<T>(
        &self,
        actor: &Actor,
        id: &EngagementId,
        reference: &str,
        post: impl FnOnce(&Letter) -> Result<T, String>,
    ) -> Result<T, DeskError> {
        let (reference, code, now) = (short_text(reference)?, letters::<10>(), self.clock.wall());
        let kept = self.under_the_key(&code)?;
        let procedure = self.store.paper(Paperwork::Procedure).await?;
        let mut posted = None;
        self.change(actor, id, "notice.recorded", |engagement| {
            engagement.is_open()?;
            if engagement.terms.professional.is_none() {
                return Err(Refusal::NoProfessional.into());
            }
            if procedure.as_ref() != Some(&engagement.terms.procedure) {
                return Err(Refusal::ProcedureChanged.into());
            }
            let letter = Letter { reference: reference.clone(), code, terms: engagement.terms.clone() };
            posted = Some(post(&letter).map_err(DeskError::Trouble)?);
            engagement.notice =
                Some(Notice { terms: letter.terms, reference: letter.reference, at: now, code: kept, tries: Engagement::TRIES });
            Ok(Some(("reference", reference)))
        })
        .await?;
        Ok(posted.ok_or(Refusal::EngagementUnknown)?)
    }

    /// The audited side accepts, or declares; with its own second factor (R03, R16).
    pub async fn accept(&self, actor: &Actor, id: &EngagementId, consent: Consent<'_>) -> Result<(), DeskError> {
        let now = self.clock.wall();
        self.count_again(actor.account()).await?;
        let work = self.store.begin().await?;
        let mut matter = self.matter(&work, id).await?;
        self.show_again(&work, actor.account(), consent.code).await?;
        let letter = consent.letter.map(|code| self.under_the_key(code)).transpose()?;
        let accepted = matter.engagement.accept(actor.account(), consent.declares, letter.as_deref(), now);
        work.save_engagement(&matter.engagement).await?;
        let declared = if consent.declares { "demonstration system, no health data" } else { "" };
        let event = match accepted {
            Ok(()) => event("acceptance.recorded", &matter.engagement).public("declared", declared),
            Err(refusal) => Event::new("acceptance.refused").outcome("refused").cause(refusal.code()),
        };
        // A wrong code is written down too: it has used up a try.
        self.record(work, actor.signs(event.public("engagement", id.as_str()))).await?;
        Ok(accepted?)
    }

    /// Takes an acceptance back. The node ends the picture before it calls this.
    pub async fn revoke(&self, actor: &Actor, id: &EngagementId) -> Result<(), DeskError> {
        self.change(actor, id, "acceptance.revoked", |engagement| {
            engagement.acceptance = None;
            Ok(None)
        })
        .await
    }

    /// Says who is at the keyboard (R17).
    pub async fn declare_operator(&self, actor: &Actor, id: &EngagementId, name: &str) -> Result<(), DeskError> {
        let name = short_text(name)?;
        self.change(actor, id, "operator.declared", |engagement| {
            engagement.is_open()?;
            engagement.operator = Some(name.clone());
            Ok(Some(("operator", name)))
        })
        .await
    }

    /// Real data come on the screen, for a reason; or leave it (R06, R07).
    pub async fn mark_real_data(&self, actor: &Actor, id: &EngagementId, reason: Option<&str>) -> Result<(), DeskError> {
        let (reason, now) = (reason.map(short_text).transpose()?, self.clock.wall());
        let kind = if reason.is_some() { "real_data.begun" } else { "real_data.ended" };
        self.change(actor, id, kind, |engagement| {
            engagement.is_open()?;
            match (reason, engagement.real_data.last_mut()) {
                (Some(_), Some(RealData { to: None, .. })) => {
                    return Err(DeskError::Invalid("real data are declared on the screen already".to_owned()));
                }
                (Some(reason), _) => {
                    engagement.real_data.push(RealData { from: now, to: None, reason: reason.clone() });
                    return Ok(Some(("reason", reason)));
                }
                (None, Some(interval @ RealData { to: None, .. })) => interval.to = Some(now),
                (None, _) => return Err(DeskError::Invalid("no real data were declared on the screen".to_owned())),
            }
            Ok(None)
        })
        .await
    }

    /// Closes or cancels an engagement, for good.
    pub async fn end_engagement(&self, actor: &Actor, id: &EngagementId, how: State) -> Result<(), DeskError> {
        let now = self.clock.wall();
        self.change(actor, id, "engagement.closed", |engagement| {
            engagement.is_open()?;
            engagement.ended = Some(how);
            engagement.end_interval(now);
            Ok(None)
        })
        .await
    }

    /// One change of one engagement with its entry; what it gives is personal, and sealed.
    async fn change(
        &self,
        actor: &Actor,
        id: &EngagementId,
        kind: &str,
        change: impl FnOnce(&mut Engagement) -> Result<Option<(&'static str, String)>, DeskError>,
    ) -> Result<(), DeskError> {
        let work = self.store.begin().await?;
        let mut engagement = work.engagement(id).await?.ok_or(Refusal::EngagementUnknown)?;
        let told = change(&mut engagement)?;
        work.save_engagement(&engagement).await?;
        let event = actor.signs(event(kind, &engagement));
        self.record(work, told.into_iter().fold(event, |event, (key, value)| event.sealed(key, value))).await?;
        Ok(())
    }
}

fn event(kind: &str, engagement: &Engagement) -> Event {
    let terms = &engagement.terms;
    Event::new(kind)
        .outcome("ok")
        .public("engagement", engagement.id.as_str())
        .public("class", terms.class.name())
        .sealed("terms", terms.digest())
        .public("paper_version", terms.procedure.version.as_str())
        .public("paper_sha256", terms.procedure.sha256.as_str())
        .sealed("site", terms.site.as_str())
}
