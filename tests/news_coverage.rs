//! NEWS-COVERAGE.md tells the truth: each test that it names is there, and each change is listed once.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Letters of the changes, and how many there are of each.
const CHANGES: [(char, u32); 7] = [('A', 15), ('B', 59), ('C', 26), ('D', 16), ('E', 38), ('F', 35), ('G', 30)];

fn table() -> String {
    read("tests/NEWS-COVERAGE.md")
}

fn read(place: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(place);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The cells of each row, without the headings.
fn rows(text: &str) -> Vec<Vec<&str>> {
    let lines = text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| id "));
    lines.map(|line| line.trim_matches('|').split('|').map(str::trim).collect()).collect()
}

/// The function is there, right behind an attribute that makes it a test.
fn is_test(source: &str, name: &str) -> bool {
    let lines: Vec<&str> = source.lines().map(str::trim).collect();
    let Some(at) = lines.iter().position(|line| line.starts_with(&format!("fn {name}("))) else { return false };
    lines[..at].iter().rev().take_while(|line| line.starts_with("#[")).any(|line| *line == "#[test]")
}

#[test]
fn each_change_is_listed_once() {
    let text = table();
    let mut found = BTreeMap::new();
    for row in rows(&text) {
        *found.entry(row[0].to_owned()).or_insert(0) += 1;
    }
    let wanted = CHANGES.iter().flat_map(|(letter, last)| (1..=*last).map(move |number| format!("{letter}{number}")));
    let wanted: BTreeMap<String, i32> = wanted.map(|id| (id, 1)).collect();
    assert_eq!(found, wanted);
}

#[test]
fn each_named_test_is_there() {
    let text = table();
    let mut sources = BTreeMap::new();
    let mut named = 0;
    for row in rows(&text).into_iter().filter(|row| row.len() == 3) {
        let tests: Vec<&str> = row[2].split("<br>").map(|test| test.trim().trim_matches('`')).collect();
        assert!(!tests.is_empty(), "{}: no test", row[0]);
        for test in tests {
            let (file, name) = test.split_once("::").unwrap_or_else(|| panic!("{}: no file in {test}", row[0]));
            let source = sources.entry(file.to_owned()).or_insert_with(|| read(file));
            assert!(is_test(source, name), "{}: no test {name} in {file}", row[0]);
            named += 1;
        }
    }
    assert!(named > 200, "{named}");
}

#[test]
fn each_other_change_has_a_reason() {
    let text = table();
    for row in rows(&text).into_iter().filter(|row| row.len() != 3) {
        assert!(row.len() == 2 && row[1].len() > 10, "{row:?}");
    }
}
