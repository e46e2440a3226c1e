//! The legs of a sender: which may carry media now, and what is learnt of each.

use super::Session;
use super::media::may_take_media;
use crate::protocol::bonding::{
    Block, Candidate, Condition, FULL, JUDGED_EVERY, Leg, RttBounds, is_cleared, settled_for, trickles,
};
use crate::protocol::config::{PeerConfig, Role};
use crate::protocol::output::PeerId;
use crate::protocol::peer::{Kind, Peer};
use crate::protocol::report::LegState;
use crate::protocol::time::{Span, Time};
use crate::protocol::timers::Timer;
use crate::wire::rtcp::ReportBlock;

impl Session {
    /// Legs that media can go to. A peer that has fallen silent for good is left out until it is heard again.
    /// A listener is one leg, whoever came through it: each of them gets a copy.
    /// They are looked for again when a peer may have changed, and when time alone changes them.
    pub(super) fn find_usable_legs(&mut self, now: Time) {
        let changed = self.peers.take_changed();
        if !changed && self.legs_found.is_some_and(|found| found.holds(now)) {
            return;
        }
        self.takers.clear();
        self.legs.clear();
        let mut steady = Span::MAX;
        for peer in self.peers.values().filter(|peer| !peer.is_dead() && peer.is_open()) {
            steady = steady.min(steady_for(now, peer));
            match peer.kind {
                Kind::Caller | Kind::Group if peer.media.remote.is_some() => self.legs.push(leg(now, peer)),
                Kind::Listener => self.legs.push(Leg { share: 0, condition: Condition::Stalled, ..leg(now, peer) }),
                Kind::Child(parent) if may_take_media(peer) => self.takers.push((parent, peer.id)),
                _ => {}
            }
        }
        // A listener is as good as the best of those who came through it.
        for (parent, child) in &self.takers {
            let Some(listener) = self.legs.iter_mut().find(|leg| leg.peer == *parent) else { continue };
            if (listener.condition, listener.share) == (Condition::Good, FULL) {
                continue;
            }
            let Some(child) = self.peers.get(child).map(|peer| leg(now, peer)) else { continue };
            if listener.share == 0 || child.condition < listener.condition {
                let Leg { condition, good_since, share, .. } = child;
                *listener = Leg { condition, good_since, share, ..*listener };
            }
        }
        // Listeners that nobody came through.
        self.legs.retain(|leg| leg.share > 0);
        self.bonding.assign(now, &mut self.legs);
        self.legs_found = Some(Found { at: now, steady });
        if self.is_advanced() {
            self.choose_packing();
        }
    }

    /// A packet has left by these legs, the elected one last.
    pub(super) fn remember_legs(&mut self, seq: u32, legs: &[PeerId]) {
        let Some(peer) = legs.last().and_then(|id| self.peers.quietly(*id)) else { return };
        let alone = legs.len() == 1;
        self.bonding.trail.note(seq, peer.id, alone, peer.media_packets);
        if let Some(standing) = peer.standing.as_mut().filter(|_| alone) {
            standing.losses.sent = standing.losses.sent.saturating_add(1);
            standing.told_losses.sent = standing.told_losses.sent.saturating_add(1);
        }
    }

    /// A packet is asked for.
    pub(super) fn note_request(&mut self, seq: u32) {
        let lost_by = self.bonding.trail.asked(seq).and_then(|id| self.peers.get_mut(&id));
        if let Some(standing) = lost_by.and_then(|peer| peer.standing.as_mut()) {
            standing.losses.asked = standing.losses.asked.saturating_add(1);
            standing.told_losses.asked = standing.told_losses.asked.saturating_add(1);
        }
    }

    /// The far end says what came by this leg.
    pub(super) fn note_reception(&mut self, id: PeerId, block: &ReportBlock) {
        if self.config.role != Role::Sender {
            return;
        }
        let media = self.media_peer(id);
        let highest = self.whole_number(id, block.highest_seq);
        let sent = self.bonding.trail.count(highest, media);
        let Some(peer) = self.peers.get_mut(&id) else { return };
        let shared = peer.config.weight > 0;
        if let Some(standing) = peer.standing.as_mut() {
            let block =
                Block { highest: block.highest_seq, lost: block.cumulative_lost, fraction: block.fraction_lost };
            standing.far_end.reported(block, shared, sent);
        }
    }

