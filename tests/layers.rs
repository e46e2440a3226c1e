//! Which layer may use which, read from the `crate::…` paths of every source file, and the size of files.

use std::fs;
use std::path::{Path, PathBuf};

/// A layer and what it may use besides itself.
const LAYERS: &[(&str, &[&str])] = &[
    ("capi", &["runtime", "protocol", "wire", "crypto", "url"]),
    ("runtime", &["protocol", "crypto", "url"]),
    ("protocol", &["wire", "crypto"]),
    ("crypto", &[]),
    ("url", &[]),
    ("wire", &[]),
];

const MAX_LINES: usize = 500;

/// Folders that may contain `unsafe`.
const UNSAFE: &[&str] = &["src/capi", "src/runtime/os"];

fn sources(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display())) {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

fn uses(text: &str) -> impl Iterator<Item = &str> {
    text.split("crate::").skip(1).map(|rest| {
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        &rest[..end]
    })
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn layers_use_only_what_lies_below() {
    for (layer, allowed) in LAYERS {
        let files = sources(&root().join("src").join(layer));
        assert!(!files.is_empty(), "layer {layer} has no files");
        for file in files {
            let text = fs::read_to_string(&file).unwrap();
            for used in uses(&text) {
                let known = LAYERS.iter().any(|(name, _)| *name == used);
                assert!(!known || used == *layer || allowed.contains(&used), "{}: uses {used}", file.display());
            }
        }
    }
}

#[test]
fn every_folder_of_src_is_a_layer() {
    for entry in fs::read_dir(root().join("src")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(name == "lib.rs" || LAYERS.iter().any(|(layer, _)| *layer == name), "src/{name} is no layer");
    }
}

#[test]
fn no_source_file_has_more_than_500_lines() {
    for file in sources(&root().join("src")) {
        let lines = fs::read_to_string(&file).unwrap().lines().count();
        assert!(lines <= MAX_LINES, "{} has {lines} lines", file.display());
    }
}

#[test]
fn unsafe_code_stays_in_the_c_boundary_and_the_socket_layer() {
    for file in sources(&root().join("src")) {
        let place = file.strip_prefix(root()).unwrap();
        let text = fs::read_to_string(&file).unwrap();
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        let found = code.into_iter().any(|line| {
            let line = line.split("//").next().unwrap_or(line);
            line.contains("unsafe {") || line.contains("unsafe extern") || line.contains("unsafe fn")
        });
        assert!(!found || UNSAFE.iter().any(|dir| place.starts_with(dir)), "{} has unsafe code", place.display());
    }
}

#[test]
fn the_protocol_has_no_clock_socket_thread_or_randomness() {
    const FORBIDDEN: &[&str] =
        &["Instant", "SystemTime", "std::thread", "std::net::UdpSocket", "libc::", "println!", "std::fs", "std::env"];
    for layer in ["protocol", "wire", "crypto", "url"] {
        for file in sources(&root().join("src").join(layer)) {
            let text = fs::read_to_string(&file).unwrap();
            for word in FORBIDDEN {
                assert!(!text.contains(word), "{} uses {word}", file.display());
            }
        }
    }
}
