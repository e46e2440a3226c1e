//! Strangers that wait for the application's word (`rist_auth_handler_set`).

use super::Session;
use crate::protocol::output::{AdmissionId, Event, PeerId, SocketId};
use crate::protocol::time::{Span, Time};
use std::collections::HashMap;
use std::net::SocketAddr;

/// Strangers that may wait at once; further datagrams are dropped.
const MAX_WAITING: usize = 64;
/// A refused stranger is not announced again for this long (libRIST asks on every datagram).
const REFUSED_FOR: Span = Span::from_millis(100);
const MAX_REFUSED: usize = 1024;

#[derive(Debug)]
struct Waiting {
    socket: SocketId,
    from: SocketAddr,
    datagram: Vec<u8>,
}

#[derive(Debug, Default)]
pub(super) struct Door {
    asking: bool,
    next: u64,
    waiting: HashMap<AdmissionId, Waiting>,
    refused: HashMap<(SocketId, SocketAddr), Time>,
    /// Admitted, and about to be used by the datagram that is handled again.
    admitted: Option<(SocketId, SocketAddr)>,
}

impl Door {
    pub(super) fn set_asking(&mut self, asking: bool) {
        self.asking = asking;
    }
}

impl Session {
    /// True when the stranger may come in now; otherwise the application is asked and the datagram kept.
    pub(super) fn may_enter(
        &mut self,
        now: Time,
        (socket, from): (SocketId, SocketAddr),
        peer: PeerId,
        local: SocketAddr,
        datagram: &[u8],
    ) -> bool {
        let door = &mut self.door;
        if !door.asking || door.admitted.take_if(|admitted| *admitted == (socket, from)).is_some() {
            return true;
        }
        let refused = door.refused.get(&(socket, from)).is_some_and(|at| now.since(*at) < REFUSED_FOR);
        let waits = door.waiting.values().any(|waiting| waiting.socket == socket && waiting.from == from);
        if refused || waits || door.waiting.len() >= MAX_WAITING {
            return false;
        }
        let request = AdmissionId(door.next);
        door.next += 1;
        door.waiting.insert(request, Waiting { socket, from, datagram: datagram.to_vec() });
        self.event(Event::Admission { request, remote: from, local, peer });
        false
    }

    /// Whether an endpoint was let in by the application, who then has to hear when it goes.
    pub(super) fn announces(&self) -> bool {
        self.door.asking
    }

    /// The application has answered: the datagram to handle again if it said yes.
    pub(super) fn door_answered(
        &mut self,
        now: Time,
        request: AdmissionId,
        accept: bool,
    ) -> Option<(SocketId, SocketAddr, Vec<u8>)> {
        let Waiting { socket, from, datagram } = self.door.waiting.remove(&request)?;
        if accept {
            self.door.admitted = Some((socket, from));
            return Some((socket, from, datagram));
        }
        if self.door.refused.len() >= MAX_REFUSED {
            self.door.refused.retain(|_, at| now.since(*at) < REFUSED_FOR);
        }
        if self.door.refused.len() < MAX_REFUSED {
            self.door.refused.insert((socket, from), now);
        }
        None
    }

    /// The id that the next child will get.
    pub(super) fn reserved_id(&self) -> PeerId {
        PeerId(self.next_peer)
    }
}
