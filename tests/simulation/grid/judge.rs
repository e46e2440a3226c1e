//! What counts as worse than the stored figures.
//!
//! The same code gives the same figures, to the last digit, and passes. A changed one may draw other random numbers,
//! so luck has to be told from harm:
//!
//! * Loss is compared as `lost - optimum`, because most luck is in both, and for as many drops as there were. How much
//!   the worlds of a cell differ is measured, then and now: `deviation` is the standard deviation of the sum. What is
//!   five deviations of the difference (and seven packets) beyond the stored figure is not luck.
//! * Retransmissions, requests and NACK datagrams likewise; besides, they may grow by a twentieth.
//!   Cells in which the luck of the drops itself is all (fewer than a hundred, and another number than stored) are only
//!   judged together with others.
//! * Less than that in many cells is seen in their sums: over all cells with the same RTT, loss and so on (the words of
//!   a name), and over all together, by the same rules (four deviations, and of the growth a fiftieth).
//! * The playout error of the middle world may grow by a millisecond (p50) or two (p99); the number of worlds that are
//!   astray is compared in the sums, as a count of chances: four of its deviations.
//! * Broken invariants may not become more, in any cell.
//!
//! A cell that is not stored, or stored and not played, is a complaint: bless.

use super::tally::{COUNTS, Figures};
use std::collections::BTreeMap;

const NAMES: [&str; COUNTS] = ["lost beyond the optimum", "retransmissions", "requests", "NACK datagrams"];
/// Deviations that are luck: in a cell, of which there are hundreds, each of few worlds; and in a sum.
const LUCK: f64 = 5.0;
const LUCK_OF_SUM: f64 = 4.0;
/// What a count may grow by in a cell, and in a sum of cells.
const GROWTH: f64 = 0.05;
const GROWTH_OF_SUM: f64 = 0.02;
/// With less a cell's luck is not known.
const FEW_DROPS: u64 = 100;

pub(super) fn judge(stored: &[Figures], now: &[Figures]) -> Vec<String> {
    let mut complaints = Vec::new();
    let known: BTreeMap<&str, &Figures> = stored.iter().map(|f| (f.cell.as_str(), f)).collect();
    let mut sums: BTreeMap<&str, Comparison> = BTreeMap::new();
    for now in now {
        let Some(then) = known.get(now.cell.as_str()) else {
            complaints.push(format!("{}: not stored", now.cell));
            continue;
        };
        let cell = Comparison::of(then, now);
        if is_telling(then, now) {
            cell.judge(&now.cell, GROWTH, LUCK, &mut complaints);
        }
        judge_rest(then, now, &mut complaints);
        for word in now.cell.split(' ').chain(["all cells"]) {
            sums.entry(word).or_default().add(&cell);
        }
    }
    if stored.len() != now.len() {
        complaints.push(format!("{} cells are stored, {} were played", stored.len(), now.len()));
    }
    for (word, sum) in sums {
        sum.judge(word, GROWTH_OF_SUM, LUCK_OF_SUM, &mut complaints);
        sum.judge_astray(word, &mut complaints);
    }
    complaints
}

/// Whether a cell says something alone.
fn is_telling(then: &Figures, now: &Figures) -> bool {
    then.dropped == now.dropped || then.dropped.min(now.dropped) >= FEW_DROPS
}

/// A cell, or several, then and now.
#[derive(Default)]
struct Comparison {
    /// For as many drops as there are now.
    then: [f64; COUNTS],
    now: [f64; COUNTS],
    variance: [f64; COUNTS],
    astray: [f64; 2],
}

impl Comparison {
    fn of(then: &Figures, now: &Figures) -> Self {
        let drops = (now.dropped as f64 + 1.0) / (then.dropped as f64 + 1.0);
        Self {
            then: then.counts().map(|count| count * drops),
            now: now.counts(),
            variance: std::array::from_fn(|which| {
                let [then, now] = [then.deviations[which] * drops, now.deviations[which]];
                then * then + now * now
            }),
            astray: [then.astray as f64, now.astray as f64],
        }
    }

    fn add(&mut self, other: &Self) {
        for which in 0..COUNTS {
            self.then[which] += other.then[which];
            self.now[which] += other.now[which];
            self.variance[which] += other.variance[which];
        }
        self.astray = [self.astray[0] + other.astray[0], self.astray[1] + other.astray[1]];
    }

    fn judge(&self, name: &str, growth: f64, luck: f64, complaints: &mut Vec<String>) {
        for (which, what) in NAMES.into_iter().enumerate() {
            // Losses may not grow at all.
            let growth = if which == 0 { 0.0 } else { growth };
            let [then, now] = [self.then[which], self.now[which]];
            let most = then * (1.0 + growth) + luck * (self.variance[which] + 2.0).sqrt();
            if now > most {
                complaints.push(format!("{name}: {what}: {now:.1}, stored {then:.1}, at most {most:.1}"));
            }
        }
    }

