//! The UDP socket that log lines are mirrored to.

use super::boundary::{FAILED, Failure};
use crate::url::address;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::os::fd::{IntoRawFd, RawFd};

/// A connected, non-blocking socket for `[scheme://]host:port`. `@` is refused: there is nobody to listen to.
pub(super) fn connect(text: &[u8]) -> Result<RawFd, Failure> {
    let text = String::from_utf8_lossy(text);
    let parsed = address::parse(&text).filter(|address| !address.listen).ok_or(FAILED)?;
    let port = parsed.port.ok_or(FAILED)?;
    let remote = (parsed.host.as_str(), port).to_socket_addrs().ok().and_then(|mut found| found.next());
    let remote = remote.ok_or(FAILED)?;
    let local: IpAddr = if remote.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind(SocketAddr::new(local, 0)).map_err(|_| FAILED)?;
    socket.connect(remote).map_err(|_| FAILED)?;
    socket.set_nonblocking(true).map_err(|_| FAILED)?;
    Ok(socket.into_raw_fd())
}

/// Closes the socket of settings that are filled in again; 0 to 2 and -1 are none.
pub(super) fn close(socket: RawFd) {
    if socket > 2 {
        // SAFETY: the contract of `rist_logging_set`: the settings own their socket. A closed one is an error, no harm.
        unsafe { libc::close(socket) };
    }
}
