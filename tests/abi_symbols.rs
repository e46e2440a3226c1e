//! What the shared library exports: the names in `tests/abi/symbols.txt`, unversioned, and nothing else.

mod support;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use support::library::{SONAME, debian, ours};

fn output(program: &str, arguments: &[&str], file: &Path) -> String {
    support::require_package("binutils");
    let out = Command::new(program).args(arguments).arg(file).output().expect(program);
    assert!(out.status.success(), "{program}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).expect("UTF-8")
}

/// Names with their kinds, as `nm` prints them; a version would be part of the name.
fn exports(file: &Path) -> BTreeSet<String> {
    let text = output("nm", &["-D", "--defined-only"], file);
    let entry = |line: &str| {
        let mut words = line.split_whitespace().skip(1);
        let (kind, name) = (words.next().expect("a kind"), words.next().expect("a name"));
        assert_eq!(kind, "T", "{name} is no function");
        name.to_owned()
    };
    text.lines().map(entry).collect()
}

fn listed() -> BTreeSet<String> {
    include_str!("abi/symbols.txt").lines().map(str::to_owned).collect()
}

#[test]
fn exactly_the_listed_functions_are_exported() {
    let (ours, listed) = (exports(&ours().file), listed());
    let missing: Vec<_> = listed.difference(&ours).collect();
    let surplus: Vec<_> = ours.difference(&listed).collect();
    assert!(missing.is_empty() && surplus.is_empty(), "missing {missing:?}, surplus {surplus:?}");
}

#[test]
fn nothing_of_debians_library_is_missing() {
    let (debian, listed) = (exports(&debian().file), listed());
    assert!(debian.len() >= 77, "libRIST 0.2.7 exports 77 functions, not {}", debian.len());
    let missing: Vec<_> = debian.difference(&listed).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn the_soname_is_that_of_librist() {
    let text = output("readelf", &["-d"], &ours().file);
    assert!(text.contains(&format!("[{SONAME}]")), "{text}");
}

#[test]
fn every_function_but_two_is_declared_in_a_header() {
    let headers: String = std::fs::read_dir("include/librist")
        .expect("include/librist")
        .map(|entry| std::fs::read_to_string(entry.expect("an entry").path()).expect("a header"))
        .collect();
    let declares = |name: &String| headers.contains(&format!(" {name}(")) || headers.contains(&format!("*{name}("));
    let undeclared: Vec<_> = listed().into_iter().filter(|name| !declares(name)).collect();
    // Exported by libRIST for its own tool ristsrppasswd.
    assert_eq!(undeclared, ["librist_crypto_srp_create_verifier", "librist_get_ng_constants"]);
}
