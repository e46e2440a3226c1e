//! Headers and messages.

use criterion::{BenchmarkGroup, Criterion, Throughput, measurement::WallTime};
use rist::wire::gre::{self, Content, Form, Packet, Ports};
use rist::wire::rtcp::{Compound, ReceiverReport, Rtcp, write_nack_bitmask, write_nack_range};
use rist::wire::rtcp::{write_receiver_report, write_sdes};
use rist::wire::rtp::{Header, MPEG_TS, Rtp};
use std::hint::black_box;

const PAYLOAD: [u8; 1316] = [0x47; 1316];
const FLOW: u32 = 0x1000;
const VERSION: u8 = 2;
const PORTS: Ports = Ports { source: 0x8001, destination: 1968 };
const RTP: Header = Header { payload_type: MPEG_TS, seq: 7, timestamp: 90_000, ssrc: FLOW, null_packets: None };

fn tunnel(out: &mut [u8; gre::Header::MAX_LEN]) -> (usize, [u8; Form::MAX_PREFIX], usize) {
    let (protocol, prefix, prefix_len) = Form::Reduced(black_box(PORTS)).prefix(VERSION);
    let header = gre::Header { version: VERSION, protocol, key: None, sequence: 7 };
    (black_box(header).write(out), prefix, prefix_len)
}

fn rtp_packet() -> Vec<u8> {
    let mut head = [0; Header::MAX_LEN];
    let len = RTP.write(&mut head);
    [&head[..len], &PAYLOAD].concat()
}

fn tunnel_packet() -> Vec<u8> {
    let mut head = [0; gre::Header::MAX_LEN];
    let (len, prefix, prefix_len) = tunnel(&mut head);
    [&head[..len], &prefix[..prefix_len], &rtp_packet()].concat()
}

pub(crate) fn frame(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("frame");
    group.bench_function("RTP header", |bencher| {
        let mut out = [0; Header::MAX_LEN];
        bencher.iter(|| black_box(&RTP).write(black_box(&mut out)));
    });
    group.bench_function("GRE header", |bencher| {
        let mut out = [0; gre::Header::MAX_LEN];
        bencher.iter(|| tunnel(black_box(&mut out)));
    });
    group.finish();
}

pub(crate) fn parse(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("parse");
    group.bench_function("RTP", |bencher| {
        let packet = rtp_packet();
        bencher.iter(|| Rtp::parse(black_box(&packet)).is_ok());
    });
    group.bench_function("GRE and RTP", |bencher| {
        let packet = tunnel_packet();
        bencher.iter(|| {
            let packet = Packet::parse(black_box(&packet)).expect("a GRE header");
            match Content::parse(packet.protocol, packet.body) {
                Ok(Content::Media { packet, .. }) => Rtp::parse(packet).is_ok(),
                _ => panic!("no media"),
            }
        });
    });
    let mut datagram = Vec::new();
    write_receiver_report(&mut datagram, &ReceiverReport { ssrc: FLOW, block: None });
    write_sdes(&mut datagram, FLOW, b"bench");
    write_nack_range(&mut datagram, FLOW, &lost(), 16);
    bytes(&mut group, &datagram);
    group.bench_function("RTCP compound (RR, SDES, NACK)", |bencher| {
        bencher.iter(|| Compound::new(black_box(&datagram)).filter(Result::is_ok).count());
    });
    group.finish();
}

/// Every tenth of a thousand.
fn lost() -> Vec<u16> {
    (0..100).map(|index| index * 10).collect()
}

type Write = fn(&mut Vec<u8>, &[u16]) -> usize;

pub(crate) fn nack(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("NACK of 100 packets");
    group.throughput(Throughput::Elements(100));
    let kinds: [(&str, Write); 2] = [
        ("range", |out, lost| write_nack_range(out, FLOW, lost, 16)),
        ("bitmask", |out, lost| write_nack_bitmask(out, FLOW, FLOW, lost, 16)),
    ];
    for (name, write) in kinds {
        let lost = lost();
        let build = |out: &mut Vec<u8>| {
            let mut rest = black_box(&lost[..]);
            while !rest.is_empty() {
                rest = &rest[write(out, rest)..];
            }
        };
        let mut out = Vec::new();
        group.bench_function(format!("build, {name}"), |bencher| {
            bencher.iter(|| {
                out.clear();
                build(&mut out);
            });
        });
        out.clear();
        build(&mut out);
        group.bench_function(format!("parse, {name}"), |bencher| {
            bencher.iter(|| {
                let requests = Compound::new(black_box(&out)).map(|item| match item {
                    Ok(Rtcp::Nack(nack)) => nack.sequences(4096).map(black_box).count(),
                    _ => panic!("no NACK"),
                });
                assert_eq!(requests.sum::<usize>(), lost.len());
            });
        });
    }
    group.finish();
}

fn bytes(group: &mut BenchmarkGroup<'_, WallTime>, datagram: &[u8]) {
    group.throughput(Throughput::Bytes(datagram.len() as u64));
}
