//! One peer's tunnel in the Main profile (TR-06-2): what is kept for it beside the peer itself.
//!
//! Keys belong to the peer that the application added; those that came through it share them, so that a
//! crowd of strangers costs no key. A peer that has logged in may have keys of its own.

mod abilities;
mod control_clock;
mod keyring;
mod lock;
mod marks;
#[cfg(test)]
mod properties;
mod strangers;
mod unknown;
mod version;

pub(super) use abilities::{Abilities, Change, Offer};
pub(super) use keyring::{Keyring, Refusal, Sense, Tagged};
pub(super) use lock::{Lock, Sealed, Wanted};
pub(super) use strangers::Strangers;
pub(super) use unknown::Unknown;
pub(super) use version::{Heard, Version};

use super::time::{Span, Time};
use crate::crypto::secret::Secret;
use crate::wire::gre::{Form, Ports};

/// RTCP of a sender comes from this virtual port; media from it plus the peer's number (libRIST).
pub(super) const SOURCE_PORT: u16 = 0x8000;
/// libRIST counts peers up to here before it begins anew.
const SOURCE_PORTS: u32 = 28_232;

#[derive(Debug)]
pub(super) struct Tunnel {
    pub(super) version: Version,
    /// Of the next packet that is not encrypted; packets that are share the counter of their key.
    sequence: u32,
    /// What its RTCP came with, swapped: for ours.
    feedback: Option<Ports>,
    /// What it can do beyond Main; of contexts that can, too.
    pub(super) abilities: Option<Box<Abilities>>,
    pub(super) lock: Option<Box<Lock>>,
    pub(super) keyring: Option<Box<Keyring>>,
    /// A passphrase that the lock changes to once peers know it.
    pub(super) next_secret: Option<Secret>,
    /// Nonces that it used and that no key is known for, with packets that wait.
    pub(super) unknown: Option<Box<Unknown>>,
    /// It has shown that it has the secret.
    pub(super) keyed: bool,
    /// By a key of 256 bits, which Advanced packets do not say.
    pub(super) aes_256: bool,
    /// Clear text is read although there is a keyring, learnt from the other side: it may no longer encrypt.
    pub(super) reads_clear: bool,
    /// The other side's capabilities and JSON, as a check sum: only changes are logged.
    pub(super) announced: Option<u64>,
    /// By its latest keep-alive its media comes in pairs.
    pub(super) announces_pairs: bool,
    /// Longest time that the sender keeps packets, by its buffer negotiation.
    pub(super) sender_buffer: Option<Span>,
    /// Version 2 is offered until then, for those who lost the first offers.
    pub(super) offers_until: Time,
    /// Out-of-band data that may not go yet.
    pub(super) greetings: Vec<(Form, Vec<u8>)>,
    /// The latest out-of-band data came.
    pub(super) out_of_band: Option<Time>,
}

impl Tunnel {
    pub(super) fn new(version: Version, offers_until: Time) -> Self {
        Self {
            version,
            sequence: 0,
            feedback: None,
            abilities: None,
            lock: None,
            keyring: None,
            next_secret: None,
            unknown: None,
            keyed: false,
            aes_256: false,
            reads_clear: false,
            announced: None,
            announces_pairs: false,
            sender_buffer: None,
            offers_until,
            greetings: Vec::new(),
            out_of_band: None,
        }
    }

    pub(super) fn next_sequence(&mut self) -> u32 {
        let sequence = self.sequence;
        self.sequence = sequence.wrapping_add(1);
        sequence
    }

    pub(super) fn heard_feedback(&mut self, ports: Ports) {
        self.feedback = Some(ports.swapped());
    }

    /// Ports of our RTCP: those of the other side's, or what a caller begins with.
    pub(super) fn feedback_ports(&self, virt_dst_port: u16) -> Ports {
        let first = Ports { source: SOURCE_PORT, destination: virt_dst_port | 1 };
        self.feedback.unwrap_or(first)
    }
}

/// The virtual port that media of this peer comes from.
pub(super) fn media_source_port(peer: u32) -> u16 {
    SOURCE_PORT + (peer % SOURCE_PORTS) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn feedback_answers_to_the_ports_it_came_from() {
        let mut tunnel = Tunnel::new(Version::of_caller(), Time::from_ticks(0));
        assert_eq!(tunnel.feedback_ports(1968), Ports { source: 32768, destination: 1969 });
        tunnel.heard_feedback(Ports { source: 5, destination: 7 });
        assert_eq!(tunnel.feedback_ports(1968), Ports { source: 7, destination: 5 });
        assert_eq!([tunnel.next_sequence(), tunnel.next_sequence()], [0, 1]);
        tunnel.sequence = u32::MAX;
        assert_eq!([tunnel.next_sequence(), tunnel.next_sequence()], [u32::MAX, 0]);
        assert_eq!(media_source_port(1), 0x8001);
    }
}
