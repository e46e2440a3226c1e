//! Calls a session and does what it asks for.

use super::callbacks::Callbacks;
use super::context::{Block, Error};
use super::data_fd::DataFd;
use super::events::{EventQueue, Notice};
use super::fifo::Fifo;
use super::intake::Intake;
use super::log::Logger;
use super::network::OtherNetwork;
use super::os::clock;
use super::os::wake::Wake;
use super::out_of_band::OutOfBandQueue;
use super::peers::Peers;
use super::rate::Rate;
use super::resolver::Resolver;
use super::statistics::Periods;
use super::table::SocketTable;
use super::transmit::Sent;
use super::workshop::Workshop;
use crate::protocol::job::{Job, JobId};
use crate::protocol::output::{Delivery, Event, Level, Output, SocketId, Transmit};
use crate::protocol::session::Session;
use crate::protocol::time::{Span, Time};
use parking_lot::{Condvar, Mutex};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Packets that are due so soon are handed out with the one that is due now: thousands of packets a second do
/// not wake anybody thousands of times.
const TOGETHER: Span = Span::from_micros(900);

/// Everything that the threads of one context share.
pub(super) struct Driver {
    pub(super) log: Logger,
    pub(super) guarded: Mutex<Guarded>,
    delivery_due: Condvar,
    pub(super) intake: Intake,
    pub(super) sockets: SocketTable,
    pub(super) peers: Peers,
    pub(super) fifo: Fifo,
    pub(super) out_of_band: OutOfBandQueue,
    pub(super) data_fd: DataFd,
    pub(super) network: OtherNetwork,
    pub(super) wake: Arc<Wake>,
    /// The protocol thread waits, and comes as soon as it is woken.
    pub(super) asleep: AtomicBool,
    pub(super) resolver: Arc<Resolver>,
    pub(super) workshop: Arc<Workshop>,
    pub(super) callbacks: Mutex<Arc<Callbacks>>,
    pub(super) events: EventQueue,
    pub(super) statistics: Mutex<Periods>,
    /// Emptied lists, used again. Boxed: they move with every call.
    #[allow(clippy::vec_box)]
    spare: Mutex<Vec<Box<Work>>>,
    /// The threads are to end.
    stopping: AtomicBool,
    /// The end is over: nothing is called any more.
    silent: AtomicBool,
    /// Something of ours panicked: nothing of the session is touched any more.
    dead: AtomicBool,
    overflow: Rate,
}

pub(super) struct Guarded {
    session: Session,
    /// When the protocol thread and the delivery thread wake up by themselves.
    protocol_sleeps: Sleep,
    delivery_sleeps: Sleep,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sleep {
    /// Not at all: it will ask for the next deadline before it sleeps.
    Awake,
    Until(Option<Time>),
}

impl Sleep {
    fn is_later_than(self, deadline: Option<Time>) -> bool {
        match (self, deadline) {
            (Sleep::Awake, _) | (_, None) => false,
            (Sleep::Until(None), Some(_)) => true,
            (Sleep::Until(Some(until)), Some(deadline)) => until > deadline,
        }
    }
}

/// What a call on the session left to be done without the lock.
#[derive(Default)]
pub(super) struct Work {
    transmits: VecDeque<Transmit>,
    jobs: Vec<(JobId, Job)>,
    lines: Vec<(Level, String)>,
    events: bool,
}

impl Driver {
    pub(super) fn new(session: Session, log: Logger) -> std::io::Result<Self> {
        let guarded = Guarded { session, protocol_sleeps: Sleep::Awake, delivery_sleeps: Sleep::Awake };
        Ok(Self {
            log,
            guarded: Mutex::new(guarded),
            delivery_due: Condvar::new(),
            intake: Intake::new()?,
            sockets: SocketTable::default(),
            peers: Peers::default(),
            fifo: Fifo::new(),
            out_of_band: OutOfBandQueue::default(),
            data_fd: DataFd::default(),
            network: OtherNetwork::default(),
            wake: Arc::new(Wake::new()?),
            asleep: AtomicBool::new(false),
            resolver: Arc::default(),
            workshop: Arc::default(),
            callbacks: Mutex::default(),
            events: EventQueue::default(),
            statistics: Mutex::new(Periods::new()),
            spare: Mutex::default(),
            stopping: AtomicBool::new(false),
            silent: AtomicBool::new(false),
            dead: AtomicBool::new(false),
            overflow: Rate::default(),
        })
    }