    /// RTT and losses are looked at while there is a choice.
    pub(super) fn watch_legs(&mut self, now: Time) {
        if self.config.role == Role::Sender
            && self.timers.at(Timer::Legs).is_none()
            && self.peers.values().filter(|peer| is_weighted(peer)).nth(1).is_some()
        {
            self.timers.set(Timer::Legs, Some(now + JUDGED_EVERY));
        }
    }

    pub(super) fn judge_legs(&mut self, now: Time) {
        let weighted: Vec<PeerId> = self.peers.values().filter(|peer| is_weighted(peer)).map(|peer| peer.id).collect();
        if weighted.len() > 1 {
            self.timers.set(Timer::Legs, Some(now + JUDGED_EVERY));
        }
        self.judge_rtts(now, &weighted);
        self.judge_losses(now, &weighted);
    }

    fn judge_rtts(&mut self, now: Time, weighted: &[PeerId]) {
        let mut candidates = Vec::with_capacity(weighted.len());
        let mut settle = None;
        for id in weighted {
            let Some(peer) = self.peers.get_mut(id).filter(|peer| !peer.is_dead()) else { continue };
            let (bounds, interval) = (rtt_bounds(&peer.config), peer.config.keepalive_interval);
            let (Some(standing), Some(rtt)) = (peer.standing.as_mut(), peer.rtt.smoothed()) else { continue };
            // What does not deliver has no RTT: its last one is old.
            if standing.evidence.is_stale(now, interval) {
                continue;
            }
            let wants_rest = standing.mute.sample(now, rtt, &bounds) && weighted.len() > 1;
            candidates.push(Candidate { peer: *id, rtt, wants_rest, rests: standing.is_muted() });
            settle = settle.max(Some(bounds.settle));
        }
        let sole = self.bonding.sole_carrier(now, &candidates, settle.unwrap_or_default());
        for leg in candidates {
            let muted = leg.wants_rest && sole != Some(leg.peer);
            let Some(peer) = self.peers.get_mut(&leg.peer) else { continue };
            let bounds = rtt_bounds(&peer.config);
            let Some(standing) = peer.standing.as_mut().filter(|standing| standing.is_muted() != muted) else {
                continue;
            };
            standing.set_muted(now, muted, &bounds);
            let rtt = leg.rtt.as_millis();
            self.say_of_leg(now, leg.peer, if muted { "rests" } else { "carries again" }, &format!("RTT {rtt} ms"));
        }
    }

    /// A leg that loses half of its packets, while another one loses few, is spared.
    fn judge_losses(&mut self, now: Time, weighted: &[PeerId]) {
        let clean = |peer: &Peer| {
            let standing = peer.standing.as_ref().filter(|_| !peer.is_dead());
            standing.is_some_and(|standing| {
                standing.condition(now, peer.config.keepalive_interval) == Condition::Good && standing.losses.is_clean()
            })
        };
        let another = weighted.iter().any(|id| self.peers.get(id).is_some_and(clean));
        for id in weighted {
            let Some(standing) = self.peers.get_mut(id).and_then(|peer| peer.standing.as_mut()) else { continue };
            let missed = standing.evidence.missed();
            let lossy = match standing.is_lossy() {
                true => !is_cleared(missed),
                false => another && standing.losses.is_lossy(missed),
            };
            let percent = standing.losses.percent().unwrap_or_default();
            standing.losses.fade();
            if lossy != standing.is_lossy() {
                standing.set_lossy(now, lossy);
                let why = if lossy { format!("{percent:.0} % lost") } else { "echoes come back".to_owned() };
                self.say_of_leg(now, *id, if lossy { "rests" } else { "carries again" }, &why);
            }
        }
    }

    fn say_of_leg(&mut self, now: Time, id: PeerId, what: &str, why: &str) {
        self.mention(now, crate::protocol::output::Level::Notice, format!("peer {} {what}: {why}", id.0));
    }

