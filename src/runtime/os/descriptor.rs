//! The application's data descriptors: pipes, sockets, files, TUN devices.

use std::io;

/// What a pipe that says it is writable takes without blocking.
const PIECE: usize = libc::PIPE_BUF;
/// How long the rest of a packet may wait for a reader once its beginning is in the pipe.
const REST_TIMEOUT_MS: i32 = 20;

/// How a descriptor is written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::runtime) enum Kind {
    /// In pieces: a longer write would wait for the reader.
    Pipe,
    Socket,
    /// TUN devices, files: whole.
    Other,
}

/// What is behind a descriptor; an error if it is not open.
pub(in crate::runtime) fn kind(fd: i32) -> io::Result<Kind> {
    let mut status = std::mem::MaybeUninit::<libc::stat>::uninit();
    // SAFETY: room for a stat. A descriptor that is not open fails.
    if unsafe { libc::fstat(fd, status.as_mut_ptr()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: filled in by the call above.
    let status = unsafe { status.assume_init() };
    Ok(match status.st_mode & libc::S_IFMT {
        libc::S_IFIFO => Kind::Pipe,
        libc::S_IFSOCK => Kind::Socket,
        _ => Kind::Other,
    })
}

/// One read. 0 is the end.
pub(in crate::runtime) fn read(fd: i32, buffer: &mut [u8]) -> io::Result<usize> {
    // SAFETY: pointer and length are those of the buffer. A descriptor that is no longer open fails.
    outcome(unsafe { libc::read(fd, buffer.as_mut_ptr().cast(), buffer.len()) })
}

/// Writes one packet, or fails. Waits only for the rest of a packet that has been written in part. To be
/// called from threads that take no signals: a pipe without a reader raises SIGPIPE.
pub(in crate::runtime) fn write(fd: i32, kind: Kind, packet: &[u8]) -> io::Result<()> {
    let mut rest = packet;
    let mut timeout = 0;
    while !rest.is_empty() {
        if !is_writable(fd, timeout)? {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        match write_some(fd, kind, rest) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => rest = rest.get(written..).unwrap_or(&[]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            // Writable, but not for so much; asking again would be a busy loop.
            Err(error) => return Err(error),
        }
        timeout = REST_TIMEOUT_MS;
    }
    Ok(())
}

fn write_some(fd: i32, kind: Kind, bytes: &[u8]) -> io::Result<usize> {
    let (bytes, flags) = match kind {
        Kind::Pipe => (&bytes[..bytes.len().min(PIECE)], None),
        Kind::Socket => (bytes, Some(SOCKET_FLAGS)),
        Kind::Other => (bytes, None),
    };
    outcome(match flags {
        // SAFETY: pointer and length are those of the bytes. A descriptor that is no longer open fails.
        Some(flags) => unsafe { libc::send(fd, bytes.as_ptr().cast(), bytes.len(), flags) },
        // SAFETY: as above.
        None => unsafe { libc::write(fd, bytes.as_ptr().cast(), bytes.len()) },
    })
}

#[cfg(any(target_os = "linux", target_os = "android"))]
const SOCKET_FLAGS: i32 = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const SOCKET_FLAGS: i32 = libc::MSG_DONTWAIT;

/// Whether a write now ends at once, perhaps with an error.
fn is_writable(fd: i32, timeout: i32) -> io::Result<bool> {
    let mut poll = libc::pollfd { fd, events: libc::POLLOUT, revents: 0 };
    loop {
        // SAFETY: one pollfd that lives through the call.
        let ready = unsafe { libc::poll(&mut poll, 1, timeout) };
        if ready >= 0 {
            return Ok(ready > 0);
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

fn outcome(result: isize) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use crate::runtime::os::signals;
    use std::io::Read;
    use std::os::fd::AsRawFd;
    use std::os::unix::net::{UnixDatagram, UnixStream};
    use std::time::Instant;

    #[test]
    fn a_full_pipe_drops_and_does_not_block() {
        let (mut reader, writer) = io::pipe().unwrap();
        let fd = writer.as_raw_fd();
        assert_eq!(kind(fd).unwrap(), Kind::Pipe);
        let packet = [7; 1316];
        let mut written = 0;
        while write(fd, Kind::Pipe, &packet).is_ok() {
            written += packet.len();
        }
        let start = Instant::now();
        assert_eq!(write(fd, Kind::Pipe, &packet).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        assert!(start.elapsed().as_millis() < 1000);
        drop(writer);
        let mut read = Vec::new();
        reader.read_to_end(&mut read).unwrap();
        assert_eq!(read.len(), written);
    }

    #[test]
    fn a_packet_longer_than_a_piece_arrives_whole() {
        let (mut reader, writer) = io::pipe().unwrap();
        let packet: Vec<u8> = (0..9968u32).map(|number| number as u8).collect();
        write(writer.as_raw_fd(), Kind::Pipe, &packet).unwrap();
        let mut read = vec![0; packet.len()];
        reader.read_exact(&mut read).unwrap();
        assert_eq!(read, packet);
    }

    #[test]
    fn a_reader_that_has_gone_is_an_error_and_not_the_end() {
        let _blocked = signals::Blocked::new();
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        assert_eq!(write(writer.as_raw_fd(), Kind::Pipe, &[1]).unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        let (left, right) = UnixStream::pair().unwrap();
        drop(right);
        assert_eq!(kind(left.as_raw_fd()).unwrap(), Kind::Socket);
        assert_eq!(write(left.as_raw_fd(), Kind::Socket, &[1]).unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        // Taken while it is held back, or it would come when it no longer is.
        let mut set = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
        // SAFETY: initialises the set that it is given.
        unsafe { libc::sigemptyset(set.as_mut_ptr()) };
        // SAFETY: initialised above.
        unsafe { libc::sigaddset(set.as_mut_ptr(), libc::SIGPIPE) };
        let now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: set and time live through the call, which writes no answer.
        unsafe { libc::sigtimedwait(set.as_ptr(), std::ptr::null_mut(), &now) };
    }

    #[test]
    fn datagrams_stay_whole() {
        let (left, right) = UnixDatagram::pair().unwrap();
        write(left.as_raw_fd(), Kind::Socket, &[5; 9000]).unwrap();
        let mut buffer = [0; 10_000];
        assert_eq!(right.recv(&mut buffer).unwrap(), 9000);
    }

    #[test]
    fn what_is_not_open_has_no_kind() {
        assert!(kind(-1).is_err());
        assert!(kind(123_456).is_err());
    }
}
