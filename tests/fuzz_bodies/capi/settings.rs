//! URLs, peers, options, callbacks and logs.

use super::{MAX_PEERS, Program, allowed, callbacks, status};
use crate::fuzz_bodies::input::Input;
use rist::capi::flow_attribute::rist_sender_flow_attribute_write;
use rist::capi::headers::{rist_ctx, rist_udp_config};
use rist::capi::librist::{
    rist_jitter_max_set, rist_parse_udp_address2, rist_recovery_depth_set, rist_recovery_rtt_multiplier_set,
    rist_udp_config_free2,
};
use rist::capi::logging::{
    rist_logging_set, rist_logging_set_global, rist_logging_settings_free2, rist_logging_unset_global,
};
use rist::capi::oob::rist_oob_callback_set;
use rist::capi::oob_typed::{oob_typed_callback_func_t, rist_oob_typed_callback_set};
use rist::capi::opt::{rist_set_opt, rist_thread_callback};
use rist::capi::peer::*;
use rist::capi::receiver::*;
use rist::capi::sender::*;
use rist::capi::srp::rist_enable_eap_srp_2;
use rist::capi::stats::rist_stats_callback_set;
use std::ffi::{CString, c_char, c_int};
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd;
use std::ptr::{null, null_mut};

const QUERIES: [&str; 12] = [
    "buffer=40",
    "buffer=30",
    "buffer=20&secret=fuzz&aes-type=128",
    "buffer=20&session-timeout=300&keepalive-interval=20",
    "buffer=20&weight=5&cname=fuzz",
    "buffer=20&merge=1",
    "buffer=20&split=1",
    "buffer=20&secret=other&aes-type=256&key-rotation=2",
    "buffer=20&username=fuzz&password=fuzz",
    "buffer=20&reflector=1",
    "buffer=20&rtt-drop=20&recovery-priority=1&recovery-depth=4",
    "buffer=20&timing-mode=1&congestion-control=2&min-retries=2&max-retries=3",
];

fn c_text(bytes: &[u8]) -> CString {
    CString::new(bytes.iter().copied().take_while(|byte| *byte != 0).collect::<Vec<_>>()).expect("no zeros")
}

/// A host of this machine and any query: nothing is looked up, nobody else is called.
fn query(input: &mut Input<'_>) -> Vec<u8> {
    match input.u8() {
        number if number < 192 => QUERIES[usize::from(number) % QUERIES.len()].as_bytes().to_vec(),
        _ => {
            let len = usize::from(input.u8());
            // Multicast sources and interfaces are texts that may be looked up.
            let query = input.bytes(len).to_vec();
            let looked_up = |name: &[u8]| query.windows(name.len()).any(|part| part.eq_ignore_ascii_case(name));
            if looked_up(b"source") || looked_up(b"miface") { Vec::new() } else { query }
        }
    }
}

/// As a program allocates it: zeros. Longer than an old version says, but never shorter.
fn zeroed<T>() -> T {
    // Only for C structures of numbers.
    unsafe { MaybeUninit::zeroed().assume_init() }
}

pub(super) fn rist_url(input: &mut Input<'_>) {
    let len = usize::from(input.u8());
    let url = c_text(input.bytes(len));
    let version = c_int::from(input.u8() % 9) - 1;
    let mut own: rist_peer_config = zeroed();
    let mut place: *mut rist_peer_config = null_mut();
    if version >= 0 {
        assert!(status(unsafe { rist_peer_config_defaults_set_versioned(&mut own, version) }));
        place = &mut own;
    }
    let answer = unsafe { rist_parse_address2(url.as_ptr(), &mut place) };
    // A URL has 32 pairs at most.
    assert!((-1..=32).contains(&answer), "{answer}");
    if version < 0 {
        assert!(!place.is_null() || answer == -1);
        allowed(unsafe { rist_peer_config_free2(&mut place) });
        assert!(place.is_null());
    }
    assert_eq!(unsafe { rist_parse_address2(null(), &mut place) }, -1);
    assert_eq!(unsafe { rist_parse_address2(url.as_ptr(), null_mut()) }, -1);
}

