//! A numbered test stream: every packet tells its number, and all its bytes follow from that number.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Seven MPEG-TS packets, the usual payload of a RIST packet.
pub(crate) const PACKET: usize = 7 * TS_PACKET;
const TS_PACKET: usize = 188;
const TS_HEADER: usize = 4;
const MAGIC: [u8; 8] = *b"FERRIST\x01";
const NUMBER: usize = TS_HEADER + MAGIC.len();
const KEPT_FAULTS: usize = 8;
/// How many packets after its beginning an outage may show further faults: what it kept from being repaired.
const OUTAGE: u64 = 300;
const STOP_CHECK: Duration = Duration::from_millis(50);

/// The packet with a number. It looks like seven MPEG-TS packets of one PID (GStreamer's payloader insists), and
/// every byte is fixed by the number, so comparing bytes is stronger than any checksum.
pub(crate) fn packet(number: u64) -> [u8; PACKET] {
    let mut bytes = [0; PACKET];
    let mut noise = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    for (place, byte) in bytes.iter_mut().enumerate() {
        *byte = match place % TS_PACKET {
            0 => 0x47,
            1 => 0x01,
            2 => 0x00,
            3 => 0x10 | (number.wrapping_mul(7).wrapping_add((place / TS_PACKET) as u64) & 0x0f) as u8,
            _ => {
                // xorshift64
                noise ^= noise << 13;
                noise ^= noise >> 7;
                noise ^= noise << 17;
                noise as u8
            }
        };
    }
    bytes[TS_HEADER..NUMBER].copy_from_slice(&MAGIC);
    bytes[NUMBER..NUMBER + 8].copy_from_slice(&number.to_be_bytes());
    bytes
}

/// What some of a packet's seven MPEG-TS packets are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Filling {
    /// All of them hold something.
    #[default]
    Full,
    /// Some are null packets, others for each number. The first never is: it tells the number.
    WithNulls,
}

impl Filling {
    pub(crate) fn packet(self, number: u64) -> [u8; PACKET] {
        let mut bytes = packet(number);
        if self == Filling::WithNulls {
            for (place, ts_packet) in bytes.chunks_mut(TS_PACKET).enumerate().skip(1) {
                if number >> (place - 1) & 1 == 1 {
                    ts_packet.fill(0xff);
                    ts_packet[..TS_HEADER].copy_from_slice(&[0x47, 0x1f, 0xff, 0x10]);
                }
            }
        }
        bytes
    }
}

/// The packets with the numbers below `count`, one after the other.
pub(crate) fn packets(count: u64) -> Vec<u8> {
    (0..count).flat_map(packet).collect()
}

/// What a file that a receiver writes holds so far.
pub(crate) fn verdict_on_file(file: &Path) -> Verdict {
    verdict_on_filled_file(file, Filling::Full)
}

pub(crate) fn verdict_on_filled_file(file: &Path, filling: Filling) -> Verdict {
    let mut checker = Checker { filling, ..Checker::default() };
    checker.push(&std::fs::read(file).unwrap_or_default());
    checker.verdict
}

/// The number that a packet of the stream tells.
pub(crate) fn number_of(bytes: &[u8]) -> Option<u64> {
    let tail = bytes.get(TS_HEADER..)?.strip_prefix(&MAGIC)?;
    Some(u64::from_be_bytes(tail.get(..8)?.try_into().ok()?))
}

/// Sends the stream to a UDP port, evenly paced, until dropped.
pub(crate) struct Feeder {
    sent: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Feeder {
    pub(crate) fn start(port: u16, bits_per_second: u64) -> io::Result<Feeder> {
        Feeder::filled(port, bits_per_second, Filling::Full)
    }

    pub(crate) fn filled(port: u16, bits_per_second: u64, filling: Filling) -> io::Result<Feeder> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        let target = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let (sent, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let gap = Duration::from_secs_f64(PACKET as f64 * 8.0 / bits_per_second as f64);
        let (count, end) = (sent.clone(), stop.clone());
        let thread = std::thread::spawn(move || {
            let mut due = Instant::now();
            while !end.load(Ordering::Relaxed) {
                // The program may not listen yet. It gets what comes after.
                let _ = socket.send_to(&filling.packet(count.load(Ordering::Relaxed)), target);
                count.fetch_add(1, Ordering::Relaxed);
                // A late thread does not catch up in a burst: a busy test machine must not become a lossy input.
                due = (due + gap).max(Instant::now());
                std::thread::sleep(due - Instant::now().min(due));
            }
        });
        Ok(Feeder { sent, stop, thread: Some(thread) })
    }

    /// How many packets have been sent: also the number of the next.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }
}

impl Drop for Feeder {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What a receiver has put out so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) first: Option<u64>,
    pub(crate) last: Option<u64>,
    pub(crate) packets: u64,
    /// Packets in order since the last fault.
    pub(crate) clean: u64,
    /// Everything but the next packet, byte by byte: gaps, repeats, wrong bytes, wrong sizes. The first few.
    pub(crate) faults: Vec<String>,
    pub(crate) fault_count: u64,
    /// Faults that began within [`OUTAGE`] packets of an earlier one count as one with it.
    pub(crate) outages: u64,
    /// The faults that are gaps, and the packets that were left out there.
    pub(crate) gaps: u64,
    pub(crate) missing: u64,
}

