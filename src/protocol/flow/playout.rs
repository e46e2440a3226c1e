//! What is handed to the application, in order, when its time has come.

use super::Flow;
use super::arrival::Part;
use super::recovery_buffer::{Packet, Slot};
use crate::protocol::output::Delivery;
use crate::protocol::time::{Span, Time};

/// Positions that a ring may span whatever has come, and more for each packet that has.
const LEAST_WINDOW: u64 = 1536;
const WINDOW_PER_PACKET: u64 = 8;
/// Packets of a flow that is not credible yet are kept over so many positions, and up to so many bytes.
const UNPROVEN_PACKETS: u64 = 4096;
const UNPROVEN_BYTES: usize = 3 << 20;

/// A packet whose order is settled.
#[derive(Debug)]
pub(super) struct Ready {
    release: Time,
    pub(super) delivery: Delivery,
    pub(super) arrived: Time,
    pub(super) part: Part,
    pub(super) compressed: bool,
    /// The number behind its last one.
    pub(super) next: u32,
}

impl Ready {
    /// It is handed out as it is.
    #[inline]
    pub(super) fn is_block(&self) -> bool {
        self.part.is_whole() && !self.compressed
    }
}

impl Flow {
    /// When the next packet is due.
    pub(in crate::protocol) fn next_release(&self) -> Option<Time> {
        if !self.is_credible() {
            return None;
        }
        if let Some(ready) = self.ready.front() {
            return Some(ready.release);
        }
        self.line.as_ref()?.head.map(|(_, release)| release)
    }

    /// Hands out everything that is due.
    pub(in crate::protocol) fn deliver(&mut self, now: Time, out: &mut Vec<Delivery>) {
        while let Some(release) = self.next_release() {
            if release > now {
                break;
            }
            let packet = match self.ready.pop_front() {
                Some(packet) => packet,
                None => match self.take_head() {
                    Some(packet) => packet,
                    None => break,
                },
            };
            self.counters.handed_out(now.since(packet.arrived).max(Span::ZERO));
            let next = if packet.is_block() && self.reassembly.is_idle() {
                out.push(packet.delivery);
                packet.next
            } else {
                let Some(block) = self.reassembly.add(packet) else { continue };
                out.push(block.delivery);
                block.next
            };
            if let Some(first) = out.last_mut().filter(|_| self.config.merging.is_on()) {
                let alone = self.complete_pair(now, first, next);
                out.extend(alone);
            }
        }
    }

    /// Takes what is handed out next.
    #[inline]
    pub(super) fn take_next(&mut self) -> Option<Ready> {
        self.ready.pop_front().or_else(|| self.take_head())
    }

    /// Takes the first packet present; the holes before it are lost now that their successor is due.
    #[inline(always)]
    pub(super) fn take_head(&mut self) -> Option<Ready> {
        let line = self.line.as_mut()?;
        let (next_out, (head, due)) = (line.next_out, line.head.take()?);
        let packet = self.buffer.take(head)?;
        for position in next_out..head {
            if let Some(missing) = self.buffer.put(position, position, Slot::Lost) {
                self.not_found(due, &missing);
            }
        }
        let lost = (head - next_out) as u32;
        let line = self.line.as_mut()?;
        if packet.early {
            self.haste.turned_out(true);
        }
        line.next_out = head + 1;
        line.handed_out = true;
        // A repair that nothing later had shown.
        line.advance(head, packet.source, packet.release);
        line.head = self.buffer.first_present(line.next_out, line.furthest);
        self.counters.lost += lost;
        if lost > 0 {
            self.size.lost(packet.release, self.target);
        }
        Some(self.ready_packet(head, packet, lost > 0))
    }

    fn ready_packet(&mut self, position: u64, packet: Packet, discontinuity: bool) -> Ready {
        let flow_start = std::mem::take(&mut self.flow_start);
        let seq = self.line.as_ref().map_or(0, |line| line.number(position));
        Ready {
            release: packet.release,
            arrived: packet.arrived,
            part: packet.part,
            compressed: packet.compressed,
            next: seq.wrapping_add(1),
            delivery: Delivery {
                flow_id: self.id,
                peer: packet.path,
                seq,
                ts_ntp: packet.source.ticks(),
                virt_src_port: packet.virt_src_port,
                virt_dst_port: packet.virt_dst_port,
                discontinuity: discontinuity && !flow_start,
                flow_start,
                payload: packet.payload,
            },
        }
    }

    /// Positions that the ring may span. What has come pays for it: a few packets with great gaps between
    /// them do not take a whole ring's memory.
    pub(super) fn window(&self) -> u64 {
        self.buffer.max().min(LEAST_WINDOW + self.arrived.saturating_mul(WINDOW_PER_PACKET))
    }

    /// A ring that can not hold the configured buffer hands out early rather than dropping.
    #[inline]
    pub(super) fn make_room(&mut self, now: Time, position: u64) {
        if !self.is_credible() {
            self.forget_unproven(position);
        }
        if self.line.as_ref().is_some_and(|line| position >= line.next_out + LEAST_WINDOW.min(self.buffer.max())) {
            self.hand_out_early(now, position);
        }
    }

    fn hand_out_early(&mut self, now: Time, position: u64) {
        let window = self.window();
        loop {
            let Some(line) = &self.line else { return };
            if position < line.next_out + window {
                return;
            }
            self.window_exceeded |= window == self.buffer.max();
            if line.head.is_none() {
                let behind = position - window + 1;
                if let Some(line) = &mut self.line {
                    self.counters.lost = self.counters.lost.saturating_add((behind - line.next_out) as u32);
                    line.next_out = behind;
                }
                return;
            }
            let Some(mut ready) = self.take_head() else { return };
            ready.release = now;
            self.ready.push_back(ready);
            self.bound_ready();
        }
    }

    /// Nobody takes what is due, perhaps ever: the application's callback does not return. The oldest goes then, as from any
    /// other full queue.
    fn bound_ready(&mut self) {
        while self.ready.len() as u64 > self.buffer.max() {
            let starts = self.ready.pop_front().is_some_and(|gone| gone.delivery.flow_start);
            self.counters.lost = self.counters.lost.saturating_add(1);
            if let Some(Ready { delivery: next, .. }) = self.ready.front_mut() {
                // The flow begins with what is left of it.
                next.flow_start |= starts;
                next.discontinuity = !next.flow_start;
            }
        }
    }

    /// Packets that nobody has vouched for are not kept for ever.
    fn forget_unproven(&mut self, position: u64) {
        while !self.is_credible() {
            let Some(line) = &self.line else { return };
            let too_many = position >= line.next_out + UNPROVEN_PACKETS || self.unproven_bytes > UNPROVEN_BYTES;
            if !too_many {
                return;
            }
            let start = self.flow_start;
            let Some(dropped) = self.take_head() else { return };
            self.unproven_bytes = self.unproven_bytes.saturating_sub(dropped.delivery.payload.len());
            self.flow_start = start;
        }
    }

    /// The timeline ends: what it holds keeps its time, its holes are lost.
    pub(super) fn retire_timeline(&mut self) {
        if !self.is_credible() {
            self.unproven_bytes = 0;
            self.line = None;
            return;
        }
        while let Some(ready) = self.take_head() {
            self.ready.push_back(ready);
            self.bound_ready();
        }
        self.line = None;
    }
}
