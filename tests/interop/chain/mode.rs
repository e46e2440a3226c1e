//! How the two ends of a session talk: profile, encryption, login, who calls whom.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::support::library::{debian, scratch};
use crate::support::require_package;
use crate::support::stream::Filling;

const SECRET: &str = "mypassphrase";
const USER: &str = "rist";
const PASSWORD: &str = "mainprofile";

const ENOUGH_IF_CLEAN: u64 = 300;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Mode {
    pub(crate) simple: bool,
    /// Asks for Advanced, which it is between two of ours.
    pub(crate) advanced: bool,
    /// Recovery buffer of the session, in milliseconds.
    pub(crate) buffer: u32,
    /// Packets counted on a lossy link, of about 280 in a second.
    counted: u64,
    /// Bits of the key.
    aes: Option<u32>,
    /// The sender takes a new key after so many packets.
    pub(crate) key_rotation: Option<u32>,
    pub(crate) login: bool,
    /// The sender listens, and the receiver calls it.
    pub(crate) reversed: bool,
    pub(crate) filling: Filling,
    /// What the sender's URL says of splitting, and the receiver's of merging: for our library only.
    pub(crate) split: Option<&'static str>,
    pub(crate) merge: Option<&'static str>,
    /// More of both URLs, for our library only.
    extra: &'static str,
}

impl Mode {
    pub(crate) const SIMPLE: Mode = Mode {
        simple: true,
        advanced: false,
        buffer: 700,
        counted: 1000,
        aes: None,
        key_rotation: None,
        login: false,
        reversed: false,
        filling: Filling::Full,
        split: None,
        merge: None,
        extra: "",
    };

    pub(crate) const MAIN: Mode = Mode { simple: false, buffer: 500, counted: 700, ..Mode::SIMPLE };

    pub(crate) const ADVANCED: Mode = Mode { advanced: true, ..Mode::MAIN };

    pub(crate) const fn extra(self, extra: &'static str) -> Mode {
        Mode { extra, ..self }
    }

    pub(crate) const fn aes(self, bits: u32) -> Mode {
        Mode { aes: Some(bits), ..self }
    }

    pub(crate) const fn key_rotation(self, packets: u32) -> Mode {
        Mode { key_rotation: Some(packets), ..self }
    }

    /// Long enough for libRIST 0.2.7 to log in once more, which it does every 3 seconds.
    pub(crate) const fn login(self) -> Mode {
        Mode { login: true, counted: 1100, ..self }
    }

    pub(crate) const fn reversed(self) -> Mode {
        Mode { reversed: true, ..self }
    }

    /// The sender leaves null packets out.
    pub(crate) const fn null_packet_deletion(self) -> Mode {
        Mode { filling: Filling::WithNulls, ..self }
    }

    pub(crate) const fn split(self, split: &'static str) -> Mode {
        Mode { split: Some(split), ..self }
    }

    pub(crate) const fn merge(self, merge: &'static str) -> Mode {
        Mode { merge: Some(merge), ..self }
    }

    /// Packets counted. On a clean link few show whether the stream passes, unless something is to happen later.
    pub(crate) fn counted(&self, lossy: bool) -> u64 {
        if lossy || self.login { self.counted } else { self.counted.min(ENOUGH_IF_CLEAN) }
    }

    /// The profile as rist-tools number it.
    pub(crate) fn profile(&self) -> &'static str {
        match (self.simple, self.advanced) {
            (true, _) => "0",
            (false, false) => "1",
            (false, true) => "2",
        }
    }

    /// The session as the sender, or else the receiver, is to open it.
    pub(crate) fn url(&self, sends: bool, port: u16) -> String {
        let calls = sends != self.reversed;
        let at = if calls { "" } else { "@" };
        // A sender keeps packets longer than a receiver waits: ristsrc asks for some as late as 0.7 s after.
        let buffer = if sends { 2 * self.buffer } else { self.buffer };
        let mut url = format!("rist://{at}127.0.0.1:{port}?buffer={buffer}");
        if let Some(bits) = self.aes {
            url += &format!("&secret={SECRET}&aes-type={bits}");
        }
        if let Some(packets) = self.key_rotation.filter(|_| sends) {
            url += &format!("&key-rotation={packets}");
        }
        for (key, value) in [("split", self.split.filter(|_| sends)), ("merge", self.merge.filter(|_| !sends))] {
            if let Some(value) = value {
                url += &format!("&{key}={value}");
            }
        }
        url += self.extra;
        if self.login && calls {
            url += &format!("&username={USER}&password={PASSWORD}");
        }
        url
    }

    /// Options of ristsender, or else of ristreceiver.
    pub(crate) fn tool_options(&self, sends: bool) -> Vec<String> {
        let mut options = vec!["-p".to_owned(), self.profile().to_owned()];
        if self.login && sends == self.reversed {
            options.extend(["-F".to_owned(), password_file().display().to_string()]);
        }
        if self.filling == Filling::WithNulls && sends {
            options.push("-n".to_owned());
        }
        options
    }

    /// Secret and bits of the key, for programs that have options for them.
    pub(crate) fn secret(&self) -> Option<(&'static str, u32)> {
        self.aes.map(|bits| (SECRET, bits))
    }

    /// User name and password of the sender, for programs that have options for them.
    pub(crate) fn credentials(&self) -> Option<(&'static str, &'static str)> {
        (self.login && !self.reversed).then_some((USER, PASSWORD))
    }
}

/// Who may log in, as Debian's ristsrppasswd writes it.
fn password_file() -> &'static Path {
    static FILE: OnceLock<PathBuf> = OnceLock::new();
    FILE.get_or_init(|| {
        require_package("rist-tools");
        let mut command = Command::new("ristsrppasswd");
        command.args([USER, PASSWORD]).env("LD_LIBRARY_PATH", &debian().directory);
        let line = command.output().expect("ristsrppasswd").stdout;
        assert!(line.starts_with(USER.as_bytes()), "a line of a password file");
        let file = scratch("interop").join(format!("passwords-{}", std::process::id()));
        std::fs::write(&file, line).expect("a password file");
        file
    })
}
