//! URLs and what they mean, one row each; and the trailer that carries parameters through old structures.

#[path = "support/url_fields.rs"]
mod url_fields;

use rist::url::rist::{PeerParams, parse, parse_params};
use rist::url::trailer::{self, FIELD, NoRoom, min_version, overflow_params, pack, unpack};
use rist::url::{address, query, udp};
use url_fields::{Fields, peer_fields, udp_fields, visible};

/// URL, return value, fields set.
#[rustfmt::skip]
const PEERS: &[(&str, i32, &str)] = &[
    ("", -1, ""),
    ("?", 0, ""),
    ("rist://h:1", 0, ""),
    ("rist://h:1?", 0, ""),
    ("rist://h:1?&&", 0, ""),
    ("rist://h:1?buffer=500", 0, "recovery_length_min=500 recovery_length_max=500"),
    ("rist://h:1?buffer=0", 0, ""),
    ("rist://h:1?buffer=-1", 0, ""),
    ("rist://h:1?buffer=abc", 0, ""),
    ("rist://h:1?buffer=4294967297", 0, "recovery_length_min=1 recovery_length_max=1"),
    ("rist://h:1?buffer=2147483648", 0, ""),
    ("rist://h:1?buffer=99999999999999999999", 0, ""),
    ("rist://h:1?buffer= 12abc", 0, "recovery_length_min=12 recovery_length_max=12"),
    ("rist://h:1?buffer-min=100&buffer-max=50", 0, "recovery_length_min=100 recovery_length_max=50"),
    ("rist://h:1?buffer-min=0&buffer-max=0", 0, "recovery_length_min=0"),
    ("rist://h:1?buffer=9&buffer-min=7", 0, "recovery_length_min=7 recovery_length_max=9"),
    ("rist://h:1?buffer-min=7&buffer=9", 0, "recovery_length_min=9 recovery_length_max=9"),
    ("rist://h:1?buffer=9&buffer=-1", 0, "recovery_length_min=9 recovery_length_max=9"),
    ("rist://h:1?secret=a=b", 0, "secret=a=b"),
    ("rist://h:1?secret=x%20y", 0, "secret=x%2520y"),
    ("rist://h:1?secret=a/@b:2?c", 0, "secret=a/@b:2?c"),
    ("rist://h:1?secret==", 0, "secret=="),
    ("rist://h:1?secret=", 0, ""),
    ("rist://h:1?secret", 0, ""),
    ("rist://h:1?=secret", 0, ""),
    ("rist://h:1?=secret=x", 0, ""),
    ("rist://h:1?miface=eth0&cname=me", 0, "miface=eth0 cname=me"),
    ("rist://h:1?username=u&password=p", 0, "srp_username=u srp_password=p"),
    ("rist://h:1?aes-type=128", 0, "key_size=128"),
    ("rist://h:1?aes-type=192", 0, "key_size=192"),
    ("rist://h:1?aes-type=256", 0, "key_size=256"),
    ("rist://h:1?aes-type=0", 0, "key_size=0"),
    ("rist://h:1?aes-type=512", 0, ""),
    ("rist://h:1?aes-type=-128", 0, ""),
    ("rist://h:1?key-rotation=0", 0, ""),
    ("rist://h:1?key-rotation=1", 0, "key_rotation=1"),
    ("rist://h:1?bandwidth=0", 0, ""),
    ("rist://h:1?bandwidth=2560", 0, "recovery_maxbitrate=2560"),
    ("rist://h:1?return-bandwidth=0", 0, "recovery_maxbitrate_return=0"),
    ("rist://h:1?return-bandwidth=-5", 0, ""),
    ("rist://h:1?rtt=abc", 0, "recovery_rtt_min=0 recovery_rtt_max=0"),
    ("rist://h:1?rtt=10&rtt-max=20", 0, "recovery_rtt_min=10 recovery_rtt_max=20"),
    ("rist://h:1?rtt-min=20&rtt-max=10", 0, "recovery_rtt_min=20 recovery_rtt_max=10"),
    ("rist://h:1?reorder-buffer=0", 0, "recovery_reorder_buffer=0"),
    ("rist://h:1?compression=1", 0, "compression=1"),
    ("rist://h:1?compression=7", 0, "compression=7"),
    ("rist://h:1?virt-dst-port=0", 0, ""),
    ("rist://h:1?virt-dst-port=70000", 0, "virt_dst_port=4464"),
    ("rist://h:1?virt-dst-port=65536", 0, "virt_dst_port=0"),
    ("rist://h:1?weight=5", 0, "weight=5"),
    ("rist://h:1?weight=-1", 0, ""),
    ("rist://h:1?session-timeout=0", 0, ""),
    ("rist://h:1?session-timeout=1", 0, "session_timeout=1"),
    ("rist://h:1?keepalive-interval=0", 0, ""),
    ("rist://h:1?keepalive-interval=300", 0, "keepalive_interval=300"),
    ("rist://h:1?congestion-control=2", 0, "congestion_control_mode=2"),
    ("rist://h:1?congestion-control=3", 0, ""),
    ("rist://h:1?timing-mode=2", 0, "timing_mode=2"),
    ("rist://h:1?timing-mode=3", 0, ""),
    ("rist://h:1?min-retries=0&max-retries=0", 0, ""),
    ("rist://h:1?min-retries=3&max-retries=1000", 0, "min_retries=3 max_retries=1000"),
    ("rist://h:1?foo=1", 1, ""),
    ("rist://h:1?foo", 0, ""),
    ("rist://h:1?foo=", 0, ""),
    ("rist://h:1?buffer=5&foo=1", 2, "recovery_length_min=5 recovery_length_max=5"),
    ("rist://h:1?foo=1&buffer=5&bar=2&weight=-1&baz", 4, "recovery_length_min=5 recovery_length_max=5"),
    ("rist://h:1?BUFFER=5", 1, ""),
    ("rist://h:1?buffer =5", 1, ""),
    ("rist://h:1??buffer=5", 1, ""),
    ("rist://h:1?buffer=5?weight=3", 0, "recovery_length_min=5 recovery_length_max=5"),
    ("rist://h:1?virt-src-port=5", 1, ""),
    ("rist://h:1?verbose-level=7", 1, ""),
    ("rist://h:1?stream-id=7", 1, ""),
    ("rist://h:1?multiplex-mode=1", 1, ""),
    ("rist://h:1?split=off", 0, "split_mode=0"),
    ("rist://h:1?split=auto", 0, "split_mode=1"),
    ("rist://h:1?split=ts", 0, "split_mode=1"),
    ("rist://h:1?split=half", 0, "split_mode=2"),
    ("rist://h:1?split=1", 1, ""),
    ("rist://h:1?split=half&split=x", 2, "split_mode=2"),
    ("rist://h:1?merge=off", 0, "merge_mode=0"),
    ("rist://h:1?merge=pairs", 0, "merge_mode=1"),
    ("rist://h:1?merge=auto", 0, "merge_mode=2"),
    ("rist://h:1?merge=ts", 1, ""),
    ("rist://h:1?reflector=1", 0, "reflector=1"),
    ("rist://h:1?reflector=2", 0, ""),
    ("rist://h:1?ttl=255", 0, "multicast_ttl=255"),
    ("rist://h:1?ttl=0", 0, ""),
    ("rist://h:1?ttl=256", 0, ""),
    ("rist://h:1?source=10.0.0.1", 0, "multicast_source=10.0.0.1"),
    ("rist://h:1?local-port=65535", 0, "local_port=65535"),
    ("rist://h:1?local-port=65536", 0, ""),
    ("rist://h:1?srp-compat=1", 0, "srp_compat_legacy=1"),
    ("rist://h:1?srp-compat=0", 0, "srp_compat_legacy=0"),
    ("rist://h:1?srp-compat=2", 1, ""),
    ("rist://h:1?profile=0", 0, "profile=0"),
    ("rist://h:1?profile=2", 0, "profile=2"),
    ("rist://h:1?profile=3", 1, ""),
    ("rist://h:1?profile=1x", 1, ""),
    ("rist://h:1?profile=main", 1, ""),
    ("rist://h:1?profile=-0", 1, ""),
    ("rist://h:1?recovery-priority=7", 0, "recovery_priority=7"),
    ("rist://h:1?recovery-depth=16", 0, "recovery_depth=16"),
    ("rist://h:1?recovery-depth=17", 1, ""),
    ("rist://h:1?recovery-depth=4294967296", 1, ""),
    ("rist://h:1?rtt-drop=300&rtt-restore=200", 0, "rtt_drop=300 rtt_restore=200"),
    ("rist://h:1?rtt-drop-settle=9&rtt-drop-trickle=8", 0, "rtt_drop_settle=9 rtt_drop_trickle=8"),
    ("rist://h:1?rtt-multiplier=4", 0, "rtt_multiplier=4"),
    ("rist://h:1?rtt-multiplier=0", 0, ""),
    ("rist://h:1?backup=255", 0, "backup=255"),
    ("rist://h:1?backup=256", 1, ""),
    ("rist://h:1?backup=", 0, ""),
    ("rist://h:1?adv-clock=auto&adv-clock=legacy", 0, "adv_clock=2"),
    ("rist://h:1?adv-clock=1mhz", 0, "adv_clock=1"),
    ("rist://h:1?adv-clock=90khz", 1, ""),
    ("rist://h:1?adv-start=advanced", 0, "adv_start=2"),
    ("rist://h:1?adv-start=simple", 1, ""),
    ("rist://h:1?adv-rtt-echo=off", 0, "adv_rtt_echo=2"),
    ("rist://h:1?adv-rtt-echo=0", 1, ""),
    ("rist://h:1?psk-mode=ctr-hmac", 0, "psk_mode=2"),
    ("rist://h:1?psk-mode=chacha", 0, "psk_mode=4"),
    ("rist://h:1?psk-mode=GCM", 1, ""),
    ("rist://h:1?fragment-size=1460", 0, "fragment_size=1460"),
    ("rist://h:1?fragment-size=0", 0, "fragment_size=0"),
    ("rist://h:1?fragment-size=1461", 1, ""),
    ("rist://h:1?fragment-size=-1", 1, ""),
    ("?weight=3", 0, "weight=3"),
];

