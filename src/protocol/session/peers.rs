//! Who is known: peers added by the application, peers that came by themselves, and how they go.

use super::throttle::Complaint;
use super::{Channel, Listening, PeerSetup, Remote, Session};
use crate::protocol::config::Role;
use crate::protocol::flow::path::PathState;
use crate::protocol::flow::{Flow, FlowConfig, Merging};
use crate::protocol::output::{Error, Event, Level, PeerId, SocketId};
use crate::protocol::peer::{Endpoint, Kind, Peer};
use crate::protocol::recovery_depth;
use crate::protocol::time::{Span, Time};
use crate::protocol::timers::Timer;
use std::net::SocketAddr;
use std::sync::Arc;

/// Peers that came by themselves, at most.
const MAX_CHILDREN: usize = 1024;
/// Flows, at most (libRIST 0.2.16).
const MAX_FLOWS: usize = 256;
/// A name is looked up again this often while nothing is heard, for as many times …
const RESOLVE_OFTEN: Span = Span::from_secs(1);
const OFTEN: u32 = 60;
/// … and then this often.
const RESOLVE_SELDOM: Span = Span::from_secs(5);
/// Silence after which the other side may have moved. Its name is looked up aside from media.
pub(super) const MAY_HAVE_MOVED: Span = Span::from_millis(500);

impl Session {
    pub fn add_peer(&mut self, now: Time, setup: PeerSetup) -> Result<PeerId, Error> {
        let kind = match (self.config.role, setup.remote) {
            (Role::Receiver, Remote::Listen { .. }) => Kind::Listener,
            (Role::Sender, Remote::Call { multicast: true, .. }) => Kind::Group,
            (Role::Sender, Remote::Call { .. } | Remote::Unresolved) => Kind::Caller,
            (Role::Sender, Remote::Listen { .. }) if self.is_tunnel() => Kind::Listener,
            (Role::Receiver, Remote::Call { multicast: false, .. } | Remote::Unresolved) if self.is_tunnel() => {
                Kind::Caller
            }
            // TR-06-1 defines no reversed roles, and libRIST's do not work.
            (Role::Receiver, _) | (Role::Sender, Remote::Listen { .. }) => return Err(Error::Unsupported),
        };
        self.first_peer_rules(&setup.config);
        self.packing.want_fragments(setup.config.advanced.fragment_size);
        let id = self.take_id();
        let media = Endpoint::new(setup.media, None);
        let control = Endpoint::new(setup.control, None);
        let mut peer = Peer::new(id, kind, Arc::new(setup.config), media, control, now);
        self.reflects |= peer.config.reflector;
        peer.url = setup.url.into();
        peer.miface = setup.miface.into();
        peer.tunnel = self.new_tunnel(now, &peer);
        peer.vouched = !peer.config.address_validation;
        peer.ssrc = match self.config.role {
            Role::Sender => self.config.flow_id,
            Role::Receiver => self.next_random() as u32,
        };
        if let Remote::Listen { media, control } = setup.remote {
            self.listening.insert(setup.media, Listening { peer: id, channel: Channel::Media, local: media });
            self.listening.insert(setup.control, Listening { peer: id, channel: Channel::Control, local: control });
        }
        self.peers.insert(id, peer);
        self.lock_with_secret(now, id);
        self.login_with_credentials(now, id);
        match setup.remote {
            Remote::Listen { .. } => {}
            Remote::Call { .. } => self.call(now, id, setup.remote),
            Remote::Unresolved => self.resolve_later(now, id),
        }
        self.remember_long_enough();
        Ok(id)
    }

    /// Simple counts two peers for each, media and RTCP, as libRIST does; Main one.
    fn take_id(&mut self) -> PeerId {
        loop {
            let id = PeerId(self.next_peer);
            // The C handle has 28 bits for it.
            let step = if self.is_tunnel() { 1 } else { 2 };
            self.next_peer = if self.next_peer >= 0x0FFF_FFF0 { 1 } else { self.next_peer + step };
            if !self.peers.contains_key(&id) {
                return id;
            }
        }
    }

    /// New addresses of a calling peer, after its name was resolved (again).
    pub fn set_remote(&mut self, now: Time, peer: PeerId, remote: Remote) -> Result<(), Error> {
        let known = self.peers.get(&peer).ok_or(Error::NoSuchPeer)?;
        let Remote::Call { media, control, multicast } = remote else { return Err(Error::InvalidArgument) };
        if known.is_child() || known.kind == Kind::Listener || multicast {
            return Err(Error::InvalidArgument);
        }
        if (known.media.remote, known.control.remote) != (Some(media), Some(control)) {
            self.call(now, peer, remote);
        }
        Ok(())
    }

