//! The other side of one association: its endpoints, name, round-trip time and signs of life.

mod echoes;
pub(super) mod rtt;
mod sender_reports;

use super::auth::{Auth, AuthSettings, LoginRole};
use super::bonding::Standing;
use super::config::PeerConfig;
use super::meter::Meter;
use super::output::{PeerId, SocketId};
use super::time::{Span, Time};
use super::tunnel::{Abilities, Tunnel};
pub(super) use echoes::Echoes;
use rtt::Rtt;
use sender_reports::SenderReports;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// A peer is reported as gone this long after it was found dead (libRIST).
pub(super) const GONE_AFTER: Span = Span::from_secs(5);

/// How a peer came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Ours: strangers come to its sockets and become children.
    Listener,
    /// Ours: we know whom we call.
    Caller,
    /// Ours: we send to a group; feedback comes from children.
    Group,
    /// Came by itself through a listener or a group.
    Child(PeerId),
}

/// One UDP address pair. Simple has two (media, RTCP); other profiles use one for both.
#[derive(Debug, Clone, Copy)]
pub(super) struct Endpoint {
    pub(super) socket: SocketId,
    pub(super) remote: Option<SocketAddr>,
    /// The application was asked about it and has to hear when it goes.
    pub(super) announced: bool,
    pub(super) last_heard: Option<Time>,
}

impl Endpoint {
    pub(super) fn new(socket: SocketId, remote: Option<SocketAddr>) -> Self {
        Self { socket, remote, announced: false, last_heard: None }
    }
}

/// A login with this peer.
#[derive(Debug)]
pub(super) struct Login {
    pub(super) auth: Box<Auth>,
    /// Nothing passes before it has succeeded.
    pub(super) demanded: bool,
    /// The other side asked for it lately: nothing passes either. One forged question must not last for ever.
    pub(super) asked: Option<Time>,
}

/// A login that is asked for is asked for again sooner than this.
const ASKED_FOR: Span = Span::from_secs(5);

impl Login {
    fn is_wanted(&self) -> bool {
        self.demanded || self.asked.is_some()
    }

    pub(super) fn forget_old_questions(&mut self, now: Time) {
        self.asked = self.asked.filter(|asked| now.since(*asked) < ASKED_FOR);
    }
}

/// How those log in who come through a peer of ours.
#[derive(Debug, Clone)]
pub(super) struct Entrance {
    pub(super) role: LoginRole,
    pub(super) settings: Arc<AuthSettings>,
}

/// What was sent to and heard from a peer since the last report.
#[derive(Debug)]
pub(super) struct Traffic {
    pub(super) sent: u64,
    pub(super) sent_bytes: u64,
    pub(super) sent_rtcp: u32,
    pub(super) received_rtcp: u32,
    pub(super) retransmitted: u64,
    pub(super) retransmitted_bytes: u64,
    pub(super) bandwidth_skipped: u32,
    pub(super) bloat_skipped: u32,
    pub(super) retransmit_skipped: u32,
    pub(super) ts_nulls: u64,
}

#[derive(Debug)]
pub(super) struct Peer {
    pub(super) id: PeerId,
    pub(super) kind: Kind,
    /// Shared with those who came through this peer.
    pub(super) config: Arc<PeerConfig>,
    pub(super) media: Endpoint,
    pub(super) control: Endpoint,
    pub(super) url: Arc<str>,
    pub(super) miface: Arc<str>,
    /// Our SSRC in reports and echoes to this peer.
    pub(super) ssrc: u32,
    /// The other side's name, once it has told it.
    pub(super) remote_name: Option<String>,
    /// The flow that its SDES speaks of.
    pub(super) flow: Option<u32>,
    /// Another flow that its SDES speaks of by now, while media of `flow` was still heard.
    pub(super) next_flow: Option<u32>,
    pub(super) rtt: Rtt,
    pub(super) echoes: Echoes,
    /// As a leg of ours, if we send to it.
    pub(super) standing: Option<Box<Standing>>,
    /// Main profile.
    pub(super) tunnel: Option<Box<Tunnel>>,
    pub(super) login: Option<Login>,
    /// What those who come through this peer have to do first.
    pub(super) entrance: Option<Entrance>,

    /// Proven by other means than an echo.
    pub(super) vouched: bool,
    /// Bytes that may still be sent to it before it has answered an echo.
    allowance: u64,
    /// That was too little for the last thing that we had to say.
    muted: bool,
    pub(super) last_heard: Option<Time>,
    pub(super) created: Time,
    pub(super) dead_since: Option<Time>,
    /// The application knows it as connected.
    pub(super) connected: bool,
    /// Those that we sent are noted while it answers no echoes.
    pub(super) sender_reports: SenderReports,
    /// Packets expected and received, as last reported to it.
    pub(super) told_reception: (u64, u64),
    pub(super) resolve_attempts: u32,
    pub(super) traffic: Traffic,
    pub(super) media_rate: Meter,
    pub(super) retry_rate: Meter,
    pub(super) media_packets: u32,
    pub(super) media_octets: u32,
}

