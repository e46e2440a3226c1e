//! Transport functions: a stream in memory between two contexts, over addresses that no system's network reaches.
#![allow(unsafe_code)] // The functions are C's.

mod support;

use libc::{msghdr, pollfd, sockaddr, sockaddr_in, socklen_t, ssize_t};
use rist::capi::headers::{rist_ctx, rist_peer};
use rist::capi::librist::rist_destroy;
use rist::capi::peer::rist_peer_get_id;
use rist::capi::transport::{rist_transport_ops, rist_transport_set};
use std::collections::{BTreeMap, VecDeque};
use std::ffi::{c_char, c_int, c_void};
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};
use support::context::{Context, SIMPLE};
use support::ports::PortPair;
use support::stream::packet;
use support::wait_until;

const PATIENCE: Duration = Duration::from_secs(30);
/// Whose number EAGAIN has.
const LINUX: i32 = 11;
const MACOS: i32 = 35;

unsafe extern "C" {
    fn rist_log(settings: *mut c_void, level: c_int, format: *const c_char, ...);
}

/// Datagrams on their way to a port, each with the port it came from.
type Queue = VecDeque<(u16, Vec<u8>)>;

/// A network in memory. It knows a socket by its port alone.
#[derive(Default)]
struct Network {
    queues: Mutex<BTreeMap<u16, Queue>>,
    arrival: Condvar,
    /// Of 100 datagrams so many are lost.
    loss: u64,
    dice: AtomicU64,
    again: AtomicI32,
    /// Every so many-th call that sends says EAGAIN.
    refusals: u64,
    calls: AtomicU64,
    by_message: AtomicU64,
    lost: AtomicU64,
    /// What the functions call back, if anything.
    peer: AtomicPtr<rist_peer>,
    ctx: AtomicPtr<rist_ctx>,
    destroy_in_poll: AtomicBool,
    write_in_send: AtomicBool,
    destroy_in_send: AtomicBool,
    /// A thread of the program's that sends waits until this is no longer so.
    hold_in_send: AtomicBool,
    held: AtomicBool,
    destroyed: AtomicBool,
    calls_after_end: AtomicU64,
}

impl Network {
    fn new() -> Self {
        Self { again: AtomicI32::new(LINUX), dice: AtomicU64::new(0x5eed), ..Self::default() }
    }

    fn is_lost(&self) -> bool {
        let roll = |dice: u64| {
            // xorshift64
            let dice = dice ^ (dice << 13);
            let dice = dice ^ (dice >> 7);
            Some(dice ^ (dice << 17))
        };
        let dice = self.dice.fetch_update(Ordering::Relaxed, Ordering::Relaxed, roll).unwrap();
        dice % 100 < self.loss
    }

    /// The library's locks would show here.
    fn call_back(&self) {
        if self.destroyed.load(Ordering::SeqCst) {
            self.calls_after_end.fetch_add(1, Ordering::SeqCst);
        }
        let peer = self.peer.load(Ordering::Relaxed);
        if !peer.is_null() {
            // SAFETY: any handle is fine.
            unsafe { rist_peer_get_id(peer) };
            // SAFETY: no settings: the global ones.
            unsafe { rist_log(null_mut(), 3, c"from a transport function %d\n".as_ptr(), 5) };
        }
    }

    fn again(&self) -> ssize_t {
        // SAFETY: errno of this thread.
        let place = unsafe { libc::__errno_location() };
        // SAFETY: as above.
        unsafe { place.write(self.again.load(Ordering::Relaxed)) };
        -1
    }

    fn send(&self, fd: c_int, to: *const c_void, bytes: Vec<u8>) -> ssize_t {
        self.call_back();
        let ctx = self.ctx.load(Ordering::SeqCst);
        if self.write_in_send.swap(false, Ordering::SeqCst) {
            assert!(support::context::write(ctx, b"written in sendto") > 0);
        }
        if self.destroy_in_send.swap(false, Ordering::SeqCst) {
            // SAFETY: any handle is fine.
            assert_eq!(unsafe { rist_destroy(ctx) }, 0);
            self.destroyed.store(true, Ordering::SeqCst);
        }
        let ours = std::thread::current().name().is_none();
        if ours && self.hold_in_send.load(Ordering::SeqCst) {
            self.held.store(true, Ordering::SeqCst);
            while self.hold_in_send.load(Ordering::SeqCst) {
                std::thread::yield_now();
            }
            self.held.store(false, Ordering::SeqCst);
        }
        let calls = self.calls.fetch_add(1, Ordering::Relaxed);
        if self.refusals > 0 && calls.is_multiple_of(self.refusals) {
            return self.again();
        }
        // SAFETY: the library's address, IPv4 in these tests.
        let to = unsafe { to.cast::<sockaddr_in>().read_unaligned() };
        assert_eq!(i32::from(to.sin_family), libc::AF_INET);
        let length = bytes.len();
        if self.is_lost() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        } else {
            let to = u16::from_be(to.sin_port);
            self.queues.lock().unwrap().entry(to).or_default().push_back((port(fd), bytes));
            self.arrival.notify_all();
        }
        length as ssize_t
    }

    fn ops(&'static self, by_message: bool) -> rist_transport_ops {
        rist_transport_ops {
            opaque: std::ptr::from_ref(self).cast_mut().cast(),
            sendto: Some(sendto),
            recvfrom: Some(recvfrom),
            poll: Some(poll),
            sendmsg: if by_message { Some(sendmsg) } else { None },
        }
    }
}

