//! Datagrams of the Main profile as a stranger would make them.

use rist::crypto::psk::{Cipher, KeySize, counter_block};
use rist::crypto::secret::Secret;
use rist::wire::eap::{Eap, Message};
use rist::wire::eapol::{self, Body, Frame};
use rist::wire::gre::{BufferNegotiation, CAPABILITIES, Form, Header, KeepAlive, Ports};
use rist::wire::rtcp::{ReceiverReport, write_receiver_report, write_sdes};
use rist::wire::rtp::{self, MPEG_TS};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

pub(crate) const PORTS: Ports = Ports { source: 0x8000, destination: 1968 };

/// How a packet is to look in the tunnel.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Seal<'a> {
    Clear,
    /// The key field is there, what follows is not encrypted.
    Pretended([u8; 4]),
    Secret(&'a [u8], [u8; 4]),
}

/// A tunnel packet.
pub(crate) fn packet(version: u8, seal: Seal, form: Form, message: &[u8]) -> Vec<u8> {
    let sequence = 7;
    let (protocol, prefix, prefix_len) = form.prefix(version);
    let mut body = [&prefix[..prefix_len], message].concat();
    let key = match seal {
        Seal::Clear => None,
        Seal::Pretended(nonce) => Some((nonce, false)),
        Seal::Secret(secret, nonce) => {
            cipher(secret, nonce).apply(&counter_block(sequence), &mut body);
            Some((nonce, false))
        }
    };
    let mut head = [0; Header::MAX_LEN];
    let head_len = Header { version, protocol, key, sequence }.write(&mut head);
    [&head[..head_len], &body].concat()
}

/// A key takes half a millisecond: derived once.
fn cipher(secret: &[u8], nonce: [u8; 4]) -> Cipher {
    type Known = BTreeMap<(Vec<u8>, [u8; 4]), Cipher>;
    static KNOWN: Mutex<Known> = Mutex::new(Known::new());
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let derive = || Cipher::derive(&Secret::new(secret), nonce, KeySize::Aes128);
    known.entry((secret.to_vec(), nonce)).or_insert_with(derive).clone()
}

pub(crate) fn keep_alive() -> Vec<u8> {
    let mut out = Vec::new();
    KeepAlive { mac: [2; 6], capabilities: CAPABILITIES, extension: None, json: &[] }.write(&mut out);
    out
}

pub(crate) fn negotiation(sender_max: u16) -> Vec<u8> {
    let mut out = Vec::new();
    BufferNegotiation { sender_max, receiver_current: 0, kind: 1 }.write(&mut out);
    out
}

/// A report and a name.
pub(crate) fn report(ssrc: u32, name: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    write_receiver_report(&mut out, &ReceiverReport { ssrc, block: None });
    write_sdes(&mut out, ssrc, name);
    out
}

/// A request for everything: 65,536 numbers from `first` on, in 24 octets with the header before it.
pub(crate) fn range_request(flow: u32, first: u16) -> Vec<u8> {
    let mut request = vec![0x80, 204, 0, 3];
    request.extend_from_slice(&flow.to_be_bytes());
    request.extend_from_slice(b"RIST");
    request.extend_from_slice(&first.to_be_bytes());
    request.extend_from_slice(&[0xff, 0xff]);
    request
}

pub(crate) fn media(ssrc: u32, seq: u16, timestamp: u32, payload: &[u8]) -> Vec<u8> {
    let mut head = [0; rtp::Header::MAX_LEN];
    let header = rtp::Header { payload_type: MPEG_TS, seq, timestamp, ssrc, null_packets: None };
    let head_len = header.write(&mut head);
    [&head[..head_len], payload].concat()
}

/// An EAP packet in a frame.
pub(crate) fn eap(identifier: u8, message: Message) -> Vec<u8> {
    frame(Body::Eap(Eap { identifier, message }))
}

pub(crate) fn frame(body: Body) -> Vec<u8> {
    let mut out = Vec::new();
    eapol::write(&mut out, &Frame { version: 3, body });
    out
}

pub(crate) fn in_tunnel(frame: &[u8]) -> Vec<u8> {
    packet(1, Seal::Clear, Form::Eapol, frame)
}

/// Noise that is the same in every run.
pub(crate) struct Noise(pub(crate) u64);

impl Noise {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    pub(crate) fn octets<const N: usize>(&mut self) -> [u8; N] {
        let mut octets = [0; N];
        octets.fill_with(|| self.next() as u8);
        octets
    }

    pub(crate) fn bytes(&mut self, longest: usize) -> Vec<u8> {
        (0..self.below(longest)).map(|_| self.next() as u8).collect()
    }
}

/// The datagrams of the captures of the Main profile in `tests/vectors/`.
pub(crate) fn captures() -> Vec<Vec<u8>> {
    let directory = super::library::root().join("tests/vectors");
    let mut files: Vec<_> = std::fs::read_dir(directory).expect("vectors").map(|file| file.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "hex"));
    files.sort();
    let text: String = files.iter().map(|file| std::fs::read_to_string(file).expect("text")).collect();
    text.lines().filter_map(octets).collect()
}

/// The octets of a line of a capture: the longest word of hexadecimal digits.
fn octets(line: &str) -> Option<Vec<u8>> {
    let word = line.split_whitespace().filter(|word| word.len() % 2 == 0 && word.len() >= 16);
    let word = word.filter(|word| word.bytes().all(|octet| octet.is_ascii_hexdigit())).max_by_key(|word| word.len())?;
    (0..word.len() / 2).map(|place| u8::from_str_radix(&word[place * 2..place * 2 + 2], 16).ok()).collect()
}
