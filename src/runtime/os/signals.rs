//! Keeps the host's signals on the host's threads.

/// While it lives, threads that are started from here take no signals. Faults of a thread itself
/// (SIGSEGV and the like) are not held back, so that the host's crash handler sees them.
#[cfg(unix)]
pub(in crate::runtime) struct Blocked {
    previous: libc::sigset_t,
}

#[cfg(unix)]
impl Blocked {
    pub(in crate::runtime) fn new() -> Self {
        let mut all = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
        // SAFETY: sigfillset initialises the set that it is given.
        unsafe { libc::sigfillset(all.as_mut_ptr()) };
        for fault in [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL, libc::SIGTRAP, libc::SIGABRT] {
            // SAFETY: the set is initialised and the signal exists.
            unsafe { libc::sigdelset(all.as_mut_ptr(), fault) };
        }
        let mut previous = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
        // SAFETY: both sets live through the call, which reads the first and initialises the second.
        unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, all.as_ptr(), previous.as_mut_ptr()) };
        // SAFETY: initialised by the call above, which cannot fail with these arguments.
        Self { previous: unsafe { previous.assume_init() } }
    }
}

#[cfg(unix)]
impl Drop for Blocked {
    fn drop(&mut self) {
        // SAFETY: the set is the one that pthread_sigmask returned; the old mask is not wanted.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &self.previous, std::ptr::null_mut()) };
    }
}

#[cfg(not(unix))]
pub(in crate::runtime) struct Blocked;

#[cfg(not(unix))]
impl Blocked {
    pub(in crate::runtime) fn new() -> Self {
        Self
    }
}
