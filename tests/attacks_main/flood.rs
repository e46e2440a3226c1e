//! Packets with random nonces: each asks for a key that takes a thousand times as long to derive as it takes to
//! send the packet. libRIST 0.2.7 loses 42 % of a stream under 2,000 a second.

use std::net::{Ipv4Addr, UdpSocket};
use std::time::{Duration, Instant};

use crate::support::forge::{Noise, PORTS, Seal, media, packet, report};
use crate::support::load::{process_time, thread_time};
use crate::support::tools::{AES, Side, Stream};
use crate::{alone, local, paced, stranger, stranger_at};
use rist::crypto::psk::{Cipher, KeySize};
use rist::crypto::secret::Secret;
use rist::wire::gre::Form;

const FOR: Duration = Duration::from_secs(5);
const PER_SECOND: u32 = 20_000;
const BITS_PER_SECOND: u64 = 5_000_000;
/// Keys that strangers may cost in a second.
const BUDGET: f64 = 50.0;

/// How long one key takes here.
fn derivation() -> Duration {
    let secret = Secret::new(b"a-shared-passphrase");
    let start = Instant::now();
    for number in 0..100u32 {
        std::hint::black_box(Cipher::derive(&secret, number.to_be_bytes(), KeySize::Aes256));
    }
    start.elapsed() / 100
}

struct Cost {
    process: Duration,
    crypto: Duration,
    sent: u32,
}

fn cost_of(stream: &Stream, attack: impl FnOnce() -> u32) -> Cost {
    let id = stream.receiver.id();
    let before = (process_time(id), thread_time(id, "rist-crypto"));
    let sent = attack();
    let crypto = thread_time(id, "rist-crypto").saturating_sub(before.1);
    Cost { process: process_time(id) - before.0, crypto, sent }
}

fn flood(to: u16, sources: &[UdpSocket]) -> u32 {
    let (mut noise, to) = (Noise(1), local(to));
    let forms = [Form::Reduced(PORTS), Form::KeepAlive, Form::Full];
    let messages = [media(2, 1, 1, &[0; 20]), report(2, b"x"), vec![0; 30]];
    paced(PER_SECOND, FOR, |number| {
        let (nonce, which) = (noise.octets::<4>(), noise.below(3));
        let bytes = packet(1 + (which % 2) as u8, Seal::Pretended(nonce), forms[which], &messages[which]);
        let source = &sources[number as usize % sources.len()];
        let _ = source.send_to(&bytes, to);
    })
}

#[test]
fn random_nonces_cost_no_media_and_few_keys() {
    let _alone = alone();
    let one = derivation();
    let stream = Stream::start(AES, Side::Receiver, 500, BITS_PER_SECOND);
    let quiet = cost_of(&stream, || paced(1, FOR, |_| {}));
    let many = (0..2000u32).map(|number| stranger_at(Ipv4Addr::from(0x7f01_0000 + number))).collect::<Vec<_>>();
    let percent = |time: Duration| time.as_secs_f64() / FOR.as_secs_f64() * 100.0;
    println!("a key takes {one:?}; without a flood: {:.1} % of a core", percent(quiet.process));
    for (name, sources) in [("one address", &[stranger()][..]), ("2,000 addresses", &many)] {
        let before = stream.collector.verdict().packets;
        let cost = cost_of(&stream, || flood(stream.port, sources));
        let extra = cost.process.saturating_sub(quiet.process);
        let keys = cost.crypto.as_secs_f64() / one.as_secs_f64() / FOR.as_secs_f64();
        stream.assert_whole();
        println!(
            "{name}: {} packets in {FOR:?}; {:.1} % of a core more, of it {:.1} % for about {keys:.0} keys a second; \
             {} packets of the stream, 0 lost",
            cost.sent,
            percent(extra),
            percent(cost.crypto),
            stream.collector.verdict().packets - before,
        );
        assert!(cost.sent > PER_SECOND * 3, "the flood was slow: {}", cost.sent);
        assert!(keys <= 4.0 * BUDGET, "{keys} keys a second");
    }
}
