//! RTP media clocks, to and from NTP-64 ticks (2^-32 s).

/// Clock of a static payload type in Hz, as libRIST receivers assume it (RFC 3551 §6, except that
/// 21 is libRIST's own before the Advanced profile). `None`: the arrival time has to do.
pub fn clock_rate(payload_type: u8) -> Option<u32> {
    match payload_type {
        14 | 25 | 26 | 28 | 31..=34 => Some(90_000),
        0 | 3 | 4 | 5 | 7 | 8 | 9 | 12 | 13 | 15 | 18 => Some(8_000),
        6 => Some(16_000),
        10 | 11 => Some(44_100),
        16 => Some(11_025),
        17 => Some(22_050),
        21 => Some(65_536),
        _ => None,
    }
}

/// The RTP timestamp of a time: rounded down, low 32 bits.
pub fn ntp_to_rtp(ticks: u64, rate: u32) -> u32 {
    ((u128::from(ticks) * u128::from(rate)) >> 32) as u32
}

/// The time of an RTP timestamp, which may be widened. A rate of zero counts as one.
pub fn rtp_to_ntp(units: u64, rate: u32) -> u64 {
    // Seconds and their rest: a division of 128 bits takes ten times as long.
    let rate = u64::from(rate.max(1));
    ((units / rate) << 32) + ((units % rate) << 32) / rate
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::seq::widen;

    #[test]
    fn captured_echo_time_gives_captured_timestamp() {
        assert_eq!(ntp_to_rtp(0x83aa_8758_db8c_182b, 90_000), 0xdf7e_f700);
    }

    #[test]
    fn known_payload_types_have_their_clock() {
        assert_eq!(clock_rate(33), Some(90_000));
        assert_eq!(clock_rate(32), Some(90_000));
        assert_eq!(clock_rate(0), Some(8_000));
        assert_eq!(clock_rate(11), Some(44_100));
        assert_eq!(clock_rate(21), Some(65_536));
        assert_eq!(clock_rate(96), None);
        assert_eq!(clock_rate(255), None);
    }

    #[test]
    fn widened_timestamp_gives_the_time_back() {
        for rate in [8_000, 44_100, 65_536, 90_000] {
            for step in 0..500u64 {
                let ticks = 0x83aa_7e80_0000_0000 + step * 0x1234_5678_9abc;
                let full = ((u128::from(ticks) * u128::from(rate)) >> 32) as u64;
                let wide = widen(full + 70_000, ntp_to_rtp(ticks, rate), 32);
                assert_eq!(wide, full);
                let error = ticks - rtp_to_ntp(wide, rate);
                assert!(error <= (1 << 32) / u64::from(rate) + 1);
            }
        }
    }

    #[test]
    fn extremes_do_not_panic() {
        assert_eq!(rtp_to_ntp(1, 0), 1 << 32);
        assert_eq!(ntp_to_rtp(u64::MAX, 0), 0);
        for rate in [1, 2, 8_000, 90_000, u32::MAX] {
            for units in [0, 1, u64::from(u32::MAX), 1 << 40, u64::MAX - 1, u64::MAX] {
                let exact = (u128::from(units) << 32) / u128::from(rate);
                assert_eq!(rtp_to_ntp(units, rate), exact as u64, "{units} at {rate} Hz");
            }
        }
        ntp_to_rtp(u64::MAX, u32::MAX);
    }
}
