//! Many peers on one port: several senders, several receivers, and a reflector between them.

use crate::host::Clock;
use crate::network::Link;
use crate::pair::{FLOW, Path, Setup, call, listen, receiver_config, sender_config};
use crate::world::World;
use rist::protocol::config::{PeerConfig, Profile};
use rist::protocol::session::SessionConfig;
use rist::protocol::time::Span;

/// 5 % loss on every way; 20 ms there and 20 ms back.
fn setup() -> Setup {
    let link = Link { delay: Span::from_millis(20), loss: 0.05, ..Link::default() };
    Setup::new(Path::both(link)).main_profile()
}

fn host(world: &mut World, config: SessionConfig, number: u64) -> usize {
    let config = SessionConfig { profile: Profile::Main, seed: config.seed + number, ..config };
    world.add_host(config, Clock::default())
}

fn connect(world: &mut World, setup: &Setup, near: usize, far: usize) {
    let Path { forth, back, .. } = setup.paths[0].clone();
    world.connect(0, near, far, forth, back);
}

fn modes() -> Vec<(&'static str, Setup)> {
    vec![
        ("clear", setup()),
        ("encrypted", setup().secret(rist::crypto::psk::KeySize::Aes128)),
        ("logged in", setup().login()),
    ]
}

/// Each stream is whole at each of these hosts.
#[track_caller]
fn assert_whole(world: &World, setup: &Setup, pairs: &[(u32, usize)], mode: &str) {
    let bounds = crate::invariants::Bounds::of(setup);
    for (stream, host) in pairs {
        let verdict = bounds.clone().check(world, *stream, *host);
        assert!(verdict.delivered > 0, "{mode}: stream {stream} reaches host {host}");
        verdict.assert(setup);
        verdict.assert_complete();
    }
}

#[test]
fn several_senders_share_one_listening_port() {
    for (mode, setup) in modes() {
        let mut world = World::new(7);
        let receiver = host(&mut world, receiver_config(), 0);
        listen(&mut world, receiver, 0, &setup.peer);
        let senders: Vec<usize> = (0..3)
            .map(|number| {
                let sender = host(&mut world, sender_config(FLOW + 2 * number), u64::from(number));
                connect(&mut world, &setup, sender, receiver);
                call(&mut world, sender, receiver, 0, 0, setup.peer.clone());
                sender
            })
            .collect();
        world.run_for(Span::from_secs(6));
        let streams: Vec<(u32, usize)> = senders
            .iter()
            .map(|sender| (world.write_for(*sender, setup.length, setup.pattern.clone()), receiver))
            .collect();
        world.run_for(setup.length + Span::from_secs(7));
        assert_whole(&world, &setup, &streams, mode);
    }
}

#[test]
fn several_receivers_share_one_listening_sender() {
    for (mode, setup) in modes() {
        let mut world = World::new(8);
        let sender = host(&mut world, sender_config(FLOW), 0);
        listen(&mut world, sender, 0, &setup.peer);
        let receivers: Vec<usize> = (0..3)
            .map(|number| {
                let receiver = host(&mut world, receiver_config(), number);
                connect(&mut world, &setup, receiver, sender);
                call(&mut world, receiver, sender, 0, 0, setup.peer.clone());
                receiver
            })
            .collect();
        world.run_for(Span::from_secs(6));
        let stream = world.write_for(sender, setup.length, setup.pattern.clone());
        world.run_for(setup.length + Span::from_secs(7));
        let streams: Vec<(u32, usize)> = receivers.into_iter().map(|receiver| (stream, receiver)).collect();
        assert_whole(&world, &setup, &streams, mode);
    }
}

/// libRIST 0.2.17: one publisher, three subscribers, all callers of the same listener.
#[test]
fn a_reflector_repairs_for_each_subscriber_what_is_lost_on_its_way() {
    for (mode, setup) in modes() {
        let mut world = World::new(9);
        let reflector = host(&mut world, receiver_config(), 0);
        listen(&mut world, reflector, 0, &PeerConfig { reflector: true, ..setup.peer.clone() });
        let publisher = host(&mut world, sender_config(FLOW), 0);
        connect(&mut world, &setup, publisher, reflector);
        call(&mut world, publisher, reflector, 0, 0, setup.peer.clone());
        // What is lost before the reflector comes later, so subscribers wait longer.
        let mut patient = setup.clone().buffer(2500);
        patient.peer.credentials = setup.peer.credentials.clone();
        let subscribers: Vec<usize> = (1..4)
            .map(|number| {
                let subscriber = host(&mut world, receiver_config(), number);
                connect(&mut world, &setup, subscriber, reflector);
                call(&mut world, subscriber, reflector, 0, 0, patient.peer.clone());
                subscriber
            })
            .collect();
        world.run_for(Span::from_secs(6));
        let stream = world.write_for(publisher, setup.length, setup.pattern.clone());
        world.run_for(setup.length + Span::from_secs(12));
        for subscriber in &subscribers {
            let Some(reception) = world.books.receptions.get(&(stream, *subscriber)) else {
                panic!("{mode}: nothing reaches host {subscriber}");
            };
            let written = world.books.streams[&stream].packets.len() as u64;
            assert!(reception.delivered + 5 >= written, "{mode}: {} of {written}", reception.delivered);
        }
        assert_whole(&world, &setup, &[(stream, reflector)], mode);
    }
}
