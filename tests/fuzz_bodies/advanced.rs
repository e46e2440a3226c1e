//! The Advanced profile: its codec, its compression, its authenticated keys.

use super::input::Input;
use rist::crypto::aead::{HASH_LEN, Key, Mode};
use rist::crypto::psk::KeySize;
use rist::crypto::secret::Secret;
use rist::wire::advanced::control::{
    KeepAlive, Message, nack, write_eap, write_fec, write_flow_attribute, write_unsupported,
};
use rist::wire::advanced::{Header, Lpc, Packet, Psk, Type};
use rist::wire::lz4::{MAX_OUTPUT, compress, decompress};
use std::sync::OnceLock;

/// A datagram; its control message, or the whole input as one.
pub(super) fn advanced(data: &[u8]) {
    message(data);
    let Ok(packet) = Packet::parse(data) else { return };
    assert!(packet.header_len + packet.body.len() <= data.len());
    assert!(packet.hash_range().is_none_or(|range| packet.psk.hash.as_ref().map(|hash| &hash[..]) == data.get(range)));
    let content = packet.content(packet.body);
    assert_eq!(packet.clear_prefix_len(), content.map(|content| packet.body.len() - content.payload.len()));
    let Ok(content) = content else { return };
    let Packet { payload_type, seq, timestamp, ssrc, flags, flow_id, psk, lpc, kind, .. } = packet;
    let header = Header { payload_type, seq, timestamp, ssrc, flags, flow_id, psk, lpc, kind, pfd: content.pfd };
    let mut out = [0; Header::MAX_LEN];
    let len = header.write(&mut out);
    let again = [&out[..len], content.payload].concat();
    let back = Packet::parse(&again).expect("what we write, we read");
    let expected = Packet { has_extension: false, header_len: header.clear_len(), body: back.body, ..packet };
    assert_eq!(back, expected);
    let back = back.content(back.body).expect("what we write, we read");
    assert_eq!((back.pfd, back.payload, back.extension), (content.pfd, content.payload, None));
    assert_eq!(back.cpi, (lpc == Lpc::Field).then_some(0));
    assert!(psk.mode != 0 || psk == Psk::default());
    if kind == Type::Control {
        message(content.payload);
    }
}

fn message(payload: &[u8]) {
    let Ok(message) = Message::parse(payload) else { return };
    assert_eq!(payload.first_chunk(), Some(&message.control().to_be_bytes()));
    let mut out = Vec::new();
    match &message {
        Message::NackBitmask(asked) => return requests(asked.sequences(CAP).collect()),
        Message::NackRange(asked) => return requests(asked.sequences(CAP).collect()),
        Message::LqmGlobal(quality) => quality.write_global(&mut out),
        Message::LqmLink(quality) => quality.write_link(&mut out),
        Message::RttRequest(echo) => echo.write_request(&mut out),
        Message::RttResponse(echo) => echo.write_response(&mut out),
        Message::Fec { index, body } => write_fec(&mut out, *index, body),
        Message::KeepAlive(message) => message.write(&mut out),
        // Of several NULs one is taken away each time.
        Message::FlowAttribute([.., 0]) => return,
        Message::FlowAttribute(json) => write_flow_attribute(&mut out, json),
        Message::Eap(frame) => write_eap(&mut out, frame),
        Message::FutureNonce(announced) => announced.write(&mut out),
        Message::Unsupported(answer) => write_unsupported(&mut out, answer.ssrc, answer.control, &payload[10..]),
        Message::Unknown { .. } => return,
    }
    // Our keep-alives have another form than libRIST's.
    let expected = match message {
        Message::KeepAlive(message) => Message::KeepAlive(KeepAlive { is_librist: false, ..message }),
        other => other,
    };
    assert_eq!(Message::parse(&out), Ok(expected));
}

const CAP: usize = 4096;

/// The same requests, written by us, ask for the same packets.
fn requests(mut seqs: Vec<u32>) {
    assert!((1..=CAP).contains(&seqs.len()));
    let first = seqs[0];
    seqs.sort_by_key(|seq| seq.wrapping_sub(first));
    seqs.dedup();
    let (mut by_range, mut by_mask) = (Vec::new(), Vec::new());
    for (first, more) in nack::ranges(&seqs) {
        let mut out = Vec::new();
        nack::write_range(&mut out, 2, first, more);
        let Ok(Message::NackRange(asked)) = Message::parse(&out) else { panic!("{out:02x?}") };
        by_range.extend(asked.sequences(usize::MAX));
    }
    for (first, mask) in nack::bitmasks(&seqs) {
        let mut out = Vec::new();
        nack::write_bitmask(&mut out, 2, first, mask);
        let Ok(Message::NackBitmask(asked)) = Message::parse(&out) else { panic!("{out:02x?}") };
        by_mask.extend(asked.sequences(usize::MAX));
    }
    assert_eq!((&by_range, &by_mask), (&seqs, &seqs));
}

/// A block, and a payload.
pub(super) fn lz4(data: &[u8]) {
    let (mut out, mut block, mut again) = (Vec::new(), Vec::new(), vec![7; 100]);
    let read = decompress(data, &mut out);
    assert!(out.len() <= MAX_OUTPUT && out.capacity() <= 2 * MAX_OUTPUT, "{} of {}", out.len(), out.capacity());
    assert!(read.is_ok() || out.is_empty());
    let smaller = compress(data, &mut block);
    assert_eq!((compress(data, &mut again), &again), (smaller, &block));
    if smaller {
        assert!(block.len() < data.len());
        decompress(&block, &mut out).expect("what we compress, we decompress");
        assert_eq!(out, data);
    } else {
        assert!(block.is_empty());
    }
}

fn keys() -> &'static [Key] {
    static KEYS: OnceLock<Vec<Key>> = OnceLock::new();
    KEYS.get_or_init(|| {
        let modes = [Mode::Hmac, Mode::CtrHmac, Mode::Gcm, Mode::ChaCha20Poly1305];
        let sizes = [KeySize::Aes128, KeySize::Aes192, KeySize::Aes256];
        let all = modes.into_iter().flat_map(|mode| sizes.map(|size| (mode, size)));
        all.filter_map(|(mode, size)| Key::derive(mode, &Secret::new(b"secret"), [1, 2, 3, 4], size)).collect()
    })
}

/// Which key, the IV, a change, a hash, the header's length, header and body.
pub(super) fn aead(data: &[u8]) {
    let mut input = Input::new(data);
    let key = &keys()[usize::from(input.u8()) % keys().len()];
    let (iv, change) = (input.u32(), usize::from(input.u16()));
    let mut hash = [0; HASH_LEN];
    let given = input.bytes(HASH_LEN);
    hash[..given.len()].copy_from_slice(given);
    let len = usize::from(input.u8() % 64);
    let header = input.bytes(len);
    let clear = input.bytes(usize::MAX);
    let mut body = clear.to_vec();
    assert!(!key.open(iv, header, &mut body, &hash), "nobody sealed this");
    assert_eq!(body, clear, "decrypted though forged");
    let hash = key.seal(iv, header, &mut body).expect("short");
    // One bit of hash, header or body.
    let mut forged = [&hash[..], header, &body].concat();
    let at = change / 8 % forged.len();
    forged[at] ^= 1 << (change % 8);
    let (forged_hash, rest) = forged.split_first_chunk().expect("a hash");
    let (forged_header, forged_body) = rest.split_at(header.len());
    assert!(!key.open(iv, forged_header, &mut forged_body.to_vec(), forged_hash), "changed at {at}");
    assert!(key.open(iv, header, &mut body, &hash));
    assert_eq!(body, clear);
}
