//! Captured packets in, messages out, and the same octets back; then the same packets cut and mutated.

#[path = "support/captures.rs"]
mod captures;

use captures::{as_ours, sequences, vectors, write};
use rist::wire::rtcp::{
    Compound, Echo, ReceiverReport, ReportBlock, Rtcp, SenderReport, write_nack_bitmask, write_nack_range,
};
use rist::wire::rtp::{HEADER_LEN, Header, MPEG_TS, Rtp};
use rist::wire::{Kind, classify, null_packet};

/// The padded echo came in the Main profile: 16 octets of GRE and port header come first.
fn padded_echo() -> Vec<Vec<u8>> {
    vectors("echo-padded-0212").into_iter().map(|packet| packet[16..].to_vec()).collect()
}

fn rtcp_vectors() -> Vec<Vec<u8>> {
    let names = [
        "simple-rtcp-0212",
        "simple-rtcp-027",
        "nack-range-simple-027",
        "nack-range-multi-027",
        "nack-bitmask-simple-027",
        "nack-bitmask-multi-027",
        "gst-rtcp",
        "gst-nack-bitmask",
    ];
    names.into_iter().flat_map(vectors).chain(padded_echo()).collect()
}

fn rtp_vectors() -> Vec<Vec<u8>> {
    let names = ["simple-rtp-0212", "simple-retransmit-027", "gst-rtp-ext"];
    let captured = names.into_iter().flat_map(vectors);
    captured.chain(vectors("npd-simple-0212").into_iter().skip(1).step_by(2)).collect()
}

fn messages(datagram: &[u8]) -> Vec<Rtcp<'_>> {
    assert_eq!(classify(datagram), Ok(Kind::Rtcp));
    Compound::new(datagram).collect::<Result<_, _>>().expect("a captured compound is well formed")
}

#[test]
fn captured_rtcp_is_written_back_octet_for_octet() {
    for datagram in rtcp_vectors() {
        let mut out = Vec::new();
        for message in messages(&datagram) {
            write(&mut out, &message);
        }
        assert_eq!(out, as_ours(datagram));
    }
}

#[test]
fn captured_media_headers_are_written_back_octet_for_octet() {
    for datagram in rtp_vectors() {
        assert_eq!(classify(&datagram), Ok(Kind::Rtp));
        let rtp = Rtp::parse(&datagram).expect("captured media parses");
        assert_eq!(rtp.payload_type, MPEG_TS);
        assert!(!rtp.marker);
        let seq_high = rtp.extension.and_then(|extension| extension.seq_high);
        if seq_high.is_some() {
            continue; // GStreamer's, which we only read
        }
        let null_packets = rtp.extension.and_then(|extension| extension.null_packets);
        let Rtp { payload_type, seq, timestamp, ssrc, payload, .. } = rtp;
        let mut header = [0xee; Header::MAX_LEN];
        let len = Header { payload_type, seq, timestamp, ssrc, null_packets }.write(&mut header);
        assert_eq!([&header[..len], payload].concat(), datagram);
    }
}

#[test]
fn periodic_reports_of_both_sides_are_read() {
    let packets = vectors("simple-rtcp-0212");
    let report = SenderReport {
        ssrc: 0x4aba_fd46,
        ntp: 0xeeab_c465_4436_fc11,
        rtp_timestamp: 0xdf7e_f6db,
        packets: 0,
        octets: 0,
    };
    let name = Rtcp::Sdes { ssrc: 0x4aba_fd46, cname: b"sndcname" };
    assert_eq!(messages(&packets[0]), [Rtcp::SenderReport(report), name]);

    let block = ReportBlock {
        ssrc: 0,
        fraction_lost: 0,
        cumulative_lost: 0,
        highest_seq: 0,
        jitter: 0,
        last_sr: 0xc465_4436,
        delay_since_sr: 5,
    };
    let request = Echo { ssrc: 0x09a7_42c6, timestamp: 0x83aa_8758_db8b_084f, delay_us: 0, padding: 0 };
    let expected = [
        Rtcp::ReceiverReport(ReceiverReport { ssrc: 0x4aba_fd46, block: Some(block) }),
        Rtcp::Sdes { ssrc: 0x4aba_fd46, cname: b"rcvcname" },
        Rtcp::ReferenceTime { ssrc: 0x09a7_42c6, ntp: 0x83aa_8758_db8b_07f9 },
        Rtcp::EchoRequest(request),
    ];
    assert_eq!(messages(&packets[1]), expected);

    let answer = messages(&packets[4]);
    let lead = Rtcp::ReceiverReport(ReceiverReport { ssrc: 0x4aba_fd46, block: None });
    assert_eq!(answer, [lead, name, Rtcp::EchoResponse(request)]);

    let stale = Echo { ssrc: 0x09a7_42c6, timestamp: 0x83aa_8758_f704_cb2b, delay_us: 0x82cc_0005, padding: 0 };
    assert_eq!(messages(&packets[8]).last(), Some(&Rtcp::EchoRequest(stale)));
}

