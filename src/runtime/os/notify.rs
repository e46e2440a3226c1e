//! The application's notification descriptor.

/// Bytes that a pipe which says it is writable takes without blocking (POSIX: PIPE_BUF is at least this).
const CHUNK: usize = 512;

/// Writes `count` zero bytes, as many as fit at once. Never blocks; called only from threads that
/// take no signals, so a closed pipe raises no SIGPIPE in the host.
#[cfg(unix)]
pub(in crate::runtime) fn notify(fd: i32, count: usize) {
    let zeros = [0u8; CHUNK];
    let mut left = count;
    while left > 0 && is_writable(fd) {
        let chunk = left.min(CHUNK);
        // SAFETY: the pointer is good for `chunk` bytes. A descriptor that is no longer open fails.
        let written = unsafe { libc::write(fd, zeros.as_ptr().cast(), chunk) };
        if written <= 0 {
            return;
        }
        left -= written as usize;
    }
}

#[cfg(unix)]
fn is_writable(fd: i32) -> bool {
    let mut poll = libc::pollfd { fd, events: libc::POLLOUT, revents: 0 };
    // SAFETY: one pollfd that lives through the call.
    let ready = unsafe { libc::poll(&mut poll, 1, 0) };
    ready == 1 && poll.revents & libc::POLLOUT != 0 && poll.revents & (libc::POLLERR | libc::POLLNVAL) == 0
}

#[cfg(not(unix))]
pub(in crate::runtime) fn notify(_fd: i32, _count: usize) {}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::io::Read;
    use std::os::fd::AsRawFd;

    #[test]
    fn one_byte_each_and_never_blocking() {
        let (mut reader, writer) = std::io::pipe().unwrap();
        notify(writer.as_raw_fd(), 700);
        let mut bytes = [1u8; 4096];
        let mut seen = 0;
        while seen < 700 {
            seen += reader.read(&mut bytes).unwrap();
        }
        assert_eq!(seen, 700);
        assert_eq!(bytes[0], 0);
        // A blocking pipe that nobody reads: it fills up and the call still returns.
        notify(writer.as_raw_fd(), 10_000_000);
    }

    #[test]
    fn a_closed_reader_and_a_wrong_descriptor_are_ignored() {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        notify(writer.as_raw_fd(), 1);
        notify(-1, 1);
    }
}
