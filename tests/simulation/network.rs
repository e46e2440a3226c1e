//! The network between the hosts: what each direction of each path does to datagrams.

use crate::random::Random;
use rist::protocol::time::Span;
use std::collections::HashMap;
use std::net::IpAddr;

/// One direction of one path.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Link {
    pub(crate) delay: Span,
    /// Up to this much is added to the delay of each datagram.
    pub(crate) jitter: Span,
    /// Jitter may let a datagram overtake another.
    pub(crate) overtaking: bool,
    /// Probability that a datagram is lost.
    pub(crate) loss: f64,
    pub(crate) bursts: Option<Bursts>,
    /// Probability that a datagram arrives twice.
    pub(crate) duplicates: f64,
    /// Probability that a datagram is held back by `held_back`.
    pub(crate) reorder: f64,
    pub(crate) held_back: Span,
    pub(crate) bottleneck: Option<Bottleneck>,
    /// Nothing sent in `from..to` arrives.
    pub(crate) outages: Vec<(Span, Span)>,
}

/// Gilbert-Elliott: a two-state channel, advanced by one step per datagram.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bursts {
    /// Probability of going from good to bad.
    pub(crate) enter: f64,
    /// Probability of going from bad to good.
    pub(crate) leave: f64,
    /// Loss while bad.
    pub(crate) loss: f64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bottleneck {
    pub(crate) bits_per_second: u64,
    /// Datagrams that would wait longer than this are dropped.
    pub(crate) queue: Span,
}

impl Default for Link {
    fn default() -> Self {
        Self {
            delay: Span::from_millis(10),
            jitter: Span::ZERO,
            overtaking: false,
            loss: 0.0,
            bursts: None,
            duplicates: 0.0,
            reorder: 0.0,
            held_back: Span::ZERO,
            bottleneck: None,
            outages: Vec::new(),
        }
    }
}

impl Link {
    pub(crate) fn delayed(ms: u32) -> Self {
        Self { delay: Span::from_millis(ms), ..Self::default() }
    }

    pub(crate) fn lossy(loss: f64) -> Self {
        Self { loss, ..Self::default() }
    }

    /// The longest that a datagram can take.
    pub(crate) fn slowest(&self) -> Span {
        let held_back = if self.reorder > 0.0 { self.held_back } else { Span::ZERO };
        let queue = self.bottleneck.map_or(Span::ZERO, |bottleneck| bottleneck.queue + Span::from_millis(5));
        self.delay + self.jitter + held_back + queue
    }

    /// The difference between the slowest and the fastest datagram.
    pub(crate) fn spread(&self) -> Span {
        self.slowest() - self.delay
    }
}

/// A link at work.
#[derive(Debug)]
struct Carrier {
    link: Link,
    random: Random,
    bad: bool,
    /// When the bottleneck has sent everything that waits.
    busy_until: Span,
    /// The last arrival of what may not be overtaken.
    last_arrival: Span,
}

impl Carrier {
    fn carry(&mut self, now: Span, bytes: usize) -> Vec<Span> {
        let link = &self.link;
        let random = &mut self.random;
        // The same numbers are drawn for every datagram: its fate depends on its place only.
        let (lost, burst, step, twice, held) =
            (random.unit(), random.unit(), random.unit(), random.unit(), random.unit());
        let jitter = random.span(link.jitter);
        let copy_jitter = random.span(link.jitter + Span::from_millis(3));

        if let Some(bursts) = link.bursts {
            self.bad = if self.bad { step >= bursts.leave } else { step < bursts.enter };
            if self.bad && burst < bursts.loss {
                return Vec::new();
            }
        }
        if lost < link.loss || link.outages.iter().any(|&(from, to)| from <= now && now < to) {
            return Vec::new();
        }
        let mut leaves = now;
        if let Some(bottleneck) = link.bottleneck {
            let start = self.busy_until.max(now);
            if start - now > bottleneck.queue {
                return Vec::new();
            }
            let bits = (bytes as i64 + 28) * 8;
            leaves = start + Span::from_secs(1).scaled(bits, bottleneck.bits_per_second as i64);
            self.busy_until = leaves;
        }
        let mut arrival = leaves + link.delay + jitter;
        if !link.overtaking {
            arrival = arrival.max(self.last_arrival);
            self.last_arrival = arrival;
        }
        if held < link.reorder {
            arrival = arrival + link.held_back;
        }
        let mut arrivals = vec![arrival];
        if twice < link.duplicates {
            arrivals.push(leaves + link.delay + copy_jitter);
        }
        arrivals
    }
}

