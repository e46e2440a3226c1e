//! The `udpsocket_*` calls of `udpsocket.h`: UDP sockets as plain descriptors, and the grammar of their URLs.

use super::boundary::{FAILED, Failure, count, fence, status};
use super::pointer;
use super::socket_options;
use crate::url::{address, query};
use socket2::{Domain, SockAddr, SockRef, Socket, Type};
use std::ffi::{c_char, c_int, c_void};
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::os::fd::{BorrowedFd, IntoRawFd};

/// Multicast hops where nobody asks for another number.
pub const UDPSOCKET_MAX_HOPS: u32 = 32;
/// Buffer size that udpsocket_set_optimal_buffer_size wants at least, in bytes.
pub const UDPSOCKET_SOCK_BUFSIZE: u32 = 1 << 20;
/// Buffer size that udpsocket_set_optimal_buffer_size asks for, in bytes.
pub const UDPSOCKET_SOCK_BUFSIZE_MAX: u32 = 8 << 20;
/// What libRIST 0.2.x makes do with.
const FALLBACK_BUFFER: u32 = 209_715;

/// A parameter of a URL.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct udpsocket_url_param {
    pub key: *mut c_char,
    pub val: *mut c_char,
}

pub type udpsocket_url_param_t = udpsocket_url_param;

/// Opens a UDP socket of an address family (AF_INET, AF_INET6). Returns its descriptor, or -1 (see errno).
#[unsafe(no_mangle)]
pub extern "C" fn udpsocket_open(af: u16) -> c_int {
    descriptor(|| Socket::new(Domain::from(c_int::from(af)), Type::DGRAM, None))
}

/// Opens a UDP socket and binds it. If host is a multicast group it is joined on mciface, the name of an interface or
/// an IPv4 address of one; NULL and "" leave the choice to the system, and so does a name that does not exist.
/// Returns the descriptor, or -1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn udpsocket_open_bind(host: *const c_char, port: u16, mciface: *const c_char) -> c_int {
    // SAFETY: the C contract is the same.
    unsafe { udpsocket_open_bind_mcast(host, port, mciface, 0, std::ptr::null()) }
}

/// As udpsocket_open_bind. ttl: hops of multicast sent from this socket, 0 for the default; ssm: the only source to take
/// multicast from, an IP address; NULL or "" for any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn udpsocket_open_bind_mcast(
    host: *const c_char,
    port: u16,
    mciface: *const c_char,
    ttl: u32,
    ssm: *const c_char,
) -> c_int {
    descriptor(|| {
        // SAFETY: the C contract: text or NULL.
        let address = resolve(unsafe { text(host) }, port)?;
        // SAFETY: as above.
        let interface = unsafe { text(mciface) };
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, None)?;
        socket.set_reuse_address(true)?;
        socket.bind(&socket_options::scoped(address, interface).into())?;
        if address.ip().is_multicast() {
            // SAFETY: as above.
            let source = unsafe { text(ssm) };
            socket_options::join(&SockRef::from(&socket), address.ip(), interface, source)?;
        }
        if ttl != 0 {
            socket_options::set_hops(&SockRef::from(&socket), address.is_ipv4(), ttl)?;
        }
        Ok(socket)
    })
}

/// Opens a UDP socket and connects it. Multicast goes out through mciface unless that is NULL or "".
/// Returns the descriptor, or -1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn udpsocket_open_connect(host: *const c_char, port: u16, mciface: *const c_char) -> c_int {
    descriptor(|| {
        // SAFETY: the C contract: text or NULL.
        let address = resolve(unsafe { text(host) }, port)?;
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, None)?;
        socket.set_reuse_address(true)?;
        let socket_ref = SockRef::from(&socket);
        socket_options::set_hops(&socket_ref, address.is_ipv4(), UDPSOCKET_MAX_HOPS)?;
        // SAFETY: as above.
        let interface = unsafe { text(mciface) };
        // Elsewhere libRIST ignores it, even one that does not exist.
        if !interface.is_empty() && address.ip().is_multicast() {
            socket_options::set_interface(&socket_ref, address.is_ipv4(), interface)?;
        }
        socket.connect(&address.into())?;
        Ok(socket)
    })
}

/// Gives a socket a receive buffer of up to 8 MiB, at least 204 KiB. Returns 0, or -1 if the system grants less.
#[unsafe(no_mangle)]
pub extern "C" fn udpsocket_set_optimal_buffer_size(sd: c_int) -> c_int {
    optimal(udpsocket_get_buffer_size, udpsocket_set_buffer_size, socket_options::FORCE_RECEIVE_BUFFER, sd)
}

