//! What shows that somebody is where its packets say, and what does not.

#[path = "support/session.rs"]
mod session;

use rist::protocol::config::{Profile, Role};
use rist::wire::gre::Form;
use rist::wire::rtcp::{Compound, Rtcp, write_echo_response};
use session::*;

/// Somebody with an address of its own comes at the same moment as under the victim's, and answers for the victim
/// what it is asked itself.
#[test]
fn who_is_asked_itself_can_not_answer_for_another() {
    for role in [Role::Sender, Role::Receiver] {
        let mut side = Side::new(role, Profile::Main, 3);
        side.listen(SOCKET, settings());
        let (own, victim) = (stranger(1), stranger(2));
        let hello = clear(Form::Reduced(FEEDBACK_PORTS), &name(FLOW, b"somebody"));
        side.hear(own, &hello);
        side.hear(victim, &hello);
        for round in 0..20u16 {
            side.pass_ms(100);
            // What came to the victim is not read.
            let own_sent: Vec<_> = side.sent.drain(..).filter(|(to, _)| *to == own).collect();
            for (_, datagram) in own_sent {
                for answer in answers(&datagram) {
                    let answer = clear(Form::Reduced(FEEDBACK_PORTS), &answer);
                    side.hear(victim, &answer);
                    side.hear(own, &answer);
                }
            }
            side.hear(own, &hello);
            side.hear(victim, &hello);
            if role == Role::Sender {
                side.write(&[0x47; 188]);
            } else {
                side.media(own, round, u32::from(round) * 9000);
            }
        }
        let media =
            |to| side.sent.iter().filter(|(whose, datagram)| *whose == to && carried(datagram).is_some()).count();
        if role == Role::Sender {
            assert!(media(own) > 0, "who answers gets the stream");
        }
        assert_eq!(media(victim), 0, "a stream goes to an address that has shown nothing");
    }
}

fn answers(datagram: &[u8]) -> Vec<Vec<u8>> {
    let Some(compound) = feedback(datagram) else { return Vec::new() };
    let requests = Compound::new(&compound).filter_map(|item| match item {
        Ok(Rtcp::EchoRequest(echo)) => Some(echo),
        _ => None,
    });
    let answer = |echo| {
        let mut out = Vec::new();
        write_echo_response(&mut out, &echo);
        out
    };
    requests.map(answer).collect()
}
