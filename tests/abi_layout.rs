//! Sizes, offsets, enumerators and macros, as a C compiler sees them: Debian's headers, ours, and `src/capi/`.

mod support;

use rist::capi;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;
use support::library::{root, scratch};

const PREFIXES: [&str; 6] = ["rist_", "librist_", "udpsocket_", "RIST_", "LIBRIST_", "UDPSOCKET_"];

/// What differs between the headers of libRIST 0.2.7 and ours, which are those of 0.2.20: (name, Debian, ours).
const DIFFERENCES: &[(&str, &str, &str)] = &[
    // API 4.2 and 4.13; the sum is made so that LIBRIST_MAKE_API_VERSION compares right, see docs/differences.md.
    ("LIBRIST_API_VERSION", "262656", "265472"),
    ("LIBRIST_API_VERSION_MINOR", "2", "13"),
    // Changed in 0.2.8.
    ("RIST_DEFAULT_RECOVERY_REORDER_BUFFER", "25", "15"),
    ("RIST_DEFAULT_RECOVERY_RTT_MIN", "50", "5"),
    // Changed in 0.2.18.
    ("RIST_DEFAULT_PROFILE", "1", "2"),
    // Fields were added at the ends.
    ("RIST_PEER_CONFIG_VERSION", "0", "6"),
    ("RIST_STATS_VERSION", "0", "3"),
    ("RIST_UDP_CONFIG_VERSION", "1", "2"),
    ("sizeof rist_peer_config", "1240", "1552"),
    ("sizeof rist_stats", "392", "424"),
    ("sizeof rist_stats.stats", "368", "400"),
    ("sizeof rist_stats_receiver_flow", "368", "400"),
    ("sizeof rist_stats_sender_peer", "192", "216"),
    ("sizeof rist_udp_config", "564", "832"),
];

/// Runs the preprocessor over everything; `directives`: keep `#define` lines only.
fn preprocessed(include: &Path, directives: bool) -> String {
    support::require_package("gcc");
    let mut command = Command::new("gcc");
    command.args(["-std=c11", "-E", "-P", "-I"]).arg(include);
    command.args(directives.then_some("-dM"));
    for header in ["librist", "udpsocket", "version"] {
        command.arg("-include").arg(format!("librist/{header}.h"));
    }
    let out = command.args(["-x", "c", "/dev/null"]).output().expect("gcc");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).expect("UTF-8")
}

