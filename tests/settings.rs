//! The setters of the C ABI reach a running context: seen on the wire, on loopback.
#![allow(unsafe_code)] // They are called as C calls them.

use parking_lot::Mutex;
mod support;

use rist::capi::headers::{rist_ctx, rist_peer};
use rist::capi::librist::{rist_destroy, rist_jitter_max_set, rist_recovery_rtt_multiplier_set, rist_start};
use rist::capi::peer::{
    rist_parse_address2, rist_peer_config, rist_peer_config_free2, rist_peer_create, rist_peer_weight_set,
};
use rist::capi::receiver::{rist_receiver_create, rist_receiver_nack_type_set};
use rist::capi::sender::*;
use rist::capi::stats::{rist_stats, rist_stats_callback_set, rist_stats_free};
use rist::wire::rtcp::{self, ReceiverReport};
use std::ffi::{CString, c_int, c_void};
use std::net::{SocketAddr, UdpSocket};
use std::ptr::null_mut;
use std::time::{Duration, Instant};
use support::context::Context as Logged;

const PATIENCE: Duration = Duration::from_secs(20);

/// A context of the library, called as C calls it.
struct Context(*mut rist_ctx);

impl Context {
    fn sender() -> Self {
        let mut ctx = null_mut();
        // SAFETY: a place for the context; no logging settings.
        assert_eq!(unsafe { rist_sender_create(&mut ctx, 0, 0x1000, null_mut()) }, 0);
        Self(ctx)
    }

    fn receiver() -> Self {
        Self::receiver_of(0)
    }

    fn receiver_of(profile: c_int) -> Self {
        let mut ctx = null_mut();
        // SAFETY: a place for the context; no logging settings.
        assert_eq!(unsafe { rist_receiver_create(&mut ctx, profile, null_mut()) }, 0);
        Self(ctx)
    }

    fn peer(&self, url: &str) -> *mut rist_peer {
        let url = CString::new(url).expect("no NUL");
        let mut config: *mut rist_peer_config = null_mut();
        let mut peer = null_mut();
        // SAFETY: a C string and a place for the configuration.
        assert_eq!(unsafe { rist_parse_address2(url.as_ptr(), &mut config) }, 0);
        // SAFETY: the configuration was just made.
        assert_eq!(unsafe { rist_peer_create(self.0, &mut peer, config) }, 0);
        // SAFETY: freed once.
        assert_eq!(unsafe { rist_peer_config_free2(&mut config) }, 0);
        peer
    }

    fn start(&self) {
        // SAFETY: the context is alive.
        assert_eq!(unsafe { rist_start(self.0) }, 0);
    }

    fn write(&self, payload: &[u8]) {
        assert_eq!(support::context::write(self.0, payload), payload.len() as c_int);
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: destroyed once.
        unsafe { rist_destroy(self.0) };
    }
}

/// An even port and the odd one above it, both ours.
fn port_pair() -> (UdpSocket, UdpSocket, u16) {
    loop {
        let even = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        let port = even.local_addr().expect("bound").port();
        if port.is_multiple_of(2)
            && let Ok(odd) = UdpSocket::bind(("127.0.0.1", port + 1))
        {
            return (even, odd, port);
        }
    }
}

/// The first datagram that `wanted` makes something of.
fn heard<T>(socket: &UdpSocket, mut wanted: impl FnMut(&[u8], SocketAddr) -> Option<T>) -> T {
    let (deadline, mut bytes) = (Instant::now() + PATIENCE, [0; 2048]);
    loop {
        let left = deadline.checked_duration_since(Instant::now()).expect("waited in vain for a datagram");
        socket.set_read_timeout(Some(left.max(Duration::from_millis(1)))).expect("a time-out");
        let Ok((len, from)) = socket.recv_from(&mut bytes) else { continue };
        if let Some(found) = wanted(&bytes[..len], from) {
            return found;
        }
    }
}

fn media(socket: &UdpSocket) -> Vec<u8> {
    heard(socket, |bytes, _| (bytes[1] & 0x7f == 33).then(|| bytes.to_vec()))
}

/// A sender that calls a socket of ours.
fn sending() -> (Context, UdpSocket, UdpSocket) {
    let (even, odd, port) = port_pair();
    let sender = Context::sender();
    sender.peer(&format!("rist://127.0.0.1:{port}"));
    sender.start();
    (sender, even, odd)
}

