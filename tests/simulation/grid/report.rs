//! The tables, in Markdown.
//!
//! *Dropped*: no copy of the first transmission came. *Lost*: not delivered; *optimum*: by the best receiver of `optimum`.
//! The ratios are (ours + 1) / (the best receiver's + 1). *Repeats*: retransmissions sent. *Needless*: those that came when the
//! packet was there. *Astray*: worlds in which one of a hundred packets is played more than 20 ms off its time. Of several
//! cells the playout error is the worst cell's.

use super::tally::Figures;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Cells in a list of the worst.
const WORST: usize = 15;
/// Retransmissions, for each that the best receiver causes, beyond which a cell is listed.
const THRIFTY: f64 = 1.15;

const HEAD: &str = "written | dropped | lost | optimum | ours/optimum | repeats/drop | optimum's | repeats/media | \
                    requests/drop | NACKs/drop | needless | playout µs p50/p99/max | astray";

pub(super) fn report(figures: &[Figures]) -> String {
    let mut text = String::new();
    let worlds: u64 = figures.iter().map(|f| f.worlds).sum();
    let _ = writeln!(text, "# Recovery on the grid\n\n{worlds} worlds of {} cells.", figures.len());
    table(&mut text, "By RTT, loss and buffer", "rtt / loss / buffer", &grouped(figures, |words| words[..3].join(" ")));
    table(
        &mut text,
        "By kind of loss and way back",
        "",
        &grouped(figures, |words| format!("{} {}", words[3], words[6])),
    );
    table(&mut text, "By order", "", &grouped(figures, |words| words[4].to_owned()));
    table(&mut text, "By paths", "", &grouped(figures, |words| words[5].to_owned()));
    table(&mut text, "Together", "", &grouped(figures, |_| "all".to_owned()));
    let list = |text: &mut String, title: &str, key: fn(&Figures) -> f64, least: f64| {
        let mut worst: Vec<&Figures> = figures.iter().filter(|f| key(f) > least).collect();
        worst.sort_by(|a, b| key(b).total_cmp(&key(a)));
        let count = worst.len();
        worst.truncate(WORST);
        let rows: Vec<Figures> = worst.into_iter().cloned().collect();
        table(text, &format!("{title} ({count})"), "cell", &rows);
    };
    list(&mut text, "Worst against the optimum, by ratio", Figures::ratio, 1.5);
    list(&mut text, "Worst against the optimum, by packets", Figures::excess, 20.0);
    // Of a hundred drops, at least: where nothing is dropped a handful of needless requests is no rate.
    let rate = |f: &Figures| if f.dropped < 100 { 0.0 } else { f.repeats_ratio() };
    list(&mut text, "More than 1.15 retransmissions for each of the best receiver's", rate, THRIFTY);
    list(&mut text, "Needless retransmissions", |f| f.needless as f64 / f.written.max(1) as f64, 0.01);
    let broken: Vec<&Figures> = figures.iter().filter(|f| f.violations > 0).collect();
    if !broken.is_empty() {
        let _ = writeln!(text, "\n## Broken invariants\n");
        for f in broken {
            let _ = writeln!(text, "* {}: {}, for example {}", f.cell, f.violations, f.example);
        }
    }
    text
}

fn grouped(figures: &[Figures], key: impl Fn(&[&str]) -> String) -> Vec<Figures> {
    let mut groups: BTreeMap<String, Figures> = BTreeMap::new();
    for f in figures {
        let words: Vec<&str> = f.cell.split(' ').collect();
        let name = key(&words);
        let group = groups.entry(name.clone()).or_default();
        group.cell = name;
        group.worlds += f.worlds;
        group.written += f.written;
        group.dropped += f.dropped;
        group.lost += f.lost;
        group.optimum += f.optimum;
        group.repeats += f.repeats;
        group.best_repeats += f.best_repeats;
        group.requests += f.requests;
        group.nacks += f.nacks;
        group.needless += f.needless;
        // The worst of its cells.
        group.p50 = group.p50.max(f.p50);
        group.p99 = group.p99.max(f.p99);
        group.max = group.max.max(f.max);
        group.astray += f.astray;
    }
    groups.into_values().collect()
}

fn table(text: &mut String, title: &str, first: &str, rows: &[Figures]) {
    let _ = writeln!(text, "\n## {title}\n\n| {first} | {HEAD} |\n|---{}|", "|---:".repeat(HEAD.split('|').count()));
    for f in rows {
        let per_drop = |count: u64| count as f64 / f.dropped.max(1) as f64;
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {:.1} | {:.2} | {:.3} | {:.3} | {:.1} % | {:.3} | {:.3} | {} | {}/{}/{} | {} |",
            f.cell,
            f.written,
            f.dropped,
            f.lost,
            f.optimum,
            f.ratio(),
            per_drop(f.repeats),
            f.best_repeats / f.dropped.max(1) as f64,
            100.0 * f.repeats as f64 / f.written.max(1) as f64,
            per_drop(f.requests),
            per_drop(f.nacks),
            f.needless,
            f.p50,
            f.p99,
            f.max,
            f.astray
        );
    }
}
