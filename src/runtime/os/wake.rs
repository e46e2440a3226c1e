//! Interrupts a thread that waits for sockets.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};

/// An eventfd, or a pipe where there is none.
pub(in crate::runtime) struct Wake {
    reader: File,
    writer: File,
    /// Set while an unread wake-up is inside: a second one needs no system call.
    pending: AtomicBool,
}

impl Wake {
    pub(in crate::runtime) fn new() -> io::Result<Self> {
        let (reader, writer) = pair()?;
        Ok(Self { reader: reader.into(), writer: writer.into(), pending: AtomicBool::new(false) })
    }

    /// Becomes readable by [`Wake::wake`].
    pub(in crate::runtime) fn fd(&self) -> i32 {
        self.reader.as_raw_fd()
    }

    pub(in crate::runtime) fn wake(&self) {
        if !self.pending.swap(true, Ordering::AcqRel) {
            // It fails only when full, and then it is readable already.
            let _ = (&self.writer).write(&1u64.to_ne_bytes());
        }
    }

    /// Takes all wake-ups so far.
    pub(in crate::runtime) fn clear(&self) {
        let mut bytes = [0u8; 64];
        while matches!((&self.reader).read(&mut bytes), Ok(read) if read == bytes.len()) {}
        // After the read: a wake-up between the two is kept as written or as unneeded, because
        // the waiting thread looks at everything once more before it waits again.
        self.pending.swap(false, Ordering::AcqRel);
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    // SAFETY: takes no pointer.
    let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor was just made and nobody else has it.
    let reader = unsafe { OwnedFd::from_raw_fd(fd) };
    let writer = reader.try_clone()?;
    Ok((reader, writer))
}

#[cfg(all(unix, not(any(target_os = "linux", target_os = "android"))))]
fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let (reader, writer) = std::os::unix::net::UnixStream::pair()?;
    reader.set_nonblocking(true)?;
    writer.set_nonblocking(true)?;
    Ok((reader.into(), writer.into()))
}

#[cfg(test)]
mod tests {
    use super::super::poll;
    use super::*;
    use std::sync::atomic::AtomicU32;
    use std::time::{Duration, Instant};

    const COUNT: u32 = 64_000;

    fn is_awake(wake: &Wake) -> bool {
        let mut waiting = [poll::waiting(wake.fd(), false)];
        poll::wait(&mut waiting, Some(Duration::ZERO)).unwrap();
        poll::is_readable(&waiting[0])
    }

    #[test]
    fn wakes_until_cleared_and_again() {
        let wake = Wake::new().unwrap();
        for _ in 0..3 {
            assert!(!is_awake(&wake));
            wake.wake();
            wake.wake();
            assert!(is_awake(&wake));
            wake.clear();
        }
        assert!(!is_awake(&wake));
    }

    /// Whatever was left before a wake-up is seen by who waits, however the two meet.
    #[test]
    fn none_is_lost() {
        let (wake, left, seen) = (Wake::new().unwrap(), AtomicU32::new(0), AtomicU32::new(0));
        let begun = Instant::now();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while seen.load(Ordering::Relaxed) < COUNT {
                    let mut waiting = [poll::waiting(wake.fd(), false)];
                    poll::wait(&mut waiting, Some(Duration::from_secs(30))).unwrap();
                    assert!(poll::is_readable(&waiting[0]), "not woken");
                    wake.clear();
                    seen.store(left.load(Ordering::Relaxed), Ordering::Relaxed);
                }
            });
            for number in 1..=COUNT {
                left.store(number, Ordering::Relaxed);
                wake.wake();
                // At any moment of what the other one does.
                for _ in 0..number.wrapping_mul(2_654_435_761) >> 23 {
                    std::hint::spin_loop();
                }
                // And it goes to sleep now and then: a lost one is not made up for by the next.
                while number % 64 == 0 && seen.load(Ordering::Relaxed) < number {
                    assert!(begun.elapsed() < Duration::from_secs(100), "not seen");
                    std::thread::yield_now();
                }
            }
        });
    }
}
