//! Strangers without end, each with a name, a flow of its own and some media.

use rist::protocol::config::{PeerConfig, Profile, Role};
use rist::protocol::output::{Event, Output, PeerId, SocketId};
use rist::protocol::payload::Pool;
use rist::protocol::session::{PeerSetup, Remote, Session, SessionConfig};
use rist::protocol::time::{Span, Time};
use rist::wire::rtcp::{ReceiverReport, write_receiver_report, write_sdes};
use rist::wire::rtp::{Header, MPEG_TS};
use std::collections::HashSet;
use std::net::{Ipv4Addr, SocketAddr};

const MAX_PEERS: usize = 1024 + 1;
const MAX_FLOWS: usize = 256;

pub(crate) fn flood(strangers: u32) {
    let (media, control) = (SocketId(0), SocketId(1));
    let local = |port| SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port);
    let config = SessionConfig { role: Role::Receiver, profile: Profile::Simple, flow_id: 0, seed: 7 };
    let mut session = Session::new(config, Pool::new());
    let mut now = Time::from_ticks(1 << 60);
    let setup = PeerSetup {
        config: PeerConfig { session_timeout: Span::from_secs(60), ..PeerConfig::default() },
        media,
        control,
        remote: Remote::Listen { media: local(5000), control: local(5001) },
        url: String::new(),
        miface: String::new(),
    };
    session.add_peer(now, setup).expect("a listener");
    session.set_stats_interval(now, Some(Span::from_millis(100)));
    for number in 0..strangers {
        now += Span::from_micros(100);
        let from = SocketAddr::new(Ipv4Addr::from(0x0a00_0000 + number).into(), 5001);
        let ssrc = 0x0100_0000 + number * 2;
        let mut words = Vec::new();
        write_receiver_report(&mut words, &ReceiverReport { ssrc, block: None });
        write_sdes(&mut words, ssrc, b"stranger");
        session.handle_datagram(now, control, from, &words);
        for seq in 0..3 {
            let mut packet = [0; Header::MAX_LEN];
            let header = Header { payload_type: MPEG_TS, seq, timestamp: 0, ssrc, null_packets: None };
            let len = header.write(&mut packet);
            session.handle_datagram(now, media, from, &packet[..len]);
        }
        session.handle_timeout(now);
        while session.poll_output().is_some() {}
    }
    // Whoever is left makes a report now.
    now += Span::from_millis(150);
    session.handle_timeout(now);
    let mut flows = HashSet::new();
    while let Some(output) = session.poll_output() {
        if let Output::Event(Event::FlowStats(report)) = output {
            flows.insert(report.flow_id);
        }
    }
    let peers = (0..=2 * strangers + 1).filter(|id| session.parent(PeerId(*id)).is_ok()).count();
    assert!(peers <= MAX_PEERS, "{peers} peers");
    assert!(!flows.is_empty() && flows.len() <= MAX_FLOWS, "{} flows", flows.len());
}
