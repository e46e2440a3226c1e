//! `ferrist.h`: what struct rist_peer_config has no fields for, of the Advanced profile.

use super::boundary::{FAILED, Failure, status};
use super::config::{self, Versioned};
use super::enums::*;
use super::peer::rist_peer_config;
use super::pointer;
use crate::url::rist::{self, ADV_CLOCK, ADV_RTT_ECHO, ADV_START, MAX_FRAGMENT, PSK_MODE};
use crate::url::trailer;
use std::ffi::{c_char, c_int};

/// Revision of struct rist_advanced_config in this header.
pub const RIST_ADVANCED_CONFIG_VERSION: c_int = 0;

/// Which clock the time stamps count; adv-clock= in a URL.
#[repr(C)]
pub enum rist_advanced_clock {
    /// Found out by what the other side sends.
    RIST_ADVANCED_CLOCK_AUTO = 0,
    /// Microseconds: the standard, and libRIST 0.2.19 and later.
    RIST_ADVANCED_CLOCK_1MHZ = 1,
    /// Microseconds shifted left by 16, as older and other implementations count.
    RIST_ADVANCED_CLOCK_LEGACY = 2,
}

/// In what a sender begins; adv-start= in a URL.
#[repr(C)]
pub enum rist_advanced_start {
    /// Waits a moment for the other side to say what it can do.
    RIST_ADVANCED_START_AUTO = 0,
    /// In the Main profile, until the other side has said that it can do more.
    RIST_ADVANCED_START_MAIN = 1,
    /// In the Advanced profile, whatever the other side is.
    RIST_ADVANCED_START_ADVANCED = 2,
}

/// Whether RTT echo requests are answered; adv-rtt-echo= in a URL.
#[repr(C)]
pub enum rist_advanced_rtt_echo {
    /// Unless the other side would misread the answer.
    RIST_ADVANCED_RTT_ECHO_AUTO = 0,
    RIST_ADVANCED_RTT_ECHO_ON = 1,
    RIST_ADVANCED_RTT_ECHO_OFF = 2,
}

/// What is done with a secret, on both sides alike; psk-mode= in a URL. All but the first need this library at both ends.
#[repr(C)]
pub enum rist_psk_mode {
    /// AES in counter mode. What is changed on the way is not noticed.
    RIST_PSK_MODE_CTR = 0,
    /// HMAC-SHA256: not encrypted, but nothing can be changed.
    RIST_PSK_MODE_HMAC = 1,
    /// AES in counter mode with HMAC-SHA256.
    RIST_PSK_MODE_CTR_HMAC = 2,
    /// AES-GCM.
    RIST_PSK_MODE_GCM = 3,
    /// ChaCha20-Poly1305. The key has 256 bits.
    RIST_PSK_MODE_CHACHA = 4,
}

/// Settings of a peer that only the Advanced profile has. All zero is the default of everything, and the version of
/// this header.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rist_advanced_config {
    /// RIST_ADVANCED_CONFIG_VERSION of the header that the program was built with.
    pub version: c_int,
    pub clock: c_rist_advanced_clock,
    pub start: c_rist_advanced_start,
    pub rtt_echo: c_rist_advanced_rtt_echo,
    pub psk_mode: c_rist_psk_mode,
    /// Sender: longer payloads go in fragments of so many bytes, at most 1460, and a block may have 64 of them. 0 for never.
    pub fragment_size: c_int,
}

// SAFETY: `repr(C)`, numbers, the version first.
unsafe impl Versioned for rist_advanced_config {
    const NEWEST: c_int = RIST_ADVANCED_CONFIG_VERSION;

    fn size(_version: c_int) -> usize {
        size_of::<Self>()
    }

    fn zeroed() -> Self {
        Self { version: 0, clock: 0, start: 0, rtt_echo: 0, psk_mode: 0, fragment_size: 0 }
    }
}

