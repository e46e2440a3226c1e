//! The URL parsers against Debian's libRIST 0.2.7: the same URLs, every field equal, but for the differences listed here.

#[path = "support/probe.rs"]
mod probe;
#[path = "support/url_fields.rs"]
mod url_fields;

use rist::url::{address, query, rist as rist_url, udp};
use std::cell::Cell;
use url_fields::{Fields, peer_fields, udp_fields, visible};

/// A difference that is meant: the URL contains `url`, the field has these values.
struct Allowed {
    url: &'static str,
    field: &'static str,
    theirs: &'static str,
    ours: &'static str,
    reason: &'static str,
    used: Cell<bool>,
}

const ANY: &str = "*";

const fn allow(
    url: &'static str,
    field: &'static str,
    theirs: &'static str,
    ours: &'static str,
    reason: &'static str,
) -> Allowed {
    Allowed { url, field, theirs, ours, reason, used: Cell::new(false) }
}

const ZERO: &str = "a buffer of 0 (or of what atoi reads as 0) is ignored since 0.2.19: it divided by zero";
const NEW_KEY: &str = "a parameter of 0.2.12 to 0.2.20, unknown to 0.2.7; design: it works in old programs too";

#[test]
fn peer_urls_parse_as_in_debians_library() {
    let allowed = [
        allow("", "recovery_reorder_buffer", "25", "15", "default changed in 0.2.8"),
        allow("", "recovery_rtt_min", "50", "5", "default changed in 0.2.8"),
        allow("buffer=", "recovery_length_min", "0", ANY, ZERO),
        allow("buffer=", "recovery_length_max", "0", ANY, ZERO),
        allow("buffer-max=", "recovery_length_max", "0", ANY, ZERO),
        allow("split=", "return", ANY, "0", NEW_KEY),
        allow("merge=", "return", ANY, "0", NEW_KEY),
        allow("reflector=", "return", ANY, "0", NEW_KEY),
        allow("ttl=", "return", ANY, "0", NEW_KEY),
        allow("source=", "return", ANY, "0", NEW_KEY),
        allow("local-port=", "return", ANY, "0", NEW_KEY),
        allow("srp-compat=", "return", ANY, "0", NEW_KEY),
        allow("profile=", "return", ANY, "0", NEW_KEY),
        allow("recovery-priority=", "return", ANY, "0", NEW_KEY),
        allow("recovery-depth=", "return", ANY, "0", NEW_KEY),
        allow("rtt-drop=", "return", ANY, "0", NEW_KEY),
        allow("rtt-restore=", "return", ANY, "0", NEW_KEY),
        allow("rtt-drop-settle=", "return", ANY, "0", NEW_KEY),
        allow("rtt-drop-trickle=", "return", ANY, "0", NEW_KEY),
        allow("rtt-multiplier=", "return", ANY, "0", NEW_KEY),
    ];
    let mut urls = Vec::new();
    for address in ADDRESSES {
        urls.push(format!("{address}?secret=s&foo=1"));
        urls.push((*address).to_owned());
    }
    for key in PEER_KEYS {
        for value in VALUES {
            urls.push(format!("rist://h:1?{key}={value}"));
            urls.push(format!("rist://h:1?{key}=77&{key}={value}&cname=last"));
        }
    }
    urls.extend(QUERIES.iter().map(|query| format!("rist://h:1{query}")));
    urls.push(format!("rist://h:1?{}secret=lost&foo=1", "weight=3&".repeat(32)));
    urls.push(format!("rist://h:1?{}secret=kept&foo=1", "weight=3&".repeat(31)));
    urls.push(format!("rist://h:1?secret={0}&username={0}", "x".repeat(300)));
    urls.push(format!("rist://{}:1?weight=2", "h".repeat(300)));
    compare("peer", &urls, &allowed, |url| {
        let parsed = rist_url::parse(url);
        let mut fields = peer_defaults();
        overlay(&mut fields, peer_fields(&parsed.params));
        overlay(&mut fields, vec![("address", cut_address(parsed.address))]);
        overlay(&mut fields, vec![("return", parsed.status().to_string())]);
        fields
    });
}

