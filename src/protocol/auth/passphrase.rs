//! The login in force, and the passphrases that travel under its key (TR-06-2:2022 §D.7).

use super::output::{AuthOutput, Turn, frame};
use super::pending::{Pending, earlier};
use super::settings::VERSION_STANDARD;
use super::verdict::Proven;
use crate::crypto::eap_passphrase::{Direction, MAX_PASSPHRASE, Opened, Opener, Sealer, apply_counter_mode};
use crate::crypto::psk::KeySize;
use crate::crypto::secret::Secret;
use crate::protocol::time::{Span, Time};
use crate::wire::eap::{Eap, Message, Passphrase};

const INTERVAL: Span = Span::from_millis(500);
/// Least time between two questions.
const ASKING: Span = Span::from_secs(5);
/// Repetitions of a question, and of a passphrase that nobody asked for (libRIST).
const QUESTIONS: u8 = 5;
const PUSHES: u8 = 5;
/// In the identifiers of questions; pushes have it clear.
const QUESTION: u8 = 0x40;
/// Set by the authenticatee in questions, by the authenticator in pushes: the two sides never use the
/// same identifier, hence never the same key stream.
const SIDE: u8 = 0x80;
const COUNT: u8 = 0x3f;

/// Which side of the login we are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Server,
    Client,
}

pub(super) struct Login {
    side: Side,
    username: Vec<u8>,
    key: Secret,
    version: u8,
    /// With EAPOL version 4: the unsealed form is then refused.
    seal: Option<Box<(Sealer, Opener)>>,
    questions: u8,
    question: Option<(u8, Pending)>,
    ask_at: Option<Time>,
    asked: Option<Time>,
    push_at: Option<Time>,
    pushes: u8,
    push: Option<(u8, Pending)>,
    /// Identifiers, hence key streams, that our present passphrase was encrypted with, and our earlier ones.
    used: Identifiers,
    spent: Identifiers,
    /// Our last answer, to repeat it octet by octet.
    answer: Option<(u8, Vec<u8>)>,
    /// The last passphrase that we took: its identifier and octets.
    taken: Option<(u8, Vec<u8>)>,
    received: Option<Secret>,
}

impl Login {
    pub(super) fn new(side: Side, proven: Proven) -> Self {
        let directions = match side {
            Side::Server => (Direction::ToClient, Direction::ToServer),
            Side::Client => (Direction::ToServer, Direction::ToClient),
        };
        let seal = proven
            .sealed
            .then(|| Box::new((Sealer::new(&proven.key, directions.0), Opener::new(&proven.key, directions.1))));
        Self {
            side,
            username: proven.username,
            received: proven.receive_key.then(|| proven.key.clone()),
            key: proven.key,
            version: proven.version,
            seal,
            questions: 0,
            question: None,
            ask_at: None,
            asked: None,
            push_at: None,
            pushes: 0,
            push: None,
            used: Identifiers::default(),
            spent: Identifiers::default(),
            answer: None,
            taken: None,
        }
    }

    pub(super) fn username(&self) -> &[u8] {
        &self.username
    }

    /// Whether passphrases can travel at all.
    pub(super) fn can_exchange(&self) -> bool {
        self.version >= VERSION_STANDARD
    }

    pub(super) fn is_pushing(&self) -> bool {
        self.push.is_some() || self.push_at.is_some()
    }

    /// Tells our passphrase at the next opportunity.
    pub(super) fn push_soon(&mut self, now: Time) {
        if self.can_exchange() {
            self.push_at = Some(now);
        }
    }

    /// Asks for the other side's passphrase at the next opportunity, but not too often.
    pub(super) fn ask(&mut self, now: Time) {
        if self.asked.is_some_and(|last| now.since(last) < ASKING) {
            return;
        }
        // Under version 4 word that the key serves as passphrase came with the proof, and is refused here.
        let known = self.seal.is_some() && self.received.is_some();
        if self.can_exchange() && !known && self.question.is_none() {
            self.ask_at = Some(now);
            self.asked = Some(now);
        }
    }

