//! A program stands still (SIGSTOP) for longer than sessions and buffers last, and goes on.

use std::process::Command;
use std::time::Duration;

use crate::rig::{Rig, last, resident_mb, side_by_side};
use crate::support::process::Program;

const LENGTH: Duration = Duration::from_secs(10);

fn signal(program: &Program, name: &str) {
    let status = Command::new("kill").args([&format!("-{name}"), &program.id().to_string()]).status().expect("kill");
    assert!(status.success());
}

fn stand_still(which: fn(&Rig) -> &Option<Program>) {
    let rig = Rig::new(false, false);
    let program = which(&rig).as_ref().expect("started");
    let memory = || [&rig.sender, &rig.receiver].into_iter().flatten().map(resident_mb).sum::<u64>();
    let before = memory();
    signal(program, "STOP");
    last(LENGTH);
    let out = rig.collector.verdict().packets;
    signal(program, "CONT");
    rig.assert_goes_on("it stood still");
    let stale = rig.collector.verdict().packets - out;
    println!("{stale} packets until then, memory {before} MB, then {} MB", memory());
    // Of nearly 3000 that were fed meanwhile: what is too old is not handed out, and what came since is among these.
    assert!(stale < 400, "{stale} packets\n{}", rig.evidence());
    rig.settle();
    assert!(memory() < before + 40, "{before} MB before, {} MB now", memory());
    rig.assert_whole("afterwards", || last(Duration::from_millis(500)));
}

#[test]
fn programs_may_stand_still() {
    let sides: [fn(&Rig) -> &Option<Program>; 2] = [|rig| &rig.sender, |rig| &rig.receiver];
    side_by_side(sides, stand_still);
}
