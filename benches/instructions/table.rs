//! The stored figures, and the table of them in the documentation.

use std::fmt::Write;
use std::path::{Path, PathBuf};

const CSV: &str = "benches/instructions.csv";
const DOCUMENT: &str = "docs/performance.md";
const BEGIN: &str = "<!-- benches/instructions.csv -->\n";
const END: &str = "<!-- end -->";
const BLESS: &str = "RIST_BLESS=1 cargo bench --bench instructions";
const HEAD: &str = "stream,sender,receiver";

/// Instructions per packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) stream: String,
    pub(crate) sender: u64,
    pub(crate) receiver: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Table(pub(crate) Vec<Row>);

pub(crate) struct Verdict {
    pub(crate) lines: Vec<String>,
    pub(crate) failed: bool,
}

fn place(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn read(name: &str) -> String {
    std::fs::read_to_string(place(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn write(name: &str, text: &str) {
    std::fs::write(place(name), text).unwrap_or_else(|error| panic!("{name}: {error}"));
}

impl Table {
    pub(crate) fn stored() -> Self {
        let text = read(CSV);
        let (head, rows) = text.split_once('\n').expect("a head");
        assert_eq!(head, HEAD, "{CSV}");
        let row = |line: &str| {
            let [stream, sender, receiver] = line.split(',').collect::<Vec<_>>().try_into().ok()?;
            Some(Row { stream: stream.to_owned(), sender: sender.parse().ok()?, receiver: receiver.parse().ok()? })
        };
        Self(rows.lines().map(|line| row(line).unwrap_or_else(|| panic!("{CSV}: {line}"))).collect())
    }

    pub(crate) fn store(&self) {
        let mut text = format!("{HEAD}\n");
        for Row { stream, sender, receiver } in &self.0 {
            let _ = writeln!(text, "{stream},{sender},{receiver}");
        }
        write(CSV, &text);
        let document = read(DOCUMENT);
        let (before, rest) = document.split_once(BEGIN).expect("where the table begins");
        let (_, behind) = rest.split_once(END).expect("where the table ends");
        write(DOCUMENT, &format!("{before}{BEGIN}{}{END}{behind}", self.markdown()));
    }

    /// What the documentation has.
    pub(crate) fn documented() -> String {
        let document = read(DOCUMENT);
        let (_, rest) = document.split_once(BEGIN).expect("where the table begins");
        rest.split_once(END).expect("where the table ends").0.to_owned()
    }

    pub(crate) fn markdown(&self) -> String {
        let mut text = "| stream | sender | receiver |\n|---|---:|---:|\n".to_owned();
        for Row { stream, sender, receiver } in &self.0 {
            let _ = writeln!(text, "| {stream} | {} | {} |", grouped(*sender), grouped(*receiver));
        }
        text
    }

    /// More than `margin` percent above what is stored is a failure, as much below it a hint.
    pub(crate) fn against(&self, stored: &Self, margin: u64) -> Verdict {
        let names = |table: &Self| table.0.iter().map(|row| row.stream.clone()).collect::<Vec<_>>();
        if names(self) != names(stored) {
            let line = format!("{CSV} has other streams: {BLESS}");
            return Verdict { lines: vec![line], failed: true };
        }
        let mut verdict = Verdict { lines: Vec::new(), failed: false };
        for (now, then) in self.0.iter().zip(&stored.0) {
            let stream = &then.stream;
            for (side, now, then) in [("sender", now.sender, then.sender), ("receiver", now.receiver, then.receiver)] {
                let line = format!("{stream}, {side}: {now} instructions per packet, stored are {then}");
                if now * 100 > then * (100 + margin) {
                    verdict.failed = true;
                    verdict.lines.push(format!("FAILED: {line}"));
                } else if now * 100 < then * (100 - margin) {
                    verdict.lines.push(format!("{line}; to keep it: {BLESS}"));
                }
            }
        }
        verdict
    }
}

/// 12345 as 12,345.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
