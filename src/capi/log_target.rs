//! The places that log lines are written to, and the global one among them.

use super::enums::*;
use super::log_stream;
use super::logging::{rist_log_level, rist_logging_settings};
use super::pointer;
use crate::protocol::output::Level;
use crate::runtime::log::{LogSink, Logger};
use parking_lot::Mutex;
use std::ffi::{CString, c_char, c_int, c_void};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

type LogFunction = unsafe extern "C" fn(*mut c_void, c_rist_log_level, *const c_char) -> c_int;

/// What logging settings say, checked once.
#[derive(Clone)]
pub(super) struct Target {
    level: c_int,
    function: Option<LogFunction>,
    argument: *mut c_void,
    socket: Option<RawFd>,
    stream: Option<*mut c_file>,
    /// Our duplicate of the socket, in copies that outlive the call they were made in.
    owned: Option<Arc<OwnedFd>>,
}

// SAFETY: the C contract says that the callback, its argument and the stream may be used from any thread.
unsafe impl Send for Target {}
// SAFETY: as above.
unsafe impl Sync for Target {}

impl Target {
    /// For use during one call.
    pub(super) fn borrowed(settings: &rist_logging_settings) -> Self {
        Self {
            level: settings.log_level,
            function: settings.log_cb.filter(|function| pointer::possible(*function as usize)),
            argument: settings.log_cb_arg,
            // 0 to 2 come from zeroed settings; no log socket has these numbers.
            socket: Some(settings.log_socket).filter(|socket| *socket > 2),
            stream: pointer::checked(settings.log_stream).map(|stream| stream.as_ptr()),
            owned: None,
        }
    }

    /// For later: with a socket of our own, so that a number that the application closed is not written to.
    pub(super) fn copied(settings: &rist_logging_settings) -> Self {
        let mut target = Self::borrowed(settings);
        target.owned = target.socket.and_then(|socket| {
            // SAFETY: the number is only duplicated; a closed one gives an error.
            let socket = unsafe { BorrowedFd::borrow_raw(socket) };
            socket.try_clone_to_owned().ok().map(Arc::new)
        });
        if target.owned.is_none() {
            target.socket = None;
        }
        target
    }

    /// Whether both lead to the same place.
    fn is_like(&self, other: &Self) -> bool {
        let address = |target: &Self| target.function.map(|function| function as usize);
        (address(self), self.argument, self.socket, self.stream)
            == (address(other), other.argument, other.socket, other.stream)
    }

    pub(super) fn takes(&self, level: c_int) -> bool {
        let somewhere = self.function.is_some() || self.socket.is_some() || self.stream.is_some();
        somewhere && level <= self.level
    }

    /// Writes one line. `text` may end in line feeds; what is written ends in exactly one.
    pub(super) fn write(&self, level: c_int, ids: (u64, u64), text: &[u8]) {
        if !self.takes(level) {
            return;
        }
        let end = text.iter().rposition(|byte| *byte != b'\n').map_or(0, |last| last + 1);
        let mut line = if self.function.is_some() { Vec::new() } else { prefix(level, ids).into_bytes() };
        line.extend(text[..end].iter().filter(|byte| **byte != 0));
        line.push(b'\n');
        let Ok(line) = CString::new(line) else { return };
        if let Some(function) = self.function {
            // SAFETY: the application's function gets its argument and a C string that lives during the call.
            unsafe { function(self.argument, level, line.as_ptr()) };
            return;
        }
        let socket = self.owned.as_ref().map(|socket| socket.as_raw_fd()).or(self.socket);
        if let Some(socket) = socket {
            let bytes = line.as_bytes();
            let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
            // SAFETY: sends bytes that live during the call. A line that cannot be sent is lost.
            unsafe { libc::send(socket, bytes.as_ptr().cast(), bytes.len(), flags) };
        }
        if let Some(stream) = self.stream {
            // SAFETY: the application's stream is open as long as the settings are in use.
            unsafe { log_stream::write(stream, &line) };
        }
    }
}

impl LogSink for Target {
    fn enabled(&self, level: Level) -> bool {
        self.takes(level as c_int)
    }

    fn write(&self, level: Level, ids: (u64, u64), text: &str) {
        self.write(level as c_int, ids, text.as_bytes());
    }
}

