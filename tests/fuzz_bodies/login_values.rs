//! What a login is calculated with, as it comes from the other side or from a password file.

use super::input::Input;
use rist::crypto::eap_passphrase::{Direction, MAX_PASSPHRASE, Opened, Opener, Sealer, apply_counter_mode};
use rist::crypto::psk::KeySize;
use rist::crypto::secret::Secret;
use rist::crypto::srp::{HashGeneration, MAX_SALT, Verifier};
use rist::crypto::srp_group::Group;

/// Shortest and longest modulus.
const OCTETS: std::ops::RangeInclusive<usize> = 128..=1024;

/// A group, and a verifier of it, in octets and as text.
pub(super) fn srp_group(data: &[u8]) {
    let mut input = Input::new(data);
    let len = usize::from(input.u16() % 1100);
    let modulus = input.bytes(len);
    let len = usize::from(input.u8());
    let generator = input.bytes(len);
    let group = Group::from_octets(modulus, generator);
    let hex = |octets: &[u8]| octets.iter().map(|octet| format!("{octet:02x} ")).collect::<String>();
    // Empty text is no number; no octets are a number, but too short a one.
    assert_eq!(Group::from_hex(&hex(modulus), &hex(generator)), group);
    let text = String::from_utf8_lossy(data);
    let _ = Group::from_hex(&text, "2");
    let _ = Group::from_hex(&hex(modulus), &text);
    let Ok(group) = group else { return };
    assert!(OCTETS.contains(&group.octets()) && (32..=128).contains(&group.exponent_octets()));
    assert_eq!(Group::from_octets(&group.modulus_octets(), &group.generator_octets()), Ok(group.clone()));
    let len = usize::from(input.u8() % 80);
    let salt = input.bytes(len).to_vec();
    let len = usize::from(input.u16() % 1100);
    let value = Secret::new(input.bytes(len));
    let usable = value.octets().iter().any(|octet| *octet != 0) && (1..=MAX_SALT).contains(&salt.len());
    let verifier = Verifier { group, generation: HashGeneration::Standard, salt, value };
    assert!(verifier.check().is_err() || usable);
}

/// Passphrases under the key of a login: what was sealed is opened once, nothing else is.
pub(super) fn sealed_passphrase(data: &[u8]) {
    let mut input = Input::new(data);
    let login = Secret::new(&[input.u8(); 32]);
    let direction = input.pick(&[Direction::ToServer, Direction::ToClient]);
    let (mut sealer, mut opener) = (Sealer::new(&login, direction), Opener::new(&login, direction));
    let (mut sealed, mut newest) = (Vec::new(), None);
    for _ in 0..200 {
        if input.is_empty() {
            break;
        }
        let (identifier, flags) = (input.u8(), input.u8());
        match input.u8() % 4 {
            0 | 1 => {
                let len = usize::from(input.u8()) % (MAX_PASSPHRASE + 1);
                let passphrase = Secret::new(input.bytes(len));
                let octets = sealer.seal(identifier, flags, &passphrase).expect("nonces enough");
                sealed.push((identifier, flags, octets, passphrase));
            }
            2 if !sealed.is_empty() => {
                let place = usize::from(input.u8()) % sealed.len();
                let (identifier, flags, octets, passphrase) = &sealed[place];
                let opened = opener.open(*identifier, *flags, octets);
                match newest.is_none_or(|newest| place > newest) {
                    true => assert_eq!(opened, Opened::New(passphrase.clone())),
                    false => assert_eq!(opened, Opened::Old),
                }
                newest = newest.max(Some(place));
            }
            _ => {
                // Made up, or one of ours with a change.
                let len = usize::from(input.u8());
                let mut forged = input.bytes(len).to_vec();
                if let Some((_, _, octets, _)) = sealed.last().filter(|_| forged.len() < 100) {
                    let (place, change) = (usize::from(input.u8()) % octets.len(), input.u8() | 1);
                    forged = octets.clone();
                    forged[place] ^= change;
                }
                assert_eq!(opener.open(identifier, flags, &forged), Opened::Forged);
            }
        }
        let text = input.bytes(8);
        for size in [KeySize::Aes128, KeySize::Aes256] {
            let there = apply_counter_mode(&login, size, identifier, text);
            assert_eq!(*apply_counter_mode(&login, size, identifier, &there), text);
        }
    }
}
