//! The tunnel of the Main profile: its codec, and packets, keys and a login partner for a session under test.

use super::input::Input;
use super::script::{self, Walk};
use rist::crypto::psk::{Cipher, KeySize, Nonce, counter_block};
use rist::crypto::secret::Secret;
use rist::crypto::srp::{HashGeneration, Verifier};
use rist::crypto::srp_group::Group;
use rist::protocol::auth::{Auth, AuthOutput, AuthSettings, Credentials, LoginRole, LookUpAnswer};
use rist::protocol::config::{PeerConfig, Role};
use rist::protocol::entropy::Entropy;
use rist::protocol::job::{Job, JobResult};
use rist::protocol::time::Time;
use rist::wire::eap::{Eap, Message};
use rist::wire::eapol::{self, Body, Frame};
use rist::wire::gre::{BufferNegotiation, Content, Form, Header, KeepAlive, Packet, Ports, protocol};
use rist::wire::rtcp::{Compound, Echo, ReceiverReport, Rtcp, write_echo_response, write_receiver_report, write_sdes};
use rist::wire::{Kind, classify};
use std::cell::RefCell;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

/// Last octet of the address of the one that knows the password.
pub(super) const PARTNER: u8 = 1;

pub(super) fn gre(data: &[u8]) {
    let Ok(packet) = Packet::parse(data) else { return };
    assert!(packet.version <= 2 && packet.body.len() < data.len());
    let Packet { version, protocol, nonce, aes_256, .. } = packet;
    let header =
        Header { version, protocol, key: nonce.map(|nonce| (nonce, aes_256)), sequence: packet.sequence.unwrap_or(5) };
    let mut head = [0; Header::MAX_LEN];
    let len = header.write(&mut head);
    let again = [&head[..len], packet.body].concat();
    let again = Packet::parse(&again).expect("what we write, we read");
    assert_eq!((again.version, again.protocol, again.nonce, again.body), (version, protocol, nonce, packet.body));
    assert!(nonce.is_none() || again.aes_256 == aes_256);
    if let Ok(content) = Content::parse(protocol, packet.body) {
        written_again(version, &content);
    }
}

fn written_again(version: u8, content: &Content<'_>) {
    let mut message = Vec::new();
    let form = match content {
        Content::Media { ports, packet } | Content::Feedback { ports, packet } => {
            message.extend_from_slice(packet);
            Form::Reduced(*ports)
        }
        Content::KeepAlive(keep_alive) => {
            keep_alive.write(&mut message);
            Form::KeepAlive
        }
        Content::BufferNegotiation(negotiation) => {
            negotiation.write(&mut message);
            Form::BufferNegotiation
        }
        Content::Full(octets) => {
            message.extend_from_slice(octets);
            Form::Full
        }
        Content::Typed { protocol, payload } => {
            message.extend_from_slice(payload);
            Form::Typed(*protocol)
        }
        Content::FutureNonce(_) => return,
    };
    let (protocol, prefix, len) = form.prefix(version);
    let body = [&prefix[..len], &message].concat();
    let again = Content::parse(protocol, &body).expect("what we write, we read");
    // An extension of a keep-alive is read, but never written.
    let extended = matches!(content, Content::KeepAlive(KeepAlive { extension: Some(_), .. }));
    assert!(extended || again == *content, "{again:?} {content:?}");
}

/// The same in every run, so that keys can be kept.
pub(super) fn entropy(seed: u64) -> Entropy {
    let mut state = seed;
    Entropy::new(move |octets| {
        octets.fill_with(|| {
            state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
            (state >> 56) as u8
        });
        true
    })
}

pub(super) fn secret(number: u8) -> Secret {
    Secret::new([&b"first"[..], b"second", b"third"][usize::from(number % 3)])
}

pub(super) fn credentials() -> Credentials {
    Credentials::new(b"fuzz", &Secret::new(b"password")).expect("good text")
}

