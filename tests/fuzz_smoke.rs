//! Every fuzz body over thousands of inputs: noise, captured packets and URLs, and mutations of them.
//!
//! The same inputs in every run. `SMOKE_INPUTS=n` and `SMOKE_FIRST=k` try others.

mod fuzz_bodies;

use std::fs;
use std::path::Path;

/// Inputs per body, if not chosen by `SMOKE_INPUTS`.
const INPUTS: u64 = 20_000;
const LONGEST: u64 = 2000;

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    fn bytes(&mut self, longest: u64) -> Vec<u8> {
        (0..self.below(longest)).map(|_| self.next() as u8).collect()
    }
}

/// The corpus that the libFuzzer target of this name begins with.
fn seeds(name: &str) -> Vec<Vec<u8>> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(name);
    let entries = fs::read_dir(&dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| fs::read(file).unwrap()).collect()
}

fn mutated(random: &mut Random, seed: &[u8]) -> Vec<u8> {
    let mut data = seed.to_vec();
    for _ in 0..random.below(8) {
        let at = random.below(data.len() as u64) as usize;
        match random.below(5) {
            0 if !data.is_empty() => data[at] = random.next() as u8,
            1 if !data.is_empty() => data[at] ^= 1 << random.below(8),
            2 => data.truncate(at),
            3 => drop(data.splice(at..at, random.bytes(20))),
            _ => data.extend_from_within(at..),
        }
    }
    data.truncate(2 * LONGEST as usize);
    data
}

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |value| value.parse().expect("a number"))
}

fn smoke(name: &str) {
    smoke_of(name, INPUTS);
}

/// For bodies of which so many inputs take seconds.
fn smoke_of(name: &str, inputs: u64) {
    let seeds = seeds(name);
    assert!(!seeds.is_empty(), "{name} has no seeds");
    let first = number("SMOKE_FIRST", 0);
    for index in first..first + number("SMOKE_INPUTS", inputs) {
        let mut random = Random(index);
        let data = match seeds.get(index as usize) {
            Some(seed) => seed.clone(),
            None if index % 2 == 0 => random.bytes(LONGEST),
            None => {
                let seed = random.below(seeds.len() as u64) as usize;
                mutated(&mut random, &seeds[seed])
            }
        };
        if let Err(panic) = std::panic::catch_unwind(|| fuzz_bodies::run(name, &data)) {
            eprintln!("{name}: input {index} (SMOKE_FIRST={index} SMOKE_INPUTS=1), {} bytes: {data:02x?}", data.len());
            std::panic::resume_unwind(panic);
        }
    }
}

fn names() -> impl Iterator<Item = &'static str> {
    fuzz_bodies::BODIES.iter().map(|(name, _)| *name)
}

/// Names of a folder's entries, without their ending.
fn entries(folder: &str) -> Vec<String> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let mut names: Vec<_> = entries.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

#[test]
fn every_body_has_a_target_seeds_and_a_line_in_the_table() {
    let mut expected: Vec<_> = names().map(str::to_owned).collect();
    expected.sort();
    assert_eq!(entries("fuzz/fuzz_targets"), expected);
    assert_eq!(entries("fuzz/seeds"), expected);
    let manifest = include_str!("../fuzz/Cargo.toml");
    let mut targets: Vec<_> = manifest.split("[[bin]]").skip(1).map(|bin| bin.split('"').nth(1).unwrap()).collect();
    targets.sort_unstable();
    assert_eq!(targets, expected);
    let table = include_str!("../fuzz/README.md").lines().filter(|line| line.starts_with('|')).skip(2);
    let first = table.map(|line| line.split('|').nth(1).unwrap());
    let mut listed: Vec<_> = first.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect();
    listed.sort_unstable();
    assert_eq!(listed, expected);
    for name in names() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("fuzz/fuzz_targets/{name}.rs"));
        let text = fs::read_to_string(file).unwrap();
        assert!(text.contains(&format!("fuzz_bodies::run(\"{name}\", data)")), "{name}");
        assert!(!seeds(name).is_empty(), "{name} has no seeds");
    }
}

#[test]
fn the_seeds_stay_small() {
    let size: usize = names().flat_map(seeds).map(|seed| seed.len()).sum();
    assert!(size < 500_000, "{size} octets");
}

#[test]
fn every_body_has_a_test_here() {
    let tested = include_str!("fuzz_smoke.rs");
    for name in names() {
        assert!(tested.contains(&format!("(\"{name}\"")), "{name}");
    }
}

#[test]
fn rtp_is_read_as_written() {
    smoke("rtp");
}

#[test]
fn rtcp_compounds_are_read_as_written() {
    smoke("rtcp_compound");
}

#[test]
fn null_packets_come_back() {
    smoke("null_packet");
}

#[test]
fn any_rist_url_is_taken_apart() {
    smoke("rist_url");
}

#[test]
fn any_udp_url_is_taken_apart() {
    smoke("udp_url");
}

#[test]
fn a_trailer_holds_what_was_stored() {
    smoke("trailer");
}

#[test]
fn a_receiver_bears_any_sequence_of_calls() {
    smoke("receiver_session");
}

#[test]
fn a_sender_bears_any_sequence_of_calls() {
    smoke("sender_session");
}

#[test]
fn tunnel_packets_are_read_as_written() {
    smoke("gre");
}

#[test]
fn flow_attributes_are_read_as_written() {
    smoke("flow_attribute");
}

#[test]
fn advanced_packets_are_read_as_written() {
    smoke("advanced");
}

#[test]
fn blocks_are_decompressed_within_bounds() {
    smoke("lz4");
}

#[test]
fn only_what_was_sealed_is_opened() {
    smoke_of("aead", 10_000);
}

#[test]
fn login_frames_are_read_as_written() {
    smoke("eapol");
}

#[test]
fn a_login_bears_any_sequence_of_calls() {
    smoke("auth");
}

#[test]
fn a_main_receiver_bears_any_sequence_of_calls() {
    smoke("main_receiver_session");
}

#[test]
fn a_main_sender_bears_any_sequence_of_calls() {
    smoke("main_sender_session");
}

#[test]
fn an_advanced_receiver_bears_any_sequence_of_calls() {
    smoke("advanced_receiver_session");
}

#[test]
fn an_advanced_sender_bears_any_sequence_of_calls() {
    smoke("advanced_sender_session");
}

#[test]
fn keep_alives_are_read_and_shown() {
    smoke_of("keep_alive", 10_000);
}

#[test]
fn groups_and_verifiers_are_checked() {
    smoke_of("srp_group", 5000);
}

#[test]
fn passphrases_are_opened_once() {
    smoke_of("sealed_passphrase", 10_000);
}

#[test]
fn a_pair_keeps_its_promises_over_any_network() {
    smoke_of("pair", 3000);
}

/// A body that checks deliveries checks nothing if there are none.
#[test]
fn the_seeds_of_pairs_and_programs_deliver() {
    for seed in seeds("pair") {
        let (delivered, written) = fuzz_bodies::pair_of_sessions(&seed);
        assert!(written >= 10 && delivered * 2 > written, "{delivered} of {written}");
    }
    let received: Vec<_> = seeds("capi").iter().map(|seed| fuzz_bodies::c_program(seed)).collect();
    assert!(received.iter().filter(|blocks| **blocks > 0).count() >= 3, "{received:?}");
}

#[test]
fn a_clumsy_c_program_is_borne() {
    smoke_of("capi", 200);
}

#[test]
fn a_flood_of_strangers_makes_a_bounded_number_of_peers_and_flows() {
    fuzz_bodies::flood(20_000);
}