impl Peer {
    pub(super) fn new(
        id: PeerId,
        kind: Kind,
        config: Arc<PeerConfig>,
        media: Endpoint,
        control: Endpoint,
        now: Time,
    ) -> Self {
        Self {
            id,
            kind,
            config,
            media,
            control,
            url: Arc::default(),
            miface: Arc::default(),
            ssrc: 0,
            remote_name: None,
            flow: None,
            next_flow: None,
            rtt: Rtt::default(),
            echoes: Echoes::default(),
            standing: None,
            tunnel: None,
            login: None,
            entrance: None,
            vouched: false,
            allowance: 0,
            muted: false,
            last_heard: None,
            created: now,
            dead_since: None,
            connected: false,
            sender_reports: SenderReports::default(),
            told_reception: (0, 0),
            resolve_attempts: 0,
            traffic: Traffic::new(),
            media_rate: Meter::fast(),
            retry_rate: Meter::fast(),
            media_packets: 0,
            media_octets: 0,
        }
    }

    pub(super) fn is_child(&self) -> bool {
        matches!(self.kind, Kind::Child(_))
    }

    /// What it is sent arrives where its packets come from: it has answered an echo, or logged in, or the
    /// application wants no such proof.
    pub(super) fn is_proven(&self) -> bool {
        self.echoes.answers() || self.vouched
    }

    /// It has logged in, or need not.
    pub(super) fn is_open(&self) -> bool {
        self.login.as_ref().is_none_or(|login| !login.is_wanted() || login.auth.is_authenticated())
    }

    /// What it can do beyond Main, where that matters.
    pub(super) fn abilities(&self) -> Option<&Abilities> {
        self.tunnel.as_ref()?.abilities.as_deref()
    }

    pub(super) fn abilities_mut(&mut self) -> Option<&mut Abilities> {
        self.tunnel.as_mut()?.abilities.as_deref_mut()
    }

    pub(super) fn remote_ip(&self) -> Option<IpAddr> {
        self.control.remote.map(|remote| remote.ip())
    }

    pub(super) fn is_dead(&self) -> bool {
        self.dead_since.is_some()
    }

    /// Silence after which the peer is dead. Two buffers at least, so that a pause that recovery could
    /// bridge does not cost the session (libRIST 0.2.19); and so long that one report may be lost.
    pub(super) fn patience(&self) -> Span {
        let buffer = (self.config.buffer_min + self.config.buffer_max).scaled(1, 2);
        let two_reports = self.config.keepalive_interval.scaled(5, 2);
        self.config.session_timeout.max(buffer.scaled(2, 1)).max(two_reports)
    }

    pub(super) fn heard(&mut self, now: Time) {
        self.last_heard = Some(now);
        if let Some(standing) = &mut self.standing {
            standing.evidence.heard(now, self.config.keepalive_interval);
        }
    }

    /// Media of a flow has come: whether that is one more packet of the flow that it brings, and nothing else is to be
    /// seen to.
    pub(super) fn goes_on(&mut self, now: Time, flow_id: u32) -> bool {
        let usual = self.flow == Some(flow_id) && self.next_flow.is_none() && !self.is_dead();
        if usual {
            self.heard(now);
            self.media.last_heard = Some(now);
        }
        usual
    }

    pub(super) fn received_bytes(&mut self, bytes: usize) {
        self.allowance = self.allowance.saturating_add(3 * bytes as u64);
        self.muted = false;
    }

    /// A stranger is sent at most three bytes for each byte that came from it, until an echo has shown
    /// that it is where it says: nobody can be flooded through us.
    pub(super) fn may_send(&mut self, bytes: usize) -> bool {
        if !self.is_child() || self.is_proven() {
            return true;
        }
        let allowed = self.allowance >= bytes as u64;
        if allowed {
            self.allowance -= bytes as u64;
        }
        self.muted = !allowed;
        allowed
    }

    /// False once something was not allowed out, until more comes in: thousands of strangers that have fallen silent
    /// cost no reports that nobody gets.
    pub(super) fn may_hear(&self) -> bool {
        !self.muted || !self.is_child() || self.is_proven()
    }

    pub(super) fn count_sent(&mut self, bytes: usize) {
        self.traffic.sent += 1;
        self.traffic.sent_bytes += bytes as u64;
    }
}

impl Traffic {
    pub(super) fn new() -> Self {
        Self {
            sent: 0,
            sent_bytes: 0,
            sent_rtcp: 0,
            received_rtcp: 0,
            retransmitted: 0,
            retransmitted_bytes: 0,
            bandwidth_skipped: 0,
            bloat_skipped: 0,
            retransmit_skipped: 0,
            ts_nulls: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is kept for an address that has shown nothing yet, but for its name of at most 127 octets and the login
    /// that has a test of its own (`auth`, 600 octets).
    #[test]
    fn a_stranger_costs_little_memory() {
        let octets = size_of::<Peer>() + size_of::<Tunnel>();
        assert!(octets <= 800, "{octets}");
    }
}