/// Of the library's socket: nothing else of it is used.
fn port(fd: c_int) -> u16 {
    use std::os::fd::BorrowedFd;
    // SAFETY: open during the call.
    let fd = unsafe { BorrowedFd::borrow_raw(fd) };
    socket2::SockRef::from(&fd).local_addr().unwrap().as_socket().unwrap().port()
}

fn network<'a>(opaque: *mut c_void) -> &'a Network {
    // SAFETY: what ops() gave, which is never freed.
    unsafe { &*opaque.cast() }
}

unsafe extern "C" fn sendto(
    opaque: *mut c_void,
    fd: c_int,
    buf: *const c_void,
    len: usize,
    _flags: c_int,
    addr: *const sockaddr,
    addrlen: socklen_t,
) -> ssize_t {
    assert_eq!(addrlen as usize, size_of::<sockaddr_in>());
    // SAFETY: the library's datagram.
    let bytes = unsafe { std::slice::from_raw_parts(buf.cast::<u8>(), len) };
    network(opaque).send(fd, addr.cast(), bytes.to_vec())
}

unsafe extern "C" fn sendmsg(opaque: *mut c_void, fd: c_int, msg: *const msghdr, _flags: c_int) -> ssize_t {
    // SAFETY: the library's message.
    let msg = unsafe { &*msg };
    // SAFETY: it has so many pieces.
    let pieces = unsafe { std::slice::from_raw_parts(msg.msg_iov, msg.msg_iovlen) };
    let mut bytes = Vec::new();
    for piece in pieces {
        // SAFETY: as long as it says.
        bytes.extend(unsafe { std::slice::from_raw_parts(piece.iov_base.cast::<u8>(), piece.iov_len) });
    }
    network(opaque).by_message.fetch_add(1, Ordering::Relaxed);
    network(opaque).send(fd, msg.msg_name, bytes)
}

unsafe extern "C" fn recvfrom(
    opaque: *mut c_void,
    fd: c_int,
    buf: *mut c_void,
    len: usize,
    _flags: c_int,
    addr: *mut sockaddr,
    addrlen: *mut socklen_t,
) -> ssize_t {
    let network = network(opaque);
    network.call_back();
    let received = network.queues.lock().unwrap().get_mut(&port(fd)).and_then(VecDeque::pop_front);
    let Some((from, bytes)) = received else { return network.again() };
    let count = bytes.len().min(len);
    // SAFETY: the library has room for len bytes.
    unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), buf.cast(), count) };
    let name = sockaddr_in {
        sin_family: libc::AF_INET as libc::sa_family_t,
        sin_port: from.to_be(),
        sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes([192, 0, 2, 7]) },
        sin_zero: [0; 8],
    };
    // SAFETY: room for any address.
    unsafe { addr.cast::<sockaddr_in>().write(name) };
    // SAFETY: a place for its length.
    unsafe { addrlen.write(size_of::<sockaddr_in>() as socklen_t) };
    count as ssize_t
}