    fn send_question(&mut self, turn: &mut Turn) {
        self.questions = self.questions.wrapping_add(1);
        let side = if self.side == Side::Client { SIDE } else { 0 };
        let identifier = side | QUESTION | (self.questions & COUNT);
        let question = frame(self.version, identifier, Message::PassphraseRequest);
        turn.send(&question);
        self.question = Some((identifier, Pending::new(turn.now, question, INTERVAL, QUESTIONS)));
    }

    /// Tells the other side our passphrase, unasked.
    pub(super) fn push(&mut self, turn: &mut Turn, secret: &Secret) {
        self.push_at = None;
        self.answer = None;
        self.spent.join(&self.used);
        let side = if self.side == Side::Server { SIDE } else { 0 };
        let fresh = (0..=COUNT).map(|step| side | (self.pushes.wrapping_add(1 + step) & COUNT));
        let fresh = fresh.into_iter().find(|identifier| self.seal.is_some() || !self.spent.contains(*identifier));
        let push = fresh.and_then(|identifier| Some((identifier, self.sealed_frame(identifier, secret)?)));
        let Some((identifier, push)) = push else {
            return turn.note("login: the passphrase changed too often to be told once more");
        };
        self.pushes = identifier & COUNT;
        turn.send(&push);
        self.push = Some((identifier, Pending::new(turn.now, push, INTERVAL, PUSHES)));
    }

    fn sealed_frame(&mut self, identifier: u8, secret: &Secret) -> Option<Vec<u8>> {
        let flags = Passphrase::LONG_KEY;
        let sealed = match &mut self.seal {
            Some(seal) => seal.0.seal(identifier, flags, secret)?,
            // The key stream depends on the identifier alone, which anybody may choose who asks.
            None if self.spent.contains(identifier) => return None,
            None => {
                self.used.insert(identifier);
                apply_counter_mode(&self.key, KeySize::Aes256, identifier, secret.octets()).to_vec()
            }
        };
        Some(frame(self.version, identifier, Message::PassphraseResponse(Passphrase { flags, sealed: &sealed })))
    }

    /// Returns whether the message was about passphrases.
    pub(super) fn handle(&mut self, turn: &mut Turn, eap: &Eap, secret: Option<&Secret>) -> bool {
        let identifier = eap.identifier;
        match &eap.message {
            Message::PassphraseRequest => self.requested(turn, identifier, secret),
            Message::PassphraseResponse(passphrase) => self.told(turn, identifier, passphrase),
            // The long form answers a proof, which may have the same identifier.
            Message::Success { long: false } | Message::Failure => {
                let Some((pushed, _)) = self.push else { return false };
                if pushed != identifier {
                    return false;
                }
                if eap.message != Message::Failure {
                    self.push = None;
                    turn.out.push(AuthOutput::SecretAcknowledged);
                }
            }
            _ => return false,
        }
        true
    }

    fn requested(&mut self, turn: &mut Turn, identifier: u8, secret: Option<&Secret>) {
        if !self.can_exchange() {
            return;
        }
        if let Some((answered, answer)) = &self.answer
            && *answered == identifier
        {
            return turn.send(answer);
        }
        let answer = match secret {
            Some(secret) => self.sealed_frame(identifier, secret),
            // As libRIST. A caller without passphrase sends in clear: saying "use the key" would make
            // the listener wait for encrypted packets.
            None if self.side == Side::Server => {
                let passphrase = Passphrase { flags: Passphrase::USE_KEY, sealed: &[] };
                Some(frame(self.version, identifier, Message::PassphraseResponse(passphrase)))
            }
            None => None,
        };
        if let Some(answer) = answer {
            turn.send(&answer);
            self.answer = Some((identifier, answer));
        }
    }

