//! Which flow hands out its next packet when.

use crate::protocol::time::Time;

/// The earliest last. There are few flows (`MAX_FLOWS`), mostly one, and a deadline of each packet: a list that is nearly
/// in order costs less than a tree.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    due: Vec<(Time, u32)>,
}

impl Schedule {
    pub(super) fn first(&self) -> Option<(Time, u32)> {
        self.due.last().copied()
    }

    /// Sets or moves a flow's time; `None` removes it.
    pub(super) fn set(&mut self, flow_id: u32, at: Option<Time>) {
        let known = self.due.iter().rposition(|(_, id)| *id == flow_id);
        match (known, at) {
            (Some(place), Some(at)) if self.due[place].0 != at => self.shift(place, at),
            (Some(_), Some(_)) | (None, None) => {}
            (Some(place), None) => drop(self.due.remove(place)),
            (None, Some(at)) => {
                self.due.push((at, flow_id));
                self.shift(self.due.len() - 1, at);
            }
        }
    }

    /// Gives an entry its time, and moves it to its place.
    fn shift(&mut self, mut place: usize, at: Time) {
        self.due[place].0 = at;
        while place > 0 && self.due[place - 1] < self.due[place] {
            self.due.swap(place - 1, place);
            place -= 1;
        }
        while place + 1 < self.due.len() && self.due[place] < self.due[place + 1] {
            self.due.swap(place, place + 1);
            place += 1;
        }
    }

    pub(super) fn clear(&mut self) {
        self.due.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn the_earliest_is_first_whatever_was_moved() {
        let (mut schedule, mut times) = (Schedule::default(), BTreeMap::new());
        let mut random = 1u64;
        for _ in 0..10_000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let (flow_id, ticks) = ((random >> 60) as u32, random >> 40 & 0xFF);
            let at = (random >> 33 & 7 != 0).then_some(Time::from_ticks(ticks));
            schedule.set(flow_id, at);
            match at {
                Some(at) => times.insert(flow_id, at),
                None => times.remove(&flow_id),
            };
            assert_eq!(schedule.first(), times.iter().map(|(flow_id, at)| (*at, *flow_id)).min());
            assert_eq!(schedule.due.len(), times.len());
        }
        schedule.clear();
        assert_eq!(schedule.first(), None);
    }
}
