//! Memory that may be refused.

use std::alloc::{Layout, alloc_zeroed};
use std::io;

/// So many octets, all zero; an error if there is no memory. What is never used costs no page of memory.
pub(in crate::runtime) fn zeroed(length: usize) -> io::Result<Vec<u8>> {
    let layout = Layout::array::<u8>(length).map_err(|_| io::ErrorKind::OutOfMemory)?;
    if length == 0 {
        return Ok(Vec::new());
    }
    // SAFETY: the layout is not of size zero.
    let octets = unsafe { alloc_zeroed(layout) };
    if octets.is_null() {
        return Err(io::ErrorKind::OutOfMemory.into());
    }
    // SAFETY: made just now by the global allocator with this length and an alignment of 1, and initialised.
    Ok(unsafe { Vec::from_raw_parts(octets, length, length) })
}

#[cfg(test)]
mod tests {
    #[test]
    fn it_is_zero_or_an_error() {
        assert_eq!(super::zeroed(100).unwrap(), [0; 100]);
        assert!(super::zeroed(0).unwrap().is_empty());
        assert!(super::zeroed(isize::MAX as usize).is_err() && super::zeroed(usize::MAX).is_err());
    }
}
