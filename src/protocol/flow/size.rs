//! How long the recovery buffer is, where `buffer-min` and `buffer-max` leave room.
//!
//! libRIST's measure is multiplier × RTT + reorder buffer. It is never less than what repairs have lately needed, and it
//! grows while packets are lost. What was written evenly must be handed out evenly: the buffer moves by a small share of
//! the time that passes, and not at all for small differences.

use super::Flow;
use super::faded::faded;
use crate::protocol::time::{Span, Time};

/// Differences below this, or below a twentieth of the buffer, are not followed.
const NEGLIGIBLE: Span = Span::from_millis(15);
const NEAR: Span = Span::from_millis(1);
/// How fast the buffer moves, per cent of the time that passes, and how fast it grows when packets are lost (libRIST: 12.5
/// always).
const PACE: i64 = 2;
const URGENT: i64 = 10;
/// How long the slowest repair is remembered; then half of it, and so on.
const MEMORY: Span = Span::from_secs(30);
/// A loss asks for a quarter more, once in so long.
const PATIENCE: Span = Span::from_secs(1);

#[derive(Debug, Default)]
pub(super) struct Size {
    moved: Option<Time>,
    moving: bool,
    /// How long after its time the slowest repair came, and when.
    needed: Option<(Time, Span)>,
    /// What a loss has asked for, and when.
    asked: Option<(Time, Span)>,
}

impl Size {
    /// A repair came so long after its packet's time.
    pub(super) fn repair_took(&mut self, now: Time, took: Span) {
        if took >= faded(now, self.needed, MEMORY) {
            self.needed = Some((now, took));
        }
    }

    /// Packets were lost with a buffer of `target`.
    pub(super) fn lost(&mut self, now: Time, target: Span) {
        if self.asked.is_none_or(|(at, _)| now.since(at) >= PATIENCE) {
            self.asked = Some((now, target.scaled(5, 4)));
        }
    }

    /// The next buffer, on the way from `target` to what is wanted within `min` and `max`.
    fn step(&mut self, now: Time, target: Span, wanted: Span, min: Span, max: Span) -> Span {
        let elapsed = now.since(self.moved.replace(now).unwrap_or(now)).max(Span::ZERO);
        let by_evidence = faded(now, self.needed, MEMORY).scaled(5, 4).max(faded(now, self.asked, MEMORY));
        let wanted = wanted.max(by_evidence).max(min).min(max);
        let change = wanted - target;
        self.moving = match self.moving {
            true => change.abs() > NEAR,
            false => change.abs() > NEGLIGIBLE.max(target.scaled(1, 20)),
        };
        if !self.moving {
            return target.max(min).min(max);
        }
        let growth = if faded(now, self.asked, MEMORY) > target { URGENT } else { PACE };
        target + change.max(Span::ZERO - elapsed.scaled(PACE, 100)).min(elapsed.scaled(growth, 100))
    }
}

impl Flow {
    /// Moves a windowed buffer on its way.
    pub(super) fn move_target(&mut self, now: Time) {
        let (min, max) = (self.config.buffer_min, self.config.buffer_max);
        if min >= max {
            self.target = max.max(min);
            return;
        }
        let rtts = || self.paths.iter().map(|path| path.state.rtt);
        let Some(rtt) = rtts().filter_map(|rtt| rtt.smoothed()).max() else { return };
        let variance = rtts().filter_map(|rtt| rtt.variance()).max().unwrap_or(Span::ZERO);
        let wanted = (rtt + variance).scaled(i64::from(self.config.rtt_multiplier), 1) + self.config.reorder_buffer;
        self.target = self.size.step(now, self.target, wanted, min, max);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIN: Span = Span::from_millis(100);
    const MAX: Span = Span::from_millis(1000);

    fn ms(ms: u32) -> Span {
        Span::from_millis(ms)
    }

    /// Moves on for so many milliseconds.
    fn run(size: &mut Size, from: u32, length: u32, mut target: Span, wanted: Span) -> Span {
        for at in from..from + length {
            target = size.step(Time::from_ticks(1 << 40) + ms(at), target, wanted, MIN, MAX);
        }
        target
    }

    #[test]
    fn it_moves_slowly_and_stays_within_its_bounds() {
        let mut size = Size::default();
        let target = run(&mut size, 0, 1001, ms(300), ms(900));
        assert!((319..=321).contains(&target.as_millis()), "{target:?}");
        let target = run(&mut size, 1001, 1000, target, ms(50));
        assert!((299..=301).contains(&target.as_millis()), "{target:?}");
        let target = run(&mut size, 2001, 60_000, target, ms(50));
        assert!(target >= MIN && target - MIN <= NEAR, "{target:?}");
        let target = run(&mut size, 62_001, 60_000, target, ms(5000));
        assert!(target <= MAX && MAX - target <= NEAR, "{target:?}");
    }

    #[test]
    fn small_differences_do_not_move_it() {
        let mut size = Size::default();
        let target = run(&mut size, 0, 60_000, ms(300), ms(300));
        assert_eq!(run(&mut size, 60_000, 10_000, target, ms(314)), target);
        assert_ne!(run(&mut size, 70_000, 10_000, target, ms(330)), target);
    }

    #[test]
    fn it_never_falls_below_what_repairs_needed_until_that_is_long_ago() {
        let mut size = Size::default();
        let mut target = ms(600);
        for second in 0..60 {
            size.repair_took(Time::from_ticks(1 << 40) + ms(second * 1000), ms(400));
            target = run(&mut size, second * 1000, 1000, target, ms(100));
        }
        assert!((499..=501).contains(&target.as_millis()), "{target:?}");
        let target = run(&mut size, 60_000, 180_000, target, ms(100));
        assert!(target - MIN <= NEAR, "{target:?}");
    }

    #[test]
    fn a_loss_asks_for_more_once_a_second() {
        let mut size = Size::default();
        let start = Time::from_ticks(1 << 40);
        (0..500).for_each(|at| size.lost(start + ms(at), ms(400)));
        let target = run(&mut size, 0, 1000, ms(400), ms(400));
        assert!((498..=500).contains(&target.as_millis()), "{target:?}");
    }
}