/// What is known of a user.
pub(super) fn look_up(username: &[u8], how: u8) -> LookUpAnswer {
    static KNOWN: OnceLock<[Verifier; 2]> = OnceLock::new();
    let make = |generation| {
        // Small numbers, quickly calculated with.
        let group = Group::numbered(2).expect("a number of libRIST");
        Verifier::new(&group, generation, b"fuzz", &Secret::new(b"password"), &[0x5a; 32]).expect("good values")
    };
    let known = KNOWN.get_or_init(|| [HashGeneration::Standard, HashGeneration::ZeroIv].map(make));
    let verifier = (username == b"fuzz" && how % 8 != 7).then(|| known[usize::from(how % 8 == 6)].clone());
    LookUpAnswer { verifier, generation: u64::from(how / 128) }
}

pub(super) fn protect(config: &mut PeerConfig, input: &mut Input<'_>) {
    let how = input.u8();
    config.secret = (how & 3 != 0).then(|| secret(how & 3));
    config.key_size = input.pick(&[KeySize::Aes128, KeySize::Aes128, KeySize::Aes192, KeySize::Aes256]);
    config.key_rotation = input.pick(&[0, 0, 1, 20]);
    config.credentials = (how >> 2 & 3 == 3).then(credentials);
    config.srp_compat = how >> 4 == 15;
}

type Derived = HashMap<(Vec<u8>, Nonce, u32), Cipher>;

thread_local! {
    /// Half a millisecond each: derived once for all inputs.
    static DERIVED: RefCell<Derived> = RefCell::default();
}

fn cipher(passphrase: &Secret, nonce: Nonce, size: KeySize) -> Cipher {
    const MOST: usize = 100_000;
    DERIVED.with_borrow_mut(|derived| {
        if derived.len() >= MOST {
            derived.clear();
        }
        let name = (passphrase.octets().to_vec(), nonce, size as u32);
        derived.entry(name).or_insert_with(|| Cipher::derive(passphrase, nonce, size)).clone()
    })
}

/// The keys that the session encrypts with, to read what it sends.
#[derive(Default)]
pub(super) struct Keys {
    known: HashMap<Nonce, Vec<Cipher>>,
    /// What the session's latest key was derived from.
    latest: Option<(Secret, KeySize)>,
}

impl Keys {
    pub(super) fn run(&mut self, job: Job) -> JobResult {
        match job {
            Job::Derive { passphrases, nonce, size, .. } => {
                let keys: Vec<_> = passphrases.iter().map(|passphrase| cipher(passphrase, nonce, size)).collect();
                self.latest = passphrases.first().cloned().map(|passphrase| (passphrase, size));
                self.known.entry(nonce).or_default().extend(keys.iter().cloned());
                JobResult::Derived(keys.into_iter().map(Into::into).collect())
            }
            other => other.run(),
        }
    }

    /// What a session sends is well formed, and nothing leaves under a key that is none. Returns the clear text.
    pub(super) fn check(&self, bytes: &[u8], role: Role) -> Vec<u8> {
        let packet = Packet::parse(bytes).expect("a tunnel packet");
        if packet.protocol == protocol::EAPOL {
            assert!(packet.nonce.is_none());
            eapol::decode(packet.body).expect("a frame");
            return Vec::new();
        }
        let Some(nonce) = packet.nonce else {
            assert!(is_readable(packet.protocol, packet.body, role));
            return packet.body.to_vec();
        };
        assert!(nonce != [0; 4] && packet.version > 0);
        let sequence = packet.sequence.expect("a sequence number");
        let keys = self.known.get(&nonce).expect("a key that was derived");
        let clear = keys.iter().map(|key| {
            let mut clear = packet.body.to_vec();
            key.apply(&counter_block(sequence), &mut clear);
            clear
        });
        let mut readable = clear.filter(|clear| is_readable(packet.protocol, clear, role));
        readable.next().expect("what is sent decrypts to noise")
    }