    fn judge_astray(&self, name: &str, complaints: &mut Vec<String>) {
        let [then, now] = self.astray;
        if now > then + LUCK_OF_SUM * (then + now).sqrt() {
            complaints.push(format!("{name}: {now} worlds astray, stored {then}"));
        }
    }
}

fn judge_rest(then: &Figures, now: &Figures, complaints: &mut Vec<String>) {
    let cell = &now.cell;
    for (what, now, then, more) in [("median", now.p50, then.p50, 1_000), ("p99", now.p99, then.p99, 2_000)] {
        if now.abs() > then.abs() + more {
            complaints.push(format!("{cell}: playout error, {what}: {now} µs, stored {then}"));
        }
    }
    if now.violations > then.violations {
        let Figures { violations, example, .. } = now;
        complaints.push(format!("{cell}: {violations} broken invariants, stored {}: {example}", then.violations));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures() -> Vec<Figures> {
        let cell = |rtt: u32, loss: u32| Figures {
            cell: format!("rtt={rtt} loss={loss}"),
            worlds: 20,
            written: 12_000,
            dropped: 1_200,
            lost: 40,
            optimum: 20.0,
            repeats: 1_300,
            requests: 1_400,
            nacks: 900,
            deviations: [4.0, 20.0, 20.0, 15.0],
            p50: 100,
            p99: 900,
            ..Figures::default()
        };
        (0..20).flat_map(|rtt| (0..5).map(move |loss| cell(rtt, loss))).collect()
    }

    #[track_caller]
    fn complaints(change: impl Fn(usize, &mut Figures), words: &[&str]) {
        let mut now = figures();
        now.iter_mut().enumerate().for_each(|(index, figures)| change(index, figures));
        let found = judge(&figures(), &now);
        let all = found.len() == words.len() && words.iter().all(|word| found.iter().any(|line| line.contains(word)));
        assert!(all, "{found:#?}, not {words:?}");
    }

    #[test]
    fn the_same_passes_and_so_does_better_and_luck() {
        complaints(|_, _| (), &[]);
        complaints(|_, f| (f.lost, f.repeats, f.requests) = (25, 1_210, 1_220), &[]);
        complaints(|index, f| f.lost = if index % 2 == 0 { 60 } else { 20 }, &[]);
        // More was lost and repaired because more was dropped.
        complaints(
            |_, f| {
                (f.dropped, f.lost, f.optimum, f.repeats, f.requests, f.nacks) = (1_260, 42, 21.0, 1_365, 1_470, 945)
            },
            &[],
        );
        // One world of many went wrong, as they do now and then.
        complaints(
            |index, f| {
                if index == 17 {
                    (f.lost, f.deviations[0]) = (240, 195.0);
                }
            },
            &[],
        );
    }

    #[test]
    fn one_cell_that_loses_more_is_caught() {
        complaints(|index, f| f.lost += if index == 17 { 36 } else { 0 }, &["rtt=3 loss=2: lost beyond"]);
    }

    #[test]
    fn a_cell_of_few_drops_is_judged_with_others() {
        complaints(
            |index, f| {
                if index == 17 {
                    (f.dropped, f.lost, f.optimum, f.repeats, f.requests, f.nacks) = (20, 15, 0.0, 30, 30, 30);
                }
            },
            &[],
        );
    }

    #[test]
    fn a_little_more_in_many_cells_is_caught() {
        // Two deviations each: no cell complains, their sums do.
        let words = [(0..20).map(|rtt| format!("rtt={rtt}: ")).collect(), losses(), vec!["all cells: ".to_owned()]];
        let words: Vec<String> = words.concat();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        complaints(|_, f| f.lost += 16, &words);
        let words = [losses(), vec!["all cells: ".to_owned()]].concat();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        complaints(|_, f| f.lost += 8, &words);
    }

    fn losses() -> Vec<String> {
        (0..5).map(|loss| format!("loss={loss}: ")).collect()
    }

    #[test]
    fn every_other_figure_is_caught() {
        let on_first = |change: fn(&mut Figures)| {
            move |index: usize, f: &mut Figures| {
                if index == 0 {
                    change(f)
                }
            }
        };
        complaints(on_first(|f| f.repeats = 1_550), &["loss=0: retransmissions"]);
        complaints(on_first(|f| f.requests = 1_700), &["loss=0: requests"]);
        complaints(on_first(|f| f.nacks = 1_100), &["loss=0: NACK datagrams"]);
        complaints(on_first(|f| f.p50 = -1_200), &["loss=0: playout error, median"]);
        complaints(on_first(|f| f.p99 = 3_000), &["loss=0: playout error, p99"]);
        complaints(on_first(|f| f.violations = 1), &["loss=0: 1 broken invariants"]);
        complaints(on_first(|f| f.astray = 20), &["rtt=0: 20 worlds astray", "loss=0: 20 worlds", "all cells: 20"]);
    }

    #[test]
    fn other_cells_are_caught() {
        assert_eq!(judge(&figures(), &figures()[1..]).len(), 1);
        complaints(|index, f| f.cell.push_str(if index == 0 { "x" } else { "" }), &["loss=0x: not stored"]);
    }
}
