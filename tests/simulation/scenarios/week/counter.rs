//! Numbers on the wire that come round, followed from outside.

/// A number of so many bits that goes on and on; what is older than the newest is looked over.
#[derive(Debug)]
pub(super) struct Counter {
    bits: u32,
    newest: Option<u64>,
    /// How often it has gone from its greatest value to 0.
    pub(super) rounds: u64,
    /// How often it has gone from its greatest value as a signed number to the least.
    pub(super) signs: u64,
}

impl Counter {
    pub(super) fn new(bits: u32) -> Self {
        Self { bits, newest: None, rounds: 0, signs: 0 }
    }

    pub(super) fn see(&mut self, value: u64) {
        let span = 1u64 << self.bits;
        let value = value % span;
        let newest = *self.newest.get_or_insert(value);
        if value.wrapping_sub(newest) % span >= span / 2 {
            return;
        }
        self.rounds += u64::from(value < newest);
        self.signs += u64::from((newest < span / 2) != (value < span / 2) && value >= span / 2);
        self.newest = Some(value);
    }

    /// Whoever counts begins anew, anywhere.
    pub(super) fn begin_again(&mut self) {
        self.newest = None;
    }
}

#[test]
fn a_counter_is_followed_round_and_round() {
    let mut counter = Counter::new(16);
    for value in (0..200_000u64).step_by(100) {
        counter.see(65_000 + value);
        // Repeats of older numbers.
        counter.see(65_000 + value - 64);
    }
    assert_eq!((counter.rounds, counter.signs), (4, 3));
    counter.begin_again();
    counter.see(3);
    assert_eq!((counter.rounds, counter.signs), (4, 3));
}
