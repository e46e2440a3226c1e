//! Requests for everything, 24 octets each: to a listening sender, in virtual time. libRIST 0.2.7 sends 940 packets
//! for one, and again for the next.

use rist::protocol::config::{PeerConfig, Profile, Role};
use rist::protocol::entropy::Entropy;
use rist::protocol::output::{Output, SocketId};
use rist::protocol::payload::Pool;
use rist::protocol::session::{Media, PeerSetup, Remote, Session, SessionConfig};
use rist::protocol::time::{Span, Time};
use rist::wire::gre::{Content, Form, Packet};
use rist::wire::rtcp::{Compound, Rtcp, write_echo_response};
use rist::wire::rtp::Rtp;
use std::net::SocketAddr;

use crate::support::forge::{self, PORTS, Seal};

const FLOW: u32 = 0x00c0_ffe0;
const SOCKET: SocketId = SocketId(0);
const RTT: Span = Span::from_millis(20);
const MOST: usize = 4096;

struct Listening {
    session: Session,
    now: Time,
    peer: SocketAddr,
}

/// What a peer was sent.
#[derive(Default)]
struct Told {
    octets: usize,
    packets: usize,
    repeats: usize,
    echoes: Vec<Vec<u8>>,
}

impl Listening {
    fn new() -> Self {
        let config = SessionConfig { role: Role::Sender, profile: Profile::Main, flow_id: FLOW, seed: 7 };
        let mut session = Session::new(config, Pool::new());
        session.set_entropy(Entropy::new(|octets| {
            octets.fill(5);
            true
        }));
        let here = SocketAddr::from(([192, 0, 2, 1], 5000));
        let setup = PeerSetup {
            config: PeerConfig { rtt_min: RTT, session_timeout: Span::from_secs(60), ..PeerConfig::default() },
            media: SOCKET,
            control: SOCKET,
            remote: Remote::Listen { media: here, control: here },
            url: String::new(),
            miface: String::new(),
        };
        let now = Time::from_ticks(0x83AA_7E80 << 32);
        session.add_peer(now, setup).expect("a listener");
        Self { session, now, peer: SocketAddr::from(([198, 51, 100, 7], 7)) }
    }

    fn hear(&mut self, message: &[u8]) -> usize {
        let packet = forge::packet(1, Seal::Clear, Form::Reduced(PORTS), message);
        self.session.handle_datagram(self.now, SOCKET, self.peer, &packet);
        packet.len()
    }

    fn write(&mut self, packets: u32) {
        for _ in 0..packets {
            self.now += Span::from_micros(100);
            let payload = self.session.pool().copy(&[0x47; 1316]);
            let media = Media { payload, ts_ntp: None, seq: None, virt_src_port: 0, virt_dst_port: 0 };
            self.session.send(self.now, media).expect("sent");
        }
    }

    /// Lets time pass and takes what leaves.
    fn told(&mut self, length: Span) -> Told {
        let (end, mut told) = (self.now + length, Told::default());
        while self.now < end {
            self.now += Span::from_micros(500);
            self.session.handle_timeout(self.now);
            while let Some(output) = self.session.poll_output() {
                let Output::Transmit(transmit) = output else { continue };
                let bytes = [transmit.head(), transmit.body()].concat();
                told.octets += bytes.len();
                let packet = Packet::parse(&bytes).expect("a tunnel packet");
                match Content::parse(packet.protocol, packet.body) {
                    Ok(Content::Media { packet, .. }) => {
                        told.packets += 1;
                        told.repeats += usize::from(Rtp::parse(packet).expect("media").ssrc & 1 == 1);
                    }
                    Ok(Content::Feedback { packet, .. }) => {
                        let answers = Compound::new(packet).filter_map(|item| match item {
                            Ok(Rtcp::EchoRequest(echo)) => Some(echo),
                            _ => None,
                        });
                        told.echoes.extend(answers.map(|echo| {
                            let mut out = forge::report(FLOW, b"peer");
                            write_echo_response(&mut out, &echo);
                            out
                        }));
                    }
                    _ => {}
                }
            }
        }
        told
    }
}

#[test]
fn a_peer_that_proved_nothing_gets_no_packet_for_its_requests() {
    let mut world = Listening::new();
    let mut said = world.hear(&forge::report(FLOW, b"stranger"));
    world.write(9000);
    let mut got = world.told(Span::from_millis(10)).octets;
    for _ in 0..100 {
        said += world.hear(&forge::range_request(FLOW, 0));
        let told = world.told(Span::from_millis(30));
        assert_eq!(told.packets, 0);
        got += told.octets;
    }
    println!("unproven: {got} octets for {said}, no media");
    assert!(got <= 3 * said);
}

#[test]
fn a_peer_that_answers_gets_a_packet_once_in_a_round_trip() {
    let mut world = Listening::new();
    world.hear(&forge::report(FLOW, b"peer"));
    world.hear(&forge::report(FLOW, b"peer"));
    let told = world.told(Span::from_millis(200));
    assert!(!told.echoes.is_empty(), "a peer is asked for an echo");
    for answer in told.echoes {
        world.hear(&answer);
    }
    world.write(9000);
    world.told(Span::from_micros(500));
    let first = world.hear(&forge::range_request(FLOW, 0));
    let once = world.told(Span::from_millis(2));
    println!("proven: {} packets, {} octets for {first}", once.repeats, once.octets);
    assert!((1..=MOST).contains(&once.repeats), "{}", once.repeats);
    // The same again within the round trip: nothing is sent twice, what had to wait may go.
    let mut together = once.repeats;
    for _ in 0..5 {
        world.hear(&forge::range_request(FLOW, 0));
        together += world.told(Span::from_millis(2)).repeats;
    }
    println!("six requests within a round trip: {together} packets");
    assert!(together <= MOST, "{together}");
}
