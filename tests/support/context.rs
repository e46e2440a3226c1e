//! Contexts of the library, called as C calls them.
#![allow(dead_code, unsafe_code)] // Each test program uses its own part.

use rist::capi::headers::{rist_ctx, rist_data_block, rist_peer};
use rist::capi::librist::{rist_destroy, rist_start};
use rist::capi::logging::{rist_logging_set, rist_logging_settings, rist_logging_settings_free2};
use rist::capi::peer::{rist_parse_address2, rist_peer_config, rist_peer_config_free2, rist_peer_create};
use rist::capi::receiver::{rist_receiver_create, rist_receiver_data_block_free2, rist_receiver_data_read2};
use rist::capi::sender::{rist_sender_create, rist_sender_data_write};
use rist::capi::tunnel::{rist_data_fd_stats, rist_data_fd_stats_get};
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ptr::null_mut;
use std::sync::Mutex;

/// RIST_PROFILE_SIMPLE.
pub(crate) const SIMPLE: c_int = 0;
/// RIST_PROFILE_MAIN.
pub(crate) const MAIN: c_int = 1;

/// RIST_PROFILE_ADVANCED.
pub(crate) const ADVANCED: c_int = 2;

/// A context with what it logged.
pub(crate) struct Context {
    pub(crate) ctx: *mut rist_ctx,
    /// In a box of its own: the library has its address until the context is destroyed.
    lines: Box<Mutex<Vec<String>>>,
    settings: *mut rist_logging_settings,
}

// SAFETY: a handle of the library, good on any thread.
unsafe impl Send for Context {}
// SAFETY: as above.
unsafe impl Sync for Context {}

unsafe extern "C" fn keep_line(arg: *mut c_void, _level: c_int, text: *const c_char) -> c_int {
    // SAFETY: the box of a context that is alive.
    let lines = unsafe { &*arg.cast::<Mutex<Vec<String>>>() };
    // SAFETY: a C string.
    let text = unsafe { CStr::from_ptr(text) };
    lines.lock().unwrap().push(text.to_string_lossy().into_owned());
    0
}

impl Context {
    pub(crate) fn sender(profile: c_int) -> Self {
        // SAFETY: places for what is made.
        Self::make(|ctx, settings| unsafe { rist_sender_create(ctx, profile, 0, settings) })
    }

    pub(crate) fn receiver(profile: c_int) -> Self {
        // SAFETY: places for what is made.
        Self::make(|ctx, settings| unsafe { rist_receiver_create(ctx, profile, settings) })
    }

    fn make(create: impl FnOnce(*mut *mut rist_ctx, *mut rist_logging_settings) -> c_int) -> Self {
        let lines: Box<Mutex<Vec<String>>> = Box::default();
        let mut settings = null_mut();
        let argument = (&raw const *lines).cast_mut().cast();
        // SAFETY: a place for the settings; the argument lives as long as the context.
        let set = unsafe { rist_logging_set(&mut settings, 7, Some(keep_line), argument, null_mut(), null_mut()) };
        assert_eq!(set, 0);
        let mut ctx = null_mut();
        assert_eq!(create(&mut ctx, settings), 0);
        Self { ctx, lines, settings }
    }

    pub(crate) fn peer(&self, url: &str) -> *mut rist_peer {
        self.try_peer(url).unwrap_or_else(|| panic!("{:?}", self.lines()))
    }

    pub(crate) fn try_peer(&self, url: &str) -> Option<*mut rist_peer> {
        let url = CString::new(url).unwrap();
        let mut config: *mut rist_peer_config = null_mut();
        let mut peer = null_mut();
        // SAFETY: a C string and a place for the configuration.
        assert_eq!(unsafe { rist_parse_address2(url.as_ptr(), &mut config) }, 0);
        // SAFETY: the configuration was just made.
        let made = unsafe { rist_peer_create(self.ctx, &mut peer, config) };
        // SAFETY: freed once.
        assert_eq!(unsafe { rist_peer_config_free2(&mut config) }, 0);
        (made == 0).then_some(peer)
    }

    pub(crate) fn start(&self) {
        // SAFETY: any handle is fine.
        assert_eq!(unsafe { rist_start(self.ctx) }, 0);
    }

    pub(crate) fn write(&self, payload: &[u8]) -> c_int {
        write(self.ctx, payload)
    }

    /// The next block's payload, if one comes in so many milliseconds.
    pub(crate) fn read(&self, timeout: c_int) -> Option<Vec<u8>> {
        let mut block: *mut rist_data_block = null_mut();
        // SAFETY: a place for the block.
        if unsafe { rist_receiver_data_read2(self.ctx, &mut block, timeout) } <= 0 {
            return None;
        }
        // SAFETY: the block was just given.
        let found = unsafe { &*block };
        // SAFETY: as long as it says, until the block is freed.
        let payload = unsafe { std::slice::from_raw_parts(found.payload.cast::<u8>(), found.payload_len) }.to_vec();
        // SAFETY: freed once.
        unsafe { rist_receiver_data_block_free2(&mut block) };
        Some(payload)
    }

    pub(crate) fn traffic(&self) -> rist_data_fd_stats {
        let mut stats = rist_data_fd_stats { tx_packets: 0, tx_bytes: 0, rx_packets: 0, rx_bytes: 0 };
        // SAFETY: a place for the numbers.
        assert_eq!(unsafe { rist_data_fd_stats_get(self.ctx, &mut stats) }, 0);
        stats
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    pub(crate) fn has_logged(&self, part: &str) -> usize {
        self.lines.lock().unwrap().iter().filter(|line| line.contains(part)).count()
    }

    /// Ends the context; whatever is called on it afterwards fails.
    pub(crate) fn destroy(&self) -> c_int {
        // SAFETY: any handle is fine.
        unsafe { rist_destroy(self.ctx) }
    }
}

pub(crate) fn write(ctx: *mut rist_ctx, payload: &[u8]) -> c_int {
    let block = rist_data_block {
        payload: payload.as_ptr().cast(),
        payload_len: payload.len(),
        ts_ntp: 0,
        virt_src_port: 0,
        virt_dst_port: 0,
        peer: null_mut(),
        flow_id: 0,
        seq: 0,
        flags: 0,
        r#ref: null_mut(),
    };
    // SAFETY: the payload lives through the call.
    unsafe { rist_sender_data_write(ctx, &block) }
}

impl Drop for Context {
    fn drop(&mut self) {
        self.destroy();
        // SAFETY: made by rist_logging_set and freed once.
        unsafe { rist_logging_settings_free2(&mut self.settings) };
    }
}
