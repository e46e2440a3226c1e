//! Creating, starting and ending contexts.

mod runtime;

use parking_lot::Mutex;
use rist::protocol::config::{Profile, Role};
use rist::protocol::output::Level;
use rist::runtime::callbacks::{Callbacks, ConnectionStatus};
use rist::runtime::context::{Context, Error, PeerAddress};
use rist::runtime::log::Logger;
use runtime::{Link, call, context, fds_and_threads, free_port, listen, logged, options, packet, wait_until};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Tests of one binary run at once: those that count descriptors keep the others out.
static ALONE: Mutex<()> = Mutex::new(());

#[test]
fn a_thousand_cycles_leave_nothing_behind() {
    let _alone = ALONE.lock();
    let cycle = || {
        let link = Link::new();
        link.sender.write(packet(b"media")).unwrap();
        link.destroy();
    };
    cycle();
    let before = fds_and_threads();
    for _ in 0..1000 {
        cycle();
    }
    // A joined thread may stay listed for a moment.
    wait_until("threads and descriptors to be as before", || fds_and_threads() == before);
}

#[test]
fn a_dropped_context_ends_too() {
    let _alone = ALONE.lock();
    let before = fds_and_threads();
    drop(Link::new());
    wait_until("threads and descriptors to be as before", || fds_and_threads() == before);
}

#[test]
fn destroying_takes_no_time() {
    let _alone = ALONE.lock();
    let mut times: Vec<_> = (0..20)
        .map(|_| {
            let link = Link::new();
            let start = Instant::now();
            link.destroy();
            start.elapsed()
        })
        .collect();
    times.sort();
    assert!(times[10] < Duration::from_millis(20), "{times:?}");
}

#[test]
fn starting_is_possible_once_and_ending_any_number_of_times() {
    let _alone = ALONE.lock();
    let receiver = context(Role::Receiver);
    assert!(!receiver.is_started());
    receiver.start().unwrap();
    assert_eq!(receiver.start(), Err(Error::AlreadyStarted));
    assert_eq!(receiver.set_fifo_size(16), Err(Error::AlreadyStarted));
    receiver.destroy();
    receiver.destroy();
    assert_eq!(receiver.start(), Err(Error::Closed));
    assert_eq!(receiver.add_peer(options("rist://@127.0.0.1:0")), Err(Error::Closed));
    assert!(matches!(receiver.read(Duration::ZERO), Err(Error::Closed)));
    let sender = context(Role::Sender);
    sender.destroy();
    assert_eq!(sender.write(packet(b"media")), Err(Error::Closed));
}

#[test]
fn roles_are_kept_apart() {
    let _alone = ALONE.lock();
    let (receiver, sender) = (context(Role::Receiver), context(Role::Sender));
    assert_eq!(receiver.write(packet(b"media")), Err(Error::WrongRole));
    assert!(matches!(sender.read(Duration::ZERO), Err(Error::WrongRole)));
    assert_eq!(sender.set_fifo_size(16), Err(Error::WrongRole));
    assert_eq!(sender.write(packet(b"")), Err(Error::InvalidArgument));
    assert_eq!(sender.write(packet(&[0; 9969])), Err(Error::InvalidArgument));
    assert_eq!(sender.write(packet(&[0; 64 * 1460 + 1])), Err(Error::InvalidArgument));
    assert!(Context::new(Role::Sender, Profile::Simple, 7, Logger::default()).is_err());
    assert_ne!(sender.flow_id().unwrap(), 0);
    sender.set_flow_id(7).unwrap();
    assert_eq!(sender.flow_id(), Ok(6));
}

#[test]
fn a_blocked_reader_wakes_when_the_context_ends() {
    let _alone = ALONE.lock();
    let link = Link::new();
    let readers: Vec<_> = (0..3)
        .map(|_| {
            let receiver = Arc::clone(&link.receiver);
            std::thread::spawn(move || receiver.read(Duration::from_secs(600)).map(|_| ()))
        })
        .collect();
    link.destroy();
    for reader in readers {
        assert_eq!(reader.join().unwrap(), Err(Error::Closed));
    }
}