/// `seconds.microseconds|receiver.sender|[LEVEL] `, as libRIST 0.2.x begins its lines.
fn prefix(level: c_int, (receiver, sender): (u64, u64)) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let name = match level {
        level if level == rist_log_level::RIST_LOG_DEBUG as c_int => "DEBUG",
        level if level == rist_log_level::RIST_LOG_INFO as c_int => "INFO",
        level if level == rist_log_level::RIST_LOG_NOTICE as c_int => "NOTICE",
        level if level == rist_log_level::RIST_LOG_WARN as c_int => "WARNING",
        _ => "ERROR",
    };
    format!("{}.{:06}|{receiver}.{sender}|[{name}] ", now.as_secs(), now.subsec_micros())
}

struct Global {
    target: Target,
    logger: Logger,
    /// Set by `rist_logging_set` as a side effect: forgotten together with the settings it came from.
    implicit: bool,
}

impl Global {
    fn new(settings: &rist_logging_settings, implicit: bool) -> Self {
        let target = Target::copied(settings);
        Self { logger: Logger::new(Arc::new(target.clone())), target, implicit }
    }
}

static GLOBAL: Mutex<Option<Global>> = Mutex::new(None);

pub(super) fn set_global(settings: &rist_logging_settings) {
    let old = GLOBAL.lock().replace(Global::new(settings, false));
    end(old);
}

pub(super) fn set_global_if_none(settings: &rist_logging_settings) {
    let mut global = GLOBAL.lock();
    if global.is_none() {
        *global = Some(Global::new(settings, true));
    }
}

pub(super) fn unset_global() {
    let old = GLOBAL.lock().take();
    end(old);
}

/// What they point to may go away then: no other thread is inside.
fn end(old: Option<Global>) {
    if let Some(old) = old {
        old.logger.end();
    }
}

/// Forgets the global settings if they were set implicitly and lead where these lead: what they point to is about
/// to go away.
pub(super) fn forget(target: &Target) {
    let mut global = GLOBAL.lock();
    let old = global.take_if(|global| global.implicit && global.target.is_like(target));
    drop(global);
    end(old);
}

/// A line for the global log.
pub(super) fn log_global(level: Level, text: &str) {
    let logger = GLOBAL.lock().as_ref().map(|global| global.logger.clone());
    if let Some(logger) = logger {
        logger.log(level, text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::CStr;
    use std::ptr;

    unsafe extern "C" fn keep(argument: *mut c_void, _level: c_int, message: *const c_char) -> c_int {
        // SAFETY: the test passes a vector and the library a C string.
        let lines = unsafe { &mut *argument.cast::<Vec<CString>>() };
        // SAFETY: as above.
        lines.push(unsafe { CStr::from_ptr(message) }.to_owned());
        0
    }

    fn settings(lines: &mut Vec<CString>, level: c_int) -> rist_logging_settings {
        rist_logging_settings {
            log_level: level,
            log_cb: Some(keep),
            log_cb_arg: ptr::from_mut(lines).cast(),
            log_socket: -1,
            log_stream: ptr::null_mut(),
        }
    }

    #[test]
    fn a_callback_gets_one_line_feed_and_only_its_levels() {
        let mut lines = Vec::new();
        let target = Target::borrowed(&settings(&mut lines, 6));
        for (level, text) in [(6, "a"), (3, "b\n"), (7, "no"), (4, "c\n\n")] {
            target.write(level, (1, 2), text.as_bytes());
        }
        assert_eq!(lines, [c"a\n".to_owned(), c"b\n".to_owned(), c"c\n".to_owned()]);
    }

    #[test]
    fn settings_without_a_place_are_silent() {
        let mut lines = Vec::new();
        let zeroed = rist_logging_settings { log_cb: None, log_socket: 0, ..settings(&mut lines, 100) };
        assert!(!Target::borrowed(&zeroed).takes(3));
        assert!(!Target::borrowed(&settings(&mut lines, -1)).takes(3));
    }

    #[test]
    fn lines_begin_like_those_of_librist() {
        let line = prefix(4, (3, 0));
        let (time, rest) = line.split_once('|').unwrap();
        assert_eq!(rest, "3.0|[WARNING] ");
        let (seconds, micros) = time.split_once('.').unwrap();
        assert!(seconds.parse::<u64>().unwrap() > 1_600_000_000 && micros.len() == 6);
        assert!(prefix(100, (0, 0)).ends_with("|0.0|[ERROR] "));
    }
}
