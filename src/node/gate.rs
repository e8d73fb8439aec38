//! The gate: lets viewers in by the rules, and writes down every attempt.

use std::net::IpAddr;
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::Shared;
use super::seats::Running;
use crate::desk::{Denied, DeskError, Presented};
use crate::governance::{Admission, Refusal, Standing, first_refusal};
use crate::id::{ConnectionId, SessionId, hex};
use crate::rfb::input::InputKind;
use crate::shutdown::signal;
use crate::tls::Card;
use crate::trace::{Event, Quota};
use crate::viewer::browser::CopySign;
use crate::viewer::{Ending, Ends, Gate, Known, Peer, Seat, Tally, TlsFacts, Turned, whose};
use crate::web::Orders;

impl Gate for Shared {
    fn is_known(&self, address: IpAddr) -> bool {
        self.known.is_known(address, self.clock.wall())
    }

    async fn attempt(&self, peer: Peer) -> Option<ConnectionId> {
        self.record_attempt(peer.ends, peer.known, peer.entrance.name()).await
    }

    fn limited(&self, peer: Peer, cause: &'static str) {
        Orders::limited(self, peer.ends.address, cause);
    }

    async fn tls(&self, connection: &ConnectionId, facts: TlsFacts) {
        let event = Event::new("tls.established").outcome("ok").public("connection", connection.as_str());
        let event = event.public("version", facts.version).public("suite", facts.suite).public("group", facts.group);
        let event = event.public("resumed", facts.resumed);
        let event = facts.server_name.into_iter().fold(event, |event, name| event.sealed("sni", name));
        let event = facts.certificate.iter().fold(event, |event, print| event.sealed("certificate", hex(print)));
        self.log.note(event).await;
    }

    async fn broken(&self, connection: &ConnectionId, how: Turned) {
        let event = Event::new("conn.refused").outcome("refused").cause(how.code).public("connection", connection.as_str());
        let event = how.at.into_iter().fold(event, |event, at| event.at(at.state, at.offset));
        self.log.note(how.alert.into_iter().fold(event, |event, alert| event.public("alert", alert))).await;
    }

    async fn admit(&self, connection: &ConnectionId, peer: Peer, shown: Presented, card: Option<Card>) -> Result<Seat, Refusal> {
        if !self.log.health().borrow().is_writing() {
            return Err(Refusal::NoTrace);
        }
        let admission = self.desk.redeem(&shown, connection).await.map_err(|denied| match denied {
            Denied::Refused(refusal) => refusal,
            Denied::Failed(error) => {
                tracing::error!(%error, "a ticket could not be looked at");
                if matches!(error, DeskError::Store(_)) { Refusal::NoStore } else { Refusal::NoTrace }
            }
        })?;
        self.quota().give_back(whose(peer.ends.address.ip()), peer.known);
        self.remember(peer.ends.address.ip()).await;
        let seat = self.seat(connection, peer, admission, card).await;
        if let Err((refusal, session)) = &seat {
            self.leaves(session);
            let event = Event::new("view.refused").outcome("refused").cause(refusal.code()).session(session);
            self.log.note(event).await;
        }
        seat.map_err(|(refusal, _)| refusal)
    }

    async fn counters(&self, session: &SessionId, dropped: Vec<(InputKind, u64)>) {
        self.log.note(with_dropped(Event::new("view.counters").outcome("ok").session(session), dropped)).await;
    }

    async fn copied(&self, session: &SessionId, signs: Vec<(CopySign, u64)>) {
        let event = Event::new("copy.attempt").outcome("ok").session(session);
        self.log.note(signs.into_iter().fold(event, |event, (sign, count)| event.count(sign.name(), count))).await;
    }

    async fn interrupted(&self, session: &SessionId) {
        self.log.note(Event::new("view.interrupted").outcome("ok").cause("connection_lost").session(session)).await;
    }

    async fn resumed(
        &self,
        connection: &ConnectionId,
        peer: Peer,
        session: Option<(&SessionId, Duration)>,
        card: Option<Card>,
    ) -> Result<(), Refusal> {
        let verdict = match session {
            Some((session, _)) => self.may_resume(peer, session, card).await,
            None => Err(Refusal::NotResumed),
        };
        let event = match &verdict {
            Ok(()) => Event::new("view.resumed").outcome("ok"),
            Err(refusal) => Event::new("view.not_resumed").outcome("refused").cause(refusal.code()),
        };
        let event = session
            .into_iter()
            .fold(event, |event, (session, gap)| event.session(session).count("gap_ms", gap.as_millis() as u64));
        let event = event.public("connection", connection.as_str());
        let recorded = self.log.append(event.sealed("src", peer.ends.address.to_string())).await;
        verdict?;
        recorded.map_err(|_| Refusal::NoTrace)?;
        self.quota().give_back(whose(peer.ends.address.ip()), peer.known);
        self.remember(peer.ends.address.ip()).await;
        Ok(())
    }

    async fn ended(&self, session: &SessionId, tally: Tally) {
        let running = self.leaves(session);
        if let (Ending::Locked, Some(running)) = (tally.ending, running)
            && let Err(error) = self.desk.lock(&running.account).await
        {
            tracing::error!(%error, "the login of somebody who was locked could not be ended");
        }
        let event = Event::new("view.ended")
            .outcome("ok")
            .cause(tally.ending.code())
            .session(session)
            .count("ms", tally.milliseconds)
            .count("updates", tally.updates)
            .count("rects", tally.rects)
            .count("bytes_down", tally.bytes)
            .count("bytes_up", tally.heard);
        let event = tally.ending.place().into_iter().fold(event, |event, at| event.at(at.state, at.offset));
        self.log.note(with_dropped(event, tally.dropped)).await;
    }
}

