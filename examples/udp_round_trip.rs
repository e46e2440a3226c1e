//! Sends a file to one UDP port in real time and writes what comes back on another.
//!
//! `cargo run --release --example udp_round_trip -- --send 5000 --receive 5002 --rate 4000000 in.ts out.ts`
//!
//! Before and after the file it sends guard packets (MPEG-TS null packets with a mark), which are not written:
//! the file begins when the first guard has come back, so the way is open, and has passed when a guard of the
//! second kind comes back, so a loss of its last packet would have been noticed.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::process::ExitCode;
use std::time::{Duration, Instant};

const TS_PACKET: usize = 188;
const PACKET: usize = 7 * TS_PACKET;
const BEFORE: u8 = 1;
const AFTER: u8 = 2;
/// How long to wait for the way to open, and for the end to come back.
const PATIENCE: Duration = Duration::from_secs(20);

struct Options {
    send: u16,
    receive: u16,
    rate: u64,
    input: String,
    output: String,
}

fn main() -> ExitCode {
    match options().and_then(|options| run(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("udp_round_trip: {message}");
            ExitCode::FAILURE
        }
    }
}

fn options() -> Result<Options, String> {
    let mut options = Options { send: 0, receive: 0, rate: 4_000_000, input: String::new(), output: String::new() };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut number =
            || words.next().and_then(|text| text.parse::<u32>().ok()).ok_or(format!("{word} needs a number"));
        match word.as_str() {
            "--send" => options.send = u16::try_from(number()?).map_err(|error| error.to_string())?,
            "--receive" => options.receive = u16::try_from(number()?).map_err(|error| error.to_string())?,
            "--rate" => options.rate = u64::from(number()?.max(1)),
            _ if options.input.is_empty() => options.input = word,
            _ => options.output = word,
        }
    }
    if options.send == 0 || options.receive == 0 || options.output.is_empty() {
        return Err("usage: udp_round_trip --send PORT --receive PORT [--rate BITS/S] INPUT OUTPUT".into());
    }
    Ok(options)
}

fn run(options: &Options) -> Result<(), String> {
    let fault = |error: std::io::Error| error.to_string();
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, options.receive)).map_err(fault)?;
    let mut contents = Vec::new();
    File::open(&options.input).and_then(|mut file| file.read_to_end(&mut contents)).map_err(fault)?;
    let mut trip = Trip {
        target: SocketAddr::from((Ipv4Addr::LOCALHOST, options.send)),
        gap: Duration::from_secs_f64(PACKET as f64 * 8.0 / options.rate as f64),
        due: Instant::now(),
        seen: 0,
        written: 0,
        output: File::create(&options.output).map_err(fault)?,
        socket,
    };
    trip.guard(BEFORE, "nothing came back: is the way open?").map_err(fault)?;
    eprintln!("udp_round_trip: the way is open, {} bytes follow", contents.len());
    for packet in contents.chunks(PACKET) {
        trip.send(packet).map_err(fault)?;
    }
    trip.guard(AFTER, "the end of the file did not come back").map_err(fault)?;
    eprintln!("udp_round_trip: {} bytes sent, {} bytes came back", contents.len(), trip.written);
    Ok(())
}

struct Trip {
    socket: UdpSocket,
    target: SocketAddr,
    /// Time between two packets.
    gap: Duration,
    /// When the next packet goes out.
    due: Instant,
    /// The last kind of guard that came back.
    seen: u8,
    written: usize,
    output: File,
}

impl Trip {
    /// Sends guards until one of this kind comes back.
    fn guard(&mut self, kind: u8, failure: &str) -> std::io::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while self.seen < kind {
            if Instant::now() > deadline {
                return Err(std::io::Error::other(failure));
            }
            self.send(&guard_packet(kind))?;
        }
        Ok(())
    }

    /// Sends one packet when it is due, and takes what comes back until then.
    fn send(&mut self, packet: &[u8]) -> std::io::Result<()> {
        let mut buffer = [0; 65_536];
        loop {
            let left = self.due.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            self.socket.set_read_timeout(Some(left))?;
            if let Ok(length) = self.socket.recv(&mut buffer) {
                self.take(&buffer[..length])?;
            }
        }
        // The program may not listen yet: what is lost then is a guard.
        let _ = self.socket.send_to(packet, self.target);
        self.due = (self.due + self.gap).max(Instant::now());
        Ok(())
    }

    fn take(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        match [BEFORE, AFTER].into_iter().find(|kind| bytes == guard_packet(*kind)) {
            Some(kind) => self.seen = self.seen.max(kind),
            None => {
                self.output.write_all(bytes)?;
                self.written += bytes.len();
            }
        }
        Ok(())
    }
}

/// Seven MPEG-TS null packets with a mark.
fn guard_packet(kind: u8) -> [u8; PACKET] {
    let mut bytes = [kind; PACKET];
    for packet in bytes.chunks_exact_mut(TS_PACKET) {
        packet[..4].copy_from_slice(&[0x47, 0x1f, 0xff, 0x10]);
        packet[4..16].copy_from_slice(b"guard packet");
    }
    bytes
}