#[test]
fn null_packet_deletion_is_switched_while_running() {
    let (sender, even, _odd) = sending();
    let mut packets = [0xffu8; 2 * 188];
    packets[..4].copy_from_slice(&[0x47, 0x01, 0x00, 0x10]);
    packets[188..192].copy_from_slice(&[0x47, 0x1f, 0xff, 0x10]);
    let enabled = || {
        let mut on = false;
        // SAFETY: the context is alive, `on` is a place for the answer.
        assert_eq!(unsafe { rist_sender_npd_get(sender.0, &mut on) }, 0);
        on
    };
    assert!(!enabled());
    sender.write(&packets);
    assert_eq!(media(&even).len(), 12 + 2 * 188);
    // SAFETY: the context is alive.
    assert_eq!(unsafe { rist_sender_npd_enable(sender.0) }, 0);
    assert!(enabled());
    sender.write(&packets);
    assert_eq!(media(&even).len(), 12 + 8 + 188);
    // SAFETY: the context is alive.
    assert_eq!(unsafe { rist_sender_npd_disable(sender.0) }, 0);
    assert!(!enabled());
    sender.write(&packets);
    assert_eq!(media(&even).len(), 12 + 2 * 188);
}

#[test]
fn the_flow_id_is_changed_while_running_and_named_at_once() {
    let (sender, even, odd) = sending();
    let flow_id = || {
        let mut id = 0;
        // SAFETY: the context is alive, `id` is a place for the answer.
        assert_eq!(unsafe { rist_sender_flow_id_get(sender.0, &mut id) }, 0);
        id
    };
    assert_eq!(flow_id(), 0x1000);
    sender.write(b"before");
    assert_eq!(media(&even)[8..12], 0x1000u32.to_be_bytes());
    // SAFETY: the context is alive.
    assert_eq!(unsafe { rist_sender_flow_id_set(sender.0, 0x2001) }, 0);
    assert_eq!(flow_id(), 0x2000);
    sender.write(b"after");
    assert_eq!(media(&even)[8..12], 0x2000u32.to_be_bytes());
    heard(&odd, |bytes, _| (bytes[1] == 200 && bytes[4..8] == 0x2000u32.to_be_bytes()).then_some(()));
    // SAFETY: the context is alive.
    assert_eq!(unsafe { rist_sender_flow_id_set(sender.0, 0) }, -1);
}

/// How much media each of these sockets has got, once so much has come to all of them. The rest of a burst leaves just after
/// it was written.
fn shared<const N: usize>(pairs: &[(UdpSocket, UdpSocket, u16); N], total: usize) -> [usize; N] {
    let mut shares = [0; N];
    let mut bytes = [0; 2048];
    let mut come = || {
        for ((even, ..), share) in pairs.iter().zip(&mut shares) {
            even.set_nonblocking(true).expect("a mode");
            while even.recv(&mut bytes).is_ok() {
                *share += usize::from(bytes[1] & 0x7f == 33);
            }
        }
        (shares.iter().sum::<usize>() >= total).then_some(shares)
    };
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        match come() {
            Some(shares) => return shares,
            None => assert!(Instant::now() < deadline, "{shares:?} of {total}"),
        }
        std::thread::yield_now();
    }
}

/// The structure has no field for it: it travels behind the address.
#[test]
fn a_backup_waits_for_its_turn() {
    let pairs = [port_pair(), port_pair(), port_pair()];
    let sender = Context::sender();
    for (pair, terms) in pairs.iter().zip(["weight=5&backup=2", "backup=1", "weight=5&backup=1"]) {
        sender.peer(&format!("rist://127.0.0.1:{}?{terms}", pair.2));
    }
    sender.start();
    (0..40).for_each(|_| sender.write(b"media"));
    assert_eq!(shared(&pairs, 80), [0, 40, 40]);
}

#[test]
fn weights_are_changed_while_running() {
    let pairs = [port_pair(), port_pair()];
    let sender = Context::sender();
    let peers = [0, 1].map(|n| sender.peer(&format!("rist://127.0.0.1:{}?weight=5", pairs[n].2)));
    sender.start();
    let shares = |total| {
        (0..40).for_each(|_| sender.write(b"media"));
        shared(&pairs, total)
    };
    assert_eq!(shares(40), [20, 20]);
    // SAFETY: context and peer are alive.
    assert_eq!(unsafe { rist_peer_weight_set(sender.0, peers[1], 15) }, 0);
    assert_eq!(shares(40), [10, 30]);
    // SAFETY: context and peer are alive.
    assert_eq!(unsafe { rist_peer_weight_set(sender.0, peers[0], 0) }, 0);
    assert_eq!(shares(80), [40, 40]);
}

