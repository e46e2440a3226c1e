//! One sender or receiver: what a `rist_ctx` stands for.

use super::callbacks::Callbacks;
use super::driver::Driver;
use super::log::Logger;
use super::os::{clock, random, signals, stack};
use super::{delivery_thread, input_thread, protocol_thread};
use crate::protocol::config::{NackType, PeerConfig, Profile, Role};
use crate::protocol::entropy::Entropy;
use crate::protocol::output::{Delivery, Error as SessionError, Level};
use crate::protocol::payload::Pool;
use crate::protocol::session::{MAX_PAYLOAD, Media, Session, SessionConfig};
use crate::protocol::time::Time;
use parking_lot::{Condvar, Mutex};
use std::io;
use std::net::IpAddr;
use std::process;
use std::sync::Arc;
use std::thread::{self, JoinHandle, ThreadId};
use std::time::Duration;

/// Blocks that enter the session at once: what they send leaves together. More would keep the session from others.
const BATCH: usize = 64;

/// Longest payload that may be asked for, 64 fragments of 1460 octets. What a session sends is its own affair: without fragments
/// it is less.
pub const LONGEST_WRITE: usize = 64 * 1460;

/// Why a call on a context was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    /// A sender's call on a receiver or the other way round.
    WrongRole,
    AlreadyStarted,
    /// Destroyed, or dead after an internal error.
    Closed,
    InvalidArgument,
    /// The feature is not in this build.
    Unsupported,
    /// The socket could not be opened, bound or joined.
    Socket,
    /// No thread, no memory.
    Resources,
    Session(SessionError),
}

impl From<SessionError> for Error {
    fn from(error: SessionError) -> Self {
        Error::Session(error)
    }
}

/// Where a peer is, before names are resolved.
#[derive(Debug, Clone, PartialEq)]
pub enum PeerAddress {
    /// `rist://[@]host:port`, without the query.
    Url(String),
    /// The fields of a configuration with an address family.
    Manual { host: String, port: u16, call: bool, ipv6: bool },
}

/// Everything that `rist_peer_create` is told.
#[derive(Debug, Clone)]
pub struct PeerOptions {
    pub config: PeerConfig,
    pub address: PeerAddress,
    pub miface: String,
    pub multicast_ttl: Option<u8>,
    pub multicast_source: Option<IpAddr>,
    pub local_port: Option<u16>,
    /// From `?profile=`: fixes the context's profile if nothing has yet; a later disagreement is refused.
    pub profile: Option<Profile>,
}

/// A received packet on its way to the application.
pub struct Block {
    pub delivery: Delivery,
    /// The FIFO was full before this one and packets were dropped.
    pub overflow: bool,
}

/// What `Context::write` takes.
pub struct Write<'a> {
    pub payload: &'a [u8],
    pub ts_ntp: Option<u64>,
    pub seq: Option<u32>,
    pub virt_src_port: u16,
    pub virt_dst_port: u16,
}

pub struct Context {
    role: Role,
    pub(super) driver: Arc<Driver>,
    pool: Arc<Pool>,
    pub(super) state: Mutex<State>,
    ended: Condvar,
}

pub(super) struct State {
    pub(super) profile: Profile,
    /// By a peer's `?profile=`, or by the first peer.
    pub(super) profile_is_fixed: bool,
    pub(super) started: bool,
    /// Who ends it, from then on; and whether that is done.
    destroyer: Option<ThreadId>,
    ended: bool,
    threads: Vec<JoinHandle<()>>,
    thread_ids: Vec<ThreadId>,
    /// Where the threads run: after a fork the child has none.
    process: u32,
}

