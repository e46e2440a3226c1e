//! Programs in C that bring a fault about themselves; each ends with the first condition that does not hold.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::support::library::{ours, root, scratch};
use crate::support::ports::PortPair;
use crate::support::process::Program;
use crate::support::require_package;

const LIMIT: Duration = Duration::from_secs(60);

/// Compiles sources of this directory.
pub(crate) fn compile(sources: &[&str], options: &[&str], out: &str) -> PathBuf {
    require_package("gcc");
    let out = scratch("faults").join(out);
    let directory = root().join("tests/faults");
    let mut cc = Command::new("cc");
    cc.args(["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-g", "-I"]).arg(root().join("include"));
    cc.args(sources.iter().map(|source| directory.join(source)));
    cc.arg("-L").arg(&ours().directory).args(options).arg("-o").arg(&out);
    let done = cc.output().expect("cc");
    assert!(done.status.success(), "{sources:?}: {}", String::from_utf8_lossy(&done.stderr));
    out
}

fn start(program: &Path) {
    let port = PortPair::new();
    let mut command = Command::new(program);
    command.arg(port.even().to_string());
    let mut program = Program::start(command, ours());
    let status = program.wait_end(LIMIT);
    assert!(status.success(), "{status:?}\n{}", program.text());
}

fn run(name: &str) {
    start(&compile(&[&format!("{name}.c")], &["-lrist", "-lpthread"], name));
}

#[test]
fn without_descriptors_calls_say_so_and_streams_go_on() {
    run("descriptors");
}

#[test]
fn what_is_large_may_be_refused_when_memory_is_short() {
    start(&compile(&["memory.c", "memory_shim.c"], &["-lrist", "-lpthread"], "memory"));
}

#[test]
fn without_room_for_threads_starting_fails_and_works_later() {
    run("threads");
}

#[test]
fn signals_interrupt_nothing_and_stay_on_the_applications_threads() {
    run("signals");
}

#[test]
fn a_forked_child_disturbs_nobody_and_inherits_nothing() {
    run("fork");
}

#[test]
fn logs_that_can_not_be_written_end_nothing() {
    run("logs");
}

#[test]
fn a_signal_of_the_applications_holds_up_no_log() {
    run("pipe_signal");
}

#[test]
fn nobody_is_inside_a_global_log_that_has_gone() {
    run("global_log");
}

#[test]
fn a_slow_callback_holds_up_nothing_else() {
    run("callback");
}
