//! What becomes due.

use super::Session;
use super::peers::MAY_HAVE_MOVED;
use crate::protocol::output::{Event, PeerId};
use crate::protocol::time::{Span, Time};
use crate::protocol::timers::Timer;

/// A flow lives at least this long without a packet (libRIST).
const FLOW_PATIENCE: Span = Span::from_millis(2000);
/// Timers served in one call at most: one that re-arms in the past must not spin.
const MAX_AT_ONCE: usize = 10_000;

impl Session {
    /// Does whatever has become due.
    pub fn handle_timeout(&mut self, now: Time) {
        for _ in 0..MAX_AT_ONCE {
            let Some(timer) = self.timers.pop_due(now) else { return };
            match timer {
                Timer::Rtcp(peer) => {
                    self.sender.tidy(now);
                    self.check_bandwidth(now, peer);
                    self.report_to(now, peer, true);
                }
                Timer::KeepAlive(peer) => self.keep_alive(now, peer),
                Timer::Strangers => self.derive_for_stranger(now),
                Timer::SecretChange(peer) => self.change_lock(now, peer),
                Timer::Login(peer) => self.login_due(now, peer),
                Timer::LoginBudget => self.start_login_jobs(now),
                Timer::Liveness(peer) => self.judge_silence(now, peer),
                Timer::Resolve(peer) => self.resolve(now, peer),
                Timer::Nack(flow_id) => self.ask_again(now, flow_id),
                Timer::FlowLife(flow_id) => self.judge_flow(now, flow_id),
                Timer::FlowStats(flow_id) => self.report_flow(now, flow_id),
                Timer::SenderStats => self.report_sender(now),
                Timer::Legs => self.judge_legs(now),
                Timer::Hold => self.end_hold(now),
                Timer::Retransmit => self.pump_retransmissions(now),
                Timer::IdleNotice => {
                    self.timers.set(Timer::IdleNotice, Some(now + Span::from_secs(1)));
                    if self.flows.is_empty() {
                        self.event(Event::FlowTimedOut { flow_id: 0 });
                    }
                }
            }
        }
    }

    /// Asks for the addresses behind the name of a peer that we call: unknown yet, or perhaps others by now.
    fn resolve(&mut self, now: Time, id: PeerId) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        let heard = peer.last_heard.unwrap_or(peer.created);
        let may_move = heard + MAY_HAVE_MOVED;
        if peer.media.remote.is_some() && now < may_move {
            peer.resolve_attempts = 0;
            self.timers.set(Timer::Resolve(id), Some(may_move));
            return;
        }
        self.event(Event::Resolve { peer: id });
        self.resolve_later(now, id);
    }

    fn ask_again(&mut self, now: Time, flow_id: u32) {
        let Some(flow) = self.flows.get_mut(&flow_id) else { return };
        let requests = flow.due_requests(now);
        let next = flow.next_request();
        self.timers.set(Timer::Nack(flow_id), next);
        for (peer, seqs) in requests {
            self.send_requests(now, peer, flow_id, &seqs);
        }
    }

    /// A flow ends when neither media nor any of its peers has been heard for long.
    fn judge_flow(&mut self, now: Time, flow_id: u32) {
        let Some(flow) = self.flows.get(&flow_id) else { return };
        let buffer = flow.config().buffer_max;
        let peers: Vec<_> = flow.paths().filter_map(|id| self.peers.get(&id)).collect();
        let heard = peers.iter().filter_map(|peer| peer.last_heard).chain(flow.last_data()).max();
        let timeouts = peers.iter().map(|peer| peer.config.session_timeout);
        let patience = timeouts.chain([FLOW_PATIENCE, buffer.scaled(2, 1)]).max().unwrap_or(FLOW_PATIENCE);
        let ends = heard.map_or(now, |heard| heard + patience);
        if now < ends {
            self.timers.set(Timer::FlowLife(flow_id), Some(ends));
            return;
        }
        self.last_report_of_flow(now, flow_id);
        self.end_flow(flow_id);
        self.event(Event::FlowTimedOut { flow_id });
    }

    /// When a flow's status turns from alive to silent.
    pub(super) fn is_silent(&self, now: Time, flow_id: u32) -> bool {
        let Some(flow) = self.flows.get(&flow_id) else { return true };
        let peers: Vec<PeerId> = flow.paths().collect();
        let heard = peers.iter().filter_map(|id| self.peers.get(id)?.last_heard).chain(flow.last_data()).max();
        let patience = flow.config().buffer_max.max(Span::from_millis(250));
        heard.is_none_or(|heard| now.since(heard) > patience)
    }
}