/// Destroys `of` from a callback that `set` installs, and checks that nothing is called afterwards.
fn destroy_in(of: Role, name: &str, set: impl FnOnce(&mut Callbacks, Arc<dyn Fn() + Send + Sync>)) {
    let _alone = ALONE.lock();
    let before = fds_and_threads();
    {
        let receiver = context(Role::Receiver);
        let port = free_port();
        let sender = context(Role::Sender);
        let victim = Arc::clone(if of == Role::Receiver { &receiver } else { &sender });
        let destroyed = Arc::new(AtomicBool::new(false));
        // That the call has begun is not enough: this thread's own could overtake it and tell the end.
        let returned = Arc::new(AtomicBool::new(false));
        let after = Arc::new(AtomicUsize::new(0));
        let (flag, done, late) = (Arc::clone(&destroyed), Arc::clone(&returned), Arc::clone(&after));
        let destroy_once = move || {
            if flag.swap(true, Ordering::SeqCst) {
                late.fetch_add(1, Ordering::SeqCst);
            } else {
                // Events of the end itself are told inside.
                let told_inside = late.load(Ordering::SeqCst);
                victim.destroy();
                late.store(told_inside, Ordering::SeqCst);
                done.store(true, Ordering::SeqCst);
            }
        };
        let of = Arc::clone(if of == Role::Receiver { &receiver } else { &sender });
        of.set_callbacks(|callbacks| set(callbacks, Arc::new(destroy_once)));
        listen(&receiver, port);
        receiver.start().unwrap();
        call(&sender, port);
        sender.start().unwrap();
        wait_until(name, || {
            let _ = sender.write(packet(b"media"));
            returned.load(Ordering::SeqCst)
        });
        receiver.destroy();
        sender.destroy();
        assert_eq!(after.load(Ordering::SeqCst), 0, "{name}: called after the end");
    }
    wait_until(name, || fds_and_threads() == before);
}

#[test]
fn the_context_may_be_destroyed_in_its_data_callback() {
    destroy_in(Role::Receiver, "data", |callbacks, destroy| {
        callbacks.data = Some(Arc::new(move |_| destroy()));
    });
}

#[test]
fn the_context_may_be_destroyed_in_a_statistics_callback() {
    destroy_in(Role::Receiver, "flow statistics", |callbacks, destroy| {
        callbacks.stats = Some(Arc::new(move |_| destroy()));
    });
}

#[test]
fn the_context_may_be_destroyed_in_a_senders_statistics_callback() {
    destroy_in(Role::Sender, "peer statistics", |callbacks, destroy| {
        callbacks.stats = Some(Arc::new(move |_| destroy()));
    });
    destroy_in(Role::Sender, "sender statistics", |callbacks, destroy| {
        callbacks.sender_stats = Some(Arc::new(move |_| destroy()));
    });
}

#[test]
fn the_context_may_be_destroyed_in_a_connection_callback() {
    for role in [Role::Receiver, Role::Sender] {
        destroy_in(role, "connection", |callbacks, destroy| {
            callbacks.connection = Some(Arc::new(move |_, _| destroy()));
        });
    }
}

#[test]
fn the_context_may_be_destroyed_in_an_admission_callback() {
    destroy_in(Role::Receiver, "admission", |callbacks, destroy| {
        callbacks.admission = Some(Arc::new(move |_| {
            destroy();
            true
        }));
    });
}

#[test]
fn the_context_may_be_destroyed_in_a_session_timeout_callback() {
    let _alone = ALONE.lock();
    let before = fds_and_threads();
    let receiver = context(Role::Receiver);
    let calls = Arc::new(AtomicUsize::new(0));
    let (victim, count) = (Arc::clone(&receiver), Arc::clone(&calls));
    receiver.set_callbacks(|callbacks| {
        callbacks.session_timeout = Some(Arc::new(move |flow_id| {
            assert_eq!(flow_id, 0);
            victim.destroy();
            count.fetch_add(1, Ordering::SeqCst);
        }));
    });
    receiver.start().unwrap();
    wait_until("the notice that there is no flow", || calls.load(Ordering::SeqCst) > 0);
    drop(receiver);
    wait_until("threads and descriptors to be as before", || fds_and_threads() == before);
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}

#[test]
fn the_context_may_be_destroyed_in_a_thread_callback() {
    destroy_in(Role::Sender, "thread", |callbacks, destroy| {
        callbacks.thread = Some(Arc::new(move |starts| {
            if starts {
                destroy();
            }
        }));
    });
}

#[test]
fn each_thread_tells_when_it_starts_and_ends() {
    let _alone = ALONE.lock();
    let receiver = context(Role::Receiver);
    let told = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&told);
    receiver.set_callbacks(|callbacks| {
        callbacks.thread = Some(Arc::new(move |starts| {
            sink.lock().push((std::thread::current().name().map(str::to_owned), starts));
        }));
    });
    receiver.start().unwrap();
    receiver.destroy();
    let told = told.lock();
    for name in ["rist-protocol", "rist-delivery"] {
        let of_one: Vec<_> =
            told.iter().filter(|(of, _)| of.as_deref() == Some(name)).map(|(_, starts)| *starts).collect();
        assert_eq!(of_one, [true, false]);
    }
    assert_eq!(told.len(), 4);
}