/// Checks that bytes are the stream: from some packet on, each one once, in order, byte-identical.
#[derive(Debug, Default)]
pub(crate) struct Checker {
    filling: Filling,
    pending: Vec<u8>,
    /// The packet after which the last outage began.
    outage: Option<u64>,
    pub(crate) verdict: Verdict,
}

impl Checker {
    /// Takes bytes of the stream, cut anywhere. Before the first packet, a cut-off part of one is allowed.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.pending.extend_from_slice(bytes);
        let mut start = 0;
        while let Some(candidate) = self.pending.get(start..start + PACKET) {
            match number_of(candidate) {
                Some(number) => {
                    let intact = candidate == self.filling.packet(number);
                    start += PACKET;
                    self.take(number, intact);
                }
                None => {
                    if let Some(last) = self.verdict.last {
                        self.fault(format!("bytes of no packet after packet {last}"));
                    }
                    start += skip(&self.pending[start..]);
                }
            }
        }
        self.pending.drain(..start);
    }

    /// Notes the faults of a datagram that should be one packet.
    fn push_datagram(&mut self, bytes: &[u8]) {
        if bytes.len() != PACKET || !self.pending.is_empty() {
            self.fault(format!("a datagram of {} bytes after packet {:?}", bytes.len(), self.verdict.last));
        }
        self.push(bytes);
    }

    fn take(&mut self, number: u64, intact: bool) {
        let expected = self.verdict.last.map(|last| last + 1);
        self.verdict.packets += 1;
        if !intact {
            self.fault(format!("packet {number} has wrong bytes"));
        } else if let Some(expected) = expected.filter(|expected| *expected != number) {
            if number > expected {
                self.verdict.gaps += 1;
                self.verdict.missing += number - expected;
            }
            self.fault(format!("packet {number} where {expected} was due"));
        } else {
            self.verdict.clean += 1;
        }
        self.verdict.first.get_or_insert(number);
        self.verdict.last = Some(number);
    }

    fn fault(&mut self, text: String) {
        self.verdict.clean = 0;
        self.verdict.fault_count += 1;
        let here = self.verdict.last.unwrap_or_default();
        if self.outage.is_none_or(|began| here > began + OUTAGE) {
            self.outage = Some(here);
            self.verdict.outages += 1;
        }
        if self.verdict.faults.len() < KEPT_FAULTS {
            self.verdict.faults.push(text);
        }
    }
}

/// How many bytes to leave out up to the next possible packet.
fn skip(bytes: &[u8]) -> usize {
    let next = bytes.windows(MAGIC.len()).skip(TS_HEADER + 1).position(|window| window == MAGIC);
    next.map_or(bytes.len().saturating_sub(NUMBER).max(1), |place| place + 1)
}

/// Takes datagrams on a UDP port and checks them, until dropped.
pub(crate) struct Collector {
    checker: Arc<Mutex<Checker>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// How the stream is cut into datagrams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Each datagram is one packet.
    Packets,
    /// Anyhow: only the bytes count.
    Anywhere,
}

impl Collector {
    pub(crate) fn start(port: u16, cut: Cut) -> io::Result<Collector> {
        Collector::filled(port, cut, Filling::Full)
    }

    pub(crate) fn filled(port: u16, cut: Cut, filling: Filling) -> io::Result<Collector> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, port))?;
        socket.set_read_timeout(Some(STOP_CHECK))?;
        // Best effort: the kernel's limit may be lower, and the thread below is quick.
        let _ = socket2::SockRef::from(&socket).set_recv_buffer_size(4 << 20);
        let (checker, stop) =
            (Arc::new(Mutex::new(Checker { filling, ..Checker::default() })), Arc::new(AtomicBool::new(false)));
        let (shared, end) = (checker.clone(), stop.clone());
        let thread = std::thread::spawn(move || {
            let mut buffer = [0; 65_536];
            while !end.load(Ordering::Relaxed) {
                let Ok(length) = socket.recv(&mut buffer) else {
                    continue;
                };
                let mut checker = shared.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
                match cut {
                    Cut::Packets => checker.push_datagram(&buffer[..length]),
                    Cut::Anywhere => checker.push(&buffer[..length]),
                }
            }
        });
        Ok(Collector { checker, stop, thread: Some(thread) })
    }

    pub(crate) fn verdict(&self) -> Verdict {
        self.checker().verdict.clone()
    }

    /// Begins again: what has come so far does not count.
    pub(crate) fn forget(&self) {
        let mut checker = self.checker();
        checker.verdict = Verdict { last: checker.verdict.last, ..Verdict::default() };
        checker.outage = None;
    }

    fn checker(&self) -> MutexGuard<'_, Checker> {
        self.checker.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