pub(super) fn udp_url(input: &mut Input<'_>) {
    let len = usize::from(input.u8());
    let url = c_text(input.bytes(len));
    let version = c_int::from(input.u8() % 5) - 1;
    let mut own: rist_udp_config = zeroed();
    let mut place: *mut rist_udp_config = null_mut();
    if version >= 0 {
        own.version = version;
        place = &mut own;
    }
    let answer = unsafe { rist_parse_udp_address2(url.as_ptr(), &mut place) };
    assert!((-1..=32).contains(&answer), "{answer}");
    if version < 0 {
        allowed(unsafe { rist_udp_config_free2(&mut place) });
        assert!(place.is_null());
    }
}

impl Program {
    pub(super) fn add_peer(&mut self, input: &mut Input<'_>) {
        let context = self.context(input);
        let how = input.u8();
        let port = self.ports[usize::from(how & 1)];
        let at = if how >> 1 & 1 == 1 { "@" } else { "" };
        let url = [format!("rist://{at}127.0.0.1:{port}?").as_bytes(), &query(input)].concat();
        let url = c_text(&url);
        let version = c_int::from(input.u8() % 8);
        let mut config: rist_peer_config = zeroed();
        assert!(status(unsafe { rist_peer_config_defaults_set_versioned(&mut config, version) }));
        let mut place: *mut rist_peer_config = &mut config;
        let parsed = unsafe { rist_parse_address2(url.as_ptr(), &mut place) };
        assert!((-1..=32).contains(&parsed), "{parsed}");
        if how >> 2 & 3 == 3 {
            spoil(&mut config, input);
        }
        if how >> 4 == 15 {
            // By family, host and port instead of the URL.
            config.address_family = 2;
            config.initiate_conn = c_int::from(how & 1);
            config.address.fill(0);
            config.address.iter_mut().zip(*b"127.0.0.1").for_each(|(to, from)| *to = from as c_char);
            config.physical_port = port;
        }
        let mut peer = null_mut();
        let answer = match how >> 4 {
            14 => unsafe { rist_peer_create(context, &mut peer, null()) },
            13 => unsafe { rist_peer_create(context, null_mut(), &config) },
            _ => unsafe { rist_peer_create(context, &mut peer, &config) },
        };
        assert_eq!(status(answer), !peer.is_null());
        if peer.is_null() {
            return;
        }
        self.peers.push(peer);
        // One in the middle: peers of all ages stay.
        if self.peers.len() > MAX_PEERS {
            self.peers.remove(MAX_PEERS / 2);
        }
    }

    pub(super) fn peer_call(&mut self, input: &mut Input<'_>) {
        let (context, peer) = (self.context(input), self.peer(input));
        match input.u8() % 8 {
            0 => allowed(unsafe { rist_peer_destroy(context, peer) }),
            1 => allowed(unsafe { rist_peer_weight_set(context, peer, u32::from(input.u8())) }),
            2 => {
                let (mut media, mut control) = (-1, -1);
                let answer = match input.u8() % 4 {
                    0 => unsafe { rist_peer_get_socket(peer, &mut media, null_mut()) },
                    1 => unsafe { rist_peer_get_socket(peer, null_mut(), null_mut()) },
                    _ => unsafe { rist_peer_get_socket(peer, &mut media, &mut control) },
                };
                assert!((-1..=1).contains(&answer) && (answer < 1 || control >= 0), "{answer}");
            }
            3 => callbacks::peer(peer),
            4 | 5 => {
                let len = usize::from(input.u8());
                let secret = c_text(input.bytes(len));
                let text = if input.u8() == 255 { null() } else { secret.as_ptr() };
                allowed(unsafe { rist_peer_update_secret(peer, text) });
            }
            6 => {
                let (name, password) = (c"fuzz".as_ptr(), c"fuzz".as_ptr());
                allowed(unsafe { rist_enable_eap_srp_2(peer, name, password, None, null_mut()) });
            }
            _ => {
                let look_up = Some(callbacks::look_up as _);
                allowed(unsafe { rist_enable_eap_srp_2(peer, null(), null(), look_up, null_mut()) });
            }
        }
    }

