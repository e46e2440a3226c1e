//! Free even/odd UDP port pairs, never given to two tests at once.

use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU32, Ordering};

/// Below the ports that Linux hands out by itself (32768 and up).
const FIRST: u32 = 20_000;
const PAIRS: u32 = 6_000;

static NEXT: AtomicU32 = AtomicU32::new(0);

/// An even UDP port and the odd one above it. Both are free when the pair is made; while it lives, its TCP twin
/// is held as a lease, so that no other test (of this or another process) is given it.
pub(crate) struct PortPair {
    even: u16,
    _lease: TcpListener,
}

impl PortPair {
    pub(crate) fn new() -> PortPair {
        for _ in 0..PAIRS {
            let turn = NEXT.fetch_add(1, Ordering::Relaxed).wrapping_add(std::process::id() * 97);
            let even = (FIRST + turn % PAIRS * 2) as u16;
            let Ok(lease) = TcpListener::bind((Ipv4Addr::LOCALHOST, even)) else {
                continue;
            };
            if is_free(even) && is_free(even + 1) {
                return PortPair { even, _lease: lease };
            }
        }
        panic!("no free UDP port pair between {FIRST} and {}", FIRST + 2 * PAIRS);
    }

    /// Media port of a Simple profile session; RTCP uses the next.
    pub(crate) fn even(&self) -> u16 {
        self.even
    }

    pub(crate) fn odd(&self) -> u16 {
        self.even + 1
    }
}

fn is_free(port: u16) -> bool {
    UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok()
}
