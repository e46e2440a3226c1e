//! Values that C may hand to `free()`: made by the C allocator.

use std::ffi::{c_char, c_void};
use std::ptr::{self, NonNull};

/// One `T` in memory from `malloc`; `None` when there is no memory.
pub(super) fn one<T: Copy>(value: T) -> Option<NonNull<T>> {
    many(&[value])
}

/// The values, one after the other, in memory from `malloc`; `None` when there is no memory.
pub(super) fn many<T: Copy>(values: &[T]) -> Option<NonNull<T>> {
    const { assert!(align_of::<T>() <= align_of::<u64>(), "malloc aligns to 8 bytes at least") };
    let bytes = size_of_val(values).max(1);
    // SAFETY: malloc takes any size.
    let memory = unsafe { libc::malloc(bytes) };
    let memory = NonNull::new(memory.cast::<T>())?;
    // SAFETY: the new memory has room for all values and overlaps nothing.
    unsafe { ptr::copy_nonoverlapping(values.as_ptr(), memory.as_ptr(), values.len()) };
    Some(memory)
}

/// The text and a NUL in memory from `malloc`; `None` when there is no memory.
pub(super) fn text(text: &str) -> Option<NonNull<c_char>> {
    let mut bytes = Vec::with_capacity(text.len() + 1);
    bytes.extend(text.bytes().filter(|byte| *byte != 0).map(|byte| byte as c_char));
    bytes.push(0);
    many(&bytes)
}

/// Gives memory back to the C allocator; null is fine.
///
/// Contract: the pointer is null or came from `malloc` and was not freed.
pub(super) unsafe fn free<T>(pointer: *const T) {
    // SAFETY: the caller's contract.
    unsafe { libc::free(pointer.cast_mut().cast::<c_void>()) };
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::CStr;

    #[test]
    fn text_is_terminated() {
        let pointer = text("ab\0c").unwrap().as_ptr();
        // SAFETY: made by `text` just now.
        let copy = unsafe { CStr::from_ptr(pointer) }.to_owned();
        // SAFETY: from malloc, freed once.
        unsafe { free(pointer) };
        assert_eq!(copy.as_c_str(), c"abc");
    }
}
