//! Frames of logins are read back, and none that is cut off is read.

use crate::support::cases;
use proptest::prelude::*;
use rist::wire::eap::{Challenge, Eap, Message, Passphrase, Validator};
use rist::wire::eapol::{Body, Frame, decode, write};

/// One message of each kind, made of the same octets.
fn message<'a>(
    kind: usize,
    text: &'a [u8],
    salt: &'a [u8],
    number: &'a [u8],
    proof: &'a [u8; 32],
    bit: bool,
) -> Message<'a> {
    match kind {
        0 => Message::IdentityRequest,
        1 => Message::IdentityResponse(number.get(..number.len().min(255)).unwrap_or_default()),
        2 => Message::Challenge(Challenge { name: text, salt, group: bit.then_some((salt, number)) }),
        3 => Message::ClientKey(number),
        4 => Message::ServerKey(number),
        5 => Message::ClientValidator(Validator { use_key: bit, proof }),
        6 => Message::ServerValidator(Validator { use_key: bit, proof }),
        7 => Message::ValidatorAcknowledged,
        8 => Message::PassphraseRequest,
        9 => Message::PassphraseResponse(Passphrase { flags: proof[0], sealed: text }),
        10 => Message::Success { long: bit },
        _ => Message::Failure,
    }
}

proptest! {
    #![proptest_config(cases(1500))]

    #[test]
    fn a_written_frame_is_read_back(
        version in 2u8..5,
        identifier: u8,
        kind in 0usize..14,
        text in prop::collection::vec(any::<u8>(), 0..200),
        salt in prop::collection::vec(any::<u8>(), 1..=64),
        number in prop::collection::vec(1u8.., 1..=1024),
        proof: [u8; 32],
        bit: bool,
        padding in 0usize..9,
    ) {
        let body = match kind {
            12 => Body::Start,
            13 => Body::Logoff,
            _ => Body::Eap(Eap { identifier, message: message(kind, &text, &salt, &number, &proof, bit) }),
        };
        let sent = Frame { version, body };
        let mut octets = Vec::new();
        write(&mut octets, &sent);
        for cut in 0..octets.len() {
            prop_assert!(decode(&octets[..cut]).is_err(), "{cut} of {}", octets.len());
        }
        octets.resize(octets.len() + padding, 0);
        prop_assert_eq!(decode(&octets), Ok(sent));
    }
}
