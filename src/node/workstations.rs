//! Workstations: who is told of them, and what becomes of their pictures when one is retired or its certificate revoked.

use super::act::{Act, Outcome};
use super::lists::PAGE;
use super::perform::done;
use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::Shared;
use super::seats::Running;
use crate::desk::{Actor, DeskError};
use crate::governance::Refusal;
use crate::governance::workstation::Posture;
use crate::id::{WorkstationId, hex};
use crate::store::Workstations;
use crate::tls::Card;
use crate::trace::Event;
use crate::viewer::Ending;

/// How often it is looked whether a list of revocations has changed.
const LISTS: Duration = Duration::from_millis(500);
/// And how long reading one may take until that is said.
const READING: Duration = Duration::from_secs(10);

impl Shared {
    pub(super) async fn about_workstations(&self, actor: &Actor, act: Act) -> anyhow::Result<Outcome> {
        match act {
            Act::KeepPosture { workstation, system, antivirus } => {
                let kept = self.desk.keep_posture(actor, &workstation, Posture { system, antivirus }).await?;
                Ok(done(format!("what was declared of {} is kept", kept.label)))
            }
            Act::RetireWorkstation { workstation } => self.retire(actor, &workstation).await,
            Act::ListWorkstations { after } => {
                let page = self.desk.store().workstations_after(after.as_ref(), PAGE).await?;
                Ok(Outcome::Workstations { next: page.next(|last| last.id.clone()), workstations: page.rows })
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
        let _one_at_a_time = self.reading.lock().await;
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

    /// Ends what is looked at with a certificate that was revoked or has run out, or whose list has.
    pub(super) fn end_untrusted_now(&self) {
        self.end_untrusted(|card| self.trusts(card));
    }

    fn end_untrusted(&self, trusted: impl Fn(&Card) -> bool) {
        let untrusted = |running: &Running| running.card.as_ref().is_some_and(|card| !trusted(card));
        self.end_sessions(Ending::Refused(Refusal::CertificateRevoked), untrusted);
    }

    /// Lists of revocations come from elsewhere, every day or every hour: they are read again when one has changed, for as
    /// long as the node runs.
    pub(super) async fn watch_revocations(self: Arc<Self>) {
        loop {
            self.clock.sleep(LISTS).await;
            let shared = Arc::clone(&self);
            // A folder of another machine may keep whoever reads it waiting: nobody else waits for it.
            let mut reading = tokio::task::spawn_blocking(move || shared.doors.each_ref().map(|door| door.read_lists()));
            let read = match self.clock.within(self.clock.now() + READING, &mut reading).await {
                Ok(read) => read,
                Err(late) => {
                    self.a_list_cannot_be_read(&late).await;
                    reading.await
                }
            };
            let Ok(read) = read else { continue };
            for read in read {
                match read {
                    Ok(None) => {}
                    Ok(Some(lists)) => self.lists_were_read(lists).await,
                    Err(error) => self.a_list_cannot_be_read(&error).await,
                }
            }
        }
    }

    async fn lists_were_read(&self, lists: Vec<[u8; 32]>) {
        self.end_untrusted_now();
        self.lists_unreadable.store(false, Ordering::SeqCst);
        let lists: Vec<String> = lists.iter().map(|list| hex(list)).collect();
        let event = Event::new("config.changed").outcome("ok").public("key", "workstations.revocations");
        self.log.note(event.sealed("lists", lists)).await;
        tracing::info!("the lists of revoked certificates were read again");
    }

    /// Said once, until they can be read.
    async fn a_list_cannot_be_read(&self, error: &(dyn Display + Sync)) {
        if !self.lists_unreadable.swap(true, Ordering::SeqCst) {
            tracing::error!(%error, "a list of revoked certificates cannot be read: the one of before counts until it runs out");
            let event = Event::new("config.changed").outcome("failed").cause("unreadable");
            self.log.note(event.public("key", "workstations.revocations")).await;
        }
    }
}
