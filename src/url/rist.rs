//! A `rist://` URL: the address and every parameter that a libRIST release up to 0.2.20 knows.

use super::query;

/// What a `rist://` URL sets. `None`: the key is absent, or its value was refused and so, as in libRIST, changes nothing.
///
/// Times are milliseconds, rates kbit/s. Text may be longer than the field it goes to; whoever stores it cuts it.
#[derive(Default, Clone, Debug, PartialEq, Eq)]
pub struct PeerParams {
    pub buffer_min: Option<u32>,
    pub buffer_max: Option<u32>,
    pub miface: Option<Vec<u8>>,
    pub secret: Option<Vec<u8>>,
    pub cname: Option<Vec<u8>>,
    pub username: Option<Vec<u8>>,
    pub password: Option<Vec<u8>>,
    /// Bits: 0, 128, 192 or 256.
    pub key_size: Option<u32>,
    /// Packets.
    pub key_rotation: Option<u32>,
    pub compression: Option<u32>,
    pub bandwidth: Option<u32>,
    pub return_bandwidth: Option<u32>,
    pub reorder_buffer: Option<u32>,
    pub rtt_min: Option<u32>,
    pub rtt_max: Option<u32>,
    /// Cut to 16 bits as libRIST does: 70000 is 4464 and 65536 is 0.
    pub virt_dst_port: Option<u16>,
    pub weight: Option<u32>,
    pub session_timeout: Option<u32>,
    pub keepalive_interval: Option<u32>,
    /// 0 off, 1 normal, 2 aggressive.
    pub congestion_control: Option<u32>,
    /// 0 source, 1 arrival, 2 RTC.
    pub timing_mode: Option<u32>,
    pub min_retries: Option<u32>,
    pub max_retries: Option<u32>,
    /// 0 off, 1 auto, 2 half.
    pub split: Option<u32>,
    /// 0 off, 1 pairs, 2 auto.
    pub merge: Option<u32>,
    pub reflector: Option<bool>,
    /// 1 to 255.
    pub ttl: Option<u32>,
    pub source: Option<Vec<u8>>,
    pub local_port: Option<u16>,
    pub srp_compat: Option<bool>,
    /// 0 simple, 1 main, 2 advanced.
    pub profile: Option<u32>,
    pub recovery_priority: Option<u32>,
    /// 0 to 16.
    pub recovery_depth: Option<u8>,
    pub rtt_drop: Option<u32>,
    pub rtt_restore: Option<u32>,
    pub rtt_drop_settle: Option<u32>,
    /// One packet in so many.
    pub rtt_drop_trickle: Option<u32>,
    /// No structure has a field for it; libRIST leaves it to the tools.
    pub rtt_multiplier: Option<u32>,
    /// Ours: a listening sender that trusts every address.
    pub address_validation: Option<bool>,
    /// Ours: 0 carries first, then 1 and so on.
    pub backup: Option<u32>,
    /// Ours, of the Advanced profile: the place of the word in [`ADV_CLOCK`].
    pub adv_clock: Option<u32>,
    /// Ours: in [`ADV_START`].
    pub adv_start: Option<u32>,
    /// Ours: in [`ADV_RTT_ECHO`].
    pub adv_rtt_echo: Option<u32>,
    /// Ours: in [`PSK_MODE`].
    pub psk_mode: Option<u32>,
    /// Ours: octets of a payload, 0 for whole ones.
    pub fragment_size: Option<u16>,
}

/// The words of `adv-clock`.
pub const ADV_CLOCK: [&str; 3] = ["auto", "1mhz", "legacy"];
/// The words of `adv-start`.
pub const ADV_START: [&str; 3] = ["auto", "main", "advanced"];
/// The words of `adv-rtt-echo`.
pub const ADV_RTT_ECHO: [&str; 3] = ["auto", "on", "off"];
/// The words of `psk-mode`, in the order of TR-06-3's modes 1 to 5.
pub const PSK_MODE: [&str; 5] = ["ctr", "hmac", "ctr-hmac", "gcm", "chacha"];
/// Greatest fragment: with every header it fits an Ethernet frame.
pub const MAX_FRAGMENT: u16 = 1460;

/// Highest number of a backup.
const MAX_BACKUP: u32 = 255;

