//! Tells the application: events become calls of its callbacks, with no lock held.

use super::callbacks::{Callbacks, Caller, ConnectionStatus, LookUpFunction, Report};
use super::driver::Driver;
use super::events::Notice;
use super::statistics::Periods;
use crate::protocol::auth::LookUpAnswer;
use crate::protocol::output::Event;
use crate::protocol::report::SenderPeerReport;
use crate::protocol::session::OUT_OF_BAND;
use crate::protocol::time::Span;
use std::sync::Arc;
use std::time::Duration;

impl Driver {
    pub(super) fn callbacks(&self) -> Arc<Callbacks> {
        Arc::clone(&self.callbacks.lock())
    }

    pub(super) fn set_callbacks(&self, change: impl FnOnce(&mut Callbacks)) {
        let mut current = self.callbacks.lock();
        let mut changed = Callbacks::clone(&current);
        change(&mut changed);
        let old = std::mem::replace(&mut *current, Arc::new(changed));
        drop(current);
        drop(old);
        // What holds now, looked up with the session's lock: another thread may set others at the same time.
        let _ = self.call(|session, now| {
            let callbacks = self.callbacks();
            let (stats, sender_stats) = (callbacks.stats.is_some(), callbacks.sender_stats.is_some());
            let interval = self.statistics.lock().set_wanted(stats, sender_stats);
            session.set_admission(callbacks.admission.is_some());
            session.set_typed_out_of_band(callbacks.typed_out_of_band.is_some());
            session.set_flow_attributes(callbacks.flow_attribute.is_some());
            session.set_idle_notice(now, callbacks.session_timeout.is_some());
            session.set_stats_interval(now, interval.map(span));
        });
    }

    /// Changes a period of the statistics.
    pub(super) fn set_period(&self, set: impl FnOnce(&mut Periods) -> Option<Duration>) {
        let interval = set(&mut self.statistics.lock());
        let _ = self.call(|session, now| session.set_stats_interval(now, interval.map(span)));
    }

    pub(super) fn is_telling_here(&self) -> bool {
        self.events.is_telling_here()
    }

    pub(super) fn tell(&self, notice: Notice) {
        if self.is_silent() || self.is_dead() {
            return;
        }
        let callbacks = self.callbacks();
        self.fence(|| match notice {
            Notice::Event(event) => self.tell_event(&callbacks, event),
            Notice::SenderRound(round) => self.tell_round(&callbacks, &round),
        });
    }

    fn tell_event(&self, callbacks: &Callbacks, event: Event) {
        let connection = |peer, status| {
            if let Some(connection) = &callbacks.connection {
                connection(peer, status);
            }
        };
        match event {
            Event::Admission { request, remote, local, peer } => {
                let ask = callbacks.admission.as_ref();
                let accept = ask.is_none_or(|admission| admission(Caller { peer, remote, local }));
                let _ = self.call(|session, now| session.admit(now, request, accept));
            }
            Event::Established { peer } => connection(peer, ConnectionStatus::Established),
            Event::ClientConnected { peer } => connection(peer, ConnectionStatus::ClientConnected),
            Event::TimedOut { peer } => connection(peer, ConnectionStatus::TimedOut),
            Event::Disconnected { peer } => {
                if let Some(disconnect) = &callbacks.disconnect {
                    disconnect(peer);
                }
            }
            Event::Resolve { peer } => self.look_up(peer),
            Event::LookUp(question) => {
                let look_up = callbacks.look_up.get(&question.listener);
                let nobody = LookUpAnswer { verifier: None, generation: 0 };
                let ask = |look_up: &Arc<LookUpFunction>| look_up(&question.username, question.hash_generation);
                let answer = look_up.map_or(nobody, ask);
                let _ = self.call(|session, now| session.login_looked_up(now, &question, answer));
            }
            Event::OutOfBand { peer, protocol: OUT_OF_BAND, payload } => match &callbacks.out_of_band {
                Some(out_of_band) => out_of_band(peer, &payload),
                None => self.out_of_band.push(peer, payload),
            },
            Event::OutOfBand { peer, protocol, payload } => {
                if let Some(typed_out_of_band) = &callbacks.typed_out_of_band {
                    typed_out_of_band(peer, &payload, protocol);
                }
            }
            Event::FlowAttribute { peer, text } => {
                if let Some(flow_attribute) = &callbacks.flow_attribute {
                    flow_attribute(peer, &text);
                }
            }
            Event::FlowStats(report) => {
                if let Some(stats) = &callbacks.stats {
                    stats(Report::Flow(&report));
                }
            }
            Event::SplitStats(report) => self.statistics.lock().add_split(report),
            Event::SenderStats(report) => self.tell_round(callbacks, std::slice::from_ref(&report)),
            Event::FlowTimedOut { flow_id } => {
                self.fifo.end_flow(flow_id);
                if let Some(session_timeout) = &callbacks.session_timeout {
                    session_timeout(flow_id);
                }
            }
        }
    }

    fn tell_round(&self, callbacks: &Callbacks, round: &[SenderPeerReport]) {
        let (single, whole, split) = {
            let mut statistics = self.statistics.lock();
            let (single, whole) = (statistics.stats.add(round), statistics.sender.add(round));
            let split = whole.as_ref().and_then(|_| statistics.split.take());
            (single, whole, split)
        };
        if let (Some(stats), Some(reports)) = (&callbacks.stats, single) {
            // Each of them may destroy the context.
            let told = reports.iter().take_while(|_| !self.is_silent());
            told.for_each(|report| stats(Report::SenderPeer(report)));
        }
        if let (Some(sender_stats), Some(reports)) = (&callbacks.sender_stats, whole)
            && !self.is_silent()
        {
            sender_stats(Report::Sender(&reports, split));
        }
    }
}

fn span(duration: Duration) -> Span {
    Span::from_millis(u32::try_from(duration.as_millis()).unwrap_or(u32::MAX).max(1))
}
