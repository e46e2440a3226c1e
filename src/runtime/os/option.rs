//! Socket options and interface numbers for which there is no plain call.

use socket2::Socket;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// The number of a network interface; `None` for an unknown name.
#[cfg(unix)]
pub(in crate::runtime) fn interface_index(name: &str) -> Option<u32> {
    let name = std::ffi::CString::new(name).ok()?;
    // SAFETY: a string with its end that lives through the call.
    let index = unsafe { libc::if_nametoindex(name.as_ptr()) };
    (index != 0).then_some(index)
}

#[cfg(not(unix))]
pub(in crate::runtime) fn interface_index(_name: &str) -> Option<u32> {
    None
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn set<T>(socket: &Socket, level: i32, name: i32, value: &T) -> io::Result<()> {
    use std::os::fd::AsRawFd;
    let length = size_of::<T>() as libc::socklen_t;
    // SAFETY: pointer and length are those of `value`; the kernel reads it and keeps nothing.
    let result = unsafe { libc::setsockopt(socket.as_raw_fd(), level, name, std::ptr::from_ref(value).cast(), length) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn set_int(socket: &Socket, level: i32, name: i32, value: libc::c_int) -> io::Result<()> {
    set(socket, level, name, &value)
}

#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn get_int(socket: &Socket, level: i32, name: i32) -> io::Result<libc::c_int> {
    use std::os::fd::AsRawFd;
    let mut value: libc::c_int = 0;
    let mut length = size_of_val(&value) as libc::socklen_t;
    // SAFETY: value and length live through the call; the length is that of the value.
    let result = unsafe { libc::getsockopt(socket.as_raw_fd(), level, name, (&raw mut value).cast(), &raw mut length) };
    if result == 0 { Ok(value) } else { Err(io::Error::last_os_error()) }
}

/// Past the system's limits, which needs privileges.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(in crate::runtime) fn force_buffer(socket: &Socket, receive: bool, bytes: usize) -> io::Result<()> {
    let name = if receive { libc::SO_RCVBUFFORCE } else { libc::SO_SNDBUFFORCE };
    set(socket, libc::SOL_SOCKET, name, &(bytes as libc::c_int))
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(in crate::runtime) fn force_buffer(_socket: &Socket, _receive: bool, _bytes: usize) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Binds an IPv4 socket's outgoing multicast to an interface by its number.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(in crate::runtime) fn set_multicast_interface_v4(socket: &Socket, index: u32) -> io::Result<()> {
    let request = libc::ip_mreqn {
        imr_multiaddr: libc::in_addr { s_addr: 0 },
        imr_address: libc::in_addr { s_addr: 0 },
        imr_ifindex: index as libc::c_int,
    };
    set(socket, libc::IPPROTO_IP, libc::IP_MULTICAST_IF, &request)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(in crate::runtime) fn set_multicast_interface_v4(_socket: &Socket, _index: u32) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Only packets from this device.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(in crate::runtime) fn bind_device(socket: &Socket, name: &str) -> io::Result<()> {
    socket.bind_device(Some(name.as_bytes()))
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(in crate::runtime) fn bind_device(_socket: &Socket, _name: &str) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Joins a group for packets of one source only (RFC 3678), IPv4 or IPv6; interface 0 = by route.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(in crate::runtime) fn join_source(
    socket: &Socket,
    group: IpAddr,
    source: IpAddr,
    interface: (u32, Ipv4Addr),
) -> io::Result<()> {
    /// `struct group_source_req`, RFC 3678 §5.1.
    #[repr(C)]
    struct GroupSource {
        interface: u32,
        group: libc::sockaddr_storage,
        source: libc::sockaddr_storage,
    }
    const JOIN_SOURCE_GROUP: i32 = 46;
    if interface.0 == 0 && !interface.1.is_unspecified() {
        return join_source_v4(socket, group, source, interface.1);
    }
    let request =
        GroupSource { interface: interface.0, group: super::udp::storage(group), source: super::udp::storage(source) };
    let level = if group.is_ipv4() { libc::IPPROTO_IP } else { libc::IPPROTO_IPV6 };
    set(socket, level, JOIN_SOURCE_GROUP, &request)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(in crate::runtime) fn join_source(
    socket: &Socket,
    group: IpAddr,
    source: IpAddr,
    interface: (u32, Ipv4Addr),
) -> io::Result<()> {
    join_source_v4(socket, group, source, interface.1)
}

fn join_source_v4(socket: &Socket, group: IpAddr, source: IpAddr, interface: Ipv4Addr) -> io::Result<()> {
    match (group, source) {
        (IpAddr::V4(group), IpAddr::V4(source)) => socket.join_ssm_v4(&source, &group, &interface),
        _ => Err(io::ErrorKind::Unsupported.into()),
    }
}

/// The address that a socket is bound to.
pub(in crate::runtime) fn local_address(socket: &Socket) -> io::Result<SocketAddr> {
    socket.local_addr()?.as_socket().ok_or_else(|| io::ErrorKind::Unsupported.into())
}
