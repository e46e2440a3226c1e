//! Time per call of what runs for every packet, in nanoseconds: `cargo bench --bench hot_paths [filter]`.
//!
//! Each figure is the best of several rounds: the others were disturbed.

use rist::protocol::config::{PeerConfig, Profile, Role};
use rist::protocol::output::{Output, SocketId};
use rist::protocol::payload::Pool;
use rist::protocol::session::{Media, PeerSetup, Remote, Session, SessionConfig};
use rist::protocol::time::{Span, Time};
use rist::wire::rtcp::{Compound, ReceiverReport, Rtcp, write_nack_range, write_receiver_report, write_sdes};
use rist::wire::rtp::{Header, MPEG_TS, Rtp};
use std::hint::black_box;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

const PAYLOAD: [u8; 1316] = [0x47; 1316];
const FLOW: u32 = 0x1000;
const MEDIA: SocketId = SocketId(0);
const CONTROL: SocketId = SocketId(1);
/// One packet every 105 µs: 100 Mbit/s.
const GAP: Span = Span::from_micros(105);
const ROUNDS: u32 = 7;

fn main() {
    // Cargo passes `--bench`; anything else chooses by name.
    let filter = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    let wanted = |name: &str| name.contains(&filter);
    for (name, bench) in BENCHES {
        if wanted(name) {
            let best = (0..ROUNDS).map(|_| bench()).fold(f64::INFINITY, f64::min);
            println!("{name:<34} {best:>9.1} ns");
        }
    }
}

type Bench = fn() -> f64;

const BENCHES: &[(&str, Bench)] = &[
    ("RTP write", rtp_write),
    ("RTP parse", rtp_parse),
    ("RTCP compound parse (RR, SDES, NACK)", rtcp_parse),
    ("NACK build (100 of 1000 lost)", nack_build),
    ("send 1316 bytes, one peer", send),
    ("receive and play out, in order", receive_in_order),
    ("receive and play out, 5 % loss", receive_with_loss),
    ("receive only", receive_only),
    ("play out only", play_out_only),
];

/// Nanoseconds per call.
fn time(calls: u32, mut call: impl FnMut(u32)) -> f64 {
    let began = Instant::now();
    (0..calls).for_each(&mut call);
    per(began.elapsed(), calls)
}

fn per(elapsed: Duration, calls: u32) -> f64 {
    elapsed.as_nanos() as f64 / f64::from(calls)
}

fn header(seq: u32, at: Span) -> Header {
    let timestamp = ((i128::from(at.ticks()) * 90_000) >> 32) as u32;
    Header { payload_type: MPEG_TS, seq: seq as u16, timestamp, ssrc: FLOW, null_packets: None }
}

fn rtp_write() -> f64 {
    let mut out = [0; Header::MAX_LEN];
    time(1_000_000, |seq| {
        black_box(header(black_box(seq), GAP).write(&mut out));
    })
}

fn rtp_parse() -> f64 {
    let packet = [&[0x80, 33, 0, 1, 0, 0, 0, 2, 0, 0, 0x10, 0][..], &PAYLOAD].concat();
    time(1_000_000, |_| {
        black_box(Rtp::parse(black_box(&packet)).is_ok());
    })
}

fn lost() -> Vec<u16> {
    (0..100).map(|index| index * 10).collect()
}

fn compound() -> Vec<u8> {
    let mut out = Vec::new();
    write_receiver_report(&mut out, &ReceiverReport { ssrc: FLOW, block: None });
    write_sdes(&mut out, FLOW, b"bench");
    out
}

fn rtcp_parse() -> f64 {
    let mut datagram = compound();
    write_nack_range(&mut datagram, FLOW, &lost(), 16);
    time(200_000, |_| {
        for item in Compound::new(black_box(&datagram)) {
            if let Ok(Rtcp::Nack(nack)) = item {
                black_box(nack.sequences(4096).count());
            }
        }
    })
}

fn nack_build() -> f64 {
    let lost = lost();
    let mut out = Vec::new();
    time(100_000, |_| {
        out.clear();
        let mut rest = black_box(&lost[..]);
        while !rest.is_empty() {
            rest = &rest[write_nack_range(&mut out, FLOW, rest, 16)..];
        }
    })
}