/// Gives a socket a send buffer of up to 8 MiB, at least 204 KiB. Returns 0, or -1 if the system grants less.
#[unsafe(no_mangle)]
pub extern "C" fn udpsocket_set_optimal_buffer_send_size(sd: c_int) -> c_int {
    optimal(udpsocket_get_buffer_send_size, udpsocket_set_buffer_send_size, socket_options::FORCE_SEND_BUFFER, sd)
}

/// Sets the receive buffer of a socket, in bytes. 0, or -1.
#[unsafe(no_mangle)]
pub extern "C" fn udpsocket_set_buffer_size(sd: c_int, bufsize: u32) -> c_int {
    with(sd, |socket| socket.set_recv_buffer_size(bufsize as usize))
}

/// Sets the send buffer of a socket, in bytes. 0, or -1.
#[unsafe(no_mangle)]
pub extern "C" fn udpsocket_set_buffer_send_size(sd: c_int, bufsize: u32) -> c_int {
    with(sd, |socket| socket.set_send_buffer_size(bufsize as usize))
}

/// The receive buffer of a socket as the system counts it (Linux: twice what was set). 0 for an error.
#[unsafe(no_mangle)]
pub extern "C" fn udpsocket_get_buffer_size(sd: c_int) -> u32 {
    fence(0, || size(borrow(sd).and_then(|socket| SockRef::from(&socket).recv_buffer_size())))
}

/// The send buffer of a socket as the system counts it (Linux: twice what was set). 0 for an error.
#[unsafe(no_mangle)]
pub extern "C" fn udpsocket_get_buffer_send_size(sd: c_int) -> u32 {
    fence(0, || size(borrow(sd).and_then(|socket| SockRef::from(&socket).send_buffer_size())))
}

/// Chooses the interface, by name or IPv4 address, that multicast of a family (AF_INET, AF_INET6) goes out through. 0, or -1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn udpsocket_set_mcast_iface(sd: c_int, mciface: *const c_char, family: u16) -> c_int {
    with(sd, |socket| {
        // SAFETY: the C contract: text or NULL.
        let interface = unsafe { text(mciface) };
        socket_options::set_interface(socket, is_ipv4(family)?, interface)
    })
}

/// Sets the hops of multicast of a family, 1 to 255; 0 is the default, UDPSOCKET_MAX_HOPS. 0, or -1.
#[unsafe(no_mangle)]
pub extern "C" fn udpsocket_set_mcast_ttl(sd: c_int, family: u16, ttl: u32) -> c_int {
    let ttl = if ttl == 0 { UDPSOCKET_MAX_HOPS } else { ttl };
    with(sd, |socket| socket_options::set_hops(socket, is_ipv4(family)?, ttl))
}

/// Joins the multicast group in sa, which is of a family (AF_INET, AF_INET6), on an interface (see udpsocket_open_bind);
/// ssm: the only source to take it from, or NULL. 0, or -1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn udpsocket_join_mcast_group(
    sd: c_int,
    miface: *const c_char,
    sa: *mut libc::sockaddr,
    family: u16,
    ssm: *const c_char,
) -> c_int {
    with(sd, |socket| {
        // SAFETY: the C contract: sa is an address of that family, or NULL.
        let group = unsafe { socket_options::read_address(sa, is_ipv4(family)?) }?;
        // SAFETY: the C contract: text or NULL.
        let interface = unsafe { text(miface) };
        // SAFETY: as above.
        let source = unsafe { text(ssm) };
        socket_options::join(socket, group, interface, source)
    })
}

/// Makes the system send datagrams of a family unfragmented, where it can.
#[unsafe(no_mangle)]
pub extern "C" fn udpsocket_set_dontfragment(sd: c_int, af: u16) {
    with(sd, |socket| socket_options::set_dont_fragment(socket, is_ipv4(af)?));
}

/// Finds the address of a host. addr must have room for a sockaddr_in6; read the family from it. 0, or -1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn udpsocket_resolve_host(host: *const c_char, port: u16, addr: *mut libc::sockaddr) -> c_int {
    status(|| {
        let addr = pointer::checked(addr.cast_const().cast::<u8>()).ok_or(FAILED)?;
        // SAFETY: the C contract: text or NULL.
        let found = SockAddr::from(resolve(unsafe { text(host) }, port).map_err(failure)?);
        let length = found.len() as usize;
        // SAFETY: the C contract: room for a sockaddr_in6, the longer of the two.
        unsafe { std::ptr::copy_nonoverlapping(found.as_ptr().cast::<u8>(), addr.as_ptr(), length) };
        Ok(())
    })
}

/// Does nothing and returns 0, as in libRIST on POSIX systems: pass MSG_DONTWAIT, or use udpsocket_send_nonblocking.
#[unsafe(no_mangle)]
pub extern "C" fn udpsocket_set_nonblocking(_sd: c_int) -> c_int {
    0
}