/// URL, config version, return value, prefix, fields set.
#[rustfmt::skip]
const UDP: &[(&str, u32, i32, &str, &str)] = &[
    ("", 2, -1, "", ""),
    ("127.0.0.1:99", 2, 0, "udp", ""),
    ("udp://h:1", 2, 0, "udp", ""),
    ("RTP://h:1", 2, 0, "rtp", ""),
    ("rtp6://h:1", 2, 0, "rtp6", ""),
    ("/h:1", 2, 0, "", ""),
    ("//h:1", 2, 0, "", ""),
    ("udp//h:1", 2, 0, "ud", ""),
    ("h:1?miface=a/b", 2, 0, "h:1?miface=", "miface=a/b"),
    ("ABCDEFGHIJKLMNOPQR://h:1", 2, 0, "abcdefghijklmno", ""),
    ("udp://h:1?stream-id=0", 2, 0, "udp", ""),
    ("udp://h:1?stream-id=70000", 2, 0, "udp", "stream_id=4464"),
    ("udp://h:1?rtp-timestamp=1&rtp-sequence=0", 0, 0, "udp", "rtp_timestamp=1 rtp_sequence=0"),
    ("udp://h:1?rtp-timestamp=-1", 2, 0, "udp", ""),
    ("rtp://h:1?rtp-ptype=200", 1, 0, "rtp", "rtp_ptype=200"),
    ("rtp://h:1?rtp-ptype=300", 1, 0, "rtp", "rtp_ptype=44"),
    ("rtp://h:1?rtp-ptype=96", 0, 1, "rtp", ""),
    ("udp://h:1?multiplex-mode=9", 1, 0, "udp", "multiplex_mode=9"),
    ("udp://h:1?multiplex-mode=-1", 1, 0, "udp", ""),
    ("udp://h:1?multiplex-mode=1", 0, 1, "udp", ""),
    ("udp://h:1?multiplex-filter=x", 2, 1, "udp", ""),
    ("udp://h:1?ttl=4&source=10.0.0.1", 2, 0, "udp", "multicast_ttl=4 multicast_source=10.0.0.1"),
    ("udp://h:1?ttl=4&source=10.0.0.1", 1, 2, "udp", ""),
    ("udp://h:1?ttl=256", 2, 0, "udp", ""),
    ("udp://h:1?cbr-output=1", 2, 0, "udp", "cbr_output=1"),
    ("udp://h:1?cbr-output=0", 2, 0, "udp", "cbr_output=0"),
    ("udp://h:1?cbr-output=2&miface=eth0", 2, 2, "udp", "miface=eth0"),
    ("udp://h:1?cbr-output=1", 1, 1, "udp", ""),
    ("udp://h:1?buffer=7&miface=eth0&x", 2, 2, "udp", "miface=eth0"),
];

