//! C programs in `tests/probes/` that load a libRIST by its path and print what it does.

#![allow(dead_code)] // Each test program uses its own part.

#[path = "package.rs"]
mod package;

use std::path::{Path, PathBuf};
use std::process::Command;

/// Compiles `tests/probes/NAME.c` against Debian's headers.
pub(crate) fn compile(name: &str) -> PathBuf {
    for package in ["gcc", "libc6-dev", "librist-dev", "librist4"] {
        package::require_package(package);
    }
    let thread = std::thread::current();
    let test = thread.name().unwrap_or_default().replace("::", "_");
    let program = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}_{test}"));
    let source = format!("{}/tests/probes/{name}.c", env!("CARGO_MANIFEST_DIR"));
    let compiled = Command::new("cc")
        .args(["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-o"])
        .arg(&program)
        .args([&source, "-ldl"])
        .status()
        .expect("cc runs");
    assert!(compiled.success(), "{source} compiles");
    program
}

/// What the program prints about a library.
pub(crate) fn run(program: &Path, library: &Path, arguments: &[String]) -> String {
    // A probe that waits for a datagram that never comes must fail, not hang.
    let output =
        Command::new("timeout").arg("60").arg(program).arg(library).args(arguments).output().expect("the probe runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "the probe failed on {library:?}: {:?}\n{text}", output.status);
    text
}

/// Debian's libRIST.
pub(crate) fn debian_library() -> PathBuf {
    package::require_package("librist4");
    let files = Command::new("dpkg").args(["-L", "librist4"]).output().expect("dpkg runs");
    let files = String::from_utf8(files.stdout).expect("file names are text");
    files.lines().find(|file| file.ends_with("/librist.so.4")).expect("the package has the library").into()
}

/// Our library, built together with the test that runs.
pub(crate) fn our_library() -> PathBuf {
    let test = std::env::current_exe().expect("a test has a path");
    let library = test.with_file_name("librist.so");
    assert!(library.exists(), "no {library:?}");
    library
}
