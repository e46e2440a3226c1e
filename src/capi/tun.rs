//! `tun.h`: helpers for programs that carry IP packets.

use super::boundary::{FAILED, Failure, count, fence, status};
use super::pointer;
use super::socket_options::set_errno;
use crate::runtime::tun;
use std::ffi::{CStr, c_char, c_int};
use std::io;
use std::net::IpAddr;
use std::os::fd::IntoRawFd;

/// Opens a TUN device, a network interface whose IP packets are read and written one at a time, without a header before them.
/// Linux only; needs the right to configure the network. Reading waits for a packet; a program that does not want
/// that sets O_NONBLOCK. The device is gone once its descriptor is closed, and closed when another program is executed.
///
/// @param desired_name name to ask for, at most 15 bytes, "tun%d" for a free number; NULL or "" for the system's choice
/// @param actual_name name of the device; NULL if it does not matter
/// @param actual_name_len room in actual_name; -1 is returned if the name does not fit
/// @return descriptor, -1 on error (see errno)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_tun_open(
    desired_name: *const c_char,
    actual_name: *mut c_char,
    actual_name_len: usize,
) -> c_int {
    count(|| {
        // SAFETY: the contract of `capi`.
        let desired = if desired_name.is_null() { None } else { Some(unsafe { text(desired_name) }?) };
        let wanted = !actual_name.is_null() && actual_name_len > 0;
        if wanted {
            pointer::checked(actual_name).ok_or_else(invalid)?;
        }
        let (device, name) = tun::open(desired).map_err(failure)?;
        if wanted {
            // SAFETY: the contract of `capi`: room for actual_name_len bytes.
            unsafe { give_text(name.to_bytes(), actual_name, actual_name_len) }?;
        }
        Ok(device.into_raw_fd())
    })
}

/// Closes a TUN device.
///
/// @param fd descriptor from rist_tun_open()
#[unsafe(no_mangle)]
pub extern "C" fn rist_tun_close(fd: c_int) {
    // SAFETY: the number is the caller's; the kernel refuses one that is not open.
    fence((), || unsafe {
        libc::close(fd);
    });
}

/// Reads an IP packet; one that is longer than the room for it is cut.
///
/// @param fd descriptor from rist_tun_open()
/// @param buf gets the packet
/// @param buf_len room in buf
/// @return its length, -1 on error (see errno)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_tun_read(fd: c_int, buf: *mut u8, buf_len: usize) -> c_int {
    count(|| {
        let buf = pointer::checked(buf.cast_const()).ok_or_else(invalid)?;
        // SAFETY: the contract of `capi`: room for buf_len bytes.
        let read = unsafe { libc::read(fd, buf.as_ptr().cast(), answerable(buf_len)) };
        Ok(read as c_int)
    })
}

/// Writes an IP packet.
///
/// @param fd descriptor from rist_tun_open()
/// @param buf the packet
/// @param buf_len its length
/// @return bytes written, -1 on error (see errno)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_tun_write(fd: c_int, buf: *const u8, buf_len: usize) -> c_int {
    count(|| {
        let buf = pointer::checked(buf).ok_or_else(invalid)?;
        // SAFETY: the contract of `capi`: buf_len bytes.
        let written = unsafe { libc::write(fd, buf.as_ptr().cast(), answerable(buf_len)) };
        Ok(written as c_int)
    })
}

/// Takes an address with prefix length apart, such as 10.0.0.1/24 or fd00::1/64.
///
/// @param cidr text; without a prefix length it is that of a single address
/// @param[out] ip the address
/// @param ip_len room in ip
/// @param[out] prefix 0 to 32, or to 128 for IPv6
/// @return 0 on success, -1 on error
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_tun_parse_cidr(
    cidr: *const c_char,
    ip: *mut c_char,
    ip_len: usize,
    prefix: *mut c_int,
) -> c_int {
    status(|| {
        // SAFETY: the contract of `capi`.
        let text = unsafe { pointer::text(cidr) }?;
        let (address, length) = parse_cidr(text.to_str().map_err(|_| FAILED)?).ok_or(FAILED)?;
        pointer::checked(prefix).ok_or(FAILED)?;
        // SAFETY: the contract of `capi`: room for ip_len bytes.
        unsafe { give_text(address.as_bytes(), ip, ip_len) }?;
        // SAFETY: the contract of `capi`.
        unsafe { pointer::write(prefix, length) }
    })
}

