//! Debian packages that a test needs: installed when missing, or the test fails.

use std::process::{Command, Stdio};
use std::sync::Mutex;

static APT: Mutex<()> = Mutex::new(());

/// Makes sure that a Debian package is installed. Panics if that cannot be done: no test is skipped.
pub(crate) fn require_package(name: &str) {
    let _one_at_a_time = APT.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    if installed(name) {
        return;
    }
    let mut command = Command::new(if is_root() { "env" } else { "sudo" });
    if !is_root() {
        command.arg("env");
    }
    // tshark would ask a question.
    let status = command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-y", name]).status();
    assert!(
        matches!(status, Ok(status) if status.success()) && installed(name),
        "this test needs the Debian package {name}, and apt-get could not install it"
    );
}

fn installed(name: &str) -> bool {
    Command::new("dpkg-query")
        .args(["-W", "-f=${Status}", name])
        .stderr(Stdio::null())
        .output()
        .is_ok_and(|out| out.stdout == b"install ok installed")
}

pub(crate) fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|out| out.stdout == b"0\n")
}
