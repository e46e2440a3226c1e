//! Datagrams in batches, and the addresses that the system gives them.

#[cfg(any(target_os = "linux", target_os = "android"))]
use socket2::SockAddr;
#[cfg(any(target_os = "linux", target_os = "android"))]
use std::net::SocketAddr;

pub(in crate::runtime) use super::udp_receive::{Received, accept_joined};
pub(in crate::runtime) use super::udp_send::{Joining, send};

#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn address(name: &libc::sockaddr_storage) -> Option<SocketAddr> {
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
    use crate::protocol::output::{MAX_HEAD, SocketId, Transmit};
    use crate::protocol::payload::Pool;
    use socket2::Socket;
    use std::io;
    use std::net::{SocketAddr, UdpSocket};

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
        let (mut sent, joining) = (0, Joining::default());
        while sent < datagrams.len() {
            sent += send(&from, &joining, &datagrams[sent..]).unwrap();
        }
        let mut received = Received::new().unwrap();
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
        let mut received = Received::new().unwrap();
        to.set_nonblocking(true).unwrap();
        assert_eq!(received.receive(&to).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        let joining = Joining::default();
        send(&from, &joining, &[transmit(to_address, &[], Some(&[7; 20_000]))]).unwrap();
        send(&from, &joining, &[transmit(to_address, &[1], None)]).unwrap();
        let mut seen = Vec::new();
        while seen.is_empty() {
            if received.receive(&to).is_ok() {
                seen.extend(received.iter().map(|(_, bytes)| bytes.to_vec()));
            }
        }
        assert_eq!(seen, [vec![1u8]]);
    }
}
