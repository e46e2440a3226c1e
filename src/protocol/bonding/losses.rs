//! Which leg a packet left by, and so which leg lost the packets that are asked for.

use crate::protocol::output::PeerId;

/// Packets remembered: at 100 Mbit/s more than 800 ms, in which a first request has come.
const SIZE: usize = 8192;

#[derive(Debug, Clone, Copy)]
struct Step {
    seq: u32,
    peer: PeerId,
    /// It left by this leg only.
    alone: bool,
    asked: bool,
    /// How many packets the leg had been sent by then.
    count: u32,
}

/// The legs of the latest packets, by sequence number.
#[derive(Debug, Default)]
pub(in crate::protocol) struct Trail {
    steps: Vec<Option<Step>>,
}

impl Trail {
    pub(in crate::protocol) fn note(&mut self, seq: u32, peer: PeerId, alone: bool, count: u32) {
        if self.steps.is_empty() {
            self.steps.resize(SIZE, None);
        }
        if let Some(step) = self.steps.get_mut(seq as usize % SIZE) {
            *step = Some(Step { seq, peer, alone, asked: false, count });
        }
    }

    /// The leg that lost a packet: the first time that it is asked for, if it left by one leg.
    pub(in crate::protocol) fn asked(&mut self, seq: u32) -> Option<PeerId> {
        let step = self.steps.get_mut(seq as usize % SIZE)?.as_mut()?;
        let first = step.seq == seq && step.alone && !std::mem::replace(&mut step.asked, true);
        first.then_some(step.peer)
    }

    /// How many packets had been sent to the leg with this one, if it left by it.
    pub(in crate::protocol) fn count(&self, seq: u32, peer: PeerId) -> Option<u32> {
        let step = self.steps.get(seq as usize % SIZE)?.as_ref()?;
        (step.seq == seq && step.peer == peer).then_some(step.count)
    }
}

/// Packets that left by one leg only, and those of them that were asked for.
#[derive(Debug, Default, Clone, Copy)]
pub(in crate::protocol) struct Losses {
    pub(in crate::protocol) sent: u32,
    pub(in crate::protocol) asked: u32,
}

/// So many packets say something.
const ENOUGH: u32 = 10;
/// Echoes unanswered, in a thousand. Requests alone say little: a slow leg's packets are asked for while they are on
/// their way.
const CORROBORATED: u16 = 330;
const CLEARED: u16 = 200;

impl Losses {
    /// Old ones count less and less: by a quarter at each look.
    pub(in crate::protocol) fn fade(&mut self) {
        self.sent -= self.sent.div_ceil(4);
        self.asked -= self.asked.div_ceil(4);
    }

    /// Per cent.
    pub(in crate::protocol) fn percent(&self) -> Option<f64> {
        (self.sent > 0).then(|| 100.0 * f64::from(self.asked.min(self.sent)) / f64::from(self.sent))
    }

    /// Less than a tenth.
    pub(in crate::protocol) fn is_clean(&self) -> bool {
        self.sent >= ENOUGH && u64::from(self.asked) * 10 < u64::from(self.sent)
    }

    /// Half or more, and echoes do not say otherwise.
    pub(in crate::protocol) fn is_lossy(&self, missed: Option<u16>) -> bool {
        let half = self.sent >= ENOUGH && u64::from(self.asked) * 2 >= u64::from(self.sent);
        half && missed.is_some_and(|missed| missed >= CORROBORATED)
    }
}

/// Echoes come through again: a leg that lost too much may come back.
pub(in crate::protocol) fn is_cleared(missed: Option<u16>) -> bool {
    missed.is_none_or(|missed| missed < CLEARED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_packet_is_lost_by_its_leg_once() {
        let mut trail = Trail::default();
        assert_eq!((trail.asked(7), trail.count(7, PeerId(1))), (None, None));
        trail.note(7, PeerId(1), true, 100);
        trail.note(8, PeerId(2), false, 50);
        assert_eq!((trail.asked(7), trail.asked(7), trail.asked(8)), (Some(PeerId(1)), None, None));
        assert_eq!((trail.count(7, PeerId(1)), trail.count(7, PeerId(2))), (Some(100), None));
        assert_eq!(trail.count(8, PeerId(2)), Some(50));
        // Overwritten by a later one.
        trail.note(7 + SIZE as u32, PeerId(1), true, 9000);
        assert_eq!((trail.asked(7), trail.count(7, PeerId(1))), (None, None));
    }

    #[test]
    fn a_leg_is_lossy_when_requests_and_echoes_agree() {
        let losses = |sent, asked| Losses { sent, asked };
        for (given, missed, lossy, clean) in [
            (losses(100, 50), Some(500), true, false),
            (losses(100, 49), Some(500), false, false),
            // Late, not lost.
            (losses(100, 100), Some(10), false, false),
            // No echoes to ask.
            (losses(100, 100), None, false, false),
            (losses(9, 9), Some(1000), false, false),
            (losses(100, 9), Some(0), false, true),
            (losses(100, 10), Some(0), false, false),
        ] {
            assert_eq!((given.is_lossy(missed), given.is_clean()), (lossy, clean), "{given:?} {missed:?}");
        }
        assert_eq!((losses(0, 0).percent(), losses(200, 50).percent()), (None, Some(25.0)));
        assert!(is_cleared(None) && is_cleared(Some(199)) && !is_cleared(Some(200)));
    }
}
