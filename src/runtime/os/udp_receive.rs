//! Datagrams taken from a socket in batches.

use super::memory;
use socket2::Socket;
use std::io;
use std::net::SocketAddr;

/// Messages that are taken from a socket at once. The system may have put several datagrams of one sender into each.
const BATCH: usize = 32;
/// Room for one message: the longest that UDP allows.
const ROOM: usize = 65_536;
/// From one message's room to the next. Not a power of two: they would compete for the same lines of the cache.
const STRIDE: usize = ROOM + 1_472;
/// libRIST sends at most 10,000 bytes; longer datagrams are rejected.
const LONGEST: usize = 10_240;

/// A message: several datagrams of the same length, of which the last may be shorter.
#[derive(Clone, Copy)]
struct Message {
    from: SocketAddr,
    length: usize,
    datagram: usize,
}

/// Received datagrams, in storage that is used again and again.
pub(in crate::runtime) struct Received {
    storage: Vec<u8>,
    messages: Vec<Message>,
    #[cfg(any(target_os = "linux", target_os = "android"))]
    headers: linux::Headers,
}

impl Received {
    /// An error if there is no memory.
    pub(in crate::runtime) fn new() -> io::Result<Self> {
        let mut storage = memory::zeroed(BATCH * STRIDE)?;
        Ok(Self {
            #[cfg(any(target_os = "linux", target_os = "android"))]
            headers: linux::Headers::new(&mut storage),
            storage,
            messages: Vec::with_capacity(BATCH),
        })
    }

    /// The datagrams that the last call took, in order.
    pub(in crate::runtime) fn iter(&self) -> impl Iterator<Item = (SocketAddr, &[u8])> {
        let rooms = self.storage.chunks_exact(STRIDE);
        self.messages.iter().zip(rooms).flat_map(|(message, room)| {
            let datagrams = room[..message.length.min(ROOM)].chunks(message.datagram.max(1));
            datagrams.filter(|bytes| bytes.len() < LONGEST).map(|bytes| (message.from, bytes))
        })
    }

    /// Takes what is there, up to a batch. Returns whether there may be more.
    pub(in crate::runtime) fn receive(&mut self, socket: &Socket) -> io::Result<bool> {
        self.messages.clear();
        self.take(socket)?;
        Ok(self.messages.len() == BATCH)
    }

    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn take(&mut self, socket: &Socket) -> io::Result<()> {
        self.headers.receive(socket, &mut self.messages)
    }

    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    fn take(&mut self, socket: &Socket) -> io::Result<()> {
        for room in self.storage.chunks_exact_mut(STRIDE) {
            // SAFETY: initialised bytes are valid as maybe-uninitialised ones, and recv_from writes only initialised ones.
            let room = unsafe { &mut *(std::ptr::from_mut(&mut room[..ROOM]) as *mut [std::mem::MaybeUninit<u8>]) };
            match socket.recv_from(room) {
                Ok((length, from)) => {
                    // A sender without an address is left out, in its place.
                    let length = if from.as_socket().is_some() { length } else { 0 };
                    let from = from.as_socket().unwrap_or_else(|| SocketAddr::from(([0, 0, 0, 0], 0)));
                    self.messages.push(Message { from, length, datagram: length });
                }
                Err(error) if self.messages.is_empty() => return Err(error),
                Err(_) => break,
            }
        }
        Ok(())
    }
}

