//! User-space instructions per packet of whole sessions, against `benches/instructions.csv`: `cargo bench --bench instructions`.
//!
//! The same figure in every run of one build, unlike a time. It is the library as it is shipped, with fat LTO and without
//! overflow checks, that is counted, and so this is a bench and not a test: benches are built like that.
//!
//! `RIST_BLESS=1` stores new figures, also in `docs/performance.md`.

mod callgrind;
mod count;
#[path = "../support/mod.rs"]
mod support;
#[allow(dead_code)] // A test compares the document.
mod table;

use std::process::ExitCode;
use support::kind::KINDS;
use table::{Row, Table};

/// Another compiler or C library moves figures by less.
const MARGIN_PERCENT: u64 = 5;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        // This program under valgrind.
        ["count", kind, role] => count::run(kind, role),
        _ if words.contains(&"--bench") => return check(),
        _ => println!("the figures are those of the release build: cargo bench --bench instructions"),
    }
    ExitCode::SUCCESS
}

fn check() -> ExitCode {
    if std::env::consts::ARCH != "x86_64" {
        eprintln!("the stored figures are those of x86-64");
        return ExitCode::FAILURE;
    }
    let now = Table(KINDS.iter().map(measure).collect());
    if std::env::var_os("RIST_BLESS").is_some() {
        now.store();
        return ExitCode::SUCCESS;
    }
    let verdict = now.against(&Table::stored(), MARGIN_PERCENT);
    for line in &verdict.lines {
        println!("{line}");
    }
    ExitCode::from(u8::from(verdict.failed))
}

fn measure(kind: &support::kind::Kind) -> Row {
    let count = |role| callgrind::instructions(kind.name, role).div_ceil(count::PACKETS);
    let [sender, receiver] = std::thread::scope(|scope| {
        ["sender", "receiver"]
            .map(|role| scope.spawn(move || count(role)))
            .map(|thread| thread.join().expect("a count"))
    });
    println!("{:<14} sender {sender:>6}, receiver {receiver:>6} instructions per packet", kind.name);
    Row { stream: kind.name.to_owned(), sender, receiver }
}