fn is_ours(name: &str) -> bool {
    PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// What is there to compare, by name.
#[derive(Default)]
struct Names {
    macros: BTreeSet<String>,
    enumerators: BTreeSet<String>,
    /// Structure and field.
    fields: BTreeSet<(String, String)>,
}

fn names(include: &Path) -> Names {
    let mut names = Names::default();
    for line in preprocessed(include, true).lines() {
        let mut words = line.splitn(3, ' ').skip(1);
        let (name, value) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
        let value = value.trim();
        // Words of the compiler and structure initialisers are no values.
        if is_ours(name) && !name.contains('(') && !value.is_empty() && !value.starts_with("__attribute__") {
            names.macros.insert(name.to_owned());
        }
    }
    let text = preprocessed(include, false).split_whitespace().collect::<Vec<_>>().join(" ");
    for (kind, name, body) in definitions(&text) {
        if kind == "enum" {
            names.enumerators.extend(body.split(',').filter_map(|entry| {
                let name = entry.split('=').next().unwrap_or("").trim();
                (!name.is_empty()).then(|| name.to_owned())
            }));
        } else {
            names.fields.extend(fields(&body).into_iter().map(|field| (name.clone(), field)));
        }
    }
    names
}

/// Kind, name and body of every enum and struct of ours.
fn definitions(text: &str) -> Vec<(&str, String, String)> {
    let mut found = Vec::new();
    for kind in ["enum", "struct"] {
        for (start, _) in text.match_indices(&format!("{kind} ")) {
            let rest = &text[start + kind.len() + 1..];
            let Some((name, rest)) = rest.split_once('{') else { continue };
            let name = name.trim();
            if name.contains(|letter: char| !letter.is_alphanumeric() && letter != '_') || !is_ours(name) {
                continue;
            }
            let mut depth = 1;
            let end = rest.find(|letter| {
                depth += i32::from(letter == '{') - i32::from(letter == '}');
                depth == 0
            });
            found.push((kind, name.to_owned(), rest[..end.expect("a closing brace")].to_owned()));
        }
    }
    found
}

fn fields(body: &str) -> Vec<String> {
    // A union inside counts by the name that follows it.
    let mut flat = String::new();
    let mut depth = 0;
    for letter in body.chars() {
        depth -= i32::from(letter == '}');
        if depth == 0 && letter != '}' && letter != '{' {
            flat.push(letter);
        }
        depth += i32::from(letter == '{');
    }
    let name = |declaration: &str| {
        let declaration = match declaration.split_once("(*") {
            Some((_, rest)) => rest.split(')').next().unwrap_or(""),
            None => declaration.split('[').next().unwrap_or(""),
        };
        declaration.rsplit([' ', '*']).find(|word| !word.is_empty()).map(str::to_owned)
    };
    flat.split(';').filter(|declaration| !declaration.trim().is_empty()).filter_map(name).collect()
}

/// Compiles and runs a program that prints the values of the names, and reads what it prints.
fn probe(include: &Path, names: &Names, label: &str) -> BTreeMap<String, String> {
    let mut code = String::from(PROBE_HEAD);
    for name in names.macros.iter().chain(&names.enumerators) {
        writeln!(code, "    SHOW({name});").expect("a String");
    }
    for (structure, field) in &names.fields {
        writeln!(code, "    FIELD({structure}, {field});").expect("a String");
    }
    for structure in names.fields.iter().map(|(structure, _)| structure).collect::<BTreeSet<_>>() {
        writeln!(code, "    SIZE({structure});").expect("a String");
    }
    code.push_str("    return 0;\n}\n");
    let directory = scratch("abi-layout");
    let (source, program) = (directory.join(format!("{label}.c")), directory.join(label));
    fs::write(&source, code).expect("a file");
    let mut command = Command::new("gcc");
    command.args(["-std=c11", "-Wall", "-Wextra", "-Werror", "-I"]).arg(include).arg(&source).arg("-o").arg(&program);
    let out = command.output().expect("gcc");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let out = Command::new(&program).output().expect("the probe");
    let text = String::from_utf8(out.stdout).expect("UTF-8");
    text.lines().filter_map(|line| line.split_once('=')).map(|(name, value)| (name.into(), value.into())).collect()
}

const PROBE_HEAD: &str = r#"
#include <librist/librist.h>
#include <librist/udpsocket.h>
#include <librist/version.h>
#include <stddef.h>
#include <stdio.h>
static void number(const char *name, long long value) { printf("%s=%lld\n", name, value); }
static void text(const char *name, const char *value) { printf("%s=\"%s\"\n", name, value); }
#define SHOW(name) _Generic((name), char *: text, default: number)(#name, name)
#define FIELD(type, field) \
    (printf("offset %s.%s=%zu\n", #type, #field, offsetof(struct type, field)), \
     printf("sizeof %s.%s=%zu\n", #type, #field, sizeof ((struct type *)0)->field))
#define SIZE(type) printf("sizeof %s=%zu\n", #type, sizeof(struct type))
int main(void)
{
    (void)text;
"#;

#[test]
fn debians_headers_and_ours_agree_but_for_the_listed() {
    support::require_package("librist-dev");
    let debian_include = Path::new("/usr/include");
    let common = names(debian_include);
    assert!(common.macros.len() > 60 && common.enumerators.len() > 30 && common.fields.len() > 90);
    let debian = probe(debian_include, &common, "debian");
    let ours = probe(&root().join("include"), &common, "ours-common");
    let differences: BTreeSet<_> = debian
        .iter()
        .filter(|(name, value)| ours.get(*name) != Some(value))
        .map(|(name, value)| (name.as_str(), value.as_str(), ours.get(name).map_or("missing", String::as_str)))
        .collect();
    assert_eq!(differences, DIFFERENCES.iter().copied().collect());
}

#[cfg(target_pointer_width = "64")]
#[test]
fn our_headers_are_as_recorded() {
    let include = root().join("include");
    let values = probe(&include, &names(&include), "ours");
    let text: String = values.iter().map(|(name, value)| format!("{name}={value}\n")).collect();
    let recorded = root().join("tests/abi/layout.txt");
    if std::env::var_os("RIST_BLESS").is_some() {
        fs::write(&recorded, &text).expect("a writable file");
    }
    let recorded = fs::read_to_string(recorded).expect("tests/abi/layout.txt");
    let changed: Vec<_> = text.lines().filter(|line| !recorded.lines().any(|other| other == *line)).collect();
    assert!(recorded == text, "changed, or only in one of them: {changed:?}");
}

/// The revisions end where `abi-latest` of libRIST 0.2.20 says (peer.h, headers.h, stats.h).
#[test]
fn revisions_end_where_those_of_librist_do() {
    let include = root().join("include");
    let values = probe(&include, &names(&include), "ours-revisions");
    for (name, value) in [
        ("offset rist_peer_config.split_mode", 1240),
        ("offset rist_peer_config.reflector", 1248),
        ("offset rist_peer_config.local_port", 1512),
        ("offset rist_peer_config.srp_compat_legacy", 1516),
        ("offset rist_peer_config.profile", 1520),
        ("offset rist_peer_config.recovery_priority", 1528),
        ("offset rist_peer_config.recovery_depth", 1532),
        ("offset rist_peer_config.rtt_drop", 1536),
        ("sizeof rist_peer_config", 1552),
        ("offset rist_udp_config.multiplex_mode", 432),
        ("offset rist_udp_config.multicast_ttl", 564),
        ("offset rist_udp_config.cbr_output", 824),
        ("sizeof rist_udp_config", 832),
        ("offset rist_stats_receiver_flow.peers", 368),
        ("offset rist_stats_receiver_flow.avg_buffer_time", 376),
        ("offset rist_stats_receiver_flow.received_bytes", 384),
        ("offset rist_stats_receiver_flow.profile", 392),
        ("offset rist_stats_receiver_peer.received_bytes", 56),
        ("sizeof rist_stats_receiver_peer", 64),
        ("offset rist_stats_sender_peer.sent_bytes", 192),
        ("offset rist_stats_sender_peer.profile", 208),
        ("sizeof rist_stats_sender_peer", 216),
        ("sizeof rist_stats", 424),
        ("sizeof rist_data_block", 72),
        ("sizeof rist_oob_block", 32),
        ("sizeof rist_logging_settings", 40),
        ("sizeof librist_verifier_lookup_data", 56),
        ("sizeof rist_data_fd_stats", 32),
        ("sizeof rist_transport_ops", 40),
    ] {
        assert_eq!(values.get(name), Some(&value.to_string()), "{name}");
    }
}

#[test]
fn rust_and_c_see_the_same_sizes() {
    let include = root().join("include");
    let values = probe(&include, &names(&include), "ours-rust");
    for (name, size) in [
        ("rist_peer_config", size_of::<capi::peer::rist_peer_config>()),
        ("rist_udp_config", size_of::<capi::headers::rist_udp_config>()),
        ("rist_data_block", size_of::<capi::headers::rist_data_block>()),
        ("rist_stats", size_of::<capi::stats::rist_stats>()),
        ("rist_stats_receiver_peer", size_of::<capi::stats::rist_stats_receiver_peer>()),
        ("rist_oob_block", size_of::<capi::oob::rist_oob_block>()),
        ("rist_logging_settings", size_of::<capi::logging::rist_logging_settings>()),
        ("librist_verifier_lookup_data", size_of::<capi::srp::librist_verifier_lookup_data>()),
        ("rist_data_fd_stats", size_of::<capi::tunnel::rist_data_fd_stats>()),
        ("rist_transport_ops", size_of::<capi::transport::rist_transport_ops>()),
    ] {
        assert_eq!(values.get(&format!("sizeof {name}")), Some(&size.to_string()), "{name}");
    }
}

/// libRIST 0.2.20 makes LIBRIST_API_VERSION from decimal digits, which compares wrongly from minor 10 on.
#[test]
fn api_versions_compare_as_their_numbers_do() {
    let directory = scratch("abi-version");
    let mut code = String::from("#include <librist/version.h>\n");
    for minor in 0..32 {
        let relation = if minor <= 13 { ">=" } else { "<" };
        writeln!(code, "_Static_assert(LIBRIST_API_VERSION {relation} LIBRIST_MAKE_API_VERSION(4, {minor}, 0), \"\");")
            .expect("a String");
    }
    fs::write(directory.join("version.c"), code).expect("a file");
    let mut command = Command::new("gcc");
    command.args(["-std=c11", "-fsyntax-only", "-I"]).arg(root().join("include")).arg(directory.join("version.c"));
    let out = command.output().expect("gcc");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
}
