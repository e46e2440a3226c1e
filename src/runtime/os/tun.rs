//! TUN devices: virtual network interfaces whose packets a program reads and writes.

use std::ffi::{CStr, CString};
use std::io;
use std::net::IpAddr;
use std::os::fd::OwnedFd;

/// Opens a device, by this name or one that the system chooses. Returns the name that it got.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn open(desired: Option<&CStr>) -> io::Result<(OwnedFd, CString)> {
    let mut request = match desired {
        Some(name) if !name.is_empty() => linux::request(name)?,
        _ => linux::unnamed(),
    };
    request.ifr_ifru.ifru_flags = (libc::IFF_TUN | libc::IFF_NO_PI) as libc::c_short;
    // Close-on-exec, as everything that the standard library opens.
    let device = std::fs::File::options().read(true).write(true).open("/dev/net/tun")?;
    linux::ioctl(&device, libc::TUNSETIFF as _, &mut request)?;
    let name = request.ifr_name.iter().map(|letter| *letter as u8).take_while(|letter| *letter != 0).collect();
    // Cannot fail: the zeros were cut off.
    Ok((device.into(), CString::new::<Vec<u8>>(name)?))
}

/// Gives a device an address and the route to those that share its first `prefix` bits.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn set_address(device: &CStr, address: IpAddr, prefix: u8) -> io::Result<()> {
    match address {
        IpAddr::V4(address) if prefix <= 32 => {
            let socket = linux::socket(socket2::Domain::IPV4)?;
            let mut request = linux::request(device)?;
            request.ifr_ifru.ifru_addr = linux::name(address);
            linux::ioctl(&socket, libc::SIOCSIFADDR as _, &mut request)?;
            // A shift by all 32 bits would be none at all.
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
            request.ifr_ifru.ifru_netmask = linux::name(mask.into());
            linux::ioctl(&socket, libc::SIOCSIFNETMASK as _, &mut request)
        }
        IpAddr::V6(address) if prefix <= 128 => {
            let index = linux::index(device)?;
            let socket = linux::socket(socket2::Domain::IPV6)?;
            let mut request = libc::in6_ifreq {
                ifr6_addr: libc::in6_addr { s6_addr: address.octets() },
                ifr6_prefixlen: prefix.into(),
                ifr6_ifindex: index,
            };
            linux::ioctl(&socket, libc::SIOCSIFADDR as _, &mut request)
        }
        _ => Err(io::Error::from_raw_os_error(libc::EINVAL)),
    }
}

/// Sets the longest packet.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn set_mtu(device: &CStr, mtu: i32) -> io::Result<()> {
    let mut request = linux::request(device)?;
    request.ifr_ifru.ifru_mtu = mtu;
    linux::ioctl(&linux::socket(socket2::Domain::IPV4)?, libc::SIOCSIFMTU as _, &mut request)
}

/// Switches a device on; what else is set of it stays.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn bring_up(device: &CStr) -> io::Result<()> {
    let socket = linux::socket(socket2::Domain::IPV4)?;
    let mut request = linux::request(device)?;
    linux::ioctl(&socket, libc::SIOCGIFFLAGS as _, &mut request)?;
    // SAFETY: the call above has filled in the flags, and a number of that size can have any value.
    let flags = unsafe { request.ifr_ifru.ifru_flags };
    request.ifr_ifru.ifru_flags = flags | (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
    linux::ioctl(&socket, libc::SIOCSIFFLAGS as _, &mut request)
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod linux {
    use socket2::{Domain, Socket, Type};
    use std::ffi::CStr;
    use std::io;
    use std::net::Ipv4Addr;
    use std::os::fd::AsRawFd;

    /// What the kernel is asked about devices with; close-on-exec by socket2.
    pub(super) fn socket(domain: Domain) -> io::Result<Socket> {
        Socket::new(domain, Type::DGRAM, None)
    }

    pub(super) fn unnamed() -> libc::ifreq {
        // SAFETY: plain bytes and a union of such, for which zero is a value.
        unsafe { std::mem::zeroed() }
    }

    /// A request about a device. A name that does not fit with its end is refused, not cut: it would be another one.
    pub(super) fn request(device: &CStr) -> io::Result<libc::ifreq> {
        let mut request = unnamed();
        let name = device.to_bytes();
        if name.is_empty() || name.len() >= request.ifr_name.len() {
            return Err(io::Error::from_raw_os_error(libc::ENODEV));
        }
        for (to, from) in request.ifr_name.iter_mut().zip(name) {
            *to = *from as libc::c_char;
        }
        Ok(request)
    }

    pub(super) fn index(device: &CStr) -> io::Result<libc::c_int> {
        // SAFETY: a C string that lives through the call.
        let index = unsafe { libc::if_nametoindex(device.as_ptr()) };
        if index == 0 { Err(io::Error::last_os_error()) } else { Ok(index as libc::c_int) }
    }

    /// An IPv4 address as a `struct sockaddr`: the family, a port of 0, the four bytes, zeros.
    pub(super) fn name(address: Ipv4Addr) -> libc::sockaddr {
        let mut name = libc::sockaddr { sa_family: libc::AF_INET as libc::sa_family_t, sa_data: [0; 14] };
        for (to, from) in name.sa_data.iter_mut().skip(2).zip(address.octets()) {
            *to = from as libc::c_char;
        }
        name
    }

    pub(super) fn ioctl<T>(fd: &impl AsRawFd, name: libc::c_ulong, request: &mut T) -> io::Result<()> {
        // SAFETY: every caller passes the structure that belongs to the request; the kernel keeps no pointer to it.
        let result = unsafe { libc::ioctl(fd.as_raw_fd(), name as _, std::ptr::from_mut(request)) };
        if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) fn open(_desired: Option<&CStr>) -> io::Result<(OwnedFd, CString)> {
    Err(io::Error::from_raw_os_error(libc::ENOSYS))
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) fn set_address(_device: &CStr, _address: IpAddr, _prefix: u8) -> io::Result<()> {
    Err(io::Error::from_raw_os_error(libc::ENOSYS))
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) fn set_mtu(_device: &CStr, _mtu: i32) -> io::Result<()> {
    Err(io::Error::from_raw_os_error(libc::ENOSYS))
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) fn bring_up(_device: &CStr) -> io::Result<()> {
    Err(io::Error::from_raw_os_error(libc::ENOSYS))
}
