//! Socket options that `udpsocket.h` offers and `socket2` does not, or not by interface name.

use socket2::{InterfaceIndexOrAddress, SockAddr, SockRef};
use std::ffi::{CString, c_int, c_void};
use std::io;
use std::mem::size_of;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::AsRawFd;

/// The option that exceeds the system's limit, for those who may; 0 where there is none.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) const FORCE_RECEIVE_BUFFER: c_int = libc::SO_RCVBUFFORCE;
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) const FORCE_SEND_BUFFER: c_int = libc::SO_SNDBUFFORCE;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) const FORCE_RECEIVE_BUFFER: c_int = 0;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) const FORCE_SEND_BUFFER: c_int = 0;

/// `struct group_source_req` of RFC 3678 §5.1.2, the same on all systems.
#[repr(C)]
struct GroupSource {
    interface: u32,
    group: libc::sockaddr_storage,
    source: libc::sockaddr_storage,
}

/// Joins a group on an interface (name, IPv4 address or "", unknown ones count as ""), from one source or any.
pub(super) fn join(socket: &SockRef<'_>, group: IpAddr, interface: &str, source: &str) -> io::Result<()> {
    let address: Option<Ipv4Addr> = interface.parse().ok();
    let index = if address.is_some() { 0 } else { interface_index(interface).unwrap_or(0) };
    if source.is_empty() {
        return match (group, address) {
            (IpAddr::V4(group), Some(address)) => socket.join_multicast_v4(&group, &address),
            (IpAddr::V4(group), None) => socket.join_multicast_v4_n(&group, &InterfaceIndexOrAddress::Index(index)),
            (IpAddr::V6(group), _) => socket.join_multicast_v6(&group, index),
        };
    }
    let source: IpAddr = source.parse().map_err(|_| invalid())?;
    match (group, source, address) {
        (IpAddr::V4(group), IpAddr::V4(source), Some(address)) => socket.join_ssm_v4(&source, &group, &address),
        (IpAddr::V4(_), IpAddr::V4(_), None) | (IpAddr::V6(_), IpAddr::V6(_), _) => {
            let request = GroupSource { interface: index, group: storage(group), source: storage(source) };
            let level = if group.is_ipv4() { libc::IPPROTO_IP } else { libc::IPPROTO_IPV6 };
            set(socket, level, libc::MCAST_JOIN_SOURCE_GROUP, &request)
        }
        _ => Err(invalid()),
    }
}

/// An IPv6 group of one link can be bound only together with its link.
pub(super) fn scoped(address: SocketAddr, interface: &str) -> SocketAddr {
    match address {
        SocketAddr::V6(mut group) if group.ip().is_multicast() && group.scope_id() == 0 => {
            group.set_scope_id(interface_index(interface).unwrap_or(0));
            group.into()
        }
        other => other,
    }
}

/// Chooses where multicast goes out. An interface that does not exist is an error.
pub(super) fn set_interface(socket: &SockRef<'_>, ipv4: bool, interface: &str) -> io::Result<()> {
    if let Some(address) = interface.parse::<Ipv4Addr>().ok().filter(|_| ipv4) {
        return socket.set_multicast_if_v4(&address);
    }
    let index = interface_index(interface)?;
    if !ipv4 {
        return socket.set_multicast_if_v6(index);
    }
    let request = libc::ip_mreqn {
        imr_multiaddr: libc::in_addr { s_addr: 0 },
        imr_address: libc::in_addr { s_addr: 0 },
        imr_ifindex: c_int::try_from(index).map_err(|_| invalid())?,
    };
    set(socket, libc::IPPROTO_IP, libc::IP_MULTICAST_IF, &request)
}

/// Sets how many hops multicast lives.
pub(super) fn set_hops(socket: &SockRef<'_>, ipv4: bool, hops: u32) -> io::Result<()> {
    match (hops, ipv4) {
        (256.., _) => Err(invalid()),
        (_, true) => socket.set_multicast_ttl_v4(hops),
        (_, false) => socket.set_multicast_hops_v6(hops),
    }
}