/// A `rist://` URL taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParsedPeer<'a> {
    /// The text before the `?`; see [`super::address`].
    pub address: &'a [u8],
    pub params: PeerParams,
    /// Pairs read, unknown ones included.
    pub accepted: usize,
    /// One message for each unknown key and each refused value of a strict key, in order.
    pub problems: Vec<String>,
    empty: bool,
}

impl ParsedPeer<'_> {
    /// What `rist_parse_address2` returns: 0 if all is well, -1 for an empty URL, else the number of pairs read.
    /// All that could be understood is in `params` in any case.
    pub fn status(&self) -> i32 {
        status(self.empty, self.accepted, &self.problems)
    }
}

pub(super) fn status(empty: bool, accepted: usize, problems: &[String]) -> i32 {
    match (empty, problems.is_empty()) {
        (true, _) => -1,
        (false, true) => 0,
        (false, false) => i32::try_from(accepted).unwrap_or(i32::MAX),
    }
}

/// Takes a URL apart. Every known key is understood whatever structure it will be stored in;
/// [`super::trailer`] carries what the structure has no field for.
pub fn parse<U: AsRef<[u8]> + ?Sized>(url: &U) -> ParsedPeer<'_> {
    let url = url.as_ref();
    let (address, text) = query::split(url);
    let mut parsed =
        ParsedPeer { address, params: PeerParams::default(), accepted: 0, problems: Vec::new(), empty: url.is_empty() };
    for (key, value) in query::pairs(text.unwrap_or_default(), query::MAX_PAIRS) {
        parsed.accepted += 1;
        parsed.problems.extend(parsed.params.set(key, value).err());
    }
    parsed
}

/// Parameters without a URL around them: what a trailer holds. Whatever is wrong is passed over.
pub fn parse_params(text: &[u8]) -> PeerParams {
    let mut params = PeerParams::default();
    for (key, value) in query::pairs(text, usize::MAX) {
        // A trailer is written from parameters that were already found good.
        let _ = params.set(key, value);
    }
    params
}

impl PeerParams {
    /// Applies one pair; `Err` is the message for an unknown key or a refused strict value.
    /// A number out of range is refused in silence and leaves what an earlier pair set (libRIST 0.2.x).
    fn set(&mut self, key: &[u8], value: &[u8]) -> Result<(), String> {
        match key {
            // 0 is ignored since 0.2.19: it used to divide by zero.
            b"buffer" => {
                let size = query::at_least(1, value);
                keep(&mut self.buffer_min, size);
                keep(&mut self.buffer_max, size);
            }
            b"buffer-min" => keep(&mut self.buffer_min, query::at_least(0, value)),
            b"buffer-max" => keep(&mut self.buffer_max, query::at_least(1, value)),
            b"miface" => self.miface = Some(value.to_vec()),
            b"secret" => self.secret = Some(value.to_vec()),
            b"cname" => self.cname = Some(value.to_vec()),
            b"username" => self.username = Some(value.to_vec()),
            b"password" => self.password = Some(value.to_vec()),
            b"aes-type" => {
                let bits = query::at_least(0, value).filter(|bits| matches!(bits, 0 | 128 | 192 | 256));
                keep(&mut self.key_size, bits);
            }
            b"key-rotation" => keep(&mut self.key_rotation, query::at_least(1, value)),
            b"compression" => keep(&mut self.compression, query::at_least(0, value)),
            b"bandwidth" => keep(&mut self.bandwidth, query::at_least(1, value)),
            b"return-bandwidth" => keep(&mut self.return_bandwidth, query::at_least(0, value)),
            b"reorder-buffer" => keep(&mut self.reorder_buffer, query::at_least(0, value)),
            b"rtt" => {
                let rtt = query::at_least(0, value);
                keep(&mut self.rtt_min, rtt);
                keep(&mut self.rtt_max, rtt);
            }
            b"rtt-min" => keep(&mut self.rtt_min, query::at_least(0, value)),
            b"rtt-max" => keep(&mut self.rtt_max, query::at_least(0, value)),
            b"virt-dst-port" => {
                let port = query::at_least(1, value).map(|port| port as u16);
                keep(&mut self.virt_dst_port, port);
            }
            b"weight" => keep(&mut self.weight, query::at_least(0, value)),
            b"session-timeout" => keep(&mut self.session_timeout, query::at_least(1, value)),
            b"keepalive-interval" => keep(&mut self.keepalive_interval, query::at_least(1, value)),
            b"congestion-control" => keep(&mut self.congestion_control, query::within(0, 2, value)),
            b"timing-mode" => keep(&mut self.timing_mode, query::within(0, 2, value)),
            b"min-retries" => keep(&mut self.min_retries, query::at_least(1, value)),
            b"max-retries" => keep(&mut self.max_retries, query::at_least(1, value)),
            b"reflector" => keep(&mut self.reflector, query::within(0, 1, value).map(|on| on == 1)),
            b"ttl" => keep(&mut self.ttl, query::within(1, 255, value)),
            b"source" => self.source = Some(value.to_vec()),
            b"local-port" => {
                let port = query::within(1, 65535, value).map(|port| port as u16);
                keep(&mut self.local_port, port);
            }
            b"recovery-priority" => keep(&mut self.recovery_priority, query::at_least(0, value)),
            b"rtt-drop" => keep(&mut self.rtt_drop, query::at_least(0, value)),
            b"rtt-restore" => keep(&mut self.rtt_restore, query::at_least(0, value)),
            b"rtt-drop-settle" => keep(&mut self.rtt_drop_settle, query::at_least(0, value)),
            b"rtt-drop-trickle" => keep(&mut self.rtt_drop_trickle, query::at_least(0, value)),
            b"rtt-multiplier" => keep(&mut self.rtt_multiplier, query::at_least(1, value)),
            _ => return self.set_strict(key, value),
        }
        Ok(())
    }