/// Sends a datagram on a connected socket. Returns its size, or -1 (see errno).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn udpsocket_send(sd: c_int, buf: *const c_void, size: usize) -> c_int {
    // SAFETY: the C contract: size readable bytes. The kernel refuses a pointer that is none.
    unsafe { libc::send(sd, buf, size, 0) as c_int }
}

/// As udpsocket_send, but never waits.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn udpsocket_send_nonblocking(sd: c_int, buf: *const c_void, size: usize) -> c_int {
    // SAFETY: as in udpsocket_send.
    unsafe { libc::send(sd, buf, size, libc::MSG_DONTWAIT) as c_int }
}

/// Finds the address of a host and sends a datagram to it. Returns its size, or -1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn udpsocket_sendto(
    sd: c_int,
    buf: *const c_void,
    size: usize,
    host: *const c_char,
    port: u16,
) -> c_int {
    count(|| {
        // SAFETY: the C contract: text or NULL.
        let to = SockAddr::from(resolve(unsafe { text(host) }, port).map_err(failure)?);
        // SAFETY: as in udpsocket_send; the address is ours.
        Ok(unsafe { libc::sendto(sd, buf, size, 0, to.as_ptr().cast(), to.len()) } as c_int)
    })
}

/// Receives a datagram. Returns its size, or -1 (see errno).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn udpsocket_recv(sd: c_int, buf: *mut c_void, size: usize) -> c_int {
    // SAFETY: the C contract: size writable bytes. The kernel refuses a pointer that is none.
    unsafe { libc::recv(sd, buf, size, 0) as c_int }
}

/// Receives a datagram and the address it comes from; flags, addr and addr_len as for recvfrom. Returns its size, or -1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn udpsocket_recvfrom(
    sd: c_int,
    buf: *mut c_void,
    size: usize,
    flags: c_int,
    addr: *mut libc::sockaddr,
    addr_len: *mut libc::socklen_t,
) -> c_int {
    // SAFETY: as in udpsocket_recv, for the address too.
    unsafe { libc::recvfrom(sd, buf, size, flags, addr, addr_len) as c_int }
}

/// Closes a socket. 0, or -1.
#[unsafe(no_mangle)]
pub extern "C" fn udpsocket_close(sd: c_int) -> c_int {
    // SAFETY: the number is the caller's; the kernel refuses one that is not open.
    unsafe { libc::close(sd) }
}

/// Takes [scheme://][@]host[:port] apart. address receives the host, cut to address_maxlen - 1 bytes and NUL-terminated;
/// port stays as it is if the text has none; local is 1 after '@' (listen), else 0. Unlike in libRIST 0.2.7, url is
/// not written to. 0, or -1 for NULL, "" and a '[' that is not closed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn udpsocket_parse_url(
    url: *mut c_char,
    address: *mut c_char,
    address_maxlen: c_int,
    port: *mut u16,
    local: *mut c_int,
) -> c_int {
    status(|| {
        // SAFETY: the C contract: text or NULL.
        let url = unsafe { pointer::text(url) }?.to_string_lossy();
        let target = pointer::checked(address).ok_or(FAILED)?;
        let room = usize::try_from(address_maxlen).ok().and_then(|length| length.checked_sub(1)).ok_or(FAILED)?;
        if url.is_empty() {
            return Err(FAILED);
        }
        // SAFETY: the C contract: an int. libRIST sets it even if it then refuses the address.
        unsafe { pointer::write(local, c_int::from(address::listens(&url))) }?;
        let parsed = address::parse(&url).ok_or(FAILED)?;
        if let Some(number) = parsed.port {
            // SAFETY: the C contract: a uint16_t.
            unsafe { pointer::write(port, number) }?;
        }
        let host = &parsed.host.as_bytes()[..parsed.host.len().min(room)];
        let mut text = host.to_vec();
        text.push(0);
        // SAFETY: the C contract: address_maxlen writable bytes, which is room + 1.
        unsafe { std::ptr::copy_nonoverlapping(text.as_ptr(), target.as_ptr().cast::<u8>(), text.len()) };
        Ok(())
    })
}

