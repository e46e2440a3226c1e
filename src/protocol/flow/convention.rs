//! Which clock the timestamps of an Advanced sender count, found out from when they come.
//!
//! TR-06-3 and libRIST since 0.2.19 count microseconds. ristgo and ristrust count microseconds shifted left by 16, of which
//! 16 significant bits are left. libRIST up to 0.2.18 counts 65,536 times too fast, which tells nothing. Until a clock is
//! believed, and while it strays, packets are timed by their arrival: that never makes the recovery window shorter.

use crate::protocol::config::AdvancedClock;
use crate::protocol::time::{Span, Time};

/// How long timestamps are watched before they are believed, and the shifted ones, whose phase has to be found.
const FIRST_PATIENCE: Span = Span::from_millis(100);
const SHIFTED_PATIENCE: Span = Span::from_millis(250);
/// After a clock has strayed, twice as long each time.
const LEAST_PATIENCE: Span = Span::from_secs(1);
const MOST_PATIENCE: Span = Span::from_secs(64);
/// A clock that was right for so long starts afresh when it strays: another sender's, or another route.
const RIGHT_FOR_LONG: Span = Span::from_secs(30);
const ENOUGH: u32 = 4;
const ENOUGH_SHIFTED: u32 = 8;
/// Consecutive distinct timestamps without low bits.
const ZEROS: u32 = 4;
/// Between the quickest packets of both halves of a watch: of the first one, half a megahertz.
const MOST_DRIFT: Span = Span::from_millis(25);
/// From one packet to the next; a clock that is too fast shows anything.
const WILD: Span = Span::from_secs(1);
/// How far packets may lie from each other, and from the mapping, where there are 65.5 ms.
const SPREAD_US: i32 = 49_000;
const TOLERANCE: Span = Span::from_millis(49);
/// A packet may stray, or those of one moment; not all of so long a time.
const ASTRAY: Span = Span::from_millis(50);
/// What the way may add or take meanwhile.
const JITTER: Span = Span::from_millis(20);
/// Close to the seam of 65.5 ms late packets and early ones look alike: an eighth of all may be there.
const SEAM: (Span, Span) = (Span::from_millis(8), Span::from_millis(41));
const SEAM_SHARE: u32 = 8;
const SEAM_WINDOW: Span = Span::from_millis(250);

/// What a timestamp that can be used counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counts {
    Microseconds,
    /// In the upper 16 bits.
    Shifted,
}

/// What follows from a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Same,
    /// Timestamps are believed, of packets that came since then; this one came so much later than the quickest.
    Adopt(Counts, Span, Time),
    Drop,
}

#[derive(Debug)]
pub(super) struct Convention {
    setting: AdvancedClock,
    patience: Span,
    watch: Option<Watch>,
    believed: Option<Believed>,
}

#[derive(Debug)]
struct Believed {
    counts: Counts,
    since: Time,
    /// Since when packets have strayed without one between them that did not, and how far the first one was off.
    astray: Option<(Time, Span)>,
    window: Time,
    packets: u32,
    at_the_seam: u32,
}

/// Packets compared with their arrival.
#[derive(Debug)]
struct Watch {
    began: Time,
    first: u32,
    latest: (Time, u32),
    packets: u32,
    /// As microseconds: how far they have gone, and the least lateness in both halves.
    advance: i64,
    quickest: [Option<Span>; 2],
    wild: bool,
    /// Shifted: without low bits in a row, and the range of lateness modulo 65.5 ms.
    zeros: u32,
    range: (i32, i32),
}

impl Watch {
    fn new(now: Time, timestamp: u32) -> Self {
        Self {
            began: now,
            first: timestamp,
            latest: (now, timestamp),
            packets: 1,
            advance: 0,
            quickest: [Some(Span::ZERO), None],
            wild: false,
            zeros: u32::from(timestamp & 0xFFFF == 0),
            range: (0, 0),
        }
    }

    /// Takes a packet; how late it is, counted in both ways.
    fn note(&mut self, now: Time, timestamp: u32, patience: Span) -> (Span, i32) {
        let step = i64::from(timestamp.wrapping_sub(self.latest.1) as i32);
        self.wild |= (now.since(self.latest.0) - micros(step)).abs() > WILD;
        self.latest = (now, timestamp);
        self.packets = self.packets.saturating_add(1);
        if step != 0 {
            self.zeros = if timestamp & 0xFFFF == 0 { self.zeros.saturating_add(1) } else { 0 };
        }
        self.advance = self.advance.saturating_add(step);
        let elapsed = now.since(self.began);
        let late = elapsed - micros(self.advance);
        let half = &mut self.quickest[usize::from(elapsed >= patience.scaled(1, 2))];
        *half = Some(half.map_or(late, |least| least.min(late)));
        let shifted = (timestamp >> 16) as u16;
        let gone = shifted.wrapping_sub((self.first >> 16) as u16);
        let round = i32::from((elapsed.as_micros() as u16).wrapping_sub(gone) as i16);
        self.range = (self.range.0.min(round), self.range.1.max(round));
        (late, round)
    }
}

