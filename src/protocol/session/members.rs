//! Peers that came by themselves, found by what strangers ask after: a datagram from nobody must cost little.

use crate::protocol::output::PeerId;
use std::collections::BTreeSet;
use std::net::IpAddr;

#[derive(Debug, Default)]
pub(super) struct Members {
    children: usize,
    /// Children that never answered an echo: first those that have said little, then by age.
    unproven: BTreeSet<(bool, PeerId)>,
    /// Who is on a flow, and from which address.
    on_flow: BTreeSet<(u32, Option<IpAddr>, PeerId)>,
}

impl Members {
    pub(super) fn children(&self) -> usize {
        self.children
    }

    pub(super) fn child_came(&mut self, id: PeerId, speaks: bool) {
        self.children += 1;
        self.unproven.insert((speaks, id));
    }

    pub(super) fn child_left(&mut self, id: PeerId) {
        self.children = self.children.saturating_sub(1);
        self.proved(id);
    }

    /// It has sent media, or answered a question that it must have read.
    pub(super) fn speaks(&mut self, id: PeerId) {
        if self.unproven.remove(&(false, id)) {
            self.unproven.insert((true, id));
        }
    }

    /// It has answered an echo.
    pub(super) fn proved(&mut self, id: PeerId) {
        self.unproven.remove(&(false, id));
        self.unproven.remove(&(true, id));
    }

    /// Who has to go first when there are too many.
    pub(super) fn least_credible(&self) -> Option<PeerId> {
        self.unproven.first().map(|(_, id)| *id)
    }

    pub(super) fn joined(&mut self, flow: u32, from: Option<IpAddr>, id: PeerId) {
        self.on_flow.insert((flow, from, id));
    }

    pub(super) fn left(&mut self, flow: u32, from: Option<IpAddr>, id: PeerId) {
        self.on_flow.remove(&(flow, from, id));
    }

    pub(super) fn of_flow_at(&self, flow: u32, ip: IpAddr) -> impl Iterator<Item = PeerId> + '_ {
        let all = (flow, Some(ip), PeerId(0))..=(flow, Some(ip), PeerId(u32::MAX));
        self.on_flow.range(all).map(|(_, _, id)| *id)
    }

    /// Nobody is on this flow any more; returns who was.
    pub(super) fn flow_ended(&mut self, flow: u32) -> Vec<PeerId> {
        let mut rest = self.on_flow.split_off(&(flow, None, PeerId(0)));
        let mut after = match flow.checked_add(1) {
            Some(next) => rest.split_off(&(next, None, PeerId(0))),
            None => BTreeSet::new(),
        };
        self.on_flow.append(&mut after);
        rest.into_iter().map(|(_, _, id)| id).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_brings_media_or_has_proved_itself_stays_longer() {
        let mut members = Members::default();
        for id in [1, 3, 5] {
            members.child_came(PeerId(id), false);
        }
        members.speaks(PeerId(1));
        members.proved(PeerId(3));
        assert_eq!(members.least_credible(), Some(PeerId(5)));
        members.child_left(PeerId(5));
        assert_eq!(members.least_credible(), Some(PeerId(1)));
        members.child_left(PeerId(1));
        assert_eq!((members.least_credible(), members.children()), (None, 1));
    }

    #[test]
    fn a_flow_has_its_own_members() {
        let mut members = Members::default();
        let ip = |last| IpAddr::from([10, 0, 0, last]);
        for (flow, last, id) in [(2, 1, 1), (4, 1, 3), (4, 2, 5), (4, 1, 7), (6, 1, 9)] {
            members.joined(flow, Some(ip(last)), PeerId(id));
        }
        assert_eq!(members.of_flow_at(4, ip(1)).collect::<Vec<_>>(), [PeerId(3), PeerId(7)]);
        assert_eq!(members.flow_ended(4).len(), 3);
        assert_eq!(members.of_flow_at(4, ip(1)).count(), 0);
        members.left(2, Some(ip(1)), PeerId(1));
        assert_eq!(members.on_flow.len(), 1);
    }
}
