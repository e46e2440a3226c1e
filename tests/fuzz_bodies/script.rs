//! Datagrams made from an input: arbitrary bytes, or well-formed packets with arbitrary contents.

use super::input::Input;
use rist::wire::rtcp::{
    Echo, ReceiverReport, ReportBlock, SenderReport, write_bye, write_echo_request, write_echo_response,
    write_nack_bitmask, write_nack_range, write_receiver_report, write_sdes, write_sender_report,
};
use rist::wire::rtp::{Header, MPEG_TS};

/// Few flow ids, so that packets meet. The odd ones are retransmissions.
const SSRCS: [u32; 6] = [0x1000, 0x1000, 0x1000, 0x1001, 0x2000, 0x2001];
const NAMES: [&[u8]; 4] = [b"alice", b"bob", b"", &[0xff; 200]];

/// The walk of a stream: what the next well-formed packet looks like if the input does not object.
#[derive(Default)]
pub(super) struct Walk {
    seq: u16,
    timestamp: u32,
}

pub(super) fn datagram(input: &mut Input<'_>, walk: &mut Walk) -> Vec<u8> {
    match input.u8() % 8 {
        0 => {
            let len = usize::from(input.u8());
            input.bytes(len).to_vec()
        }
        1..=4 => media(input, walk),
        _ => feedback(input, walk),
    }
}

fn media(input: &mut Input<'_>, walk: &mut Walk) -> Vec<u8> {
    let how = input.u8();
    walk.seq = match how & 7 {
        0 => input.u16(),
        1 => walk.seq.wrapping_add(u16::from(input.u8())),
        2 => walk.seq.wrapping_sub(u16::from(input.u8())),
        _ => walk.seq.wrapping_add(1),
    };
    walk.timestamp = match how >> 3 & 7 {
        0 => input.u32(),
        1 => walk.timestamp,
        _ => walk.timestamp.wrapping_add(90 * u32::from(input.u8())),
    };
    let header = Header {
        payload_type: if how >> 6 == 3 { input.u8() & 0x7f } else { MPEG_TS },
        seq: walk.seq,
        timestamp: walk.timestamp,
        ssrc: input.pick(&SSRCS),
        null_packets: (how >> 6 == 2).then(|| input.u8()),
    };
    let mut out = vec![0; Header::MAX_LEN];
    let head: &mut [u8; Header::MAX_LEN] = out.as_mut_slice().try_into().expect("just made");
    let len = header.write(head);
    out.truncate(len);
    let payload = usize::from(input.u8());
    out.extend_from_slice(input.bytes(payload));
    out
}

fn feedback(input: &mut Input<'_>, walk: &Walk) -> Vec<u8> {
    let mut out = Vec::new();
    let ssrc = input.pick(&SSRCS);
    match input.u8() % 4 {
        0 => write_sender_report(
            &mut out,
            &SenderReport { ssrc, ntp: input.u64(), rtp_timestamp: input.u32(), packets: 1, octets: 1 },
        ),
        1 => {
            let block = ReportBlock {
                ssrc,
                fraction_lost: input.u8(),
                cumulative_lost: 0,
                highest_seq: 0,
                jitter: 0,
                last_sr: input.u32(),
                delay_since_sr: input.u32(),
            };
            write_receiver_report(&mut out, &ReceiverReport { ssrc, block: Some(block) });
        }
        _ => write_receiver_report(&mut out, &ReceiverReport { ssrc, block: None }),
    }
    if !input.u8().is_multiple_of(8) {
        write_sdes(&mut out, ssrc, input.pick(&NAMES));
    }
    for _ in 0..input.u8() % 4 {
        match input.u8() % 8 {
            0 => write_echo_request(&mut out, &echo(input, ssrc)),
            1 => write_echo_response(&mut out, &echo(input, ssrc)),
            2 => write_bye(&mut out, ssrc),
            3 => write_sdes(&mut out, input.pick(&SSRCS), input.pick(&NAMES)),
            4 => {
                let len = usize::from(input.u8());
                out.extend_from_slice(input.bytes(len));
            }
            5 => drop(write_nack_bitmask(&mut out, 0, ssrc, &seqs(input, walk), 16)),
            _ => drop(write_nack_range(&mut out, ssrc, &seqs(input, walk), 16)),
        }
    }
    out
}

fn echo(input: &mut Input<'_>, ssrc: u32) -> Echo {
    Echo { ssrc, timestamp: input.u64(), delay_us: input.u32(), padding: usize::from(input.u8()) }
}

fn seqs(input: &mut Input<'_>, walk: &Walk) -> Vec<u16> {
    let mut seq = if input.flag() { input.u16() } else { walk.seq.wrapping_sub(u16::from(input.u8())) };
    let mut next = || {
        seq = seq.wrapping_add(u16::from(input.u8() % 20) + 1);
        seq
    };
    (0..8).map(|_| next()).collect()
}