    /// A report from somebody who has the session's secret, if it has one.
    fn feedback(&self, report: &[u8]) -> Vec<u8> {
        let ports = Ports { source: 0x8000, destination: 1969 };
        let (protocol, prefix, len) = Form::Reduced(ports).prefix(1);
        let mut body = [&prefix[..len], report].concat();
        let key = self.latest.as_ref().map(|(passphrase, size)| {
            let nonce = [9; 4];
            cipher(passphrase, nonce, *size).apply(&counter_block(3), &mut body);
            (nonce, *size == KeySize::Aes256)
        });
        datagram_of(Header { version: 1, protocol, key, sequence: 3 }, &body)
    }
}

fn is_readable(protocol: u16, body: &[u8], role: Role) -> bool {
    match Content::parse(protocol, body) {
        Ok(Content::Feedback { packet, .. }) => Compound::new(packet).all(|item| item.is_ok()),
        Ok(Content::Media { .. }) => role == Role::Sender,
        other => other.is_ok(),
    }
}

fn datagram_of(header: Header, body: &[u8]) -> Vec<u8> {
    let mut head = [0; Header::MAX_LEN];
    let len = header.write(&mut head);
    [&head[..len], body].concat()
}

/// A datagram, and whether it answers an echo.
pub(super) fn datagram(input: &mut Input<'_>, walk: &mut Walk, keys: &mut Keys) -> (Vec<u8>, bool) {
    let how = input.u8();
    let ports = Ports { source: 0x8000, destination: 1968 | u16::from(how >> 7) };
    let version = how >> 5 & 3;
    let (form, message) = match how % 8 {
        0..=3 => (Form::Reduced(ports), script::datagram(input, walk)),
        4 => (Form::KeepAlive, keep_alive(input)),
        5 => match input.u8() % 4 {
            0 => {
                let mut out = Vec::new();
                let negotiation = BufferNegotiation { sender_max: input.u16(), receiver_current: 0, kind: input.u16() };
                negotiation.write(&mut out);
                (Form::BufferNegotiation, out)
            }
            1 => {
                let number = input.u16();
                (if protocol::is_out_of_band(number) { Form::Typed(number) } else { Form::Full }, sized(input))
            }
            _ => (Form::Full, sized(input)),
        },
        6 => (Form::Eapol, eap(input)),
        _ => {
            let bytes = sized(input);
            let answers = Packet::parse(&bytes).is_ok_and(|packet| answers(packet.protocol, packet.body));
            return (bytes, answers);
        }
    };
    let (protocol, prefix, len) = form.prefix(version);
    let mut body = [&prefix[..len], &message].concat();
    let answers = answers(protocol, &body);
    let sequence = u32::from(input.u8());
    let key = (form != Form::Eapol).then(|| seal(input, keys, sequence, &mut body)).flatten();
    (datagram_of(Header { version, protocol, key, sequence }, &body), answers)
}

fn sized(input: &mut Input<'_>) -> Vec<u8> {
    let len = usize::from(input.u8());
    input.bytes(len).to_vec()
}

/// Clear, encrypted with a secret that may be the right one, or only marked so; few nonces, some of them the
/// session's own.
fn seal(input: &mut Input<'_>, keys: &Keys, sequence: u32, body: &mut [u8]) -> Option<(Nonce, bool)> {
    let how = input.u8();
    if how & 1 == 0 {
        return None;
    }
    let own = keys.known.keys().min().copied();
    let nonce = match how >> 1 & 7 {
        0 => [0; 4],
        1 => own.unwrap_or([7; 4]),
        number => [number, 0, 0, how >> 4 & 1],
    };
    let size = if how >> 5 & 1 == 0 { KeySize::Aes128 } else { KeySize::Aes256 };
    if how >> 6 != 3 {
        cipher(&secret(how >> 6), nonce, size).apply(&counter_block(sequence), body);
    }
    Some((nonce, size == KeySize::Aes256))
}

fn answers(protocol: u16, body: &[u8]) -> bool {
    let packet = match Content::parse(protocol, body) {
        Ok(Content::Feedback { packet, .. }) => packet,
        _ => return false,
    };
    classify(packet) == Ok(Kind::Rtcp) && Compound::new(packet).any(|item| matches!(item, Ok(Rtcp::EchoResponse(_))))
}