/// Gives a device an address, and the route to those that share its first bits.
///
/// @param dev name of the device
/// @param ip IPv4 or IPv6 address, a number
/// @param prefix 0 to 32, or to 128 for IPv6
/// @return 0 on success, -1 on error (see errno)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_tun_set_ip(dev: *const c_char, ip: *const c_char, prefix: c_int) -> c_int {
    status(|| {
        // SAFETY: the contract of `capi`.
        let (dev, ip) = (unsafe { text(dev) }?, unsafe { text(ip) }?);
        let address: IpAddr = ip.to_str().ok().and_then(|ip| ip.parse().ok()).ok_or_else(invalid)?;
        let prefix = u8::try_from(prefix).map_err(|_| invalid())?;
        tun::set_address(dev, address, prefix).map_err(failure)
    })
}

/// Sets the longest packet of a device.
///
/// @param dev name of the device
/// @param mtu bytes
/// @return 0 on success, -1 on error (see errno)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_tun_set_mtu(dev: *const c_char, mtu: c_int) -> c_int {
    status(|| {
        // SAFETY: the contract of `capi`.
        tun::set_mtu(unsafe { text(dev) }?, mtu).map_err(failure)
    })
}

/// Switches a device on.
///
/// @param dev name of the device
/// @return 0 on success, -1 on error (see errno)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_tun_bring_up(dev: *const c_char) -> c_int {
    status(|| {
        // SAFETY: the contract of `capi`.
        tun::bring_up(unsafe { text(dev) }?).map_err(failure)
    })
}

/// A length whose answer fits an int.
fn answerable(length: usize) -> usize {
    length.min(c_int::MAX as usize)
}

/// Text from C, or EINVAL.
///
/// Contract: as `pointer::text`.
unsafe fn text<'a>(pointer: *const c_char) -> Result<&'a CStr, Failure> {
    // SAFETY: the caller's contract.
    unsafe { pointer::text(pointer) }.map_err(|_| invalid())
}

/// Stores text with its NUL, whole or not at all.
///
/// Contract: a possible `out` has room for `room` bytes.
unsafe fn give_text(text: &[u8], out: *mut c_char, room: usize) -> Result<(), Failure> {
    let out = pointer::checked(out).ok_or(FAILED)?;
    if text.len() >= room {
        return Err(failure(io::Error::from_raw_os_error(libc::ERANGE)));
    }
    // SAFETY: the caller's contract, and one byte stays for the NUL.
    unsafe { std::ptr::copy_nonoverlapping(text.as_ptr().cast::<c_char>(), out.as_ptr(), text.len()) };
    // SAFETY: as above.
    let end = unsafe { out.add(text.len()) };
    // SAFETY: as above.
    unsafe { end.write(0) };
    Ok(())
}

fn invalid() -> Failure {
    failure(io::Error::from_raw_os_error(libc::EINVAL))
}

/// Tells C why: what was closed since may have changed errno.
fn failure(error: io::Error) -> Failure {
    if let Some(number) = error.raw_os_error() {
        set_errno(number);
    }
    FAILED
}

/// Address and prefix length; the text of the address is returned as it was given.
fn parse_cidr(text: &str) -> Option<(&str, c_int)> {
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (text, None),
    };
    let most = match address.parse().ok()? {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    };
    let length = match length {
        None => most,
        Some(digits) if !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit()) => {
            digits.parse().ok().filter(|length| *length <= most)?
        }
        Some(_) => return None,
    };
    Some((address, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefix_lengths_fit_their_family() {
        for (text, expected) in [
            ("10.0.0.1/24", Some(("10.0.0.1", 24))),
            ("10.0.0.1", Some(("10.0.0.1", 32))),
            ("10.0.0.1/0", Some(("10.0.0.1", 0))),
            ("::1", Some(("::1", 128))),
            ("fd00::1/64", Some(("fd00::1", 64))),
            ("10.0.0.1/33", None),
            ("fd00::1/129", None),
            ("10.0.0.1/-1", None),
            ("10.0.0.1/+1", None),
            ("10.0.0.1/", None),
            ("10.0.0/8", None),
            ("", None),
        ] {
            assert_eq!(parse_cidr(text), expected, "{text}");
        }
    }
}
