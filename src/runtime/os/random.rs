//! Randomness from the operating system.

/// 64 random bits, for what only has to differ.
pub(in crate::runtime) fn bits() -> u64 {
    let mut bytes = [0u8; 8];
    if fill(&mut bytes) { u64::from_ne_bytes(bytes) } else { hashed() }
}

/// Octets that nobody can guess, for keys; false if the system has none.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(in crate::runtime) fn fill(bytes: &mut [u8]) -> bool {
    let mut rest = bytes;
    while !rest.is_empty() {
        // SAFETY: the pointer and the length are those of `rest`.
        let read = unsafe { libc::getrandom(rest.as_mut_ptr().cast(), rest.len(), 0) };
        match usize::try_from(read) {
            Ok(read) => rest = &mut rest[read..],
            Err(_) if std::io::Error::last_os_error().kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => return false,
        }
    }
    true
}

#[cfg(all(unix, not(any(target_os = "linux", target_os = "android"))))]
pub(in crate::runtime) fn fill(bytes: &mut [u8]) -> bool {
    use std::io::Read;
    std::fs::File::open("/dev/urandom").and_then(|mut file| file.read_exact(bytes)).is_ok()
}

#[cfg(not(unix))]
pub(in crate::runtime) fn fill(_bytes: &mut [u8]) -> bool {
    false
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
        let mut octets = [0; 64];
        assert!(super::fill(&mut octets) && octets != [0; 64]);
    }
}