unsafe extern "C" fn poll(opaque: *mut c_void, fds: *mut pollfd, nfds: c_int, timeout_ms: c_int) -> c_int {
    let network = network(opaque);
    network.call_back();
    assert!((0..=5).contains(&timeout_ms), "{timeout_ms} ms");
    if network.destroy_in_poll.swap(false, Ordering::SeqCst) {
        // SAFETY: any handle is fine.
        assert_eq!(unsafe { rist_destroy(network.ctx.load(Ordering::SeqCst)) }, 0);
        network.destroyed.store(true, Ordering::SeqCst);
        return 0;
    }
    // SAFETY: so many that the library waits for.
    let sockets = unsafe { std::slice::from_raw_parts_mut(fds, nfds as usize) };
    let ports: Vec<_> = sockets.iter().map(|socket| port(socket.fd)).collect();
    let deadline = Instant::now() + Duration::from_millis(timeout_ms as u64);
    let mut queues = network.queues.lock().unwrap();
    loop {
        let mut ready = 0;
        for (socket, port) in sockets.iter_mut().zip(&ports) {
            let filled = queues.get(port).is_some_and(|queue| !queue.is_empty());
            socket.revents = socket.events & (libc::POLLOUT | if filled { libc::POLLIN } else { 0 });
            ready += c_int::from(socket.revents != 0);
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if ready > 0 || left.is_zero() {
            return ready;
        }
        queues = network.arrival.wait_timeout(queues, left).unwrap().0;
    }
}

fn set(context: &Context, ops: *const rist_transport_ops) -> c_int {
    // SAFETY: the functions or null.
    unsafe { rist_transport_set(context.ctx, ops) }
}

/// A started pair on one network in memory.
struct Link {
    sender: Context,
    receiver: Context,
    _ports: PortPair,
}

impl Link {
    fn new(network: &'static Network, by_message: bool) -> Link {
        let ports = PortPair::new();
        let (sender, receiver) = (Context::sender(SIMPLE), Context::receiver(SIMPLE));
        let ops = network.ops(by_message);
        // Before and after the peers: both are before start.
        assert_eq!(set(&receiver, &raw const ops), 0);
        receiver.peer(&format!("rist://@127.0.0.1:{}?buffer=500", ports.even()));
        // 192.0.2.0/24 is for documents: no network has it.
        let peer = sender.peer(&format!("rist://192.0.2.7:{}?buffer=500", ports.even()));
        assert_eq!(set(&sender, &raw const ops), 0);
        network.peer.store(peer, Ordering::Relaxed);
        receiver.start();
        sender.start();
        Link { sender, receiver, _ports: ports }
    }

    fn evidence(&self) -> String {
        format!("{:?}\n{:?}", self.sender.lines(), self.receiver.lines())
    }

    /// The next packet that is no knock.
    fn next(&self) -> Vec<u8> {
        let next = || self.receiver.read(100).filter(|payload| payload != b"knock");
        wait_until("the next packet", PATIENCE, next, || self.evidence())
    }

    /// Sends so many packets from this thread; all have to arrive, in order.
    fn carry(&self, count: u64) {
        // What is sent before the two know each other is lost for good.
        let knock = || {
            self.sender.write(b"knock");
            self.receiver.read(20)
        };
        wait_until("the two to know each other", PATIENCE, knock, || self.evidence());
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for number in 0..count {
                    assert!(self.sender.write(&packet(number)) > 0);
                    std::thread::sleep(Duration::from_micros(700));
                }
                // Only a later packet tells that the last one is missing.
                for _ in 0..20 {
                    self.sender.write(b"knock");
                }
            });
            for number in 0..count {
                let payload = self.next();
                assert!(payload == packet(number), "packet {number}\n{}", self.evidence());
            }
        });
    }
}

fn carries_a_stream(by_message: bool, again: i32) {
    let network: &'static Network = Box::leak(Box::new(Network { loss: 5, refusals: 10, ..Network::new() }));
    network.again.store(again, Ordering::Relaxed);
    let link = Link::new(network, by_message);
    link.carry(2000);
    assert!(network.lost.load(Ordering::Relaxed) > 50);
    assert_eq!(network.by_message.load(Ordering::Relaxed) > 0, by_message);
    // EAGAIN is no error.
    assert_eq!(link.sender.has_logged("cannot"), 0, "{}", link.evidence());
    assert_eq!((link.sender.destroy(), link.receiver.destroy()), (0, 0));
    let calls = network.calls.load(Ordering::SeqCst);
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(network.calls.load(Ordering::SeqCst), calls, "called after the end");
}

#[test]
fn a_lossy_stream_is_whole_with_sendto() {
    carries_a_stream(false, MACOS);
}

#[test]
fn a_lossy_stream_is_whole_with_sendmsg() {
    carries_a_stream(true, LINUX);
}

/// On the protocol thread; it ends when the function returns, and nothing is called afterwards.
#[test]
fn a_function_may_destroy_the_context() {
    let network: &'static Network = Box::leak(Box::default());
    let sender = Context::sender(SIMPLE);
    let ops = network.ops(false);
    assert_eq!(set(&sender, &raw const ops), 0);
    sender.peer("rist://192.0.2.7:5000");
    network.ctx.store(sender.ctx, Ordering::SeqCst);
    network.destroy_in_poll.store(true, Ordering::SeqCst);
    sender.start();
    let destroyed = || network.destroyed.load(Ordering::SeqCst).then_some(());
    wait_until("the end", PATIENCE, destroyed, || format!("{:?}", sender.lines()));
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(network.calls_after_end.load(Ordering::SeqCst), 0);
    assert_eq!(sender.destroy(), -1);
}

