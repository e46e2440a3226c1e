//! The salt and verifier of users that do not exist.
//!
//! An unknown name gets a challenge like any other, the same one each time, so that nobody can find
//! out by trying which names exist.

use super::secret::Secret;
use super::srp::{HashGeneration, Verifier};
use super::srp_group::Group;
use hkdf::Hkdf;
use sha2::Sha256;

/// A verifier that no password fits. `key` are 32 random octets, kept as long as the listener lives.
pub fn verifier(key: &Secret, username: &[u8], generation: HashGeneration) -> Verifier {
    let group = Group::default();
    // Cleared top bits keep the value below the modulus; the salt begins with anything but zero,
    // because old libRIST drops leading zeros.
    let mut value = expand::<256>(key, &[b"verifier", &[generation.number()], username]);
    value[0] &= 0x7f;
    value[255] |= 1;
    let mut salt = expand::<32>(key, &[b"salt", &[generation.number()], username]);
    salt[0] |= 1;
    Verifier { group, generation, salt: salt.to_vec(), value: Secret::new(&value) }
}

fn expand<const N: usize>(key: &Secret, info: &[&[u8]]) -> [u8; N] {
    let mut octets = [0; N];
    match Hkdf::<Sha256>::from_prk(key.octets()) {
        Ok(hkdf) => drop(hkdf.expand_multi_info(info, &mut octets)),
        // A key that is too short to expand is stretched first.
        Err(_) => drop(Hkdf::<Sha256>::new(None, key.octets()).expand_multi_info(info, &mut octets)),
    }
    octets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decoy_is_stable_and_differs_by_name_and_key() {
        let key = Secret::new(&[1; 32]);
        let decoy = verifier(&key, b"nobody", HashGeneration::Standard);
        assert_eq!(decoy.check(), Ok(()));
        assert_eq!(decoy, verifier(&key, b"nobody", HashGeneration::Standard));
        let others = [
            verifier(&key, b"somebody", HashGeneration::Standard),
            verifier(&key, b"nobody", HashGeneration::ZeroIv),
            verifier(&Secret::new(&[2; 32]), b"nobody", HashGeneration::Standard),
            verifier(&Secret::new(&[]), b"nobody", HashGeneration::Standard),
        ];
        assert!(others.iter().all(|other| other.salt != decoy.salt && other.value != decoy.value));
    }
}
