//! Keep-alives with their JSON: the codec, and what a receiver makes of them.

use rist::protocol::config::{PeerConfig, Profile, Role};
use rist::protocol::output::{Output, SocketId};
use rist::protocol::payload::Pool;
use rist::protocol::session::{PeerSetup, Remote, Session, SessionConfig};
use rist::protocol::time::{Span, Time};
use rist::wire::gre::{Content, Form, Header, KeepAlive, Ports, protocol};
use rist::wire::rtcp::{ReceiverReport, write_receiver_report, write_sdes};
use std::net::{Ipv4Addr, SocketAddr};

pub(super) fn keep_alive(data: &[u8]) {
    // A message, as in version 0 of the tunnel and in later ones.
    let content = Content::parse(protocol::KEEP_ALIVE, data);
    let (vsf, prefix, len) = Form::KeepAlive.prefix(2);
    assert_eq!(Content::parse(vsf, &[&prefix[..len], data].concat()), content);
    let Ok(Content::KeepAlive(message)) = content else {
        assert!(data.len() < 8 && content.is_err(), "{content:?}");
        return;
    };
    let extension = if message.extension.is_some() { 4 } else { 0 };
    assert_eq!((&message.mac[..], &message.capabilities[..]), (&data[..6], &data[6..8]));
    assert_eq!(message.json, &data[8 + extension..]);
    let mut again = Vec::new();
    message.write(&mut again);
    assert_eq!(again, data);
    shown(&message);
}

/// A receiver hears it twice from one that it knows: what is logged is text, in moderation, and nothing is sent back.
fn shown(message: &KeepAlive<'_>) {
    let local = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 5000);
    let from = SocketAddr::new(Ipv4Addr::new(192, 0, 2, 7).into(), 5000);
    let config = SessionConfig { role: Role::Receiver, profile: Profile::Main, flow_id: 0, seed: 7 };
    let mut session = Session::new(config, Pool::new());
    session.set_entropy(super::tunnel::entropy(1));
    let mut now = Time::from_ticks(1 << 60);
    let setup = PeerSetup {
        config: PeerConfig::default(),
        media: SocketId(0),
        control: SocketId(0),
        remote: Remote::Listen { media: local, control: local },
        url: String::new(),
        miface: String::new(),
    };
    session.add_peer(now, setup).expect("a listener");
    let mut report = Vec::new();
    write_receiver_report(&mut report, &ReceiverReport { ssrc: 0x1000, block: None });
    write_sdes(&mut report, 0x1000, b"fuzz");
    let mut text = Vec::new();
    message.write(&mut text);
    let ports = Ports { source: 0x8000, destination: 1968 };
    let datagrams = [(Form::Reduced(ports), &report), (Form::KeepAlive, &text), (Form::KeepAlive, &text)];
    for (number, (form, message)) in datagrams.into_iter().enumerate() {
        let (protocol, prefix, len) = form.prefix(2);
        let mut head = [0; Header::MAX_LEN];
        let header = Header { version: 2, protocol, key: None, sequence: number as u32 };
        let head_len = header.write(&mut head);
        let datagram = [&head[..head_len], &prefix[..len], message].concat();
        now += Span::from_millis(1);
        session.handle_datagram(now, SocketId(0), from, &datagram);
        let (mut lines, mut sent) = (0, 0);
        while let Some(output) = session.poll_output() {
            match output {
                Output::Log(_, line) => {
                    lines += 1;
                    assert!(line.len() < 1000 && !line.contains(char::is_control), "{line:?}");
                }
                Output::Transmit(_) => sent += 1,
                _ => {}
            }
        }
        assert!(number == 0 || (lines <= 2 - number && sent == 0), "{lines} lines and {sent} answers");
    }
}
