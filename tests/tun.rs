//! TUN devices through the C API: in network namespaces of their own, a tunnel between two. Needs root.
#![allow(unsafe_code)] // The functions are called as C calls them.
#![cfg(target_os = "linux")]

mod support;

use rist::capi::tun::*;
use rist::capi::tunnel::{RIST_DATA_FD_FLAG_TUN, rist_receiver_data_fd_set, rist_sender_data_fd_set};
use std::ffi::{CStr, CString, c_char, c_int};
use std::fs::File;
use std::io;
use std::process::Command;
use std::ptr::{null, null_mut};
use std::time::Duration;
use support::context::{Context, MAIN};
use support::library::{ours, root, scratch};
use support::namespace::{Namespace, wire};
use support::process::Program;
use support::{require_package, wait_until};

const PROFILE: c_int = MAIN;
const PATIENCE: Duration = Duration::from_secs(30);
const TUN: u32 = RIST_DATA_FD_FLAG_TUN as u32;
const MTU: c_int = 1400;

fn text(text: &str) -> CString {
    CString::new(text).expect("no NUL")
}

fn open(name: &str) -> (c_int, String) {
    let mut actual = [0 as c_char; 16];
    // SAFETY: a C string and room for a name.
    let fd = unsafe { rist_tun_open(text(name).as_ptr(), actual.as_mut_ptr(), actual.len()) };
    // SAFETY: a C string, empty if nothing was written.
    let actual = unsafe { CStr::from_ptr(actual.as_ptr()) };
    (fd, actual.to_str().expect("ASCII").to_owned())
}

fn set_ip(device: &str, address: &str, prefix: c_int) -> c_int {
    // SAFETY: C strings.
    unsafe { rist_tun_set_ip(text(device).as_ptr(), text(address).as_ptr(), prefix) }
}

fn set_mtu(device: &str, mtu: c_int) -> c_int {
    // SAFETY: a C string.
    unsafe { rist_tun_set_mtu(text(device).as_ptr(), mtu) }
}

fn bring_up(device: &str) -> c_int {
    // SAFETY: a C string.
    unsafe { rist_tun_bring_up(text(device).as_ptr()) }
}

fn errno() -> c_int {
    io::Error::last_os_error().raw_os_error().unwrap_or(0)
}

/// One end of the tunnel: a device, and a context for each direction.
struct End {
    device: c_int,
    sender: Context,
    receiver: Context,
}

impl End {
    /// The namespaces' networks are 10.78.0.0/24, the tunnel's 10.77.0.0/24 and fd77::/64.
    fn new(own: u8, other: u8) -> End {
        let (device, name) = open("rist%d");
        assert!(device >= 0 && name == "rist0", "{name}: {}", io::Error::last_os_error());
        assert_eq!(set_mtu(&name, MTU), 0);
        assert_eq!(set_ip(&name, &format!("10.77.0.{own}"), 24), 0);
        assert_eq!(bring_up(&name), 0);
        assert_eq!(set_ip(&name, &format!("fd77::{own}"), 64), 0, "{}", io::Error::last_os_error());
        let (sender, receiver) = (Context::sender(PROFILE), Context::receiver(PROFILE));
        // SAFETY: handles and numbers.
        assert_eq!(unsafe { rist_sender_data_fd_set(sender.ctx, device, 0, TUN) }, 0);
        // SAFETY: as above.
        assert_eq!(unsafe { rist_receiver_data_fd_set(receiver.ctx, device, TUN) }, 0);
        receiver.peer(&format!("rist://@10.78.0.{own}:5000?buffer=50"));
        sender.peer(&format!("rist://10.78.0.{other}:5000?buffer=50"));
        receiver.start();
        sender.start();
        End { device, sender, receiver }
    }

    fn evidence(&self) -> String {
        let (sent, received) = (self.sender.traffic(), self.receiver.traffic());
        let packets = (sent.tx_packets, received.rx_packets);
        format!("packets {packets:?}\n{:?}\n{:?}", self.sender.lines(), self.receiver.lines())
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.sender.destroy();
        self.receiver.destroy();
        rist_tun_close(self.device);
    }
}

/// A namespace for TUN devices.
fn namespace() -> Namespace {
    assert!(File::open("/dev/net/tun").is_ok(), "this test needs the device /dev/net/tun");
    Namespace::new()
}

