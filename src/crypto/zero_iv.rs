//! SHA-256 that starts from eight zero words.
//!
//! libRIST 0.2.7 with mbedTLS never started the context of three of its digests, so they ran from
//! zeroed memory. Whoever logs in to, or lets in, such a peer has to do the same.

use sha2::digest::generic_array::GenericArray;

const BLOCK: usize = 64;

/// The digest of the parts, one after the other.
pub(super) fn digest(parts: &[&[u8]]) -> [u8; 32] {
    let mut message = parts.concat();
    let bits = (message.len() as u64).wrapping_mul(8);
    message.push(0x80);
    while message.len() % BLOCK != BLOCK - 8 {
        message.push(0);
    }
    message.extend_from_slice(&bits.to_be_bytes());

    let mut state = [0u32; 8];
    for block in message.chunks_exact(BLOCK) {
        sha2::compress256(&mut state, &[*GenericArray::from_slice(block)]);
    }
    let mut digest = [0; 32];
    for (octets, word) in digest.chunks_exact_mut(4).zip(state) {
        octets.copy_from_slice(&word.to_be_bytes());
    }
    zeroize::Zeroize::zeroize(&mut message);
    digest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::testing::hex;

    #[test]
    fn known_digests() {
        let empty = hex("361ab6322fa9e7a7bb23818d839e01bddafdf47305426edd297aedb9f6202bae");
        let abc = hex("47503433482e4df44ace424ff2c6bf2097c825ada75403e1bdb11d8eaec6ce4e");
        assert_eq!(digest(&[]).to_vec(), empty);
        assert_eq!(digest(&[b"a", b"", b"bc"]).to_vec(), abc);
    }
}
