//! Media straight from a descriptor of the application's, or to one.

use super::context::{Context, Error};
use super::driver::Driver;
use super::os::descriptor::{self, Kind};
use super::os::wake::Wake;
use super::rate::Rate;
use crate::protocol::config::Role;
use crate::protocol::output::{Delivery, Level};
use crate::protocol::session::MAX_PAYLOAD;
use parking_lot::Mutex;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes that are read at once when the application does not say: seven MPEG-TS packets.
const DEFAULT_PACKET: usize = 1316;

/// Packets and bytes so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    pub tx_packets: u64,
    pub tx_bytes: u64,
    pub rx_packets: u64,
    pub rx_bytes: u64,
}

/// A context's data descriptor, if it has one.
#[derive(Default)]
pub(super) struct DataFd {
    input: Mutex<Option<Arc<Input>>>,
    output: Mutex<Option<Arc<Output>>>,
    sent: Count,
    written: Count,
}

#[derive(Default)]
struct Count {
    packets: AtomicU64,
    bytes: AtomicU64,
}

impl Count {
    fn add(&self, bytes: usize) {
        self.packets.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    fn get(&self) -> (u64, u64) {
        (self.packets.load(Ordering::Relaxed), self.bytes.load(Ordering::Relaxed))
    }
}

/// Where a sender reads.
pub(super) struct Input {
    pub(super) fd: i32,
    /// Most bytes of a packet.
    pub(super) max_packet: usize,
    /// A read that gives more than that is a cut packet, not the beginning of a stream.
    pub(super) whole: bool,
    /// Ends the wait for the descriptor.
    pub(super) wake: Wake,
}

/// Where a receiver writes.
pub(super) struct Output {
    fd: i32,
    kind: Kind,
    dropped: Rate,
}

impl DataFd {
    pub(super) fn input(&self) -> Option<Arc<Input>> {
        self.input.lock().clone()
    }

    pub(super) fn output(&self) -> Option<Arc<Output>> {
        self.output.lock().clone()
    }

    /// Wakes the thread that reads.
    pub(super) fn wake(&self) {
        if let Some(input) = self.input() {
            input.wake.wake();
        }
    }

    pub(super) fn count_sent(&self, bytes: usize) {
        self.sent.add(bytes);
    }

    fn traffic(&self) -> Traffic {
        let ((tx_packets, tx_bytes), (rx_packets, rx_bytes)) = (self.sent.get(), self.written.get());
        Traffic { tx_packets, tx_bytes, rx_packets, rx_bytes }
    }
}

impl Driver {
    /// Writes packets in order, in place of the FIFO and the callback. What the descriptor does not take now is dropped.
    pub(super) fn write_out(&self, output: &Output, due: &mut Vec<Delivery>) {
        for delivery in due.drain(..) {
            if self.is_stopping() {
                break;
            }
            match descriptor::write(output.fd, output.kind, &delivery.payload) {
                Ok(()) => self.data_fd.written.add(delivery.payload.len()),
                Err(error) => self.dropped(output, &error),
            }
        }
    }

    fn dropped(&self, output: &Output, error: &io::Error) {
        if let Some(dropped) = output.dropped.count(super::os::clock::now(), 1) {
            let line = match error.kind() {
                io::ErrorKind::WouldBlock => format!("data descriptor full, packets dropped: {dropped}"),
                _ => format!("cannot write to the data descriptor, packets dropped: {dropped} ({error})"),
            };
            self.log.log(Level::Error, &line);
        }
    }
}

impl Context {
    /// Sender, before start: what can be read from `fd` is sent, one read a packet of at most `max_packet` bytes.
    /// `whole`: each read is one packet by itself (TUN). The descriptor stays the caller's.
    pub fn set_data_input(&self, fd: i32, max_packet: usize, whole: bool) -> Result<(), Error> {
        self.has_role(Role::Sender)?;
        self.check_open(fd)?;
        let max_packet = match max_packet {
            0 if whole => MAX_PAYLOAD,
            0 => DEFAULT_PACKET,
            length => length.min(MAX_PAYLOAD),
        };
        let wake = Wake::new().map_err(|_| Error::Resources)?;
        let input = Arc::new(Input { fd, max_packet, whole, wake });
        self.before_start(|driver| *driver.data_fd.input.lock() = Some(input))
    }

    /// Receiver, before start: each payload is written to `fd`, past FIFO and callback. The descriptor stays the caller's.
    pub fn set_data_output(&self, fd: i32) -> Result<(), Error> {
        self.has_role(Role::Receiver)?;
        let kind = self.check_open(fd)?;
        let output = Arc::new(Output { fd, kind, dropped: Rate::default() });
        self.before_start(|driver| *driver.data_fd.output.lock() = Some(output))
    }

    /// What went through the data descriptor so far.
    pub fn data_traffic(&self) -> Traffic {
        self.driver().data_fd.traffic()
    }

    fn has_role(&self, role: Role) -> Result<(), Error> {
        if self.role() == role { Ok(()) } else { Err(Error::WrongRole) }
    }

    fn check_open(&self, fd: i32) -> Result<Kind, Error> {
        descriptor::kind(fd).map_err(|error| {
            self.log().log(Level::Error, &format!("data descriptor {fd}: {error}"));
            Error::InvalidArgument
        })
    }
}
