//! A C program that is legal but clumsy: functions of the C ABI in any order, over sockets of 127.0.0.1.
//!
//! Every pointer is null or good, every structure as long as its version says; nothing is freed twice. Contexts and
//! peers may be of the wrong kind, destroyed, or null. What has to hold: no crash; every answer is one that the headers
//! document; when all is destroyed no thread and no descriptor is left, and (libFuzzer looks) no memory.
// Calls what C programs call; what they are given is said above.
#![allow(unsafe_code, deprecated)]
#![allow(clippy::undocumented_unsafe_blocks, clippy::multiple_unsafe_ops_per_block)]

mod callbacks;
mod leaks;
mod media;
mod settings;

use super::input::Input;
use leaks::Left;
use rist::capi::headers::{rist_ctx, rist_data_block, rist_peer};
use rist::capi::librist::{rist_destroy, rist_start};
use rist::capi::logging::{rist_logging_settings, rist_logging_settings_free2, rist_logging_unset_global};
use rist::capi::receiver::rist_receiver_create;
use rist::capi::sender::rist_sender_create;
use std::ffi::c_int;
use std::net::UdpSocket;
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::net::UnixDatagram;
use std::ptr::null_mut;
use std::sync::{Mutex, PoisonError};

static ALONE: Mutex<()> = Mutex::new(());

const MAX_STEPS: usize = 120;
/// Alive at a time, and in all.
const MAX_CONTEXTS: usize = 3;
const MAX_EVER: usize = 8;
const MAX_PEERS: usize = 12;

pub(super) fn capi(data: &[u8]) {
    play(data);
}

/// Returns how many blocks were read.
pub(crate) fn play(data: &[u8]) -> usize {
    // What is left is looked for in the whole process.
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let before = Left::now();
    let mut input = Input::new(data);
    let mut program = Program::new();
    for _ in 0..MAX_STEPS {
        if input.is_empty() {
            break;
        }
        program.step(&mut input);
    }
    let taken = program.taken;
    program.finish();
    assert_eq!(Left::now(), before, "threads or descriptors were left");
    taken
}

struct Program {
    /// Null, then all that were created. Destroyed ones stay here: a clumsy program goes on with them.
    contexts: Vec<*mut rist_ctx>,
    alive: Vec<*mut rist_ctx>,
    peers: Vec<*mut rist_peer>,
    blocks: Vec<*mut rist_data_block>,
    /// Blocks that were read.
    taken: usize,
    settings: Vec<*mut rist_logging_settings>,
    /// Of settings; the library leaves them to the program.
    log_sockets: Vec<OwnedFd>,
    /// What the library reads from, writes to and notifies.
    pipes: [(UnixDatagram, UnixDatagram); 2],
    /// Where receivers listen.
    ports: [u16; 2],
}

/// An answer that is 0 or one of libRIST's errors.
fn status(answer: c_int) -> bool {
    assert!((-6..=0).contains(&answer), "{answer}");
    answer == 0
}

/// The same where it does not matter which.
fn allowed(answer: c_int) {
    status(answer);
}

impl Program {
    fn new() -> Self {
        let pipe = || {
            let (ours, theirs) = UnixDatagram::pair().expect("a pair of sockets");
            ours.set_nonblocking(true).expect("a socket");
            theirs.set_nonblocking(true).expect("a socket");
            (ours, theirs)
        };
        Self {
            contexts: vec![null_mut()],
            alive: Vec::new(),
            peers: vec![null_mut()],
            blocks: Vec::new(),
            taken: 0,
            settings: Vec::new(),
            log_sockets: Vec::new(),
            pipes: [pipe(), pipe()],
            ports: [free_port(), free_port()],
        }
    }

    fn step(&mut self, input: &mut Input<'_>) {
        match input.u8() % 32 {
            0 | 1 => self.create(input),
            2 | 3 => allowed(unsafe { rist_start(self.context(input)) }),
            4 => self.destroy(input),
            5..=7 => self.add_peer(input),
            8..=11 => self.write(input),
            12 => self.write_batch(input),
            13 | 14 => self.read(input),
            15 => self.read_batch(input),
            16 => self.free_block(input),
            17 | 18 => self.set_callback(input),
            19 => self.out_of_band(input),
            20..=22 => self.peer_call(input),
            23 | 24 => self.receiver_call(input),
            25 => self.sender_call(input),
            26 => self.set_logging(input),
            27 => self.use_logging(input),
            28 => self.data_descriptor(input),
            29 => settings::rist_url(input),
            30 => settings::udp_url(input),
            _ => self.common_call(input),
        }
    }

    /// Mostly one that is alive.
    fn context(&self, input: &mut Input<'_>) -> *mut rist_ctx {
        let number = usize::from(input.u8());
        let from = if number >= 16 && !self.alive.is_empty() { &self.alive } else { &self.contexts };
        from[number % from.len()]
    }

    fn peer(&self, input: &mut Input<'_>) -> *mut rist_peer {
        self.peers[usize::from(input.u8()) % self.peers.len()]
    }

    fn create(&mut self, input: &mut Input<'_>) {
        if self.alive.len() >= MAX_CONTEXTS || self.contexts.len() > MAX_EVER {
            return;
        }
        let how = input.u8();
        let profile = [1, 0, 1, 2, 1, 0, 3, -1][usize::from(how >> 1 & 7)];
        let settings = match self.settings.last() {
            Some(settings) if how >> 4 & 1 == 0 => *settings,
            _ => null_mut(),
        };
        let mut context = null_mut();
        let answer = match how & 1 {
            0 => unsafe { rist_receiver_create(&mut context, profile, settings) },
            _ => unsafe { rist_sender_create(&mut context, profile, input.u32(), settings) },
        };
        assert_eq!(status(answer), !context.is_null());
        if !context.is_null() {
            self.contexts.push(context);
            self.alive.push(context);
        }
    }

    fn destroy(&mut self, input: &mut Input<'_>) {
        let context = self.context(input);
        let known = self.alive.contains(&context);
        assert_eq!(status(unsafe { rist_destroy(context) }), known);
        self.alive.retain(|other| *other != context);
    }

    fn finish(mut self) {
        for context in std::mem::take(&mut self.alive) {
            assert_eq!(unsafe { rist_destroy(context) }, 0);
        }
        // Blocks outlive their contexts.
        for block in std::mem::take(&mut self.blocks) {
            media::free(block);
        }
        rist_logging_unset_global();
        for mut settings in std::mem::take(&mut self.settings) {
            assert_eq!(unsafe { rist_logging_settings_free2(&mut settings) }, 0);
        }
    }

    /// Makes a socket of settings ours to close.
    fn keep_log_socket(&mut self, settings: *mut rist_logging_settings) {
        let socket = unsafe { (*settings).log_socket };
        if socket > 2 {
            self.log_sockets.push(unsafe { OwnedFd::from_raw_fd(socket) });
        }
    }
}

/// An even port that was free just now.
fn free_port() -> u16 {
    let port = || UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port").port();
    std::iter::repeat_with(port).find(|port| port % 2 == 0).expect("there are even ones")
}
