//! Log lines written to a stream of the application's.

use super::enums::c_file;
use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::ptr;

/// Writes and flushes a line; one that can not be written is lost. A pipe whose reader has gone does not end the program: it may
/// be one of the application's threads that is here, which take SIGPIPE.
///
/// Contract: the stream is open.
pub(super) unsafe fn write(stream: *mut c_file, line: &CStr) {
    let _held = Held::new();
    // SAFETY: the caller's contract.
    unsafe { libc::fputs(line.as_ptr(), stream) };
    // SAFETY: as above.
    unsafe { libc::fflush(stream) };
}

/// While it lives, this thread gets no SIGPIPE; one that comes meanwhile is forgotten.
struct Held {
    pipe: libc::sigset_t,
    previous: libc::sigset_t,
    /// One was held back already, for whoever did that.
    pending: bool,
}

impl Held {
    fn new() -> Self {
        let mut pipe = MaybeUninit::<libc::sigset_t>::uninit();
        // SAFETY: initialises the set that it is given.
        unsafe { libc::sigemptyset(pipe.as_mut_ptr()) };
        // SAFETY: the set is initialised and the signal exists.
        unsafe { libc::sigaddset(pipe.as_mut_ptr(), libc::SIGPIPE) };
        // SAFETY: initialised above.
        let pipe = unsafe { pipe.assume_init() };
        let pending = is_pending();
        let mut previous = MaybeUninit::<libc::sigset_t>::uninit();
        // SAFETY: both sets live through the call, which reads the first and initialises the second.
        unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &pipe, previous.as_mut_ptr()) };
        // SAFETY: initialised by the call above, which cannot fail with these arguments.
        Self { pipe, previous: unsafe { previous.assume_init() }, pending }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if !self.pending && is_pending() {
            forget(&self.pipe);
        }
        // SAFETY: the set is the one that pthread_sigmask returned; the old mask is not wanted.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &self.previous, ptr::null_mut()) };
    }
}

/// Must not wait: one that was sent to the process may be another thread's meanwhile.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn forget(pipe: &libc::sigset_t) {
    let at_once = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: set and time live through the call; what is known of the signal is not wanted.
    unsafe { libc::sigtimedwait(pipe, ptr::null_mut(), &at_once) };
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn forget(pipe: &libc::sigset_t) {
    let mut signal = 0;
    // SAFETY: set and number live through the call.
    unsafe { libc::sigwait(pipe, &mut signal) };
}

fn is_pending() -> bool {
    let mut pending = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: initialises the set that it is given.
    if unsafe { libc::sigpending(pending.as_mut_ptr()) } != 0 {
        return false;
    }
    // SAFETY: initialised above; the signal exists.
    unsafe { libc::sigismember(pending.as_ptr(), libc::SIGPIPE) == 1 }
}
