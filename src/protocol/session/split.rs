//! Two packets of each block that the application writes (libRIST 0.2.17 `split`).
//!
//! There is no mark on the wire: the first half has an even sequence number, the second the next one and the same
//! source time. Each half finds its path by itself, so that over weighted paths a block takes two of them.

use super::{Media, Session};
use crate::protocol::config::{MergeMode, PeerConfig, Profile, Role, SplitMode};
use crate::protocol::output::Level;
use crate::protocol::report::SplitReport;

const TS_SYNC: u8 = 0x47;
const TS_PACKET: usize = 188;

#[derive(Debug, Default)]
pub(super) struct Split {
    mode: SplitMode,
    pairs: u64,
    not_ts: u64,
}

impl Split {
    pub(super) fn is_on(&self) -> bool {
        self.mode != SplitMode::Off
    }

    /// Where the second half of a payload begins.
    fn cut(&mut self, payload: &[u8]) -> usize {
        self.pairs += 1;
        let packets = payload.len() / TS_PACKET;
        let ts = packets >= 2 && payload.len().is_multiple_of(TS_PACKET) && payload.first() == Some(&TS_SYNC);
        match (self.mode, ts) {
            (SplitMode::Auto, true) => packets / 2 * TS_PACKET,
            (SplitMode::Auto, false) => {
                self.not_ts += 1;
                payload.len() / 2
            }
            (SplitMode::Half | SplitMode::Off, _) => payload.len() / 2,
        }
    }

    /// What happened since the last time, while anything can.
    pub(super) fn take_report(&mut self) -> Option<SplitReport> {
        let report = SplitReport { mode: self.mode, pairs: self.pairs, not_ts: self.not_ts };
        (self.pairs, self.not_ts) = (0, 0);
        self.is_on().then_some(report)
    }
}

impl Session {
    /// Both halves of a block, in order. One of them may be empty, so that the numbers stay in step.
    pub(super) fn halves(&mut self, block: &Media) -> [Media; 2] {
        let (first, second) = block.payload.split_at(self.split.cut(&block.payload));
        self.sender.make_even();
        [first, second].map(|half| Media { payload: self.pool.copy(half), ..*block })
    }

    /// Splitting and merging are affairs of the context: the first peer's modes count for all.
    pub(super) fn first_peer_rules(&mut self, config: &PeerConfig) {
        let (split, merge) = match self.config.role {
            Role::Sender => (config.split, MergeMode::Off),
            Role::Receiver => (SplitMode::Off, config.merge),
        };
        if !self.peers.is_empty() {
            if (split, merge) != (self.split.mode, self.merge) {
                self.log(
                    Level::Warn,
                    "split and merge of the first peer count for all: those of this one are not used",
                );
            }
            return;
        }
        if merge == MergeMode::Auto && self.config.profile == Profile::Simple {
            let text = "merge=auto: senders of the Simple profile can not announce pairs; merge=pairs would merge them";
            self.log(Level::Warn, text);
        }
        self.split.mode = split;
        self.merge = merge;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(mode: SplitMode, payload: &[u8]) -> (usize, u64) {
        let mut split = Split { mode, ..Split::default() };
        (split.cut(payload), split.not_ts)
    }

    #[test]
    fn ts_is_cut_between_packets_and_anything_else_in_the_middle() {
        let ts = |packets: usize| [&[TS_SYNC][..], &[0; 187]].concat().repeat(packets);
        let auto = |payload: &[u8]| cut(SplitMode::Auto, payload);
        assert_eq!(auto(&ts(7)), (3 * 188, 0));
        assert_eq!(auto(&ts(2)), (188, 0));
        assert_eq!(auto(&ts(1)), (94, 1), "one packet is nothing to cut between");
        assert_eq!(auto(&ts(7)[1..]), (657, 1), "not whole packets");
        assert_eq!(auto(&[0; 376]), (188, 1), "no sync octet");
        assert_eq!(cut(SplitMode::Half, &ts(7)), (658, 0));
        for mode in [SplitMode::Auto, SplitMode::Half] {
            assert_eq!([1, 2, 3, 9968].map(|len| cut(mode, &vec![9; len]).0), [0, 1, 1, 4984]);
        }
    }

    #[test]
    fn a_report_begins_anew_each_time() {
        let mut split = Split { mode: SplitMode::Auto, ..Split::default() };
        split.cut(&[1, 2]);
        assert_eq!(split.take_report(), Some(SplitReport { mode: SplitMode::Auto, pairs: 1, not_ts: 1 }));
        assert_eq!(split.take_report(), Some(SplitReport { mode: SplitMode::Auto, pairs: 0, not_ts: 0 }));
        assert_eq!(Split::default().take_report(), None);
    }
}
