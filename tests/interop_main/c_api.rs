//! C programs of `tests/probes`, compiled against Debian's headers, on either library.

use super::*;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;
use support::library::{root, scratch};
use support::process::Program;
use support::require_package;

/// Compiles `tests/probes/NAME.c`.
fn compile(name: &str) -> PathBuf {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    for package in ["gcc", "libc6-dev", "librist-dev"] {
        require_package(package);
    }
    let program = scratch("interop").join(format!("{name}-{}", std::process::id()));
    let _lock = ONE_AT_A_TIME.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    if !program.exists() {
        let mut cc = Command::new("cc");
        cc.args(["-std=gnu11", "-Wall", "-Wextra", "-Werror"]).arg(root().join(format!("tests/probes/{name}.c")));
        cc.arg("-L").arg(&debian().directory).args(["-lrist", "-o"]).arg(&program);
        let out = cc.output().expect("cc");
        assert!(out.status.success(), "{name}.c: {}", String::from_utf8_lossy(&out.stderr));
    }
    program
}

/// Starts a program on a library.
pub(super) fn start(name: &str, library: &'static Library, arguments: &[&str]) -> Program {
    let mut command = Command::new(compile(name));
    command.args(arguments);
    let program = Program::start(command, library);
    program.assert_uses(library);
    program
}
