//! The two libraries under test: Debian's libRIST and ours, each in a directory for LD_LIBRARY_PATH.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use super::require_package;

pub(crate) const SONAME: &str = "librist.so.4";

/// A directory that holds one `librist.so.4`.
#[derive(Debug)]
pub(crate) struct Library {
    pub(crate) name: &'static str,
    pub(crate) directory: PathBuf,
    /// The file behind the links, as /proc/PID/maps names it.
    pub(crate) file: PathBuf,
}

impl Library {
    fn link(name: &'static str, file: &Path) -> Library {
        let directory = scratch(&format!("library-{name}"));
        let file = file.canonicalize().unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        for link in [SONAME, "librist.so"] {
            replace_link(&file, &directory.join(link));
        }
        Library { name, directory, file }
    }
}

/// Debian's library (libRIST 0.2.7 in Debian 12).
pub(crate) fn debian() -> &'static Library {
    static DEBIAN: OnceLock<Library> = OnceLock::new();
    DEBIAN.get_or_init(|| {
        require_package("librist-dev");
        Library::link("debian", Path::new("/usr/lib/x86_64-linux-gnu").join(SONAME).as_path())
    })
}

/// Our library, built for this test run; or, when the environment names one, the library in the directory
/// `RIST_LIBRARY_DIR`.
pub(crate) fn ours() -> &'static Library {
    static OURS: OnceLock<Library> = OnceLock::new();
    OURS.get_or_init(|| match std::env::var_os("RIST_LIBRARY_DIR") {
        Some(directory) => Library::link("ours", &PathBuf::from(directory).join(SONAME)),
        None => Library::link("ours", &build().join("librist.so")),
    })
}

/// The static library that is built together with ours.
pub(crate) fn ours_static() -> PathBuf {
    build().join("librist.a")
}

/// Builds our libraries in the profile of this test program and returns the directory they are in.
fn build() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        // This program is TARGET/PROFILE/deps/NAME-HASH.
        let program = std::env::current_exe().expect("the path of this program");
        let directory = program.parent().and_then(Path::parent).expect("a target directory").to_owned();
        let profile = directory.file_name().and_then(|name| name.to_str()).expect("a profile's directory");
        let profile = if profile == "debug" { "dev" } else { profile };
        let mut cargo = Command::new(env!("CARGO"));
        cargo.current_dir(root()).args(["build", "--lib", "--quiet", "--profile", profile]);
        cargo.arg("--target-dir").arg(directory.parent().expect("a target directory"));
        assert!(cargo.status().expect("cargo").success(), "our library does not build");
        directory
    })
}

/// The top of the source tree.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A directory for files of one test.
pub(crate) fn scratch(name: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    directory
}

/// Makes `link` point to `file`, also while another test program does the same.
fn replace_link(file: &Path, link: &Path) {
    if std::fs::read_link(link).is_ok_and(|target| target == file) {
        return;
    }
    let fresh = link.with_extension(format!("{}.new", std::process::id()));
    let _ = std::fs::remove_file(&fresh);
    std::os::unix::fs::symlink(file, &fresh).expect("a symbolic link");
    std::fs::rename(&fresh, link).expect("a symbolic link");
}
