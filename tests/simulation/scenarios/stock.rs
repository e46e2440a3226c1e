//! Our sender against a receiver that is not ours: it answers echoes, sends empty reports with zeros, takes each gap for a loss after
//! half a round trip, and asks by the leg of the lowest RTT only (libRIST). The sender has nothing else to judge by.

use crate::random::Random;
use rist::protocol::config::{PeerConfig, Profile, Role};
use rist::protocol::output::{Event, Output, PeerId, SocketId};
use rist::protocol::payload::Pool;
use rist::protocol::report::{LegState, SenderPeerReport};
use rist::protocol::session::{Media, PeerSetup, Remote, Session, SessionConfig};
use rist::protocol::time::{Span, Time};
use rist::wire::rtcp::{self, Compound, ReceiverReport, ReportBlock, Rtcp};
use rist::wire::rtp::Rtp;
use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

const FLOW: u32 = 0x00c0_ffe0;
const BUFFER: u32 = 1000;
const MEDIA_EVERY: u32 = 5;

#[derive(Clone, Copy)]
struct Leg {
    delay: u32,
    /// Probability of loss on the way there and back.
    there: f64,
    back: f64,
}

enum Way {
    Media(Vec<u8>),
    There(Vec<u8>),
    Back(Vec<u8>),
}

struct Stock {
    session: Session,
    legs: Vec<Leg>,
    peers: Vec<PeerId>,
    answers_echoes: bool,
    ms: u32,
    /// By the time of arrival, with a number that keeps them apart.
    under_way: BTreeMap<(u32, u64), (usize, Way)>,
    datagrams: u64,
    random: Random,
    highest: Option<u32>,
    written: HashMap<u32, u32>,
    came: HashMap<u32, u32>,
    /// When to ask again, and how often it was asked.
    missing: BTreeMap<u32, (u32, u32)>,
    last_sr: Vec<(u32, u32)>,
    /// First transmissions and repeats by leg.
    sent: Vec<u32>,
    repeats: Vec<u32>,
    reports: Vec<SenderPeerReport>,
}

