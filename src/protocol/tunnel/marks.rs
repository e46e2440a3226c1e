//! Who has come before: a small table that forgets. What is real repeats itself, a flood of random things does not.

use crate::protocol::time::{Span, Time};

/// Places; a power of two.
const PLACES: usize = 1024;
const MEMORY: Span = Span::from_secs(2);

#[derive(Debug, Default)]
pub(super) struct Marks {
    marks: Vec<u32>,
    emptied: Option<Time>,
}

impl Marks {
    /// Whether these octets were seen within some seconds. Who can make others collide with itself makes them be
    /// taken for seen, nothing worse.
    pub(super) fn seen(&mut self, now: Time, octets: &[&[u8]]) -> bool {
        if self.emptied.is_none_or(|at| now.since(at) > MEMORY) {
            self.emptied = Some(now);
            self.marks.clear();
            self.marks.resize(PLACES, 0);
        }
        let mark = fnv(octets).max(1);
        let place = &mut self.marks[mark as usize % PLACES];
        let seen = *place == mark;
        *place = mark;
        seen
    }
}

/// FNV-1a.
fn fnv(parts: &[&[u8]]) -> u32 {
    let octets = parts.iter().flat_map(|part| part.iter());
    octets.fold(0x811c_9dc5u32, |sum, octet| (sum ^ u32::from(*octet)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_again_soon_is_known() {
        let mut marks = Marks::default();
        let now = Time::from_ticks(1 << 60);
        assert!(!marks.seen(now, &[b"ab", b"c"]));
        assert!(marks.seen(now, &[b"abc"]));
        assert!(!marks.seen(now, &[b"abd"]));
        assert!(!marks.seen(now + MEMORY.scaled(2, 1), &[b"abc"]));
    }
}
