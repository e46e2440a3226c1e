//! The codecs: what is read can be written and read again.

use rist::wire::rtcp::{Compound, Nack, Rtcp, write_nack_bitmask, write_nack_range};
use rist::wire::rtp::{Header, Rtp};
use rist::wire::{classify, null_packet};

pub(super) fn rtp(data: &[u8]) {
    let kind = classify(data);
    let Ok(rtp) = Rtp::parse(data) else { return };
    assert!(kind.is_ok(), "parsed, but of no kind");
    assert!(rtp.payload.len() + 12 <= data.len());
    let null_packets = rtp.extension.and_then(|extension| extension.null_packets);
    let Rtp { payload_type, seq, timestamp, ssrc, .. } = rtp;
    let mut header = [0; Header::MAX_LEN];
    let len = Header { payload_type, seq, timestamp, ssrc, null_packets }.write(&mut header);
    let again = [&header[..len], rtp.payload].concat();
    let again = Rtp::parse(&again).expect("what we write, we read");
    assert_eq!(
        (again.payload_type, again.seq, again.timestamp, again.ssrc, again.payload),
        (payload_type, seq, timestamp, ssrc, rtp.payload)
    );
    // The upper bit says that it counts 204-octet packets; the map is written whole.
    assert_eq!(again.extension.and_then(|extension| extension.null_packets), null_packets);
}

pub(super) fn rtcp_compound(data: &[u8]) {
    let mut count = 0;
    for item in Compound::new(data) {
        count += 1;
        assert!(count <= data.len() / 4 + 1, "more packets than fit");
        match item {
            Ok(Rtcp::Nack(nack)) => requests(&nack),
            Ok(Rtcp::Sdes { cname, .. }) => assert!(cname.len() <= 255),
            Ok(Rtcp::EchoRequest(echo) | Rtcp::EchoResponse(echo)) => assert!(echo.padding < data.len()),
            Ok(_) | Err(_) => {}
        }
    }
}

/// The same requests, written by us, ask for the same packets.
fn requests(nack: &Nack<'_>) {
    const CAP: usize = 4096;
    let mut seqs: Vec<u16> = nack.sequences(CAP).collect();
    assert!(seqs.len() <= CAP);
    let Some(&first) = seqs.first() else { return };
    seqs.sort_by_key(|seq| seq.wrapping_sub(first));
    seqs.dedup();
    for range in [true, false] {
        let mut out = Vec::new();
        let consumed = match range {
            true => write_nack_range(&mut out, nack.media_ssrc(), &seqs, 16),
            false => write_nack_bitmask(&mut out, 1, nack.media_ssrc(), &seqs, 16),
        };
        assert!((1..=seqs.len()).contains(&consumed), "{consumed} of {}", seqs.len());
        assert!(out.len() <= 12 + 16 * 4);
        let items: Vec<_> = Compound::new(&out).collect();
        let [Ok(Rtcp::Nack(again))] = &items[..] else { panic!("not one NACK: {items:?}") };
        assert_eq!(again.media_ssrc(), nack.media_ssrc());
        assert!(again.sequences(usize::MAX).eq(seqs[..consumed].iter().copied()), "range {range}: {seqs:?}");
    }
}

pub(super) fn null_packet(data: &[u8]) {
    let Some((&map, payload)) = data.split_first() else { return };
    let (mut expanded, mut shrunk, mut again) = (Vec::new(), Vec::new(), Vec::new());
    if null_packet::expand(map, payload, &mut expanded).is_ok() {
        assert!(expanded.len() <= 7 * 204 && expanded.len() >= payload.len());
    }
    let Some(map) = null_packet::suppress(payload, &mut shrunk) else { return };
    assert!(shrunk.len() < payload.len());
    null_packet::expand(map, &shrunk, &mut expanded).expect("what we leave out, we put back");
    assert_eq!(expanded.len(), payload.len());
    assert_eq!(null_packet::suppress(&expanded, &mut again), Some(map));
    assert_eq!(again, shrunk);
}