/// While the library is sending, on the program's thread.
#[test]
fn a_function_may_send_and_destroy_while_it_sends() {
    let network: &'static Network = Box::leak(Box::new(Network::new()));
    let link = Link::new(network, true);
    link.carry(10);
    network.ctx.store(link.sender.ctx, Ordering::SeqCst);
    network.write_in_send.store(true, Ordering::SeqCst);
    link.sender.write(b"first");
    let mut both = [link.next(), link.next()];
    both.sort();
    assert_eq!(both, [b"first".to_vec(), b"written in sendto".to_vec()]);

    network.destroy_in_send.store(true, Ordering::SeqCst);
    let start = Instant::now();
    link.sender.write(b"last");
    wait_until("the end", PATIENCE, || network.destroyed.load(Ordering::SeqCst).then_some(()), || link.evidence());
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    assert_eq!(link.sender.write(b"too late"), -1);
}

/// A thread of the program's is in sendto, and another one destroys the context.
#[test]
fn the_end_waits_for_functions_on_other_threads() {
    let network: &'static Network = Box::leak(Box::new(Network::new()));
    let link = Link::new(network, false);
    link.carry(10);
    network.hold_in_send.store(true, Ordering::SeqCst);
    std::thread::scope(|scope| {
        // What it writes may also be sent by a thread of the library's, which is at it.
        scope.spawn(|| while link.sender.write(b"held") > 0 {});
        wait_until("the sending", PATIENCE, || network.held.load(Ordering::SeqCst).then_some(()), || link.evidence());
        scope.spawn(|| {
            assert_eq!(link.sender.destroy(), 0);
            assert!(!network.held.load(Ordering::SeqCst));
        });
        let refused = || (link.sender.write(b"too late") == -1).then_some(());
        wait_until("the end to begin", PATIENCE, refused, || link.evidence());
        // Time to end too early.
        std::thread::sleep(Duration::from_millis(50));
        network.hold_in_send.store(false, Ordering::SeqCst);
    });
}

#[test]
fn null_brings_the_system_back_and_start_is_the_end_of_it() {
    let network: &'static Network = Box::leak(Box::new(Network::new()));
    let ops = network.ops(true);
    let ports = PortPair::new();
    let (sender, receiver) = (Context::sender(SIMPLE), Context::receiver(SIMPLE));
    assert_eq!(set(&sender, &raw const ops), 0);
    assert_eq!(set(&sender, null()), 0);
    for (sendto, recvfrom, poll) in
        [(None, ops.recvfrom, ops.poll), (ops.sendto, None, ops.poll), (ops.sendto, ops.recvfrom, None)]
    {
        assert_eq!(set(&sender, &rist_transport_ops { sendto, recvfrom, poll, ..ops }), -1);
    }
    receiver.peer(&format!("rist://@127.0.0.1:{}?buffer=200", ports.even()));
    sender.peer(&format!("rist://127.0.0.1:{}?buffer=200", ports.even()));
    receiver.start();
    sender.start();
    assert_eq!(set(&sender, &raw const ops), -1);
    assert_eq!(set(&receiver, null()), -1);
    let link = Link { sender, receiver, _ports: ports };
    link.carry(100);
    assert_eq!(network.calls.load(Ordering::Relaxed), 0);
    drop(link);
}

/// A network that never waits and never has anything must not take a processor.
#[test]
fn a_poll_that_does_not_wait_is_not_a_busy_loop() {
    static ROUNDS: AtomicU64 = AtomicU64::new(0);
    unsafe extern "C" fn everything(_: *mut c_void, fds: *mut pollfd, nfds: c_int, _: c_int) -> c_int {
        ROUNDS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: so many that the library waits for.
        for socket in unsafe { std::slice::from_raw_parts_mut(fds, nfds as usize) } {
            socket.revents = libc::POLLIN;
        }
        nfds
    }
    unsafe extern "C" fn failure(_: *mut c_void, _: *mut pollfd, _: c_int, _: c_int) -> c_int {
        ROUNDS.fetch_add(1, Ordering::Relaxed);
        -1
    }
    let network: &'static Network = Box::leak(Box::new(Network::new()));
    for poll in [everything, failure] {
        let sender = Context::sender(SIMPLE);
        let ops = rist_transport_ops { poll: Some(poll), ..network.ops(false) };
        assert_eq!(set(&sender, &raw const ops), 0);
        sender.peer("rist://192.0.2.7:5000");
        sender.start();
        std::thread::sleep(Duration::from_millis(500));
        drop(sender);
        let rounds = ROUNDS.swap(0, Ordering::Relaxed);
        assert!((50..=700).contains(&rounds), "{rounds} rounds in 500 ms");
    }
}
