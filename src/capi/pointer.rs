//! Pointers and text that come from C.
//!
//! A pointer that cannot belong to any object (null, the first and the last page, a wrong alignment)
//! counts as null. That catches `(void *)-1` and small numbers for the price of a comparison.

use super::boundary::{FAILED, Failure};
use std::ffi::{CStr, c_char};
use std::ptr::NonNull;

const PAGE: usize = 4096;

/// Whether an address may belong to an object of the program.
pub(super) fn possible(address: usize) -> bool {
    // 64-bit systems keep the upper half to themselves; a 32-bit program may own all but the last page.
    let end = if cfg!(target_pointer_width = "64") { usize::MAX / 2 } else { usize::MAX - PAGE };
    (PAGE..end).contains(&address)
}

/// The pointer, unless it cannot be one to a `T`.
pub(super) fn checked<T>(pointer: *const T) -> Option<NonNull<T>> {
    let pointer = NonNull::new(pointer.cast_mut())?;
    (possible(pointer.addr().get()) && pointer.is_aligned()).then_some(pointer)
}

/// Reads what a pointer from C points to.
///
/// Contract: a possible pointer points to a readable `T`.
pub(super) unsafe fn read<T: Copy>(pointer: *const T) -> Result<T, Failure> {
    let pointer = checked(pointer).ok_or(FAILED)?;
    // SAFETY: the caller's contract; alignment was checked.
    Ok(unsafe { pointer.read() })
}

/// Writes to where a pointer from C points.
///
/// Contract: a possible pointer points to a writable `T`.
pub(super) unsafe fn write<T: Copy>(pointer: *mut T, value: T) -> Result<(), Failure> {
    let pointer = checked(pointer).ok_or(FAILED)?;
    // SAFETY: the caller's contract; alignment was checked.
    unsafe { pointer.write(value) };
    Ok(())
}

/// A C string.
///
/// Contract: a possible pointer points to NUL-terminated bytes that stay as they are during `'a`.
pub(super) unsafe fn text<'a>(pointer: *const c_char) -> Result<&'a CStr, Failure> {
    let pointer = checked(pointer).ok_or(FAILED)?;
    // SAFETY: the caller's contract.
    Ok(unsafe { CStr::from_ptr(pointer.as_ptr()) })
}

/// The bytes of a character array up to its NUL or its end.
pub(super) fn field_bytes(field: &[c_char]) -> Vec<u8> {
    field.iter().map(|byte| *byte as u8).take_while(|byte| *byte != 0).collect()
}

/// The text of a character array; bytes that are not UTF-8 are replaced.
pub(super) fn field_text(field: &[c_char]) -> String {
    String::from_utf8_lossy(&field_bytes(field)).into_owned()
}

/// Stores text in a character array: cut to fit, zero-filled to the end.
pub(super) fn set_field(field: &mut [c_char], text: &[u8]) {
    field.fill(0);
    let room = field.len().saturating_sub(1);
    for (to, from) in field.iter_mut().zip(text.iter().take(room)) {
        *to = *from as c_char;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impossible_pointers_count_as_null() {
        for address in [0, 1, 4095, usize::MAX, usize::MAX - 7, usize::MAX - 4000] {
            assert!(checked(std::ptr::without_provenance::<u8>(address)).is_none(), "{address:#x}");
        }
        let number = 5_u64;
        assert!(checked(&raw const number).is_some());
        assert!(checked(std::ptr::without_provenance::<u64>((&raw const number).addr() + 1)).is_none());
    }

    #[test]
    fn text_is_cut_and_terminated() {
        let mut field = [7 as c_char; 5];
        set_field(&mut field, b"abcdefg");
        assert_eq!(field_bytes(&field), b"abcd");
        set_field(&mut field, b"x");
        assert_eq!(field.map(|byte| byte as u8), *b"x\0\0\0\0");
        assert_eq!(field_text(&[b'a' as c_char; 3]), "aaa");
    }
}
