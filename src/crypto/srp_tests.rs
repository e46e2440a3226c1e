use super::*;
use crate::crypto::testing::{file, hex, values};

const GENERATIONS: [(HashGeneration, &str); 2] =
    [(HashGeneration::ZeroIv, "zeroiv"), (HashGeneration::Standard, "std")];
const PADDINGS: [(Padding, &str); 2] = [(Padding::Unpadded, "unpadded"), (Padding::Padded, "padded")];

/// Every published value, from both sides. TR-06-2:2022 §D.9 is `512-D9`, zero state, unpadded.
#[test]
fn all_modes_give_the_published_numbers() {
    for (generation, hash) in GENERATIONS {
        for (padding, pad) in PADDINGS {
            for size in ["2048", "512-D9"] {
                let name = format!("srp-{size}-{hash}-{pad}");
                let known = values(&name);
                let group = Group::unchecked(&known["N"], &known["g"]);
                let (user, password) = (&known["I"], Secret::new(&known["P"]));
                let verifier = Verifier::new(&group, generation, user, &password, &known["s"]).expect(&name);
                assert_eq!(verifier.value.octets(), known["v"], "{name}: v");
                assert_eq!(multiplier(&group, padding).to_bytes_be(), known["k"], "{name}: k");

                let client = ClientKey::new(&group, &known["a"]);
                assert_eq!(client.public(), known["A"], "{name}: A");
                let server = ServerProof::new(&verifier, padding, user, client.public(), &known["b"]).expect(&name);
                assert_eq!(server.public(), known["B"], "{name}: B");
                let proof =
                    client.prove(generation, padding, user, &password, &known["s"], server.public()).expect(&name);
                assert_eq!(proof.proof().to_vec(), known["M1"], "{name}: M1");
                let (m2, key) = server.confirm(proof.proof()).expect("the right password");
                assert_eq!((m2.to_vec(), key.octets()), (known["M2"].clone(), &known["K"][..]), "{name}: M2, K");
                assert_eq!(proof.confirm(&m2), Some(key), "{name}");
            }
        }
    }
}

/// Captures of libRIST 0.2.7 and 0.2.12 as servers; A, B and the salt are in the frames.
#[test]
fn the_proofs_that_librist_accepted_are_made() {
    let captures = [
        ("eap-known-a-027", HashGeneration::ZeroIv),
        ("eap-known-a-0212-v2", HashGeneration::ZeroIv),
        ("eap-known-a-0212-v3", HashGeneration::Standard),
        ("eap-known-a-0212-v3-secret", HashGeneration::Standard),
    ];
    let private = values("srp-2048-std-padded")["a"].clone();
    for (name, generation) in captures {
        let known = values(&format!("{name}.values"));
        let frames = file(&format!("{name}.hex"));
        let public = frames.lines().find_map(|line| line.split_once("01061302")).expect("a server key").1;
        let server_public = hex(public);
        let client = ClientKey::new(&Group::default(), &private);
        assert_eq!(client.public(), known["A"], "{name}");
        let password = Secret::new(b"mainprofile");
        let proof = client
            .prove(generation, Padding::Unpadded, b"rist", &password, &known["SALT"], &server_public)
            .expect(name);
        assert_eq!(proof.proof().to_vec(), known["M1"], "{name}");
        let m2 = Proof::try_from(&known["M2"][..]).expect("32 octets");
        assert_eq!(proof.confirm(&m2).map(Secret::octets), Some(&known["K"][..]), "{name}");
    }
}

fn verifier() -> Verifier {
    let password = Secret::new(b"mainprofile");
    Verifier::new(&Group::default(), HashGeneration::Standard, b"rist", &password, &[7; 32]).expect("good values")
}

#[test]
fn keys_that_would_give_the_secret_away_are_refused() {
    let n = Group::default().modulus_octets();
    let twice = (Group::default().modulus() * 2u8).to_bytes_be();
    let long = vec![1; 257];
    let client = ClientKey::new(&Group::default(), &[3; 32]);
    for public in [&[][..], &[0], &[0; 256], &n, &twice, &long] {
        let server = ServerProof::new(&verifier(), Padding::Padded, b"rist", public, &[5; 32]);
        assert_eq!(server.err(), Some(Error::PublicKey));
        let password = Secret::new(b"mainprofile");
        let proof = client.prove(HashGeneration::Standard, Padding::Padded, b"rist", &password, &[7; 32], public);
        assert_eq!(proof.err(), Some(Error::PublicKey));
    }
    // A private exponent of nothing but zeros would publish 1: allowed by the group, harmless to the other side.
    assert_eq!(ClientKey::new(&Group::default(), &[0; 32]).public(), [1]);
}

#[test]
fn verifiers_and_salts_are_bounded() {
    for value in [vec![], vec![0; 256], Group::default().modulus_octets(), vec![0xff; 300]] {
        let bad = Verifier { value: Secret::new(&value), ..verifier() };
        assert_eq!(bad.check(), Err(Error::Verifier));
        assert_eq!(ServerProof::new(&bad, Padding::Padded, b"rist", &[2], &[5; 32]).err(), Some(Error::Verifier));
    }
    let password = Secret::new(b"p");
    for (length, good) in [(0, false), (1, true), (64, true), (65, false)] {
        let made = Verifier::new(&Group::default(), HashGeneration::Standard, b"u", &password, &vec![9; length]);
        assert_eq!(made.is_ok(), good, "salt of {length}");
    }
}

#[test]
fn wrong_passwords_users_and_modes_fail() {
    let client = ClientKey::new(&Group::default(), &[3; 32]);
    let server = ServerProof::new(&verifier(), Padding::Padded, b"rist", client.public(), &[5; 32]).expect("good");
    let prove = |generation, padding, user: &[u8], password: &[u8]| {
        let proof = client.prove(generation, padding, user, &Secret::new(password), &[7; 32], server.public());
        server.confirm(proof.expect("good").proof()).is_some()
    };
    use {HashGeneration::*, Padding::*};
    assert!(prove(Standard, Padded, b"rist", b"mainprofile"));
    assert!(!prove(Standard, Padded, b"rist", b"mainprofilf"));
    assert!(!prove(Standard, Padded, b"Rist", b"mainprofile"));
    assert!(!prove(Standard, Unpadded, b"rist", b"mainprofile"));
    assert!(!prove(ZeroIv, Padded, b"rist", b"mainprofile"));
}

/// A client of libRIST before 0.2.16 drops them in `x` and in M1, and so did the tool that made the verifier.
#[test]
fn leading_zeros_of_a_salt_may_be_missing_in_the_proof() {
    let (password, short) = (Secret::new(b"mainprofile"), [8; 31]);
    let made = Verifier::new(&Group::default(), HashGeneration::Standard, b"rist", &password, &short).expect("good");
    let stored = Verifier { salt: [&[0][..], &short].concat(), ..made };
    let client = ClientKey::new(&Group::default(), &[3; 32]);
    let server = ServerProof::new(&stored, Padding::Unpadded, b"rist", client.public(), &[5; 32]).expect("good");
    let proof = client
        .prove(HashGeneration::Standard, Padding::Unpadded, b"rist", &password, &short, server.public())
        .expect("good");
    assert!(server.confirm(proof.proof()).is_some());
}

#[test]
fn nothing_secret_is_printed() {
    assert!(format!("{:?}", verifier()).ends_with("value: Secret(…) }"));
}
