//! From `struct rist_peer_config` to what the runtime takes: every check and correction of `rist_peer_create`.

use super::advanced_options::advanced;
use super::boundary::{FAILED, Failure};
use super::instance::{self, Instance};
use super::peer::*;
use super::peer_config;
use super::pointer::{field_bytes, field_text};
use crate::crypto::psk::KeySize;
use crate::crypto::secret::Secret;
use crate::protocol::auth::Credentials;
use crate::protocol::config::{CongestionControl, MergeMode, PeerConfig, Profile, Role, SplitMode, TimingMode};
use crate::protocol::output::{Level, PeerId};
use crate::protocol::recovery_depth;
use crate::protocol::time::Span;
use crate::runtime::context::{PeerAddress, PeerOptions};
use crate::url::{address, rist, trailer};
use std::ffi::c_int;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Retries that libRIST accepts.
const RETRIES: RangeInclusive<u32> = 2..=100;
/// Least session time-out and the one for 0, ms.
const SESSION_TIMEOUT: u32 = 250;
/// Keep-alive interval for 0, ms.
const KEEPALIVE_INTERVAL: u32 = 100;
/// Least time between two requests for a packet, ms.
const RTT_MIN: u32 = 3;

/// Adds a peer to a context.
pub(super) fn add(instance: &Arc<Instance>, config: rist_peer_config, version: c_int) -> Result<PeerId, Failure> {
    let (options, multiplier) = options(instance, config, version)?;
    let peer = instance.context.add_peer(options).inspect_err(|error| {
        instance.log(Level::Error, &format!("Peer not created: {}", instance::reason(error)));
    })?;
    if let Some(multiplier) = multiplier {
        instance.context.set_rtt_multiplier(multiplier)?;
    }
    instance.any_peer.store(true, Ordering::Relaxed);
    if version >= 2 {
        instance.new_program.store(true, Ordering::Relaxed);
    }
    Ok(peer)
}

fn options(
    instance: &Instance,
    mut config: rist_peer_config,
    version: c_int,
) -> Result<(PeerOptions, Option<u32>), Failure> {
    let refuse = |text: &str| {
        instance.log(Level::Error, &format!("Peer not created: {text}"));
        FAILED
    };
    let field = config.address.map(|byte| byte as u8);
    let (address, beyond) = trailer::unpack(&field);
    let beyond = rist::parse_params(beyond.unwrap_or_default());
    if version < 5 {
        // Only those who have the field can have chosen 0, the smallest ring.
        config.recovery_depth = recovery_depth::DEFAULT;
    }
    peer_config::apply(&beyond, &mut config);
    if !matches!(config.key_size, 0 | 128 | 192 | 256) {
        return Err(refuse(&format!("{} is no AES key size", config.key_size)));
    }
    let profile = match (config.profile_set != 0, config.profile) {
        (false, _) => None,
        (true, 0) => Some(Profile::Simple),
        (true, 2) => Some(Profile::Advanced),
        (true, _) => Some(Profile::Main),
    };
    // The first peer that names none takes the context's, so it is known in any case.
    let spoken = profile.unwrap_or_else(|| instance.context.profile());
    let simple = spoken == Profile::Simple;
    let secret = field_bytes(&config.secret);
    match (secret.is_empty(), config.key_size) {
        (true, 0) => {}
        (true, _) => return Err(refuse("a key size was given without a secret")),
        (false, _) if simple => {
            instance.log(Level::Warn, "The Simple profile has no encryption; the secret is not used");
        }
        (false, 0) => instance.log(Level::Notice, "A secret without a key size: encrypting with AES-256"),
        (false, _) => {}
    }
    let advanced = advanced(instance, &config, &beyond, spoken).map_err(refuse)?;
    let place = place(instance, &config, address, simple)?;
    let ttl = u8::try_from(config.multicast_ttl).map_err(|_| refuse("the multicast TTL is above 255"))?;
    let source = match field_text(&config.multicast_source).as_str() {
        "" => None,
        text => Some(text.parse().map_err(|_| refuse("the multicast source is no IP address"))?),
    };
    let mut peer = corrected(instance, &config);
    if !simple {
        peer.secret = (!secret.is_empty()).then(|| Secret::new(&secret));
        peer.credentials = credentials(&config);
    }
    peer.address_validation = beyond.address_validation.unwrap_or(true);
    peer.backup = beyond.backup.unwrap_or(0);
    peer.advanced = advanced;
    let options = PeerOptions {
        config: peer,
        address: place,
        miface: field_text(&config.miface),
        multicast_ttl: (ttl != 0).then_some(ttl),
        multicast_source: source,
        local_port: (config.local_port != 0).then_some(config.local_port),
        profile,
    };
    Ok((options, beyond.rtt_multiplier))
}

