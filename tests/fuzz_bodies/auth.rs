//! Logins: the codec of their frames, and two sides with a network that does what it likes.

use super::input::Input;
use super::tunnel::{eap, entropy, look_up, secret};
use rist::crypto::secret::Secret;
use rist::crypto::srp::Padding;
use rist::protocol::auth::{Auth, AuthOutput, AuthSettings, Credentials, Job, LoginRole, LookUpAnswer, Verifiers};
use rist::protocol::entropy::Entropy;
use rist::protocol::time::{Span, Time};
use rist::wire::eapol as codec;
use std::sync::Arc;

const MAX_STEPS: usize = 300;
/// Milliseconds each: enough for three logins.
const MAX_JOBS: u32 = 10;
const CALLER: usize = 0;
const LISTENER: usize = 1;

pub(super) fn eapol(data: &[u8]) {
    let Ok(frame) = codec::decode(data) else { return };
    let mut out = Vec::new();
    codec::write(&mut out, &frame);
    assert!(out.len() <= data.len() + 4, "{} of {}", out.len(), data.len());
    let again = codec::decode(&out).expect("what we write, we read");
    assert_eq!(again, frame);
}

struct Side {
    auth: Auth,
    entropy: Entropy,
    jobs: Vec<(u64, Job)>,
    questions: Vec<(u64, Vec<u8>, bool)>,
}

struct Pair {
    now: Time,
    sides: [Side; 2],
    under_way: Vec<(usize, Vec<u8>)>,
    right: bool,
    done: u32,
}

pub(super) fn auth(data: &[u8]) {
    let mut input = Input::new(data);
    let mut pair = Pair::new(&mut input);
    for _ in 0..MAX_STEPS {
        if input.is_empty() {
            break;
        }
        pair.step(&mut input);
        let inside = pair.sides.each_ref().map(|side| side.auth.is_authenticated());
        assert!(pair.right || inside == [false; 2], "somebody is in without the password");
    }
    // Left alone they come to rest, however long it takes.
    for _ in 0..50 {
        pair.wait(Span::from_secs(3));
    }
}

impl Pair {
    fn new(input: &mut Input<'_>) -> Self {
        let how = input.u8();
        let right = how & 1 == 0;
        let password: &[u8] = if right { b"password" } else { b"guess" };
        let caller = Credentials::new(b"fuzz", &Secret::new(password)).expect("good text");
        let mut settings = [how >> 1, how >> 4].map(|how| {
            let mut settings = AuthSettings::new(Secret::new(&[9; 32]));
            settings.version = 2 + (how & 3).min(2);
            settings.secret = (how >> 2 & 1 == 1).then(|| secret(how));
            settings
        });
        if input.u8() == 255 {
            settings[CALLER].padding = Padding::Unpadded;
        }
        let [first, second] = settings.map(Arc::new);
        let side = |auth, seed| Side { auth, entropy: entropy(seed), jobs: Vec::new(), questions: Vec::new() };
        let sides = [
            side(Auth::new(LoginRole::Authenticatee(caller), first), 1),
            side(Auth::new(LoginRole::Authenticator(Verifiers::LookUp), second), 2),
        ];
        Self { now: Time::from_ticks(1 << 60), sides, under_way: Vec::new(), right, done: 0 }
    }

    fn step(&mut self, input: &mut Input<'_>) {
        let how = input.u8();
        let side = usize::from(how >> 7);
        match how % 16 {
            0 => self.act(side, |auth, now, entropy| auth.start(now, entropy)),
            1..=5 => self.deliver(input, false),
            6 => self.deliver(input, true),
            7 => {
                let frame = eap(input);
                self.act(side, |auth, now, entropy| auth.handle(now, entropy, &frame));
            }
            8 | 9 => self.calculate(side, input),
            10 | 11 => self.answer(input),
            12 => self.wait(Span::from_millis(u32::from(input.u16() % 2000))),
            13 => self.wait(Span::from_secs(u32::from(input.u8()))),
            14 => match input.u8() % 4 {
                0 => self.act(side, |auth, _, _| auth.forget()),
                1 => self.act(side, |auth, now, _| auth.ask_secret(now)),
                2 => self.act(side, |auth, now, _| auth.turned_away(now)),
                _ => {
                    let new = secret(input.u8());
                    self.act(side, |auth, now, entropy| auth.update_secret(now, entropy, &new));
                }
            },
            _ => self.under_way.clear(),
        }
    }

