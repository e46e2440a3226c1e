//! The programs of a chain and their command lines.

use std::process::Command;

use super::mode::Mode;
use crate::support::library::{Library, debian, ours};
use crate::support::process::Program;
use crate::support::{is_root, require_package};

#[derive(Clone, Copy)]
pub(crate) enum Sender {
    Ristsender(&'static Library),
    Ffmpeg(&'static Library),
    /// GStreamer's ristsink has its own RIST.
    GStreamer,
    /// rist2rist, which a ristsender on Debian's library feeds in the Simple profile. It gives the Main profile.
    Rist2rist(&'static Library),
    Vlc(&'static Library),
}

#[derive(Clone, Copy)]
pub(crate) enum Receiver {
    Ristreceiver(&'static Library),
    Ffmpeg(&'static Library),
    /// GStreamer's ristsrc has its own RIST.
    GStreamer,
    /// rist2rist, whose output goes on over a clean link to a ristreceiver on the second library.
    Rist2rist(&'static Library, &'static Library),
    Vlc(&'static Library),
}

impl Sender {
    pub(crate) fn on_ours(self) -> bool {
        match self {
            Sender::Ristsender(on) | Sender::Ffmpeg(on) | Sender::Rist2rist(on) | Sender::Vlc(on) => is_ours(on),
            Sender::GStreamer => false,
        }
    }
}

impl Receiver {
    pub(crate) fn on_ours(self) -> bool {
        match self {
            Receiver::Ristreceiver(on) | Receiver::Ffmpeg(on) | Receiver::Vlc(on) => is_ours(on),
            Receiver::Rist2rist(on, next) => is_ours(on) || is_ours(next),
            Receiver::GStreamer => false,
        }
    }
}

fn is_ours(library: &Library) -> bool {
    std::ptr::eq(library, ours())
}

/// A program of a chain and the library it has to run on.
pub(crate) struct Stage {
    pub(crate) program: Program,
    library: Option<&'static Library>,
}

impl Stage {
    pub(crate) fn assert_library(&self) {
        if let Some(library) = self.library {
            self.program.assert_uses(library);
        }
    }
}

/// Ports of a chain: what comes in, the hop between two programs of one end, what comes out.
#[derive(Clone, Copy)]
pub(crate) struct Ports {
    pub(crate) feed: u16,
    pub(crate) hop: u16,
    pub(crate) output: u16,
}

/// Starts what sends to, or listens on, the `session` port.
pub(crate) fn senders(sender: Sender, mode: Mode, ports: Ports, session: u16) -> Vec<Stage> {
    let input = format!("udp://@127.0.0.1:{}", ports.feed);
    let output = mode.url(true, session);
    match sender {
        Sender::Ristsender(library) => {
            vec![tool(library, "ristsender", &mode.tool_options(true), &["-i", &input, "-o", &output])]
        }
        Sender::Ffmpeg(library) => {
            let input = format!("udp://127.0.0.1:{}?fifo_size=100000", ports.feed);
            let output = format!("rist://127.0.0.1:{session}");
            vec![ffmpeg(library, &["-i", &input], &ffmpeg_options(mode), &output)]
        }
        Sender::GStreamer => {
            let (feed, target) = (format!("port={}", ports.feed), format!("port={session}"));
            let caps = "caps=video/mpegts,systemstream=true,packetsize=188";
            vec![gstreamer(&[
                &["udpsrc", "address=127.0.0.1", &feed, caps],
                &["rtpmp2tpay"],
                &["ristsink", "address=127.0.0.1", &target],
            ])]
        }
        Sender::Rist2rist(library) => {
            let (to, from) = (Mode::SIMPLE.url(true, ports.hop), Mode::SIMPLE.url(false, ports.hop));
            // It numbers its key sizes.
            let options =
                |(secret, bits): (&str, u32)| ["-s", secret, "-e", &(bits / 128).to_string()].map(str::to_owned);
            let options: Vec<String> = mode.secret().map(options).into_iter().flatten().collect();
            let target = format!("rist://127.0.0.1:{session}?buffer={}", 2 * mode.buffer);
            vec![
                tool(library, "rist2rist", &options, &["-i", &from, "-o", &target]),
                tool(debian(), "ristsender", &Mode::SIMPLE.tool_options(true), &["-i", &input, "-o", &to]),
            ]
        }
        Sender::Vlc(library) => {
            let options = vlc_options(mode, true);
            vec![vlc(library, &options, &input, &format!("access=rist,mux=raw,dst=127.0.0.1:{session}"))]
        }
    }
}

/// Starts what listens on, or calls, the `session` port.
pub(crate) fn receivers(receiver: Receiver, mode: Mode, ports: Ports, session: u16) -> Vec<Stage> {
    let Ports { hop, output, .. } = ports;
    let input = mode.url(false, session);
    let udp = format!("udp://127.0.0.1:{output}");
    match receiver {
        Receiver::Ristreceiver(library) => {
            vec![tool(library, "ristreceiver", &mode.tool_options(false), &["-i", &input, "-o", &udp])]
        }
        Receiver::Ffmpeg(library) => {
            let rist = format!("rist://@127.0.0.1:{session}");
            let buffer = mode.buffer.to_string();
            let mut from = ffmpeg_options(mode);
            from.extend(["-buffer_size", &buffer, "-i", &rist].map(str::to_owned));
            vec![ffmpeg(library, &from, &[] as &[&str], &format!("{udp}?pkt_size=1316"))]
        }
        Receiver::GStreamer => {
            let (port, buffer) = (format!("port={session}"), format!("receiver-buffer={}", 2 * mode.buffer));
            let output = format!("port={output}");
            vec![gstreamer(&[
                &["ristsrc", "address=127.0.0.1", &port, &buffer],
                &["rtpmp2tdepay"],
                &["udpsink", "host=127.0.0.1", &output, "sync=false"],
            ])]
        }
        Receiver::Rist2rist(library, last) => {
            // rist2rist 0.2.7 takes Simple and gives Main. On our library the URL, newer than the program, can say
            // that it gives Simple.
            let (onward, simple) = if is_ours(library) { (Mode::SIMPLE, "&profile=0") } else { (Mode::MAIN, "") };
            let between = format!("rist://127.0.0.1:{hop}?buffer={}{simple}", mode.buffer);
            let from = format!("rist://@127.0.0.1:{hop}?buffer={}", mode.buffer);
            vec![
                tool(last, "ristreceiver", &onward.tool_options(false), &["-i", &from, "-o", &udp]),
                tool(library, "rist2rist", &[], &["-i", &input, "-o", &between]),
            ]
        }
        Receiver::Vlc(library) => {
            let options = vlc_options(mode, false);
            let input = format!("rist://@127.0.0.1:{session}");
            vec![vlc(library, &options, &input, &format!("access=udp,mux=raw,dst=127.0.0.1:{output}"))]
        }
    }
}

fn tool(library: &'static Library, name: &str, options: &[String], arguments: &[&str]) -> Stage {
    require_package("rist-tools");
    let mut command = Command::new(name);
    command.args(options).args(arguments);
    Stage { program: Program::start(command, library), library: Some(library) }
}

/// Main is its default profile.
fn ffmpeg_options(mode: Mode) -> Vec<String> {
    let profile = if mode.simple { &["-rist_profile", "simple"][..] } else { &[] };
    let secret = |(secret, bits): (&str, u32)| ["-secret", secret, "-encryption", &bits.to_string()].map(str::to_owned);
    let secret = mode.secret().map(secret).into_iter().flatten();
    profile.iter().map(|word| (*word).to_owned()).chain(secret).collect()
}

fn ffmpeg(
    library: &'static Library,
    input: &[impl AsRef<std::ffi::OsStr>],
    options: &[impl AsRef<std::ffi::OsStr>],
    output: &str,
) -> Stage {
    require_package("ffmpeg");
    let mut command = Command::new("ffmpeg");
    command.args(["-hide_banner", "-nostdin", "-nostats", "-fflags", "nobuffer", "-analyzeduration", "0"]);
    command.args(["-probesize", "32", "-f", "data", "-raw_packet_size", "1316"]).args(input);
    command.args(["-map", "0", "-c", "copy", "-flush_packets", "1", "-f", "data"]).args(options).arg(output);
    Stage { program: Program::start(command, library), library: Some(library) }
}

/// Both modules speak the Main profile unless told otherwise.
fn vlc_options(mode: Mode, sends: bool) -> Vec<String> {
    let (prefix, buffer) = if sends { ("--sout-rist", 2 * mode.buffer) } else { ("--rist", mode.buffer) };
    let mut options = vec![format!("{prefix}-latency={buffer}")];
    if let Some((secret, bits)) = mode.secret() {
        options.extend([format!("{prefix}-secret={secret}"), format!("{prefix}-aes-type={bits}")]);
    }
    if let Some((user, password)) = mode.credentials().filter(|_| sends) {
        options.extend([format!("{prefix}-username={user}"), format!("{prefix}-password={password}")]);
    }
    options
}

/// VLC takes the stream for raw sound of its bit rate, which it passes on as it is. It does not run as root.
fn vlc(library: &'static Library, options: &[String], input: &str, output: &str) -> Stage {
    require_package("vlc-bin");
    require_package("vlc-plugin-base");
    let mut command = Command::new("setpriv");
    if is_root() {
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
        // Wherever the library lies: home and temporary directories are often closed to other users.
        command.args(["--inh-caps=-all,+dac_read_search", "--ambient-caps=-all,+dac_read_search"]);
    }
    command.args(["env", "HOME=/nonexistent", "vlc", "-I", "dummy", "--ignore-config", "--no-media-library"]);
    command.args(["--demux=rawaud", "--rawaud-channels=2", "--rawaud-samplerate=93750", "--rawaud-fourcc=s16l"]);
    command.args(options).arg(input).arg(format!("--sout=#std{{{output}}}"));
    Stage { program: Program::start(command, library), library: Some(library) }
}

fn gstreamer(elements: &[&[&str]]) -> Stage {
    for package in ["gstreamer1.0-tools", "gstreamer1.0-plugins-base", "gstreamer1.0-plugins-good"] {
        require_package(package);
    }
    require_package("gstreamer1.0-plugins-bad");
    let mut command = Command::new("gst-launch-1.0");
    command.args(elements.join(&"!"));
    // Its RIST elements do not use librist: the library makes no difference.
    Stage { program: Program::start(command, debian()), library: None }
}
