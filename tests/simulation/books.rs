//! What the simulator knows: what was written, what the network did with it, what was delivered.

use crate::workload;
use rist::protocol::output::Delivery;
use rist::protocol::time::Span;
use std::collections::HashMap;

/// Paths that are told apart.
pub(crate) const PATHS: usize = 4;
/// One unit of the 90 kHz clock and rounding, NTP ticks.
const TIMESTAMP_STEP: u64 = (1 << 32) / 90_000 + 2;
/// One round of that clock, NTP ticks.
const ROUND: i64 = ((1i128 << 64) / 90_000) as i64;
/// How long after the beginning of an Advanced flow its times may move, and by how much: they are those of arrival until
/// timestamps are believed, and follow the quickest packets for two seconds then (`protocol::flow`).
const WATCHED: Span = Span::from_secs(4);
const MOVES: u64 = 1 << 31;
/// "Not yet".
pub(crate) const NEVER: Span = Span::MAX;

/// One stream as its application wrote it.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    pub(crate) packets: Vec<Written>,
    /// Index and sequence number of a packet that was sent. The others are numbered in a row with it, also those that
    /// were written while nobody was there to be sent them.
    numbered: Option<(u32, u16)>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Written {
    pub(crate) at: Span,
    pub(crate) len: usize,
    /// The sender's clock, NTP ticks.
    pub(crate) stamp: u64,
}

/// What became of one packet on its way to one receiver.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fate {
    /// First arrival of any copy, per path.
    pub(crate) arrived: [Span; PATHS],
    /// First arrival of a first transmission, per path: only these show gaps.
    pub(crate) seen: [Span; PATHS],
    /// Which paths the first transmission was sent on, a bit for each.
    pub(crate) carriers: u8,
    /// Datagrams with this packet, or with a request for it, that the network destroyed.
    pub(crate) harm: u32,
    pub(crate) requests: u32,
    pub(crate) repeats: u32,
    /// Retransmissions that arrived when the packet was there already.
    pub(crate) needless: u32,
    pub(crate) delivered: Span,
    /// Delivered as the first packet of a flow.
    pub(crate) starts_flow: bool,
}

impl Default for Fate {
    fn default() -> Self {
        Self {
            arrived: [NEVER; PATHS],
            seen: [NEVER; PATHS],
            carriers: 0,
            harm: 0,
            requests: 0,
            repeats: 0,
            needless: 0,
            delivered: NEVER,
            starts_flow: false,
        }
    }
}

impl Fate {
    pub(crate) fn earliest(&self) -> Span {
        self.arrived.into_iter().min().unwrap_or(NEVER)
    }
}

/// One stream at one receiver.
#[derive(Debug, Default)]
pub(crate) struct Reception {
    pub(crate) fates: Vec<Fate>,
    /// Highest index delivered so far.
    newest: Option<u32>,
    pub(crate) first: Option<u32>,
    pub(crate) delivered: u64,
    /// Source time of the last delivery: as told, and as it was.
    stamps: Option<(u64, u64)>,
    /// When its flow began, the last time.
    began: Span,
    /// Media datagrams that arrived, of any kind.
    pub(crate) arrivals: u64,
}

impl Reception {
    pub(crate) fn fate(&mut self, index: u32) -> &mut Fate {
        let index = index as usize;
        if self.fates.len() <= index {
            self.fates.resize(index + 1, Fate::default());
        }
        &mut self.fates[index]
    }
}

#[derive(Debug, Default)]
pub(crate) struct Books {
    pub(crate) streams: HashMap<u32, Stream>,
    /// By stream and receiving host.
    pub(crate) receptions: HashMap<(u32, usize), Reception>,
    /// When a host first heard the answer to an RTT echo: nothing is handed out before.
    pub(crate) answered: HashMap<usize, Span>,
    /// The same by host and path: of several paths, only those are heard.
    pub(crate) answered_by: HashMap<(usize, usize), Span>,
    /// Flows that our senders use; others are strangers' own affair.
    pub(crate) flows: Vec<u32>,
    /// Hosts that are given packets without the time of their source.
    pub(crate) timeless: Vec<usize>,
    /// Hosts that have to find out first what timestamps count.
    pub(crate) learners: Vec<usize>,
    /// Invariants broken at the moment of delivery.
    pub(crate) violations: Vec<String>,
}

impl Books {
    pub(crate) fn wrote(&mut self, stream: u32, at: Span, len: usize, stamp: u64) {
        self.streams.entry(stream).or_default().packets.push(Written { at, len, stamp });
    }

    pub(crate) fn numbered(&mut self, stream: u32, index: u32, seq: u16) {
        self.streams.entry(stream).or_default().numbered = Some((index, seq));
    }

    pub(crate) fn index_of(&self, stream: u32, seq: u16) -> Option<u32> {
        let stream = self.streams.get(&stream)?;
        let (index, numbered) = stream.numbered?;
        let found = index.checked_add_signed(i32::from(seq.wrapping_sub(numbered) as i16))?;
        ((found as usize) < stream.packets.len()).then_some(found)
    }

    pub(crate) fn fate(&mut self, stream: u32, host: usize, index: u32) -> &mut Fate {
        self.reception(stream, host).fate(index)
    }

    pub(crate) fn reception(&mut self, stream: u32, host: usize) -> &mut Reception {
        self.receptions.entry((stream, host)).or_default()
    }