/// Puts settings of the Advanced profile into a peer configuration, in place of those that its URL named. They travel
/// behind the NUL of its address: copy all of that.
///
/// @param[in,out] peer_config structure with a valid version
/// @param advanced settings; copied
/// @return 0 on success; -1 on error, which is also a value that there is none of, or an address so long that they have
///         no room behind it
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_peer_config_advanced_set(
    peer_config: *mut rist_peer_config,
    advanced: *const rist_advanced_config,
) -> c_int {
    status(|| {
        // SAFETY: the contract of `capi`.
        let (advanced, _) = unsafe { config::load(advanced) }?;
        pointer::checked(peer_config).ok_or(FAILED)?;
        // SAFETY: the contract of `capi`.
        let (mut value, version) = unsafe { config::load(peer_config.cast_const()) }?;
        let field = value.address.map(|byte| byte as u8);
        let (address, beyond) = trailer::unpack(&field);
        let mut params = rist::parse_params(beyond.unwrap_or_default());
        params.adv_clock = choice(&ADV_CLOCK, advanced.clock)?;
        params.adv_start = choice(&ADV_START, advanced.start)?;
        params.adv_rtt_echo = choice(&ADV_RTT_ECHO, advanced.rtt_echo)?;
        params.psk_mode = choice(&PSK_MODE, advanced.psk_mode)?;
        let size = u16::try_from(advanced.fragment_size).ok().filter(|size| *size <= MAX_FRAGMENT);
        params.fragment_size = Some(size.ok_or(FAILED)?).filter(|size| *size > 0);
        // Whatever was behind the address stays there, whether the structure has a field for it or not.
        let text = trailer::overflow_params(&params, 0);
        let mut packed = [0; trailer::FIELD];
        trailer::pack(address, &text, &mut packed).map_err(|_| FAILED)?;
        value.address = packed.map(|byte| byte as c_char);
        // SAFETY: loaded with this version.
        unsafe { config::store(peer_config, &value, version) };
        Ok(())
    })
}

/// A place in a list of words; the first is the default and is not stored.
fn choice(words: &[&str], given: c_int) -> Result<Option<u32>, Failure> {
    let place = usize::try_from(given).ok().filter(|place| *place < words.len()).ok_or(FAILED)?;
    Ok((place > 0).then_some(place as u32))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capi::peer_config;

    fn set(config: &mut rist_peer_config, advanced: rist_advanced_config) -> c_int {
        // SAFETY: two structures of this test.
        unsafe { rist_peer_config_advanced_set(config, &advanced) }
    }

    fn behind(config: &rist_peer_config) -> String {
        let field = config.address.map(|byte| byte as u8);
        String::from_utf8_lossy(trailer::unpack(&field).1.unwrap_or_default()).into_owned()
    }

    #[test]
    fn settings_take_the_place_of_those_of_the_url() {
        let mut config = rist_peer_config::zeroed();
        let url = c"rist://h:1?split=half&backup=2&psk-mode=gcm&adv-clock=legacy";
        assert_eq!(peer_config::fill(url, &mut config, 0), 0);
        let zero = rist_advanced_config::zeroed();
        let all = rist_advanced_config { clock: 1, start: 2, rtt_echo: 2, psk_mode: 4, fragment_size: 1200, ..zero };
        assert_eq!(set(&mut config, all), 0);
        let expected = "adv-clock=1mhz&adv-start=advanced&adv-rtt-echo=off&psk-mode=chacha&fragment-size=1200";
        assert_eq!(behind(&config), format!("split=half&backup=2&{expected}"));
        // A revision to come begins as this one.
        assert_eq!(set(&mut config, rist_advanced_config { version: 7, ..zero }), 0);
        assert_eq!(behind(&config), "split=half&backup=2");
    }

    #[test]
    fn what_is_no_setting_changes_nothing() {
        let zero = rist_advanced_config::zeroed();
        let mut config = peer_config::fresh();
        assert_eq!(peer_config::fill(c"rist://h:1?backup=3", &mut config, 6), 0);
        for wrong in [-1, 3, c_int::MAX, c_int::MIN] {
            assert_eq!(set(&mut config, rist_advanced_config { clock: wrong, ..zero }), -1);
            assert_eq!(set(&mut config, rist_advanced_config { start: wrong, ..zero }), -1);
            assert_eq!(set(&mut config, rist_advanced_config { rtt_echo: wrong, ..zero }), -1);
        }
        for wrong in [-1, 1461, 65536 + 5] {
            assert_eq!(set(&mut config, rist_advanced_config { fragment_size: wrong, ..zero }), -1);
        }
        assert_eq!(set(&mut config, rist_advanced_config { psk_mode: 5, ..zero }), -1);
        assert_eq!(behind(&config), "backup=3");
        config.address = [b'h' as c_char; 256];
        assert_eq!(set(&mut config, rist_advanced_config { psk_mode: 1, ..zero }), -1);
    }
}