/// Makes a receiver ask for packets by streaming to it with a gap; the packet types of its request.
fn request(nack_type: Option<c_int>) -> Vec<u8> {
    let (even, odd, port) = port_pair();
    drop((even, odd));
    let receiver = Context::receiver();
    receiver.peer(&format!("rist://@127.0.0.1:{port}?buffer=5000"));
    receiver.start();
    if let Some(nack_type) = nack_type {
        // SAFETY: the context is alive.
        assert_eq!(unsafe { rist_receiver_nack_type_set(receiver.0, nack_type) }, 0);
    }
    let (even, odd, _) = port_pair();
    let mut name = Vec::new();
    rtcp::write_receiver_report(&mut name, &ReceiverReport { ssrc: 0x1000, block: None });
    rtcp::write_sdes(&mut name, 0x1000, b"a sender made by hand");
    odd.send_to(&name, ("127.0.0.1", port + 1)).expect("sent");
    // It knows us when it answers.
    heard(&odd, |_, _| Some(()));
    for seq in (0..20u16).filter(|seq| *seq != 10) {
        let mut packet = vec![0x80, 33];
        packet.extend_from_slice(&seq.to_be_bytes());
        packet.extend_from_slice(&(u32::from(seq) * 90).to_be_bytes());
        packet.extend_from_slice(&0x1000u32.to_be_bytes());
        packet.extend_from_slice(&[7; 1000]);
        even.send_to(&packet, ("127.0.0.1", port)).expect("sent");
    }
    heard(&odd, |bytes, _| {
        // Reports and echoes have the same address; a NACK ends in the record of packet 10 alone.
        let kinds = packet_types(bytes);
        (bytes.ends_with(&[0, 10, 0, 0])).then_some(kinds)
    })
}

fn packet_types(mut bytes: &[u8]) -> Vec<u8> {
    let mut kinds = Vec::new();
    while bytes.len() >= 4 {
        kinds.push(bytes[1]);
        let length = (usize::from(u16::from_be_bytes([bytes[2], bytes[3]])) + 1) * 4;
        bytes = bytes.get(length..).unwrap_or(&[]);
    }
    kinds
}

#[test]
fn the_nack_type_is_set_after_start() {
    // RR, SDES, then APP for ranges and RTPFB for masks (TR-06-1 §5.3.2).
    assert_eq!(request(None), [201, 202, 204]);
    assert_eq!(request(Some(1)), [201, 202, 205]);
    assert_eq!(request(Some(0)), [201, 202, 204]);
}

/// When reports came.
type Reports = Mutex<Vec<Instant>>;

unsafe extern "C" fn count(arg: *mut c_void, stats: *const rist_stats) -> c_int {
    // SAFETY: the test hands over its list, which outlives the context.
    let reports: &Reports = unsafe { &*arg.cast::<Reports>() };
    reports.lock().push(Instant::now());
    // SAFETY: the report is ours to free, once.
    unsafe { rist_stats_free(stats) }
}

#[test]
fn the_statistics_interval_is_changed_after_start() {
    let reports = Reports::default();
    let (sender, _even, _odd) = sending();
    let arg: *mut c_void = (&raw const reports).cast_mut().cast();
    let set = |interval| {
        // SAFETY: the context is alive; the list outlives it.
        assert_eq!(unsafe { rist_stats_callback_set(sender.0, interval, Some(count), arg) }, 0);
    };
    let wait_for = |number: usize| {
        let deadline = Instant::now() + PATIENCE;
        while reports.lock().len() < number {
            assert!(Instant::now() < deadline, "{} reports, not {number}", reports.lock().len());
            std::thread::sleep(Duration::from_millis(1));
        }
    };
    // One for the media port and one for the RTCP port at once, the next in an hour.
    set(3_600_000);
    wait_for(2);
    set(50);
    wait_for(12);
    let times = reports.lock().clone();
    let spent = times[11] - times[2];
    assert!(spent >= Duration::from_millis(150), "five pairs of reports in {spent:?}");
    drop(sender);
}

#[test]
fn setters_answer_as_documented() {
    let (receiver, sender) = (Context::receiver(), Context::sender());
    for (value, answer) in [(5, 0), (0, -1), (-3, -1)] {
        // SAFETY: the context is alive.
        assert_eq!(unsafe { rist_jitter_max_set(receiver.0, value) }, answer);
        // SAFETY: the context is alive.
        assert_eq!(unsafe { rist_recovery_rtt_multiplier_set(receiver.0, value) }, answer);
    }
    // SAFETY: the context is alive.
    assert_eq!(unsafe { rist_receiver_nack_type_set(sender.0, 1) }, -1);
    // SAFETY: the context is alive.
    assert_eq!(unsafe { rist_sender_npd_enable(receiver.0) }, -1);
    // SAFETY: the context is alive.
    assert_eq!(unsafe { rist_sender_flow_id_set(receiver.0, 2) }, -1);
    // SAFETY: the context is alive, there is no such peer.
    assert_eq!(unsafe { rist_peer_weight_set(sender.0, null_mut(), 1) }, -1);
}

