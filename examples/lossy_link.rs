//! A lossy link on the loopback, to try RIST by hand.
//!
//! `cargo run --release --example lossy_link -- --listen 6000 --to 7000 --loss 10 --delay 20 --jitter 5 --seed 1`
//!
//! carries 6000 and 6001 to 7000 and 7001, and the answers back, until killed.

use std::convert::Infallible;
use std::process::ExitCode;
use std::time::Duration;

#[path = "../tests/support/relay.rs"]
#[allow(dead_code)]
mod relay;

use relay::{Counters, Direction, Impairment, Relay};

const USAGE: &str = "usage: lossy_link --listen PORT --to PORT [--loss PERCENT] [--return-loss PERCENT] [--delay MS]
       [--jitter MS] [--reorder PERCENT] [--duplicate PERCENT] [--rate BITS/S] [--seed NUMBER] [--report SECONDS]
Ports are even: the next one is carried too. --loss, --reorder, --duplicate and --rate apply to the way from
--listen to --to, --return-loss to the way back, --delay and --jitter to both.";

#[derive(Default)]
struct Options {
    listen: u16,
    to: u16,
    seed: u64,
    report: f64,
    forward: Impairment,
    back: Impairment,
}

fn main() -> ExitCode {
    let Err(message) = options(std::env::args().skip(1)).and_then(|options| run(&options));
    eprintln!("lossy_link: {message}\n{USAGE}");
    ExitCode::FAILURE
}

fn options(mut words: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options::default();
    while let Some(name) = words.next() {
        let text = words.next().ok_or_else(|| format!("{name} needs a value"))?;
        let value: f64 = text.parse().map_err(|_| format!("{name}: {text} is not a number"))?;
        if !value.is_finite() || value < 0.0 {
            return Err(format!("{name}: {text} is out of range"));
        }
        let milliseconds = || Duration::from_secs_f64(value.min(60_000.0) / 1000.0);
        match name.as_str() {
            "--listen" => options.listen = even_port(&name, &text)?,
            "--to" => options.to = even_port(&name, &text)?,
            "--seed" => options.seed = value as u64,
            "--report" => options.report = value.min(3600.0),
            "--loss" => options.forward.loss = value,
            "--return-loss" => options.back.loss = value,
            "--reorder" => options.forward.reorder = value,
            "--duplicate" => options.forward.duplicate = value,
            "--rate" => options.forward.rate = Some(value as u64).filter(|rate| *rate > 0),
            "--delay" => (options.forward.delay, options.back.delay) = (milliseconds(), milliseconds()),
            "--jitter" => (options.forward.jitter, options.back.jitter) = (milliseconds(), milliseconds()),
            _ => return Err(format!("unknown option {name}")),
        }
    }
    if options.listen == 0 || options.to == 0 {
        return Err("--listen and --to are needed".into());
    }
    Ok(options)
}

fn even_port(name: &str, text: &str) -> Result<u16, String> {
    text.parse()
        .ok()
        .filter(|port| port % 2 == 0 && *port > 0)
        .ok_or_else(|| format!("{name}: {text} is not an even port"))
}

fn run(options: &Options) -> Result<Infallible, String> {
    let relay = Relay::start(options.listen, options.to, options.seed).map_err(|error| error.to_string())?;
    relay.set(Direction::Forward, options.forward);
    relay.set(Direction::Return, options.back);
    let pause = if options.report > 0.0 { Duration::from_secs_f64(options.report) } else { Duration::from_secs(3600) };
    loop {
        std::thread::sleep(pause);
        if options.report > 0.0 {
            report(&relay);
        }
    }
}

fn report(relay: &Relay) {
    for (direction, name) in [(Direction::Forward, "forward"), (Direction::Return, "return ")] {
        let Counters { received, forwarded, lost, duplicated, reordered, .. } = relay.counters(direction);
        eprintln!(
            "lossy_link {name}: {received} in, {forwarded} out, {lost} lost, {duplicated} repeated, {reordered} reordered"
        );
    }
}
