//! Debian's ristsender on our library splits what it sends: its URL, newer than the program, says so.

use super::*;

fn cell(mode: Mode, from: &'static Library, link: Link, to: &'static Library) -> Cell {
    let (sender, receiver) = (Sender::Ristsender(from), Receiver::Ristreceiver(to));
    Cell { mode, sender, link, receiver, expect: Expect::Whole }
}

#[test]
fn halves_are_merged_over_a_lossy_link() {
    for (split, merge) in [("auto", "auto"), ("half", "pairs")] {
        check(cell(Mode::MAIN.split(split).merge(merge), ours(), Lossy, ours()));
    }
    check(cell(Mode::MAIN.aes(128).split("auto").merge("auto"), ours(), Lossy, ours()));
}

/// Nothing in libRIST 0.2.7 knows of halves: it hands out each of them.
#[test]
fn libraries_without_merge_hand_out_the_halves_in_order() {
    for link in [Clean, Lossy] {
        for split in ["auto", "half"] {
            check(cell(Mode::MAIN.split(split), ours(), link, debian()));
        }
    }
}

/// It does not announce halves, and there are none.
#[test]
fn what_a_library_without_split_sends_is_left_alone() {
    check(cell(Mode::MAIN.merge("auto"), debian(), Lossy, ours()));
}
