//! What counts as worse than the stored figures.
//!
//! The same code gives the same figures, to the last digit, and passes. A changed one may draw other random numbers,
//! so luck has to be told from harm:
//!
//! * A cell's loss is compared as `lost - optimum`, because most luck is in both. Its spread is measured: `deviation`
//!   is the standard deviation of the stored sum. Two runs of equal merit differ by √2 of it; four times that is too
//!   much, and six packets in a cell always pass: `excess > stored + 4·√2·√(deviation² + 1)`.
//! * Less than that in many cells is seen in their sums: over all cells with the same RTT, loss and so on (the words of
//!   a name), and over all together, by the same rule.
//! * Retransmissions and requests are measured by what had to be repaired: at most a twentieth more than stored for each
//!   drop, and five times the spread of such a count. NACK datagrams, which depend on how requests fall together: a tenth.
//! * The playout error may grow by a millisecond (p50), two (p99) or ten (the greatest, which is one packet of thousands).
//! * Broken invariants may not become more.
//!
//! A cell that is not stored, or stored and not played, is a complaint: bless.

use super::tally::Figures;
use std::collections::BTreeMap;

pub(super) fn judge(stored: &[Figures], now: &[Figures]) -> Vec<String> {
    let mut complaints = Vec::new();
    let known: BTreeMap<&str, &Figures> = stored.iter().map(|f| (f.cell.as_str(), f)).collect();
    let mut sums: BTreeMap<&str, Sum> = BTreeMap::new();
    for now in now {
        let Some(then) = known.get(now.cell.as_str()) else {
            complaints.push(format!("{}: not stored", now.cell));
            continue;
        };
        judge_cell(then, now, &mut complaints);
        for word in now.cell.split(' ').chain(["all cells"]) {
            sums.entry(word).or_default().add(then, now);
        }
    }
    if stored.len() != now.len() {
        complaints.push(format!("{} cells are stored, {} were played", stored.len(), now.len()));
    }
    for (word, sum) in sums {
        let most = sum.then + luck(sum.variance);
        if sum.now > most {
            complaints.push(format!(
                "{word}: {:.0} packets lost beyond the optimum, stored {:.0}, at most {most:.0}",
                sum.now, sum.then
            ));
        }
    }
    complaints
}

/// By how much two runs of equal merit may differ.
fn luck(variance: f64) -> f64 {
    4.0 * (2.0 * (variance + 1.0)).sqrt()
}

#[derive(Default)]
struct Sum {
    then: f64,
    now: f64,
    variance: f64,
}

impl Sum {
    fn add(&mut self, then: &Figures, now: &Figures) {
        self.then += then.excess();
        self.now += now.excess();
        self.variance += then.deviation * then.deviation;
    }
}

fn judge_cell(then: &Figures, now: &Figures, complaints: &mut Vec<String>) {
    let mut complain = |what: &str, now_is: f64, stored: f64, most: f64| {
        if now_is > most {
            let cell = &now.cell;
            complaints.push(format!("{cell}: {what}: {now_is:.1}, stored {stored:.1}, at most {most:.1}"));
        }
    };
    let excess = then.excess();
    complain("lost beyond the optimum", now.excess(), excess, excess + luck(then.deviation * then.deviation));
    // Other random numbers drop other packets: as much more is to be repaired.
    let drops = (now.dropped as f64 + 10.0) / (then.dropped as f64 + 10.0);
    let counts = [
        ("retransmissions", now.repeats, then.repeats, 0.05),
        ("requests", now.requests, then.requests, 0.05),
        ("NACK datagrams", now.nacks, then.nacks, 0.10),
    ];
    for (what, now_is, stored, more) in counts {
        let usual = stored as f64 * drops;
        complain(what, now_is as f64, stored as f64, usual * (1.0 + more) + 5.0 * (usual + 4.0).sqrt());
    }
    let errors = [
        ("playout error, median µs", now.p50, then.p50, 1_000.0),
        ("playout error, p99 µs", now.p99, then.p99, 2_000.0),
        ("playout error, greatest µs", now.max, then.max, 10_000.0),
    ];
    for (what, now_is, stored, more) in errors {
        let [now_is, stored] = [now_is, stored].map(|error| f64::from(error).abs());
        complain(what, now_is, stored, stored + more);
    }
    let [broken, stored] = [now.violations, then.violations].map(|count| count as f64);
    complain(&format!("broken invariants ({})", now.example), broken, stored, stored);
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
            deviation: 5.0,
            repeats: 1_300,
            requests: 1_400,
            nacks: 900,
            p50: 100,
            p99: 900,
            max: 4_000,
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
        complaints(|_, f| (f.dropped, f.repeats, f.requests, f.nacks) = (1_260, 1_365, 1_470, 945), &[]);
    }

    #[test]
    fn one_cell_that_loses_more_is_caught() {
        complaints(|index, f| f.lost += if index == 17 { 40 } else { 0 }, &["rtt=3 loss=2: lost beyond"]);
    }

    #[test]
    fn a_little_more_in_many_cells_is_caught() {
        // By three deviations each: no cell complains, their sums do.
        let words: Vec<String> =
            (0..20).map(|rtt| format!("rtt={rtt}: ")).chain((0..5).map(|loss| format!("loss={loss}: "))).collect();
        let mut words: Vec<&str> = words.iter().map(String::as_str).collect();
        words.push("all cells: ");
        complaints(|_, f| f.lost += 28, &words);
        complaints(|_, f| f.lost += 8, &["all cells: ", "loss=0: ", "loss=1: ", "loss=2: ", "loss=3: ", "loss=4: "]);
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
        complaints(on_first(|f| f.repeats = 1_600), &["loss=0: retransmissions"]);
        complaints(on_first(|f| f.requests = 1_700), &["loss=0: requests"]);
        complaints(on_first(|f| f.nacks = 1_200), &["loss=0: NACK datagrams"]);
        complaints(on_first(|f| f.p50 = -1_200), &["loss=0: playout error, median"]);
        complaints(on_first(|f| f.p99 = 3_000), &["loss=0: playout error, p99"]);
        complaints(on_first(|f| f.max = 14_100), &["loss=0: playout error, greatest"]);
        complaints(on_first(|f| f.violations = 1), &["loss=0: broken invariants"]);
        complaints(on_first(|f| f.cell.push('x')), &["loss=0x: not stored"]);
    }

    #[test]
    fn a_missing_cell_is_caught() {
        assert_eq!(judge(&figures(), &figures()[1..]).len(), 1);
    }
}
