//! What the other side can do beyond Main: whether it may be spoken to in Advanced, and how.

use super::control_clock::ControlClock;
use crate::protocol::config::AdvancedClock;
use crate::protocol::time::{Span, Time};
use crate::wire::advanced::control;
use crate::wire::advanced::timestamp::Clock;
use crate::wire::gre;

/// A keep-alive that no longer offers Advanced counts if nothing came in it, and no other offered it, for so long: libraries
/// that speak it send such keep-alives beside it (ristgo and ristrust, to announce pairs), anybody can forge one, and
/// libRIST before 0.2.19 takes them at their word.
const SILENT: Span = Span::from_secs(2);
/// Where there is a secret, a keep-alive under it that offers no Advanced counts for so long against what anybody can have
/// said. They come once a second.
const DENIED_FOR: Span = Span::from_secs(3);

/// Echo requests that are sent by RTCP before others are tried.
const PATIENCE: u32 = 10;

/// Peers of an Advanced context have it.
#[derive(Debug, Default)]
pub(in crate::protocol) struct Abilities {
    advanced: bool,
    fragments: bool,
    compression: bool,
    /// It has told which it has: nothing is to be waited for.
    told: bool,
    /// The latest Advanced datagram came, or keep-alive of the tunnel that offers it; and the latest that nobody else can
    /// have sent.
    heard: Option<Time>,
    surely_heard: Option<Time>,
    /// It has said that it does not read Advanced.
    denied: Option<Time>,
    pub(in crate::protocol) clock: ControlClock,
    /// What our timestamps count. Chosen once for a stream: a change would look like a leap.
    media_clock: Option<Clock>,
    /// It has answered an echo request of RTCP, and how many of them were sent before that.
    pub(in crate::protocol) answers_in_tunnel: bool,
    asked_in_tunnel: u32,
    /// Of our next control message.
    control_seq: u32,
    /// Its latest echo request was answered, its latest unknown message refused.
    pub(in crate::protocol) echo_answered: Option<Time>,
    pub(in crate::protocol) refused: Option<Time>,
}

/// Whether what was heard changes how the peer is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::protocol) enum Change {
    None,
    Advanced,
    Main,
}

impl Abilities {
    pub(in crate::protocol) fn is_advanced(&self) -> bool {
        self.advanced
    }

    pub(in crate::protocol) fn have_told(&self) -> bool {
        self.told
    }

    pub(in crate::protocol) fn fragments(&self) -> bool {
        self.advanced && self.fragments
    }

    pub(in crate::protocol) fn compression(&self) -> bool {
        self.advanced && self.compression
    }

    /// A keep-alive in a GRE header, which may offer nothing: an older program, at the same address perhaps.
    pub(in crate::protocol) fn kept_alive(&mut self, now: Time, offer: Offer) -> Change {
        self.told = true;
        if offer.advanced {
            (self.heard, self.surely_heard, self.denied) = (Some(now), Some(now), None);
            let Offer { fragments, compression, .. } = offer;
            return self.offered(Offer {
                fragments: fragments || self.fragments,
                compression: compression || self.compression,
                ..offer
            });
        }
        if !offer.pairs {
            self.denied = Some(now);
        }
        let heard = if offer.pairs { self.heard } else { self.surely_heard };
        let silent = heard.is_none_or(|heard| now.since(heard) > SILENT);
        if !self.advanced || !silent {
            return Change::None;
        }
        *self = Self { told: true, control_seq: self.control_seq, denied: self.denied, ..Self::default() };
        Change::Main
    }

    /// Whether what comes in Advanced is not the peer's: it has said that it does not speak it.
    pub(in crate::protocol) fn deny(&self, now: Time) -> bool {
        self.denied.is_some_and(|at| now.since(at) <= DENIED_FOR)
    }

    /// A datagram of the Advanced profile, which it can read then, too. `surely`: nobody else can have sent it, as far as
    /// that is to be known of anything.
    pub(in crate::protocol) fn heard_advanced(&mut self, now: Time, surely: bool) -> Change {
        if !surely && self.deny(now) {
            return Change::None;
        }
        self.heard = Some(now);
        self.surely_heard = if surely { self.heard } else { self.surely_heard };
        self.told = true;
        if std::mem::replace(&mut self.advanced, true) { Change::None } else { Change::Advanced }
    }

    /// A keep-alive of the Advanced profile, or one in a GRE header that offers it.
    pub(in crate::protocol) fn offered(&mut self, offer: Offer) -> Change {
        self.told = true;
        (self.fragments, self.compression) = (offer.fragments, offer.compression);
        if std::mem::replace(&mut self.advanced, true) { Change::None } else { Change::Advanced }
    }

    /// It was gone: whoever speaks from there next may be another program.
    pub(in crate::protocol) fn begin_anew(&mut self) {
        self.media_clock = None;
        self.clock = ControlClock::default();
    }

    /// What timestamps of media to it count.
    pub(in crate::protocol) fn media_clock(&mut self, wanted: AdvancedClock) -> Clock {
        let clock = &self.clock;
        *self.media_clock.get_or_insert_with(|| match wanted {
            AdvancedClock::Megahertz => Clock::Microseconds,
            AdvancedClock::Shifted => Clock::ShiftedMicroseconds,
            AdvancedClock::Auto if clock.seems_shifted() => Clock::ShiftedMicroseconds,
            AdvancedClock::Auto => Clock::Microseconds,
        })
    }

