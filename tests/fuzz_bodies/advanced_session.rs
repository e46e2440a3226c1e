//! The Advanced profile for a session under test: its datagrams, settings, and what it may send.

use super::input::Input;
use rist::protocol::config::{Advanced, AdvancedClock, AdvancedEcho, AdvancedStart, Role};
use rist::protocol::session::{MAX_FRAGMENT, MAX_FRAGMENTS};
use rist::wire::advanced::control::{FutureNonce, KeepAlive, Message, RttEcho, nack, write_flow_attribute};
use rist::wire::advanced::{Flags, FlowId, Header, Lpc, Packet, Psk, Type, is_candidate};
use rist::wire::gre::AdvancedCapabilities;
use rist::wire::lz4;

/// A block of as many fragments as there may be.
pub(super) const LONGEST: usize = MAX_FRAGMENTS * MAX_FRAGMENT;
/// As in `script`: few flows, so that packets meet.
const SSRCS: [u32; 5] = [0x1000, 0x1000, 0x1000, 0x2000, 0x1001];

/// What the next packet looks like if the input does not object.
#[derive(Default)]
pub(super) struct Walk {
    seq: u32,
    timestamp: u32,
}

pub(super) fn settings(input: &mut Input<'_>) -> Advanced {
    Advanced {
        clock: input.pick(&[
            AdvancedClock::Auto,
            AdvancedClock::Auto,
            AdvancedClock::Megahertz,
            AdvancedClock::Shifted,
        ]),
        start: input.pick(&[AdvancedStart::Auto, AdvancedStart::Auto, AdvancedStart::Main, AdvancedStart::Advanced]),
        echo: input.pick(&[AdvancedEcho::Auto, AdvancedEcho::On, AdvancedEcho::Off]),
        fragment_size: input.pick(&[0, 0, 1, 100, 1460]),
        compression: input.flag(),
        ..Advanced::default()
    }
}

/// A datagram, or octets that may be one.
pub(super) fn datagram(input: &mut Input<'_>, walk: &mut Walk) -> Vec<u8> {
    let how = input.u8();
    let header = match how % 4 {
        0 => return [&[0x80, 127][..], input.bytes(usize::from(how))].concat(),
        1 => return control(input),
        _ => media(input, walk),
    };
    let len = usize::from(input.u8());
    let mut body = input.bytes(len).to_vec();
    if header.lpc == Lpc::Lz4 && input.flag() {
        let (mut block, text) = (Vec::new(), body.repeat(8));
        body = if lz4::compress(&text, &mut block) { block } else { text };
    }
    written(header, &body)
}

fn media(input: &mut Input<'_>, walk: &mut Walk) -> Header {
    let how = input.u16();
    walk.seq = match how & 7 {
        0 => input.u32(),
        1 => walk.seq.wrapping_add(u32::from(input.u8())),
        2 => walk.seq.wrapping_sub(u32::from(input.u8())),
        _ => walk.seq.wrapping_add(1),
    };
    walk.timestamp = match how >> 3 & 7 {
        0 => input.u32(),
        1 => walk.timestamp,
        2 => walk.timestamp.wrapping_add(u32::from(input.u8()) << 16),
        _ => walk.timestamp.wrapping_add(1000 * u32::from(input.u8())),
    };
    let mode = if how >> 6 & 3 == 3 { input.u8() % 6 } else { 0 };
    let flags = Flags {
        first: how & 0x300 != 0,
        last: how & 0xc00 != 0,
        expedite: how & 0x7000 == 0,
        retransmission: how & 0x8000 != 0,
    };
    Header {
        flags,
        flow_id: input.flag().then(|| FlowId(input.u32())),
        psk: Psk { mode, hash: None, nonce: Some([input.u8() & 0x83, 0, 0, 1]), iv: Some(input.u32()) },
        lpc: input.pick(&[Lpc::None, Lpc::None, Lpc::Lz4, Lpc::Field]),
        kind: input.pick(&[Type::Direct, Type::Direct, Type::Direct, Type::RistGre, Type::ReducedUdp, Type::Ethernet]),
        pfd: None,
        ..Header::media(walk.seq, walk.timestamp, input.pick(&SSRCS))
    }
}

fn control(input: &mut Input<'_>) -> Vec<u8> {
    let mut message = Vec::new();
    let (word, other) = (input.u32(), input.u32());
    let len = usize::from(input.u8());
    let text = input.bytes(len);
    match input.u8() % 8 {
        0 => nack::write_range(&mut message, word, other, u32::from(input.u16())),
        1 => nack::write_bitmask(&mut message, word, other, input.u32()),
        2 => RttEcho { ssrc: word, time: other.into(), delay_us: 0, padding: &[] }.write_request(&mut message),
        3 => RttEcho { ssrc: word, time: other.into(), delay_us: word, padding: &[] }.write_response(&mut message),
        4 => {
            let can = AdvancedCapabilities { fragmentation: word & 1 != 0, compression: word & 2 != 0, fec: false };
            KeepAlive { mac: [2; 6], can, is_librist: false, pairs: word & 4 != 0, json: &[] }.write(&mut message);
        }
        5 => write_flow_attribute(&mut message, text),
        6 => FutureNonce { nonce: other.to_be_bytes(), bits: Some(128) }.write(&mut message),
        _ => message.extend_from_slice(text),
    }
    written(Header::control(word, other, input.pick(&SSRCS)), &message)
}

fn written(header: Header, body: &[u8]) -> Vec<u8> {
    let mut head = [0; Header::MAX_LEN];
    let len = header.write(&mut head);
    [&head[..len], body].concat()
}

/// Whether what a session sends is of Advanced; then it is well formed.
pub(super) fn check(bytes: &[u8], role: Role) -> bool {
    if !is_candidate(bytes) {
        return false;
    }
    let packet = Packet::parse(bytes).expect("a packet of the Advanced profile");
    match packet.kind {
        Type::Control => {
            let content = packet.content(packet.body).expect("a message");
            Message::parse(content.payload).expect("a control message");
        }
        kind => assert_eq!((kind, role), (Type::Direct, Role::Sender)),
    }
    true
}
