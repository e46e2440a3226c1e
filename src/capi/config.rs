//! Structures that belong to the caller and grew over the years: never touch what the caller's version lacks.

use super::boundary::{FAILED, Failure};
use super::{malloc, pointer};
use std::ffi::{CStr, c_char, c_int};
use std::io::Write;
use std::ptr;

/// A structure whose first field is its version.
///
/// Contract: `repr(C)`, plain data that may be all zero, an `int` version at offset 0.
pub(super) unsafe trait Versioned: Copy {
    const NEWEST: c_int;
    /// Bytes that the structure has in a version from 0 to `NEWEST`.
    fn size(version: c_int) -> usize;
    fn zeroed() -> Self;
}

/// Versions from the future are read as the newest we know, nonsense as the oldest.
pub(super) fn clamp<T: Versioned>(version: c_int) -> c_int {
    version.clamp(0, T::NEWEST)
}

/// Copies what the caller's structure has; the rest is zero.
///
/// Contract: a possible pointer points to a readable structure of this version.
pub(super) unsafe fn load_as<T: Versioned>(from: *const T, version: c_int) -> Result<T, Failure> {
    // Alignment is that of `int`, and the structure may be shorter than `T`: bytes are copied, no reference is made.
    let from = pointer::checked(from).ok_or(FAILED)?;
    let mut copy = T::zeroed();
    let size = T::size(clamp::<T>(version));
    // SAFETY: the caller's contract; a `T` has room for the size of every version.
    unsafe { ptr::copy_nonoverlapping(from.as_ptr().cast::<u8>(), (&raw mut copy).cast::<u8>(), size) };
    Ok(copy)
}

/// Copies what the caller's structure has, by the version in it, which is returned clamped.
///
/// Contract: a possible pointer points to a readable structure of the version in it.
pub(super) unsafe fn load<T: Versioned>(from: *const T) -> Result<(T, c_int), Failure> {
    pointer::checked(from).ok_or(FAILED)?;
    // SAFETY: the caller's contract: every version begins with its version.
    let version = clamp::<T>(unsafe { from.cast::<c_int>().read() });
    // SAFETY: the caller's contract.
    Ok((unsafe { load_as(from, version) }?, version))
}

/// Copies back what the caller's structure has.
///
/// Contract: the pointer was loaded with this version and is writable.
pub(super) unsafe fn store<T: Versioned>(to: *mut T, value: &T, version: c_int) {
    let size = T::size(clamp::<T>(version));
    // SAFETY: the caller's contract.
    unsafe { ptr::copy_nonoverlapping(ptr::from_ref(value).cast::<u8>(), to.cast::<u8>(), size) };
}

/// The frame of both `rist_parse_*address2`: allocates if the pointer is NULL, lets `fill` work on a copy and
/// stores what the caller's version has. `fill` gets the clamped version.
///
/// Contract: the pointers from C are as `capi` says.
pub(super) unsafe fn parse<T: Versioned>(
    url: *const c_char,
    config: *mut *mut T,
    fresh: impl FnOnce() -> T,
    fill: impl FnOnce(&CStr, &mut T, c_int) -> c_int,
) -> Result<c_int, Failure> {
    // SAFETY: the caller's contract.
    let url = unsafe { pointer::text(url) }?;
    // SAFETY: the caller's contract.
    let given = unsafe { pointer::read(config) }?;
    if given.is_null() {
        let mut value = fresh();
        let status = fill(url, &mut value, T::NEWEST);
        let made = malloc::one(value).ok_or(FAILED)?;
        // SAFETY: the caller's contract; it was readable.
        unsafe { pointer::write(config, made.as_ptr()) }?;
        return Ok(status);
    }
    // SAFETY: the caller's contract.
    let (mut value, version) = unsafe { load(given) }?;
    let status = fill(url, &mut value, version);
    // SAFETY: the caller's contract.
    unsafe { store(given, &value, version) };
    Ok(status)
}

/// Frees what `parse` allocated and sets the pointer to NULL.
///
/// Contract: a possible pointer points to NULL or to what `parse` allocated.
pub(super) unsafe fn free<T: Copy>(config: *mut *mut T) -> Result<(), Failure> {
    // SAFETY: the caller's contract.
    let value = unsafe { pointer::read(config) }?;
    if pointer::checked(value).is_some() {
        // SAFETY: the caller's contract.
        unsafe { malloc::free(value) };
    }
    // SAFETY: the caller's contract; it was readable.
    unsafe { pointer::write(config, ptr::null_mut()) }
}

/// Tells the user of a program what is wrong with a URL, where libRIST 0.2.x tells it.
pub(super) fn complain(problems: &[String]) {
    if problems.is_empty() {
        // Whoever holds stderr may be held up by it: a URL that is right has nothing to do with that.
        return;
    }
    let mut stderr = std::io::stderr().lock();
    for problem in problems {
        // A program without stderr does not want to know.
        let _ = writeln!(stderr, "{problem}");
    }
}
