//! Workstations: registered by two people, kept up to date by one, retired by one.

use super::{Actor, Desk, DeskError};
use crate::governance::workstation::Posture;
use crate::governance::{Refusal, Workplace, Workstation};
use crate::id::{WorkstationId, hex};
use crate::store::{Reads, Workstations};
use crate::trace::Event;

impl Desk {
    /// At which machine somebody is who orders by HTTP, by the certificate that was shown and counts.
    pub async fn ordering_from(&self, certificate: Option<[u8; 32]>) -> Result<Workplace, DeskError> {
        self.workplace(&self.store, certificate).await
    }

    /// At which machine somebody is, by the certificate that was shown.
    pub(super) async fn workplace(&self, reads: &impl Reads, certificate: Option<[u8; 32]>) -> Result<Workplace, DeskError> {
        let Some(certificate) = certificate else { return Ok(Workplace::Bare) };
        Ok(reads.workstation(&hex(&certificate)).await?.map_or(Workplace::Unregistered, Workplace::Registered))
    }

    pub async fn workstation(&self, id: &WorkstationId) -> Result<Workstation, DeskError> {
        Ok(self.store.workstation_of(id).await?.ok_or(Refusal::WorkstationUnknown)?)
    }

    /// What is declared of a workstation; what is not given stays.
    pub async fn keep_posture(&self, actor: &Actor, id: &WorkstationId, news: Posture) -> Result<Workstation, DeskError> {
        let today = self.clock.wall().date();
        self.change_workstation(actor, id, "workstation.posture_kept", |workstation| {
            if workstation.retired {
                return Err(Refusal::WorkstationRetired);
            }
            workstation.posture = workstation.posture.with(news, today)?;
            Ok(())
        })
        .await
    }

    /// Nobody looks from it any more. The node ends its sessions before it calls this.
    pub async fn retire_workstation(&self, actor: &Actor, id: &WorkstationId) -> Result<Workstation, DeskError> {
        self.change_workstation(actor, id, "workstation.retired", |workstation| {
            workstation.retired = true;
            Ok(())
        })
        .await
    }

    async fn change_workstation(
        &self,
        actor: &Actor,
        id: &WorkstationId,
        kind: &str,
        change: impl FnOnce(&mut Workstation) -> Result<(), Refusal>,
    ) -> Result<Workstation, DeskError> {
        let work = self.store.begin().await?;
        let mut workstation = work.workstation_of(id).await?.ok_or(Refusal::WorkstationUnknown)?;
        change(&mut workstation)?;
        work.save_workstation(&workstation).await?;
        let event = Event::new(kind).outcome("ok").public("workstation", id.as_str());
        let Posture { system, antivirus } = workstation.posture;
        let event = system.into_iter().fold(event, |event, day| event.sealed("system", day.to_string()));
        let event = antivirus.into_iter().fold(event, |event, day| event.sealed("antivirus", day.to_string()));
        self.record(work, actor.signs(event)).await?;
        Ok(workstation)
    }
}
