//! What the runtime's tests share: contexts on loopback, a log to look into, waiting with a deadline.
#![allow(dead_code, unreachable_pub)]

use parking_lot::Mutex;
use rist::protocol::config::{PeerConfig, Profile, Role};
use rist::protocol::output::{Level, PeerId};
use rist::protocol::time::Span;
use rist::runtime::context::{Context, PeerAddress, PeerOptions, Write};
use rist::runtime::log::{LogSink, Logger};
use std::net::UdpSocket;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Long enough for a machine that is busy with other tests.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Panics when `condition` does not come true.
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[derive(Default)]
pub struct Lines(Mutex<Vec<(Level, String)>>);

impl LogSink for Lines {
    fn enabled(&self, _level: Level) -> bool {
        true
    }

    fn write(&self, level: Level, _ids: (u64, u64), text: &str) {
        self.0.lock().push((level, text.to_owned()));
    }
}

impl Lines {
    pub fn count(&self, level: Level, part: &str) -> usize {
        self.0.lock().iter().filter(|(of, text)| *of == level && text.contains(part)).count()
    }

    pub fn all(&self) -> Vec<(Level, String)> {
        self.0.lock().clone()
    }
}

pub fn logged(role: Role) -> (Arc<Context>, Arc<Lines>) {
    let lines = Arc::new(Lines::default());
    let context = Context::new(role, Profile::Simple, 0, Logger::new(lines.clone())).unwrap();
    (context, lines)
}

pub fn context(role: Role) -> Arc<Context> {
    Context::new(role, Profile::Simple, 0, Logger::default()).unwrap()
}

pub fn options(url: &str) -> PeerOptions {
    let buffer = Span::from_millis(50);
    PeerOptions {
        config: PeerConfig {
            cname: "test".to_owned(),
            buffer_min: buffer,
            buffer_max: buffer,
            ..PeerConfig::default()
        },
        address: PeerAddress::Url(url.to_owned()),
        miface: String::new(),
        multicast_ttl: None,
        multicast_source: None,
        local_port: None,
        profile: None,
    }
}

/// An even port that was free with its neighbour a moment ago.
pub fn free_port() -> u16 {
    loop {
        let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        if port.is_multiple_of(2) && port < u16::MAX && UdpSocket::bind(("0.0.0.0", port + 1)).is_ok() {
            return port;
        }
    }
}

pub fn listen(receiver: &Arc<Context>, port: u16) -> PeerId {
    receiver.add_peer(options(&format!("rist://@127.0.0.1:{port}"))).unwrap()
}

pub fn call(sender: &Arc<Context>, port: u16) -> PeerId {
    sender.add_peer(options(&format!("rist://127.0.0.1:{port}"))).unwrap()
}

pub fn packet(payload: &[u8]) -> Write<'_> {
    Write { payload, ts_ntp: None, seq: None, virt_src_port: 0, virt_dst_port: 0 }
}

/// A started receiver and a started sender that calls it; connected.
pub struct Link {
    pub receiver: Arc<Context>,
    pub sender: Arc<Context>,
    pub port: u16,
    pub listener: PeerId,
    pub caller: PeerId,
}

impl Link {
    pub fn new() -> Self {
        Self::prepared(|_| ())
    }

    /// `prepare` gets the receiver before it is started.
    pub fn prepared(prepare: impl FnOnce(&Arc<Context>)) -> Self {
        let (receiver, sender) = (context(Role::Receiver), context(Role::Sender));
        prepare(&receiver);
        let port = free_port();
        let listener = listen(&receiver, port);
        receiver.start().unwrap();
        let caller = call(&sender, port);
        sender.start().unwrap();
        Self { receiver, sender, port, listener, caller }
    }

    pub fn destroy(&self) {
        self.sender.destroy();
        self.receiver.destroy();
    }
}

/// Open descriptors and library threads of this process.
pub fn fds_and_threads() -> (usize, usize) {
    let fds = std::fs::read_dir("/proc/self/fd").unwrap().count();
    let tasks = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    let names = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok());
    (fds, names.filter(|name| name.starts_with("rist-")).count())
}

/// The same socket under another descriptor.
#[allow(unsafe_code)]
pub fn duplicate(fd: i32) -> socket2::Socket {
    use std::os::fd::BorrowedFd;
    // SAFETY: the context keeps the descriptor open while the test looks at it.
    let fd = unsafe { BorrowedFd::borrow_raw(fd) };
    fd.try_clone_to_owned().unwrap().into()
}
