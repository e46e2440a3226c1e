//! `transport.h`: another network under the library than the system's UDP.

use super::boundary::{FAILED, status};
use super::headers::rist_ctx;
use super::socket_options::set_errno;
use super::{instance, pointer};
use crate::protocol::output::Level;
use crate::runtime::network::Network;
use libc::{msghdr, pollfd, sockaddr, socklen_t, ssize_t};
use socket2::SockAddr;
use std::ffi::{c_int, c_void};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::sync::Arc;

/// Functions that take the place of sendto(), recvfrom(), poll() and sendmsg().
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rist_transport_ops {
    /// Handed to each function.
    pub opaque: *mut c_void,
    pub sendto: Option<
        unsafe extern "C" fn(
            opaque: *mut c_void,
            fd: c_int,
            buf: *const c_void,
            len: usize,
            flags: c_int,
            addr: *const sockaddr,
            addrlen: socklen_t,
        ) -> ssize_t,
    >,
    pub recvfrom: Option<
        unsafe extern "C" fn(
            opaque: *mut c_void,
            fd: c_int,
            buf: *mut c_void,
            len: usize,
            flags: c_int,
            addr: *mut sockaddr,
            addrlen: *mut socklen_t,
        ) -> ssize_t,
    >,
    pub poll:
        Option<unsafe extern "C" fn(opaque: *mut c_void, fds: *mut pollfd, nfds: c_int, timeout_ms: c_int) -> c_int>,
    /// NULL: sendto gets the joined pieces.
    pub sendmsg:
        Option<unsafe extern "C" fn(opaque: *mut c_void, fd: c_int, msg: *const msghdr, flags: c_int) -> ssize_t>,
}

/// Sets the functions, before start.
///
/// The library opens and binds its sockets as always and hands their descriptors to the functions, but sends and receives nothing with
/// them. The functions return what the system's return, and set errno. EAGAIN may be 11 or 35, whatever
/// the system's number is; a datagram that sendto or sendmsg does not take is offered again when poll says that the
/// socket is writable. What recvfrom returns must have an address; 0 bytes count as nothing there.
///
/// The functions are called from threads of the library and from those of the program that call it, several at once, with no lock
/// held; so they may call the library. They must not wait, but poll may, as long as timeout_ms says, which is at most
/// 5 ms; it is never asked for other descriptors than the context's sockets. None is called after rist_destroy() has returned.
///
/// @param ctx context that was not started
/// @param ops are copied; sendmsg may be NULL, the others must be set; NULL for the system's network
/// @return 0 on success, -1 on error and after start
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_transport_set(ctx: *mut rist_ctx, ops: *const rist_transport_ops) -> c_int {
    status(|| {
        let instance = instance::find(ctx)?;
        if ops.is_null() {
            return Ok(instance.context.set_network(None)?);
        }
        // SAFETY: the contract of `capi`.
        let functions = Functions::new(unsafe { pointer::read(ops) }?).ok_or_else(|| {
            instance.log(Level::Error, "Transport functions: sendto, recvfrom and poll must be set");
            FAILED
        })?;
        Ok(instance.context.set_network(Some(Arc::new(functions)))?)
    })
}

/// The program's functions as a network.
struct Functions {
    opaque: *mut c_void,
    sendto: Sendto,
    recvfrom: Recvfrom,
    poll: Poll,
    sendmsg: Option<Sendmsg>,
}

type Sendto =
    unsafe extern "C" fn(*mut c_void, c_int, *const c_void, usize, c_int, *const sockaddr, socklen_t) -> ssize_t;
type Recvfrom =
    unsafe extern "C" fn(*mut c_void, c_int, *mut c_void, usize, c_int, *mut sockaddr, *mut socklen_t) -> ssize_t;
type Poll = unsafe extern "C" fn(*mut c_void, *mut pollfd, c_int, c_int) -> c_int;
type Sendmsg = unsafe extern "C" fn(*mut c_void, c_int, *const msghdr, c_int) -> ssize_t;

// SAFETY: the argument is only handed back to the program's functions, which may be called from any thread.
unsafe impl Send for Functions {}
// SAFETY: as above.
unsafe impl Sync for Functions {}

#[cfg(any(target_os = "linux", target_os = "android"))]
const SEND_FLAGS: c_int = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const SEND_FLAGS: c_int = libc::MSG_DONTWAIT;

impl Functions {
    fn new(ops: rist_transport_ops) -> Option<Self> {
        let functions = Self {
            opaque: ops.opaque,
            sendto: ops.sendto?,
            recvfrom: ops.recvfrom?,
            poll: ops.poll?,
            sendmsg: ops.sendmsg,
        };
        let mut addresses = vec![functions.sendto as usize, functions.recvfrom as usize, functions.poll as usize];
        addresses.extend(functions.sendmsg.map(|function| function as usize));
        addresses.into_iter().all(pointer::possible).then_some(functions)
    }
}