/// User name and password of the URL. Whether they are used is the application's affair (`rist_enable_eap_srp_2`),
/// but programs that never call it, such as FFmpeg, do not lose them.
fn credentials(config: &rist_peer_config) -> Option<Credentials> {
    let (username, password) = (field_bytes(&config.srp_username), field_bytes(&config.srp_password));
    Credentials::new(&username, &Secret::new(&password))
}

fn place(instance: &Instance, config: &rist_peer_config, text: &[u8], simple: bool) -> Result<PeerAddress, Failure> {
    let refuse = |text: &str| {
        instance.log(Level::Error, &format!("Peer not created: {text}"));
        FAILED
    };
    let text = String::from_utf8_lossy(text).into_owned();
    let ipv6 = match config.address_family {
        0 => {
            let parsed = address::parse(&text).ok_or_else(|| refuse("the address is empty or lacks a ']'"))?;
            check_port(instance, parsed.port.unwrap_or(0), simple).map_err(refuse)?;
            return Ok(PeerAddress::Url(text));
        }
        libc::AF_INET => false,
        libc::AF_INET6 => true,
        _ => return Err(refuse("unknown address family")),
    };
    check_port(instance, config.physical_port, simple).map_err(refuse)?;
    let call = config.initiate_conn != 0;
    if text.is_empty() && call {
        return Err(refuse("there is no host to call"));
    }
    Ok(PeerAddress::Manual { host: text, port: config.physical_port, call, ipv6 })
}

/// A Simple receiver uses the port and the next one, and the first is even (TR-06-1 §5.1.1).
fn check_port(instance: &Instance, port: u16, simple: bool) -> Result<(), &'static str> {
    if simple && instance.context.role() == Role::Receiver && port % 2 == 1 {
        return Err("the port of a Simple profile receiver must be even");
    }
    Ok(())
}

