//! Main profile (TR-06-2): everything through one port, behind a GRE header, encrypted where there is a key.

use super::super::tunnel::Sealed;
use super::add;
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
    pub(in crate::protocol) fn media(&self, header: &rtp::Header, payload: &Payload, pool: &Arc<Pool>) -> Transmit {
        let mut rtp_header = [0; rtp::Header::MAX_LEN];
        let rtp_len = header.write(&mut rtp_header);
        if self.sealed.is_some() {
            return self.message(pool, |out| {
                out.extend_from_slice(&rtp_header[..rtp_len]);
                out.extend_from_slice(payload);
            });
        }
        let (protocol, prefix, prefix_len) = self.form.prefix(self.version);
        let mut transmit = self.open(protocol);
        add(&mut transmit, &prefix, prefix_len);
        add(&mut transmit, &rtp_header, rtp_len);
        transmit.body = Some(payload.clone());
        transmit
    }

    /// Anything else, as `write` puts it together.
    pub(in crate::protocol) fn message(&self, pool: &Arc<Pool>, write: impl FnOnce(&mut Vec<u8>)) -> Transmit {
        let (protocol, prefix, prefix_len) = self.form.prefix(self.version);
        let mut transmit = self.open(protocol);
        transmit.body = Some(pool.build(|out| {
            out.extend_from_slice(&prefix[..prefix_len]);
            write(out);
            if let Some(sealed) = &self.sealed {
                sealed.encrypt(out);
            }
        }));
        transmit
    }

    /// The datagram with its GRE header only.
    fn open(&self, protocol: u16) -> Transmit {
        let key = self.sealed.as_ref().map(|sealed| (sealed.nonce, sealed.aes_256));
        let header = Header { version: self.version, protocol, key, sequence: self.sequence };
        let mut gre = [0; Header::MAX_LEN];
        let gre_len = header.write(&mut gre);
        let head = [0; MAX_HEAD];
        let mut transmit = Transmit { socket: self.socket, to: self.to, head, head_len: 0, body: None };
        add(&mut transmit, &gre, gre_len);
        transmit
    }
}
