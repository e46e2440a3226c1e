//! What the installed files say agrees with the compiler and the build script.

use std::path::Path;
use std::process::{Command, Stdio};

/// A program that links the static library needs these, and `pkg-config --static` has to name them; all but
/// libgcc_s, of which there is no static one: the C compiler knows itself which libgcc a program needs.
#[test]
fn private_libraries_are_those_that_the_compiler_names() {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Path::new(env!("CARGO_TARGET_TMPDIR")).join("empty.a");
    let mut command = Command::new(rustc);
    command.args(["--print", "native-static-libs", "--crate-type", "staticlib", "-o"]).arg(output).arg("-");
    let out = command.stdin(Stdio::null()).output().expect("rustc");
    let text = String::from_utf8_lossy(&out.stderr);
    let named = text.lines().find_map(|line| line.strip_prefix("note: native-static-libs: ")).expect("a list");
    let named: Vec<_> = named.split(' ').filter(|library| *library != "-lgcc_s").collect();
    let line = format!("private_libs = '{}'", named.join(" "));
    assert!(include_str!("../meson.build").contains(&line), "meson.build lacks {line}");
}

/// `librist.so.4.12.0` with soname `librist.so.4`: libtool's 16:0:12 of libRIST 0.2.20.
#[test]
fn the_soname_is_the_first_number_of_the_file_name() {
    let meson = include_str!("../meson.build");
    assert!(meson.contains("soversion = '4'") && meson.contains("file_version = '4.12.0'"));
    assert!(include_str!("../build.rs").contains("-soname,librist.so.4\""));
}
