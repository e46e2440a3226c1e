//! Positions from the low bits that travel.

use crate::support::cases;
use proptest::prelude::*;
use rist::wire::seq::widen;

fn low(position: u64, bits: u32) -> u32 {
    (position & ((1 << bits) - 1)) as u32
}

proptest! {
    #![proptest_config(cases(4000))]

    #[test]
    fn no_position_with_these_bits_is_nearer(near: u64, number: u32, bits in 1u32..=32) {
        let wide = widen(near, number, bits);
        prop_assert_eq!(low(wide, bits), low(u64::from(number), bits));
        let others = [wide.checked_add(1 << bits), wide.checked_sub(1 << bits)];
        for other in others.into_iter().flatten() {
            prop_assert!(wide.abs_diff(near) <= other.abs_diff(near));
            prop_assert!(wide.abs_diff(near) < other.abs_diff(near) || wide > near, "a tie goes forward");
        }
    }

    #[test]
    fn a_walk_of_less_than_half_the_numbers_is_followed(
        start in 1u64 << 33..u64::MAX - (1 << 40),
        bits in 8u32..=32,
        steps in prop::collection::vec(-1.0f64..1.0, 1..50),
    ) {
        let mut position = start;
        for step in steps {
            let next = position.wrapping_add_signed((step * (1u64 << (bits - 1)) as f64) as i64);
            let next = next.max(1 << 32);
            prop_assert_eq!(widen(position, low(next, bits), bits), next);
            position = next;
        }
    }

    #[test]
    fn order_and_distance_survive_within_half_the_numbers(
        near in 1u64 << 33..u64::MAX - (1 << 33),
        bits in 2u32..=32,
        (one, other) in (any::<u32>(), any::<u32>()),
    ) {
        let half = 1u64 << (bits - 1);
        let at = |offset: u32| near - half + 1 + u64::from(offset) % (2 * half - 1);
        let (one, other) = (at(one), at(other));
        let wide = |position| widen(near, low(position, bits), bits);
        prop_assert_eq!(wide(one).cmp(&wide(other)), one.cmp(&other));
        prop_assert_eq!(wide(one).abs_diff(wide(other)), one.abs_diff(other));
    }
}