    /// Where a packet that this peer asked for leaves. Its own leg, if that delivers and its turn has come; else the
    /// quickest to the same receiver that does.
    pub(super) fn repeat_leg(&self, now: Time, id: PeerId) -> PeerId {
        let leaves = self.media_peer(id);
        if self.config.role != Role::Sender {
            return leaves;
        }
        let Some(own) = self.peers.get(&leaves) else { return leaves };
        if self.is_fit(now, own) {
            return leaves;
        }
        let same_receiver = |peer: &&Peer| {
            // Of those who came by themselves each is a receiver of its own.
            let share = is_weighted(peer) && is_weighted(own);
            peer.id != leaves && (share || peer.remote_name.is_some() && peer.remote_name == own.remote_name)
        };
        let takes = |peer: &&Peer| match peer.kind {
            Kind::Caller => peer.media.remote.is_some(),
            Kind::Child(_) => may_take_media(peer),
            Kind::Listener | Kind::Group => false,
        };
        self.peers
            .values()
            .filter(|peer| !peer.is_dead() && peer.is_open())
            .filter(same_receiver)
            .filter(takes)
            .filter(|peer| self.is_fit(now, peer))
            .min_by_key(|peer| (peer.rtt.smoothed().is_none(), peer.rtt.smoothed(), peer.id))
            .map_or(leaves, |peer| peer.id)
    }

    fn is_fit(&self, now: Time, peer: &Peer) -> bool {
        !peer.is_dead() && condition(now, peer) == Condition::Good && !self.bonding.stands_by(peer.config.backup)
    }

    /// For the statistics of a peer: `None` where there is no choice.
    pub(super) fn leg_state(&self, now: Time, peer: &Peer) -> Option<LegState> {
        let calls = |peer: &&Peer| peer.kind == Kind::Caller;
        if !calls(&peer) {
            return None;
        }
        self.peers.values().filter(calls).nth(1)?;
        let standby = self.bonding.stands_by(peer.config.backup);
        Some(peer.standing.as_ref()?.state(now, peer.config.keepalive_interval, standby))
    }
}

/// When the usable legs were found, and how long time alone does not change them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    at: Time,
    steady: Span,
}

impl Found {
    fn holds(&self, now: Time) -> bool {
        (Span::ZERO..=self.steady).contains(&now.since(self.at))
    }
}

/// Takes part in the load sharing by its own doing.
fn is_weighted(peer: &Peer) -> bool {
    peer.kind == Kind::Caller && peer.config.weight > 0
}

fn rtt_bounds(config: &PeerConfig) -> RttBounds {
    RttBounds { drop: config.rtt_drop, restore: config.rtt_restore, settle: config.rtt_drop_settle }
}

/// Nobody answers for a group.
fn condition(now: Time, peer: &Peer) -> Condition {
    match (peer.kind, &peer.standing) {
        (Kind::Group, _) => Condition::Good,
        (_, Some(standing)) => standing.condition(now, peer.config.keepalive_interval),
        (_, None) => Condition::Stalled,
    }
}

/// How long the peer stays the same leg if it is not heard and not asked anything.
fn steady_for(now: Time, peer: &Peer) -> Span {
    match (peer.kind, &peer.standing) {
        (Kind::Group, _) => settled_for(now, Some(peer.created)),
        (_, Some(standing)) => standing.steady_for(now, peer.config.keepalive_interval),
        (_, None) => Span::MAX,
    }
}

fn leg(now: Time, peer: &Peer) -> Leg {
    let config = &peer.config;
    let mut leg = Leg {
        peer: peer.id,
        weight: config.weight,
        backup: config.backup,
        condition: condition(now, peer),
        good_since: None,
        share: FULL,
        trickle: 0,
    };
    if let Some(standing) = peer.standing.as_ref().filter(|_| peer.kind != Kind::Group) {
        leg.good_since = standing.good_since(now, config.keepalive_interval);
        leg.share = standing.share(now, config.weight);
        if standing.is_muted() && trickles(peer.rtt.smoothed().unwrap_or_default(), config.buffer_max) {
            leg.trickle = config.rtt_drop_trickle;
        }
    } else if peer.kind == Kind::Group {
        leg.good_since = Some(peer.created);
    }
    leg
}