/// Forbids fragments; datagrams that are too long are refused instead.
pub(super) fn set_dont_fragment(socket: &SockRef<'_>, ipv4: bool) -> io::Result<()> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let (option4, option6, value) = (libc::IP_MTU_DISCOVER, libc::IPV6_MTU_DISCOVER, libc::IP_PMTUDISC_DO);
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let (option4, option6, value) = (libc::IP_DONTFRAG, libc::IPV6_DONTFRAG, 1);
    let (level, option) = if ipv4 { (libc::IPPROTO_IP, option4) } else { (libc::IPPROTO_IPV6, option6) };
    let value: c_int = value;
    set(socket, level, option, &value)
}

/// Sets a buffer beyond the system's limit. Needs privileges.
pub(super) fn force_buffer(socket: &SockRef<'_>, option: c_int, size: u32) -> io::Result<()> {
    if option == 0 {
        return Err(io::ErrorKind::Unsupported.into());
    }
    set(socket, libc::SOL_SOCKET, option, &size)
}

/// The IP address in a C socket address, whose family the caller knows.
///
/// Contract: a possible pointer points to a `sockaddr_in` or, if not `ipv4`, to a `sockaddr_in6`.
pub(super) unsafe fn read_address(address: *const libc::sockaddr, ipv4: bool) -> io::Result<IpAddr> {
    let address = super::pointer::checked(address.cast::<u8>()).ok_or_else(invalid)?.as_ptr();
    if ipv4 {
        // SAFETY: the caller's contract; no alignment is asked for.
        let found = unsafe { address.cast::<libc::sockaddr_in>().read_unaligned() };
        Ok(Ipv4Addr::from(found.sin_addr.s_addr.to_ne_bytes()).into())
    } else {
        // SAFETY: as above.
        let found = unsafe { address.cast::<libc::sockaddr_in6>().read_unaligned() };
        Ok(IpAddr::from(found.sin6_addr.s6_addr))
    }
}

/// Tells C why a call failed.
pub(super) fn set_errno(number: c_int) {
    #[cfg(any(target_os = "android", target_os = "netbsd", target_os = "openbsd"))]
    use libc::__errno as errno_location;
    #[cfg(any(target_os = "linux", target_os = "dragonfly"))]
    use libc::__errno_location as errno_location;
    #[cfg(any(target_os = "macos", target_os = "ios", target_os = "freebsd"))]
    use libc::__error as errno_location;
    // SAFETY: always valid, and of this thread.
    let place = unsafe { errno_location() };
    // SAFETY: as above.
    unsafe { place.write(number) };
}

fn interface_index(name: &str) -> io::Result<u32> {
    let name = CString::new(name).map_err(|_| invalid())?;
    // SAFETY: a C string of ours.
    match unsafe { libc::if_nametoindex(name.as_ptr()) } {
        0 => Err(io::Error::last_os_error()),
        index => Ok(index),
    }
}

fn storage(address: IpAddr) -> libc::sockaddr_storage {
    let address = SockAddr::from(SocketAddr::new(address, 0));
    // SAFETY: all zero is a valid sockaddr_storage.
    let mut storage: libc::sockaddr_storage = unsafe { std::mem::zeroed() };
    let length = (address.len() as usize).min(size_of::<libc::sockaddr_storage>());
    let target = (&raw mut storage).cast::<u8>();
    // SAFETY: `length` bytes fit into both.
    unsafe { std::ptr::copy_nonoverlapping(address.as_ptr().cast::<u8>(), target, length) };
    storage
}

fn set<T>(socket: &SockRef<'_>, level: c_int, option: c_int, value: &T) -> io::Result<()> {
    let value: *const c_void = (&raw const *value).cast();
    // SAFETY: a value of ours with its size; the kernel checks the rest.
    let result =
        unsafe { libc::setsockopt(socket.as_raw_fd(), level, option, value, size_of::<T>() as libc::socklen_t) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn invalid() -> io::Error {
    io::Error::from_raw_os_error(libc::EINVAL)
}
