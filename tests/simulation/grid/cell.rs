//! One network of the grid, and its worlds.

use crate::network::Link;
use crate::pair::{Path, Setup};
use crate::random::Random;
use crate::workload::Pattern;
use rist::protocol::time::Span;

/// How losses follow each other.
///
/// A burst is a time during which nothing gets through: the chain takes one step a millisecond, whatever is sent, as a
/// radio link or a full queue does. (The simulator's own `Bursts` step with each datagram; a burst then
/// lasts until a sparse stream, the requests above all, has worked it off.) A burst ends with probability 0.07 per
/// millisecond, so it lasts 14.3 ms on average; its beginning is as likely as the mean loss wants it:
/// 0.0078 per millisecond at 10 %.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Random,
    Bursts,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Order {
    /// As sent, all equally long under way.
    Kept,
    /// Of a hundred datagrams five are held back by 5 ms.
    HeldBack,
    /// Each is up to 10 ms longer under way, and may overtake.
    Jitter,
}

/// The paths. `Copies`: everything goes by each (weight 0). `Shared`: in turn (weights 5 and 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Paths {
    One,
    TwoCopies,
    TwoShared,
    /// The second has ten times the RTT, or a tenth of it.
    UnequalRttCopies,
    UnequalRttShared,
    /// The second loses 25 %, or 1 % where the first loses 10 % and more.
    UnequalLossCopies,
    UnequalLossShared,
    ThreeCopies,
    ThreeShared,
    FourShared,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Cell {
    /// Milliseconds there and back, by the first path.
    pub(super) rtt: u32,
    /// Per cent.
    pub(super) loss: u32,
    pub(super) kind: Kind,
    /// Times the longest RTT.
    pub(super) buffer: u32,
    pub(super) order: Order,
    pub(super) paths: Paths,
    /// Requests are lost as often as media.
    pub(super) back: bool,
}

/// No buffer is shorter, milliseconds.
const LEAST_BUFFER: u32 = 10;
/// Packets written after the warm-up.
const PACKETS: u32 = 600;
/// Before the first packet: connections are made and the RTT is measured.
pub(super) const SETTLE: Span = Span::from_secs(1);

impl Cell {
    /// RTTs and losses of the paths, the first one's first.
    fn ways(&self) -> Vec<(u32, u32)> {
        let first = (self.rtt, self.loss);
        let other_rtt = (if self.rtt < 100 { self.rtt * 10 } else { self.rtt / 10 }, self.loss);
        let other_loss = (self.rtt, if self.loss < 10 { 25 } else { 1 });
        match self.paths {
            Paths::One => vec![first],
            Paths::TwoCopies | Paths::TwoShared => vec![first; 2],
            Paths::UnequalRttCopies | Paths::UnequalRttShared => vec![first, other_rtt],
            Paths::UnequalLossCopies | Paths::UnequalLossShared => vec![first, other_loss],
            Paths::ThreeCopies | Paths::ThreeShared => vec![first; 3],
            Paths::FourShared => vec![first; 4],
        }
    }

    fn weight(&self) -> u32 {
        match self.paths {
            Paths::One | Paths::TwoCopies | Paths::ThreeCopies => 0,
            Paths::UnequalRttCopies | Paths::UnequalLossCopies => 0,
            Paths::TwoShared | Paths::ThreeShared | Paths::FourShared => 5,
            Paths::UnequalRttShared | Paths::UnequalLossShared => 5,
        }
    }

    /// The longest of all paths, milliseconds.
    fn longest_rtt(&self) -> u32 {
        self.ways().into_iter().map(|(rtt, _)| rtt).max().unwrap_or(self.rtt)
    }

    pub(super) fn buffer_ms(&self) -> u32 {
        (self.buffer * self.longest_rtt()).max(LEAST_BUFFER)
    }

    /// About ten packets or more in an RTT, but not more than one a millisecond.
    fn interval(&self) -> u32 {
        match self.rtt {
            ..20 => 1,
            20..100 => 2,
            _ => 4,
        }
    }

    /// Media that is not judged: RTT, jitter and reordering are learnt, and the paths.
    pub(super) fn warm_up(&self) -> Span {
        Span::from_millis((6 * self.longest_rtt()).max(500))
    }

    /// Media at the end that is not judged, as little comes behind it to show what is missing.
    pub(super) fn tail(&self) -> Span {
        Span::from_millis(60)
    }

    /// Loss 0 has no bursts and is the same on the way back, unless another path loses; buffers at the floor are one.
    pub(super) fn canonical(mut self) -> Self {
        if self.ways().iter().all(|(_, loss)| *loss == 0) {
            self.kind = Kind::Random;
            self.back = false;
        }
        if self.buffer_ms() == LEAST_BUFFER {
            self.buffer = 2;
        }
        self
    }