impl Stock {
    fn new(legs: &[Leg], answers_echoes: bool) -> Self {
        let config = SessionConfig { role: Role::Sender, profile: Profile::Simple, flow_id: FLOW, seed: 5 };
        let mut stock = Self {
            session: Session::new(config, Pool::new()),
            legs: legs.to_vec(),
            peers: Vec::new(),
            answers_echoes,
            ms: 0,
            under_way: BTreeMap::new(),
            datagrams: 0,
            random: Random::new(7),
            highest: None,
            written: HashMap::new(),
            came: HashMap::new(),
            missing: BTreeMap::new(),
            last_sr: vec![(0, 0); legs.len()],
            sent: vec![0; legs.len()],
            repeats: vec![0; legs.len()],
            reports: Vec::new(),
        };
        let now = stock.now();
        for leg in 0..legs.len() as u32 {
            let there = |port| SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, leg as u8, 0, 2)), port);
            let setup = PeerSetup {
                config: PeerConfig { weight: 5, cname: "ours".to_owned(), ..PeerConfig::default() },
                media: SocketId(2 * leg),
                control: SocketId(2 * leg + 1),
                remote: Remote::Call { media: there(5000), control: there(5001), multicast: false },
                url: String::new(),
                miface: String::new(),
            };
            let peer = stock.session.add_peer(now, setup).expect("a peer");
            stock.peers.push(peer);
        }
        stock.session.set_stats_interval(now, Some(Span::from_secs(1)));
        stock
    }

    fn now(&self) -> Time {
        Time::from_ticks(9_000_000_000 << 32 >> 2) + Span::from_millis(self.ms)
    }

    fn post(&mut self, leg: usize, loss: f64, way: Way) {
        if self.random.unit() < loss {
            return;
        }
        self.datagrams += 1;
        let arrives = (self.ms + self.legs[leg].delay, self.datagrams);
        self.under_way.insert(arrives, (leg, way));
    }

    fn drain(&mut self) {
        while let Some(output) = self.session.poll_output() {
            match output {
                Output::Transmit(transmit) => {
                    let bytes = [transmit.head(), transmit.body()].concat();
                    let (leg, media) = (transmit.socket.0 as usize / 2, transmit.socket.0 % 2 == 0);
                    if let Some(rtp) = Rtp::parse(&bytes).ok().filter(|_| media) {
                        let counts = if rtp.ssrc & 1 == 1 { &mut self.repeats } else { &mut self.sent };
                        counts[leg] += 1;
                    }
                    let way = if media { Way::Media(bytes) } else { Way::There(bytes) };
                    self.post(leg, self.legs[leg].there, way);
                }
                Output::Event(Event::SenderStats(report)) => self.reports.push(*report),
                _ => {}
            }
        }
    }

    fn reply(&mut self, leg: usize, write: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = Vec::new();
        let (last_sr, at) = self.last_sr[leg];
        let delay_since_sr = ((self.ms - at) << 16) / 1000;
        let block = (last_sr != 0).then_some(ReportBlock {
            ssrc: FLOW,
            fraction_lost: 0,
            cumulative_lost: 0,
            highest_seq: 0,
            jitter: 0,
            last_sr,
            delay_since_sr,
        });
        rtcp::write_receiver_report(&mut bytes, &ReceiverReport { ssrc: FLOW, block });
        rtcp::write_sdes(&mut bytes, FLOW, b"stock");
        write(&mut bytes);
        self.post(leg, self.legs[leg].back, Way::Back(bytes));
    }

    fn arrives(&mut self, leg: usize, way: Way) {
        match way {
            Way::Back(bytes) => {
                let from = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, leg as u8, 0, 2)), 5001);
                self.session.handle_datagram(self.now(), SocketId(2 * leg as u32 + 1), from, &bytes);
                self.drain();
            }
            Way::There(bytes) => {
                for item in Compound::new(&bytes).flatten() {
                    match item {
                        Rtcp::EchoRequest(echo) if self.answers_echoes => {
                            self.reply(leg, |out| rtcp::write_echo_response(out, &echo));
                        }
                        Rtcp::SenderReport(report) => self.last_sr[leg] = ((report.ntp >> 16) as u32, self.ms),
                        _ => {}
                    }
                }
            }
            Way::Media(bytes) => {
                let seq = u32::from(Rtp::parse(&bytes).expect("media").seq);
                self.missing.remove(&seq);
                self.came.entry(seq).or_insert(self.ms);
                if let Some(highest) = self.highest {
                    for missed in highest + 1..seq {
                        let patience = self.quickest().1;
                        self.missing.insert(missed, (self.ms + patience, 0));
                    }
                }
                self.highest = self.highest.max(Some(seq));
            }
        }
    }

    /// The leg of the lowest RTT, and half of that.
    fn quickest(&self) -> (usize, u32) {
        let alive = self.legs.iter().enumerate().filter(|(_, leg)| leg.back < 1.0);
        alive.map(|(place, leg)| (place, leg.delay)).min_by_key(|(_, delay)| *delay).unwrap_or((0, 1000))
    }

    fn run(&mut self, ms: u32) -> Vec<u32> {
        let before = self.sent.clone();
        for _ in 0..ms {
            self.ms += 1;
            while let Some(entry) = self.under_way.first_entry().filter(|entry| entry.key().0 <= self.ms) {
                let (leg, way) = entry.remove();
                self.arrives(leg, way);
            }
            let now = self.now();
            self.session.handle_timeout(now);
            self.drain();
            if self.ms > 300 && self.ms.is_multiple_of(MEDIA_EVERY) {
                let payload = self.session.pool().copy(&[0x47; 188]);
                let seq = self.written.len() as u32;
                self.written.insert(seq, self.ms);
                let media = Media { payload, ts_ntp: None, seq: None, virt_src_port: 0, virt_dst_port: 0 };
                self.session.send(now, media).expect("sent");
                self.drain();
            }
            if self.ms.is_multiple_of(100) {
                (0..self.legs.len()).for_each(|leg| self.reply(leg, |_| {}));
            }
            if self.ms.is_multiple_of(5) {
                self.ask();
            }
        }
        self.sent.iter().zip(before).map(|(after, before)| after - before).collect()
    }

    fn ask(&mut self) {
        let (leg, half) = self.quickest();
        let ms = self.ms;
        let mut seqs = Vec::new();
        for (seq, (next, asked)) in self.missing.iter_mut().filter(|(_, (next, asked))| *next <= ms && *asked < 20) {
            *next = ms + (2 * half * 11 / 10).max(5);
            *asked += 1;
            seqs.push(*seq as u16);
        }
        let mut rest = &seqs[..];
        while !rest.is_empty() {
            let mut taken = 0;
            self.reply(leg, |out| taken = rtcp::write_nack_range(out, FLOW, rest, 16));
            rest = &rest[taken.max(1)..];
        }
    }

    /// Packets that did not come within the buffer, behind the first that did.
    fn lost(&mut self) -> usize {
        let ends = self.written.len() as u32;
        self.run(2000);
        let slowest = self.legs.iter().map(|leg| leg.delay).max().unwrap_or(0);
        let in_time = |seq: &u32| {
            let written = self.written[seq];
            self.came.get(seq).is_some_and(|came| came - written <= BUFFER + slowest.min(100))
        };
        (10..ends).filter(|seq| !in_time(seq)).count()
    }

    fn report(&self, leg: usize) -> &SenderPeerReport {
        self.reports.iter().rfind(|report| report.peer == self.peers[leg] && !report.rtcp).expect("a report")
    }
}

