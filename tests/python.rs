//! The Python examples (ctypes) on Debian's library and on ours: a file arrives whole.

mod support;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use support::library::{Library, debian, ours, root, scratch};
use support::ports::PortPair;
use support::process::Program;
use support::stream::{packets, verdict_on_file};
use support::{require_package, wait_until};

const PACKETS: u64 = 400;
const END_LIMIT: Duration = Duration::from_secs(30);

fn start(library: &'static Library, script: &str, arguments: &[&str], input: &Path, output: &Path) -> Program {
    let mut command = Command::new("sh");
    // exec: the process that is watched is the program itself. Debian's interpreter, whatever else is installed.
    command.args(["-c", r#"in=$1 out=$2; shift 2; exec /usr/bin/python3 "$@" <"$in" >"$out""#, "sh"]);
    command.arg(input).arg(output).arg(root().join("examples-python").join(script)).args(arguments);
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    Program::start(command, library)
}

fn transfer(sending: &'static Library, receiving: &'static Library) {
    require_package("python3");
    let directory = scratch(&format!("python-{}-{}", sending.name, receiving.name));
    let (input, output) = (directory.join("in"), directory.join("out"));
    std::fs::write(&input, packets(PACKETS)).expect("input file");
    let ports = PortPair::new();
    let at = format!("rist://@127.0.0.1:{}?buffer=300", ports.even());
    let to = format!("rist://127.0.0.1:{}?buffer=300", ports.even());
    let none = Path::new("/dev/null");

    let mut receiver = start(receiving, "receiver.py", &[&at], none, &output);
    let mut sender = start(sending, "sender.py", &[&to], &input, none);
    receiver.assert_uses(receiving);
    sender.assert_uses(sending);
    wait_until(
        "the last packet",
        END_LIMIT,
        || verdict_on_file(&output).last.filter(|last| *last == PACKETS - 1),
        || format!("{:?}\n{}{}", verdict_on_file(&output), sender.text(), receiver.text()),
    );
    let ends = [sender.wait_end(END_LIMIT), receiver.interrupt()];

    let texts = [&sender, &receiver].map(Program::text);
    assert!(ends.iter().all(|end| end.success()), "{ends:?}\n{}", texts.concat());
    let verdict = verdict_on_file(&output);
    assert_eq!(verdict.fault_count, 0, "{verdict:?}\n{}", texts.concat());
    // libRIST 0.2.7 takes the first media datagram as news of a peer and not as data.
    let first = if receiving.name == "debian" { verdict.first.filter(|first| *first <= 1) } else { Some(0) };
    assert_eq!(verdict.first, first, "{verdict:?}\n{}", texts.concat());
    assert!(texts[0].contains(&format!("sender: {PACKETS} packets")), "{}", texts[0]);
    assert!(texts[1].contains(&format!("receiver: {} packets, 0 gaps", verdict.packets)), "{}", texts[1]);
}

#[test]
fn python_on_debian_sends_to_python_on_debian() {
    transfer(debian(), debian());
}

#[test]
fn python_on_debian_sends_to_python_on_ours() {
    transfer(debian(), ours());
}

#[test]
fn python_on_ours_sends_to_python_on_debian() {
    transfer(ours(), debian());
}

#[test]
fn python_on_ours_sends_to_python_on_ours() {
    transfer(ours(), ours());
}
