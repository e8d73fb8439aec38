//! How sites stand: what a Show, a Pause and a Stop write down.

use super::{Actor, Desk, DeskError};
use crate::governance::{Refusal, Standing, first_refusal};
use crate::id::{ActId, EngagementId, SiteName};
use crate::store::{Engagements, Sites, Work};
use crate::trace::{Event, Recorded};

impl Desk {
    /// The SHA-256 of a site's settings as they are now: what two people approve.
    pub fn settings_of(&self, site: &SiteName) -> Result<String, DeskError> {
        self.sites.get(site).map(|site| (site.digest)()).ok_or_else(|| Refusal::SiteUnknown.into())
    }

    /// Records that a site is shown for an engagement whose every rule holds. The source may open only after this
    /// returns. It stands paused if viewers are to wait, or for a blackout until the site declares an interval.
    pub async fn show(&self, actor: &Actor, engagement: &EngagementId, wait: bool) -> Result<Standing, DeskError> {
        let now = self.clock.wall();
        let work = self.store.begin().await?;
        let matter = self.matter(&work, engagement).await?;
        let mut checks = matter.checks(&self.policy, now);
        let blacked_out = checks.iter().any(|check| check.refusal == Some(Refusal::OutsideInterval));
        checks.retain(|check| check.refusal != Some(Refusal::OutsideInterval));
        first_refusal(&checks)?;
        let site = &matter.engagement.terms.site;
        let row = work.site(site).await?;
        if row.standing != Standing::Stopped && row.engagement.as_ref() != Some(engagement) {
            return Err(Refusal::SiteTaken.into());
        }
        let standing = if blacked_out || wait { Standing::Paused } else { Standing::Showing };
        work.show_for(site, engagement).await?;
        work.set_standing(site, standing).await?;
        let event = Event::new("site.standing").outcome("ok").cause("ordered").public("standing", standing.name());
        let event = event.public("engagement", engagement.as_str()).public("class", matter.engagement.terms.class.name());
        let event = actor.signs(event).sealed("site", site.as_str());
        let act = ActId::random();
        let recorded = self.record_as(&act, work, event).await;
        if recorded.is_err() && standing == Standing::Showing {
            self.undo_show(site, &act).await?;
        }
        recorded.map(|_| standing)
    }

    /// What gives rights and could not be recorded did not happen: neither the row nor its entry.
    async fn undo_show(&self, site: &SiteName, act: &ActId) -> Result<(), DeskError> {
        let work = self.store.begin().await?;
        work.set_standing(site, Standing::Paused).await?;
        work.drop_act(act).await?;
        work.commit().await?;
        // A slow log may have it all the same: then this corrects it.
        let event = Event::new("site.standing").outcome("ok").cause("not_recorded").public("standing", "paused");
        self.log.note(event.sealed("site", site.as_str())).await;
        Ok(())
    }

    /// Records that a site is paused or stopped, by somebody or by itself.
    pub async fn stand(
        &self,
        actor: Option<&Actor>,
        site: &SiteName,
        standing: Standing,
        cause: &str,
    ) -> Result<Recorded, DeskError> {
        let work = self.store.begin().await?;
        let row = work.site(site).await?;
        work.set_standing(site, standing).await?;
        let ended = match &row.engagement {
            Some(id) => self.end_interval(&work, id, standing).await?,
            None => false,
        };
        let event = Event::new("site.standing").outcome("ok").cause(cause).public("standing", standing.name());
        let event = row.engagement.iter().fold(event, |event, id| event.public("engagement", id.as_str()));
        let event = if ended { event.public("real_data_ended", true) } else { event };
        let event = actor.into_iter().fold(event, |event, actor| actor.signs(event));
        self.record(work, event.sealed("site", site.as_str())).await
    }

    /// What is not seen needs no declaration: the interval of real data is over (R07).
    async fn end_interval(&self, work: &Work<'_>, id: &EngagementId, standing: Standing) -> Result<bool, DeskError> {
        let Some(mut engagement) = work.engagement(id).await? else { return Ok(false) };
        let over = standing == Standing::Stopped || engagement.terms.blackout;
        let ended = over && engagement.end_interval(self.clock.wall());
        if ended {
            work.save_engagement(&engagement).await?;
        }
        Ok(ended)
    }

    /// A restart leaves nothing showing.
    pub async fn pause_all(&self) -> Result<(), DeskError> {
        let work = self.store.begin().await?;
        let sites = work.pause_all().await?;
        if sites.is_empty() {
            return Ok(());
        }
        let event = Event::new("site.standing").outcome("ok").cause("node_restarted").public("standing", "paused");
        self.record(work, event.sealed("sites", sites)).await?;
        Ok(())
    }
}