#[test]
fn udp_urls_parse_as_in_debians_library() {
    let allowed = [
        allow("ttl=", "return", ANY, "0", NEW_KEY),
        allow("source=", "return", ANY, "0", NEW_KEY),
        allow("cbr-output=", "return", ANY, "0", NEW_KEY),
    ];
    let mut urls = Vec::new();
    for key in UDP_KEYS {
        for value in VALUES {
            urls.push(format!("udp://h:1?{key}={value}"));
        }
    }
    urls.extend(QUERIES.iter().map(|query| format!("rtp://h:1{query}")));
    // A URL that begins with '/' aborts 0.2.7 (it copies -1 bytes into the prefix): abi.md §4.3.
    urls.extend(ADDRESSES.iter().filter(|url| !url.starts_with('/')).map(|url| (*url).to_owned()));
    // Version 2, as where the library makes the structure; version 1 must equal 0.2.7 without any exception.
    for (version, allowed) in [(2, &allowed[..]), (1, &[])] {
        compare("udp", &urls, allowed, |url| {
            let parsed = udp::parse(url, version);
            let mut fields = udp_defaults();
            overlay(&mut fields, udp_fields(&parsed.params));
            overlay(
                &mut fields,
                vec![
                    ("address", cut_address(parsed.address)),
                    ("prefix", visible(&parsed.prefix)),
                    ("rtp", u8::from(parsed.rtp).to_string()),
                    ("return", parsed.status().to_string()),
                ],
            );
            fields
        });
    }
}

#[test]
fn addresses_parse_as_in_debians_library() {
    let urls: Vec<String> = ADDRESSES.iter().map(|url| (*url).to_owned()).collect();
    compare("address", &urls, &[], |url| {
        let text = std::str::from_utf8(url).expect("the list is text");
        let Some(parsed) = address::parse(text) else {
            let local = if text.is_empty() { -9 } else { i32::from(address::listens(text)) };
            return fields([("return", "-1"), ("host", "untouched"), ("port", "7777"), ("local", &local.to_string())]);
        };
        fields([
            ("return", "0"),
            ("host", &visible(parsed.host.as_bytes())),
            ("port", &parsed.port.unwrap_or(7777).to_string()),
            ("local", &u8::from(parsed.listen).to_string()),
        ])
    });
}

#[test]
fn queries_are_cut_as_in_debians_library() {
    let mut urls: Vec<String> = QUERIES.iter().map(|query| format!("h{query}")).collect();
    urls.extend(ADDRESSES.iter().map(|url| (*url).to_owned()));
    urls.push(format!("h?{}", "a=1&".repeat(40)));
    compare("query", &urls, &[], |url| {
        let (clean, text) = query::split(url);
        let pairs: Vec<query::Pair<'_>> = query::pairs(text.unwrap_or_default(), 32).collect();
        let count = text.map_or(-1, |_| pairs.len() as i32);
        let mut fields = fields([("return", &count.to_string()), ("clean", &(clean.len() + 1).to_string())]);
        for (key, value) in pairs {
            fields.push(("key", visible(key)));
            fields.push(("value", visible(value)));
        }
        fields
    });
}