    /// `rtt=020 loss=05 random buffer=0080 kept one back=none`: sorts as one would look for it.
    pub(super) fn name(&self) -> String {
        let kind = match self.kind {
            Kind::Random => "random",
            Kind::Bursts => "bursts",
        };
        let order = match self.order {
            Order::Kept => "kept",
            Order::HeldBack => "held-back",
            Order::Jitter => "jitter",
        };
        let paths = match self.paths {
            Paths::One => "one",
            Paths::TwoCopies => "2-copies",
            Paths::TwoShared => "2-shared",
            Paths::UnequalRttCopies => "rtts-copies",
            Paths::UnequalRttShared => "rtts-shared",
            Paths::UnequalLossCopies => "losses-copies",
            Paths::UnequalLossShared => "losses-shared",
            Paths::ThreeCopies => "3-copies",
            Paths::ThreeShared => "3-shared",
            Paths::FourShared => "4-shared",
        };
        let back = if self.back { "same" } else { "none" };
        let Self { rtt, loss, buffer, .. } = self;
        format!("rtt={rtt:03} loss={loss:02} buffer={buffer:02}rtt {kind} {order} {paths} back={back}")
    }

    /// World `number` of this cell. It does not depend on which other cells there are.
    pub(super) fn setup(&self, number: u32) -> Setup {
        let mut random = Random::new(hash(&self.name()) ^ u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let length = self.warm_up() + Span::from_millis(PACKETS * self.interval()) + self.tail();
        let end = SETTLE + length + Span::from_millis(self.buffer_ms()) + Span::from_secs(1);
        let paths: Vec<Path> = self
            .ways()
            .into_iter()
            .map(|(rtt, loss)| {
                let forth = self.link(&mut random, rtt, loss, end);
                let back = self.link(&mut random, rtt, if self.back { loss } else { 0 }, end);
                Path { forth, back, weight: self.weight(), backup: 0 }
            })
            .collect();
        let mut setup = Setup::new(paths[0].clone()).buffer(self.buffer_ms());
        setup.seed = random.next();
        setup.paths = paths;
        setup.length = length;
        setup.pattern = Pattern { smallest: 40, largest: 40, ..Pattern::every(self.interval()) };
        // Recovery is judged, not how soon a silent peer is called dead.
        setup.peer.session_timeout = Span::from_secs(2);
        setup
    }

    fn link(&self, random: &mut Random, rtt: u32, loss: u32, end: Span) -> Link {
        let mut link = Link { delay: Span::from_millis(1).scaled(i64::from(rtt), 2), ..Link::default() };
        match self.kind {
            Kind::Random => link.loss = f64::from(loss) / 100.0,
            Kind::Bursts => link.outages = bursts(random, f64::from(loss) / 100.0, end),
        }
        match self.order {
            Order::Kept => {}
            Order::HeldBack => (link.reorder, link.held_back) = (0.05, Span::from_millis(5)),
            Order::Jitter => (link.jitter, link.overtaking) = (Span::from_millis(10), true),
        }
        link
    }
}

/// FNV-1a.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Times without any passage until `end`: see `Kind`.
fn bursts(random: &mut Random, share: f64, end: Span) -> Vec<(Span, Span)> {
    const LEAVE: f64 = 0.07;
    let mut found = Vec::new();
    if share == 0.0 {
        return found;
    }
    let enter = LEAVE * share / (1.0 - share);
    let mut since = random.chance(share).then_some(0);
    for ms in 1..end.as_millis() as u32 {
        match since {
            Some(from) if random.chance(LEAVE) => {
                found.push((Span::from_millis(from), Span::from_millis(ms)));
                since = None;
            }
            None if random.chance(enter) => since = Some(ms),
            _ => {}
        }
    }
    found.extend(since.map(|from| (Span::from_millis(from), end)));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bursts_have_their_share_and_their_length() {
        let mut random = Random::new(1);
        for share in [0.01, 0.1, 0.4] {
            let end = Span::from_secs(2000);
            let found = bursts(&mut random, share, end);
            let bad: f64 = found.iter().map(|(from, to)| (*to - *from).as_secs_f64()).sum();
            let (mean, lost) = (bad * 1000.0 / found.len() as f64, bad / end.as_secs_f64());
            assert!((13.0..15.6).contains(&mean), "bursts of {mean} ms at {share}");
            assert!((lost / share - 1.0).abs() < 0.12, "{lost} instead of {share}");
            assert!(found.windows(2).all(|pair| pair[0].1 <= pair[1].0));
        }
    }
}
