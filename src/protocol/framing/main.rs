//! Main profile (TR-06-2): everything through one port, behind a GRE header, encrypted where there is a key.

use super::super::tunnel::Sealed;
use crate::protocol::output::{MAX_HEAD, SocketId, Transmit};
use crate::protocol::payload::{Payload, Pool};
use crate::wire::gre::{Form, Header};
use crate::wire::rtp;
use std::net::SocketAddr;
use std::sync::Arc;

/// The GRE header of one datagram, and the key that seals what stands behind it.
pub(in crate::protocol) struct Envelope {
    pub(in crate::protocol) socket: SocketId,
    pub(in crate::protocol) to: SocketAddr,
    pub(in crate::protocol) version: u8,
    pub(in crate::protocol) form: Form,
    pub(in crate::protocol) sequence: u32,
    pub(in crate::protocol) sealed: Option<Sealed>,
}

impl Envelope {
    /// A media packet. In clear text the payload is shared, not copied.
    pub(in crate::protocol) fn media(self, header: &rtp::Header, payload: &Payload, pool: &Arc<Pool>) -> Transmit {
        let mut rtp_header = [0; rtp::Header::MAX_LEN];
        let rtp_len = header.write(&mut rtp_header);
        if self.sealed.is_some() {
            return self.message(pool, |out| {
                out.extend_from_slice(&rtp_header[..rtp_len]);
                out.extend_from_slice(payload);
            });
        }
        let (protocol, prefix, prefix_len) = self.form.prefix(self.version);
        let mut head = self.head(protocol);
        head.push(&prefix, prefix_len);
        head.push(&rtp_header, rtp_len);
        self.datagram(head, payload.clone())
    }

    /// Anything else, as `write` puts it together.
    pub(in crate::protocol) fn message(self, pool: &Arc<Pool>, write: impl FnOnce(&mut Vec<u8>)) -> Transmit {
        let (protocol, prefix, prefix_len) = self.form.prefix(self.version);
        let body = pool.build(|out| {
            out.extend_from_slice(&prefix[..prefix_len]);
            write(out);
            if let Some(sealed) = &self.sealed {
                sealed.encrypt(out);
            }
        });
        self.datagram(self.head(protocol), body)
    }

    fn head(&self, protocol: u16) -> Head {
        let key = self.sealed.as_ref().map(|sealed| (sealed.nonce, sealed.aes_256));
        let header = Header { version: self.version, protocol, key, sequence: self.sequence };
        let mut gre = [0; Header::MAX_LEN];
        let gre_len = header.write(&mut gre);
        let mut head = Head { octets: [0; MAX_HEAD], len: 0 };
        head.push(&gre, gre_len);
        head
    }

    fn datagram(&self, head: Head, body: Payload) -> Transmit {
        Transmit { socket: self.socket, to: self.to, head: head.octets, head_len: head.len, body: Some(body) }
    }
}

/// What stands before the body, as it grows.
struct Head {
    octets: [u8; MAX_HEAD],
    len: usize,
}

impl Head {
    /// Adds the first `len` of these octets. All of them are copied: a number known beforehand costs no call.
    fn push<const N: usize>(&mut self, octets: &[u8; N], len: usize) {
        if let Some(place) = self.octets[self.len..].first_chunk_mut() {
            *place = *octets;
            self.len += len;
        }
    }
}
