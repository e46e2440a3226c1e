//! `tun.h`: helpers for programs that carry IP packets.

use super::boundary::{FAILED, Failure, fence, status};
use super::log_target::log_global;
use super::pointer;
use crate::protocol::output::Level;
use std::ffi::{c_char, c_int};
use std::net::IpAddr;

/// Opens a TUN device.
///
/// Not yet available: -1.
///
/// @param desired_name name to ask for, or NULL
/// @param[out] actual_name name of the device
/// @param actual_name_len room in actual_name
/// @return descriptor, -1 on error
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_tun_open(
    desired_name: *const c_char,
    actual_name: *mut c_char,
    actual_name_len: usize,
) -> c_int {
    let _ = (desired_name, actual_name, actual_name_len);
    status(|| Err(unavailable()))
}

/// Closes a TUN device.
#[unsafe(no_mangle)]
pub extern "C" fn rist_tun_close(fd: c_int) {
    let _ = fd;
    fence((), || {
        unavailable();
    });
}

/// Reads an IP packet.
///
/// Not yet available: -1.
///
/// @return its length, -1 on error
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_tun_read(fd: c_int, buf: *mut u8, buf_len: usize) -> c_int {
    let _ = (fd, buf, buf_len);
    status(|| Err(unavailable()))
}

/// Writes an IP packet.
///
/// Not yet available: -1.
///
/// @return bytes written, -1 on error
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_tun_write(fd: c_int, buf: *const u8, buf_len: usize) -> c_int {
    let _ = (fd, buf, buf_len);
    status(|| Err(unavailable()))
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
        let out = pointer::checked(ip).ok_or(FAILED)?;
        pointer::checked(prefix).ok_or(FAILED)?;
        if address.len() >= ip_len {
            return Err(FAILED);
        }
        // SAFETY: the contract of `capi`: room for ip_len bytes, of which one stays for the NUL.
        unsafe { std::ptr::copy_nonoverlapping(address.as_ptr().cast::<c_char>(), out.as_ptr(), address.len()) };
        // SAFETY: as above.
        let end = unsafe { out.add(address.len()) };
        // SAFETY: as above.
        unsafe { end.write(0) };
        // SAFETY: the contract of `capi`.
        unsafe { pointer::write(prefix, length) }
    })
}

/// Gives a device an address.
///
/// Not yet available: -1.
///
/// @param prefix 0 to 32, or to 128 for IPv6
/// @return 0 on success, -1 on error
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_tun_set_ip(dev: *const c_char, ip: *const c_char, prefix: c_int) -> c_int {
    let _ = (dev, ip, prefix);
    status(|| Err(unavailable()))
}

/// Sets the greatest packet of a device.
///
/// Not yet available: -1.
///
/// @return 0 on success, -1 on error
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_tun_set_mtu(dev: *const c_char, mtu: c_int) -> c_int {
    let _ = (dev, mtu);
    status(|| Err(unavailable()))
}

/// Switches a device on.
///
/// Not yet available: -1.
///
/// @return 0 on success, -1 on error
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_tun_bring_up(dev: *const c_char) -> c_int {
    let _ = dev;
    status(|| Err(unavailable()))
}

fn unavailable() -> Failure {
    log_global(Level::Error, "TUN devices: not yet available in this build");
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
