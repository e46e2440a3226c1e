//! Licences, sources, duplicates and Rust versions of all dependencies, by `deny.toml`.

#[allow(dead_code)]
#[path = "support/package.rs"]
mod package;

use std::process::Command;

#[test]
fn dependencies_are_what_the_policy_allows() {
    package::require_package("python3");
    let mut command = Command::new("python3");
    let out = command.arg("tests/dependencies.py").current_dir(env!("CARGO_MANIFEST_DIR")).output().expect("python3");
    assert!(out.status.success(), "{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
}

/// What README.md and CONTRIBUTING.md promise is what Cargo.toml says.
#[test]
fn the_oldest_rust_is_the_same_in_every_document() {
    let cargo = include_str!("../Cargo.toml");
    let line = cargo.lines().find_map(|line| line.strip_prefix("rust-version = ")).expect("a version");
    let version = line.trim_matches('"');
    for text in [include_str!("../README.md"), include_str!("../CONTRIBUTING.md")] {
        assert!(text.contains(&format!("Rust {version}")), "Rust {version} is not named");
    }
}