    pub(super) fn receiver_call(&mut self, input: &mut Input<'_>) {
        let context = self.context(input);
        allowed(match input.u8() % 5 {
            0 => unsafe { rist_receiver_nack_type_set(context, c_int::from(input.u8() % 3)) },
            1 => unsafe { rist_receiver_set_output_fifo_size(context, 1 << (input.u8() % 20)) },
            2 => unsafe { rist_receiver_set_output_fifo_size(context, u32::from(input.u8())) },
            3 => unsafe { rist_receiver_set_cbr_output(context, input.flag()) },
            _ => {
                let fd = if input.flag() { self.pipes[1].1.as_raw_fd() } else { 0 };
                unsafe { rist_receiver_data_notify_fd_set(context, fd) }
            }
        });
    }

    pub(super) fn sender_call(&mut self, input: &mut Input<'_>) {
        let context = self.context(input);
        let (mut on, mut id) = (false, 0);
        allowed(match input.u8() % 6 {
            5 => {
                let peer = self.peer(input);
                let len = usize::from(input.u8());
                let text = input.bytes(len);
                let sent = unsafe { rist_sender_flow_attribute_write(context, peer, text.as_ptr().cast(), text.len()) };
                assert!((-1..=1000).contains(&sent), "{sent}");
                sent.min(0)
            }
            0 => unsafe { rist_sender_npd_enable(context) },
            1 => unsafe { rist_sender_npd_disable(context) },
            2 => unsafe { rist_sender_npd_get(context, &mut on) },
            3 => unsafe { rist_sender_flow_id_get(context, &mut id) },
            _ => unsafe { rist_sender_flow_id_set(context, input.u32()) },
        });
    }

    pub(super) fn common_call(&mut self, input: &mut Input<'_>) {
        let context = self.context(input);
        let mut thread = rist_thread_callback { thread_callback: Some(callbacks::thread) };
        let thread = (&raw mut thread).cast();
        allowed(match input.u8() % 5 {
            0 => unsafe { rist_jitter_max_set(context, c_int::from(input.u8()) - 100) },
            1 => unsafe { rist_recovery_rtt_multiplier_set(context, c_int::from(input.u8()) - 100) },
            2 => unsafe { rist_recovery_depth_set(context, input.u8()) },
            3 => unsafe { rist_set_opt(context, 0, thread, null_mut(), null_mut()) },
            _ => unsafe { rist_set_opt(context, c_int::from(input.u8()), null_mut(), thread, null_mut()) },
        });
    }

