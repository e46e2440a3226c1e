//! Legs that carry only while those before them can not (`backup`, ours): 0 first, then 1 and so on.

use crate::protocol::time::{Span, Time};

/// A leg takes its place back once it has delivered for so long, so that media moves once a second at most.
const PROBATION: Span = Span::from_secs(1);

/// How long it makes no difference since when a leg has delivered: no time at all during its probation.
pub(in crate::protocol) fn settled_for(now: Time, good_since: Option<Time>) -> Span {
    let on_probation = good_since.is_some_and(|since| now.since(since) < PROBATION);
    if on_probation { Span::ZERO } else { Span::MAX }
}

#[derive(Debug, Default)]
pub(in crate::protocol) struct Backup {
    active: Option<u32>,
}

impl Backup {
    /// Which legs carry now, of those with this number and since when they have delivered (`None`: they do not).
    pub(in crate::protocol) fn choose(
        &mut self,
        now: Time,
        legs: impl Iterator<Item = (u32, Option<Time>)> + Clone,
    ) -> u32 {
        let good = || legs.clone().filter_map(|(number, since)| Some((number, since?)));
        let first_good = good().map(|(number, _)| number).min();
        let settled = good().filter(|(_, since)| now.since(*since) >= PROBATION).map(|(number, _)| number).min();
        let numbers = || legs.clone().map(|(number, _)| number);
        let active = match self.active {
            Some(active) if settled.is_some_and(|settled| settled < active) => settled,
            Some(active) if good().any(|(number, _)| number == active) => Some(active),
            // Nobody delivers: where it went last, if that is still there.
            active => first_good.or(active.filter(|active| numbers().any(|number| number == *active))),
        };
        let active = active.or_else(|| numbers().min()).unwrap_or(0);
        self.active = Some(active);
        active
    }

    pub(in crate::protocol) fn active(&self) -> Option<u32> {
        self.active
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u32) -> Time {
        Time::from_ticks(1 << 60) + Span::from_millis(ms)
    }

    #[test]
    fn the_first_that_delivers_carries_and_takes_its_place_back_in_time() {
        let mut backup = Backup::default();
        let mut choose = |now, legs: &[(u32, Option<u32>)]| {
            backup.choose(at(now), legs.iter().map(|(number, since)| (*number, since.map(at))))
        };
        assert_eq!(choose(0, &[(0, None), (1, None)]), 0);
        assert_eq!(choose(5000, &[(0, Some(0)), (1, Some(0))]), 0);
        assert_eq!(choose(6000, &[(0, None), (1, Some(0))]), 1);
        assert_eq!(choose(7000, &[(0, Some(6500)), (1, Some(0))]), 1);
        assert_eq!(choose(7500, &[(0, Some(6500)), (1, Some(0))]), 0);
        // The backup fails before the first has settled: better than nothing.
        assert_eq!(choose(8000, &[(0, None), (1, Some(0))]), 1);
        assert_eq!(choose(8100, &[(0, Some(8050)), (1, None)]), 0);
        // Nobody delivers: it stays where it was; a number that has gone is left.
        assert_eq!(choose(9000, &[(0, None), (1, None)]), 0);
        assert_eq!(choose(9100, &[(3, None), (7, None)]), 3);
        assert_eq!(choose(9200, &[(3, None), (7, Some(9150))]), 7);
    }

    #[test]
    fn a_flapping_leg_moves_media_once_a_second_at_most() {
        let mut backup = Backup::default();
        let (mut last, mut moves) = (0, 0);
        let mut since = None;
        for ms in (0..60_000).step_by(10) {
            let up = ms / 300 % 2 == 0 || ms > 50_000;
            since = if up { since.or(Some(at(ms))) } else { None };
            let active = backup.choose(at(ms), [(0, since), (1, Some(at(0)))].into_iter());
            moves += u32::from(active != last);
            last = active;
        }
        assert_eq!((moves, last), (2, 0));
    }
}