    /// Whether the next echo request goes as a control message: what a peer does not answer by RTCP, it may so. Until
    /// it has answered, by turns.
    pub(in crate::protocol) fn asks_by_control(&mut self) -> bool {
        if self.answers_in_tunnel || !self.advanced {
            return false;
        }
        self.asked_in_tunnel = self.asked_in_tunnel.saturating_add(1);
        self.asked_in_tunnel > PATIENCE && self.asked_in_tunnel.is_multiple_of(2)
    }

    pub(in crate::protocol) fn next_control_seq(&mut self) -> u32 {
        let seq = self.control_seq;
        self.control_seq = seq.wrapping_add(1);
        seq
    }
}

/// What a keep-alive says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::protocol) struct Offer {
    pub(in crate::protocol) advanced: bool,
    pub(in crate::protocol) fragments: bool,
    pub(in crate::protocol) compression: bool,
    /// Its media comes in pairs. Some say that in the tunnel, and nothing else.
    pub(in crate::protocol) pairs: bool,
}

impl Offer {
    /// By a keep-alive in the tunnel. Fragments only if it says so as the standard does: libRIST calls that bit of its own
    /// "key rotation". What it sends can decompress (0.2.17 to 0.2.20), though it does not say so.
    pub(in crate::protocol) fn of_tunnel(message: &gre::KeepAlive<'_>) -> Self {
        let standard = gre::KeepAlive { extension: None, ..*message }.advanced_capabilities();
        let can = message.advanced_capabilities();
        Self {
            advanced: can.is_some(),
            fragments: standard.is_some_and(|can| can.fragmentation),
            compression: message.extension.is_some() || can.is_some_and(|can| can.compression),
            pairs: message.announces_pairs(),
        }
    }

    pub(in crate::protocol) fn of_control(message: &control::KeepAlive<'_>) -> Self {
        let compression = message.can.compression || message.is_librist;
        Self { advanced: true, fragments: message.can.fragmentation, compression, pairs: message.pairs }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u32) -> Time {
        Time::from_ticks(1 << 60) + Span::from_millis(ms)
    }

    #[test]
    fn an_older_program_at_the_same_address_is_spoken_to_in_main() {
        let nothing = Offer::default();
        let advanced = Offer { advanced: true, ..nothing };
        let mut abilities = Abilities::default();
        assert!(!abilities.have_told());
        assert_eq!(abilities.kept_alive(at(0), nothing), Change::None);
        assert!(abilities.have_told() && !abilities.is_advanced());
        assert_eq!(abilities.kept_alive(at(1), advanced), Change::Advanced);
        assert_eq!(abilities.heard_advanced(at(1000), true), Change::None);
        assert_eq!(abilities.kept_alive(at(2900), nothing), Change::None);
        assert_eq!(abilities.kept_alive(at(3100), nothing), Change::Main);
        assert_eq!(abilities.heard_advanced(at(3200), true), Change::Advanced);
    }

    /// Control is in clear text where there is a secret, keep-alives in the tunnel are not.
    #[test]
    fn what_anybody_can_have_said_does_not_count_against_what_the_peer_says() {
        let nothing = Offer::default();
        let advanced = Offer { advanced: true, ..nothing };
        let mut abilities = Abilities::default();
        assert_eq!(abilities.heard_advanced(at(0), false), Change::Advanced);
        assert_eq!(abilities.kept_alive(at(100), nothing), Change::Main);
        assert_eq!(abilities.heard_advanced(at(3000), false), Change::None);
        assert!(abilities.deny(at(3000)) && !abilities.is_advanced());
        // Who announces pairs by them says nothing of the rest.
        assert_eq!(abilities.heard_advanced(at(3200), false), Change::Advanced);
        assert_eq!(abilities.kept_alive(at(3300), Offer { pairs: true, ..nothing }), Change::None);
        assert!(!abilities.deny(at(3300)));
        assert_eq!(abilities.kept_alive(at(3400), nothing), Change::Main);
        assert_eq!(abilities.heard_advanced(at(3500), true), Change::Advanced);
        assert_eq!(abilities.kept_alive(at(3600), nothing), Change::None);
        assert_eq!(abilities.kept_alive(at(3700), advanced), Change::None);
        assert!(!abilities.deny(at(3700)));
    }

    #[test]
    fn an_offer_is_not_taken_back_at_once() {
        let advanced = Offer { advanced: true, ..Offer::default() };
        let mut abilities = Abilities::default();
        assert_eq!(abilities.kept_alive(at(0), advanced), Change::Advanced);
        assert_eq!(abilities.kept_alive(at(100), Offer::default()), Change::None);
        assert_eq!(abilities.kept_alive(at(2100), Offer::default()), Change::Main);
    }

    #[test]
    fn the_clock_of_a_stream_stays() {
        let mut abilities = Abilities::default();
        assert_eq!(abilities.media_clock(AdvancedClock::Auto), Clock::Microseconds);
        for n in 1..10 {
            abilities.clock.heard(at(n), n << 16);
        }
        assert_eq!(abilities.media_clock(AdvancedClock::Auto), Clock::Microseconds);
        abilities.begin_anew();
        for n in 1..10 {
            abilities.clock.heard(at(n), n << 16);
        }
        assert_eq!(abilities.media_clock(AdvancedClock::Auto), Clock::ShiftedMicroseconds);
    }

    #[test]
    fn control_numbers_begin_at_zero_and_go_on() {
        let mut abilities = Abilities::default();
        assert_eq!([abilities.next_control_seq(), abilities.next_control_seq()], [0, 1]);
    }
}