impl Context {
    /// A receiver, or a sender with this flow id (0 = a random even one; odd is refused).
    pub fn new(role: Role, profile: Profile, flow_id: u32, log: Logger) -> Result<Arc<Self>, Error> {
        if role == Role::Sender && flow_id % 2 == 1 {
            log.log(Level::Error, &format!("the flow id {flow_id} is odd, it must be even"));
            return Err(Error::InvalidArgument);
        }
        let flow_id = if flow_id == 0 { random_flow_id() } else { flow_id };
        let config = SessionConfig { role, profile, flow_id, seed: random::bits() };
        let pool = Pool::new();
        let mut session = Session::new(config, Arc::clone(&pool));
        session.set_wall_clock(clock::wall_clock_ahead());
        session.set_entropy(Entropy::new(random::fill));
        let driver = Driver::new(session, log).map_err(|_| Error::Resources)?;
        let state = State {
            profile,
            profile_is_fixed: false,
            started: false,
            destroyer: None,
            ended: false,
            threads: Vec::new(),
            thread_ids: Vec::new(),
            process: 0,
        };
        let driver = Arc::new(driver);
        Ok(Arc::new(Self { role, driver, pool, state: Mutex::new(state), ended: Condvar::new() }))
    }

    pub fn role(&self) -> Role {
        self.role
    }

    pub(super) fn driver(&self) -> &Driver {
        &self.driver
    }

    /// Changes what only a context that was not started can change.
    pub(super) fn before_start(&self, change: impl FnOnce(&Driver)) -> Result<(), Error> {
        // With the lock: another thread may start it at this moment.
        let state = self.state.lock();
        if state.destroyer.is_some() {
            return Err(Error::Closed);
        }
        if state.started {
            return Err(Error::AlreadyStarted);
        }
        change(&self.driver);
        Ok(())
    }

    pub fn log(&self) -> &Logger {
        &self.driver.log
    }

    /// Starts the threads. Once.
    pub fn start(self: &Arc<Self>) -> Result<(), Error> {
        let mut state = self.state.lock();
        if state.destroyer.is_some() || self.driver.is_dead() {
            return Err(Error::Closed);
        }
        if state.started {
            return Err(Error::AlreadyStarted);
        }
        let mut threads = Vec::new();
        let spawned = self.spawn_all(&mut threads);
        state.thread_ids = threads.iter().map(|thread| thread.thread().id()).collect();
        state.process = process::id();
        state.started = true;
        let Err(error) = spawned else {
            state.threads = threads;
            return Ok(());
        };
        // Those that have started end again, and whoever reads the line may destroy the context: not with the lock.
        self.driver.stop();
        drop(state);
        threads.into_iter().for_each(|thread| drop(thread.join()));
        self.log().log(Level::Error, &format!("cannot start a thread: {error}"));
        let mut state = self.state.lock();
        if state.destroyer.is_none() {
            state.started = false;
            self.driver.unstop();
        }
        Err(Error::Resources)
    }

    fn spawn_all(&self, threads: &mut Vec<JoinHandle<()>>) -> io::Result<()> {
        if self.role == Role::Receiver {
            threads.push(self.spawn("rist-delivery", |driver, _| delivery_thread::run(driver))?);
        }
        if self.driver.data_fd.input().is_some() {
            threads.push(self.spawn("rist-input", |driver, _| input_thread::run(driver))?);
        }
        threads.push(self.spawn("rist-protocol", protocol_thread::run)?);
        Ok(())
    }

    fn spawn(&self, name: &str, run: fn(&Driver, Role)) -> io::Result<JoinHandle<()>> {
        let driver = Arc::clone(&self.driver);
        let role = self.role;
        let _blocked = signals::Blocked::new();
        let builder = thread::Builder::new().name(name.to_owned()).stack_size(stack::size());
        builder.spawn(move || {
            let tell = |starts| {
                // Silent when this thread itself has destroyed the context, from a callback.
                let callback = driver.callbacks().thread.clone();
                if let Some(thread) = callback.filter(|_| !driver.is_silent()) {
                    driver.fence(|| thread(starts));
                }
            };
            tell(true);
            driver.fence(|| run(&driver, role));
            tell(false);
        })
    }

    /// Ends the threads and reports the last events. After it returns no callback runs; called from
    /// a callback, the calling thread ends when that callback returns.
    pub fn destroy(self: &Arc<Self>) {
        self.end();
    }