    fn call(&mut self, now: Time, id: PeerId, remote: Remote) {
        let Remote::Call { media, control, multicast } = remote else { return };
        let Some(peer) = self.peers.get_mut(&id) else { return };
        let (old_media, old_control) = (peer.media, peer.control);
        peer.media.remote = Some(media);
        peer.control.remote = Some(control);
        self.forget_sources(&[old_media, old_control]);
        let Some(peer) = self.peers.get(&id) else { return };
        if multicast {
            let (media_socket, control_socket) = (peer.media.socket, peer.control.socket);
            self.listening.insert(media_socket, Listening { peer: id, channel: Channel::Media, local: media });
            self.listening.insert(control_socket, Listening { peer: id, channel: Channel::Control, local: control });
        } else {
            self.sources.insert((peer.media.socket, media), (id, Channel::Media));
            self.sources.insert((peer.control.socket, control), (id, Channel::Control));
            self.timers.set(Timer::Resolve(id), Some(now + RESOLVE_OFTEN));
        }
        self.greet(now, id);
    }

    fn forget_sources(&mut self, endpoints: &[Endpoint]) {
        for endpoint in endpoints {
            if let Some(remote) = endpoint.remote {
                self.sources.remove((endpoint.socket, remote));
            }
        }
    }

    pub(super) fn resolve_later(&mut self, now: Time, id: PeerId) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        let wait = if peer.resolve_attempts < OFTEN { RESOLVE_OFTEN } else { RESOLVE_SELDOM };
        peer.resolve_attempts = peer.resolve_attempts.saturating_add(1);
        self.timers.set(Timer::Resolve(id), Some(now + wait));
    }

    /// Packets are kept as long as the most patient peer may ask for them (libRIST: buffer + 2 × rtt-max).
    fn remember_long_enough(&mut self) {
        let configs = self.peers.values().map(|peer| &peer.config);
        let memory = configs.map(|config| config.buffer_max + config.rtt_max.scaled(2, 1)).max();
        if let Some(memory) = memory {
            self.sender.set_memory(memory);
        }
        self.set_depths();
    }

    /// The sender's ring follows the application, else the deepest of the peers.
    pub(super) fn set_depths(&mut self) {
        let deepest = self.peers.values().map(|peer| peer.config.recovery_depth).max();
        let Some(depth) = self.recovery_depth.or(deepest) else { return };
        self.sender.set_depth(depth);
        if recovery_depth::is_cut(self.seq_mask(), depth) {
            self.log(Level::Warn, format!("recovery depth {depth} is more than this machine can address: cut"));
        }
    }

    /// The peer that was added through the API, where `peer` came by itself through it.
    pub fn parent(&self, peer: PeerId) -> Result<Option<PeerId>, Error> {
        match self.peers.get(&peer).ok_or(Error::NoSuchPeer)?.kind {
            Kind::Child(parent) => Ok(Some(parent)),
            _ => Ok(None),
        }
    }

    /// Whether a peer of the application's calls, rather than being called.
    pub fn calls(&self, peer: PeerId) -> Result<bool, Error> {
        self.peers.get(&peer).map(|peer| peer.kind == Kind::Caller).ok_or(Error::NoSuchPeer)
    }

    /// A stranger becomes a peer: the settings are those of the peer it came through.
    pub(super) fn add_child(
        &mut self,
        now: Time,
        through: PeerId,
        socket: SocketId,
        from: SocketAddr,
    ) -> Option<PeerId> {
        if self.members.children() >= MAX_CHILDREN && !self.evict_child() {
            self.complain(now, Complaint::TooManyPeers, Level::Warn, "too many peers, a new one was turned away");
            return None;
        }
        let announced = self.announces();
        let parent = self.peers.get(&through)?;
        let (config, url, miface) = (parent.config.clone(), parent.url.clone(), parent.miface.clone());
        let (vouched, in_group) = (parent.vouched, parent.kind == Kind::Group);
        let mut media = Endpoint::new(parent.media.socket, None);
        if in_group {
            media.remote = parent.media.remote;
        } else if self.is_tunnel() {
            media.remote = Some(from);
        }
        let mut control = Endpoint::new(socket, Some(from));
        control.announced = announced;
        let id = self.take_id();
        let mut peer = Peer::new(id, Kind::Child(through), config, media, control, now);
        peer.url = url;
        peer.miface = miface;
        peer.vouched = vouched;
        peer.ssrc = match self.config.role {
            Role::Sender => self.config.flow_id,
            Role::Receiver => self.next_random() as u32,
        };
        peer.heard(now);
        let patience = peer.patience();
        self.members.child_came(id, in_group);
        self.peers.insert(id, peer);
        self.sources.insert((socket, from), (id, Channel::Control));
        self.timers.set(Timer::Liveness(id), Some(now + patience));
        self.mention(now, Level::Info, format!("new peer {} connecting from {from} through peer {}", id.0, through.0));
        Some(id)
    }

    /// Makes room by removing the oldest child that never answered an echo.
    fn evict_child(&mut self) -> bool {
        match self.members.least_credible() {
            Some(id) => {
                self.drop_peer(id);
                true
            }
            None => false,
        }
    }

    pub fn remove_peer(&mut self, now: Time, peer: PeerId) -> Result<(), Error> {
        if !self.peers.contains_key(&peer) {
            return Err(Error::NoSuchPeer);
        }
        let children: Vec<PeerId> =
            self.peers.values().filter(|other| other.kind == Kind::Child(peer)).map(|child| child.id).collect();
        for child in children {
            self.drop_peer(child);
        }
        self.drop_peer(peer);
        self.hold_no_longer(now);
        Ok(())
    }

    /// Ends everything: the last events come out, nothing after them.
    pub fn close(&mut self, now: Time) {
        self.hold_nothing(now);
        let ids: Vec<PeerId> = self.peers.keys().rev().copied().collect();
        for id in ids {
            self.drop_peer(id);
        }
        self.flows.clear();
        self.playout.clear();
    }

    pub(super) fn drop_peer(&mut self, id: PeerId) {
        let Some(peer) = self.peers.remove(&id) else { return };
        let own = [Timer::Rtcp(id), Timer::Liveness(id), Timer::Resolve(id), Timer::KeepAlive(id)];
        for timer in own.into_iter().chain([Timer::SecretChange(id), Timer::Login(id)]) {
            self.timers.set(timer, None);
        }
        self.forget_sources(&[peer.media, peer.control]);
        self.listening.retain(|_, listening| listening.peer != id);
        self.sender.forget_peer(id);
        self.strangers.forget(id);
        if peer.is_child() {
            self.members.child_left(id);
        }
        if let Some(flow) = peer.flow {
            self.members.left(flow, peer.remote_ip(), id);
            self.leave_flow(id, flow);
        }
        if peer.connected {
            self.event(Event::TimedOut { peer: id });
        }
        for endpoint in [peer.control, peer.media] {
            if endpoint.announced {
                self.event(Event::Disconnected { peer: id });
            }
        }
    }

    /// Puts a peer on the flow that its SDES names.
    pub(super) fn join_flow(&mut self, now: Time, id: PeerId, flow_id: u32) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        if let Some(old) = peer.flow.filter(|old| *old != flow_id) {
            peer.flow = None;
            self.members.left(old, peer.remote_ip(), id);
            self.leave_flow(id, old);
        }
        if !self.flows.contains_key(&flow_id) {
            let proven = self.peers.get(&id).is_some_and(|peer| peer.is_proven());
            if self.flows.len() >= MAX_FLOWS && !self.evict_flow(proven) {
                self.complain(now, Complaint::TooManyFlows, Level::Warn, "too many flows, a new one was turned away");
                return;
            }
            let Some(config) = self.peers.get(&id).map(|peer| self.flow_config(peer, true)) else { return };
            let mut flow = Flow::new(flow_id, config);
            flow.set_wall_clock(self.wall_ahead);
            self.flows.insert(flow_id, flow);
            self.timers.set(Timer::FlowLife(flow_id), Some(now + config.buffer_max.max(Span::from_millis(250))));
            self.timers.set(Timer::FlowStats(flow_id), Some(now + super::FIRST_REPORT));
            self.mention(now, Level::Info, format!("flow {flow_id} begins"));
        } else {
            self.mention(now, Level::Info, format!("peer {} joins flow {flow_id}", id.0));
        }
        if let Some(peer) = self.peers.get_mut(&id) {
            peer.flow = Some(flow_id);
            self.members.joined(flow_id, peer.remote_ip(), id);
        }
        self.refresh_path(now, id);
        let trusted = self.peers.get(&id).is_some_and(|peer| peer.is_proven());
        if let Some(flow) = self.flows.get_mut(&flow_id).filter(|_| trusted) {
            flow.trust(id);
        }
        self.configure_flow(flow_id);
    }

    /// Makes room by ending a flow of which nothing has proved to be real; for a peer that has proved to be
    /// where it says, also one whose packets may come from anywhere.
    fn evict_flow(&mut self, for_proven: bool) -> bool {
        let doubtful = self.flows.values().find(|flow| !flow.is_credible());
        let unproven = || self.flows.values().find(|flow| for_proven && !flow.has_trusted_path());
        match doubtful.or_else(unproven).map(|flow| flow.id) {
            Some(id) => {
                self.end_flow(id);
                true
            }
            None => false,
        }
    }

    fn leave_flow(&mut self, id: PeerId, flow_id: u32) {
        let Some(flow) = self.flows.get_mut(&flow_id) else { return };
        // A flow without paths still plays out what it holds; its life timer ends it.
        flow.remove_path(id);
    }

    pub(super) fn end_flow(&mut self, flow_id: u32) {
        self.flows.remove(&flow_id);
        self.schedule_playout(flow_id);
        for timer in [Timer::FlowLife(flow_id), Timer::FlowStats(flow_id), Timer::Nack(flow_id)] {
            self.timers.set(timer, None);
        }
        for id in self.members.flow_ended(flow_id) {
            if let Some(peer) = self.peers.get_mut(&id) {
                peer.flow = None;
            }
        }
    }

    /// Tells the flow what its path to `id` is worth now.
    pub(super) fn refresh_path(&mut self, _now: Time, id: PeerId) {
        let Some(peer) = self.peers.get(&id) else { return };
        let trusted = peer.is_proven();
        let Some(flow) = peer.flow.and_then(|flow| self.flows.get_mut(&flow)) else { return };
        // Strangers are no path of a flow that has a proven one, until they have proved themselves.
        if !trusted && flow.has_trusted_path() {
            return;
        }
        flow.set_path(
            id,
            PathState {
                rtt: peer.rtt,
                usable: !peer.is_dead() && peer.control.remote.is_some(),
                priority: peer.config.recovery_priority,
                rtt_min: peer.config.rtt_min,
                rtt_max: peer.config.rtt_max,
                return_kbps: peer.config.max_return_bitrate_kbps,
            },
        );
    }

    pub(super) fn configure_flows(&mut self) {
        let ids: Vec<u32> = self.flows.keys().copied().collect();
        for id in ids {
            self.configure_flow(id);
        }
    }

    /// A flow follows the most patient of its peers.
    fn configure_flow(&mut self, flow_id: u32) {
        let Some(flow) = self.flows.get(&flow_id) else { return };
        let mut configs =
            flow.paths().filter_map(|id| self.peers.get(&id)).map(|peer| self.flow_config(peer, flow.takes(peer.id)));
        let Some(first) = configs.next() else { return };
        let config = configs.fold(first, |all, next| FlowConfig {
            recovery: all.recovery || next.recovery,
            buffer_min: all.buffer_min.max(next.buffer_min),
            buffer_max: all.buffer_max.max(next.buffer_max),
            merging: Merging { announced: all.merging.announced || next.merging.announced, ..all.merging },
            ..all
        });
        if let Some(flow) = self.flows.get_mut(&flow_id).filter(|flow| *flow.config() != config) {
            flow.configure(config);
        }
    }

    pub(super) fn configure_flow_of(&mut self, id: PeerId) {
        if let Some(flow) = self.peers.get(&id).and_then(|peer| peer.flow) {
            self.configure_flow(flow);
        }
    }

    /// What a flow is to be like for the sake of one of its peers. `taken`: it may bring media.
    fn flow_config(&self, peer: &Peer, taken: bool) -> FlowConfig {
        let config = &peer.config;
        let tunnel = peer.tunnel.as_ref();
        // Nothing is waited for that the sender does not have any more (libRIST 0.2.8: buffer negotiation).
        let kept = tunnel.and_then(|tunnel| tunnel.sender_buffer);
        FlowConfig {
            recovery: config.recovery,
            buffer_min: config.buffer_min,
            buffer_max: kept.map_or(config.buffer_max, |kept| config.buffer_max.min(kept)),
            reorder_buffer: config.reorder_buffer,
            max_retries: config.max_retries,
            max_bitrate_kbps: config.max_bitrate_kbps,
            timing_mode: config.timing_mode,
            rtt_multiplier: self.rtt_multiplier,
            merging: Merging {
                mode: self.merge,
                announced: taken && tunnel.is_some_and(|tunnel| tunnel.announces_pairs),
            },
            recovery_depth: self.recovery_depth.unwrap_or(config.recovery_depth),
            clock: config.advanced.clock,
        }
    }

    pub(super) fn complain(&mut self, now: Time, complaint: Complaint, level: Level, text: &str) {
        match self.throttles.may(now, complaint) {
            Some(0) => self.log(level, text),
            Some(swallowed) => self.log(level, format!("{text} ({swallowed} more since)")),
            None => {}
        }
    }

    /// A line about who comes and goes.
    pub(super) fn mention(&mut self, now: Time, level: Level, text: String) {
        self.complain(now, Complaint::Company, level, &text);
    }
}