    /// One of the frames under way, once or again, whole or damaged.
    fn deliver(&mut self, input: &mut Input<'_>, damaged: bool) {
        if self.under_way.is_empty() {
            return;
        }
        let how = input.u8();
        let place = usize::from(how >> 1) % self.under_way.len();
        let (to, mut frame) =
            if how & 1 == 0 || damaged { self.under_way[place].clone() } else { self.under_way.remove(place) };
        if damaged {
            let place = usize::from(input.u16()) % frame.len().max(1);
            match input.u8() % 3 {
                0 => frame.truncate(place),
                1 => frame.push(input.u8()),
                _ => frame[place] ^= input.u8(),
            }
        }
        let before = self.under_way.len();
        self.act(to, |auth, now, entropy| auth.handle(now, entropy, &frame));
        assert!(self.under_way.len() <= before + 1, "more than one frame for a frame");
    }

    fn calculate(&mut self, side: usize, input: &mut Input<'_>) {
        let jobs = &mut self.sides[side].jobs;
        if jobs.is_empty() || self.done >= MAX_JOBS {
            return;
        }
        self.done += 1;
        let (id, job) = jobs.remove(usize::from(input.u8()) % jobs.len());
        let result = job.run();
        self.act(side, |auth, now, entropy| auth.computed(now, entropy, id, result));
    }

    fn answer(&mut self, input: &mut Input<'_>) {
        if self.sides[LISTENER].questions.is_empty() {
            return;
        }
        let (id, name, whole) = self.sides[LISTENER].questions.remove(0);
        let LookUpAnswer { verifier, generation } = look_up(&name, input.u8());
        self.act(LISTENER, |auth, now, entropy| match whole {
            true => auth.looked_up(now, entropy, id, LookUpAnswer { verifier, generation }),
            false => auth.generation(now, entropy, id, generation),
        });
    }

    fn wait(&mut self, span: Span) {
        self.now += span;
        for side in [CALLER, LISTENER] {
            // When a login has expired, the rest comes in the next round.
            let rounds = (0..3).find(|_| {
                self.act(side, |auth, now, entropy| auth.handle_timeout(now, entropy));
                self.sides[side].auth.poll_timeout().is_none_or(|at| at > self.now)
            });
            assert!(rounds.is_some(), "a deadline that was served comes again");
        }
    }

    fn act(&mut self, side: usize, act: impl FnOnce(&mut Auth, Time, &mut Entropy)) {
        let Side { auth, entropy, jobs, questions } = &mut self.sides[side];
        act(auth, self.now, entropy);
        let mut count = 0;
        while let Some(output) = auth.poll_output() {
            count += 1;
            assert!(count < 16, "a call put out too much");
            match output {
                AuthOutput::Send(frame) => {
                    codec::decode(&frame).expect("a frame");
                    if self.under_way.len() < 32 {
                        self.under_way.push((1 - side, frame));
                    }
                }
                AuthOutput::Compute { id, job } if jobs.len() < 16 => jobs.push((id, job)),
                AuthOutput::LookUp { id, username, .. } if questions.len() < 16 => questions.push((id, username, true)),
                AuthOutput::CheckGeneration { id, username } if questions.len() < 16 => {
                    questions.push((id, username, false));
                }
                AuthOutput::Failed(text) | AuthOutput::Note(text) => assert!(!text.is_empty() && text.len() < 1000),
                _ => {}
            }
        }
    }
}
