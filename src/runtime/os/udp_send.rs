//! Datagrams given to a socket in batches.

use crate::protocol::output::Transmit;
use socket2::{SockAddr, Socket};
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Up to which size datagrams are given to the system joined (UDP_SEGMENT, Linux 4.18): all of one call in one piece, which it
/// cuts as late as it can. It refuses what would not fit into a packet of the way there, and some devices refuse all.
#[derive(Debug)]
pub(in crate::runtime) struct Joining {
    longest: AtomicUsize,
}

impl Default for Joining {
    fn default() -> Self {
        Self { longest: AtomicUsize::new(usize::MAX) }
    }
}

impl Joining {
    /// Older kernels ignore what they do not know, and would send all as one datagram: they are asked.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub(in crate::runtime) fn for_socket(socket: &Socket) -> Self {
        let joining = Self::default();
        if super::option::get_int(socket, libc::SOL_UDP, libc::UDP_SEGMENT).is_err() {
            joining.longest.store(0, Ordering::Relaxed);
        }
        joining
    }

    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    pub(in crate::runtime) fn for_socket(_socket: &Socket) -> Self {
        Self::default()
    }

    /// How many of the first datagrams can go joined: to the same address, of the same length; the last may be shorter.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn count(&self, datagrams: &[Transmit]) -> usize {
        let Some(first) = datagrams.first() else { return 0 };
        let size = first.len();
        if size == 0 || size > self.longest.load(Ordering::Relaxed) {
            return 0;
        }
        let most = linux::MOST_JOINED.min(linux::MOST_OCTETS / size);
        let alike = |datagram: &&Transmit| datagram.to == first.to && datagram.len() == size;
        let count = datagrams.iter().take(most).take_while(alike).count();
        match datagrams.get(count) {
            Some(last) if count < most && last.to == first.to && (1..size).contains(&last.len()) => count + 1,
            _ => count,
        }
    }

    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn refused(&self, size: usize, error: &io::Error) {
        let longest = match error.raw_os_error() {
            Some(libc::EMSGSIZE | libc::EINVAL) => size - 1,
            _ => 0,
        };
        self.longest.fetch_min(longest, Ordering::Relaxed);
    }
}

/// Sends the first of these datagrams, or several with one call. Never blocks. Returns how many went.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(in crate::runtime) fn send(socket: &Socket, joining: &Joining, datagrams: &[Transmit]) -> io::Result<usize> {
    let [first, _, ..] = datagrams else { return send_first(socket, datagrams) };
    let alike = joining.count(datagrams);
    if alike > 1 {
        let joined = &datagrams[..alike];
        match linux::send_joined(socket, joined, first.len()) {
            Err(error) if linux::is_refusal(&error) => joining.refused(first.len(), &error),
            result => return result.map(|()| alike),
        }
    }
    linux::send_several(socket, datagrams)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(in crate::runtime) fn send(socket: &Socket, _joining: &Joining, datagrams: &[Transmit]) -> io::Result<usize> {
    send_first(socket, datagrams)
}