/// Runs the probe on Debian's library and compares field by field.
fn compare(what: &str, urls: &[String], allowed: &[Allowed], ours: impl Fn(&[u8]) -> Fields) {
    let theirs = answers(what, urls);
    assert_eq!(theirs.len(), urls.len(), "one answer for each URL");
    let mut wrong = Vec::new();
    for (url, theirs) in urls.iter().zip(theirs) {
        let ours = ours(url.as_bytes());
        let names = |fields: &[(String, String)]| fields.iter().map(|field| field.0.clone()).collect::<Vec<_>>();
        let mut ours: Vec<(String, String)> = ours.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        // Fields of later versions are not in the probe.
        if matches!(what, "peer" | "udp") {
            ours.retain(|(name, _)| names(&theirs).contains(name));
            ours.sort();
        }
        let mut theirs = theirs;
        if matches!(what, "peer" | "udp") {
            theirs.sort();
        }
        assert_eq!(names(&ours), names(&theirs), "the same fields for {url}");
        for ((name, ours), (_, theirs)) in ours.iter().zip(&theirs) {
            if ours != theirs && !permitted(allowed, url, name, theirs, ours) {
                wrong.push(format!("{url}: {name} is {ours}, in 0.2.7 {theirs}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
    for row in allowed {
        assert!(row.used.get(), "no URL needs this row: {} {} ({})", row.url, row.field, row.reason);
    }
}

fn permitted(allowed: &[Allowed], url: &str, field: &str, theirs: &str, ours: &str) -> bool {
    let row = allowed.iter().find(|row| {
        url.contains(row.url)
            && row.field == field
            && (row.theirs == ANY || row.theirs == theirs)
            && (row.ours == ANY || row.ours == ours)
    });
    if let Some(row) = row {
        row.used.set(true);
    }
    row.is_some()
}

/// What Debian's library makes of the URLs.
fn answers(what: &str, urls: &[String]) -> Vec<Vec<(String, String)>> {
    let mut arguments = vec![what.to_owned()];
    arguments.extend_from_slice(urls);
    let text = probe::run(&probe::compile("url"), &probe::debian_library(), &arguments);
    let blocks = text.strip_suffix("\n\n").expect("the probe ends each answer with an empty line");
    blocks
        .split("\n\n")
        .map(|block| {
            block
                .lines()
                .map(|line| line.split_once('=').expect("name=value"))
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect()
        })
        .collect()
}

/// The defaults of 0.2.20, `rist_peer_config_defaults_set`.
fn peer_defaults() -> Fields {
    fields([
        ("return", "0"),
        ("address", ""),
        ("miface", ""),
        ("virt_dst_port", "1968"),
        ("recovery_mode", "2"),
        ("recovery_maxbitrate", "100000"),
        ("recovery_maxbitrate_return", "0"),
        ("recovery_length_min", "1000"),
        ("recovery_length_max", "1000"),
        ("recovery_reorder_buffer", "15"),
        ("recovery_rtt_min", "5"),
        ("recovery_rtt_max", "500"),
        ("weight", "0"),
        ("secret", ""),
        ("key_size", "0"),
        ("key_rotation", "0"),
        ("compression", "0"),
        ("cname", ""),
        ("congestion_control_mode", "1"),
        ("min_retries", "6"),
        ("max_retries", "20"),
        ("session_timeout", "0"),
        ("keepalive_interval", "0"),
        ("timing_mode", "0"),
        ("srp_username", ""),
        ("srp_password", ""),
    ])
}

fn udp_defaults() -> Fields {
    fields([
        ("return", "0"),
        ("address", ""),
        ("miface", ""),
        ("prefix", ""),
        ("rtp_timestamp", "0"),
        ("rtp_sequence", "0"),
        ("rtp", "0"),
        ("rtp_ptype", "0"),
        ("stream_id", "0"),
        ("multiplex_mode", "0"),
        ("multiplex_filter", ""),
    ])
}

fn fields<const N: usize>(pairs: [(&'static str, &str); N]) -> Fields {
    pairs.into_iter().map(|(name, value)| (name, value.to_owned())).collect()
}

fn overlay(fields: &mut Fields, set: Fields) {
    for (name, value) in set {
        match fields.iter_mut().find(|field| field.0 == name) {
            Some(field) => field.1 = value,
            None => fields.push((name, value)),
        }
    }
}

fn cut_address(address: &[u8]) -> String {
    visible(&address[..address.len().min(255)])
}

#[rustfmt::skip]
const ADDRESSES: &[&str] = &[
    "", "?", "rist://", "rist://@", "rist://1.2.3.4:55", "rist://@1.2.3.4:55", "foo", "srt://@:9", "rist://a/b/@h:1",
    "[::1]:5", "@[::1]:5", "[::1]", "@[]:7", "[]", "[::1", "@[::1", "@[", "[", "::1:55", "a:b:c", "h:", ":5", "@", ":",
    "h:70000", "h:-1", "@@h:1", "rist://h:1/", "rist://h@x:1", "[::1]x:5", "[::1]5", "x[::1]:5", "@x[::1]:5",
    "rist://[fe80::1%eth0]:5", "h]:5", "h:5]", "[a[b]c]:5", "]:5", "@:0x10", "h: 12", "rist:@h:1", "/@h:1", "/h:1", "//h",
    "/", "h:99999999999", "h:99999999999999999999", "h:-99999999999999999999", "127.0.0.1:99", "UDP://h:1", "RTP://h:1",
    "rtp6://h:1", "rtsp://h", "a/b", "ABCDEFGHIJKLMNO/x", "abcdefghijklmnopqr://h:1", "udp:/h:1", "udp//h:1", ":/h", "h/",
    "udp:://h:1", "x:?a/b=1", "h:1?miface=a/b", "h?ab/cd=1", "rist://h:1?secret=a/@b:2", "[::1]:5]:6", "h:+5", "h:5 6",
];

const QUERIES: &[&str] = &[
    "",
    "?",
    "??",
    "?&",
    "?&&",
    "?=",
    "?==",
    "?=a",
    "?=a=b",
    "?==a==b",
    "?a",
    "?a=",
    "?a==",
    "?a==b",
    "?a=b=",
    "?a=b=c",
    "?secret=a=b",
    "?secret=x%20y",
    "?secret==",
    "?buffer",
    "?buffer=",
    "?buffer=7",
    "?buffer=7&",
    "?&buffer=7",
    "?&&buffer=7&&",
    "?buffer=7&foo",
    "?buffer=7&foo=",
    "?buffer=7&foo=1",
    "?foo=1&buffer=7&bar=2&baz",
    "?BUFFER=7",
    "?Secret=x",
    "?buffer=1&buffer=2",
    "?buffer=2&buffer=-1",
    "??buffer=7",
    "?buffer=7?",
    "?buffer=7?weight=5",
    "?buffer= 12abc",
    "?buffer=+7",
    "? buffer=7",
    "?buffer =7",
    "?buffer-min=100&buffer-max=50",
    "?rtt=10&rtt-min=20",
    "?rtt-max=9&rtt=8",
    "?virt-src-port=5",
    "?verbose-level=7",
    "?multiplex-filter=x",
    "?stream-id=5",
    "?miface=eth0&cname=me&secret=s&username=u&password=p",
    "?bandwidth=2560000&buffer-min=245&buffer-max=5000&rtt-min=40&rtt-max=500&reorder-buffer=60&congestion-control=1",
];

const PEER_KEYS: &[&str] = &[
    "buffer",
    "buffer-min",
    "buffer-max",
    "miface",
    "secret",
    "cname",
    "username",
    "password",
    "aes-type",
    "key-rotation",
    "compression",
    "bandwidth",
    "return-bandwidth",
    "reorder-buffer",
    "rtt",
    "rtt-min",
    "rtt-max",
    "virt-dst-port",
    "weight",
    "session-timeout",
    "keepalive-interval",
    "congestion-control",
    "timing-mode",
    "min-retries",
    "max-retries",
    "virt-src-port",
    "verbose-level",
    "stream-id",
    "multiplex-mode",
    "split",
    "merge",
    "reflector",
    "ttl",
    "source",
    "local-port",
    "srp-compat",
    "profile",
    "recovery-priority",
    "recovery-depth",
    "rtt-drop",
    "rtt-restore",
    "rtt-drop-settle",
    "rtt-drop-trickle",
    "rtt-multiplier",
];

const UDP_KEYS: &[&str] = &[
    "miface",
    "stream-id",
    "rtp-timestamp",
    "rtp-sequence",
    "rtp-ptype",
    "multiplex-mode",
    "multiplex-filter",
    "ttl",
    "source",
    "cbr-output",
    "buffer",
    "profile",
];

const VALUES: &[&str] = &[
    "0",
    "1",
    "2",
    "3",
    "-1",
    "-0",
    "16",
    "17",
    "128",
    "192",
    "200",
    "255",
    "256",
    "300",
    "1000",
    "65535",
    "65536",
    "70000",
    "2147483647",
    "2147483648",
    "4294967295",
    "4294967296",
    "4294967297",
    "99999999999999999999",
    "-2147483649",
    "abc",
    "12abc",
    "+5",
    "%205",
    "0x10",
    "010",
    "=5",
    "off",
    "auto",
    "ts",
    "half",
    "pairs",
    "1.5",
    "\u{e9}",
    "a/b",
    "\t9",
    "\u{b}9",
];
