//! What the far end says it received by a leg (RFC 3550 report blocks). libRIST sends zeros there: then nothing is known.

/// Packets between two reports at most; more is another stream, or nonsense.
const MAX_STEP: u32 = 1 << 16;
/// RFC 3550 A.3: the cumulative loss stays there.
const MOST_LOST: u32 = 0x007f_ffff;

/// The figures of a report block.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::protocol) struct Block {
    /// Of 2^32.
    pub(in crate::protocol) highest: u32,
    /// 24 bits, signed.
    pub(in crate::protocol) lost: u32,
    /// In 1/256, since the report before.
    pub(in crate::protocol) fraction: u8,
}

/// Packets since the last statistics.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub(in crate::protocol) struct Arrived {
    pub(in crate::protocol) received: u64,
    /// `None`: it is not known how many were sent by this leg.
    pub(in crate::protocol) lost: Option<u64>,
}

#[derive(Debug, Default)]
pub(in crate::protocol) struct FarEnd {
    /// And how many packets had been sent to the leg by then, for a leg that is sent only a share.
    last: Option<(Block, Option<u32>)>,
    since_report: Arrived,
}

impl FarEnd {
    /// `sent`: packets sent to the leg, up to the highest of the block; `None` = unknown. `shared`: it is sent not
    /// every packet, so that what the far end misses may have gone elsewhere.
    pub(in crate::protocol) fn reported(&mut self, block: Block, shared: bool, sent: Option<u32>) {
        let known = block.highest != 0 || block.lost != 0;
        if !known {
            return;
        }
        let Some((last, sent_before)) = self.last.replace((block, sent)) else { return };
        let expected = block.highest.wrapping_sub(last.highest);
        if expected > MAX_STEP {
            return;
        }
        let missed = missed_since(&last, &block, expected);
        let received = u64::from(expected - missed);
        self.since_report.received += received;
        let lost = match (shared, sent, sent_before) {
            (false, ..) => u64::from(missed),
            (true, Some(sent), Some(before)) => u64::from(sent.wrapping_sub(before)).saturating_sub(received),
            (true, ..) => return,
        };
        // More than there was to lose is nonsense.
        *self.since_report.lost.get_or_insert(0) += lost.min(u64::from(MAX_STEP));
    }

    /// It says what it receives.
    pub(in crate::protocol) fn is_known(&self) -> bool {
        self.last.is_some()
    }

    /// `None`: it has never said anything.
    pub(in crate::protocol) fn take(&mut self) -> Option<Arrived> {
        let arrived = std::mem::take(&mut self.since_report);
        self.last.map(|_| arrived)
    }
}

fn missed_since(last: &Block, block: &Block, expected: u32) -> u32 {
    if block.lost == MOST_LOST && last.lost == MOST_LOST {
        return (u64::from(expected) * u64::from(block.fraction) / 256) as u32;
    }
    let more = signed(block.lost) - signed(last.lost);
    u32::try_from(more).unwrap_or(0).min(expected)
}

fn signed(lost: u32) -> i32 {
    (lost << 8) as i32 >> 8
}

/// A block's loss figures, from what was expected and what came, in all and at the last report (RFC 3550 A.3).
pub(in crate::protocol) fn loss_figures(now: (u64, u64), before: (u64, u64)) -> (u32, u8) {
    let lost = i128::from(now.0) - i128::from(now.1);
    let lost = lost.clamp(-0x0080_0000, i128::from(MOST_LOST)) as i32 as u32 & 0x00ff_ffff;
    let expected = now.0.saturating_sub(before.0);
    let missed = expected.saturating_sub(now.1.saturating_sub(before.1));
    let fraction = missed.saturating_mul(256).checked_div(expected).unwrap_or(0);
    (lost, u8::try_from(fraction).unwrap_or(u8::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(highest: u32, lost: u32) -> Block {
        Block { highest, lost, fraction: 0 }
    }

    #[test]
    fn zeros_say_nothing() {
        let mut far = FarEnd::default();
        for _ in 0..3 {
            far.reported(block(0, 0), false, None);
            assert_eq!(far.take(), None);
        }
    }

    #[test]
    fn a_leg_of_copies_has_lost_what_the_far_end_misses() {
        let mut far = FarEnd::default();
        far.reported(block(1000, 5), false, None);
        assert_eq!(far.take(), Some(Arrived::default()));
        far.reported(block(1100, 15), false, None);
        far.reported(block(1200, 15), false, None);
        let arrived = far.take().unwrap();
        assert_eq!(arrived, Arrived { received: 190, lost: Some(10) });
        // A late packet was found after all: fewer are lost than before.
        far.reported(block(1210, 14), false, None);
        assert_eq!(far.take(), Some(Arrived { received: 10, lost: Some(0) }));
    }

    #[test]
    fn a_leg_with_a_share_has_lost_what_it_was_sent_and_did_not_bring() {
        let mut far = FarEnd::default();
        far.reported(block(1000, 500), true, Some(500));
        // 200 packets, half by this leg, of which 90 came.
        far.reported(block(1200, 610), true, Some(600));
        assert_eq!(far.take(), Some(Arrived { received: 90, lost: Some(10) }));
        // Not known how many were sent.
        far.reported(block(1400, 710), true, None);
        assert_eq!(far.take(), Some(Arrived { received: 100, lost: None }));
    }

    #[test]
    fn nonsense_is_bounded() {
        let mut far = FarEnd::default();
        for (highest, lost, fraction) in
            [(7, 0xff_ffff, 255), (u32::MAX, 0, 0), (0, 0x80_0000, 9), (5, MOST_LOST, 0), (9, MOST_LOST, 255)]
        {
            far.reported(Block { highest, lost, fraction }, true, Some(u32::MAX));
            far.reported(Block { highest, lost, fraction }, false, Some(0));
        }
        let arrived = far.take().unwrap();
        assert!(arrived.received + arrived.lost.unwrap_or(0) <= 10 * u64::from(MAX_STEP), "{arrived:?}");
    }

    #[test]
    fn the_numbers_wrap_and_the_loss_stays_at_its_most() {
        let mut far = FarEnd::default();
        far.reported(block(u32::MAX - 9, MOST_LOST), false, None);
        far.reported(Block { highest: 90, lost: MOST_LOST, fraction: 64 }, false, None);
        assert_eq!(far.take(), Some(Arrived { received: 75, lost: Some(25) }));
    }

    #[test]
    fn loss_figures_are_those_of_the_rfc() {
        assert_eq!(loss_figures((100, 90), (50, 50)), (10, 51));
        assert_eq!(loss_figures((100, 103), (50, 50)), (0x00ff_fffd, 0));
        assert_eq!(loss_figures((1 << 40, 0), (0, 0)), (MOST_LOST, 255));
        assert_eq!(loss_figures((0, 0), (9, 9)), (0, 0));
    }
}