/// Whether each of these peers could be made, in order, and what was logged that has to do with it.
fn peers(context: &Logged, urls: &[&str]) -> Vec<bool> {
    urls.iter().map(|query| context.try_peer(&format!("rist://127.0.0.1:9?{query}")).is_some()).collect()
}

#[test]
fn the_first_peer_may_choose_the_profile_and_the_others_have_to_agree() {
    for (created, chosen) in [(0, 1), (1, 2), (2, 0), (2, 1), (1, 1)] {
        let context = Logged::sender(created);
        let (same, other) = (format!("profile={chosen}"), format!("profile={}", (chosen + 1) % 3));
        assert_eq!(peers(&context, &[&same, "weight=1", &same, &other]), [true, true, true, false]);
        assert_eq!(context.has_logged("asks for the"), 1, "{:?}", context.lines());
    }
    // Whoever says nothing takes what the program chose.
    let context = Logged::sender(1);
    assert_eq!(peers(&context, &["weight=1", "profile=2", "profile=1"]), [true, false, true]);
    // Once it runs there is nothing to choose.
    let context = Logged::sender(1);
    context.start();
    assert_eq!(peers(&context, &["profile=2", "profile=1"]), [false, true]);
    assert_eq!(context.has_logged("asks for the"), 1, "{:?}", context.lines());
}

#[test]
fn what_authenticates_is_used_or_refused() {
    let cases: [(c_int, &str, bool); 13] = [
        (2, "psk-mode=gcm&secret=s", true),
        (2, "psk-mode=chacha&secret=s", true),
        (2, "psk-mode=chacha&secret=s&aes-type=256", true),
        (2, "psk-mode=chacha&secret=s&aes-type=128", false),
        (2, "psk-mode=hmac&secret=s&aes-type=128", true),
        (2, "psk-mode=ctr-hmac", false),
        (2, "psk-mode=ctr", true),
        (2, "psk-mode=gcm&secret=s&profile=1", false),
        (1, "psk-mode=gcm&secret=s", false),
        (1, "psk-mode=gcm&secret=s&profile=2", true),
        (1, "psk-mode=ctr&secret=s", true),
        (0, "psk-mode=hmac", false),
        (2, "secret=s&aes-type=192", true),
    ];
    for (profile, query, good) in cases {
        let context = Logged::sender(profile);
        assert_eq!(peers(&context, &[query]), [good], "{profile} {query}");
        assert_eq!(context.has_logged("Peer not created: psk-mode"), usize::from(!good), "{:?}", context.lines());
    }
}

#[test]
fn settings_of_the_advanced_profile_are_warned_of_elsewhere() {
    let all = "compression=1&fragment-size=1200&adv-clock=1mhz&adv-start=main&adv-rtt-echo=on";
    for (profile, warnings) in [(0, 5), (1, 5), (2, 0)] {
        let context = Logged::sender(profile);
        assert_eq!(peers(&context, &[all]), [true]);
        assert_eq!(context.has_logged("is for the Advanced profile"), warnings, "{:?}", context.lines());
        assert_eq!(context.has_logged("not yet available"), 0, "{:?}", context.lines());
    }
}

/// libRIST before 0.2.16 took whatever it did not know for AES-128.
#[test]
fn a_key_size_that_is_none_makes_no_peer() {
    let receiver = Context::receiver_of(1);
    for (size, good) in [(0, true), (128, true), (192, true), (256, true), (64, false), (-1, false), (512, false)] {
        let mut config: *mut rist_peer_config = null_mut();
        // SAFETY: a C string and a place for the configuration.
        assert_eq!(unsafe { rist_parse_address2(c"rist://@127.0.0.1:0?secret=text".as_ptr(), &mut config) }, 0);
        // SAFETY: the configuration was just made.
        unsafe { (*config).key_size = size };
        let mut peer = null_mut();
        // SAFETY: as above.
        let made = unsafe { rist_peer_create(receiver.0, &mut peer, config) };
        assert_eq!(made == 0, good, "{size}");
        // SAFETY: freed once.
        assert_eq!(unsafe { rist_peer_config_free2(&mut config) }, 0);
    }
}
