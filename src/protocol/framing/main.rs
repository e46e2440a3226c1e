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
    pub(in crate::protocol) fn media(self, header: &rtp::Header, payload: Payload, pool: &Arc<Pool>) -> Transmit {
        let mut rtp_header = [0; rtp::Header::MAX_LEN];
        let len = header.write(&mut rtp_header);
        let rtp_header = &rtp_header[..len];
        if self.sealed.is_some() {
            return self.message(pool, |out| {
                out.extend_from_slice(rtp_header);
                out.extend_from_slice(&payload);
            });
        }
        let (mut transmit, prefix, prefix_len) = self.open();
        for part in [&prefix[..prefix_len], rtp_header] {
            let end = transmit.head_len + part.len();
            transmit.head[transmit.head_len..end].copy_from_slice(part);
            transmit.head_len = end;
        }
        transmit.body = Some(payload);
        transmit
    }

    /// Anything else, as `write` puts it together.
    pub(in crate::protocol) fn message(self, pool: &Arc<Pool>, write: impl FnOnce(&mut Vec<u8>)) -> Transmit {
        let (mut transmit, prefix, prefix_len) = self.open();
        let body = pool.build(|out| {
            out.extend_from_slice(&prefix[..prefix_len]);
            write(out);
            if let Some(sealed) = &self.sealed {
                sealed.encrypt(out);
            }
        });
        transmit.body = Some(body);
        transmit
    }

    /// The datagram with its GRE header only, and what has to follow that.
    fn open(&self) -> (Transmit, [u8; Form::MAX_PREFIX], usize) {
        let (protocol, prefix, prefix_len) = self.form.prefix(self.version);
        let key = self.sealed.as_ref().map(|sealed| (sealed.nonce, sealed.aes_256));
        let header = Header { version: self.version, protocol, key, sequence: self.sequence };
        let mut gre = [0; Header::MAX_LEN];
        let head_len = header.write(&mut gre);
        let mut head = [0; MAX_HEAD];
        head[..Header::MAX_LEN].copy_from_slice(&gre);
        let transmit = Transmit { socket: self.socket, to: self.to, head, head_len, body: None };
        (transmit, prefix, prefix_len)
    }
}
