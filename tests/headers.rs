//! The C headers in `include/` are made from `src/capi/`; this test fails when they are stale.
//! `RIST_BLESS=1 cargo test --test headers` writes them anew.
//!
//! What no Rust item stands for (macros with arguments, text, inline functions) is in `tests/headers/`.

mod support;

use cbindgen::{Builder, Config};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

/// One header: its sources in `src/capi/`, what it includes, and C text before and behind what the sources give.
struct Header {
    file: &'static str,
    guard: &'static str,
    sources: &'static [&'static str],
    system: &'static [&'static str],
    includes: &'static [&'static str],
    before: &'static str,
    behind: &'static str,
}

const EMPTY: Header = Header { file: "", guard: "", sources: &[], system: &[], includes: &[], before: "", behind: "" };

const HEADERS: &[Header] = &[
    Header { file: "common.h", guard: "RIST_COMMON_H", before: include_str!("headers/common.h"), ..EMPTY },
    Header {
        file: "ferrist.h",
        guard: "FERRIST_H",
        sources: &["ferrist", "advanced", "flow_attribute", "oob_typed"],
        system: &["stddef.h", "stdint.h"],
        includes: &["common.h", "headers.h", "oob.h", "peer.h"],
        before: include_str!("headers/ferrist.h"),
        ..EMPTY
    },
    Header {
        file: "headers.h",
        guard: "LIBRIST_HEADERS_H",
        sources: &["headers"],
        system: &["stdbool.h", "stdint.h", "stdlib.h"],
        includes: &["urlparam.h"],
        ..EMPTY
    },
    Header {
        file: "librist.h",
        guard: "LIBRIST_H",
        sources: &["librist"],
        includes: &[
            "common.h",
            "receiver.h",
            "sender.h",
            "peer.h",
            "stats.h",
            "logging.h",
            "librist_srp.h",
            "opt.h",
            "oob.h",
            "tun.h",
            "tunnel.h",
            "transport.h",
            "headers.h",
        ],
        ..EMPTY
    },
    Header {
        file: "librist_config.h",
        guard: "LIBRIST_CONFIG_H",
        before: include_str!("headers/librist_config.h"),
        ..EMPTY
    },
    Header {
        file: "librist_srp.h",
        guard: "_LIBRIST_SRP_H_",
        sources: &["srp"],
        system: &["stdbool.h", "stddef.h", "stdint.h"],
        includes: &["librist_config.h", "librist.h"],
        ..EMPTY
    },
    Header {
        file: "logging.h",
        guard: "RIST_LOGGING_H",
        sources: &["logging"],
        system: &["stdio.h"],
        includes: &["headers.h", "common.h"],
        before: include_str!("headers/logging.h"),
        ..EMPTY
    },
    Header { file: "oob.h", guard: "LIBRIST_OOB_H", sources: &["oob"], includes: &["common.h", "headers.h"], ..EMPTY },
    Header {
        file: "opt.h",
        guard: "LIBRIST_OPT_H",
        sources: &["opt"],
        system: &["stdbool.h"],
        includes: &["common.h", "headers.h"],
        ..EMPTY
    },
    Header {
        file: "peer.h",
        guard: "LIBRIST_PEER_H",
        sources: &["peer"],
        system: &["stdint.h"],
        includes: &["common.h", "headers.h", "librist_config.h"],
        before: include_str!("headers/peer.h"),
        behind: include_str!("headers/peer_end.h"),
    },
    Header {
        file: "receiver.h",
        guard: "LIBRIST_RECEIVER_H",
        sources: &["receiver"],
        includes: &["common.h", "logging.h", "headers.h"],
        ..EMPTY
    },
    Header {
        file: "sender.h",
        guard: "LIBRIST_SENDER_H",
        sources: &["sender"],
        system: &["stdbool.h", "stdint.h"],
        includes: &["common.h", "logging.h", "headers.h"],
        ..EMPTY
    },
    Header {
        file: "stats.h",
        guard: "LIBRIST_STATS_H",
        sources: &["stats"],
        system: &["stddef.h", "stdint.h"],
        includes: &["common.h", "headers.h"],
        ..EMPTY
    },
    Header {
        file: "transport.h",
        guard: "LIBRIST_TRANSPORT_H",
        sources: &["transport"],
        system: &["stddef.h", "stdint.h"],
        includes: &["common.h"],
        before: include_str!("headers/transport.h"),
        ..EMPTY
    },
    Header {
        file: "tun.h",
        guard: "LIBRIST_TUN_H",
        sources: &["tun"],
        system: &["stddef.h", "stdint.h"],
        includes: &["common.h"],
        ..EMPTY
    },
    Header {
        file: "tunnel.h",
        guard: "LIBRIST_TUNNEL_H",
        sources: &["tunnel"],
        system: &["stddef.h", "stdint.h"],
        includes: &["common.h", "headers.h"],
        ..EMPTY
    },
    Header {
        file: "udpsocket.h",
        guard: "UDPSOCKET_H",
        sources: &["udpsocket", "evsocket"],
        system: &["errno.h", "stdint.h", "stdio.h", "stdlib.h", "string.h"],
        includes: &["common.h"],
        before: include_str!("headers/udpsocket.h"),
        ..EMPTY
    },
    Header { file: "urlparam.h", guard: "LIBRIST_URL_PARAM_H", before: include_str!("headers/urlparam.h"), ..EMPTY },
    Header {
        file: "version.h",
        guard: "LIBRIST_VERSION_H",
        sources: &["version"],
        behind: include_str!("headers/version.h"),
        ..EMPTY
    },
];

