//! What came of a stream, where nothing is known of what the network allowed.

use crate::books::NEVER;
use crate::world::World;
use rist::protocol::time::Span;

#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) written: u64,
    /// Not delivered before the first that was, between two that were, and after the last.
    pub(crate) before: u64,
    pub(crate) lost: u64,
    pub(crate) tail: u64,
    /// Of deliveries.
    pub(crate) shortest: Span,
    pub(crate) longest: Span,
}

impl Outcome {
    pub(crate) fn of(world: &World, stream: u32, receiver: usize) -> Self {
        let written = &world.books.streams[&stream].packets;
        let came: Vec<(usize, Span)> = (0..written.len())
            .filter_map(|index| Some((index, delivered(world, stream, receiver, index)? - written[index].at)))
            .collect();
        let first = came.first().map_or(written.len(), |(index, _)| *index);
        let behind = came.last().map_or(first, |(index, _)| index + 1);
        Self {
            written: written.len() as u64,
            before: first as u64,
            lost: (behind - first - came.len()) as u64,
            tail: (written.len() - behind) as u64,
            shortest: came.iter().map(|(_, latency)| *latency).min().unwrap_or(Span::ZERO),
            longest: came.iter().map(|(_, latency)| *latency).max().unwrap_or(Span::ZERO),
        }
    }
}

/// When a packet was delivered, if it was.
fn delivered(world: &World, stream: u32, receiver: usize, index: usize) -> Option<Span> {
    let reception = world.books.receptions.get(&(stream, receiver))?;
    reception.fates.get(index).map(|fate| fate.delivered).filter(|at| *at != NEVER)
}

/// Packets written in `from..to` that were not delivered.
pub(crate) fn missed(world: &World, stream: u32, receiver: usize, from: Span, to: Span) -> usize {
    let written = world.books.streams[&stream].packets.iter().enumerate();
    let within = written.filter(|(_, packet)| packet.at >= from && packet.at < to);
    within.filter(|(index, _)| delivered(world, stream, receiver, *index).is_none()).count()
}