#[test]
fn ping_goes_through_a_tunnel_between_two_namespaces() {
    let (left, right) = (namespace(), namespace());
    wire(&left, &right, "10.78.0");
    let (one, two) = (left.inside(|| End::new(1, 2)), right.inside(|| End::new(2, 1)));
    let evidence = || format!("{}\n{}", one.evidence(), two.evidence());
    for address in ["10.77.0.2", "fd77::2"] {
        let first = || left.run(&format!("ping -c 1 -W 1 {address}")).status.success().then_some(());
        wait_until("the first answer", PATIENCE, first, evidence);
        // As long as the device lets them be, and in fragments.
        for size in [56, MTU - 48, 3000] {
            let out = left.run(&format!("ping -c 20 -i 0.05 -W 5 -s {size} {address}"));
            let said = String::from_utf8_lossy(&out.stdout);
            assert!(said.contains(" 20 received"), "{address} {size}: {said}\n{}", evidence());
        }
    }
    let (sent, answered) = (one.sender.traffic(), two.sender.traffic());
    assert!(sent.tx_packets > 120 && sent.tx_bytes > 2 * 20 * (56 + 1352 + 3000), "{}", evidence());
    assert!(answered.tx_packets > 120, "{}", evidence());
    // What one side read the other has written, but for the first ones, which nobody was there for.
    let written = two.receiver.traffic();
    assert!(written.rx_packets > 120 && written.rx_packets <= sent.tx_packets, "{}", evidence());
    for context in [&one.sender, &one.receiver, &two.sender, &two.receiver] {
        assert_eq!(context.has_logged("overflow"), 0, "{}", evidence());
    }
}

#[test]
fn the_c_example_is_a_tunnel() {
    require_package("gcc");
    let (left, right) = (namespace(), namespace());
    wire(&left, &right, "10.78.0");
    let program = scratch("tun").join("tunnel");
    let mut cc = Command::new("cc");
    cc.args(["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-I"]).arg(root().join("include"));
    cc.arg(root().join("examples-c/tunnel.c")).arg("-L").arg(&ours().directory).args(["-lrist", "-o"]).arg(&program);
    assert!(cc.status().expect("cc").success(), "tunnel.c");
    let start = |namespace: &Namespace, own: u8, other: u8| {
        let mut command = namespace.command(program.to_str().expect("a path of text"));
        command.arg("rist0").arg(format!("fd78::{own}/64"));
        command.arg(format!("rist://10.78.0.{other}:6000?buffer=50"));
        command.arg(format!("rist://@10.78.0.{own}:6000?buffer=50"));
        Program::start(command, ours())
    };
    let mut ends = [start(&left, 1, 2), start(&right, 2, 1)];
    let text = |ends: &[Program; 2]| format!("{}\n{}", ends[0].text(), ends[1].text());
    let answer = || left.run("ping -c 1 -W 1 fd78::2").status.success().then_some(());
    wait_until("an answer", PATIENCE, answer, || text(&ends));
    for end in &mut ends {
        assert!(end.interrupt().success(), "{}", end.text());
        assert!(end.text().contains(" packets out, ") && !end.text().contains(" 0 packets"), "{}", end.text());
    }
}

#[test]
fn devices_get_their_names_addresses_and_mtu() {
    let namespace = namespace();
    let (first, second) = namespace.inside(|| {
        let first = open("first");
        assert_eq!(first.1, "first");
        assert_eq!(open("first").0, -1, "a name that is taken");
        assert_eq!(errno(), libc::EBUSY);
        let second = open("");
        assert!(second.0 >= 0 && !second.1.is_empty());
        // SAFETY: no name asked for and none wanted.
        let third = unsafe { rist_tun_open(null(), null_mut(), 0) };
        assert!(third >= 0);
        // SAFETY: the descriptor is open.
        assert_eq!(unsafe { libc::fcntl(third, libc::F_GETFD) } & libc::FD_CLOEXEC, libc::FD_CLOEXEC);
        rist_tun_close(third);
        for (address, prefix) in
            [("10.1.2.3", 0), ("10.1.2.3", 32), ("10.1.2.3", 20), ("fd01::1", 64), ("fd01::2", 128)]
        {
            assert_eq!(set_ip("first", address, prefix), 0, "{address}/{prefix}: {}", io::Error::last_os_error());
        }
        assert_eq!(set_mtu("first", 1280), 0);
        assert_eq!(bring_up("first"), 0);
        assert_eq!(bring_up("first"), 0, "a second time");
        (first.0, second.0)
    });
    let shown = namespace.run("ip addr show dev first");
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    for part in ["mtu 1280", ",UP", "inet 10.1.2.3/20 ", "inet6 fd01::1/64 ", "inet6 fd01::2/128 "] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    // It is gone with its descriptor.
    rist_tun_close(first);
    rist_tun_close(second);
    // A process that another test is just starting may have the descriptor a moment longer.
    let gone = || (!namespace.run("ip addr show dev first").status.success()).then_some(());
    wait_until("the device to be gone", PATIENCE, gone, || shown.clone());
}

