//! Unmodified Debian programs on Debian's library and on ours, over a clean and over a lossy link, Main profile.
//!
//! A test is one mode over one link; its four cells, each library at each end, run side by side. The check is that
//! of the Simple profile's matrix (`tests/interop`): every payload exactly once, in order, byte-identical.

#[path = "../interop/chain/mod.rs"]
mod chain;
#[path = "../support/mod.rs"]
mod support;

mod advanced;
mod applications;
mod c_api;
mod legs;
mod many;
mod out_of_band;
mod pairs;
mod tools;
mod wire;

use chain::Link::{Clean, Lossy};
use chain::{Cell, Expect, Link, Mode, Receiver, Sender, check};
use support::library::{Library, debian, ours};

/// Checks one cell: the libraries at both ends, and the link.
type CheckCell = fn(&'static Library, &'static Library, Link);

/// Checks the four cells side by side.
fn check_all(link: Link, cell: CheckCell) {
    let libraries = [debian(), ours()];
    let pairs = libraries.into_iter().flat_map(|from| libraries.map(|to| (from, to)));
    let spawn = |(from, to): (&'static Library, &'static Library)| {
        let name = format!("from {} to {}, {link:?}", from.name, to.name);
        let check = move || cell(from, to, link);
        (name.clone(), std::thread::Builder::new().name(name).spawn(check).expect("a thread"))
    };
    let running: Vec<_> = pairs.map(spawn).collect();
    let ended = running.into_iter().map(|(name, cell)| (name, cell.join()));
    let failed: Vec<_> = ended.filter(|(_, result)| result.is_err()).map(|(name, _)| name).collect();
    assert!(failed.is_empty(), "cells that failed: {failed:#?}");
}