#[test]
fn both_packet_types_of_the_extended_report_are_read() {
    for (name, line) in [("simple-rtcp-0212", 1), ("simple-rtcp-027", 2)] {
        let packets = vectors(name);
        let reference_time = |message: &Rtcp| matches!(message, Rtcp::ReferenceTime { .. });
        assert_eq!(messages(&packets[line]).iter().filter(|m| reference_time(m)).count(), 1);
    }
}

#[test]
fn default_cname_of_old_librist_is_read() {
    let packets = vectors("simple-rtcp-027");
    let names: Vec<_> = messages(&packets[2])
        .into_iter()
        .filter_map(|message| match message {
            Rtcp::Sdes { cname, .. } => Some(cname.to_vec()),
            _ => None,
        })
        .collect();
    assert_eq!(names, [b"vm@127.0.0.1:7001"]);
}

#[test]
fn counters_and_bye_of_gstreamer_are_read() {
    let packets = vectors("gst-rtcp");
    let Rtcp::SenderReport(report) = messages(&packets[0])[0] else { panic!("no sender report") };
    assert_eq!((report.packets, report.octets), (13, 8084));
    assert_eq!(messages(&packets[1]).last(), Some(&Rtcp::Bye { ssrc: 0xcbeb_578c }));
}

#[test]
fn captured_nacks_ask_for_these_packets() {
    let asked = |name: &str| -> Vec<Vec<u16>> {
        let nacks_of = |packet: &Vec<u8>| {
            let all = messages(packet);
            let nack = |message| if let Rtcp::Nack(nack) = message { Some(nack) } else { None };
            let nacks: Vec<_> = all.into_iter().filter_map(nack).collect();
            assert_eq!(nacks.len(), 1);
            assert_ne!(nacks[0].media_ssrc(), 0);
            sequences(&nacks[0])
        };
        vectors(name).iter().map(nacks_of).collect()
    };
    let simple = [vec![5], vec![8, 9, 10], vec![20], vec![25, 26]];
    assert_eq!(asked("nack-range-simple-027"), simple);
    let multi = [vec![5], vec![8, 9, 10], vec![20], vec![25, 26, 27, 30]];
    assert_eq!(asked("nack-range-multi-027"), multi);
    let simple = [vec![5], vec![8, 9, 10], vec![20], vec![25, 26, 27]];
    assert_eq!(asked("nack-bitmask-simple-027"), simple);
    let multi = [vec![5, 8, 9, 10], vec![20], vec![25, 26, 27, 30], vec![60]];
    assert_eq!(asked("nack-bitmask-multi-027"), multi);
    assert_eq!(asked("gst-nack-bitmask"), [vec![30], vec![30], vec![33, 34, 35, 60, 65, 66]]);
}

#[test]
fn padding_of_an_echo_request_is_counted() {
    let packets = padded_echo();
    let echo = Echo { ssrc: 0x1020_3040, timestamp: 0x1122_3344_0000_0017, delay_us: 0, padding: 16 };
    assert_eq!(messages(&packets[0]).last(), Some(&Rtcp::EchoRequest(echo)));
    let answered = messages(&packets[1]);
    assert!(matches!(answered.last(), Some(Rtcp::EchoResponse(Echo { padding: 0, .. }))));
}

#[test]
fn retransmission_differs_only_in_the_lowest_ssrc_bit() {
    let packets = vectors("simple-retransmit-027");
    let original = Rtp::parse(&packets[0]).unwrap();
    let again = Rtp::parse(&packets[1]).unwrap();
    assert_eq!(again, Rtp { ssrc: original.ssrc | 1, ..original });
    assert_ne!(again.ssrc, original.ssrc);
}

#[test]
fn extended_sequence_of_gstreamer_is_read() {
    for packet in vectors("gst-rtp-ext") {
        let extension = Rtp::parse(&packet).unwrap().extension.expect("an extension");
        assert_eq!((extension.null_packets, extension.seq_high), (Some(0), Some(0)));
    }
}

#[test]
fn null_packets_are_suppressed_and_restored_as_captured() {
    let packets = vectors("npd-simple-0212");
    let delivered = vectors("npd-restored-simple-0212");
    let maps = [Some(0x26), None, Some(0x7f), Some(0x50), Some(0x20), Some(0xa0)];
    let mut out = Vec::new();
    for ((pair, delivered), map) in packets.chunks(2).zip(&delivered).zip(maps) {
        let [given, sent] = pair else { panic!("a pair") };
        let rtp = Rtp::parse(sent).unwrap();
        assert_eq!(rtp.extension.and_then(|extension| extension.null_packets), map);
        assert_eq!(null_packet::suppress(given, &mut out), map);
        if let Some(map) = map {
            assert_eq!(out, rtp.payload);
            assert_eq!(null_packet::expand(map, rtp.payload, &mut out), Ok(()));
            assert_eq!(&out, delivered);
        } else {
            assert_eq!(rtp.payload, delivered);
        }
    }
}

/// Small deterministic generator (xorshift64*).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
}

