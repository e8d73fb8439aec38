//! Workstations: who is told of them, and what becomes of their pictures when one is retired or its certificate revoked.

use super::act::{Act, Outcome};
use super::lists::PAGE;
use super::perform::done;
use super::{Running, Shared};
use crate::desk::{Actor, DeskError};
use crate::governance::Refusal;
use crate::governance::workstation::Posture;
use crate::id::{WorkstationId, hex};
use crate::store::Workstations;
use crate::tls::Card;
use crate::trace::Event;
use crate::viewer::Ending;

impl Shared {
    pub(super) async fn about_workstations(&self, actor: &Actor, act: Act) -> anyhow::Result<Outcome> {
        match act {
            Act::KeepPosture { workstation, system, antivirus } => {
                let kept = self.desk.keep_posture(actor, &workstation, Posture { system, antivirus }).await?;
                Ok(done(format!("what was declared of {} is kept", kept.label)))
            }
            Act::RetireWorkstation { workstation } => self.retire(actor, &workstation).await,
            Act::ListWorkstations { after } => {
                let workstations = self.desk.store().workstations_after(after.as_ref(), PAGE).await?;
                let next = (workstations.len() == PAGE).then(|| workstations.last().map(|last| last.id.clone())).flatten();
                Ok(Outcome::Workstations { workstations, next })
            }
            _ => Err(DeskError::from(Refusal::NotYourRole).into()),
        }
    }

    /// Its pictures end first.
    async fn retire(&self, actor: &Actor, id: &WorkstationId) -> anyhow::Result<Outcome> {
        let fingerprint = self.desk.workstation(id).await?.fingerprint;
        let own = |running: &Running| running.card.as_ref().is_some_and(|card| hex(&card.fingerprint) == fingerprint);
        self.end_sessions(Ending::Refused(Refusal::WorkstationRetired), own);
        let retired = self.desk.retire_workstation(actor, id).await?;
        // Whoever was on the way in has been refused by now, or is seen.
        self.end_sessions(Ending::Refused(Refusal::WorkstationRetired), own);
        Ok(done(format!("{} is retired: nobody looks from it", retired.label)))
    }

    /// All or nothing: every door's papers are read, the change is recorded, and only then do new handshakes meet them.
    /// Whoever looks with a certificate that no longer counts is shown nothing more.
    pub async fn reload(&self) -> anyhow::Result<Outcome> {
        let renewed = self.doors.iter().map(|door| door.read_again()).collect::<Result<Vec<_>, _>>()?;
        let mut shown = String::new();
        let mut event = Event::new("config.changed").outcome("ok").public("key", "viewers.certificate");
        for papers in &renewed {
            shown = hex(&papers.certificate);
            event = event.sealed("certificate", shown.as_str());
            event = papers.workstations.iter().fold(event, |event, ca| event.sealed("workstations", hex(ca)));
        }
        // What takes rights away acts before it is recorded.
        let now = self.clock.wall();
        self.end_untrusted(|card| renewed.iter().any(|papers| papers.trust(&card.chain, now)));
        self.log.append(event).await?;
        self.doors.iter().zip(renewed).for_each(|(door, papers)| door.meet(papers));
        // Those who came in meanwhile met the papers of before.
        self.end_untrusted(|card| self.trusts(card));
        Ok(done(format!("viewers now meet the certificate {shown}")))
    }

    /// Whether a workstation's certificate counts now, at one of the doors.
    pub(super) fn trusts(&self, card: &Card) -> bool {
        let now = self.clock.wall();
        self.doors.iter().any(|door| door.trusts(&card.chain, now))
    }

    fn end_untrusted(&self, trusted: impl Fn(&Card) -> bool) {
        let untrusted = |running: &Running| running.card.as_ref().is_some_and(|card| !trusted(card));
        self.end_sessions(Ending::Refused(Refusal::CertificateRevoked), untrusted);
    }

    /// Lists of revocations come from elsewhere, every day or every hour: read again when one has changed.
    pub(super) async fn watch_revocations(&self) {
        if self.doors.iter().any(|door| door.revocations_have_changed()) {
            match self.reload().await {
                Ok(_) => tracing::info!("the lists of revoked certificates were read again"),
                Err(error) => tracing::error!(
                    error = format!("{error:#}"),
                    "a list of revoked certificates cannot be read: the old one stays"
                ),
            }
        }
    }
}
