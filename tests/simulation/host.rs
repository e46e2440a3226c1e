//! A machine in the simulation: one session, its clock, its sockets, and what its application saw.

use crate::foreign::Foreign;
use crate::random::Random;
use rist::protocol::config::Profile;
use rist::protocol::entropy::Entropy;
use rist::protocol::job::{Job, JobId};
use rist::protocol::output::{Delivery, Event, Level, SocketId};
use rist::protocol::payload::Pool;
use rist::protocol::report::{FlowReport, SenderPeerReport};
use rist::protocol::session::{Session, SessionConfig};
use rist::protocol::time::{Span, Time};
use std::collections::VecDeque;
use std::net::SocketAddr;

/// A clock that starts somewhere and runs a little fast or slow.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Clock {
    pub(crate) start: Time,
    pub(crate) ppm: i64,
}

impl Default for Clock {
    /// An hour after boot, as libRIST reads CLOCK_MONOTONIC.
    fn default() -> Self {
        Self { start: Time::from_ticks((2_208_988_800 + 3600) << 32), ppm: 0 }
    }
}

impl Clock {
    /// Reaches `ticks` after `lead` of virtual time.
    pub(crate) fn wrapping_after(ticks: u64, lead: Span) -> Self {
        Self { start: Time::from_ticks(ticks) - lead, ppm: 0 }
    }

    pub(crate) fn read(&self, at: Span) -> Time {
        self.start + at + at.scaled(self.ppm, 1_000_000)
    }

    /// The first moment of virtual time at which this clock shows `local`.
    pub(crate) fn when(&self, local: Time) -> Span {
        let shown = local.since(self.start);
        let mut at = shown.scaled(1_000_000, 1_000_000 + self.ppm) - Span::from_ticks(2);
        while local.since(self.read(at)) > Span::ZERO {
            at = at + Span::from_ticks(1);
        }
        at
    }
}

/// What the application and its operator got to see.
#[derive(Debug, Default)]
pub(crate) struct Record {
    pub(crate) flow_reports: Vec<FlowReport>,
    pub(crate) sender_reports: Vec<SenderPeerReport>,
    /// Everything else, without the reports.
    pub(crate) events: Vec<(Span, Event)>,
    pub(crate) admissions: u64,
    pub(crate) log_lines: u64,
    /// The warnings and errors among them.
    pub(crate) lines: Vec<String>,
    /// How often a peer was thought dead.
    pub(crate) deaths: u64,
    /// How often a timer or a delivery woke the host.
    pub(crate) wakes: u64,
    pub(crate) datagrams_sent: u64,
    /// Of these, before the latest sender report was made.
    pub(crate) datagrams_reported: u64,
    pub(crate) datagrams_received: u64,
    /// Nonces that keys were derived for.
    pub(crate) keys_derived: u64,
    /// Requests for single packets that left, and retransmissions that left.
    pub(crate) requests_sent: u64,
    pub(crate) repeats_sent: u64,
    /// Datagrams with at least one request.
    pub(crate) nacks_sent: u64,
}

impl Record {
    pub(crate) fn log(&mut self, level: Level, line: &str) {
        self.log_lines += 1;
        if level <= Level::Warn {
            self.lines.push(line.to_owned());
        }
        self.deaths += u64::from(level == Level::Warn && line.contains("is dead"));
    }

    pub(crate) fn event(&mut self, at: Span, event: Event) {
        match event {
            Event::FlowStats(report) => self.flow_reports.push(*report),
            Event::SenderStats(report) => {
                self.datagrams_reported = self.datagrams_sent;
                self.sender_reports.push(*report);
            }
            other => self.events.push((at, other)),
        }
    }

    /// The sum of a counter over all flow reports.
    pub(crate) fn flow_sum(&self, counter: impl Fn(&FlowReport) -> u64) -> u64 {
        self.flow_reports.iter().map(counter).sum()
    }

    pub(crate) fn sender_sum(&self, counter: impl Fn(&SenderPeerReport) -> u64) -> u64 {
        self.sender_reports.iter().map(counter).sum()
    }
}

#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) session: Session,
    /// The program that runs here instead of the session.
    pub(crate) foreign: Option<Foreign>,
    pub(crate) profile: Profile,
    pub(crate) clock: Clock,
    /// Indexed by `SocketId`. The address is the one that others see.
    pub(crate) sockets: Vec<SocketAddr>,
    /// The host is switched off: it neither receives nor wakes.
    pub(crate) down: bool,
    /// Strangers are answered so.
    pub(crate) admit: bool,
    pub(crate) record: Record,
    /// Extra calls of `handle_timeout` at random moments.
    pub(crate) spurious: Option<(Random, Span)>,
    /// Where deliveries go instead of into the books, for streams that the books can not read.
    pub(crate) kept: Option<Vec<(Span, Delivery)>>,
    /// The latest stream that this host writes.
    pub(crate) stream: Option<u32>,
    pub(crate) scratch: Vec<Delivery>,
    /// Slow work that the session asked for, and when it is done.
    pub(crate) jobs: VecDeque<(Span, JobId, Job)>,
    /// Wakes without a step of time in between.
    pub(crate) stuck: (Span, u32),
}

impl Host {
    pub(crate) fn new(config: SessionConfig, clock: Clock) -> Self {
        let mut random = Random::new(config.seed);
        let profile = config.profile;
        let mut session = Session::new(config, Pool::new());
        session.set_entropy(Entropy::new(move |octets| {
            octets.fill_with(|| random.next() as u8);
            true
        }));
        Self {
            session,
            foreign: None,
            profile,
            clock,
            sockets: Vec::new(),
            down: false,
            admit: true,
            record: Record::default(),
            spurious: None,
            kept: None,
            stream: None,
            scratch: Vec::new(),
            jobs: VecDeque::new(),
            stuck: (Span::ZERO, 0),
        }
    }

    /// When the session or the spurious timer wants this host to run.
    pub(crate) fn wakes_at(&self) -> Option<Span> {
        if self.down {
            return None;
        }
        if let Some(program) = &self.foreign {
            return program.wakes_at().map(|local| self.clock.when(local));
        }
        let wanted = [self.session.poll_timeout(), self.session.next_delivery()];
        let wanted = wanted.into_iter().flatten().map(|local| self.clock.when(local));
        let job = self.jobs.front().map(|(at, ..)| *at);
        wanted.chain(self.spurious.as_ref().map(|(_, at)| *at)).chain(job).min()
    }

    pub(crate) fn socket(&self, id: SocketId) -> SocketAddr {
        self.sockets[id.0 as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drifting_clock_is_read_back_exactly() {
        for ppm in [-100, 0, 100] {
            let clock = Clock { ppm, ..Clock::default() };
            for at in [0u32, 1, 999, 3_600_000, 50_000_000].map(Span::from_millis) {
                let local = clock.read(at);
                let when = clock.when(local);
                assert!(clock.read(when) >= local && (at - when).abs() <= Span::from_ticks(2));
            }
        }
    }
}