fn send_first(socket: &Socket, datagrams: &[Transmit]) -> io::Result<usize> {
    let Some(first) = datagrams.first() else { return Ok(0) };
    let slices = [io::IoSlice::new(first.head()), io::IoSlice::new(first.body())];
    let to = SockAddr::from(first.to);
    // Sockets are non-blocking where there are no such flags.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let sent = socket.send_to_vectored_with_flags(&slices, &to, libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL);
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let sent = socket.send_to_vectored(&slices, &to);
    sent.map(|_| 1)
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod linux {
    use super::Transmit;
    use socket2::{SockAddr, Socket};
    use std::io;
    use std::os::fd::AsRawFd;

    /// Datagrams of one call that go one by one.
    const SEVERAL: usize = 32;
    /// Datagrams that every kernel with UDP_SEGMENT takes joined.
    pub(super) const MOST_JOINED: usize = 64;
    /// And their octets: what an IP packet can hold, with any header.
    pub(super) const MOST_OCTETS: usize = 65_000;
    const FLAGS: libc::c_int = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    const EMPTY: libc::iovec = libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 };

    fn slice(bytes: &[u8]) -> libc::iovec {
        libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() }
    }

    /// The system does not join these datagrams, or none at all: they go otherwise.
    pub(super) fn is_refusal(error: &io::Error) -> bool {
        let number = error.raw_os_error();
        matches!(number, Some(libc::EINVAL | libc::EMSGSIZE | libc::EIO | libc::EOPNOTSUPP | libc::ENOPROTOOPT))
    }

    /// All or none.
    pub(super) fn send_joined(socket: &Socket, datagrams: &[Transmit], size: usize) -> io::Result<()> {
        let Some(first) = datagrams.first() else { return Ok(()) };
        let name = SockAddr::from(first.to);
        let mut slices = [EMPTY; 2 * MOST_JOINED];
        for (pair, datagram) in slices.chunks_exact_mut(2).zip(datagrams) {
            pair.copy_from_slice(&[slice(datagram.head()), slice(datagram.body())]);
        }
        // A control message: its header, and the size of each datagram as 16 bits.
        let mut control = [0u64; 4];
        // SAFETY: the array is as aligned as a cmsghdr and longer.
        let option = unsafe { &mut *control.as_mut_ptr().cast::<libc::cmsghdr>() };
        option.cmsg_level = libc::SOL_UDP;
        option.cmsg_type = libc::UDP_SEGMENT;
        option.cmsg_len = (size_of::<libc::cmsghdr>() + size_of::<u16>()) as _;
        // SAFETY: it stays within the array.
        let value = unsafe { control.as_mut_ptr().cast::<u8>().add(size_of::<libc::cmsghdr>()) };
        // SAFETY: 16 bits follow the header.
        unsafe { value.cast::<u16>().write_unaligned(size as u16) };
        // SAFETY: msghdr is plain integers and pointers, for which zero is a value.
        let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
        header.msg_name = name.as_ptr().cast_mut().cast();
        header.msg_namelen = name.len();
        header.msg_iov = slices.as_mut_ptr();
        header.msg_iovlen = (2 * datagrams.len().min(MOST_JOINED)) as _;
        header.msg_control = control.as_mut_ptr().cast();
        // Of the header and of 16 bits with their padding, on systems of 32 and of 64 bits.
        header.msg_controllen = (size_of::<libc::cmsghdr>() + size_of::<usize>()) as _;
        // SAFETY: the header points to a name, bytes and a control message that live through the call, which only reads them.
        let sent = unsafe { libc::sendmsg(socket.as_raw_fd(), &header, FLAGS) };
        if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// One by one, with one call. Returns how many went.
    pub(super) fn send_several(socket: &Socket, datagrams: &[Transmit]) -> io::Result<usize> {
        let Some(first) = datagrams.first() else { return Ok(0) };
        let mut names: [SockAddr; SEVERAL] = std::array::from_fn(|_| SockAddr::from(first.to));
        let mut slices = [[EMPTY; 2]; SEVERAL];
        // SAFETY: mmsghdr is plain integers and pointers, for which zero is a value.
        let mut headers: [libc::mmsghdr; SEVERAL] = unsafe { std::mem::zeroed() };
        let count = datagrams.len().min(SEVERAL);
        for (((datagram, name), slices), header) in datagrams.iter().zip(&mut names).zip(&mut slices).zip(&mut headers)
        {
            if datagram.to != first.to {
                *name = SockAddr::from(datagram.to);
            }
            *slices = [slice(datagram.head()), slice(datagram.body())];
            header.msg_hdr.msg_iov = slices.as_mut_ptr();
            header.msg_hdr.msg_iovlen = slices.len() as _;
            header.msg_hdr.msg_name = name.as_ptr().cast_mut().cast();
            header.msg_hdr.msg_namelen = name.len();
        }
        // SAFETY: the first `count` headers point to names and bytes that live through the call, which only reads them.
        let sent =
            unsafe { libc::sendmmsg(socket.as_raw_fd(), headers.as_mut_ptr(), count as libc::c_uint, FLAGS as _) };
        if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(sent as usize) }
    }
}