fn micros(count: i64) -> Span {
    Span::from_ticks(((i128::from(count) << 32) / 1_000_000) as i64)
}

impl Convention {
    pub(super) fn new(setting: AdvancedClock) -> Self {
        Self { setting, patience: FIRST_PATIENCE, watch: None, believed: None }
    }

    /// A first transmission that came in order. `deviation`: how much later than by its timestamp, if that tells a time;
    /// `buffer`: the recovery buffer.
    pub(super) fn note(&mut self, now: Time, timestamp: u32, deviation: Option<Span>, buffer: Span) -> Verdict {
        if let Some(believed) = &mut self.believed {
            let is_zero = timestamp & 0xFFFF == 0 || self.setting == AdvancedClock::Shifted;
            let other = believed.counts == Counts::Shifted && !is_zero;
            let strays = deviation.is_none_or(|deviation| believed.strays(now, deviation, buffer));
            if !other && !strays {
                return Verdict::Same;
            }
            let long = now.since(believed.since) >= RIGHT_FOR_LONG;
            let longer = if long { LEAST_PATIENCE } else { self.patience.scaled(2, 1) };
            self.patience = longer.max(LEAST_PATIENCE).min(MOST_PATIENCE);
            self.believed = None;
            self.watch = Some(Watch::new(now, timestamp));
            return Verdict::Drop;
        }
        let Some(watch) = &mut self.watch else {
            self.watch = Some(Watch::new(now, timestamp));
            return Verdict::Same;
        };
        let (late, round) = watch.note(now, timestamp, self.patience);
        let elapsed = now.since(watch.began);
        if elapsed < self.patience || watch.packets < ENOUGH {
            return Verdict::Same;
        }
        let shifted = match self.setting {
            AdvancedClock::Auto => watch.zeros >= ZEROS,
            setting => setting == AdvancedClock::Shifted,
        };
        let adopted = if shifted {
            if elapsed < SHIFTED_PATIENCE || watch.packets < ENOUGH_SHIFTED {
                return Verdict::Same;
            }
            let (least, most) = watch.range;
            let excess = micros(i64::from(round - least));
            (most - least <= SPREAD_US).then_some((Counts::Shifted, excess))
        } else {
            watch.microseconds().map(|least| (Counts::Microseconds, late - least))
        };
        let Some((counts, excess)) = adopted else {
            self.watch = Some(Watch::new(now, timestamp));
            return Verdict::Same;
        };
        let began = watch.began;
        self.watch = None;
        self.believed = Some(Believed { counts, since: now, astray: None, window: now, packets: 0, at_the_seam: 0 });
        Verdict::Adopt(counts, excess, began)
    }
}

impl Watch {
    /// The least lateness if this is a clock of microseconds.
    fn microseconds(&self) -> Option<Span> {
        let [Some(first), Some(second)] = self.quickest else { return None };
        (!self.wild && (second - first).abs() <= MOST_DRIFT).then_some(first.min(second))
    }
}

impl Believed {
    fn strays(&mut self, now: Time, deviation: Span, buffer: Span) -> bool {
        if self.counts == Counts::Shifted {
            self.packets += 1;
            self.at_the_seam += u32::from(deviation < Span::ZERO - SEAM.0 || deviation > SEAM.1);
            if now.since(self.window) < SEAM_WINDOW || self.packets < ENOUGH_SHIFTED {
                return false;
            }
            let strays = self.at_the_seam >= self.packets.div_ceil(SEAM_SHARE).max(2);
            (self.window, self.packets, self.at_the_seam) = (now, 0, 0);
            return strays;
        }
        if deviation.abs() <= TOLERANCE.max(buffer.scaled(1, 8)) {
            self.astray = None;
            return false;
        }
        let (since, first) = *self.astray.get_or_insert((now, deviation));
        // As far off as before, it is the way that has become longer or shorter, not the clock that runs wrongly: that is for
        // `SourceClock` to follow.
        let elapsed = now.since(since);
        elapsed >= ASTRAY && (deviation - first).abs() > elapsed.scaled(1, 4) + JITTER
    }
}
