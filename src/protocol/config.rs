//! What a session and a peer are configured with, in typed units.

use super::auth::Credentials;
use super::time::Span;
use crate::crypto::psk::KeySize;
use crate::crypto::secret::Secret;

/// Which framing the peers of a context speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    Simple,
    Main,
    Advanced,
}

/// What a context does with media.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Sender,
    Receiver,
}

/// Which clock gives received packets their place in time (libRIST `timing-mode`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TimingMode {
    /// The sender's RTP timestamps.
    #[default]
    Source,
    /// The time of reception.
    Arrival,
    /// The sender's wall clock, learnt from its sender reports.
    Rtc,
}

/// How soon a sender repeats a retransmission (libRIST `congestion-control`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CongestionControl {
    /// Every request is served.
    Off,
    /// About once per RTT and packet: three quarters of it have to pass, so that a receiver's last try can be in time.
    #[default]
    Normal,
    /// The same with two RTT.
    Aggressive,
}

/// How a receiver writes its requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NackType {
    #[default]
    Range,
    Bitmask,
}

/// How a sender makes two packets of each block that is written (libRIST 0.2.17 `split`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SplitMode {
    #[default]
    Off,
    /// Between two MPEG-TS packets where there are some, else in the middle.
    Auto,
    /// In the middle.
    Half,
}

/// Whether a receiver makes one block of two such packets (libRIST 0.2.17 `merge`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MergeMode {
    #[default]
    Off,
    Pairs,
    /// When a sender of the flow has announced pairs; the Simple profile has no words for that.
    Auto,
}

/// Which clock the timestamps of the Advanced profile count: three are in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AdvancedClock {
    /// Found out: by the other side's control packets for what we send, by the packets themselves for what we receive.
    #[default]
    Auto,
    /// Microseconds (TR-06-3; libRIST 0.2.19 and later).
    Megahertz,
    /// Microseconds shifted left by 16 (ristgo, ristrust).
    Shifted,
}

/// How a sender of the Advanced profile begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AdvancedStart {
    /// Waits a moment for the other side to say what it can do; Main if it does not, and a change if it does later.
    #[default]
    Auto,
    /// In Main at once, and a change when the other side has said that it can (libRIST 0.2.18 and later).
    Main,
    /// In Advanced at once, whatever the other side is (libRIST 0.2.16, ristgo, ristrust).
    Advanced,
}

/// Whether RTT echo requests of the Advanced profile are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AdvancedEcho {
    /// Not where the other side would take the answer for fifteen times as long (libRIST before 0.2.19).
    #[default]
    Auto,
    On,
    Off,
}

/// How the Advanced profile encrypts and authenticates (TR-06-3 PSK modes 1 to 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, PartialOrd, Ord)]
pub enum PskMode {
    /// AES in counter mode: what every other implementation has.
    #[default]
    Ctr = 1,
    /// HMAC-SHA256 and no encryption.
    Hmac = 2,
    /// AES in counter mode with HMAC-SHA256.
    CtrHmac = 3,
    /// AES-GCM.
    Gcm = 4,
    /// ChaCha20-Poly1305.
    ChaCha = 5,
}

/// A peer's settings that only the Advanced profile has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Advanced {
    pub clock: AdvancedClock,
    pub start: AdvancedStart,
    pub echo: AdvancedEcho,
    pub psk_mode: PskMode,
    /// Sender: payloads longer than this are sent in fragments of so many octets, at most 1460; 0 = whole.
    pub fragment_size: u16,
    /// Sender: payloads that LZ4 makes smaller are sent so (libRIST `compression`).
    pub compression: bool,
}

