//! Positions on a line of 64 bits, from the few low bits that travel.

/// Nearest 64-bit position to `near` whose low `bits` bits equal `low` (ties go forward).
///
/// The line does not wrap: where the nearest position would lie outside it, the other one is taken.
#[inline]
pub fn widen(near: u64, low: u32, bits: u32) -> u64 {
    let bits = bits.clamp(1, 32);
    let span = 1u64 << bits;
    let forward = u64::from(low).wrapping_sub(near) & (span - 1);
    let ahead = near.checked_add(forward);
    let behind = near.checked_sub(span - forward);
    let (first, second) = if forward <= span / 2 { (ahead, behind) } else { (behind, ahead) };
    first.or(second).unwrap_or(near)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_position_is_taken() {
        assert_eq!(widen(0x1_0005, 0x0006, 16), 0x1_0006);
        assert_eq!(widen(0x1_0005, 0x0004, 16), 0x1_0004);
        assert_eq!(widen(0x1_fffe, 0x0001, 16), 0x2_0001);
        assert_eq!(widen(0x2_0001, 0xfffe, 16), 0x1_fffe);
        assert_eq!(widen(0x1_ffff_fff0, 0x10, 32), 0x2_0000_0010);
        assert_eq!(widen(0x2_0000_0010, 0xffff_fff0, 32), 0x1_ffff_fff0);
    }

    #[test]
    fn tie_goes_forward() {
        assert_eq!(widen(0x1_0000, 0x8000, 16), 0x1_8000);
        assert_eq!(widen(0x1_8000, 0x0000, 16), 0x2_0000);
        assert_eq!(widen(0x1_8001, 0x0000, 16), 0x2_0000);
        assert_eq!(widen(0x1_0000, 0x8001, 16), 0x0_8001);
    }

    #[test]
    fn ends_of_the_line_do_not_wrap() {
        assert_eq!(widen(5, 0xffff, 16), 0xffff);
        assert_eq!(widen(u64::MAX, 3, 16), u64::MAX - 0xfffc);
    }

    #[test]
    fn low_bits_always_match_and_distance_is_at_most_half() {
        for bits in [1, 8, 16, 31, 32] {
            for step in 0..1000u64 {
                let near = step.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 8 | 1 << 40;
                let low = step.wrapping_mul(0xd134_2543_de82_ef95) as u32;
                let wide = widen(near, low, bits);
                let mask = (1u64 << bits) - 1;
                assert_eq!(wide & mask, u64::from(low) & mask);
                assert!(wide.abs_diff(near) <= 1 << (bits - 1));
            }
        }
    }
}
