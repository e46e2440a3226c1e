//! Datagrams in batches.

use crate::protocol::output::Transmit;
use socket2::{SockAddr, Socket};
use std::io;
use std::net::SocketAddr;

/// Datagrams that are taken from a socket at once.
pub(in crate::runtime) const BATCH: usize = 64;
/// Room for one datagram. libRIST sends at most 10,000 bytes; longer ones are rejected.
const SLOT: usize = 10_240;
/// Datagrams that are given to a socket at once.
#[cfg(any(target_os = "linux", target_os = "android"))]
const SEND_BATCH: usize = 32;

/// Received datagrams, in storage that is used again and again.
pub(in crate::runtime) struct Received {
    storage: Vec<u8>,
    /// Sender and length of each.
    datagrams: Vec<(SocketAddr, usize)>,
}

impl Received {
    pub(in crate::runtime) fn new() -> Self {
        Self { storage: vec![0; BATCH * SLOT], datagrams: Vec::with_capacity(BATCH) }
    }

    pub(in crate::runtime) fn iter(&self) -> impl Iterator<Item = (SocketAddr, &[u8])> {
        let datagrams = self.datagrams.iter().zip(self.storage.chunks_exact(SLOT));
        // Nothing valid is as long as a slot: such a datagram was cut off.
        datagrams.filter(|((_, length), _)| *length < SLOT).map(|((from, length), slot)| (*from, &slot[..*length]))
    }

    /// Takes what is there, at most [`BATCH`]. Returns how many were taken: a full batch asks for another round.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub(in crate::runtime) fn receive(&mut self, socket: &Socket) -> io::Result<usize> {
        use std::os::fd::AsRawFd;
        use std::ptr::null_mut;
        self.datagrams.clear();
        let empty = libc::iovec { iov_base: null_mut(), iov_len: 0 };
        let mut slices = [empty; BATCH];
        // SAFETY: sockaddr_storage is plain bytes, for which zero is a value.
        let mut names: [libc::sockaddr_storage; BATCH] = unsafe { std::mem::zeroed() };
        // SAFETY: mmsghdr is plain integers and pointers, for which zero is a value.
        let mut headers: [libc::mmsghdr; BATCH] = unsafe { std::mem::zeroed() };
        let slots = self.storage.chunks_exact_mut(SLOT).zip(&mut slices).zip(&mut names).zip(&mut headers);
        for (((slot, slice), name), header) in slots {
            *slice = libc::iovec { iov_base: slot.as_mut_ptr().cast(), iov_len: slot.len() };
            header.msg_hdr.msg_iov = slice;
            header.msg_hdr.msg_iovlen = 1;
            header.msg_hdr.msg_name = std::ptr::from_mut(name).cast();
            header.msg_hdr.msg_namelen = size_of_val(name) as libc::socklen_t;
        }
        let count = BATCH as libc::c_uint;
        // SAFETY: every header points to a slot and a name that live through the call and are nobody else's.
        let taken = unsafe {
            libc::recvmmsg(socket.as_raw_fd(), headers.as_mut_ptr(), count, libc::MSG_DONTWAIT as _, null_mut())
        };
        if taken < 0 {
            return Err(io::Error::last_os_error());
        }
        let taken = taken as usize;
        for (header, name) in headers.iter().zip(&names).take(taken) {
            // A sender without an address is marked as cut off, so that slots stay in step.
            let (from, length) = match address(name) {
                Some(from) if header.msg_hdr.msg_flags & libc::MSG_TRUNC == 0 => (from, header.msg_len as usize),
                _ => (SocketAddr::from(([0, 0, 0, 0], 0)), SLOT),
            };
            self.datagrams.push((from, length));
        }
        Ok(taken)
    }

    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    pub(in crate::runtime) fn receive(&mut self, socket: &Socket) -> io::Result<usize> {
        self.datagrams.clear();
        for slot in self.storage.chunks_exact_mut(SLOT) {
            // SAFETY: initialised bytes are valid as maybe-uninitialised ones, and recv_from writes only initialised ones.
            let slot = unsafe { &mut *(std::ptr::from_mut(slot) as *mut [std::mem::MaybeUninit<u8>]) };
            match socket.recv_from(slot) {
                Ok((length, from)) => match from.as_socket() {
                    Some(from) => self.datagrams.push((from, length)),
                    None => self.datagrams.push((SocketAddr::from(([0, 0, 0, 0], 0)), SLOT)),
                },
                Err(error) if self.datagrams.is_empty() => return Err(error),
                Err(_) => break,
            }
        }
        Ok(self.datagrams.len())
    }
}

