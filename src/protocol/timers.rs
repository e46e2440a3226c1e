//! The session's deadlines: one per key, the earliest first.

use super::output::PeerId;
use super::time::Time;
use std::collections::{BTreeMap, BTreeSet};

/// What is to be done at a deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// Periodic keep-alive of a tunnel.
    KeepAlive(PeerId),
    /// The next stranger's key may be derived.
    Strangers,
    /// A changed passphrase is used from now on, whether all have acknowledged it or not.
    SecretChange(PeerId),
    /// A login has something to do.
    Login(PeerId),
    /// The next calculation of a login may begin.
    LoginBudget,
    /// Periodic RTCP of a peer.
    Rtcp(PeerId),
    /// A peer's silence has to be judged.
    Liveness(PeerId),
    /// A caller's name wants resolving.
    Resolve(PeerId),
    /// Requests of a flow are due.
    Nack(u32),
    /// A flow's silence has to be judged.
    FlowLife(u32),
    FlowStats(u32),
    SenderStats,
    /// RTT and losses of the legs are to be judged.
    Legs,
    /// Paced retransmissions wait.
    Retransmit,
    /// Media waits for a peer's word, or for its turn after that.
    Hold,
    /// The application wants to hear each second that there is no flow.
    IdleNotice,
}

#[derive(Debug, Default)]
pub(super) struct Timers {
    queue: BTreeSet<(Time, Timer)>,
    at: BTreeMap<Timer, Time>,
    /// The one that was set last: each packet sets the same one, nearly always to what it is.
    latest: Option<(Timer, Option<Time>)>,
}

impl Timers {
    /// Sets or moves a deadline; `None` removes it.
    #[inline(always)]
    pub(super) fn set(&mut self, timer: Timer, at: Option<Time>) {
        if self.latest != Some((timer, at)) {
            self.latest = Some((timer, at));
            self.change(timer, at);
        }
    }

    fn change(&mut self, timer: Timer, at: Option<Time>) {
        let old = match at {
            Some(time) => self.at.insert(timer, time),
            None => self.at.remove(&timer),
        };
        if old == at {
            return;
        }
        if let Some(old) = old {
            self.queue.remove(&(old, timer));
        }
        if let Some(time) = at {
            self.queue.insert((time, timer));
        }
    }

    pub(super) fn next(&self) -> Option<Time> {
        self.queue.first().map(|&(time, _)| time)
    }

    pub(super) fn at(&self, timer: Timer) -> Option<Time> {
        self.at.get(&timer).copied()
    }

    /// Takes the earliest deadline that has been reached.
    pub(super) fn pop_due(&mut self, now: Time) -> Option<Timer> {
        let &(time, timer) = self.queue.first()?;
        if time > now {
            return None;
        }
        self.latest = None;
        self.queue.pop_first();
        self.at.remove(&timer);
        Some(timer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moved_deadline_fires_once_at_its_new_time() {
        let mut timers = Timers::default();
        let at = |ticks| Some(Time::from_ticks(ticks));
        timers.set(Timer::SenderStats, at(10));
        timers.set(Timer::Nack(2), at(20));
        timers.set(Timer::SenderStats, at(30));
        assert_eq!(timers.next(), at(20));
        assert_eq!(timers.pop_due(Time::from_ticks(25)), Some(Timer::Nack(2)));
        assert_eq!(timers.pop_due(Time::from_ticks(25)), None);
        assert_eq!(timers.pop_due(Time::from_ticks(30)), Some(Timer::SenderStats));
        assert_eq!(timers.next(), None);
    }

    #[test]
    fn a_deadline_that_has_fired_can_be_set_to_the_same_time_again() {
        let mut timers = Timers::default();
        let at = Time::from_ticks(10);
        for _ in 0..2 {
            timers.set(Timer::Legs, Some(at));
            timers.set(Timer::Legs, Some(at));
            assert_eq!([timers.pop_due(at), timers.pop_due(at)], [Some(Timer::Legs), None]);
        }
    }
}
