//! What a peer is told of the Advanced profile, and what does not go together.

use super::instance::Instance;
use super::peer::rist_peer_config;
use crate::protocol::config::{Advanced, AdvancedClock, AdvancedEcho, AdvancedStart, Profile, PskMode};
use crate::protocol::output::Level;
use crate::url::rist::PeerParams;

/// The settings for a peer of this profile; `beyond` is what stands behind its address. `Err` says why there can be no peer:
/// whoever asks for authentication must not get less without noticing.
pub(super) fn advanced(
    instance: &Instance,
    config: &rist_peer_config,
    beyond: &PeerParams,
    profile: Profile,
) -> Result<Advanced, &'static str> {
    let settings = read(config, beyond);
    let is_advanced = profile == Profile::Advanced;
    if settings.psk_mode != PskMode::Ctr {
        match (is_advanced, config.secret[0] != 0, config.key_size) {
            (false, ..) => return Err("psk-mode is for the Advanced profile"),
            (_, false, _) => return Err("psk-mode needs a secret"),
            (_, _, 128 | 192) if settings.psk_mode == PskMode::ChaCha => {
                return Err("psk-mode=chacha needs a key of 256 bits");
            }
            _ => {}
        }
    }
    if is_advanced {
        return Ok(settings);
    }
    for name in named(&settings) {
        instance.log(Level::Warn, &format!("{name} is for the Advanced profile: not used"));
    }
    Ok(Advanced::default())
}

fn read(config: &rist_peer_config, beyond: &PeerParams) -> Advanced {
    Advanced {
        clock: match beyond.adv_clock {
            Some(1) => AdvancedClock::Megahertz,
            Some(2) => AdvancedClock::Shifted,
            _ => AdvancedClock::Auto,
        },
        start: match beyond.adv_start {
            Some(1) => AdvancedStart::Main,
            Some(2) => AdvancedStart::Advanced,
            _ => AdvancedStart::Auto,
        },
        echo: match beyond.adv_rtt_echo {
            Some(1) => AdvancedEcho::On,
            Some(2) => AdvancedEcho::Off,
            _ => AdvancedEcho::Auto,
        },
        psk_mode: match beyond.psk_mode {
            Some(1) => PskMode::Hmac,
            Some(2) => PskMode::CtrHmac,
            Some(3) => PskMode::Gcm,
            Some(4) => PskMode::ChaCha,
            _ => PskMode::Ctr,
        },
        fragment_size: beyond.fragment_size.unwrap_or(0),
        compression: config.compression != 0,
    }
}

/// What was set to something else than the default.
fn named(settings: &Advanced) -> impl Iterator<Item = &'static str> {
    let default = Advanced::default();
    let set = [
        (settings.clock != default.clock, "adv-clock"),
        (settings.start != default.start, "adv-start"),
        (settings.echo != default.echo, "adv-rtt-echo"),
        (settings.fragment_size != default.fragment_size, "fragment-size"),
        (settings.compression != default.compression, "compression"),
    ];
    set.into_iter().filter(|(is_set, _)| *is_set).map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capi::peer_config;
    use crate::url::rist;

    fn settings(query: &str) -> Advanced {
        let params = rist::parse_params(query.as_bytes());
        let mut config = peer_config::fresh();
        peer_config::apply(&params, &mut config);
        read(&config, &params)
    }

    #[test]
    fn each_word_is_a_setting() {
        assert_eq!(settings(""), Advanced::default());
        assert_eq!(
            settings("adv-clock=auto&adv-start=auto&adv-rtt-echo=auto&psk-mode=ctr&fragment-size=0"),
            settings("")
        );
        for (query, clock) in
            [("adv-clock=1mhz", AdvancedClock::Megahertz), ("adv-clock=legacy", AdvancedClock::Shifted)]
        {
            assert_eq!(settings(query), Advanced { clock, ..Advanced::default() });
        }
        for (query, start) in [("adv-start=main", AdvancedStart::Main), ("adv-start=advanced", AdvancedStart::Advanced)]
        {
            assert_eq!(settings(query), Advanced { start, ..Advanced::default() });
        }
        for (query, echo) in [("adv-rtt-echo=on", AdvancedEcho::On), ("adv-rtt-echo=off", AdvancedEcho::Off)] {
            assert_eq!(settings(query), Advanced { echo, ..Advanced::default() });
        }
        let modes = [PskMode::Ctr, PskMode::Hmac, PskMode::CtrHmac, PskMode::Gcm, PskMode::ChaCha];
        for (word, psk_mode) in rist::PSK_MODE.into_iter().zip(modes) {
            assert_eq!(settings(&format!("psk-mode={word}")), Advanced { psk_mode, ..Advanced::default() });
        }
        let both = Advanced { fragment_size: 1200, compression: true, ..Advanced::default() };
        assert_eq!(settings("fragment-size=1200&compression=3"), both);
        assert_eq!(named(&both).collect::<Vec<_>>(), ["fragment-size", "compression"]);
    }
}