const QUICK: Leg = Leg { delay: 10, there: 0.0, back: 0.0 };
const SLOW: Leg = Leg { delay: 100, ..QUICK };

#[test]
fn unequal_legs_keep_their_shares() {
    for answers in [true, false] {
        let mut stock = Stock::new(&[QUICK, SLOW], answers);
        stock.run(1000);
        // Every packet of the slow leg is asked for while it is on its way.
        assert_eq!(stock.run(10_000), [1000, 1000], "echoes: {answers}");
        assert_eq!(stock.lost(), 0);
        let leg = &stock.report(1).leg;
        assert_eq!((leg.state, leg.far_end_received, leg.far_end_lost), (Some(LegState::Carrying), None, None));
    }
}

#[test]
fn a_leg_that_dies_in_any_direction_costs_nothing() {
    for answers in [true, false] {
        for leg in 0..2 {
            for (there, back) in [(1.0, 1.0), (1.0, 0.0), (0.0, 1.0)] {
                // Who answers no echoes can not tell that our direction is dead.
                if !answers && back == 0.0 {
                    continue;
                }
                let mut stock = Stock::new(&[QUICK, SLOW], answers);
                stock.run(3000);
                let healthy = stock.legs[leg];
                stock.legs[leg] = Leg { there, back, ..healthy };
                stock.run(1000);
                let after = stock.run(4000);
                assert!(after[leg] <= 8, "echoes {answers}, leg {leg}, {there} {back}: {after:?}");
                assert_eq!(after.iter().sum::<u32>(), 800);
                stock.legs[leg] = healthy;
                stock.run(2500);
                let back_again = stock.run(2000);
                assert!(back_again[leg].abs_diff(200) <= 1, "echoes {answers}, leg {leg}: {back_again:?}");
                assert_eq!(stock.lost(), 0, "echoes {answers}, leg {leg}, {there} {back}");
            }
        }
    }
}

#[test]
fn a_leg_that_loses_most_is_spared_and_its_loss_is_told() {
    let mut stock = Stock::new(&[QUICK, Leg { delay: 15, ..QUICK }], true);
    stock.run(3000);
    stock.legs[1].there = 0.6;
    stock.run(4000);
    let told = stock.reports.iter().filter(|report| report.peer == stock.peers[1] && !report.rtcp);
    let worst = told.filter_map(|report| report.leg.loss()).fold(0.0, f64::max);
    assert!((45.0..=75.0).contains(&worst), "{worst} %");
    let spared = stock.run(4000);
    assert!(spared[1] <= 80, "{spared:?}");
    stock.legs[1].there = 0.0;
    stock.run(4000);
    assert_eq!(stock.run(2000), [200, 200]);
    assert_eq!(stock.lost(), 0);
}

#[test]
fn without_echoes_loss_alone_moves_nothing() {
    let mut stock = Stock::new(&[QUICK, Leg { delay: 15, there: 0.5, ..QUICK }], false);
    stock.run(3000);
    assert_eq!(stock.run(4000), [400, 400]);
    assert_eq!(stock.lost(), 0);
}
