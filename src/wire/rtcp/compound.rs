//! The walk over the packets of one received RTCP datagram.

use super::extended_report::Blocks;
use super::packet::Packet;
use super::{Nack, Rtcp, app, bye, packet_type, receiver_report, sdes, sender_report};
use crate::wire::Result;

/// Walks a compound. Content that RIST does not use is skipped by its length; a length that does not
/// fit ends the walk with one `Err`. There are never more messages than words in the datagram.
#[derive(Debug, Clone)]
pub struct Compound<'a> {
    rest: &'a [u8],
    /// Blocks still to be read of the extended report that was split off last.
    blocks: Blocks<'a>,
}

impl<'a> Compound<'a> {
    /// Starts at the first packet. Nothing is checked yet.
    pub fn new(datagram: &'a [u8]) -> Self {
        Self { rest: datagram, blocks: Blocks::default() }
    }

    fn step(&mut self) -> Result<Option<Rtcp<'a>>> {
        loop {
            if let Some(message) = self.blocks.next()? {
                return Ok(Some(message));
            }
            if self.rest.is_empty() {
                return Ok(None);
            }
            let (packet, rest) = Packet::split(self.rest)?;
            self.rest = rest;
            match packet.packet_type {
                packet_type::EXTENDED_REPORT | packet_type::EXTENDED_REPORT_LIBRIST => {
                    self.blocks = Blocks::new(&packet)?;
                }
                _ => return decode(&packet).map(Some),
            }
        }
    }
}

impl<'a> Iterator for Compound<'a> {
    type Item = Result<Rtcp<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        let item = self.step().transpose();
        if let Some(Err(_)) = item {
            *self = Self::new(&[]);
        }
        item
    }
}

fn decode<'a>(packet: &Packet<'a>) -> Result<Rtcp<'a>> {
    let known = match packet.packet_type {
        packet_type::SENDER_REPORT => Some(sender_report::decode(packet)?),
        packet_type::RECEIVER_REPORT => Some(receiver_report::decode(packet)?),
        packet_type::SDES => sdes::decode(packet)?,
        packet_type::BYE => bye::decode(packet)?,
        packet_type::APP => app::decode(packet)?,
        packet_type::TRANSPORT_FEEDBACK => Nack::decode_bitmask(packet)?,
        _ => None,
    };
    Ok(known.unwrap_or(Rtcp::Unknown { packet_type: packet.packet_type }))
}
