//! A caller and a listener in virtual time, with whatever network a test wants between them.

use super::super::*;
use crate::crypto::secret::Secret;
use crate::crypto::srp::{HashGeneration, Padding, Verifier};
use crate::crypto::srp_group::Group;
use crate::protocol::time::Span;
use std::collections::BTreeMap;
use std::sync::OnceLock;

pub(super) const CALLER: usize = 0;
pub(super) const LISTENER: usize = 1;
pub(super) const DELAY: Span = Span::from_millis(5);

pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut value = self.0;
        value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        value ^ (value >> 31)
    }

    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

/// So many seeds, and those that once failed.
pub(super) fn seeds(count: u64) -> impl Iterator<Item = u64> {
    const ONCE_FAILED: &[u64] = &[519];
    ONCE_FAILED.iter().copied().chain(0..count)
}

pub(super) fn entropy(seed: u64) -> Entropy {
    let mut random = Random::new(seed);
    Entropy::new(move |octets| {
        octets.fill_with(|| random.next() as u8);
        true
    })
}

/// What is under way.
enum Flight {
    Frame(Vec<u8>),
    Result(u64, JobResult),
    Answer(u64, LookUpAnswer),
    Generation(u64, u64),
}

/// What a side was heard to say, except frames.
#[derive(Default)]
pub(super) struct Heard {
    pub(super) authenticated: Vec<(Time, bool)>,
    pub(super) failed: Vec<String>,
    pub(super) notes: Vec<String>,
    pub(super) lost: usize,
    pub(super) transmit: Vec<Secret>,
    /// How often it was told that no login's key encrypts what it sends.
    pub(super) clear: usize,
    pub(super) receive: Vec<Secret>,
    pub(super) acknowledged: usize,
    pub(super) sent: Vec<Vec<u8>>,
    pub(super) jobs: usize,
}

type Network = Box<dyn FnMut(usize, usize, &mut Random) -> Vec<Span>>;

pub(super) struct World {
    pub(super) now: Time,
    pub(super) sides: [Auth; 2],
    pub(super) heard: [Heard; 2],
    entropy: [Entropy; 2],
    random: Random,
    flights: BTreeMap<(Time, u64), (usize, Flight)>,
    order: u64,
    /// Who sends, which of its frames: the delays of the copies that arrive.
    pub(super) network: Network,
    /// What a look-up finds, by hash generation; each is tried up to the one wanted.
    pub(super) users: Vec<(Vec<u8>, Verifier)>,
    pub(super) generation: u64,
}

pub(super) fn start_time() -> Time {
    Time::from_ticks(0xe000_0000_0000_0000)
}

pub(super) fn settings(padding: Padding, secret: Option<&str>) -> AuthSettings {
    AuthSettings {
        padding,
        secret: secret.map(|secret| Secret::new(secret.as_bytes())),
        ..AuthSettings::new(Secret::new(&[9; 32]))
    }
}

pub(super) fn credentials(username: &str, password: &str) -> Credentials {
    Credentials::new(username.as_bytes(), &Secret::new(password.as_bytes())).expect("good text")
}

pub(super) fn caller(username: &str, password: &str) -> LoginRole {
    LoginRole::Authenticatee(credentials(username, password))
}

pub(super) fn listener() -> LoginRole {
    LoginRole::Authenticator(Verifiers::Single(SingleUser::new(credentials("rist", "mainprofile"))))
}

pub(super) fn lookup() -> LoginRole {
    LoginRole::Authenticator(Verifiers::LookUp)
}

pub(super) fn stored(group: &Group, generation: HashGeneration, username: &str, password: &str) -> (Vec<u8>, Verifier) {
    let password = Secret::new(password.as_bytes());
    let made = Verifier::new(group, generation, username.as_bytes(), &password, &[0x5a; 32]);
    (username.as_bytes().to_vec(), made.expect("good values"))
}

impl World {
    pub(super) fn new(seed: u64, roles: [LoginRole; 2], settings: [AuthSettings; 2]) -> Self {
        let ([caller, listener], [ours, theirs]) = (roles, settings);
        Self {
            now: start_time(),
            sides: [Auth::new(caller, Arc::new(ours)), Auth::new(listener, Arc::new(theirs))],
            heard: Default::default(),
            entropy: [entropy(seed ^ 0xaaaa), entropy(seed ^ 0x5555)],
            random: Random::new(seed),
            flights: BTreeMap::new(),
            order: 0,
            network: Box::new(|_, _, _| vec![DELAY]),
            users: Vec::new(),
            generation: 1,
        }
    }

    /// Same settings on both sides, everything right, and numbers that are quickly calculated with.
    pub(super) fn usual(seed: u64) -> Self {
        static USER: OnceLock<(Vec<u8>, Verifier)> = OnceLock::new();
        let both = || settings(Padding::Padded, None);
        let mut world = Self::new(seed, [caller("rist", "mainprofile"), lookup()], [both(), both()]);
        let group = || Group::numbered(2).expect("a number of libRIST");
        let user = USER.get_or_init(|| stored(&group(), HashGeneration::Standard, "rist", "mainprofile"));
        world.users.push(user.clone());
        world
    }

    pub(super) fn act(&mut self, side: usize, act: impl FnOnce(&mut Auth, Time, &mut Entropy)) {
        act(&mut self.sides[side], self.now, &mut self.entropy[side]);
        self.drain(side);
    }