    pub(super) fn set_callback(&mut self, input: &mut Input<'_>) {
        let context: *mut rist_ctx = self.context(input);
        let how = input.u8();
        let arg = callbacks::argument(how >> 5);
        // Set or taken away.
        let set = how >> 4 & 1 == 0;
        allowed(match how % 8 {
            0 | 1 => {
                let function: receiver_data_callback2_t = Some(callbacks::data);
                unsafe { rist_receiver_data_callback_set2(context, function.filter(|_| set), arg) }
            }
            2 => {
                let function: connection_status_callback_t = Some(callbacks::connection);
                unsafe { rist_connection_status_callback_set(context, function.filter(|_| set), arg) }
            }
            3 => {
                let connect: rist_auth_handler_connect_cb = Some(callbacks::connect);
                let disconnect: rist_auth_handler_disconnect_cb = Some(callbacks::disconnect);
                let disconnect = disconnect.filter(|_| input.flag());
                unsafe { rist_auth_handler_set(context, connect.filter(|_| set), disconnect, arg) }
            }
            4 => {
                let function: receiver_session_timeout_callback_t = Some(callbacks::session_timeout);
                unsafe { rist_receiver_session_timeout_callback_set(context, function.filter(|_| set), arg) }
            }
            5 if input.flag() => {
                let function: oob_typed_callback_func_t = Some(callbacks::typed_out_of_band);
                unsafe { rist_oob_typed_callback_set(context, function.filter(|_| set), arg) }
            }
            5 => {
                let function: rist::capi::oob::oob_callback_func_t = Some(callbacks::out_of_band);
                unsafe { rist_oob_callback_set(context, function.filter(|_| set), arg) }
            }
            6 => {
                let function: receiver_flow_attr_callback_t = Some(callbacks::flow_attribute);
                unsafe { rist_receiver_flow_attr_callback_set(context, function.filter(|_| set), arg) }
            }
            _ => {
                let interval = [0, 1, 5, 100, 1000, -1, c_int::MAX, c_int::MIN][usize::from(input.u8() % 8)];
                unsafe { rist_stats_callback_set(context, interval, Some(callbacks::stats), arg) }
            }
        });
    }

    pub(super) fn set_logging(&mut self, input: &mut Input<'_>) {
        let level = input.pick(&[7, -1, 3, 6, 100, 0]);
        // Changing settings closes their socket, which is ours.
        let old = self.settings.last().copied().filter(|old| unsafe { (**old).log_socket } < 3 && input.flag());
        let mut settings = old.unwrap_or(null_mut());
        let mut address = match input.u8() {
            255 => c"127.0.0.1:9".to_bytes_with_nul().to_vec(),
            254 => b"nonsense\0".to_vec(),
            _ => b"\0".to_vec(),
        };
        if old.is_none() && self.settings.len() >= 4 {
            return;
        }
        let log = Some(callbacks::log as _);
        let address = address.as_mut_ptr().cast();
        let set = status(unsafe { rist_logging_set(&mut settings, level, log, null_mut(), address, null_mut()) });
        if set && old.is_none() {
            self.settings.push(settings);
        }
        if set {
            self.keep_log_socket(settings);
        }
    }

    pub(super) fn use_logging(&mut self, input: &mut Input<'_>) {
        let settings = self.settings.last().copied().unwrap_or(null_mut());
        match input.u8() % 4 {
            0 => assert_eq!(status(unsafe { rist_logging_set_global(settings) }), !settings.is_null()),
            1 => rist_logging_unset_global(),
            2 => {
                let mut settings = self.settings.pop().unwrap_or(null_mut());
                assert_eq!(unsafe { rist_logging_settings_free2(&mut settings) }, 0);
            }
            _ => assert!(!status(unsafe { rist_logging_settings_free2(null_mut()) })),
        }
    }
}

/// Any number in any field.
fn spoil(config: &mut rist_peer_config, input: &mut Input<'_>) {
    for _ in 0..input.u8() % 4 {
        let value = input.pick(&[0, 1, 2, 99, u32::MAX, 1 << 31, 65_536]);
        match input.u8() % 20 {
            0 => config.recovery_mode = value as c_int,
            1 => config.recovery_maxbitrate = value,
            2 => config.recovery_maxbitrate_return = value,
            3 => config.recovery_length_min = value,
            4 => config.recovery_length_max = value,
            5 => config.recovery_reorder_buffer = value,
            6 => config.recovery_rtt_min = value,
            7 => config.recovery_rtt_max = value,
            8 => config.weight = value,
            9 => config.key_size = value as c_int,
            10 => config.key_rotation = value,
            11 => config.congestion_control_mode = value as c_int,
            12 => config.min_retries = value,
            13 => config.max_retries = value,
            14 => config.session_timeout = value,
            15 => config.keepalive_interval = value,
            16 => config.timing_mode = value as c_int,
            17 => config.split_mode = value,
            18 => config.secret.fill(0x41),
            _ => config.cname.fill(0x41),
        }
    }
}
