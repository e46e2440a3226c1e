//! Another network under a context than the system's.

use super::context::{Context, Error};
use super::gate::Gate;
use super::transmit::{BoundSocket, Sent};
use crate::protocol::output::Transmit;
use crate::protocol::time::Time;
use parking_lot::Mutex;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Datagrams that are queued at once: many that are sent together do not overflow a queue that they would pass through.
const FEW: usize = 64;

/// Carries the datagrams of a context's sockets; these are open and bound, but nothing is sent or received by them. Called
/// with no lock held, from any thread that sends, and may call the library.
///
/// "Not now" is `ErrorKind::WouldBlock`.
pub trait Network: Send + Sync {
    /// Sends one datagram, which comes in two pieces; never blocks.
    fn send(&self, fd: i32, to: SocketAddr, head: &[u8], body: &[u8]) -> io::Result<()>;

    /// Takes one datagram; never blocks. Its length may be more than there was room for: it was cut then.
    fn receive(&self, fd: i32, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)>;

    /// Waits until one of the sockets is ready, at most so long. Returns how many are.
    fn wait(&self, sockets: &mut [libc::pollfd], timeout_ms: i32) -> io::Result<usize>;
}

/// The network of a context, if it is not the system's. Set before start.
#[derive(Default)]
pub(super) struct OtherNetwork {
    is_set: AtomicBool,
    network: Mutex<Option<Arc<dyn Network>>>,
    /// The application's threads send, too, and may be at it when the end comes.
    pub(super) gate: Gate,
}

impl OtherNetwork {
    pub(super) fn get(&self) -> Option<Arc<dyn Network>> {
        // With each packet that is sent: no lock for the usual answer.
        if self.is_set.load(Ordering::Acquire) { self.network.lock().clone() } else { None }
    }

    fn set(&self, network: Option<Arc<dyn Network>>) {
        let mut current = self.network.lock();
        self.is_set.store(network.is_some(), Ordering::Release);
        let old = std::mem::replace(&mut *current, network);
        drop(current);
        drop(old);
    }
}

impl Context {
    /// Before start. `None`: the system's network.
    pub fn set_network(&self, network: Option<Arc<dyn Network>>) -> Result<(), Error> {
        self.before_start(|driver| driver.network.set(network))
    }
}

impl BoundSocket {
    /// Sends these over another network, behind those that wait. One thread at a time sends for all, with no lock held: so the
    /// order is kept, and the network's functions may call the library, also to send more. `go_on` is asked
    /// before each: the context may have been destroyed in the last.
    pub(super) fn send_over(
        &self,
        network: &dyn Network,
        now: Time,
        datagrams: &[Transmit],
        go_on: impl Fn() -> bool,
    ) -> Sent {
        let mut sent = Sent::default();
        // What waits by itself goes also when there is nothing to put behind it.
        self.drain_over(network, now, &mut sent, &go_on);
        for few in datagrams.chunks(FEW) {
            self.enqueue(now, few, &mut sent);
            self.drain_over(network, now, &mut sent, &go_on);
        }
        // The protocol thread looks at the socket by itself, at least every few milliseconds.
        sent.waits = false;
        sent
    }

    fn drain_over(&self, network: &dyn Network, now: Time, sent: &mut Sent, go_on: &impl Fn() -> bool) {
        self.drain(|datagram| {
            if !go_on() || datagram.to.port() == 0 {
                return true;
            }
            let send = || network.send(self.fd(), datagram.to, datagram.head(), datagram.body());
            let mut result = send();
            if result.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::Interrupted) {
                result = send();
            }
            match result {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                Err(error) => self.failed(now, datagram, &error, sent),
                Ok(()) => {}
            }
            true
        });
    }
}