    /// The other side's passphrase, asked for or not.
    fn told(&mut self, turn: &mut Turn, identifier: u8, passphrase: &Passphrase) {
        if !self.can_exchange() {
            return;
        }
        if self.taken.as_ref().is_some_and(|(taken, sealed)| *taken == identifier && sealed == passphrase.sealed) {
            return turn.send(&frame(self.version, identifier, Message::Success { long: false }));
        }
        let asked = self.question.as_ref().is_some_and(|(question, _)| *question == identifier);
        if !asked && identifier & QUESTION != 0 {
            return;
        }
        let text = if passphrase.flags & Passphrase::USE_KEY != 0 {
            // libRIST's callers say this when they have no passphrase, and send in clear.
            if self.seal.is_some() || !asked || self.side == Side::Server {
                return;
            }
            Some(self.key.clone())
        } else {
            match &mut self.seal {
                Some(seal) => match seal.1.open(identifier, passphrase.flags, passphrase.sealed) {
                    Opened::New(text) => Some(text),
                    Opened::Old => None,
                    Opened::Forged => return,
                },
                None => Some(self.read(identifier, passphrase)),
            }
        };
        // Without a tag, noise shows only by what it looks like; nobody asked for it, so nobody needs it.
        let noise = |text: &Secret| self.seal.is_none() && !asked && !is_text(text.octets());
        match &text {
            Some(text) if text.is_empty() || text.octets().len() > MAX_PASSPHRASE || noise(text) => {
                return turn.send(&frame(self.version, identifier, Message::Failure));
            }
            _ => {}
        }
        turn.send(&frame(self.version, identifier, Message::Success { long: false }));
        if asked {
            self.question = None;
        }
        self.taken = Some((identifier, passphrase.sealed.to_vec()));
        if let Some(text) = text.filter(|text| self.received.as_ref() != Some(text)) {
            self.received = Some(text.clone());
            let key = text == self.key;
            turn.out.push(if key { AuthOutput::ReceiveKey(text) } else { AuthOutput::PeerSecret(text) });
        }
    }

    fn read(&self, identifier: u8, passphrase: &Passphrase) -> Secret {
        let long = passphrase.flags & Passphrase::LONG_KEY != 0;
        let size = if long { KeySize::Aes256 } else { KeySize::Aes128 };
        let sealed = &passphrase.sealed[..passphrase.sealed.len().min(MAX_PASSPHRASE + 1)];
        Secret::new(&apply_counter_mode(&self.key, size, identifier, sealed))
    }

    pub(super) fn handle_timeout(&mut self, turn: &mut Turn, secret: Option<&Secret>) {
        if self.push_at.is_some_and(|at| turn.now >= at) {
            self.push_at = None;
            if let Some(secret) = secret {
                self.push(turn, secret);
            }
        }
        if self.ask_at.is_some_and(|at| turn.now >= at) {
            self.ask_at = None;
            self.send_question(turn);
        }
        let lists = [(&mut self.question, "asked for"), (&mut self.push, "told")];
        for (slot, what) in lists {
            let Some((_, pending)) = slot else { continue };
            if !pending.is_due(turn.now) {
                continue;
            }
            match pending.repeat(turn.now) {
                Some(again) => turn.send(again),
                None => {
                    *slot = None;
                    turn.note(format!("login: the other side does not answer when {what} the passphrase"));
                }
            }
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Time> {
        let due = |slot: &Option<(u8, Pending)>| slot.as_ref().map(|(_, pending)| pending.due());
        earlier(earlier(self.ask_at, self.push_at), earlier(due(&self.question), due(&self.push)))
    }
}

/// A set of identifiers.
#[derive(Default)]
struct Identifiers([u64; 4]);

impl Identifiers {
    fn insert(&mut self, identifier: u8) {
        self.0[usize::from(identifier >> 6)] |= 1 << (identifier & 0x3f);
    }

    fn contains(&self, identifier: u8) -> bool {
        self.0[usize::from(identifier >> 6)] >> (identifier & 0x3f) & 1 != 0
    }

    fn join(&mut self, other: &Identifiers) {
        for (word, other) in self.0.iter_mut().zip(other.0) {
            *word |= other;
        }
    }
}

fn is_text(octets: &[u8]) -> bool {
    std::str::from_utf8(octets).is_ok_and(|text| !text.chars().any(char::is_control))
}