    /// The keys that report a value they refuse (since 0.2.17).
    fn set_strict(&mut self, key: &[u8], value: &[u8]) -> Result<(), String> {
        let refused = || refused(key, value);
        match key {
            b"split" => self.split = Some(split_mode(value).ok_or_else(refused)?),
            b"merge" => self.merge = Some(merge_mode(value).ok_or_else(refused)?),
            b"srp-compat" => self.srp_compat = Some(switch(value).ok_or_else(refused)?),
            b"address-validation" => self.address_validation = Some(switch(value).ok_or_else(refused)?),
            b"backup" => self.backup = Some(query::whole_number(MAX_BACKUP, value).ok_or_else(refused)?),
            b"adv-clock" => self.adv_clock = Some(place(&ADV_CLOCK, value).ok_or_else(refused)?),
            b"adv-start" => self.adv_start = Some(place(&ADV_START, value).ok_or_else(refused)?),
            b"adv-rtt-echo" => self.adv_rtt_echo = Some(place(&ADV_RTT_ECHO, value).ok_or_else(refused)?),
            b"psk-mode" => self.psk_mode = Some(place(&PSK_MODE, value).ok_or_else(refused)?),
            b"fragment-size" => {
                let size = query::whole_number(MAX_FRAGMENT.into(), value).ok_or_else(refused)?;
                self.fragment_size = Some(size as u16);
            }
            b"profile" => self.profile = Some(query::whole_number(2, value).ok_or_else(refused)?),
            b"recovery-depth" => {
                let depth = query::whole_number(16, value).ok_or_else(refused)?;
                self.recovery_depth = Some(depth as u8);
            }
            _ => return Err(unknown(key)),
        }
        Ok(())
    }
}

fn split_mode(value: &[u8]) -> Option<u32> {
    match value {
        b"off" => Some(0),
        b"auto" | b"ts" => Some(1),
        b"half" => Some(2),
        _ => None,
    }
}

fn merge_mode(value: &[u8]) -> Option<u32> {
    match value {
        b"off" => Some(0),
        b"pairs" => Some(1),
        b"auto" => Some(2),
        _ => None,
    }
}

/// Where a word stands in a list.
fn place(words: &[&str], value: &[u8]) -> Option<u32> {
    words.iter().zip(0..).find(|(word, _)| word.as_bytes() == value).map(|(_, place)| place)
}

pub(super) fn switch(value: &[u8]) -> Option<bool> {
    match value {
        b"0" => Some(false),
        b"1" => Some(true),
        _ => None,
    }
}

pub(super) fn keep<T>(field: &mut Option<T>, value: Option<T>) {
    if value.is_some() {
        *field = value;
    }
}

/// The words are libRIST's: scripts look for them on stderr.
pub(super) fn unknown(key: &[u8]) -> String {
    format!("Unknown or invalid parameter {}", printable(key))
}

pub(super) fn refused(key: &[u8], value: &[u8]) -> String {
    format!("{}: {} is no value for it", unknown(key), printable(value))
}

fn printable(text: &[u8]) -> String {
    String::from_utf8_lossy(text).replace(char::is_control, "?")
}
