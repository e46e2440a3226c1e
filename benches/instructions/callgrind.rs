//! This program again, under valgrind.

use crate::count::COUNTED;
use std::path::Path;
use std::process::Command;

/// All instructions of the counted function and what it calls.
///
/// The profile stays in `target/tmp`, for `callgrind_annotate`.
pub(crate) fn instructions(kind: &str, role: &str) -> u64 {
    let name = format!("instructions-{}-{role}.callgrind", kind.replace([' ', '%'], "-"));
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let out = Command::new("valgrind")
        .args(["--tool=callgrind", "--collect-atstart=no"])
        .arg(format!("--toggle-collect={COUNTED}"))
        .arg(format!("--callgrind-out-file={}", file.display()))
        .arg(std::env::current_exe().expect("this program"))
        .args(["count", kind, role])
        // Whatever the environment holds, the stack begins at the same place.
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .output()
        .unwrap_or_else(|error| panic!("valgrind: {error}; ./test.sh installs it"));
    assert!(out.status.success(), "{kind}, {role}:\n{}", String::from_utf8_lossy(&out.stderr));
    let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let total = text.lines().find_map(|line| line.strip_prefix("totals: ")?.trim().parse().ok());
    total.filter(|total| *total > 0).unwrap_or_else(|| panic!("{}: nothing was counted", file.display()))
}