const TOP: &str = "/*
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Made from src/capi by `RIST_BLESS=1 cargo test --test headers`.
 */";

/// The types that a source defines, with their spelling in C.
fn types_of(source: &str) -> BTreeMap<String, String> {
    let kinds = [("pub struct ", "struct "), ("pub enum ", "enum "), ("pub union ", "union "), ("pub type ", "")];
    let mut types = BTreeMap::new();
    for line in source.lines() {
        for (rust, c) in kinds {
            if let Some(rest) = line.strip_prefix(rust) {
                let name: String =
                    rest.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect();
                types.insert(name.clone(), format!("{c}{name}"));
            }
        }
    }
    types
}

fn render(root: &Path, header: &Header, types: &BTreeMap<&str, BTreeMap<String, String>>) -> String {
    let mut config = Config::from_file(root.join("cbindgen.toml")).expect("cbindgen.toml");
    config.header = Some(TOP.into());
    config.include_guard = Some(header.guard.into());
    config.includes = header.includes.iter().map(ToString::to_string).collect();
    config.sys_includes = header.system.iter().map(ToString::to_string).collect();
    config.after_includes = (!header.before.is_empty()).then(|| format!("\n{}", header.before.trim_end()));
    for (source, names) in types {
        if header.sources.contains(source) {
            config.export.include.extend(names.keys().cloned());
        } else {
            // cbindgen does not know whether a type that it has not read is a struct or an enum.
            config.export.rename.extend(names.iter().map(|(name, spelled)| (name.clone(), spelled.clone())));
        }
    }
    let mut builder = Builder::new();
    for source in header.sources {
        builder = builder.with_src(root.join(format!("src/capi/{source}.rs")));
    }
    let mut text = Vec::new();
    builder.with_config(config).generate().expect(header.file).write(&mut text);
    let mut text = String::from_utf8(text).expect("UTF-8");
    if !header.behind.is_empty() {
        let end = text.rfind("#endif").expect("the end of the guard");
        text.insert_str(end, &format!("{}\n\n", header.behind.trim_end()));
    }
    text
}

/// A header alone, as a program may include it, in every language that libRIST's headers are used from.
#[test]
fn each_header_compiles_alone() {
    support::require_package("gcc");
    support::require_package("g++");
    // ISO C wants a declaration in each translation unit, and some headers have only macros.
    let unit = support::library::scratch("headers").join("unit.c");
    fs::write(&unit, "typedef int something;\n").expect("a file");
    let dialects = ["c99", "c11", "c17", "c++11", "c++17", "c++20"];
    for header in HEADERS {
        for dialect in dialects {
            let (compiler, language) = if dialect.starts_with("c++") { ("g++", "c++") } else { ("gcc", "c") };
            let mut command = Command::new(compiler);
            command.args(["-Wall", "-Wextra", "-Werror", "-pedantic", "-fsyntax-only", "-x", language]);
            command.arg(format!("-std={dialect}")).arg("-I").arg("include").current_dir(env!("CARGO_MANIFEST_DIR"));
            command.arg("-include").arg(format!("librist/{}", header.file)).arg(&unit);
            let out = command.output().expect(compiler);
            let errors = String::from_utf8_lossy(&out.stderr);
            assert!(out.status.success(), "{} as {dialect}: {errors}", header.file);
        }
    }
}

#[test]
fn headers_are_up_to_date() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sources = HEADERS.iter().flat_map(|header| header.sources);
    let types: BTreeMap<_, _> = sources
        .map(|source| {
            let path = root.join(format!("src/capi/{source}.rs"));
            (
                *source,
                types_of(&fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))),
            )
        })
        .collect();
    let mut stale = Vec::new();
    for header in HEADERS {
        let path = root.join("include/librist").join(header.file);
        let text = render(root, header, &types);
        if std::env::var_os("RIST_BLESS").is_some() {
            fs::write(&path, &text).expect("a writable include/");
        }
        if fs::read_to_string(&path).unwrap_or_default() != text {
            stale.push(header.file);
        }
    }
    assert!(stale.is_empty(), "stale (RIST_BLESS=1 renews them): {stale:?}");
}