    pub(crate) fn arrived(&mut self, stream: u32, host: usize, index: u32, path: usize, repeated: bool, at: Span) {
        let reception = self.reception(stream, host);
        reception.arrivals += 1;
        let fate = reception.fate(index);
        fate.needless += u32::from(repeated && fate.earliest() != NEVER);
        fate.arrived[path] = fate.arrived[path].min(at);
        if !repeated {
            fate.seen[path] = fate.seen[path].min(at);
        }
    }

    /// Checks, at once: the bytes, no duplicate, the order.
    pub(crate) fn delivered(&mut self, host: usize, at: Span, delivery: &Delivery) {
        if !self.flows.contains(&delivery.flow_id) {
            return;
        }
        let bytes = &*delivery.payload;
        let Some((stream, index)) = workload::label(bytes) else {
            self.violate(at, format!("host {host} was given foreign bytes: {:02x?}", &bytes[..bytes.len().min(24)]));
            return;
        };
        let written = self.streams.get(&stream).and_then(|known| known.packets.get(index as usize)).copied();
        let Some(written) = written else {
            self.violate(at, format!("host {host} was given packet {index} of stream {stream}, which was not written"));
            return;
        };
        if bytes != workload::payload(stream, index, written.len) {
            self.violate(at, format!("packet {index} of stream {stream} has changed bytes"));
        }
        let reception = self.reception(stream, host);
        let newest = reception.newest;
        let again = reception.fate(index).delivered != NEVER;
        reception.fate(index).delivered = at;
        reception.fate(index).starts_flow = delivery.flow_start;
        reception.newest = newest.max(Some(index));
        reception.first.get_or_insert(index);
        reception.delivered += 1;
        let stamps = reception.stamps.replace((delivery.ts_ntp, written.stamp));
        reception.began = if delivery.flow_start { at } else { reception.began };
        let watched = at - reception.began < WATCHED;
        if again {
            self.violate(at, format!("packet {index} of stream {stream} was delivered twice to host {host}"));
        } else if newest.is_some_and(|newest| index < newest) {
            let newest = newest.unwrap_or_default();
            self.violate(at, format!("packet {index} of stream {stream} was delivered after packet {newest}"));
        } else if newest.is_some_and(|newest| (index > newest + 1) != delivery.discontinuity) && !delivery.flow_start {
            self.violate(at, format!("packet {index} after {newest:?} has discontinuity {}", delivery.discontinuity));
        }
        if let Some((told, true_stamp)) = stamps
            && !self.timeless.contains(&host)
        {
            let steps = [delivery.ts_ntp.wrapping_sub(told), written.stamp.wrapping_sub(true_stamp)];
            let off = steps[0].wrapping_sub(steps[1]) as i64;
            // Which round of the 90 kHz clock it is can not be seen by a flow that begins.
            let off = if delivery.flow_start { off.wrapping_add(ROUND / 2).rem_euclid(ROUND) - ROUND / 2 } else { off };
            let step = if watched && self.learners.contains(&host) { MOVES } else { TIMESTAMP_STEP };
            if off.unsigned_abs() > step {
                self.violate(at, format!("packet {index} of stream {stream}: source time moved {steps:?}"));
            }
        }
    }

    fn violate(&mut self, at: Span, what: String) {
        if self.violations.len() < 50 {
            self.violations.push(format!("{:.3} s: {what}", at.as_secs_f64()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rist::protocol::output::PeerId;
    use rist::protocol::payload::Pool;

    fn deliver(books: &mut Books, bytes: &[u8], discontinuity: bool) {
        let payload = Pool::new().copy(bytes);
        let delivery = Delivery {
            flow_id: 2,
            peer: PeerId(1),
            seq: 0,
            ts_ntp: 0,
            virt_src_port: 0,
            virt_dst_port: 0,
            discontinuity,
            flow_start: false,
            payload,
        };
        books.delivered(0, Span::from_secs(1), &delivery);
    }

    fn three_written() -> Books {
        let mut books = Books { flows: vec![2], ..Books::default() };
        for _ in 0..3 {
            books.wrote(1, Span::ZERO, 100, 0);
        }
        books
    }

    #[test]
    fn a_faithful_delivery_is_accepted() {
        let mut books = three_written();
        for index in [0, 2] {
            deliver(&mut books, &workload::payload(1, index, 100), index == 2);
        }
        assert!(books.violations.is_empty());
        assert_eq!(books.reception(1, 0).delivered, 2);
    }

    #[test]
    fn repeats_disorder_and_forgeries_are_caught() {
        let right = |index| workload::payload(1, index, 100);
        let mut changed = right(1);
        changed[50] ^= 1;
        let cases = [
            (vec![right(0), right(0)], "delivered twice"),
            (vec![right(2), right(1)], "delivered after"),
            (vec![changed], "changed bytes"),
            (vec![right(1)[..99].to_vec()], "changed bytes"),
            (vec![right(7)], "not written"),
            (vec![b"something".to_vec()], "foreign"),
            (vec![right(0), right(2)], "discontinuity false"),
        ];
        for (deliveries, complaint) in cases {
            let mut books = three_written();
            deliveries.iter().for_each(|bytes| deliver(&mut books, bytes, false));
            assert_eq!(books.violations.len(), 1);
            assert!(books.violations[0].contains(complaint), "{}", books.violations[0]);
        }
    }
}