struct End {
    session: Session,
    now: Time,
}

fn address(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

impl End {
    fn new(role: Role) -> End {
        let config = SessionConfig { role, profile: Profile::Simple, flow_id: FLOW, seed: 1 };
        let mut end = End { session: Session::new(config, Pool::new()), now: Time::from_ticks(1 << 60) };
        let (media, control) = (address(5000), address(5001));
        let setup = PeerSetup {
            config: PeerConfig { session_timeout: Span::from_secs(600), ..PeerConfig::default() },
            media: MEDIA,
            control: CONTROL,
            remote: match role {
                Role::Sender => Remote::Call { media, control, multicast: false },
                Role::Receiver => Remote::Listen { media, control },
            },
            url: String::new(),
            miface: String::new(),
        };
        end.session.add_peer(end.now, setup).expect("a peer");
        if role == Role::Receiver {
            end.session.handle_datagram(end.now, CONTROL, address(6001), &compound());
        }
        end
    }

    /// What the runtime does after each call.
    fn serve(&mut self) {
        if self.session.poll_timeout().is_some_and(|at| at <= self.now) {
            self.session.handle_timeout(self.now);
        }
        while let Some(output) = self.session.poll_output() {
            black_box(matches!(output, Output::Transmit(_)));
        }
    }

    fn receive(&mut self, seq: u32, repair: bool) {
        let mut packet = [0; Header::MAX_LEN + PAYLOAD.len()];
        let mut head = [0; Header::MAX_LEN];
        let at = GAP.scaled(i64::from(seq), 1);
        let mut header = header(seq, at);
        header.ssrc |= u32::from(repair);
        let len = header.write(&mut head);
        packet[..len].copy_from_slice(&head[..len]);
        packet[len..len + PAYLOAD.len()].copy_from_slice(&PAYLOAD);
        self.session.handle_datagram(self.now, MEDIA, address(6000), &packet[..len + PAYLOAD.len()]);
        self.serve();
    }
}

fn send() -> f64 {
    let mut end = End::new(Role::Sender);
    time(100_000, |_| {
        end.now += GAP;
        let payload = end.session.pool().copy(&PAYLOAD);
        let media = Media { payload, ts_ntp: None, seq: None, virt_src_port: 0, virt_dst_port: 0 };
        end.session.send(end.now, media).expect("sent");
        end.serve();
    })
}

/// As at a receiver of 100 Mbit/s with a buffer of one second: 9,500 packets are in it.
fn play(calls: u32, lost: impl Fn(u32) -> bool) -> f64 {
    let mut end = End::new(Role::Receiver);
    let mut out = Vec::new();
    let mut count = 0;
    let figure = time(calls, |seq| {
        end.now += GAP;
        if !lost(seq) {
            end.receive(seq, false);
        }
        // The answer to a request, 40 ms later.
        if seq >= 400 && lost(seq - 400) {
            end.receive(seq - 400, true);
        }
        end.session.poll_delivery(end.now, &mut out);
        count += out.len() as u32;
        out.clear();
    });
    assert!(count > calls - 12_000, "{count} of {calls}");
    figure
}

fn receive_in_order() -> f64 {
    play(100_000, |_| false)
}

fn receive_with_loss() -> f64 {
    play(100_000, |seq| seq % 20 == 7)
}

const BUFFERED: u32 = 9000;

fn receive_only() -> f64 {
    let mut end = End::new(Role::Receiver);
    time(BUFFERED, |seq| {
        end.now += GAP;
        end.receive(seq, false);
    })
}

fn play_out_only() -> f64 {
    let mut end = End::new(Role::Receiver);
    (0..BUFFERED).for_each(|seq| {
        end.now += GAP;
        end.receive(seq, false);
    });
    let mut out = Vec::new();
    time(BUFFERED + 1000, |_| {
        end.now += GAP;
        end.session.poll_delivery(end.now, &mut out);
        black_box(out.len());
        out.clear();
    })
}