/// Host, port, listen, bracketed.
type Meaning = (&'static str, Option<u16>, bool, bool);

/// Text, then what it means; `None` is an error.
#[rustfmt::skip]
const ADDRESSES: &[(&str, Option<Meaning>)] = &[
    ("", None),
    ("[::1", None),
    ("rist://@[", None),
    ("rist://1.2.3.4:55", Some(("1.2.3.4", Some(55), false, false))),
    ("rist://@1.2.3.4:55", Some(("1.2.3.4", Some(55), true, false))),
    ("rist://@:55", Some(("0.0.0.0", Some(55), true, false))),
    ("rist://@[]:55", Some(("::", Some(55), true, true))),
    ("rist://[fe80::1%eth0]:5", Some(("fe80::1%eth0", Some(5), false, true))),
    ("[::1]", Some(("::1", None, false, true))),
    ("[::1]x:5", Some(("::1", Some(5), false, true))),
    ("::1:55", Some(("0.0.0.0", Some(0), false, false))),
    ("a:b:c", Some(("a", Some(0), false, false))),
    ("h", Some(("h", None, false, false))),
    ("h:", Some(("h", None, false, false))),
    ("h:70000", Some(("h", Some(4464), false, false))),
    ("h:-1", Some(("h", Some(65535), false, false))),
    ("rist://h:1/", Some(("0.0.0.0", None, false, false))),
    ("foo://a/b/@h:1", Some(("h", Some(1), true, false))),
];

#[test]
fn peer_urls_mean_what_the_table_says() {
    for (url, status, set) in PEERS {
        let parsed = parse(url);
        assert_eq!(line(&peer_fields(&parsed.params)), *set, "{url}");
        assert_eq!(parsed.status(), *status, "{url}: {:?}", parsed.problems);
        assert_eq!(parsed.address, url.split('?').next().unwrap_or_default().as_bytes(), "{url}");
    }
}

#[test]
fn udp_urls_mean_what_the_table_says() {
    for (url, version, status, prefix, set) in UDP {
        let parsed = udp::parse(url, *version);
        assert_eq!(line(&udp_fields(&parsed.params)), *set, "{url}");
        assert_eq!(parsed.status(), *status, "{url} version {version}: {:?}", parsed.problems);
        assert_eq!(parsed.prefix, prefix.as_bytes(), "{url}");
        assert_eq!(parsed.rtp, prefix.starts_with("rtp"), "{url}");
    }
}

#[test]
fn addresses_mean_what_the_table_says() {
    for (text, expected) in ADDRESSES {
        let parsed = address::parse(text);
        let parsed = parsed.as_ref().map(|a| (a.host.as_str(), a.port, a.listen, a.bracketed));
        assert_eq!(parsed, *expected, "{text}");
    }
}

#[test]
fn the_tables_have_at_least_a_hundred_urls() {
    assert!(PEERS.len() + UDP.len() >= 100);
}

#[test]
fn only_the_first_32_pairs_count() {
    let thirty_two = format!("rist://h:1?{}secret=lost&foo=1", "weight=3&&".repeat(32));
    let parsed = parse(&thirty_two);
    assert_eq!((parsed.accepted, parsed.status(), parsed.params.secret), (32, 0, None));
    let thirty_one = format!("rist://h:1?{}foo=1&secret=lost", "weight=3&x&".repeat(31));
    let parsed = parse(&thirty_one);
    assert_eq!((parsed.accepted, parsed.status(), parsed.params.secret), (32, 32, None));
}

#[test]
fn text_that_is_not_utf_8_arrives_unchanged() {
    let parsed = parse(b"rist://h:1?secret=\xe9\xff&cname=\x80");
    assert_eq!(parsed.params.secret.as_deref(), Some(&b"\xe9\xff"[..]));
    assert_eq!(parsed.params.cname.as_deref(), Some(&b"\x80"[..]));
}

#[test]
fn problems_are_reported_in_order_without_control_characters() {
    let parsed = parse("rist://h:1?one=1&profile=9\n&weight=2&two\x1b=2");
    assert_eq!(
        parsed.problems,
        [
            "Unknown or invalid parameter one",
            "Unknown or invalid parameter profile: 9? is no value for it",
            "Unknown or invalid parameter two?",
        ]
    );
}

#[test]
fn a_structure_of_each_version_leaves_to_the_trailer_what_it_cannot_hold() {
    let all = "split=half&merge=auto&reflector=1&ttl=3&source=10.0.0.1&local-port=99&srp-compat=1&profile=0\
        &recovery-priority=1&recovery-depth=2&rtt-drop=3&rtt-restore=4&rtt-drop-settle=5&rtt-drop-trickle=6&rtt-multiplier=7&backup=8\
        &adv-clock=legacy&adv-start=main&adv-rtt-echo=on&psk-mode=gcm&fragment-size=1400";
    let url = format!("rist://h:1?buffer=9&secret=s&{all}");
    let params = parse(&url).params;
    for version in 0..=6 {
        let left: Vec<&str> = all.split('&').filter(|pair| min_version(&pair[..key_length(pair)]) > version).collect();
        let query = overflow_params(&params, version);
        assert_eq!(visible(&query), left.join("&"), "version {version}");
        assert_eq!(overflow_params(&parse_params(&query), 0), query, "version {version} read back");
    }
    let ours =
        "rtt-multiplier=7&backup=8&adv-clock=legacy&adv-start=main&adv-rtt-echo=on&psk-mode=gcm&fragment-size=1400";
    assert_eq!(overflow_params(&params, 6), ours.as_bytes());
    assert!(overflow_params(&parse("rist://h:1?buffer=1&weight=2").params, 0).is_empty());
}

#[test]
fn refused_values_do_not_get_into_the_trailer() {
    let params = parse("rist://h:1?ttl=0&profile=9&split=no&ttl=300&local-port=0").params;
    assert_eq!(params, PeerParams::default());
    assert!(overflow_params(&params, 0).is_empty());
}

#[test]
fn the_address_is_nul_terminated_and_the_rest_of_the_field_zero() {
    let mut field = [0xaa; FIELD];
    assert_eq!(pack(b"rist://h:1", b"", &mut field), Ok(()));
    assert_eq!(&field[..11], b"rist://h:1\0");
    assert!(field[10..].iter().all(|byte| *byte == 0));
    assert_eq!(unpack(&field), (&b"rist://h:1"[..], None));
    assert_eq!(pack(&[b'h'; 300], b"ttl=1", &mut field), Err(NoRoom));
    assert_eq!(unpack(&field), (&[b'h'; 255][..], None));
}

#[test]
fn a_damaged_trailer_is_no_trailer() {
    let mut field = [0; FIELD];
    pack(b"rist://h:1", b"ttl=3&profile=0", &mut field).expect("it fits");
    let end = 11 + 9 + 15;
    for index in 11..end {
        for bit in 0..8 {
            let mut damaged = field;
            damaged[index] ^= 1 << bit;
            assert_eq!(unpack(&damaged), (&b"rist://h:1"[..], None), "bit {bit} of byte {index}");
        }
    }
    // A shorter address written over the old one, as a program does with strcpy.
    field[..8].copy_from_slice(b"rist://\0");
    assert_eq!(unpack(&field).1, None);
}

#[test]
fn whatever_fits_is_packed_and_comes_back() {
    let mut random = Random(7);
    for _ in 0..5_000 {
        let address: Vec<u8> = (0..random.below(300)).map(|_| 1 + random.below(255) as u8).collect();
        let params: Vec<u8> = (0..random.below(260)).map(|_| random.below(256) as u8).collect();
        let mut field = [0x55; FIELD];
        let packed = pack(&address, &params, &mut field);
        let kept = &address[..address.len().min(255)];
        let fits = params.is_empty() || kept.len() + 1 + 9 + params.len() <= FIELD;
        assert_eq!(packed, if fits { Ok(()) } else { Err(NoRoom) });
        let expected = (fits && !params.is_empty()).then_some(&params[..]);
        assert_eq!(unpack(&field), (kept, expected));
    }
}

#[test]
fn random_fields_hold_no_trailer_and_harm_nothing() {
    let mut random = Random(11);
    for _ in 0..20_000 {
        let mut field = [0u8; FIELD];
        field.fill_with(|| random.below(256) as u8);
        if random.below(2) == 0 {
            let at = random.below(FIELD as u64 - 5) as usize;
            field[at..at + 5].copy_from_slice(&[0, 0xff, b'F', b'r', 0xfe]);
        }
        let (address, params) = trailer::unpack(&field);
        assert!(address.len() <= FIELD && !address.contains(&0));
        assert_eq!(params, None);
    }
}

#[test]
fn any_text_can_be_parsed() {
    let pieces = [
        "rist://",
        "udp",
        "/",
        "?",
        "&",
        "=",
        ":",
        "@",
        "[",
        "]",
        "buffer",
        "profile",
        "split",
        "ttl",
        "rtp-ptype",
        "-",
        "9",
        "99999999999",
        " ",
        "é",
        "\u{10ffff}",
        "\0",
        "h",
        ".",
        "%",
    ];
    let mut random = Random(3);
    for _ in 0..20_000 {
        let url: String = (0..random.below(24)).map(|_| pieces[random.below(pieces.len() as u64) as usize]).collect();
        let parsed = parse(&url);
        assert!(parsed.accepted <= query::MAX_PAIRS && parsed.problems.len() <= parsed.accepted);
        assert_eq!(parsed.status() == -1, url.is_empty());
        assert_eq!(parsed.status() == 0, parsed.problems.is_empty() && !url.is_empty());
        let back = parse_params(&overflow_params(&parsed.params, 0));
        assert_eq!(
            (back.profile, back.split, back.ttl),
            (parsed.params.profile, parsed.params.split, parsed.params.ttl)
        );
        assert!(udp::parse(&url, random.below(3) as u32).prefix.len() <= 15);
        let parsed = address::parse(&url);
        assert!(parsed.is_none_or(|parsed| !parsed.host.is_empty() && !parsed.host.contains('/')));
    }
}

fn key_length(pair: &str) -> usize {
    pair.find('=').unwrap_or(pair.len())
}

/// `name=value`, separated by spaces.
fn line(fields: &Fields) -> String {
    let pairs: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join(" ")
}

/// A small repeatable generator (xorshift64).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}
