//! Free even/odd UDP port pairs, never given to two tests at once.

use std::net::{Ipv4Addr, TcpListener};
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

/// Looks instead of binding: a socket that is open while another thread starts a program stays open in that until
/// it has begun, and the port would be taken when it is needed.
fn is_free(port: u16) -> bool {
    let suffix = format!(":{port:04X}");
    ["/proc/self/net/udp", "/proc/self/net/udp6"].into_iter().all(|table| {
        let text = std::fs::read_to_string(table).unwrap_or_default();
        // The second column is the local address.
        text.lines().all(|line| !line.split_whitespace().nth(1).is_some_and(|local| local.ends_with(&suffix)))
    })
}