#[test]
fn random_messages_survive_the_round_trip() {
    let mut random = Random(1);
    for _ in 0..2000 {
        let mut r = || random.next();
        let (ssrc, mut out) = (r() as u32, Vec::new());
        let block = ReportBlock {
            ssrc: r() as u32,
            fraction_lost: r() as u8,
            cumulative_lost: r() as u32 >> 8,
            highest_seq: r() as u32,
            jitter: r() as u32,
            last_sr: r() as u32,
            delay_since_sr: r() as u32,
        };
        let cname: Vec<u8> = (0..r() % 128).map(|i| i as u8).collect();
        let echo = Echo { ssrc, timestamp: r(), delay_us: r() as u32, padding: (r() % 64 * 4) as usize };
        let report =
            SenderReport { ssrc, ntp: r(), rtp_timestamp: r() as u32, packets: r() as u32, octets: r() as u32 };
        let sent = [
            Rtcp::SenderReport(report),
            Rtcp::ReceiverReport(ReceiverReport { ssrc, block: (r() % 2 == 0).then_some(block) }),
            Rtcp::Sdes { ssrc, cname: &cname },
            Rtcp::EchoRequest(echo),
            Rtcp::EchoResponse(echo),
            Rtcp::ReferenceTime { ssrc, ntp: r() },
            Rtcp::Bye { ssrc },
        ];
        for message in &sent {
            write(&mut out, message);
        }
        assert_eq!(messages(&out), sent);
    }
}

#[test]
fn random_losses_survive_the_round_trip() {
    let mut random = Random(2);
    for _ in 0..2000 {
        let mut seq = random.next() as u16;
        let density = random.below(40) + 1;
        let seqs: Vec<u16> = (0..random.below(300))
            .map(|_| {
                seq = seq.wrapping_add(random.below(density) as u16 + 1);
                seq
            })
            .collect();
        for range in [true, false] {
            let mut rest = &seqs[..];
            let mut asked = Vec::new();
            while !rest.is_empty() {
                let mut out = Vec::new();
                let limit = random.below(20) + 1;
                let consumed = if range {
                    write_nack_range(&mut out, 6, rest, limit)
                } else {
                    write_nack_bitmask(&mut out, 1, 6, rest, limit)
                };
                assert!(consumed > 0 && out.len() <= 12 + limit * 4);
                let [Rtcp::Nack(nack)] = messages(&out)[..] else { panic!("one NACK") };
                assert_eq!(nack.media_ssrc(), 6);
                asked.extend(sequences(&nack));
                rest = &rest[consumed..];
            }
            assert_eq!(asked, seqs);
        }
    }
}

/// Reads a datagram in every way there is, and checks what holds for any octets at all.
fn read_all(datagram: &[u8], out: &mut Vec<u8>) {
    let _ = classify(datagram);
    if let Ok(rtp) = Rtp::parse(datagram) {
        assert!(rtp.payload.len() + HEADER_LEN <= datagram.len());
        let map = rtp.extension.and_then(|extension| extension.null_packets);
        if null_packet::expand(map.unwrap_or(0x26), rtp.payload, out).is_ok() {
            assert!(out.len() <= 7 * 204);
        }
        if null_packet::suppress(rtp.payload, out).is_some() {
            assert!(out.len() < rtp.payload.len());
        }
    }
    let (mut count, mut failures) = (0, 0);
    for message in Compound::new(datagram) {
        match message {
            Ok(Rtcp::Nack(nack)) => assert!(nack.sequences(4096).count() <= 4096),
            Ok(Rtcp::Sdes { cname, .. }) => assert!(cname.len() <= 255),
            Ok(Rtcp::EchoRequest(echo)) => assert!(echo.padding < datagram.len()),
            Ok(_) => {}
            Err(_) => failures += 1,
        }
        count += 1;
        assert!(failures == 0 || count - failures <= datagram.len() / 4);
    }
    assert!(failures <= 1 && count - failures <= datagram.len() / 4);
}

#[test]
fn truncated_vectors_never_panic() {
    let mut out = Vec::new();
    for datagram in rtcp_vectors().into_iter().chain(rtp_vectors()) {
        for len in 0..=datagram.len() {
            read_all(&datagram[..len], &mut out);
        }
    }
}

#[test]
fn mutated_vectors_never_panic() {
    let mut random = Random(3);
    let (rtcp, rtp) = (rtcp_vectors(), rtp_vectors());
    let (mut out, mut datagram) = (Vec::new(), Vec::new());
    for round in 0..100_000 {
        let source = if round % 8 == 0 { &rtp } else { &rtcp };
        datagram.clone_from(&source[random.below(source.len())]);
        for _ in 0..=random.below(6) {
            // Headers matter more than payloads.
            let reach = if random.below(2) == 0 { datagram.len().min(24) } else { datagram.len() };
            let at = random.below(reach);
            datagram[at] = match random.below(4) {
                0 => 0,
                1 => 0xff,
                2 => datagram[at] ^ 1 << random.below(8),
                _ => random.next() as u8,
            };
        }
        if random.below(4) == 0 {
            datagram.truncate(random.below(datagram.len()) + 1);
        }
        read_all(&datagram, &mut out);
    }
}
