//! Waiting for sockets.

use std::io;
use std::time::Duration;

/// A descriptor and what is awaited of it.
#[cfg(unix)]
pub(in crate::runtime) type Waiting = libc::pollfd;

#[cfg(unix)]
pub(in crate::runtime) fn waiting(fd: i32, writable: bool) -> Waiting {
    let events = if writable { libc::POLLIN | libc::POLLOUT } else { libc::POLLIN };
    Waiting { fd, events, revents: 0 }
}

#[cfg(unix)]
pub(in crate::runtime) fn is_readable(waiting: &Waiting) -> bool {
    waiting.revents & (libc::POLLIN | libc::POLLERR | libc::POLLHUP) != 0
}

/// Ready for whatever it is.
#[cfg(unix)]
pub(in crate::runtime) fn is_ready(waiting: &Waiting) -> bool {
    waiting.revents != 0
}

/// Readable for a better reason than an error.
#[cfg(unix)]
pub(in crate::runtime) fn has_data(waiting: &Waiting) -> bool {
    waiting.revents & libc::POLLIN != 0
}

#[cfg(unix)]
pub(in crate::runtime) fn is_writable(waiting: &Waiting) -> bool {
    waiting.revents & libc::POLLOUT != 0
}

/// Returns when one of them is ready, the time is over (`None`: never), or a signal came.
#[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
pub(in crate::runtime) fn wait(waiting: &mut [Waiting], timeout: Option<Duration>) -> io::Result<()> {
    let timeout = timeout.map(|timeout| libc::timespec {
        tv_sec: timeout.as_secs().try_into().unwrap_or(libc::time_t::MAX),
        tv_nsec: timeout.subsec_nanos() as _,
    });
    let timeout = timeout.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: pointer and length are those of the slice; the time-out is null or lives through the call.
    let ready = unsafe { libc::ppoll(waiting.as_mut_ptr(), waiting.len() as libc::nfds_t, timeout, std::ptr::null()) };
    outcome(waiting, ready)
}

#[cfg(all(unix, not(any(target_os = "linux", target_os = "android", target_os = "freebsd"))))]
pub(in crate::runtime) fn wait(waiting: &mut [Waiting], timeout: Option<Duration>) -> io::Result<()> {
    let timeout = timeout.map_or(-1, |timeout| i32::try_from(timeout.as_micros().div_ceil(1000)).unwrap_or(i32::MAX));
    // SAFETY: pointer and length are those of the slice.
    let ready = unsafe { libc::poll(waiting.as_mut_ptr(), waiting.len() as libc::nfds_t, timeout) };
    outcome(waiting, ready)
}

#[cfg(unix)]
fn outcome(waiting: &mut [Waiting], ready: i32) -> io::Result<()> {
    if ready >= 0 {
        return Ok(());
    }
    let error = io::Error::last_os_error();
    waiting.iter_mut().for_each(|waiting| waiting.revents = 0);
    if error.kind() == io::ErrorKind::Interrupted { Ok(()) } else { Err(error) }
}

#[cfg(unix)]
pub(in crate::runtime) fn waiting_socket(socket: &socket2::Socket, writable: bool) -> Waiting {
    use std::os::fd::AsRawFd;
    waiting(socket.as_raw_fd(), writable)
}
