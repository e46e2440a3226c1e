//! The table in `docs/performance.md` is that of `benches/instructions.csv`.

#[path = "../benches/instructions/table.rs"]
#[allow(dead_code)] // The bench judges and stores figures.
mod table;

use table::{Row, Table};

#[test]
fn the_documented_instructions_are_the_stored_ones() {
    let hint = "RIST_BLESS=1 cargo bench --bench instructions writes both";
    assert_eq!(Table::documented(), Table::stored().markdown(), "{hint}");
}

fn table(sender: u64) -> Table {
    Table(vec![Row { stream: "Main".to_owned(), sender, receiver: 1000 }])
}

#[test]
fn only_more_instructions_than_the_margin_are_a_failure() {
    let verdict = |now| table(now).against(&table(1000), 5);
    assert!(!verdict(1050).failed && verdict(1050).lines.is_empty());
    assert!(verdict(1051).failed);
    assert!(!verdict(950).failed && verdict(950).lines.is_empty());
    assert!(!verdict(949).failed && verdict(949).lines.len() == 1, "a hint to store it");
    assert!(Table(Vec::new()).against(&table(1000), 5).failed, "a stream is missing");
}