/// The numbers, each brought into the range that libRIST works with.
fn corrected(instance: &Instance, config: &rist_peer_config) -> PeerConfig {
    let info = |text: String| instance.log(Level::Info, &text);
    let warn = |text: String| instance.log(Level::Warn, &text);
    let retries = |name: &str, given: u32, default: c_int| {
        if RETRIES.contains(&given) {
            return given;
        }
        info(format!("{name}={given} is not from 2 to 100, using {default}"));
        default as u32
    };
    let min_retries = retries("min-retries", config.min_retries, RIST_DEFAULT_MIN_RETRIES);
    let max_retries = retries("max-retries", config.max_retries, RIST_DEFAULT_MAX_RETRIES);
    let buffer_max = config.recovery_length_max.max(1);
    if config.recovery_length_max == 0 {
        warn("A recovery buffer of 0 ms is not possible, using 1 ms".into());
    }
    let buffer_min = config.recovery_length_min.clamp(1, buffer_max);
    if config.recovery_length_min > buffer_max {
        warn(format!("buffer-min={} is above buffer-max, using {buffer_max}", config.recovery_length_min));
    }
    // libRIST 0.2.19 raises this to buffer-min / max-retries, so that the retries last; our flows spread
    // their later requests over the buffer instead and may ask as soon as the RTT allows.
    let rtt_min = config.recovery_rtt_min.max(RTT_MIN);
    if config.recovery_rtt_min < RTT_MIN {
        info(format!("rtt-min={} is too small, using {rtt_min}", config.recovery_rtt_min));
    }
    let session_timeout = config.session_timeout.max(SESSION_TIMEOUT);
    if (1..SESSION_TIMEOUT).contains(&config.session_timeout) {
        warn(format!("session-timeout={} is too small, using {SESSION_TIMEOUT}", config.session_timeout));
    }
    let max_bitrate = match config.recovery_maxbitrate {
        0 => {
            warn(format!("A bandwidth of 0 is not possible, using {RIST_DEFAULT_RECOVERY_MAXBITRATE} kbit/s"));
            RIST_DEFAULT_RECOVERY_MAXBITRATE as u32
        }
        given => given,
    };
    PeerConfig {
        recovery: config.recovery_mode != rist_recovery_mode::RIST_RECOVERY_MODE_DISABLED as c_int,
        max_bitrate_kbps: max_bitrate,
        max_return_bitrate_kbps: config.recovery_maxbitrate_return,
        buffer_min: Span::from_millis(buffer_min),
        buffer_max: Span::from_millis(buffer_max),
        reorder_buffer: Span::from_millis(config.recovery_reorder_buffer),
        rtt_min: Span::from_millis(rtt_min),
        rtt_max: Span::from_millis(config.recovery_rtt_max.max(rtt_min)),
        weight: config.weight,
        congestion_control: match config.congestion_control_mode {
            0 => CongestionControl::Off,
            2 => CongestionControl::Aggressive,
            _ => CongestionControl::Normal,
        },
        min_retries: min_retries.min(max_retries),
        max_retries,
        session_timeout: Span::from_millis(session_timeout),
        keepalive_interval: Span::from_millis(match config.keepalive_interval {
            0 => KEEPALIVE_INTERVAL,
            given => given,
        }),
        timing_mode: match config.timing_mode {
            1 => TimingMode::Arrival,
            2 => TimingMode::Rtc,
            _ => TimingMode::Source,
        },
        cname: cname(&field_bytes(&config.cname)),
        recovery_priority: config.recovery_priority,
        virt_dst_port: match config.virt_dst_port {
            0 => RIST_DEFAULT_VIRT_DST_PORT as u16,
            given => given,
        },
        key_size: match config.key_size {
            128 => KeySize::Aes128,
            192 => KeySize::Aes192,
            _ => KeySize::Aes256,
        },
        key_rotation: config.key_rotation,
        srp_compat: config.srp_compat_legacy != 0,
        reflector: config.reflector != 0,
        split: match config.split_mode {
            1 => SplitMode::Auto,
            2 => SplitMode::Half,
            _ => SplitMode::Off,
        },
        merge: match config.merge_mode {
            1 => MergeMode::Pairs,
            2 => MergeMode::Auto,
            _ => MergeMode::Off,
        },
        recovery_depth: recovery_depth(instance, config.recovery_depth),
        rtt_drop: Span::from_millis(config.rtt_drop),
        rtt_restore: Span::from_millis(config.rtt_restore),
        rtt_drop_settle: Span::from_millis(config.rtt_drop_settle),
        rtt_drop_trickle: config.rtt_drop_trickle,
        ..PeerConfig::default()
    }
}

/// A depth that there is.
pub(super) fn recovery_depth(instance: &Instance, given: u8) -> u8 {
    if given > recovery_depth::MAX {
        let most = recovery_depth::MAX;
        instance.log(Level::Warn, &format!("A recovery depth of {given} is too much, using {most}"));
    }
    given.min(recovery_depth::MAX)
}

/// Text of at most 127 bytes, whatever the bytes were.
fn cname(bytes: &[u8]) -> String {
    let mut text = String::from_utf8_lossy(bytes).into_owned();
    while text.len() > 127 {
        text.pop();
    }
    text
}
