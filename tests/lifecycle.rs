//! Contexts of every kind, used by many threads at once and destroyed at any time, from any thread and in callbacks: a
//! program in C (`tests/lifecycle/`), which sanitizers and valgrind can run as well (`sanitizers.sh`).
//!
//! `LIFECYCLE_CYCLES=10000 LIFECYCLE_SEED=7` plays the long form, or again what has failed.

mod support;

use std::fs;
use std::process::Command;
use support::library::{ours, root, scratch};

const CYCLES: &str = "300";

#[test]
fn contexts_are_destroyed_at_any_time_and_leave_nothing_behind() {
    support::require_package("gcc");
    let program = scratch("lifecycle").join("lifecycle");
    let sources = fs::read_dir(root().join("tests/lifecycle")).expect("the sources");
    let sources = sources.map(|entry| entry.expect("a source").path());
    let mut cc = Command::new("cc");
    cc.args(["-std=gnu99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-O1", "-g", "-I"]).arg(root().join("include"));
    cc.args(sources.filter(|path| path.extension().is_some_and(|extension| extension == "c")));
    cc.arg("-L").arg(&ours().directory).args(["-lrist", "-lpthread", "-o"]).arg(&program);
    let out = cc.output().expect("cc");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));

    let given = |name, usual: String| std::env::var(name).unwrap_or(usual);
    // Another one each time: the schedule is another one anyway.
    let seed = given("LIFECYCLE_SEED", std::process::id().to_string());
    let mut command = Command::new(&program);
    command.arg(given("LIFECYCLE_CYCLES", CYCLES.to_owned())).arg(seed);
    let out = command.env("LD_LIBRARY_PATH", &ours().directory).output().expect("the program");
    let text = String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned();
    println!("{text}");
    assert!(out.status.success() && text.contains("all as promised"), "{}\n{text}", out.status);
}
