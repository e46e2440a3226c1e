//! The judge of recovery: a grid of networks, what the library loses and spends on each, and what the best receiver
//! that asks could have lost there.
//!
//! `cell` one network of the grid, `design` which of them are played, `play` one world, `optimum` the model of the
//! best, `tally` a cell's figures, `stored` the figures of a known good state, `judge` what counts as worse,
//! `report` the tables.
//!
//! `GRID=nightly` plays the whole grid (`nightly.sh`); without it fewer worlds are, as one of the tests. `RIST_BLESS=1`
//! writes the stored figures instead of judging by them. `GRID_CELL=text` plays only cells whose name contains it, and
//! does not judge; with `GRID_SEEDS=n` so many worlds of each, from number `GRID_FIRST`.

mod cell;
mod design;
mod judge;
mod optimum;
mod play;
mod report;
mod stored;
mod tally;

use crate::pair::Setup;
use cell::Cell;
use play::Outcome;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;
use tally::{Figures, Tally};

/// How many worlds of each cell are played, and where their figures are stored.
struct Extent {
    file: &'static str,
    worlds: u32,
}

const NIGHTLY: Extent = Extent { file: "nightly.csv", worlds: 60 };
/// Half a minute of two cores that have nothing else to do.
const CHANGE: Extent = Extent { file: "change.csv", worlds: 8 };

fn number(name: &str) -> Option<u32> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

/// Plays worlds `first..first + worlds` of each cell on all cores.
fn play_all(cells: &[Cell], first: u32, worlds: u32, change: fn(&mut Setup)) -> Vec<Figures> {
    let one = |cell: &Cell, number: u32| {
        let played = catch_unwind(AssertUnwindSafe(|| play::play(cell, number, change)));
        played.unwrap_or_else(|_| Outcome::panicked())
    };
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(cell) = cells.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let mut tally = Tally::new(cell.name());
                    (first..first + worlds).for_each(|number| tally.add(number, one(cell, number)));
                    done.lock().expect("no thread panics here").push(tally.figures());
                }
            });
        }
    });
    let mut figures = done.into_inner().expect("no thread panics here");
    figures.sort_by(|a, b| a.cell.cmp(&b.cell));
    figures
}

#[test]
fn recovery_is_as_good_as_stored() {
    let extent = if std::env::var("GRID").is_ok_and(|grid| grid == "nightly") { NIGHTLY } else { CHANGE };
    let wanted = std::env::var("GRID_CELL").ok();
    let fits = |cell: &Cell| wanted.as_ref().is_none_or(|part| cell.name().contains(part));
    let cells: Vec<Cell> = design::cells().into_iter().filter(fits).collect();
    let (first, worlds) = (number("GRID_FIRST").unwrap_or(0), number("GRID_SEEDS").unwrap_or(extent.worlds));
    let begun = Instant::now();
    let figures = play_all(&cells, first, worlds, |_| ());
    let report = report::report(&figures);
    let played: u64 = figures.iter().map(|f| f.worlds).sum();
    println!("\n{report}\n{played} worlds in {:.1?}.", begun.elapsed());
    if wanted.is_some() || worlds != extent.worlds {
        return;
    }
    let path = stored::path(extent.file);
    if std::env::var_os("RIST_BLESS").is_some() {
        assert_eq!(first, 0, "stored are the worlds from 0 on");
        stored::write(&path, &figures);
        std::fs::write(path.with_extension("md"), report).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
    let complaints = judge::judge(&stored::read(&path), &figures);
    assert!(
        complaints.is_empty(),
        "recovery is worse than in {}:\n{}\nWhen that is meant: RIST_BLESS=1 with the same command.",
        path.display(),
        complaints.join("\n")
    );
}

fn some_cells() -> Vec<Cell> {
    let lossy = |cell: &Cell| cell.loss >= 10 && cell.rtt <= 100;
    design::cells().into_iter().filter(lossy).step_by(17).take(8).collect()
}

#[test]
fn the_same_cell_gives_the_same_figures() {
    assert_eq!(play_all(&some_cells(), 0, 2, |_| ()), play_all(&some_cells(), 0, 2, |_| ()));
}

#[test]
fn a_receiver_that_asks_only_once_is_judged_worse() {
    let [good, bad] = [(|_| ()) as fn(&mut Setup), |setup| setup.peer.max_retries = 1]
        .map(|change| play_all(&some_cells(), 0, 6, change));
    let complaints = judge::judge(&good, &bad);
    assert!(complaints.iter().any(|line| line.starts_with("all cells: lost beyond")), "{complaints:#?}");
    assert!(judge::judge(&bad, &good).iter().all(|line| !line.contains("lost beyond")));
}

#[test]
fn a_receiver_that_asks_too_soon_is_judged_worse() {
    let hasty: fn(&mut Setup) = |setup| setup.peer.rtt_max = setup.peer.rtt_min;
    let [good, bad] = [(|_| ()) as fn(&mut Setup), hasty].map(|change| play_all(&some_cells(), 0, 6, change));
    let complaints = judge::judge(&good, &bad);
    assert!(complaints.iter().any(|line| line.starts_with("all cells: requests")), "{complaints:#?}");
}