fn with_dropped(event: Event, dropped: Vec<(InputKind, u64)>) -> Event {
    dropped.into_iter().fold(event, |event, (kind, count)| event.count(&format!("dropped_{}", kind.name()), count))
}

impl Shared {
    /// A connection came, by this listener; `None`: it cannot be recorded, and is answered nothing.
    pub(super) async fn record_attempt(
        &self,
        Ends { address, local, via }: Ends,
        known: bool,
        listener: &str,
    ) -> Option<ConnectionId> {
        let refused = |cause| Orders::limited(self, address, cause);
        if !self.log.health().borrow().is_writing() {
            refused("no_trace");
            return None;
        }
        if !self.quota().take(whose(address.ip()), known, self.clock.now()) {
            refused("stranger_quota");
            return None;
        }
        let connection = ConnectionId::random();
        let event = Event::new("conn.attempt").outcome("ok").public("connection", connection.as_str());
        let event = event.public("listener", listener);
        // R45: as a firewall's records name the connection.
        let event = event.sealed("src", address.to_string()).sealed("dst", local.to_string());
        let event = via.into_iter().fold(event, |event, via| event.sealed("via", via.to_string()));
        match self.log.append(event).await {
            Ok(_) => Some(connection),
            Err(error) => {
                tracing::error!(%error, "a connection was closed unanswered");
                refused("no_trace");
                None
            }
        }
    }

    /// The address is known from now on, also after a restart.
    pub(super) async fn remember(&self, address: IpAddr) {
        let now = self.clock.wall();
        let address = self.known.admitted(address, now);
        if let Err(error) = self.desk.store().remember_address(address, now, now - Known::FOR).await {
            tracing::warn!(%error, "an address is known until the next restart only");
        }
    }

    pub(super) fn quota(&self) -> MutexGuard<'_, Quota> {
        self.quota.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every rule again, as for somebody who comes for the first time: by the same workstation, from a network of the role.
    async fn may_resume(&self, peer: Peer, session: &SessionId, card: Option<Card>) -> Result<(), Refusal> {
        let shown = card.as_ref().map(|card| card.fingerprint);
        let watch = self.sessions().get(session).filter(|running| running.looks).map(Running::watch);
        let watch = watch.ok_or(Refusal::NotResumed)?;
        if watch.2 != shown {
            return Err(if shown.is_some() { Refusal::OtherWorkstation } else { Refusal::NeedsTunnel });
        }
        if card.as_ref().is_some_and(|card| !self.trusts(card)) {
            return Err(Refusal::CertificateRevoked);
        }
        let looking = match self.desk.look_again(&watch).await {
            Ok(looking) => looking,
            Err(DeskError::Refused(refusal)) => return Err(refusal),
            Err(_) => return Err(Refusal::NoStore),
        };
        looking.premises.hold(&looking.account.roles, peer.ends.address.ip())?;
        first_refusal(&looking.checklist(self.clock.wall()))
    }

    /// Registers the session first, so that a stop that comes now finds it; then asks again and records the start.
    async fn seat(
        &self,
        connection: &ConnectionId,
        peer: Peer,
        admission: Admission,
        card: Option<Card>,
    ) -> Result<Seat, (Refusal, SessionId)> {
        let session = admission.session().clone();
        let refused = |refusal| (refusal, session.clone());
        let site = self.sites.get(admission.site()).ok_or_else(|| refused(Refusal::SiteUnknown))?;
        let (switch, ending) = signal::<Ending>();
        let (hold, holds) = watch::channel(0);
        let viewers = {
            let mut sessions = self.sessions();
            if sessions.len() >= self.max_sessions {
                return Err(refused(Refusal::Busy));
            }
            let running = Running {
                site: admission.site().clone(),
                engagement: admission.engagement().clone(),
                account: admission.account().clone(),
                name: admission.name().to_owned(),
                capture: admission.capture(),
                card: card.clone(),
                switch: switch.clone(),
                hold,
                looks: false,
            };
            sessions.insert(session.clone(), running);
            sessions.values().filter(|running| running.site == *admission.site()).count()
        };
        // Asked again now that whoever takes these rights away would find the session.
        if site.state.borrow().standing == Standing::Stopped {
            return Err(refused(Refusal::SiteNotShown));
        }
        if card.as_ref().is_some_and(|card| !self.trusts(card)) {
            return Err(refused(Refusal::CertificateRevoked));
        }
        let certificate = card.map(|card| card.fingerprint);
        let watch = (admission.account().clone(), admission.engagement().clone(), certificate);
        let again = self.desk.may_look_on(&watch).await;
        again.map_err(|_| refused(Refusal::NoStore))?.map_err(refused)?;
        let event = Event::new("view.started")
            .outcome("ok")
            .session(&session)
            .public("connection", connection.as_str())
            .public("client", peer.entrance.client().0)
            .public("engagement", admission.engagement().as_str())
            .public("class", admission.class().name())
            .public("capture_class", admission.capture().name())
            .public("watermark", session.tag())
            .count("viewers", viewers as u64)
            .sealed("account", admission.account().as_str())
            .sealed("name", admission.name())
            .sealed("site", admission.site().as_str())
            .sealed("src", peer.ends.address.to_string());
        let recorded = self.log.append(event).await.map_err(|_| refused(Refusal::NoTrace))?;
        self.looks(&session);
        // R22: how sensitive it is stands in the window's title and in every mark.
        let label = format!("{} · {}", site.label, admission.class().name());
        let (screen, real_data, others) = (site.reader.clone(), site.real_data.subscribe(), site.watchers.subscribe());
        Ok(Seat { admission, recorded, screen, label, switch, ending, holds, real_data, others, idle: self.idle })
    }
}