    fn end(&self) {
        let this = thread::current().id();
        let threads = {
            let mut state = self.state.lock();
            if let Some(destroyer) = state.destroyer {
                // Another thread is at it. Whoever it may be waiting for must not wait for it.
                let in_callback = state.thread_ids.contains(&this) || self.driver.is_telling_here();
                while destroyer != this && !in_callback && !state.ended {
                    self.ended.wait(&mut state);
                }
                return;
            }
            state.destroyer = Some(this);
            if state.started && state.process != process::id() {
                // A forked child has the memory, but not the threads: nobody to join, nothing to tell, and
                // locks that they held stay locked. The parent's context goes on.
                state.threads.clear();
                state.ended = true;
                self.driver.workshop.abandon();
                return;
            }
            std::mem::take(&mut state.threads)
        };
        self.driver.stop();
        self.driver.fifo.close();
        for thread in threads {
            // In a callback on one of our threads: this one ends by itself when the callback has returned.
            if thread.thread().id() != this {
                let _ = thread.join();
            }
        }
        self.driver.close();
        self.state.lock().ended = true;
        self.ended.notify_all();
    }

    /// Sends one packet from the calling thread. Returns the payload's length.
    pub fn write(&self, write: Write<'_>) -> Result<usize, Error> {
        self.expect(Role::Sender)?;
        let media = self.media(&write)?;
        Ok(self.driver.call(|session, now| session.send(now, media))??)
    }