/// One peer's settings, already checked and clamped (`PeerConfig::sanitize`).
#[derive(Debug, Clone, PartialEq)]
pub struct PeerConfig {
    /// False switches NACKs off in both roles (`RIST_RECOVERY_MODE_DISABLED`).
    pub recovery: bool,
    /// Ceiling for payload plus retransmissions, kbit/s.
    pub max_bitrate_kbps: u32,
    /// Ceiling for the return channel, kbit/s; 0 = none.
    pub max_return_bitrate_kbps: u32,
    pub buffer_min: Span,
    pub buffer_max: Span,
    /// Upper bound of the time that a gap is watched before the first NACK.
    pub reorder_buffer: Span,
    pub rtt_min: Span,
    pub rtt_max: Span,
    /// Share of this peer among weighted peers; 0 = a copy of everything.
    pub weight: u32,
    /// Carries media only while no leg with a smaller number can (ours).
    pub backup: u32,
    /// Smoothed RTT above which a weighted leg rests; zero = never (libRIST 0.2.19 `rtt-drop`).
    pub rtt_drop: Span,
    /// RTT below which it comes back; zero = 80 % of `rtt_drop`.
    pub rtt_restore: Span,
    /// How long the RTT has to stay above; twice as long below.
    pub rtt_drop_settle: Span,
    /// A resting leg is sent a copy of one packet in so many; 0 = none.
    pub rtt_drop_trickle: u32,
    pub congestion_control: CongestionControl,
    pub min_retries: u32,
    pub max_retries: u32,
    /// Silence after which the peer counts as dead.
    pub session_timeout: Span,
    /// Period of RTCP (and keep-alive) towards this peer.
    pub keepalive_interval: Span,
    pub timing_mode: TimingMode,
    /// Local name sent in SDES, at most 127 bytes.
    pub cname: String,
    /// Higher asks first (libRIST 0.2.18 `recovery-priority`).
    pub recovery_priority: u32,
    /// Virtual port that media is sent to; RTCP goes to the next odd one.
    pub virt_dst_port: u16,
    /// Passphrase of both directions.
    pub secret: Option<Secret>,
    pub key_size: KeySize,
    /// Packets under one key; 0 = as many as one key can encrypt.
    pub key_rotation: u32,
    /// User name and password for whoever asks (SRP).
    pub credentials: Option<Credentials>,
    /// SRP without padding, as libRIST before 0.2.16.
    pub srp_compat: bool,
    /// Receiver: hand what one peer sends on to the others (libRIST 0.2.17).
    pub reflector: bool,
    /// Sender; that of the first peer counts for all.
    pub split: SplitMode,
    /// Receiver; that of the first peer counts for all.
    pub merge: MergeMode,
    /// Packets that rings of 32-bit sequence numbers hold: 65,536 shifted left by it (libRIST 0.2.18).
    pub recovery_depth: u8,
    pub advanced: Advanced,
    /// Listening sender: no media for an address before it has answered an echo. Without it, three octets for each
    /// octet received are replaced by full trust; for receivers that answer no echoes.
    pub address_validation: bool,
}

impl Default for PeerConfig {
    /// The defaults of libRIST 0.2.20 `peer.h`, with the session time-out and RTCP period that its
    /// library applies when the fields are zero (`behaviour`: 250 ms and 100 ms).
    fn default() -> Self {
        Self {
            recovery: true,
            max_bitrate_kbps: 100_000,
            max_return_bitrate_kbps: 0,
            buffer_min: Span::from_millis(1000),
            buffer_max: Span::from_millis(1000),
            reorder_buffer: Span::from_millis(15),
            rtt_min: Span::from_millis(5),
            rtt_max: Span::from_millis(500),
            weight: 0,
            backup: 0,
            rtt_drop: Span::ZERO,
            rtt_restore: Span::ZERO,
            rtt_drop_settle: Span::from_millis(2000),
            rtt_drop_trickle: 100,
            congestion_control: CongestionControl::Normal,
            min_retries: 6,
            max_retries: 20,
            session_timeout: Span::from_millis(250),
            keepalive_interval: Span::from_millis(100),
            timing_mode: TimingMode::Source,
            cname: String::new(),
            recovery_priority: 0,
            virt_dst_port: 1968,
            secret: None,
            key_size: KeySize::Aes256,
            key_rotation: 0,
            credentials: None,
            srp_compat: false,
            reflector: false,
            split: SplitMode::Off,
            merge: MergeMode::Off,
            recovery_depth: super::recovery_depth::DEFAULT,
            advanced: Advanced::default(),
            address_validation: true,
        }
    }
}