#[test]
fn the_end_is_told_as_timed_out_and_then_disconnected_on_the_destroying_thread() {
    let _alone = ALONE.lock();
    let told = Arc::new(Mutex::new(Vec::new()));
    let (status, gone) = (Arc::clone(&told), Arc::clone(&told));
    let link = Link::prepared(|receiver| {
        receiver.set_callbacks(|callbacks| {
            callbacks.admission = Some(Arc::new(|_| true));
            callbacks.connection = Some(Arc::new(move |_, state| {
                let word = if state == ConnectionStatus::TimedOut { "timed out" } else { "connected" };
                status.lock().push((word, std::thread::current().id()));
            }));
            let disconnect = move |_| gone.lock().push(("disconnected", std::thread::current().id()));
            callbacks.disconnect = Some(Arc::new(disconnect));
        });
    });
    wait_until("the connection", || told.lock().iter().any(|(word, _)| *word == "connected"));
    wait_until("media", || {
        link.sender.write(packet(b"media")).unwrap();
        link.receiver.read(Duration::ZERO).unwrap().is_some()
    });
    link.receiver.destroy();
    let at_the_end: Vec<_> = told.lock().clone();
    link.sender.destroy();
    assert_eq!(told.lock().len(), at_the_end.len());
    let words: Vec<_> = at_the_end.iter().map(|(word, _)| *word).collect();
    assert_eq!(words[..3], ["connected", "timed out", "disconnected"]);
    let this = std::thread::current().id();
    assert!(at_the_end[1..].iter().all(|(_, thread)| *thread == this));
}

#[test]
fn a_panic_kills_the_context_and_nothing_else() {
    let _alone = ALONE.lock();
    let (receiver, lines) = logged(Role::Receiver);
    receiver.set_callbacks(|callbacks| callbacks.session_timeout = Some(Arc::new(|_| panic!("on purpose"))));
    listen(&receiver, free_port());
    receiver.start().unwrap();
    wait_until("the panic", || lines.count(Level::Error, "internal error") == 1);
    assert!(matches!(receiver.read(Duration::from_secs(600)), Err(Error::Closed)));
    assert_eq!(receiver.add_peer(options("rist://@127.0.0.1:0")), Err(Error::Closed));
    receiver.destroy();
    assert_eq!(lines.count(Level::Error, "internal error"), 1);
}

#[test]
fn an_unknown_host_makes_a_peer_without_sockets() {
    let _alone = ALONE.lock();
    let (sender, lines) = logged(Role::Sender);
    let peer = sender.add_peer(options("rist://no-such-host.invalid:5000")).unwrap();
    assert_eq!(lines.count(Level::Error, "no-such-host.invalid"), 1);
    sender.start().unwrap();
    assert!(sender.has_peer(peer));
    assert_eq!(sender.peer_sockets(peer), Err(Error::Socket));
    assert_eq!(sender.write(packet(b"media")), Ok(5));
    sender.destroy();
    let mut manual = options("");
    manual.address = PeerAddress::Manual { host: "no-such-host.invalid".into(), port: 5000, call: true, ipv6: false };
    assert_eq!(context(Role::Sender).add_peer(manual), Err(Error::Socket));
}

#[test]
fn what_simple_cannot_do_is_refused_with_a_line() {
    let _alone = ALONE.lock();
    for (role, url) in [
        (Role::Receiver, "rist://127.0.0.1:5000"),
        (Role::Receiver, "rist://@127.0.0.1:5001"),
        (Role::Sender, "rist://@127.0.0.1:5000"),
        (Role::Sender, ""),
    ] {
        let (context, lines) = logged(role);
        assert_eq!(context.add_peer(options(url)), Err(Error::InvalidArgument), "{url}");
        assert_eq!(lines.all().iter().filter(|(level, _)| *level == Level::Error).count(), 1, "{url}");
    }
    let (receiver, lines) = logged(Role::Receiver);
    assert_eq!(receiver.add_peer(options("rist://@203.0.113.7:5000")), Err(Error::Socket));
    assert_eq!(lines.count(Level::Error, "could not create socket"), 1);
}

#[test]
fn other_profiles_are_told_apart() {
    let _alone = ALONE.lock();
    let main = Context::new(Role::Sender, Profile::Main, 0, Logger::default()).unwrap();
    assert_eq!(main.profile(), Profile::Main);
    let mut simple = options("rist://127.0.0.1:5000");
    simple.profile = Some(Profile::Simple);
    main.add_peer(simple).unwrap();
    assert_eq!(main.profile(), Profile::Simple);
    let mut disagrees = options("rist://127.0.0.1:5000");
    disagrees.profile = Some(Profile::Main);
    assert_eq!(main.add_peer(disagrees), Err(Error::InvalidArgument));
    main.add_peer(options("rist://127.0.0.1:5002")).unwrap();
}

#[test]
fn listeners_on_port_zero_get_a_pair() {
    let _alone = ALONE.lock();
    let receiver = context(Role::Receiver);
    let peer = receiver.add_peer(options("rist://@127.0.0.1:0")).unwrap();
    let (media, control) = receiver.peer_sockets(peer).unwrap();
    let port = |fd| runtime::duplicate(fd).local_addr().unwrap().as_socket().unwrap().port();
    assert_eq!(port(control.unwrap()), port(media) + 1);
}
