//! What was once seen and counts less the longer it is ago.

use crate::protocol::time::{Span, Time};

/// A span remembered at a time, halved as often as `memory` has passed since; nothing if nothing was seen.
pub(super) fn faded(now: Time, remembered: Option<(Time, Span)>, memory: Span) -> Span {
    remembered.map_or(Span::ZERO, |(at, span)| {
        let halvings = now.since(at).ticks().max(0) / memory.ticks();
        Span::from_ticks(span.ticks() >> halvings.min(62))
    })
}
