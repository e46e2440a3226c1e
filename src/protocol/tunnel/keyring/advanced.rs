//! What Advanced packets carry: payloads that show nothing of their key, or packets with a hash that shows everything.

use super::{Entry, Keyring, MOST_PAST, Name, Refusal, counting};
use crate::crypto::aead::HASH_LEN;
use crate::crypto::psk::counter_block;
use crate::protocol::time::Time;
use crate::wire::advanced::{Header, Packet};

/// A packet that a hash stands in.
pub(in crate::protocol) struct Tagged<'a> {
    /// What stands before the body, with zeros in place of the hash.
    head: [u8; Header::MAX_LEN],
    head_len: usize,
    body: &'a [u8],
    hash: [u8; HASH_LEN],
    /// The mode has no IV: nothing tells one that is sent again.
    counts: bool,
}

impl<'a> Tagged<'a> {
    /// `None`: the header is longer than anybody who seals so writes it.
    pub(in crate::protocol) fn new(packet: &Packet<'a>, datagram: &[u8], hash: [u8; HASH_LEN]) -> Option<Self> {
        let mut head = [0; Header::MAX_LEN];
        let place = head.get_mut(..packet.header_len)?;
        place.copy_from_slice(datagram.get(..packet.header_len)?);
        place.get_mut(packet.hash_range()?)?.fill(0);
        let counts = packet.psk.iv.is_some();
        Some(Self { head, head_len: packet.header_len, body: packet.body, hash, counts })
    }
}

impl Keyring {
    /// What was opened under keys that go is not opened again should they be derived once more.
    pub(super) fn retain(&mut self, keeps: impl Fn(&Name, &Entry) -> bool) {
        let Self { entries, past, .. } = self;
        entries.retain(|name, entry| {
            let kept = keeps(name, entry);
            if let Some(highest) = entry.window.as_ref().filter(|_| !kept).and_then(|window| window.highest()) {
                if past.len() >= MOST_PAST {
                    past.pop_first();
                }
                past.insert(*name, highest);
            }
            kept
        });
    }

    /// Decrypts what nothing can be made of: the payload of a packet in PSK mode 1. The key is the one that has opened
    /// something else, or one of the passphrase that has under a nonce for the same half of passphrases (its first bit),
    /// or the newest.
    pub(in crate::protocol) fn read(
        &mut self,
        now: Time,
        name: Name,
        sequence: u32,
        octets: &[u8],
        scratch: &mut Vec<u8>,
    ) -> Result<(), Refusal> {
        let counts = counting(&self.accepted, now);
        let usual = self.in_use[usize::from(name.0[0] >> 7)];
        let entry = self.entries.get_mut(&name).ok_or(Refusal::Unknown)?;
        let mut keys = entry.keys.iter().filter(|(number, _)| counts(*number));
        let first = keys.clone().next();
        let (_, keys) = keys.find(|(number, _)| usual == Some(*number)).or(first).ok_or(Refusal::Noise)?;
        keys.cipher.apply_into(&counter_block(sequence), octets, scratch);
        entry.last_used = now;
        Ok(())
    }

    /// Opens a packet that is what its sender made it, and that was not opened before. `scratch` holds the clear body
    /// afterwards.
    pub(in crate::protocol) fn open_authenticated(
        &mut self,
        now: Time,
        name: Name,
        sequence: u32,
        packet: &Tagged<'_>,
        scratch: &mut Vec<u8>,
    ) -> Result<(), Refusal> {
        let counts = counting(&self.accepted, now);
        let entry = self.entries.get_mut(&name).ok_or(Refusal::Unknown)?;
        let head = &packet.head[..packet.head_len];
        scratch.clear();
        scratch.extend_from_slice(packet.body);
        let mut keys = entry.keys.iter().filter(|(number, _)| counts(*number));
        let right = keys.position(|(_, keys)| {
            let key = keys.authenticated.as_ref();
            key.is_some_and(|key| key.open(sequence, head, scratch, &packet.hash))
        });
        let right = right.ok_or(Refusal::Noise)?;
        if packet.counts && !entry.window.get_or_insert_default().accept(sequence) {
            return Err(Refusal::Noise);
        }
        entry.last_used = now;
        if !entry.proven {
            entry.proven = true;
            let keys = entry.keys.swap_remove(right);
            entry.keys = vec![keys];
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::psk::KeySize;
    use crate::crypto::secret::Secret;
    use crate::protocol::config::PskMode;
    use crate::protocol::job::Keys;
    use crate::protocol::time::Span;
    use crate::wire::advanced::Psk;

    const SIZE: KeySize = KeySize::Aes256;

    fn keys(nonce: [u8; 4]) -> Keys {
        Keys::derive(&Secret::new(b"a secret"), nonce, SIZE, PskMode::Gcm)
    }

    fn sealed(nonce: [u8; 4], iv: u32) -> Vec<u8> {
        let psk = Psk { mode: 4, hash: None, nonce: Some(nonce), iv: Some(iv) };
        let mut head = [0; Header::MAX_LEN];
        let len = Header { psk, ..Header::media(1, 2, 4) }.write(&mut head);
        let mut body = *b"something";
        let key = keys(nonce).authenticated.expect("of this mode");
        let hash = key.seal(iv, &head[..len], &mut body).expect("short");
        let datagram = [&head[..len], &body].concat();
        let range = Packet::parse(&datagram).expect("our own").hash_range().expect("of this mode");
        [&datagram[..range.start], &hash, &datagram[range.end..]].concat()
    }

    fn open(ring: &mut Keyring, now: Time, nonce: [u8; 4], iv: u32) -> Result<(), Refusal> {
        let datagram = sealed(nonce, iv);
        let packet = Packet::parse(&datagram).expect("our own");
        let tagged = Tagged::new(&packet, &datagram, packet.psk.hash.expect("of this mode")).expect("short");
        let opened = ring.open_authenticated(now, (nonce, SIZE), iv, &tagged, &mut Vec::new());
        if opened != Err(Refusal::Unknown) {
            return opened;
        }
        let (_, epoch) = ring.passphrases(now);
        ring.add(now, (nonce, SIZE), vec![keys(nonce)], epoch);
        ring.open_authenticated(now, (nonce, SIZE), iv, &tagged, &mut Vec::new())
    }

    /// A recording of a stream, sent again when its keys have been thrown away.
    #[test]
    fn what_was_opened_is_not_opened_again_when_its_key_is_derived_again() {
        let mut ring = Keyring::new(Secret::new(b"a secret"), SIZE);
        let at = |seconds| Time::from_ticks(1 << 60) + Span::from_secs(seconds);
        let (old, new) = ([1, 2, 3, 4], [5, 6, 7, 8]);
        for iv in 0..100 {
            assert_eq!(open(&mut ring, at(0), old, iv), Ok(()));
        }
        assert_eq!(open(&mut ring, at(100), new, 0), Ok(()));
        assert!(!ring.knows((old, SIZE)), "not used for long");
        for iv in 0..100 {
            assert_eq!(open(&mut ring, at(101), old, iv), Err(Refusal::Noise), "{iv}");
        }
        // A sender that was away for so long goes on.
        assert_eq!(open(&mut ring, at(101), old, 100), Ok(()));
    }
}
