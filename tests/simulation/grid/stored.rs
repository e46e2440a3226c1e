//! Figures of a known good state, as text: one cell in a line, sorted, so that a change is a readable difference.

use super::tally::Figures;
use std::fmt::Write;
use std::path::{Path, PathBuf};

const HEAD: &str = "cell,worlds,written,dropped,lost,optimum,repeats,best_repeats,requests,nacks,needless,sd_lost,\
                    sd_repeats,sd_requests,sd_nacks,p50_us,p99_us,max_us,astray,violations";

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
        let _ = write!(text, "{},{},{},{},{},{:.2},", f.cell, f.worlds, f.written, f.dropped, f.lost, f.optimum);
        let _ = write!(text, "{},{:.2},{},{},{},", f.repeats, f.best_repeats, f.requests, f.nacks, f.needless);
        f.deviations.iter().for_each(|deviation| text.push_str(&format!("{deviation:.2},")));
        let _ = writeln!(text, "{},{},{},{},{}", f.p50, f.p99, f.max, f.astray, f.violations);
    }
    text
}

fn parse(text: &str) -> Vec<Figures> {
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some(HEAD), "stored figures of another form; RIST_BLESS=1 writes them anew");
    lines.map(|line| parse_line(line).unwrap_or_else(|| panic!("stored figures: {line}"))).collect()
}

fn parse_line(line: &str) -> Option<Figures> {
    let (cell, numbers) = line.split_once(',')?;
    let numbers: Vec<f64> = numbers.split(',').map(|field| field.parse().ok()).collect::<Option<_>>()?;
    let [worlds, written, dropped, lost, optimum, repeats, best_repeats, requests, rest @ ..] = numbers.as_slice()
    else {
        return None;
    };
    let [nacks, needless, sd_lost, sd_repeats, sd_requests, sd_nacks, p50, p99, max, astray, violations] = rest else {
        return None;
    };
    // Counts of packets are exact in a floating-point number.
    Some(Figures {
        cell: cell.to_owned(),
        worlds: *worlds as u64,
        written: *written as u64,
        dropped: *dropped as u64,
        lost: *lost as u64,
        optimum: *optimum,
        repeats: *repeats as u64,
        best_repeats: *best_repeats,
        requests: *requests as u64,
        nacks: *nacks as u64,
        needless: *needless as u64,
        deviations: [*sd_lost, *sd_repeats, *sd_requests, *sd_nacks],
        p50: *p50 as i32,
        p99: *p99 as i32,
        max: *max as i32,
        astray: *astray as u64,
        violations: *violations as u64,
        example: String::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let figures = vec![
            Figures { cell: "a".to_owned(), lost: 7, optimum: 3.25, p50: -3, ..Figures::default() },
            Figures { cell: "b".to_owned(), worlds: 9, deviations: [0.5, 1.0, 2.0, 0.25], ..Figures::default() },
            Figures { cell: "c".to_owned(), worlds: 9, violations: 1, max: 5, astray: 2, ..Figures::default() },
        ];
        assert_eq!(parse(&text(&figures)), figures);
    }
}
