//! Logins (EAP-SRP).
use super::Session;
use crate::crypto::secret::Secret;
use crate::protocol::output::PeerId;
use crate::protocol::time::Time;

impl Session {
    pub(super) fn begin_login(&mut self, _now: Time, _id: PeerId) -> bool {
        false
    }
    pub(super) fn login_frame(&mut self, _now: Time, _id: PeerId, _length: usize, _frame: &[u8]) {}
    pub(super) fn login_due(&mut self, _now: Time, _id: PeerId) {}
    pub(super) fn push_secret(&mut self, _now: Time, _id: PeerId, _secret: &Secret) -> usize {
        0
    }
}
