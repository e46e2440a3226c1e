//! Which RIST GRE version a peer is sent (TR-06-2:2022 §10, and what libRIST makes of it).

use crate::protocol::time::{Span, Time};

/// Packets of an older version before the newer one is given up …
const OLDER_PACKETS: u32 = 10;
/// … and the time without one of the newer. libRIST never goes back, so one forged packet, or an older program
/// at the same address, would leave a peer unable to read us.
const OLDER_FOR: Span = Span::from_secs(2);

#[derive(Debug, Clone, Copy)]
pub(in crate::protocol) struct Version {
    ours: u8,
    confirmed: Option<Time>,
    older: u32,
}

/// What a packet of some version led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::protocol) enum Heard {
    Same,
    Raised,
    Lowered,
}

impl Version {
    /// A caller begins with 1, which libRIST of every age reads.
    pub(in crate::protocol) fn of_caller() -> Self {
        Self { ours: 1, confirmed: None, older: 0 }
    }

    /// A listener answers in the version of the first packet.
    pub(in crate::protocol) fn of_stranger(version: u8) -> Self {
        Self { ours: version, confirmed: None, older: 0 }
    }

    pub(in crate::protocol) fn get(&self) -> u8 {
        self.ours
    }

    pub(in crate::protocol) fn heard(&mut self, now: Time, version: u8) -> Heard {
        if version >= self.ours {
            let raised = version > self.ours;
            *self = Self { ours: version, confirmed: Some(now), older: 0 };
            return if raised { Heard::Raised } else { Heard::Same };
        }
        self.older = self.older.saturating_add(1);
        let outdated = self.confirmed.is_none_or(|at| now.since(at) > OLDER_FOR);
        if self.ours > 1 && outdated && self.older >= OLDER_PACKETS {
            *self = Self { ours: version.max(1), confirmed: Some(now), older: 0 };
            return Heard::Lowered;
        }
        Heard::Same
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_rises_with_its_peer_and_falls_when_that_has_changed() {
        let at = |ms| Time::from_ticks(1 << 60) + Span::from_millis(ms);
        let mut version = Version::of_caller();
        assert_eq!((version.heard(at(0), 1), version.heard(at(1), 2)), (Heard::Same, Heard::Raised));
        // A few older packets are on their way still.
        for ms in 2..30 {
            assert_eq!(version.heard(at(ms), 1), Heard::Same);
        }
        assert_eq!(version.get(), 2);
        assert_eq!(version.heard(at(2100), 0), Heard::Lowered);
        assert_eq!(version.get(), 1);
    }

    #[test]
    fn a_peer_of_the_first_version_is_answered_in_it() {
        let mut version = Version::of_stranger(0);
        assert_eq!((version.heard(Time::from_ticks(9), 0), version.get()), (Heard::Same, 0));
    }
}
