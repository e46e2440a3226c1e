//! Advanced profile (TR-06-3): media and control behind a header of their own, beside Main's tunnel on the same port.

use super::super::tunnel::Sealed;
use super::add;
use crate::protocol::output::{MAX_HEAD, SocketId, Transmit};
use crate::protocol::payload::{Payload, Pool};
use crate::wire::advanced::{Header, Psk};
use std::net::SocketAddr;
use std::sync::Arc;

/// The header of one datagram, and the key that seals what stands behind it.
pub(in crate::protocol) struct Frame {
    pub(in crate::protocol) socket: SocketId,
    pub(in crate::protocol) to: SocketAddr,
    pub(in crate::protocol) header: Header,
    pub(in crate::protocol) sealed: Option<Sealed>,
}

impl Frame {
    /// A media packet. In clear text the payload is shared, not copied.
    pub(in crate::protocol) fn media(&self, payload: &Payload, pool: &Arc<Pool>) -> Option<Transmit> {
        if self.sealed.is_some() {
            return self.message(pool, |out| out.extend_from_slice(payload));
        }
        let mut transmit = self.open(&self.header);
        transmit.body = Some(payload.clone());
        Some(transmit)
    }

    /// Anything else, as `write` puts it together. `None`: it could not be sealed.
    pub(in crate::protocol) fn message(&self, pool: &Arc<Pool>, write: impl FnOnce(&mut Vec<u8>)) -> Option<Transmit> {
        let Some(sealed) = &self.sealed else {
            let mut transmit = self.open(&self.header);
            transmit.body = Some(pool.build(write));
            return Some(transmit);
        };
        let psk = Psk { mode: sealed.mode(), hash: None, nonce: Some(sealed.nonce), iv: Some(sealed.sequence) };
        let header = Header { psk, ..self.header };
        let mut transmit = self.open(&header);
        let (hash_at, mut whole) = (header.clear_len() - Psk::fields_len(psk.mode), false);
        transmit.body = Some(pool.build(|out| {
            write(out);
            whole = sealed.seal(&mut transmit.head[..transmit.head_len], hash_at, out);
        }));
        whole.then_some(transmit)
    }

    fn open(&self, header: &Header) -> Transmit {
        let mut octets = [0; Header::MAX_LEN];
        let len = header.write(&mut octets);
        let head = [0; MAX_HEAD];
        let mut transmit = Transmit { socket: self.socket, to: self.to, head, head_len: 0, body: None };
        add(&mut transmit, &octets, len);
        transmit
    }
}