fn keep_alive(input: &mut Input<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    let json = sized(input);
    let capabilities = [input.pick(&[0x25, 0x00, 0xff]), input.pick(&[0x20, 0x00])];
    KeepAlive { mac: [2; 6], capabilities, extension: None, json: &json }.write(&mut out);
    out
}

/// A frame that somebody without the password can make.
pub(super) fn eap(input: &mut Input<'_>) -> Vec<u8> {
    let version = 1 + input.u8() % 4;
    let (kind, identifier) = (input.u8() % 12, input.u8());
    let octets = sized(input);
    let message = match kind {
        0 => return octets,
        1 => return framed(version, Body::Start),
        2 => return framed(version, Body::Logoff),
        3 => Message::IdentityRequest,
        4 | 5 => Message::IdentityResponse(b"fuzz"),
        6 if !octets.is_empty() => Message::ClientKey(&octets),
        7 if !octets.is_empty() => Message::ServerKey(&octets),
        8 => Message::PassphraseRequest,
        9 => Message::Failure,
        10 => Message::ValidatorAcknowledged,
        _ => Message::Success { long: kind % 2 == 0 },
    };
    framed(version, Body::Eap(Eap { identifier, message }))
}

fn framed(version: u8, body: Body<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    eapol::write(&mut out, &Frame { version, body });
    out
}

/// Somebody at one address who has the password: what the session tells that address it hears, and answers when the
/// script says so.
pub(super) struct Partner {
    auth: Auth,
    entropy: Entropy,
    heard: Vec<Vec<u8>>,
    echo: Option<Echo>,
}

impl Partner {
    pub(super) fn new() -> Self {
        let settings = Arc::new(AuthSettings::new(Secret::new(&[9; 32])));
        let auth = Auth::new(LoginRole::Authenticatee(credentials()), settings);
        Self { auth, entropy: entropy(2), heard: Vec::new(), echo: None }
    }

    /// A datagram of the session and its clear text.
    pub(super) fn hear(&mut self, to: SocketAddr, bytes: &[u8], clear: &[u8]) {
        if !matches!(to, SocketAddr::V4(v4) if v4.ip().octets()[3] == PARTNER) {
            return;
        }
        let packet = Packet::parse(bytes).expect("a tunnel packet");
        if packet.protocol == protocol::EAPOL {
            if self.heard.len() < 16 {
                self.heard.push(packet.body.to_vec());
            }
        } else if let Ok(Content::Feedback { packet, .. }) = Content::parse(packet.protocol, clear) {
            let echoes = Compound::new(packet).filter_map(|item| match item {
                Ok(Rtcp::EchoRequest(echo)) => Some(echo),
                _ => None,
            });
            self.echo = echoes.last().or(self.echo);
        }
    }

    /// Datagrams: frames of the login, and the answer to the latest echo.
    pub(super) fn speak(&mut self, now: Time, keys: &Keys) -> Vec<Vec<u8>> {
        for frame in std::mem::take(&mut self.heard) {
            self.auth.handle(now, &mut self.entropy, &frame);
        }
        self.auth.handle_timeout(now, &mut self.entropy);
        let mut said = Vec::new();
        while let Some(output) = self.auth.poll_output() {
            match output {
                AuthOutput::Send(frame) => {
                    let header = Header { version: 1, protocol: protocol::EAPOL, key: None, sequence: 0 };
                    said.push(datagram_of(header, &frame));
                }
                AuthOutput::Compute { id, job } => self.auth.computed(now, &mut self.entropy, id, job.run()),
                _ => {}
            }
        }
        let mut report = Vec::new();
        write_receiver_report(&mut report, &ReceiverReport { ssrc: 0x1000, block: None });
        write_sdes(&mut report, 0x1000, b"partner");
        if let Some(echo) = self.echo.take() {
            write_echo_response(&mut report, &echo);
        }
        said.push(keys.feedback(&report));
        said
    }
}
