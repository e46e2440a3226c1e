//! Figures of a known good state, as text: one cell in a line, sorted, so that a change is a readable difference.

use super::tally::Figures;
use std::fmt::Write;
use std::path::{Path, PathBuf};

const HEAD: &str = "cell,worlds,written,dropped,lost,optimum,deviation,repeats,best_repeats,requests,nacks,needless,p50_us,\
                    p99_us,max_us,violations";

pub(super) fn path(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/simulation/grid").join(file)
}

pub(super) fn write(path: &Path, figures: &[Figures]) {
    std::fs::write(path, text(figures)).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

pub(super) fn read(path: &Path) -> Vec<Figures> {
    let text = std::fs::read_to_string(path);
    parse(&text.unwrap_or_else(|error| panic!("{}: {error}; RIST_BLESS=1 writes it", path.display())))
}

fn text(figures: &[Figures]) -> String {
    let mut text = format!("{HEAD}\n");
    for f in figures {
        let _ = writeln!(
            text,
            "{},{},{},{},{},{:.2},{:.2},{},{:.2},{},{},{},{},{},{},{}",
            f.cell,
            f.worlds,
            f.written,
            f.dropped,
            f.lost,
            f.optimum,
            f.deviation,
            f.repeats,
            f.best_repeats,
            f.requests,
            f.nacks,
            f.needless,
            f.p50,
            f.p99,
            f.max,
            f.violations
        );
    }
    text
}

fn parse(text: &str) -> Vec<Figures> {
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some(HEAD), "stored figures of another form; RIST_BLESS=1 writes them anew");
    lines.map(|line| parse_line(line).unwrap_or_else(|| panic!("stored figures: {line}"))).collect()
}

fn parse_line(line: &str) -> Option<Figures> {
    let fields: Vec<&str> = line.split(',').collect();
    let [cell, worlds, written, dropped, lost, optimum, deviation, repeats, best_repeats, rest @ ..] =
        fields.as_slice()
    else {
        return None;
    };
    let [requests, nacks, needless, p50, p99, max, violations] = rest else { return None };
    let count = |field: &str| field.parse::<u64>().ok();
    Some(Figures {
        cell: (*cell).to_owned(),
        worlds: count(worlds)?,
        written: count(written)?,
        dropped: count(dropped)?,
        lost: count(lost)?,
        optimum: optimum.parse().ok()?,
        deviation: deviation.parse().ok()?,
        repeats: count(repeats)?,
        best_repeats: best_repeats.parse().ok()?,
        requests: count(requests)?,
        nacks: count(nacks)?,
        needless: count(needless)?,
        p50: p50.parse().ok()?,
        p99: p99.parse().ok()?,
        max: max.parse().ok()?,
        violations: count(violations)?,
        example: String::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let figures = vec![
            Figures { cell: "a".to_owned(), lost: 7, optimum: 3.25, deviation: 0.5, p50: -3, ..Figures::default() },
            Figures { cell: "b".to_owned(), worlds: 9, violations: 1, max: 5, ..Figures::default() },
        ];
        assert_eq!(parse(&text(&figures)), figures);
    }
}