/// All links, by the addresses that they connect.
#[derive(Debug)]
pub(crate) struct Network {
    carriers: HashMap<(IpAddr, IpAddr), Carrier>,
    random: Random,
}

impl Network {
    pub(crate) fn new(random: Random) -> Self {
        Self { carriers: HashMap::new(), random }
    }

    /// Lays or replaces one direction.
    pub(crate) fn connect(&mut self, from: IpAddr, to: IpAddr, link: Link) {
        match self.carriers.get_mut(&(from, to)) {
            Some(carrier) => carrier.link = link,
            None => {
                let random = self.random.fork();
                let carrier = Carrier { link, random, bad: false, busy_until: Span::ZERO, last_arrival: Span::ZERO };
                self.carriers.insert((from, to), carrier);
            }
        }
    }

    /// When copies of a datagram arrive: none when it is lost, two when it is doubled.
    pub(crate) fn carry(&mut self, now: Span, from: IpAddr, to: IpAddr, bytes: usize) -> Vec<Span> {
        self.carriers.get_mut(&(from, to)).map_or_else(Vec::new, |carrier| carrier.carry(now, bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const A: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
    const B: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2));

    fn arrivals(link: Link, datagrams: u32) -> Vec<Vec<Span>> {
        let mut network = Network::new(Random::new(7));
        network.connect(A, B, link);
        (0..datagrams).map(|ms| network.carry(Span::from_millis(ms), A, B, 100)).collect()
    }

    #[test]
    fn a_plain_link_only_delays() {
        for (ms, arrived) in arrivals(Link::delayed(10), 100).into_iter().enumerate() {
            assert_eq!(arrived, [Span::from_millis(ms as u32) + Span::from_millis(10)]);
        }
    }

    #[test]
    fn loss_and_duplicates_have_their_share() {
        let link = Link { loss: 0.3, duplicates: 0.1, ..Link::default() };
        let fates = arrivals(link, 20_000);
        let lost = fates.iter().filter(|fate| fate.is_empty()).count();
        let twice = fates.iter().filter(|fate| fate.len() == 2).count();
        assert!((5_700..6_300).contains(&lost), "{lost} lost");
        assert!((1_200..1_600).contains(&twice), "{twice} doubled");
    }

    #[test]
    fn jitter_keeps_the_order_unless_told_otherwise() {
        let jitter = Span::from_millis(20);
        let in_order = arrivals(Link { jitter, ..Link::default() }, 1000);
        assert!(in_order.is_sorted());
        let free = arrivals(Link { jitter, overtaking: true, ..Link::default() }, 1000);
        assert!(!free.is_sorted());
    }

    #[test]
    fn a_bottleneck_queues_and_then_drops() {
        // 128 bytes with headers at 512 kbit/s: one per 2 ms, offered one per ms.
        let bottleneck = Bottleneck { bits_per_second: 512_000, queue: Span::from_millis(20) };
        let fates = arrivals(Link { bottleneck: Some(bottleneck), ..Link::default() }, 1000);
        let carried = fates.iter().filter(|fate| !fate.is_empty()).count();
        assert!((500..530).contains(&carried), "{carried} carried");
    }

    #[test]
    fn bursts_come_in_runs_and_outages_end() {
        let bursts = Bursts { enter: 0.01, leave: 0.1, loss: 1.0 };
        let fates = arrivals(Link { bursts: Some(bursts), ..Link::default() }, 20_000);
        let lost = fates.iter().filter(|fate| fate.is_empty()).count();
        let runs = fates.windows(2).filter(|pair| !pair[0].is_empty() && pair[1].is_empty()).count();
        assert!(lost > runs * 6, "{lost} lost in {runs} runs");

        let outages = vec![(Span::from_millis(10), Span::from_millis(20))];
        let fates = arrivals(Link { outages, ..Link::default() }, 30);
        assert_eq!(fates.iter().filter(|fate| fate.is_empty()).count(), 10);
    }
}