impl Network for Functions {
    fn send(&self, fd: c_int, to: SocketAddr, head: &[u8], body: &[u8]) -> io::Result<()> {
        let to = SockAddr::from(to);
        let sent = match self.sendmsg {
            Some(sendmsg) => {
                let mut pieces = [head, body]
                    .map(|bytes| libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() });
                // SAFETY: plain integers and pointers, for which zero is a value.
                let mut message: msghdr = unsafe { std::mem::zeroed() };
                message.msg_name = to.as_ptr().cast_mut().cast();
                message.msg_namelen = to.len();
                message.msg_iov = pieces.as_mut_ptr();
                message.msg_iovlen = if body.is_empty() { 1 } else { 2 };
                set_errno(0);
                // SAFETY: the program's function; the message and what it points to live through the call.
                unsafe { sendmsg(self.opaque, fd, &raw const message, SEND_FLAGS) }
            }
            None => {
                let joined;
                let bytes = if body.is_empty() {
                    head
                } else {
                    joined = [head, body].concat();
                    &joined
                };
                let (start, length) = (bytes.as_ptr().cast(), bytes.len());
                set_errno(0);
                // SAFETY: the program's function; bytes and address live through the call.
                unsafe { (self.sendto)(self.opaque, fd, start, length, SEND_FLAGS, to.as_ptr().cast(), to.len()) }
            }
        };
        outcome(sent).map(|_| ())
    }

    fn receive(&self, fd: c_int, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        // SAFETY: plain bytes, for which zero is a value: an address of no family.
        let mut name: libc::sockaddr_storage = unsafe { std::mem::zeroed() };
        let mut length = size_of_val(&name) as socklen_t;
        let (start, room) = (buffer.as_mut_ptr().cast(), buffer.len());
        let from = std::ptr::from_mut(&mut name).cast();
        set_errno(0);
        // SAFETY: the program's function; buffer, address and length are ours and live through the call.
        let received =
            unsafe { (self.recvfrom)(self.opaque, fd, start, room, libc::MSG_DONTWAIT, from, &raw mut length) };
        let received = outcome(received)?;
        if received == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let from = address(&name).ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidData, "recvfrom gave a datagram without an IPv4 or IPv6 address")
        })?;
        Ok((received, from))
    }

    fn wait(&self, sockets: &mut [pollfd], timeout_ms: c_int) -> io::Result<usize> {
        let count = c_int::try_from(sockets.len()).unwrap_or(c_int::MAX);
        set_errno(0);
        // SAFETY: the program's function; the list lives through the call.
        let ready = unsafe { (self.poll)(self.opaque, sockets.as_mut_ptr(), count, timeout_ms) };
        let ready = outcome(ready as ssize_t);
        if !matches!(ready, Ok(1..)) {
            sockets.iter_mut().for_each(|socket| socket.revents = 0);
        }
        match ready {
            Err(error) if matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock) => Ok(0),
            ready => ready,
        }
    }
}

/// EAGAIN on Linux and Windows, and on BSD and macOS: the program may have been written for the other.
const AGAIN: [c_int; 2] = [11, 35];

fn outcome(result: ssize_t) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| {
        let error = io::Error::last_os_error();
        if error.raw_os_error().is_some_and(|number| AGAIN.contains(&number)) {
            io::ErrorKind::WouldBlock.into()
        } else {
            error
        }
    })
}

fn address(name: &libc::sockaddr_storage) -> Option<SocketAddr> {
    match c_int::from(name.ss_family) {
        libc::AF_INET => {
            // SAFETY: the family says that this is a sockaddr_in; a storage is as large and as aligned as any.
            let name = unsafe { &*std::ptr::from_ref(name).cast::<libc::sockaddr_in>() };
            let ip = Ipv4Addr::from(name.sin_addr.s_addr.to_ne_bytes());
            Some(SocketAddr::from((ip, u16::from_be(name.sin_port))))
        }
        libc::AF_INET6 => {
            // SAFETY: the family says that this is a sockaddr_in6; a storage is as large and as aligned as any.
            let name = unsafe { &*std::ptr::from_ref(name).cast::<libc::sockaddr_in6>() };
            let ip = Ipv6Addr::from(name.sin6_addr.s6_addr);
            // The flow label is no part of who it is.
            Some(SocketAddrV6::new(ip, u16::from_be(name.sin6_port), 0, name.sin6_scope_id).into())
        }
        _ => None,
    }
}