/// Asks the system to hand over what comes together from one sender as one message (Linux 5.0). Only for sockets that are
/// read with [`Received`]. Where it is refused, each datagram is a message of its own.
pub(in crate::runtime) fn accept_joined(socket: &Socket) {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let _ = super::option::set_int(socket, libc::SOL_UDP, libc::UDP_GRO, 1);
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let _ = socket;
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod linux {
    use super::{BATCH, Message, ROOM, STRIDE};
    use crate::runtime::os::udp::address;
    use socket2::Socket;
    use std::io;
    use std::os::fd::AsRawFd;

    /// Room for one control message with an int, and for others that the application may have asked for.
    type Control = [u64; 32];

    /// What the system is told of the storage, made once. The vectors never grow: what they hold stays where it is, and so do
    /// the bytes of the storage.
    pub(super) struct Headers {
        headers: Vec<libc::mmsghdr>,
        names: Vec<libc::sockaddr_storage>,
        controls: Vec<Control>,
        /// How many of them the last call has written to.
        used: usize,
        /// Only pointed to.
        _slices: Vec<libc::iovec>,
    }

    // SAFETY: the pointers lead to its own vectors, and to the storage that goes along with it.
    unsafe impl Send for Headers {}

    impl Headers {
        pub(super) fn new(storage: &mut [u8]) -> Self {
            let mut slices: Vec<_> = storage
                .chunks_exact_mut(STRIDE)
                .map(|room| libc::iovec { iov_base: room.as_mut_ptr().cast(), iov_len: ROOM })
                .collect();
            // SAFETY: sockaddr_storage is plain bytes, for which zero is a value.
            let mut names: Vec<libc::sockaddr_storage> = vec![unsafe { std::mem::zeroed() }; slices.len()];
            let mut controls = vec![Control::default(); slices.len()];
            let parts = slices.iter_mut().zip(&mut names).zip(&mut controls);
            let headers = parts.map(|((slice, name), control)| {
                // SAFETY: mmsghdr is plain integers and pointers, for which zero is a value.
                let mut header: libc::mmsghdr = unsafe { std::mem::zeroed() };
                header.msg_hdr.msg_iov = slice;
                header.msg_hdr.msg_iovlen = 1;
                header.msg_hdr.msg_name = std::ptr::from_mut(name).cast();
                header.msg_hdr.msg_control = control.as_mut_ptr().cast();
                header
            });
            let headers: Vec<_> = headers.collect();
            Self { used: headers.len(), headers, names, controls, _slices: slices }
        }

        pub(super) fn receive(&mut self, socket: &Socket, messages: &mut Vec<Message>) -> io::Result<()> {
            for header in self.headers.iter_mut().take(self.used) {
                header.msg_hdr.msg_namelen = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
                header.msg_hdr.msg_controllen = size_of::<Control>() as _;
            }
            let (headers, count) = (self.headers.as_mut_ptr(), BATCH as libc::c_uint);
            let flags = libc::MSG_DONTWAIT as _;
            // SAFETY: `count` headers point to rooms, names and control messages that live as long as they and that nobody
            // else uses now: the storage is borrowed with `self` by its owner, which reads it between calls only.
            let taken = unsafe { libc::recvmmsg(socket.as_raw_fd(), headers, count, flags, std::ptr::null_mut()) };
            if taken < 0 {
                return Err(io::Error::last_os_error());
            }
            self.used = taken as usize;
            let parts = self.headers.iter().zip(&self.names).zip(&self.controls);
            messages.extend(parts.take(self.used).map(|((header, name), control)| {
                let whole = header.msg_hdr.msg_flags & libc::MSG_TRUNC == 0;
                let length = header.msg_len as usize;
                let datagram = joined(control, header.msg_hdr.msg_controllen as u64).unwrap_or(length);
                match address(name).filter(|_| whole) {
                    Some(from) => Message { from, length, datagram },
                    // Left out, but in its place.
                    None => Message { from: ([0, 0, 0, 0], 0).into(), length: 0, datagram },
                }
            }));
            Ok(())
        }
    }

    /// The length of each datagram in a message that holds several. The application may have asked the socket for other
    /// control messages.
    fn joined(control: &Control, length: u64) -> Option<usize> {
        let header = size_of::<libc::cmsghdr>();
        let end = size_of::<Control>().min(usize::try_from(length).unwrap_or(0));
        let mut at = 0;
        while at + header + size_of::<libc::c_int>() <= end {
            // SAFETY: it stays within the array.
            let start = unsafe { control.as_ptr().cast::<u8>().add(at) };
            // SAFETY: the array has that many octets left, and any are a value of a cmsghdr.
            let found = unsafe { start.cast::<libc::cmsghdr>().read_unaligned() };
            if found.cmsg_level == libc::SOL_UDP && found.cmsg_type == libc::UDP_GRO {
                // SAFETY: it stays within the array.
                let size = unsafe { start.add(header) };
                // SAFETY: an int follows the header.
                let size = unsafe { size.cast::<libc::c_int>().read_unaligned() };
                return usize::try_from(size).ok().filter(|size| *size > 0);
            }
            // The next one is aligned as a pointer is.
            let length = usize::try_from(found.cmsg_len as u64).unwrap_or(usize::MAX).max(header);
            at = length.checked_next_multiple_of(size_of::<usize>()).map_or(end, |length| at.saturating_add(length));
            // Also where the sum is at its limit.
            at = at.min(end);
        }
        None
    }
}