/// Finds the parameters of a URL. Returns how many there are in params, at most max_params; -1 if url is NULL or has no '?'.
/// clean_url_len receives the length of the text before the '?', plus one.
/// The keys and values are in url, which is written to: it must not be a literal, and must live as long as they are used.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn udpsocket_parse_url_parameters(
    url: *mut c_char,
    params: *mut udpsocket_url_param_t,
    max_params: c_int,
    clean_url_len: *mut u32,
) -> c_int {
    count(|| {
        // SAFETY: the C contract: text or NULL.
        let bytes = unsafe { pointer::text(url) }?.to_bytes();
        let base = bytes.as_ptr().addr();
        let (clean, text) = query::split(bytes);
        if let Some(target) = pointer::checked(clean_url_len) {
            // SAFETY: the C contract: a uint32_t.
            unsafe { target.write(u32::try_from(clean.len() + 1).unwrap_or(u32::MAX)) };
        }
        let text = text.ok_or(FAILED)?;
        let Some(params) = pointer::checked(params) else { return Ok(0) };
        let limit = usize::try_from(max_params).unwrap_or(0);
        // Places, so that no slice of the text is alive when it is written to.
        let places: Vec<(usize, usize, usize)> = query::pairs(text, limit)
            .map(|(key, value)| (key.as_ptr().addr() - base, value.as_ptr().addr() - base, value.len()))
            .collect();
        for (index, (key, value, length)) in places.iter().enumerate() {
            // SAFETY: the place is in the caller's text, as was found above; before the value stands its '='.
            let (key, value) = (unsafe { url.add(*key) }, unsafe { url.add(*value) });
            // SAFETY: as above.
            let equals = unsafe { value.sub(1) };
            // SAFETY: as above; behind the value stands its '&' or the NUL.
            let end = unsafe { value.add(*length) };
            for separator in [equals, end] {
                // SAFETY: the C contract: the text is writable.
                unsafe { separator.write(0) };
            }
            // SAFETY: the C contract: max_params entries; the index is below.
            let entry = unsafe { params.add(index) };
            // SAFETY: as above.
            unsafe { entry.write(udpsocket_url_param { key, val: value }) };
        }
        Ok(c_int::try_from(places.len()).unwrap_or(c_int::MAX))
    })
}

/// Text from C; NULL, and bytes that are no UTF-8 and so name nothing, are "".
///
/// Contract: as `pointer::text`.
unsafe fn text<'a>(pointer: *const c_char) -> &'a str {
    // SAFETY: the caller's contract.
    let text = unsafe { pointer::text(pointer) };
    text.ok().and_then(|text| text.to_str().ok()).unwrap_or_default()
}

/// The first address of a host; numbers are not looked up.
fn resolve(host: &str, port: u16) -> io::Result<SocketAddr> {
    if let Ok(number) = host.parse::<IpAddr>() {
        return Ok((number, port).into());
    }
    (host, port).to_socket_addrs()?.next().ok_or_else(|| io::ErrorKind::NotFound.into())
}

fn is_ipv4(family: u16) -> io::Result<bool> {
    match c_int::from(family) {
        libc::AF_INET => Ok(true),
        libc::AF_INET6 => Ok(false),
        _ => Err(io::Error::from_raw_os_error(libc::EAFNOSUPPORT)),
    }
}

/// Borrows the caller's socket for one call.
fn borrow(sd: c_int) -> io::Result<BorrowedFd<'static>> {
    if sd < 0 {
        return Err(io::Error::from_raw_os_error(libc::EBADF));
    }
    // SAFETY: not -1. The C contract is that it stays open during the call; otherwise the kernel refuses it.
    Ok(unsafe { BorrowedFd::borrow_raw(sd) })
}

/// Does one thing with the caller's socket: 0, or -1 and errno.
fn with(sd: c_int, action: impl FnOnce(&SockRef<'_>) -> io::Result<()>) -> c_int {
    status(|| {
        let socket = borrow(sd).map_err(failure)?;
        action(&SockRef::from(&socket)).map_err(failure)
    })
}

/// Hands a new socket to C: its number, or -1 and errno.
fn descriptor(open: impl FnOnce() -> io::Result<Socket>) -> c_int {
    count(|| open().map(IntoRawFd::into_raw_fd).map_err(failure))
}

fn failure(error: io::Error) -> Failure {
    if let Some(number) = error.raw_os_error() {
        // Closing the socket that failed may have changed it.
        socket_options::set_errno(number);
    }
    FAILED
}

fn size(size: io::Result<usize>) -> u32 {
    size.ok().and_then(|size| u32::try_from(size).ok()).unwrap_or(0)
}

fn optimal(
    get: extern "C" fn(c_int) -> u32,
    set: extern "C" fn(c_int, u32) -> c_int,
    force: c_int,
    sd: c_int,
) -> c_int {
    let sizes = [UDPSOCKET_SOCK_BUFSIZE_MAX, UDPSOCKET_SOCK_BUFSIZE, FALLBACK_BUFFER];
    let granted = sizes.into_iter().any(|wanted| {
        if get(sd) < wanted {
            set(sd, wanted);
        }
        if get(sd) < wanted {
            with(sd, |socket| socket_options::force_buffer(socket, force, wanted));
        }
        get(sd) >= wanted
    });
    if granted { 0 } else { -1 }
}
