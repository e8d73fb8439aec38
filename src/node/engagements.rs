//! Engagements, as their planner and the audited side order them.

use super::Shared;
use super::act::{Act, Outcome, Rule};
use super::perform::{done, shown};
use crate::desk::{Actor, Consent, DeskError, Letter};
use crate::governance::{Capture, Refusal, Role, State};
use crate::id::EngagementId;

impl Shared {
    pub(super) async fn about_engagements(&self, actor: &Actor, act: Act) -> anyhow::Result<Outcome> {
        match act {
            Act::Plan { terms } => Ok(Outcome::Planned { engagement: self.desk.plan(actor, terms).await? }),
            Act::PlanAgain { engagement, terms } => {
                self.desk.plan_again(actor, &engagement, terms).await?;
                self.stop_what_no_longer_stands().await;
                Ok(done("planned anew: an audit needs a new letter and acceptance, a visit a new declaration"))
            }
            Act::Assign { engagement, login } => {
                self.desk.assign(actor, &engagement, &login, true).await?;
                Ok(done(format!("{login} is assigned to {engagement}")))
            }
            Act::Unassign { engagement, login } => {
                self.desk.assign(actor, &engagement, &login, false).await?;
                Ok(done(format!("{login} is no longer on {engagement}")))
            }
            Act::GiveTo { engagement, login } => {
                self.desk.give_to(actor, &engagement, &login).await?;
                Ok(done(format!("{login} answers for {engagement}")))
            }
            Act::Notice { engagement, reference } => {
                let post = |letter: &Letter| {
                    let written = self.post.write(&engagement, letter, self.clock.wall());
                    written.map_err(|error| format!("{error:#}; nothing was recorded"))
                };
                let letter = self.desk.notice(actor, &engagement, &reference, post).await?;
                self.stop_what_no_longer_stands().await;
                Ok(Outcome::Posted { letter: letter.display().to_string() })
            }
            Act::Close { engagement } => self.end_engagement(actor, &engagement, State::Closed).await,
            Act::Cancel { engagement } => self.end_engagement(actor, &engagement, State::Cancelled).await,
            Act::Checklist { engagement, login } => self.checklist(actor, &engagement, login.as_deref()).await,
            Act::ListEngagements { after } => self.list_engagements(actor, after.as_ref()).await,
            _ => Err(DeskError::from(Refusal::NotYourRole).into()),
        }
    }

    /// Every rule with its result, and what will be asked of whoever comes.
    async fn checklist(&self, actor: &Actor, id: &EngagementId, login: Option<&str>) -> anyhow::Result<Outcome> {
        let account = match login {
            Some(login) if actor.account().roles.iter().any(|role| !matches!(role, Role::Auditor | Role::Contact)) => {
                self.desk.account_named(login).await?
            }
            _ => actor.account().id.clone(),
        };
        let (state, checks) = self.desk.checklist(&account, id).await?;
        let rule = |check: crate::governance::Check| Rule {
            rule: check.rule.to_owned(),
            code: check.refusal.map(|refusal| refusal.code().to_owned()),
            message: check.refusal.map(|refusal| refusal.words().to_owned()),
            later: None,
        };
        let later = |rule: &str, words: String| Rule { rule: rule.to_owned(), code: None, message: None, later: Some(words) };
        let mut checks: Vec<Rule> = checks.into_iter().map(rule).collect();
        let terms = self.desk.engagement(id).await?.terms;
        if self.desk.policy().workstations.is_some_and(|demand| terms.class >= demand.from) {
            let words = "from a known workstation alone, behind the tunnel that shows its certificate (tls_first)";
            checks.push(later("R50", words.to_owned()));
        }
        if let Some(capture) = self.desk.capture_of(&terms).filter(|capture| *capture >= Capture::BEST) {
            checks.push(later("R08", format!("with a viewer of capture class {} or stricter", capture.name())));
        }
        Ok(Outcome::Checklist { state, checks })
    }

    /// The picture ends first.
    async fn end_engagement(&self, actor: &Actor, id: &EngagementId, how: State) -> anyhow::Result<Outcome> {
        let stopped = self.stop_engagement(Some(actor), id, "engagement_over").await;
        self.desk.end_engagement(actor, id, how).await?;
        // A Show that was on its way has come to nothing by now, or is seen.
        self.stop_engagement(Some(actor), id, "engagement_over").await?;
        stopped?;
        Ok(done(format!("{id} is {}", if how == State::Closed { "closed" } else { "cancelled" })))
    }

    pub(super) async fn consent(&self, actor: &Actor, act: Act) -> anyhow::Result<Outcome> {
        match act {
            Act::Accept { engagement, letter, declares, code } => {
                let consent = Consent { letter: shown(letter.as_ref()), declares, code: code.as_str() };
                self.desk.accept(actor, &engagement, consent).await?;
                Ok(done(format!("{engagement} is accepted; you may revoke it at any time")))
            }
            Act::Revoke { engagement } => {
                let stopped = self.stop_engagement(Some(actor), &engagement, "acceptance_revoked").await;
                self.desk.revoke(actor, &engagement).await?;
                self.stop_engagement(Some(actor), &engagement, "acceptance_revoked").await?;
                stopped?;
                Ok(done(format!("{engagement} is no longer accepted")))
            }
            Act::DeclareOperator { engagement, name } => {
                self.desk.declare_operator(actor, &engagement, &name).await?;
                Ok(done(format!("{name} is at the keyboard; you answer for what is done there")))
            }
            Act::RealData { engagement, reason } => self.real_data(actor, &engagement, reason.as_deref()).await,
            _ => Err(DeskError::from(Refusal::NotYourRole).into()),
        }
    }
}