#[test]
fn packets_are_read_and_written_whole() {
    let namespace = namespace();
    namespace.inside(|| {
        let (device, name) = open("packets");
        assert_eq!(set_ip(&name, "10.1.0.1", 24), 0);
        // SAFETY: the descriptor is open.
        assert_eq!(unsafe { libc::fcntl(device, libc::F_SETFL, libc::O_NONBLOCK) }, 0);
        let mut buffer = [0; 2000];
        // SAFETY: the buffer is as long as said.
        let mut read = || unsafe { rist_tun_read(device, buffer.as_mut_ptr(), buffer.len()) };
        assert_eq!((read(), errno()), (-1, libc::EAGAIN));
        assert_eq!(bring_up(&name), 0);
        let socket = std::net::UdpSocket::bind("10.1.0.1:7000").unwrap();
        socket.send_to(&[5; 100], "10.1.0.2:7000").unwrap();
        // Among the kernel's own (IPv6 asks for routers).
        let datagram = std::iter::repeat_with(&mut read).take(100).find(|length| *length == 128);
        assert_eq!(datagram, Some(20 + 8 + 100));
        // Back with the addresses exchanged; the checksum of the header stays right.
        let mut packet = buffer[..128].to_vec();
        packet[12..20].rotate_left(4);
        packet[26..28].fill(0);
        // SAFETY: the packet is as long as said.
        assert_eq!(unsafe { rist_tun_write(device, packet.as_ptr(), packet.len()) }, 128);
        socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let mut payload = [0; 200];
        assert_eq!(socket.recv(&mut payload).unwrap(), 100);
        assert_eq!(payload[..100], [5; 100]);
        rist_tun_close(device);
    });
}

#[test]
fn nonsense_is_refused() {
    let mut name = [0 as c_char; 16];
    for long in ["sixteen-letters-", "a name that is much longer than any device may have"] {
        assert_eq!(open(long).0, -1);
        for result in [set_ip(long, "10.0.0.1", 8), set_mtu(long, 1000), bring_up(long)] {
            assert_eq!(result, -1);
        }
    }
    for (address, prefix) in [
        ("10.0.0.1", -1),
        ("10.0.0.1", 33),
        ("10.0.0.1", c_int::MAX),
        ("10.0.0.1", 256 + 8),
        ("fd00::1", -1),
        ("fd00::1", 129),
        ("", 8),
        ("10.0.0", 8),
        ("10.0.0.1/8", 8),
        ("localhost", 8),
    ] {
        assert_eq!((set_ip("lo", address, prefix), errno()), (-1, libc::EINVAL), "{address}/{prefix}");
    }
    for device in ["", "no-such-device"] {
        assert_eq!((set_ip(device, "fd00::1", 64), errno()), (-1, libc::ENODEV));
        assert_eq!((set_ip(device, "10.0.0.1", 8), errno()), (-1, libc::ENODEV));
        assert_eq!((bring_up(device), errno()), (-1, libc::ENODEV));
    }
    assert_eq!(set_mtu("lo", -1), -1);
    // SAFETY: NULL where text is wanted.
    assert_eq!(unsafe { rist_tun_set_ip(null(), c"10.0.0.1".as_ptr(), 8) }, -1);
    // SAFETY: as above.
    assert_eq!(unsafe { rist_tun_set_ip(c"lo".as_ptr(), null(), 8) }, -1);
    // SAFETY: as above.
    assert_eq!(unsafe { rist_tun_set_mtu(null(), 1000) }, -1);
    // SAFETY: as above.
    assert_eq!(unsafe { rist_tun_bring_up(null()) }, -1);

    let mut buffer = [0; 100];
    for fd in [-1, 123_456] {
        // SAFETY: the buffer is as long as said.
        assert_eq!((unsafe { rist_tun_read(fd, buffer.as_mut_ptr(), 100) }, errno()), (-1, libc::EBADF));
        // SAFETY: as above.
        assert_eq!((unsafe { rist_tun_write(fd, buffer.as_ptr(), 100) }, errno()), (-1, libc::EBADF));
        rist_tun_close(fd);
    }
    // SAFETY: NULL where a buffer is wanted.
    assert_eq!((unsafe { rist_tun_read(0, null_mut(), 100) }, errno()), (-1, libc::EINVAL));
    // SAFETY: as above.
    assert_eq!((unsafe { rist_tun_write(1, null(), 100) }, errno()), (-1, libc::EINVAL));
    // In a namespace, where a device that slips through does no harm.
    namespace().inside(|| {
        // SAFETY: room for so many bytes, which is too little.
        let opened = unsafe { rist_tun_open(c"longer".as_ptr(), name.as_mut_ptr(), 6) };
        assert_eq!((opened, errno()), (-1, libc::ERANGE));
        // The first was closed. A child that another test is starting may hold it until its exec.
        let limit = Duration::from_secs(5);
        wait_until("the name to be free", limit, || (open("longer").1 == "longer").then_some(()), String::new);
    });
}
