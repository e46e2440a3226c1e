//! `docs/parity.md` names every exported function and every URL parameter once, with a state.

use std::collections::BTreeMap;

const STATES: [&str; 4] = ["works", "differs", "missing", "ours"];

/// Names in the table under a heading, with their states.
fn table(heading: &str) -> BTreeMap<String, String> {
    let text = include_str!("../docs/parity.md");
    let section = text.split("\n## ").find(|section| section.starts_with(heading)).expect(heading);
    let mut rows = BTreeMap::new();
    for line in section.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        let (name, state) = (cells[1].trim_matches('`').to_owned(), cells[2].to_owned());
        assert!(STATES.contains(&state.as_str()), "{name}: {state}");
        assert!(rows.insert(name.clone(), state).is_none(), "{name} twice");
    }
    rows
}

#[test]
fn every_function_has_a_state() {
    let rows = table("Functions");
    let symbols: Vec<_> = include_str!("abi/symbols.txt").lines().collect();
    assert_eq!(rows.keys().map(String::as_str).collect::<Vec<_>>(), symbols);
}

/// What libRIST does not have is in a header that it does not have.
#[test]
fn functions_of_ours_are_those_of_our_header() {
    let header = include_str!("../include/librist/ferrist.h");
    for (name, state) in table("Functions") {
        let declaration = format!(" {name}(");
        let mut code = header.lines().filter(|line| !line.starts_with(" *"));
        assert_eq!(state == "ours", code.any(|line| line.contains(&declaration)), "{name}: {state}");
    }
}

#[test]
fn every_url_parameter_has_a_state() {
    let rows = table("URL parameters");
    let mut keys: Vec<_> = include_str!("../include/librist/urlparam.h")
        .lines()
        .filter(|line| line.starts_with("#define RIST_URL_PARAM_"))
        .map(|line| line.split('"').nth(1).expect("a text"))
        .collect();
    keys.sort_unstable();
    assert_eq!(rows.keys().map(String::as_str).collect::<Vec<_>>(), keys);
}

/// What the documentation of a function says and what the table says agree.
#[test]
fn functions_that_say_they_are_not_available_are_listed_as_missing() {
    let rows = table("Functions");
    let mut found = 0;
    for source in std::fs::read_dir("src/capi").expect("src/capi") {
        let text = std::fs::read_to_string(source.expect("an entry").path()).expect("a source");
        let parts: Vec<_> = text.split("#[unsafe(no_mangle)]").collect();
        for pair in parts.windows(2) {
            let documentation = pair[0].rsplit("\n\n").next().unwrap_or("");
            let name = pair[1].split_once("fn ").and_then(|(_, rest)| rest.split('(').next()).expect("a name");
            found += 1;
            if documentation.to_lowercase().contains("not yet available") {
                assert_eq!(rows.get(name).map(String::as_str), Some("missing"), "{name}");
            }
        }
    }
    assert!(found > 100, "only {found} functions were found");
}
