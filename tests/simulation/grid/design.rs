//! Which networks are played: not the product of everything, but every three values together at least once.
//!
//! First the plain networks: one path and no disorder, in full (RTT × loss × kind × buffer × way back), because that is the
//! table one looks at. Then, of the whole product, again and again the cell that brings together most triples
//! of values that have not met yet, until all have. So every pair of values meets often, and every triple at least once.

use super::cell::{Cell, Kind, Order, Paths};
use std::collections::BTreeSet;

pub(super) const RTTS: [u32; 4] = [2, 20, 100, 300];
pub(super) const LOSSES: [u32; 6] = [0, 1, 5, 10, 25, 40];
pub(super) const BUFFERS: [u32; 3] = [2, 4, 10];
const KINDS: [Kind; 2] = [Kind::Random, Kind::Bursts];
const ORDERS: [Order; 3] = [Order::Kept, Order::HeldBack, Order::Jitter];
const PATHS: [Paths; 10] = [
    Paths::One,
    Paths::TwoCopies,
    Paths::TwoShared,
    Paths::UnequalRttCopies,
    Paths::UnequalRttShared,
    Paths::UnequalLossCopies,
    Paths::UnequalLossShared,
    Paths::ThreeCopies,
    Paths::ThreeShared,
    Paths::FourShared,
];
const BACKS: [bool; 2] = [false, true];
/// Values of each axis.
const SIZES: [usize; 7] =
    [RTTS.len(), LOSSES.len(), KINDS.len(), BUFFERS.len(), ORDERS.len(), PATHS.len(), BACKS.len()];

/// Of these axes.
const ORDER: usize = 4;
const PATH: usize = 5;

/// A value's place on each axis.
type Places = [usize; SIZES.len()];

fn cell(at: &Places) -> Cell {
    let [rtt, loss, kind, buffer, order, paths, back] = *at;
    let cell = Cell {
        rtt: RTTS[rtt],
        loss: LOSSES[loss],
        kind: KINDS[kind],
        buffer: BUFFERS[buffer],
        order: ORDERS[order],
        paths: PATHS[paths],
        back: BACKS[back],
    };
    cell.canonical()
}

fn product() -> Vec<Places> {
    let mut all = vec![[0; SIZES.len()]];
    for (axis, size) in SIZES.into_iter().enumerate() {
        let with = |places: Places, value| {
            let mut places = places;
            places[axis] = value;
            places
        };
        all = all.into_iter().flat_map(|places| (0..size).map(move |value| with(places, value))).collect();
    }
    all
}

/// Numbers of the triples of values that meet in a cell.
fn triples(at: &Places) -> impl Iterator<Item = usize> + '_ {
    const LARGEST: usize = 10;
    let axes = SIZES.len();
    (0..axes).flat_map(move |a| (a + 1..axes).flat_map(move |b| (b + 1..axes).map(move |c| (a, b, c)))).map(
        move |(a, b, c)| {
            let place = [a, b, c].into_iter().fold(0, |sum, axis| sum * SIZES.len() + axis);
            [a, b, c].into_iter().fold(place, |sum, axis| sum * LARGEST + at[axis])
        },
    )
}

/// Everything that is played, in the order of names.
pub(super) fn cells() -> Vec<Cell> {
    let product = product();
    let plain: Vec<Places> = product.iter().filter(|at| at[ORDER] == 0 && at[PATH] == 0).copied().collect();
    let mut met = vec![false; 7 * 7 * 7 * 1000];
    let mut chosen = BTreeSet::new();
    let mut take = |at: &Places, met: &mut Vec<bool>| {
        triples(at).for_each(|triple| met[triple] = true);
        chosen.insert(cell(at));
    };
    plain.iter().for_each(|at| take(at, &mut met));
    let new = |at: &Places, met: &[bool]| triples(at).filter(|triple| !met[*triple]).count();
    // What a cell brings only becomes less: the first that brings as much as any could is taken, then less is asked.
    for wanted in (1..=35).rev() {
        // Large strides, so that neighbours in the list do not resemble each other.
        for step in 0..product.len() {
            let at = &product[step * 2_741 % product.len()];
            if new(at, &met) >= wanted {
                take(at, &mut met);
            }
        }
    }
    chosen.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_three_values_meet() {
        let played: BTreeSet<Cell> = cells().into_iter().collect();
        let mut met = BTreeSet::new();
        let mut all = BTreeSet::new();
        for at in product() {
            all.extend(triples(&at));
            if played.contains(&cell(&at)) {
                met.extend(triples(&at));
            }
        }
        assert_eq!(all.difference(&met).count(), 0);
        assert!((400..1000).contains(&played.len()), "{} cells", played.len());
    }

    #[test]
    fn names_are_unique_and_in_order() {
        let names: Vec<String> = cells().iter().map(Cell::name).collect();
        let unique: BTreeSet<&String> = names.iter().collect();
        assert_eq!(unique.len(), names.len());
    }
}
