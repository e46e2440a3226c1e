//! Compounds of all that we write are read back; of others' extended reports, too.

use crate::support::cases;
use proptest::prelude::*;
use rist::wire::rtcp::*;

#[derive(Debug, Clone)]
enum Message {
    Sender(SenderReport),
    Receiver(ReceiverReport),
    Name(u32, Vec<u8>),
    Bye(u32),
    EchoRequest(Echo),
    EchoResponse(Echo),
    ReferenceTime(u32, u64),
    /// libRIST's answer, which we only read: who, of what type, and (target, LRR, DLRR) of each.
    LastReports(u32, u8, Vec<(u32, u32, u32)>),
    Nack(u32, Vec<u16>),
}

prop_compose! {
    fn block()(ssrc: u32, fraction_lost: u8, cumulative_lost in 0u32..1 << 24, highest_seq: u32, jitter: u32,
               last_sr: u32, delay_since_sr: u32) -> ReportBlock {
        ReportBlock { ssrc, fraction_lost, cumulative_lost, highest_seq, jitter, last_sr, delay_since_sr }
    }
}

prop_compose! {
    fn echo()(ssrc: u32, timestamp: u64, delay_us: u32, padding in 0usize..70) -> Echo {
        Echo { ssrc, timestamp, delay_us, padding }
    }
}

prop_compose! {
    fn sender_report()(ssrc: u32, ntp: u64, rtp_timestamp: u32, packets: u32, octets: u32) -> SenderReport {
        SenderReport { ssrc, ntp, rtp_timestamp, packets, octets }
    }
}

fn message() -> impl Strategy<Value = Message> {
    let receiver = (any::<u32>(), prop::option::of(block())).prop_map(|(ssrc, block)| ReceiverReport { ssrc, block });
    let report =
        (any::<u32>(), prop_oneof![Just(207u8), Just(77)], prop::collection::vec(any::<(u32, u32, u32)>(), 1..4));
    prop_oneof![
        sender_report().prop_map(Message::Sender),
        receiver.prop_map(Message::Receiver),
        (any::<u32>(), prop::collection::vec(any::<u8>(), 0..200)).prop_map(|(ssrc, name)| Message::Name(ssrc, name)),
        any::<u32>().prop_map(Message::Bye),
        echo().prop_map(Message::EchoRequest),
        echo().prop_map(Message::EchoResponse),
        any::<(u32, u64)>().prop_map(|(ssrc, ntp)| Message::ReferenceTime(ssrc, ntp)),
        report.prop_map(|(ssrc, kind, entries)| Message::LastReports(ssrc, kind, entries)),
        (any::<u32>(), prop::collection::vec(any::<u16>(), 1..9)).prop_map(|(ssrc, seqs)| Message::Nack(ssrc, seqs)),
    ]
}

fn write(out: &mut Vec<u8>, message: &Message) {
    match message {
        Message::Sender(report) => write_sender_report(out, report),
        Message::Receiver(report) => write_receiver_report(out, report),
        Message::Name(ssrc, name) => write_sdes(out, *ssrc, name),
        Message::Bye(ssrc) => write_bye(out, *ssrc),
        Message::EchoRequest(echo) => write_echo_request(out, echo),
        Message::EchoResponse(echo) => write_echo_response(out, echo),
        Message::ReferenceTime(ssrc, ntp) => write_ref_time(out, *ssrc, *ntp),
        Message::LastReports(ssrc, kind, entries) => {
            let words = 3 * entries.len() as u16;
            out.extend([0x80, *kind]);
            out.extend((words + 2).to_be_bytes());
            out.extend(ssrc.to_be_bytes());
            out.extend([5, 0]);
            out.extend(words.to_be_bytes());
            for (target, lrr, dlrr) in entries {
                out.extend([target, lrr, dlrr].into_iter().flat_map(|word| word.to_be_bytes()));
            }
        }
        Message::Nack(ssrc, seqs) => {
            write_nack_range(out, *ssrc, seqs, usize::MAX);
        }
    }
}

fn whole_words(echo: Echo) -> Echo {
    Echo { padding: echo.padding.next_multiple_of(4), ..echo }
}

/// What a message is read as.
fn meant(message: &Message) -> Vec<Rtcp<'_>> {
    vec![match message {
        Message::Sender(report) => Rtcp::SenderReport(*report),
        Message::Receiver(report) => Rtcp::ReceiverReport(*report),
        Message::Name(ssrc, name) => Rtcp::Sdes { ssrc: *ssrc, cname: &name[..name.len().min(127)] },
        Message::Bye(ssrc) => Rtcp::Bye { ssrc: *ssrc },
        Message::EchoRequest(echo) => Rtcp::EchoRequest(whole_words(*echo)),
        Message::EchoResponse(echo) => Rtcp::EchoResponse(whole_words(*echo)),
        Message::ReferenceTime(ssrc, ntp) => Rtcp::ReferenceTime { ssrc: *ssrc, ntp: *ntp },
        Message::LastReports(ssrc, _, entries) => {
            let entry = |(target, lrr, dlrr): &(u32, u32, u32)| Rtcp::LastReport {
                ssrc: *ssrc,
                target: *target,
                lrr: *lrr,
                dlrr: *dlrr,
            };
            return entries.iter().map(entry).collect();
        }
        Message::Nack(..) => return Vec::new(),
    }]
}

fn is_nack(message: &Rtcp<'_>) -> bool {
    matches!(message, Rtcp::Nack(_))
}

proptest! {
    #![proptest_config(cases(1000))]

    #[test]
    fn what_is_written_is_read(messages in prop::collection::vec(message(), 0..12)) {
        let mut datagram = Vec::new();
        messages.iter().for_each(|message| write(&mut datagram, message));
        prop_assert_eq!(datagram.len() % 4, 0);
        let read: Result<Vec<Rtcp<'_>>, _> = Compound::new(&datagram).collect();
        let read = read.expect("our own compound");
        let (nacks, rest): (Vec<Rtcp<'_>>, Vec<Rtcp<'_>>) = read.into_iter().partition(is_nack);
        let expected: Vec<Rtcp<'_>> = messages.iter().flat_map(meant).collect();
        prop_assert_eq!(rest, expected);
        let asked = messages.iter().filter(|message| matches!(message, Message::Nack(..))).count();
        prop_assert_eq!(nacks.len(), asked);
    }

    #[test]
    fn what_is_cut_off_is_read_up_to_there(messages in prop::collection::vec(message(), 1..6), at: prop::sample::Index) {
        let mut datagram = Vec::new();
        messages.iter().for_each(|message| write(&mut datagram, message));
        let whole: Vec<_> = Compound::new(&datagram).collect();
        let cut: Vec<_> = Compound::new(&datagram[..at.index(datagram.len())]).collect();
        let good = cut.iter().take_while(|item| item.is_ok()).count();
        prop_assert_eq!(&cut[..good], &whole[..good]);
        prop_assert!(cut.len() <= good + 1, "one error, and nothing after it");
    }
}