    pub(super) fn start(&mut self) {
        for side in [CALLER, LISTENER] {
            self.act(side, |auth, now, entropy| auth.start(now, entropy));
        }
    }

    /// A side begins from nothing, as after a restart of its program.
    pub(super) fn replace(&mut self, side: usize, role: LoginRole, settings: AuthSettings) {
        self.sides[side] = Auth::new(role, Arc::new(settings));
        self.flights.retain(|_, (to, flight)| *to != side || matches!(flight, Flight::Frame(_)));
        self.act(side, |auth, now, entropy| auth.start(now, entropy));
    }

    fn schedule(&mut self, after: Span, to: usize, flight: Flight) {
        self.order += 1;
        self.flights.insert((self.now + after, self.order), (to, flight));
    }

    fn drain(&mut self, side: usize) {
        while let Some(output) = self.sides[side].poll_output() {
            match output {
                AuthOutput::Send(frame) => {
                    let index = self.heard[side].sent.len();
                    self.heard[side].sent.push(frame.clone());
                    for delay in (self.network)(side, index, &mut self.random) {
                        self.schedule(delay, 1 - side, Flight::Frame(frame.clone()));
                    }
                }
                AuthOutput::Compute { id, job } => {
                    self.heard[side].jobs += 1;
                    self.schedule(Span::from_millis(3), side, Flight::Result(id, job.run()));
                }
                AuthOutput::LookUp { id, username, hash_generation } => {
                    let fitting = self.users.iter().filter(|(name, verifier)| {
                        *name == username && verifier.generation.number() <= hash_generation
                    });
                    let verifier =
                        fitting.max_by_key(|(_, verifier)| verifier.generation).map(|(_, found)| found.clone());
                    let answer = LookUpAnswer { verifier, generation: self.generation };
                    self.schedule(Span::from_millis(1), side, Flight::Answer(id, answer));
                }
                AuthOutput::CheckGeneration { id, .. } => {
                    let generation = self.generation;
                    self.schedule(Span::from_millis(1), side, Flight::Generation(id, generation));
                }
                AuthOutput::Authenticated { first, .. } => self.heard[side].authenticated.push((self.now, first)),
                AuthOutput::Lost => self.heard[side].lost += 1,
                AuthOutput::Failed(text) => self.heard[side].failed.push(text),
                AuthOutput::TransmitKey(key) => self.heard[side].transmit.push(key),
                AuthOutput::ReceiveKey(key) | AuthOutput::PeerSecret(key) => self.heard[side].receive.push(key),
                AuthOutput::TransmitClear => self.heard[side].clear += 1,
                AuthOutput::WrongPassword | AuthOutput::ReceiveClear => {}
                AuthOutput::SecretAcknowledged => self.heard[side].acknowledged += 1,
                AuthOutput::Note(text) => self.heard[side].notes.push(text),
            }
        }
    }

    /// A frame that somebody else sends.
    pub(super) fn inject(&mut self, to: usize, frame: &[u8]) {
        self.act(to, |auth, now, entropy| auth.handle(now, entropy, frame));
    }

    /// Lets time pass, at most so long; stops early when `done`.
    pub(super) fn run_until(&mut self, span: Span, done: impl Fn(&World) -> bool) -> bool {
        let end = self.now + span;
        loop {
            if done(self) {
                return true;
            }
            let flight = self.flights.first_key_value().map(|((at, _), _)| *at);
            let timers = earlier(self.sides[CALLER].poll_timeout(), self.sides[LISTENER].poll_timeout());
            let Some(next) = earlier(flight, timers).filter(|next| *next <= end) else {
                self.now = end;
                return done(self);
            };
            assert!(next >= self.now || timers == Some(next), "time goes back");
            self.now = next.max(self.now);
            if flight == Some(next)
                && let Some((_, (to, flight))) = self.flights.pop_first()
            {
                self.arrive(to, flight);
                continue;
            }
            for side in [CALLER, LISTENER] {
                if self.sides[side].poll_timeout().is_some_and(|at| at <= self.now) {
                    self.act(side, |auth, now, entropy| auth.handle_timeout(now, entropy));
                    let again = self.sides[side].poll_timeout();
                    assert!(again.is_none_or(|at| at > self.now), "a deadline that was served comes again");
                }
            }
        }
    }

    fn arrive(&mut self, to: usize, flight: Flight) {
        let before = self.heard[to].sent.len();
        let is_frame = matches!(flight, Flight::Frame(_));
        self.act(to, |auth, now, entropy| match flight {
            Flight::Frame(frame) => auth.handle(now, entropy, &frame),
            Flight::Result(id, result) => auth.computed(now, entropy, id, result),
            Flight::Answer(id, answer) => auth.looked_up(now, entropy, id, answer),
            Flight::Generation(id, generation) => auth.generation(now, entropy, id, generation),
        });
        assert!(!is_frame || self.heard[to].sent.len() <= before + 1, "more than one frame for a frame");
    }

    pub(super) fn run(&mut self, ms: u32) {
        self.run_until(Span::from_millis(ms), |_| false);
    }

    pub(super) fn both_in(&self) -> bool {
        self.sides.iter().all(Auth::is_authenticated)
    }

    /// Runs until both sides are in; how long that took, in milliseconds.
    pub(super) fn log_in(&mut self, within_ms: u32) -> Option<u64> {
        let begin = self.now;
        let done = self.run_until(Span::from_millis(within_ms), World::both_in);
        done.then(|| self.now.since(begin).as_millis())
    }
}
