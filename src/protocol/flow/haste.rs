//! When it pays to ask sooner than patience or a round trip would have it.
//!
//! Where time is short, a gap is asked for before disorder has had its time, and a packet once more before the answer
//! to the last request can be there. Both may turn out needless; what that costs is measured here.

/// Weights of the running means.
const FEW: f32 = 1.0 / 32.0;
const MANY: f32 = 1.0 / 256.0;
/// Early requests of which fewer than this share were needed are not made any more,
const WORTH_IT: f32 = 0.25;
/// but for one in so many, to see whether that has changed.
const PROBE: u32 = 16;
/// With less loss than this a second request on suspicion costs the line little.
const LITTLE_LOSS: f32 = 0.11;

#[derive(Debug)]
pub(super) struct Haste {
    /// Share of packets whose first transmission was missing.
    loss: f32,
    /// Share of the early requests that were needed.
    needed: f32,
    refused: u32,
}

impl Default for Haste {
    fn default() -> Self {
        Self { loss: 0.0, needed: 1.0, refused: 0 }
    }
}

impl Haste {
    /// The stream went on by so many packets, of which all but the last were missing.
    pub(super) fn advanced(&mut self, packets: u64) {
        let packets = packets.clamp(1, 64) as f32;
        self.loss += (packets - 1.0 - self.loss * packets) * MANY;
    }

    /// The packet of an early request came by itself, or only by the request.
    pub(super) fn turned_out(&mut self, needed: bool) {
        self.needed += (f32::from(u8::from(needed)) - self.needed) * FEW;
    }

    /// Whether to ask before patience is over.
    pub(super) fn asks_early(&mut self) -> bool {
        if self.needed >= WORTH_IT {
            return true;
        }
        self.refused = (self.refused + 1) % PROBE;
        self.refused == 0
    }

    /// Whether to ask for the `tries`th time and once more before the answer.
    pub(super) fn repeats_on_suspicion(&self, tries: u32) -> bool {
        tries > 1 || self.loss <= LITTLE_LOSS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn early_requests_stop_when_they_are_needless_and_are_tried_again() {
        let mut haste = Haste::default();
        assert!(haste.asks_early());
        (0..200).for_each(|_| haste.turned_out(false));
        let asked = (0..1600).filter(|_| haste.asks_early()).count();
        assert_eq!(asked, 100);
        (0..20).for_each(|_| haste.turned_out(true));
        assert!(haste.asks_early());
    }

    #[test]
    fn the_second_request_is_not_doubled_where_much_is_lost() {
        let mut haste = Haste::default();
        (0..1000).for_each(|_| haste.advanced(1));
        (0..400).for_each(|n| haste.advanced(if n % 9 == 0 { 2 } else { 1 }));
        assert!(haste.repeats_on_suspicion(1), "{haste:?}");
        (0..1000).for_each(|n| haste.advanced(if n % 3 == 0 { 2 } else { 1 }));
        assert!(!haste.repeats_on_suspicion(1) && haste.repeats_on_suspicion(2), "{haste:?}");
    }
}
