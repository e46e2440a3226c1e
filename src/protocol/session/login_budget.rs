//! How much of a processor logins may take. A stranger can make us calculate for milliseconds with a few packets, so
//! those calculations come one at a time, and between them is a pause as long as three of them.

use crate::protocol::auth::Job;
use crate::protocol::output::PeerId;
use crate::protocol::time::{Span, Time};
use std::collections::VecDeque;
use std::net::IpAddr;

/// Calculations that wait at once. Further peers have to ask again.
const MOST_WAITING: usize = 64;
/// Of these, from one address: who is at home there can pretend to be many.
const MOST_OF_ADDRESS: usize = 2;
/// The pause, in lengths of the calculation before it.
const PAUSES: i64 = 3;
const LONGEST_PAUSE: Span = Span::from_millis(500);

#[derive(Debug, Default)]
pub(super) struct LoginBudget {
    waiting: VecDeque<(PeerId, Option<IpAddr>, u64, Job)>,
    running_since: Option<Time>,
    not_before: Option<Time>,
}

impl LoginBudget {
    /// False if too many wait already.
    pub(super) fn wants(&mut self, peer: PeerId, address: Option<IpAddr>, step: u64, job: Job) -> bool {
        // A newer wish of the same peer replaces the older one, of which nobody knows any more.
        self.waiting.retain(|(other, ..)| *other != peer);
        let of_address = self.waiting.iter().filter(|(_, other, ..)| address.is_some() && *other == address).count();
        let room = self.waiting.len() < MOST_WAITING && of_address < MOST_OF_ADDRESS;
        if room {
            self.waiting.push_back((peer, address, step, job));
        }
        room
    }

    pub(super) fn next(&mut self, now: Time) -> Option<(PeerId, u64, Job)> {
        if self.due()? > now {
            return None;
        }
        self.running_since = Some(now);
        self.waiting.pop_front().map(|(peer, _, step, job)| (peer, step, job))
    }

    pub(super) fn due(&self) -> Option<Time> {
        let waits = !self.waiting.is_empty() && self.running_since.is_none();
        waits.then(|| self.not_before.unwrap_or(Time::from_ticks(0)))
    }

    pub(super) fn finished(&mut self, now: Time) {
        if let Some(since) = self.running_since.take() {
            let pause = now.since(since).max(Span::ZERO).scaled(PAUSES, 1).min(LONGEST_PAUSE);
            self.not_before = Some(now + pause);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::secret::Secret;
    use crate::crypto::srp_group::Group;

    fn job() -> Job {
        Job::ClientKey { group: Group::default(), private: Secret::new(&[1]) }
    }

    #[test]
    fn calculations_come_one_at_a_time_with_pauses() {
        let mut budget = LoginBudget::default();
        let at = |ms| Time::from_ticks(1 << 60) + Span::from_millis(ms);
        for peer in 0..1000 {
            budget.wants(PeerId(peer), None, 1, job());
        }
        let (mut now, mut started) = (0, 0);
        while now < 1000 {
            if budget.next(at(now)).is_some() {
                started += 1;
                assert!(budget.next(at(now)).is_none());
                now += 5;
                budget.finished(at(now));
                budget.wants(PeerId(5000), None, started, job());
            }
            now += 1;
        }
        assert!((30..=50).contains(&started), "{started} calculations of 5 ms in a second");
    }
    #[test]
    fn an_address_waits_with_few() {
        let mut budget = LoginBudget::default();
        let address = |last| Some(IpAddr::from([192, 0, 2, last]));
        let let_in = (0..1000).filter(|peer| budget.wants(PeerId(*peer), address(1), 1, job())).count();
        assert_eq!(let_in, MOST_OF_ADDRESS);
        assert!(budget.wants(PeerId(2000), address(2), 1, job()));
    }
}
