//! Randomness from the operating system.

/// 64 random bits.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(in crate::runtime) fn bits() -> u64 {
    let mut bytes = [0u8; 8];
    // SAFETY: the pointer and the length are those of `bytes`.
    let read = unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), bytes.len(), 0) };
    if read == bytes.len() as isize { u64::from_ne_bytes(bytes) } else { hashed() }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(in crate::runtime) fn bits() -> u64 {
    hashed()
}

/// The standard library seeds its hash maps from the operating system: a keyed hash of nothing.
fn hashed() -> u64 {
    use std::hash::{BuildHasher, Hasher, RandomState};
    RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests {
    #[test]
    fn numbers_differ() {
        assert_ne!(super::bits(), super::bits());
        assert_ne!(super::hashed(), super::hashed());
    }
}
