//! What a context handle stands for: a runtime context and what the C side remembers of it.

use super::boundary::{FAILED, Failure};
use super::handle::{self, Handle};
use super::headers::{rist_ctx, rist_profile};
use super::log_target::{self, Target, log_global};
use super::logging::rist_logging_settings;
use super::oob::Oob;
use super::version;
use super::{librist, pointer};
use crate::protocol::config::{Profile, Role};
use crate::protocol::output::{Level, PeerId};
use crate::runtime::context::{Context, Error};
use crate::runtime::log::Logger;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::ffi::{CString, c_char, c_int};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// One sender or receiver as C sees it.
pub(super) struct Instance {
    pub(super) handle: Handle,
    pub(super) context: Arc<Context>,
    /// Where the settings given at creation lead.
    target: Target,
    /// A peer was configured by a program that knows statistics version 2 or later.
    pub(super) new_program: AtomicBool,
    /// A peer was configured at all.
    pub(super) any_peer: AtomicBool,
    destroying: AtomicBool,
    pub(super) oob: Oob,
    /// Names handed out by `rist_peer_get_cname`, which C keeps pointers to.
    names: Mutex<BTreeMap<PeerId, CString>>,
}

/// Numbers for the log prefix, counted by role.
static RECEIVERS: AtomicU64 = AtomicU64::new(0);
static SENDERS: AtomicU64 = AtomicU64::new(0);

/// Creates a context and stores its handle.
///
/// Contract: a possible `out` is writable.
pub(super) unsafe fn create(
    out: *mut *mut rist_ctx,
    role: Role,
    profile: c_int,
    flow_id: u32,
    settings: &rist_logging_settings,
) -> Result<(), Failure> {
    pointer::checked(out).ok_or(FAILED)?;
    let target = Target::copied(settings);
    let ids = match role {
        Role::Receiver => (RECEIVERS.fetch_add(1, Ordering::Relaxed) + 1, 0),
        Role::Sender => (0, SENDERS.fetch_add(1, Ordering::Relaxed) + 1),
    };
    let logger = Logger::new(Arc::new(target.clone())).with_ids(ids);
    let profile = known_profile(profile, &logger);
    let name = match role {
        Role::Receiver => "receiver",
        Role::Sender => "sender",
    };
    let versions = (librist::VERSION.to_string_lossy(), version::text());
    logger.log(Level::Info, &format!("RIST {name}, library version {}, API {}", versions.0, versions.1));
    let context = Context::new(role, profile, flow_id, logger.clone()).inspect_err(|error| {
        logger.log(Level::Error, &format!("The {name} could not be created: {}", reason(error)));
    })?;
    let make = |handle| {
        let flag = || AtomicBool::new(false);
        let (new_program, any_peer, destroying) = (flag(), flag(), flag());
        let names = Mutex::default();
        let oob = Oob::default();
        Arc::new(Instance { handle, context, target, new_program, any_peer, destroying, oob, names })
    };
    let handle = handle::insert(make).ok_or(FAILED)?;
    // SAFETY: the caller's contract.
    unsafe { pointer::write(out, handle.as_context()) }
}

/// libRIST takes unknown profiles for Main.
fn known_profile(profile: c_int, logger: &Logger) -> Profile {
    if profile == rist_profile::RIST_PROFILE_SIMPLE as c_int {
        Profile::Simple
    } else if profile == rist_profile::RIST_PROFILE_MAIN as c_int {
        Profile::Main
    } else if profile == rist_profile::RIST_PROFILE_ADVANCED as c_int {
        Profile::Advanced
    } else {
        logger.log(Level::Error, &format!("Unknown profile {profile}, using Main"));
        Profile::Main
    }
}

impl Instance {
    pub(super) fn log(&self, level: Level, text: &str) {
        self.context.log().log(level, text);
    }

    /// Ends the context; its handle is good for the callbacks that run until then.
    pub(super) fn destroy(&self) -> Result<(), Failure> {
        if self.destroying.swap(true, Ordering::AcqRel) {
            return Err(FAILED);
        }
        self.context.destroy();
        handle::remove(self.handle);
        log_target::forget(&self.target);
        Ok(())
    }

    /// A peer's name as text that lives as long as the context, and its length.
    pub(super) fn keep_name(&self, peer: PeerId, name: &str) -> (*const c_char, u32) {
        let mut names = self.names.lock();
        let kept = names.entry(peer).or_insert_with(|| CString::new(name.replace('\0', "")).unwrap_or_default());
        (kept.as_ptr(), kept.count_bytes() as u32)
    }

    /// Every peer so far was configured by a program that knows only statistics versions 0 and 1.
    pub(super) fn is_old_program(&self) -> bool {
        self.any_peer.load(Ordering::Relaxed) && !self.new_program.load(Ordering::Relaxed)
    }

    /// Fails with `failure` unless the context has this role.
    pub(super) fn needs(&self, role: Role, failure: Failure) -> Result<(), Failure> {
        if self.context.role() == role {
            return Ok(());
        }
        let text = match role {
            Role::Sender => "This call needs a sender context",
            Role::Receiver => "This call needs a receiver context",
        };
        self.log(Level::Error, text);
        Err(failure)
    }

    /// The answer of a call whose feature is not in this build.
    pub(super) fn unavailable(&self, feature: &str) -> Failure {
        self.log(Level::Error, &format!("{feature}: not yet available in this build"));
        FAILED
    }
}

/// The context behind a handle from C; a line in the global log if there is none.
pub(super) fn find(ctx: *const rist_ctx) -> Result<Arc<Instance>, Failure> {
    handle::context(ctx).ok_or_else(|| {
        log_global(Level::Error, "The RIST context is NULL or not a live one");
        FAILED
    })
}

/// The context behind a handle if it is a sender's.
pub(super) fn sender(ctx: *const rist_ctx) -> Result<Arc<Instance>, Failure> {
    let instance = find(ctx)?;
    instance.needs(Role::Sender, FAILED)?;
    Ok(instance)
}

/// The context behind a handle if it is a receiver's; `wrong_role` otherwise.
pub(super) fn receiver(ctx: *const rist_ctx, wrong_role: Failure) -> Result<Arc<Instance>, Failure> {
    let instance = find(ctx)?;
    instance.needs(Role::Receiver, wrong_role)?;
    Ok(instance)
}

/// An error in words.
pub(super) fn reason(error: &Error) -> String {
    match error {
        Error::WrongRole => "not possible in this role".into(),
        Error::AlreadyStarted => "already started".into(),
        Error::Closed => "the context has ended".into(),
        Error::InvalidArgument => "invalid argument".into(),
        Error::Unsupported => "not yet available in this build".into(),
        Error::Socket => "the socket could not be opened or bound".into(),
        Error::Resources => "out of memory or threads".into(),
        Error::Session(error) => error.to_string(),
    }
}