    /// Whether the threads are to end.
    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire) || self.is_dead()
    }

    pub(super) fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Acquire)
    }

    pub(super) fn is_silent(&self) -> bool {
        self.silent.load(Ordering::Acquire)
    }

    /// Asks the threads to end, and wakes them and every reader.
    pub(super) fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        self.wake_all();
    }

    /// After a start that failed halfway.
    pub(super) fn unstop(&self) {
        self.stopping.store(false, Ordering::Release);
    }

    fn wake_all(&self) {
        self.wake.wake();
        self.data_fd.wake();
        // With the lock, or a thread between its look at the flag and its sleep would miss this.
        let guarded = self.guarded.lock();
        self.delivery_due.notify_all();
        drop(guarded);
    }

    /// Runs `work`, which must not unwind into C or leave a thread silently dead.
    pub(super) fn fence<R>(&self, work: impl FnOnce() -> R) -> Option<R> {
        let outcome = catch_unwind(AssertUnwindSafe(work));
        if outcome.is_err() && !self.dead.swap(true, Ordering::AcqRel) {
            self.wake.wake();
            self.delivery_due.notify_all();
            self.fifo.close();
            let line = "internal error: this context is out of order, destroy it";
            let _ = catch_unwind(AssertUnwindSafe(|| self.log.log(Level::Error, line)));
        }
        outcome.ok()
    }

    /// Calls the session, then does what it asks for without the lock.
    pub(super) fn call<R>(&self, call: impl FnOnce(&mut Session, Time) -> R) -> Result<R, Error> {
        // Until the very end: callbacks that tell of the end may call back.
        if self.is_silent() {
            return Err(Error::Closed);
        }
        let mut guarded = self.guarded.lock();
        // Now that it is our turn: time goes on from call to call.
        let now = clock::now();
        let entered = self.enter(&mut guarded, now, call);
        drop(guarded);
        let (result, work) = entered?;
        self.perform(now, work);
        Ok(result)
    }

    /// With the lock: one call, whom it concerns, and what it asks for.
    pub(super) fn enter<R>(
        &self,
        guarded: &mut Guarded,
        now: Time,
        call: impl FnOnce(&mut Session, Time) -> R,
    ) -> Result<(R, Option<Box<Work>>), Error> {
        if self.is_dead() {
            return Err(Error::Closed);
        }
        let result = self.fence(|| {
            let result = call(&mut guarded.session, now);
            let work = guarded.session.has_output().then(|| self.drain(&mut guarded.session));
            if guarded.protocol_sleeps.is_later_than(guarded.session.poll_timeout()) {
                guarded.protocol_sleeps = Sleep::Awake;
                self.wake.wake();
            }
            if guarded.delivery_sleeps.is_later_than(guarded.session.next_delivery()) {
                guarded.delivery_sleeps = Sleep::Awake;
                self.delivery_due.notify_one();
            }
            (result, work)
        });
        result.ok_or(Error::Closed)
    }

    fn drain(&self, session: &mut Session) -> Box<Work> {
        let mut work = self.spare.lock().pop().unwrap_or_default();
        session.take_transmits(&mut work.transmits);
        if !session.has_output() {
            return work;
        }
        let mut round = Vec::new();
        while let Some(output) = session.poll_output() {
            match output {
                Output::Transmit(transmit) => work.transmits.push_back(transmit),
                Output::Job(id, job) => work.jobs.push((id, job)),
                Output::Log(level, line) => work.lines.push((level, line)),
                Output::Event(Event::SenderStats(report)) => round.push(*report),
                // Queued with the session's lock held, so that their order is the session's.
                Output::Event(event) => {
                    work.events = true;
                    self.events.push(Notice::Event(event));
                }
            }
        }
        if !round.is_empty() {
            work.events = true;
            self.events.push(Notice::SenderRound(round));
        }
        work
    }

    pub(super) fn perform(&self, now: Time, work: Option<Box<Work>>) {
        let Some(mut work) = work else { return };
        if !work.transmits.is_empty() {
            self.transmit(now, work.transmits.make_contiguous());
            work.transmits.clear();
        }
        if !work.jobs.is_empty() {
            let wake = Arc::clone(&self.wake);
            self.workshop.add(work.jobs.drain(..), move || wake.wake());
        }
        if !self.is_silent() {
            for (level, line) in work.lines.drain(..) {
                self.log.log(level, &line);
            }
        }
        let events = std::mem::take(&mut work.events);
        work.lines.clear();
        self.spare.lock().push(work);
        if events {
            self.events.dispatch(|notice| self.tell(notice));
        }
    }

    pub(super) fn transmit(&self, now: Time, transmits: &mut [Transmit]) {
        // Stable: each socket's datagrams stay in order.
        if transmits.windows(2).any(|pair| pair[0].socket != pair[1].socket) {
            transmits.sort_by_key(|transmit| transmit.socket);
        }
        let network = self.network.get();
        for same in transmits.chunk_by(|a, b| a.socket == b.socket) {
            // A peer whose name is not resolved has no socket yet, a removed one has none any more.
            let Some(socket) = same.first().and_then(|first| self.sockets.get(first.socket)) else { continue };
            self.report(match &network {
                None => socket.send(now, same, self.asleep.load(Ordering::Acquire)),
                Some(network) => {
                    let Some(_inside) = self.network.gate.enter() else { return };
                    socket.send_over(&**network, now, same, || !self.is_silent())
                }
            });
        }
    }

    /// What they were given to send still goes.
    pub(super) fn remove_sockets(&self, goes: impl Fn(SocketId) -> bool) {
        let removed = self.sockets.remove(goes);
        if self.network.get().is_none() {
            removed.iter().for_each(|socket| self.report(socket.flush(clock::now())));
        }
    }

    pub(super) fn report(&self, sent: Sent) {
        if let Some(error) = sent.error
            && !self.is_silent()
        {
            self.log.log(Level::Error, &error);
        }
        if sent.waits {
            // The protocol thread has to wait for the socket to become writable.
            self.wake.wake();
        }
    }

    // The protocol thread.

    /// Tells the session what the workshop has done.
    pub(super) fn take_jobs_done(&self) {
        for (id, result) in self.workshop.take() {
            let _ = self.call(|session, now| session.job_done(now, id, result));
        }
    }

    /// Does what is due. Returns when it wants to be called again.
    pub(super) fn run_timers(&self) -> Option<Duration> {
        let mut guarded = self.guarded.lock();
        let now = clock::now();
        guarded.protocol_sleeps = Sleep::Awake;
        let mut work = None;
        if guarded.session.poll_timeout().is_some_and(|due| due <= now) {
            let served = self.enter(&mut guarded, now, |session, now| {
                session.set_wall_clock(clock::wall_clock_ahead());
                session.handle_timeout(now);
            });
            work = served.ok().and_then(|((), work)| work);
        }
        let next = if self.is_dead() { None } else { guarded.session.poll_timeout() };
        guarded.protocol_sleeps = Sleep::Until(next);
        drop(guarded);
        self.perform(now, work);
        next.map(|next| next.since(clock::now()).to_duration())
    }

    // The delivery thread.

    /// Waits until packets are due. False: the thread is to end.
    pub(super) fn wait_for_deliveries(&self) -> bool {
        let mut guarded = self.guarded.lock();
        while !self.is_stopping() {
            let (now, next) = (clock::now(), guarded.session.next_delivery());
            guarded.delivery_sleeps = Sleep::Until(next);
            self.hand_back_intake(now, next);
            match next {
                None => self.delivery_due.wait(&mut guarded),
                Some(next) if next > now => {
                    self.delivery_due.wait_for(&mut guarded, next.since(now).to_duration());
                }
                Some(_) => {
                    guarded.delivery_sleeps = Sleep::Awake;
                    return true;
                }
            }
        }
        false
    }

    /// Takes the packets that are due.
    pub(super) fn take_due(&self, due: &mut Vec<Delivery>) {
        let _ = self.call(|session, now| session.poll_delivery(now + TOGETHER, due));
    }

    /// Hands packets to the application, in order.
    pub(super) fn deliver(&self, due: &mut Vec<Delivery>) {
        let data = self.callbacks().data.clone();
        if self.fifo.is_wanted(data.is_some()) {
            let dropped = match data {
                None => self.fifo.push(due.drain(..)),
                Some(_) => self.fifo.push(due.iter().cloned()),
            };
            // With a callback the FIFO is a by-way: libRIST is silent about it.
            if dropped > 0
                && data.is_none()
                && let Some(dropped) = self.overflow.count(clock::now(), dropped)
            {
                self.log.log(Level::Error, &format!("output FIFO overflow, blocks dropped: {dropped}"));
            }
        }
        let Some(data) = data else { return due.clear() };
        for delivery in due.drain(..) {
            if self.is_stopping() {
                break;
            }
            data(Block { delivery, overflow: false });
        }
    }

    /// The end, after the threads have gone: the last events on this thread, then silence.
    pub(super) fn close(&self) {
        self.resolver.forget();
        self.workshop.close();
        let now = clock::now();
        let closed = self.enter(&mut self.guarded.lock(), now, |session, now| session.close(now));
        let mut work = closed.ok().and_then(|((), work)| work);
        // This thread may be inside a callback: what is left is told here, not after it.
        work.iter_mut().for_each(|work| work.events = false);
        self.perform(now, work);
        self.events.finish(|notice| self.tell(notice));
        self.silent.store(true, Ordering::Release);
        self.remove_sockets(|_| true);
        self.set_no_callbacks();
        self.network.gate.close();
        self.log.end();
    }

    /// Lets go of what the callbacks hold of the application's.
    fn set_no_callbacks(&self) {
        let old = std::mem::take(&mut *self.callbacks.lock());
        drop(old);
    }
}
