//! How many packets a ring of packets by sequence number may hold (libRIST 0.2.18 `recovery-depth`).
//!
//! Rings grow on demand: the depth bounds them and takes no memory by itself.

pub const DEFAULT: u8 = 3;
pub const MAX: u8 = 16;

/// Positions of a ring of 16-bit numbers, which is as many as they can tell apart, and of depth 0.
const LEAST: u64 = 1 << 16;
/// More than one position takes in any ring, octets.
const POSITION: usize = 256;
/// As many positions as an address space has room for.
const ROOM: u64 = (isize::MAX as usize / POSITION) as u64;

/// Positions for numbers of this mask; a power of two.
pub(super) fn positions(seq_mask: u32, depth: u8) -> usize {
    within(seq_mask, depth, ROOM).0
}

/// Whether this machine has no addresses for a ring so deep.
pub(super) fn is_cut(seq_mask: u32, depth: u8) -> bool {
    within(seq_mask, depth, ROOM).1
}

fn within(seq_mask: u32, depth: u8, room: u64) -> (usize, bool) {
    let numbers = u64::from(seq_mask) + 1;
    let wanted = (LEAST << depth.min(MAX)).min(numbers);
    // The greatest power of two that has room.
    let most = 1 << room.max(1).ilog2();
    (usize::try_from(wanted.min(most)).unwrap_or(usize::MAX / 2 + 1), wanted > most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_depth_counts_for_32_bit_numbers_only() {
        for depth in [0, 3, 16, 255] {
            assert_eq!((positions(0xFFFF, depth), is_cut(0xFFFF, depth)), (65_536, false));
        }
        let deep = |depth| within(u32::MAX, depth, u64::MAX >> 8);
        assert_eq!([0, 1, 3].map(deep), [(65_536, false), (131_072, false), (524_288, false)]);
        assert_eq!(deep(MAX), deep(255));
    }

    #[test]
    fn a_32_bit_machine_cuts_what_it_can_not_address() {
        let room = i32::MAX as u64 / POSITION as u64;
        assert_eq!(within(u32::MAX, 6, room), (1 << 22, false));
        assert_eq!(within(u32::MAX, 16, room), (1 << 22, true));
    }
}