/// Sends the first of these datagrams, or several with one call. Never blocks. Returns how many went.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(in crate::runtime) fn send(socket: &Socket, datagrams: &[Transmit]) -> io::Result<usize> {
    use std::os::fd::AsRawFd;
    let [first, _, ..] = datagrams else { return send_first(socket, datagrams) };
    let mut names: [SockAddr; SEND_BATCH] = std::array::from_fn(|_| SockAddr::from(first.to));
    let empty = libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 };
    let mut slices = [[empty; 2]; SEND_BATCH];
    // SAFETY: mmsghdr is plain integers and pointers, for which zero is a value.
    let mut headers: [libc::mmsghdr; SEND_BATCH] = unsafe { std::mem::zeroed() };
    let count = datagrams.len().min(SEND_BATCH);
    for (((datagram, name), slices), header) in datagrams.iter().zip(&mut names).zip(&mut slices).zip(&mut headers) {
        if datagram.to != first.to {
            *name = SockAddr::from(datagram.to);
        }
        *slices = [datagram.head(), datagram.body()]
            .map(|bytes| libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() });
        header.msg_hdr.msg_iov = slices.as_mut_ptr();
        header.msg_hdr.msg_iovlen = slices.len() as _;
        header.msg_hdr.msg_name = name.as_ptr().cast_mut().cast();
        header.msg_hdr.msg_namelen = name.len();
    }
    let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    // SAFETY: the first `count` headers point to names and bytes that live through the call, which only reads them.
    let sent = unsafe { libc::sendmmsg(socket.as_raw_fd(), headers.as_mut_ptr(), count as libc::c_uint, flags as _) };
    if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(sent as usize) }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(in crate::runtime) fn send(socket: &Socket, datagrams: &[Transmit]) -> io::Result<usize> {
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
fn address(name: &libc::sockaddr_storage) -> Option<SocketAddr> {
    use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6};
    match i32::from(name.ss_family) {
        libc::AF_INET => {
            // SAFETY: the family says that this is a sockaddr_in; a storage is as large and as aligned as any.
            let name = unsafe { &*std::ptr::from_ref(name).cast::<libc::sockaddr_in>() };
            let ip = Ipv4Addr::from(name.sin_addr.s_addr.to_ne_bytes());
            Some(SocketAddrV4::new(ip, u16::from_be(name.sin_port)).into())
        }
        libc::AF_INET6 => {
            // SAFETY: the family says that this is a sockaddr_in6; a storage is as large and as aligned as any.
            let name = unsafe { &*std::ptr::from_ref(name).cast::<libc::sockaddr_in6>() };
            let ip = Ipv6Addr::from(name.sin6_addr.s6_addr);
            // The flow label differs between packets of one sender; it is no part of who it is.
            Some(SocketAddrV6::new(ip, u16::from_be(name.sin6_port), 0, name.sin6_scope_id).into())
        }
        _ => None,
    }
}

/// An address without a port, as the kernel wants it in multicast requests.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn storage(ip: std::net::IpAddr) -> libc::sockaddr_storage {
    let address = SockAddr::from(SocketAddr::new(ip, 0));
    // SAFETY: a SockAddr holds a whole initialised sockaddr_storage, whatever its length says.
    unsafe { std::ptr::read(address.as_ptr().cast()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::output::{MAX_HEAD, SocketId};
    use crate::protocol::payload::Pool;
    use std::net::UdpSocket;

    fn pair(host: &str) -> (Socket, SocketAddr) {
        let socket = UdpSocket::bind((host, 0)).unwrap();
        let address = socket.local_addr().unwrap();
        (socket.into(), address)
    }

    fn transmit(to: SocketAddr, head: &[u8], body: Option<&[u8]>) -> Transmit {
        let mut bytes = [0; MAX_HEAD];
        bytes[..head.len()].copy_from_slice(head);
        let body = body.map(|body| Pool::new().copy(body));
        Transmit { socket: SocketId(1), to, head: bytes, head_len: head.len(), body }
    }

    fn send_and_receive(host: &str) {
        let (from, from_address) = pair(host);
        let (to, to_address) = pair(host);
        let datagrams: Vec<_> =
            (0..40u8).map(|n| transmit(to_address, &[n], (n % 2 == 1).then_some(b"body"))).collect();
        let mut sent = 0;
        while sent < datagrams.len() {
            sent += send(&from, &datagrams[sent..]).unwrap();
        }
        let mut received = Received::new();
        let mut seen = Vec::new();
        while seen.len() < 40 {
            received.receive(&to).unwrap();
            seen.extend(received.iter().map(|(from, bytes)| (from, bytes.to_vec())));
        }
        for (n, (address, bytes)) in (0..40u8).zip(seen) {
            assert_eq!(address, from_address);
            assert_eq!(bytes[0], n);
            assert_eq!(&bytes[1..], if n % 2 == 1 { &b"body"[..] } else { b"" });
        }
    }

    #[test]
    fn batches_arrive_complete_and_in_order() {
        send_and_receive("127.0.0.1");
        send_and_receive("::1");
    }

    #[test]
    fn an_empty_socket_says_so_and_a_cut_off_datagram_is_left_out() {
        let (from, _) = pair("127.0.0.1");
        let (to, to_address) = pair("127.0.0.1");
        let mut received = Received::new();
        to.set_nonblocking(true).unwrap();
        assert_eq!(received.receive(&to).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        send(&from, &[transmit(to_address, &[], Some(&[7; 20_000]))]).unwrap();
        send(&from, &[transmit(to_address, &[1], None)]).unwrap();
        let mut seen = Vec::new();
        while seen.is_empty() {
            if received.receive(&to).is_ok() {
                seen.extend(received.iter().map(|(_, bytes)| bytes.to_vec()));
            }
        }
        assert_eq!(seen, [vec![1u8]]);
    }
}
