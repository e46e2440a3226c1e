//! Logins: whoever knows the password gets in with the same key on both sides, and nobody else does.

use crate::support::cases;
use proptest::prelude::*;
use rist::crypto::eap_passphrase::{Direction, MAX_PASSPHRASE, Opened, Opener, Sealer, apply_counter_mode};
use rist::crypto::psk::KeySize;
use rist::crypto::secret::Secret;
use rist::crypto::srp::{ClientKey, HashGeneration, Padding, ServerProof, Verifier};
use rist::crypto::srp_group::Group;

type Mode = (HashGeneration, Padding);

/// What one side brings to a login.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Known {
    user: Vec<u8>,
    password: Vec<u8>,
    mode: Mode,
}

fn modes() -> impl Strategy<Value = Mode> {
    let generation = prop_oneof![Just(HashGeneration::ZeroIv), Just(HashGeneration::Standard)];
    (generation, prop_oneof![Just(Padding::Unpadded), Just(Padding::Padded)])
}

fn known() -> impl Strategy<Value = Known> {
    let text = || prop::collection::vec(any::<u8>(), 0..20);
    (text(), text(), modes()).prop_map(|(user, password, mode)| Known { user, password, mode })
}

/// The key of each side, as far as it got. The group is the smallest one, for speed.
fn login(client: &Known, server: &Known, salt: &[u8], private: [[u8; 32]; 2]) -> (Option<Secret>, Option<Secret>) {
    let group = Group::numbered(2).expect("a group");
    let password = |known: &Known| Secret::new(&known.password);
    let (generation, padding) = server.mode;
    let verifier = Verifier::new(&group, generation, &server.user, &password(server), salt).expect("a verifier");
    let key = ClientKey::new(&group, &private[0]);
    let answer = ServerProof::new(&verifier, padding, &server.user, key.public(), &private[1]).expect("a key");
    let (generation, padding) = client.mode;
    let proof =
        key.prove(generation, padding, &client.user, &password(client), salt, answer.public()).expect("a proof");
    let Some((m2, server_key)) = answer.confirm(proof.proof()) else { return (None, None) };
    (proof.confirm(&m2).cloned(), Some(server_key.clone()))
}

proptest! {
    // Some milliseconds each.
    #![proptest_config(cases(24))]

    #[test]
    fn the_right_password_opens(who in known(), salt in prop::collection::vec(any::<u8>(), 1..=64), private: [[u8; 32]; 2]) {
        let (client, server) = login(&who, &who, &salt, private);
        prop_assert!(client.is_some());
        prop_assert_eq!(client, server);
    }

    #[test]
    fn nothing_else_opens(
        who in known(),
        other in known(),
        which in 0usize..4,
        salt in prop::collection::vec(any::<u8>(), 1..=64),
        private: [[u8; 32]; 2],
    ) {
        let mut client = who.clone();
        match which {
            0 => client.user = other.user,
            1 => client.password = other.password,
            2 => client.mode = other.mode,
            // The same octets, divided otherwise.
            _ => {
                client.user = [&who.user[..], b":"].concat();
                client.password = who.password.clone();
            }
        }
        prop_assume!(client != who);
        prop_assert_eq!(login(&client, &who, &salt, private), (None, None));
    }
}

proptest! {
    #![proptest_config(cases(500))]

    #[test]
    fn a_sealed_passphrase_is_opened_once_and_only_where_it_was_meant_for(
        key: [u8; 32],
        texts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..=MAX_PASSPHRASE), 1..4),
        (identifier, flags) in any::<(u8, u8)>(),
        flip: prop::sample::Index,
    ) {
        let key = Secret::new(&key);
        let mut sealer = Sealer::new(&key, Direction::ToClient);
        let mut opener = Opener::new(&key, Direction::ToClient);
        let mut nonces = std::collections::BTreeSet::new();
        for text in &texts {
            let sealed = sealer.seal(identifier, flags, &Secret::new(text)).expect("a nonce is left");
            prop_assert!(nonces.insert(sealed[..12].to_vec()));
            let mut damaged = sealed.clone();
            let bit = flip.index(8 * sealed.len());
            damaged[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(opener.open(identifier, flags, &damaged), Opened::Forged);
            prop_assert_eq!(opener.open(identifier ^ 1, flags, &sealed), Opened::Forged);
            prop_assert_eq!(Opener::new(&key, Direction::ToServer).open(identifier, flags, &sealed), Opened::Forged);
            prop_assert_eq!(opener.open(identifier, flags, &sealed), Opened::New(Secret::new(text)));
            prop_assert_eq!(opener.open(identifier, flags, &sealed), Opened::Old);
        }
    }

    #[test]
    fn counter_mode_is_its_own_reverse(key: [u8; 32], identifier: u8, text in prop::collection::vec(any::<u8>(), 0..200)) {
        for size in [KeySize::Aes128, KeySize::Aes192, KeySize::Aes256] {
            let key = Secret::new(&key);
            let hidden = apply_counter_mode(&key, size, identifier, &text);
            prop_assert_eq!(&*apply_counter_mode(&key, size, identifier, &hidden), &text);
        }
    }
}
