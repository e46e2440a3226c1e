//! How a receiver fares (TR-06-4 Part 1): eleven words, also carried by receiver reports of Simple and Main.

use super::{append, ci, exactly};
use crate::wire::Result;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LinkQuality {
    /// Counts the messages.
    pub seq: u32,
    /// What it reports on, in milliseconds. Periods follow each other without a gap.
    pub period_ms: u32,
    /// Recovery buffer in milliseconds.
    pub nack_window_ms: u32,
    /// Packets received that were not retransmitted.
    pub source_received: u32,
    pub lost: u32,
    pub retransmissions_received: u32,
    /// By retransmission or FEC.
    pub recovered: u32,
    pub unrecovered: u32,
    /// Not retransmitted, and too late.
    pub late: u32,
    /// In kbit/s.
    pub data_bandwidth: u32,
    /// In kbit/s.
    pub retransmission_bandwidth: u32,
}

impl LinkQuality {
    pub const LEN: usize = 44;

    pub fn read(body: &[u8]) -> Result<Self> {
        let octets = exactly::<{ Self::LEN }>(body)?;
        let mut words = [0; Self::LEN / 4];
        for (word, octets) in words.iter_mut().zip(octets.as_chunks().0) {
            *word = u32::from_be_bytes(*octets);
        }
        let [seq, period_ms, nack_window_ms, source_received, lost, retransmissions_received, rest @ ..] = words;
        let [recovered, unrecovered, late, data_bandwidth, retransmission_bandwidth] = rest;
        Ok(Self {
            seq,
            period_ms,
            nack_window_ms,
            source_received,
            lost,
            retransmissions_received,
            recovered,
            unrecovered,
            late,
            data_bandwidth,
            retransmission_bandwidth,
        })
    }

    /// The words alone.
    pub fn write(&self, out: &mut Vec<u8>) {
        for word in [
            self.seq,
            self.period_ms,
            self.nack_window_ms,
            self.source_received,
            self.lost,
            self.retransmissions_received,
            self.recovered,
            self.unrecovered,
            self.late,
            self.data_bandwidth,
            self.retransmission_bandwidth,
        ] {
            out.extend_from_slice(&word.to_be_bytes());
        }
    }

    /// A message about all links together.
    pub fn write_global(&self, out: &mut Vec<u8>) {
        append(out, ci::LQM_GLOBAL, |out| self.write(out));
    }

    /// A message about the link that it is sent by.
    pub fn write_link(&self, out: &mut Vec<u8>) {
        append(out, ci::LQM_LINK, |out| self.write(out));
    }
}
