//! How much stack our threads get.

/// What threads of a C program get: the application's callbacks run on ours and may need as much as they are
/// used to. Rust's own default is a quarter of Linux's.
#[cfg(unix)]
pub(in crate::runtime) fn size() -> usize {
    let mut attributes = std::mem::MaybeUninit::<libc::pthread_attr_t>::uninit();
    // SAFETY: initialises the attributes that it is given.
    if unsafe { libc::pthread_attr_init(attributes.as_mut_ptr()) } != 0 {
        return DEFAULT;
    }
    let mut size = 0;
    // SAFETY: the attributes were initialised above; the number lives through the call.
    unsafe { libc::pthread_attr_getstacksize(attributes.as_ptr(), &raw mut size) };
    // SAFETY: as above; they are not used any more.
    unsafe { libc::pthread_attr_destroy(attributes.as_mut_ptr()) };
    if size == 0 { DEFAULT } else { size }
}

#[cfg(not(unix))]
pub(in crate::runtime) fn size() -> usize {
    DEFAULT
}

/// Rust's.
const DEFAULT: usize = 2 << 20;

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #[test]
    fn it_is_not_less_than_rusts() {
        assert!(super::size() >= super::DEFAULT);
    }
}
