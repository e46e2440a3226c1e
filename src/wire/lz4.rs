//! The payload compression of the Advanced profile: one raw block of LZ4, without a frame or a length before it.

use super::{Error, Result};
use lz4_flex::block::{compress_into, decompress_into, get_maximum_output_size};

/// What a block may become, as libRIST has it: a payload fits into a datagram of 10000 octets at most.
pub const MAX_OUTPUT: usize = 10_000;

/// Compresses into `out`, which then holds nothing else. True if it came out smaller: otherwise it is not worth sending.
///
/// The same payload always becomes the same octets. Nothing is allocated but what `out` lacks; the table of
/// what was seen (8 KiB) lies on the stack.
pub fn compress(payload: &[u8], out: &mut Vec<u8>) -> bool {
    out.clear();
    // The other side would refuse it, and a larger table would be needed.
    if payload.len() > MAX_OUTPUT {
        return false;
    }
    out.resize(get_maximum_output_size(payload.len()), 0);
    let len = compress_into(payload, out).unwrap_or(usize::MAX);
    let smaller = len < payload.len();
    out.truncate(if smaller { len } else { 0 });
    smaller
}

/// Decompresses into `out`, which then holds nothing else. A block that would become more than [`MAX_OUTPUT`] octets is
/// refused, like one that refers to what it has not written yet. After an error `out` is empty.
pub fn decompress(block: &[u8], out: &mut Vec<u8>) -> Result<()> {
    out.clear();
    // One octet can stand for 255 at most.
    out.resize(MAX_OUTPUT.min(block.len().saturating_mul(255)), 0);
    match decompress_into(block, out) {
        Ok(len) => {
            out.truncate(len);
            Ok(())
        }
        Err(_) => {
            out.clear();
            Err(Error::Malformed)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decompressed(block: &[u8]) -> Result<Vec<u8>> {
        let mut out = vec![7; 3];
        decompress(block, &mut out).map(|()| out)
    }

    /// A block of one octet, the same `more` times again, and five others.
    fn run(offset: u16, more: usize) -> Vec<u8> {
        let mut block = vec![0x1f, 9];
        block.extend(offset.to_le_bytes());
        let rest = more - 19;
        block.extend(vec![255; rest / 255]);
        block.push((rest % 255) as u8);
        block.extend([0x50, 1, 2, 3, 4, 5]);
        block
    }

    #[test]
    fn a_repetition_is_compressed_as_elsewhere() {
        let block = [0x4f, 0x52, 0x49, 0x53, 0x54, 4, 0, 0x24, 0x50, 0x54, 0x52, 0x49, 0x53, 0x54];
        let text = b"RIST".repeat(16);
        assert_eq!(decompressed(&block), Ok(text.clone()));
        let mut out = vec![1; 3];
        assert!(compress(&text, &mut out));
        assert_eq!(decompressed(&out), Ok(text));
        assert!(out.len() < 20, "{} octets", out.len());
    }

    #[test]
    fn output_is_bounded_to_the_octet() {
        assert_eq!(decompressed(&run(1, MAX_OUTPUT - 6)).map(|out| out.len()), Ok(MAX_OUTPUT));
        assert_eq!(decompressed(&run(1, MAX_OUTPUT - 5)), Err(Error::Malformed));
        let bomb = [&[0x1f, 9, 1, 0][..], &[255; 60_000], &[0, 0x50, 1, 2, 3, 4, 5]].concat();
        let mut out = Vec::new();
        assert_eq!(decompress(&bomb, &mut out), Err(Error::Malformed));
        assert_eq!(out, []);
        assert!(out.capacity() <= 2 * MAX_OUTPUT, "{}", out.capacity());
    }

    #[test]
    fn references_outside_what_was_written_are_refused() {
        for offset in [0, 2, 3, 0xffff] {
            assert_eq!(decompressed(&run(offset, 40)), Err(Error::Malformed), "offset {offset}");
        }
        assert_eq!(decompressed(&[]), Err(Error::Malformed));
        // Five octets are a whole block that ends with literals.
        for len in [1, 2, 3, 4, 6, 8, 9, 10] {
            let block = &[0x4f, 0x52, 0x49, 0x53, 0x54, 4, 0, 0x24, 0x50, 0x54][..len];
            assert!(decompressed(block).is_err(), "{len} octets");
        }
    }

    #[test]
    fn what_does_not_shrink_or_is_too_long_is_left_alone() {
        let mut out = vec![1];
        let noise: Vec<u8> =
            (0u32..1316).map(|i| (i.wrapping_mul(i ^ 0x9e37_79b9).wrapping_mul(0x85eb_ca6b) >> 24) as u8).collect();
        for payload in [&b""[..], b"a", b"hello world", &noise, &[0; MAX_OUTPUT + 1]] {
            assert!(!compress(payload, &mut out), "{} octets", payload.len());
            assert_eq!(out, []);
        }
        assert!(compress(&[0; MAX_OUTPUT], &mut out));
        assert_eq!(decompressed(&out), Ok(vec![0; MAX_OUTPUT]));
    }

    #[test]
    fn a_buffer_that_was_used_before_is_not_reallocated() {
        let (mut block, mut out) = (Vec::new(), Vec::new());
        let cells = [&[0x47, 1, 0, 0x10][..], &[0xff; 184]].concat().repeat(7);
        assert!(compress(&cells, &mut block) && decompress(&block, &mut out).is_ok());
        let (block_at, out_at) = (block.as_ptr(), out.as_ptr());
        for _ in 0..10 {
            assert!(compress(&cells, &mut block) && decompress(&block, &mut out).is_ok());
        }
        assert_eq!((block.as_ptr(), out.as_ptr()), (block_at, out_at));
        assert_eq!(out, cells);
    }

    proptest! {
        #[test]
        fn what_was_compressed_comes_back(pattern in prop::collection::vec(0u8..4, 1..400), times in 1usize..20) {
            let payload = pattern.repeat(times);
            let (mut one, mut other) = (Vec::new(), vec![9; 5000]);
            if compress(&payload, &mut one) {
                prop_assert!(one.len() < payload.len());
                prop_assert_eq!(decompressed(&one), Ok(payload.clone()));
            }
            compress(&payload, &mut other);
            prop_assert_eq!(one, other);
        }

        #[test]
        fn anything_else_is_bounded(block in prop::collection::vec(any::<u8>(), 0..300)) {
            let mut out = Vec::new();
            let _ = decompress(&block, &mut out);
            prop_assert!(out.len() <= MAX_OUTPUT);
        }
    }
}
