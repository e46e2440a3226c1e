//! Requests for retransmission: what is asked for is what is read.

use crate::support::cases;
use proptest::prelude::*;
use rist::wire::rtcp::{Compound, Nack, Rtcp, write_nack_bitmask, write_nack_range};

/// Numbers that ascend in flow order from any start: runs and holes of any length, and a few that come twice.
fn missing() -> impl Strategy<Value = Vec<u16>> {
    let step = prop_oneof![6 => Just(1u16), 2 => 2u16..18, 2 => 18u16..600, 1 => Just(0)];
    let steps = prop::collection::vec(step, 0..600);
    // Flow order is only known within half of the numbers.
    (any::<u16>(), steps).prop_map(|(start, steps)| {
        let far = |offset: &mut u16, step| {
            *offset = offset.saturating_add(step);
            (*offset < 0x8000).then_some(*offset)
        };
        steps.into_iter().scan(0, |offset, step| far(offset, step)).map(|offset| start.wrapping_add(offset)).collect()
    })
}

fn write(bitmask: bool, out: &mut Vec<u8>, seqs: &[u16], most: usize) -> usize {
    match bitmask {
        true => write_nack_bitmask(out, 0, 6, seqs, most),
        false => write_nack_range(out, 6, seqs, most),
    }
}

/// The numbers and how many records they took.
fn read(packet: &[u8], cap: usize) -> (Vec<u16>, usize) {
    let mut compound = Compound::new(packet);
    let (Some(Ok(Rtcp::Nack(nack))), None) = (compound.next(), compound.next()) else { panic!("not one NACK") };
    assert_eq!(nack.media_ssrc(), 6);
    let (Nack::Range { records, .. } | Nack::Bitmask { records, .. }) = nack;
    (nack.sequences(cap).collect(), records.len() / 4)
}

fn distinct(seqs: &[u16]) -> Vec<u16> {
    let mut seqs = seqs.to_vec();
    seqs.dedup();
    seqs
}

/// As few records as there can be: from the first number that is not covered, each as far as it reaches.
fn fewest(bitmask: bool, seqs: &[u16]) -> usize {
    let (mut records, mut first, mut last) = (0, 0u16, None);
    for seq in distinct(seqs) {
        let offset = seq.wrapping_sub(first);
        let covered = last.is_some_and(|last| match bitmask {
            true => offset <= 16,
            false => seq == u16::wrapping_add(last, 1) && offset < 256,
        });
        if !covered {
            (records, first) = (records + 1, seq);
        }
        last = Some(seq);
    }
    records
}

proptest! {
    #![proptest_config(cases(600))]

    #[test]
    fn all_that_is_missing_is_asked_for_and_nothing_else(seqs in missing(), bitmask: bool) {
        let mut out = Vec::new();
        prop_assert_eq!(write(bitmask, &mut out, &seqs, usize::MAX), seqs.len());
        prop_assert_eq!(out.is_empty(), seqs.is_empty());
        prop_assume!(!seqs.is_empty());
        prop_assert_eq!(read(&out, usize::MAX), (distinct(&seqs), fewest(bitmask, &seqs)));
    }

    #[test]
    fn what_does_not_fit_into_one_packet_goes_into_the_next(seqs in missing(), bitmask: bool, most in 1usize..20) {
        let (mut rest, mut asked) = (&seqs[..], Vec::new());
        while !rest.is_empty() {
            let mut out = Vec::new();
            let consumed = write(bitmask, &mut out, rest, most);
            prop_assert!(consumed > 0);
            let (numbers, records) = read(&out, usize::MAX);
            prop_assert!(records <= most);
            prop_assert_eq!(&numbers, &distinct(&rest[..consumed]));
            asked.extend(numbers);
            rest = &rest[consumed..];
        }
        asked.dedup();
        prop_assert_eq!(asked, distinct(&seqs));
    }

    #[test]
    fn any_records_are_read_within_the_caps(
        records in prop::collection::vec(any::<[u8; 4]>(), 0..300),
        bitmask: bool,
        cap in 0usize..5000,
    ) {
        let words = records.len() as u16 + 2;
        let head = if bitmask { [0x81, 205] } else { [0x80, 204] };
        let name = if bitmask { [0, 0, 0, 6] } else { *b"RIST" };
        let packet = [&head[..], &words.to_be_bytes(), &[0, 0, 0, 6], &name, &records.concat()].concat();
        let (numbers, _) = read(&packet, cap);
        let most = records.len() * if bitmask { 17 } else { 256 };
        prop_assert!(numbers.len() <= cap.min(most));
        let (all, _) = read(&packet, usize::MAX);
        prop_assert_eq!(&numbers[..], &all[..cap.min(all.len())]);
        for [a, b, ..] in records {
            prop_assert!(all.contains(&u16::from_be_bytes([a, b])));
        }
    }
}