    /// Sends packets from the calling thread, in order, until one is refused. Returns how many were sent, or why not
    /// even the first one was.
    pub fn write_batch<'a>(&self, writes: impl Iterator<Item = Write<'a>>) -> Result<usize, Error> {
        self.expect(Role::Sender)?;
        // An iterator that has ended is not asked again.
        let mut writes = writes.map(|write| self.media(&write)).fuse();
        let mut batch = Vec::with_capacity(writes.size_hint().1.unwrap_or(BATCH).min(BATCH));
        let mut written: usize = 0;
        loop {
            batch.extend(writes.by_ref().take(BATCH));
            if batch.is_empty() {
                return Ok(written);
            }
            let sent = self.driver.call(|session, now| send_all(session, now, batch.drain(..)));
            let (sent, refused) = sent.unwrap_or_else(|closed| (0, Some(closed)));
            written = written.saturating_add(sent);
            match refused {
                None => {}
                Some(error) if written == 0 => return Err(error),
                Some(_) => return Ok(written),
            }
        }
    }

    fn media(&self, write: &Write<'_>) -> Result<Media, Error> {
        let length = write.payload.len();
        // Only Advanced divides: elsewhere a longer one is refused before it is looked at, as it may not be there.
        if length == 0 || (length > MAX_PAYLOAD && (length > LONGEST_WRITE || self.profile() != Profile::Advanced)) {
            return Err(Error::InvalidArgument);
        }
        Ok(Media {
            payload: self.pool.try_copy(write.payload).ok_or(Error::Resources)?,
            ts_ntp: write.ts_ntp,
            seq: write.seq,
            virt_src_port: write.virt_src_port,
            virt_dst_port: write.virt_dst_port,
        })
    }

    /// The next received block and how many its flow held, this one included. `None` after the
    /// time-out, at once when it is zero.
    pub fn read(&self, timeout: Duration) -> Result<Option<(Block, usize)>, Error> {
        self.expect(Role::Receiver)?;
        self.driver.fifo.read(timeout)
    }

    /// The received blocks that are there, at most `most`; waits for the first one. None after the time-out, at once
    /// when it is zero. The blocks of a flow are together and in order.
    pub fn read_batch(&self, most: usize, timeout: Duration) -> Result<Vec<Block>, Error> {
        self.expect(Role::Receiver)?;
        if most == 0 {
            return Ok(Vec::new());
        }
        self.driver.fifo.read_batch(most, timeout)
    }

    /// Receiver, before start; a power of two (1 and 0: no FIFO). `size - 1` blocks a flow fit.
    pub fn set_fifo_size(&self, size: u32) -> Result<(), Error> {
        self.expect(Role::Receiver)?;
        if self.is_started() {
            return Err(Error::AlreadyStarted);
        }
        self.driver.fifo.set_size(size)
    }

    /// One zero byte is written to this descriptor for each block that enters the FIFO; never blocks.
    pub fn set_notify_fd(&self, fd: Option<i32>) -> Result<(), Error> {
        self.expect(Role::Receiver)?;
        self.driver.fifo.set_notify_fd(fd);
        Ok(())
    }

    /// Changes the callbacks; takes effect at once, also while running. `change` gets the current ones.
    pub fn set_callbacks(&self, change: impl FnOnce(&mut Callbacks)) {
        self.driver.set_callbacks(change);
    }

    /// Period of the statistics reports; takes effect at once.
    pub fn set_stats_interval(&self, interval: Duration) {
        self.driver.set_period(|periods| periods.set_stats_period(interval));
    }

    /// Period of the whole-sender document; takes effect at once.
    pub fn set_sender_stats_interval(&self, interval: Duration) {
        self.driver.set_period(|periods| periods.set_sender_period(interval));
    }

    pub fn set_nack_type(&self, nack_type: NackType) -> Result<(), Error> {
        self.expect(Role::Receiver)?;
        self.driver.call(|session, _| session.set_nack_type(nack_type))
    }

    pub fn set_rtt_multiplier(&self, multiplier: u32) -> Result<(), Error> {
        if multiplier == 0 {
            return Err(Error::InvalidArgument);
        }
        self.driver.call(|session, _| session.set_rtt_multiplier(multiplier))
    }

    /// Before start: the deepest ring for 32-bit sequence numbers.
    pub fn set_recovery_depth(&self, depth: u8) -> Result<(), Error> {
        if self.is_started() {
            return Err(Error::AlreadyStarted);
        }
        self.driver.call(|session, _| session.set_recovery_depth(depth))
    }

    pub fn set_null_packet_deletion(&self, on: bool) -> Result<(), Error> {
        self.expect(Role::Sender)?;
        self.driver.call(|session, _| session.set_null_packet_deletion(on))
    }

    pub fn null_packet_deletion(&self) -> Result<bool, Error> {
        self.expect(Role::Sender)?;
        self.driver.call(|session, _| session.null_packet_deletion())
    }

    pub fn flow_id(&self) -> Result<u32, Error> {
        self.expect(Role::Sender)?;
        self.driver.call(|session, _| session.flow_id())
    }

    /// Clears bit 0.
    pub fn set_flow_id(&self, flow_id: u32) -> Result<(), Error> {
        self.expect(Role::Sender)?;
        Ok(self.driver.call(|session, _| session.set_flow_id(flow_id & !1))??)
    }

    pub fn profile(&self) -> Profile {
        self.state.lock().profile
    }

    pub fn is_started(&self) -> bool {
        self.state.lock().started
    }

    pub(super) fn expect(&self, role: Role) -> Result<(), Error> {
        if self.role == role { Ok(()) } else { Err(Error::WrongRole) }
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        self.end();
    }
}

/// How many were sent, and why the next one was not.
fn send_all(
    session: &mut Session,
    now: Time,
    batch: impl Iterator<Item = Result<Media, Error>>,
) -> (usize, Option<Error>) {
    let mut sent = 0;
    for media in batch {
        match media.and_then(|media| Ok(session.send(now, media)?)) {
            Ok(_) => sent += 1,
            Err(error) => return (sent, Some(error)),
        }
    }
    (sent, None)
}

/// Octets that nobody can guess; `None` if the system has none.
pub fn random_octets<const N: usize>() -> Option<[u8; N]> {
    let mut octets = [0; N];
    random::fill(&mut octets).then_some(octets)
}

/// A random even flow id, never 0, from the operating system's randomness.
pub fn random_flow_id() -> u32 {
    std::iter::repeat_with(|| random::bits() as u32 & !1).find(|id| *id != 0).unwrap_or(2)
}
