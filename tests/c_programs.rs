//! The C examples on Debian's library and on ours: same source, same output; ours also under valgrind.

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use support::library::{Library, debian, ours, root, scratch};
use support::ports::PortPair;
use support::process::Program;
use support::stream::{packets, verdict_on_file};
use support::{require_package, wait_until};

const PACKETS: u64 = 400;
const END_LIMIT: Duration = Duration::from_secs(60);
const BUFFER: u32 = 300;

/// The examples built against one library and its headers.
struct Examples {
    library: &'static Library,
    directory: PathBuf,
    /// Words before each program, to run it under another.
    prefix: &'static [&'static str],
}

const VALGRIND: &[&str] = &[
    "valgrind",
    "--quiet",
    "--error-exitcode=99",
    "--leak-check=full",
    "--show-leak-kinds=definite",
    "--errors-for-leak-kinds=definite",
];

impl Examples {
    fn build(library: &'static Library, headers: &Path, test: &str) -> Examples {
        let directory = scratch(&format!("c-programs-{}-{test}", library.name));
        for name in ["sender", "receiver", "relay"] {
            let source = root().join("examples-c").join(name).with_extension("c");
            compile(library, headers, &[source], &directory.join(name));
        }
        Examples { library, directory, prefix: &[] }
    }

    fn on_debian(test: &str) -> Examples {
        Examples::build(debian(), Path::new("/usr/include"), test)
    }

    fn on_ours(test: &str) -> Examples {
        Examples::build(ours(), &root().join("include"), test)
    }

    /// Starts an example with standard input from a file and standard output to one.
    fn start(&self, name: &str, arguments: &[&str], input: &Path, output: &Path) -> Program {
        let mut command = Command::new("sh");
        // exec: the process that is watched is the program itself.
        command.args(["-c", r#"in=$1 out=$2; shift 2; exec "$@" <"$in" >"$out""#, "sh"]).arg(input).arg(output);
        command.args(self.prefix).arg(self.directory.join(name)).args(arguments);
        Program::start(command, self.library)
    }

    /// Runs an example to its end: exit code and everything printed.
    fn run(&self, name: &str, arguments: &[&str]) -> (Option<i32>, String) {
        let mut command = Command::new(self.directory.join(name));
        let out = command.args(arguments).env("LD_LIBRARY_PATH", &self.library.directory).output().expect("an example");
        (out.status.code(), String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned())
    }

    /// Sends a file through sender, relay and receiver. Gives the closing line of each and the first packet that came.
    fn transfer(&self) -> ([String; 3], u64) {
        let (input, output) = (self.directory.join("in"), self.directory.join("out"));
        std::fs::write(&input, packets(PACKETS)).expect("input file");
        let (first, second) = (PortPair::new(), PortPair::new());
        let at = |port: u16| format!("rist://@127.0.0.1:{port}?buffer={BUFFER}");
        let to = |port: u16| format!("rist://127.0.0.1:{port}?buffer={BUFFER}");
        let none = Path::new("/dev/null");

        let mut receiver = self.start("receiver", &[&at(second.even())], none, &output);
        let mut relay = self.start("relay", &[&at(first.even()), &to(second.even())], none, none);
        relay.wait_for("relay: output connected");
        let mut sender = self.start("sender", &[&to(first.even()), "--wait"], &input, none);
        for program in [&receiver, &relay, &sender] {
            program.assert_uses(self.library);
        }
        wait_until(
            "the last packet",
            END_LIMIT,
            || verdict_on_file(&output).last.filter(|last| *last == PACKETS - 1),
            || format!("{:?}\n{}{}{}", verdict_on_file(&output), sender.text(), relay.text(), receiver.text()),
        );
        let ends = [sender.wait_end(END_LIMIT), receiver.interrupt(), relay.interrupt()];

        let texts = [&sender, &receiver, &relay].map(Program::text);
        assert!(ends.iter().all(|end| end.success()), "{ends:?}\n{}", texts.concat());
        let verdict = verdict_on_file(&output);
        assert_eq!(verdict.fault_count, 0, "{verdict:?}\n{}", texts.concat());
        let closing = |text: String| text.lines().rev().find(|line| line.contains(" packets")).map(str::to_owned);
        (texts.map(|text| closing(text).expect("a closing line")), verdict.first.expect("a packet"))
    }
}

fn compile(library: &Library, headers: &Path, sources: &[PathBuf], program: &Path) {
    require_package("gcc");
    let mut cc = Command::new("cc");
    cc.args(["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-g", "-I"]).arg(headers).args(sources);
    cc.arg("-L").arg(&library.directory).args(["-lrist", "-o"]).arg(program);
    let out = cc.output().expect("cc");
    assert!(out.status.success(), "{sources:?}: {}", String::from_utf8_lossy(&out.stderr));
}

/// What the examples print in the end when everything has passed.
fn closing_lines() -> [String; 3] {
    [
        format!("sender: {PACKETS} packets"),
        format!("receiver: {PACKETS} packets, 0 gaps"),
        format!("relay: {PACKETS} packets"),
    ]
}

#[test]
fn transfer_on_our_library_is_whole_from_the_first_packet() {
    assert_eq!(Examples::on_ours("transfer").transfer(), (closing_lines(), 0));
}

/// libRIST 0.2.7 takes the first media datagram as news of a peer and not as data: one packet less at each hop.
#[test]
fn transfer_on_debians_library_differs_only_in_the_first_packet() {
    let (lines, first) = Examples::on_debian("transfer").transfer();
    assert!(first <= 2, "first packet {first}");
    assert_eq!(lines[0], closing_lines()[0]);
    assert_eq!(lines[1], format!("receiver: {} packets, 0 gaps", PACKETS - first));
    assert!(lines[2].starts_with("relay: ") && lines[2].ends_with(" packets"), "{}", lines[2]);
}

#[test]
fn wrong_arguments_give_the_same_output_on_both_libraries() {
    let (debian, ours) = (Examples::on_debian("arguments"), Examples::on_ours("arguments"));
    let cases: &[(&str, &[&str])] = &[
        ("sender", &[]),
        ("receiver", &[]),
        ("relay", &["rist://@127.0.0.1:20000"]),
        // An odd port, where Simple profile needs an even one to listen on.
        ("receiver", &["rist://@127.0.0.1:20001"]),
        ("relay", &["rist://@127.0.0.1:20001", "rist://127.0.0.1:20002"]),
    ];
    for (name, arguments) in cases {
        let (expected, got) = (debian.run(name, arguments), ours.run(name, arguments));
        let own_line =
            |text: &str| text.lines().filter(|line| !line.contains('|')).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(expected.0, got.0, "exit code of {name} {arguments:?}: {expected:?} {got:?}");
        assert!(got.0.is_some_and(|code| code > 0), "{name} {arguments:?} fails: {got:?}");
        assert_eq!(own_line(&expected.1), own_line(&got.1), "output of {name} {arguments:?}");
    }
}

#[test]
fn examples_run_clean_under_valgrind_on_our_library() {
    require_package("valgrind");
    let examples = Examples { prefix: VALGRIND, ..Examples::on_ours("valgrind") };
    examples.transfer();
}

/// `ferrist.h`, which only ours has: blocks written and read in batches, and what is refused.
#[test]
fn batches_go_whole_and_in_order_from_c_to_c() {
    require_package("valgrind");
    let program = scratch("c-programs-batch").join("batch");
    compile(ours(), &root().join("include"), &[root().join("tests/abi/batch.c")], &program);
    for prefix in [&[], VALGRIND] {
        let words: Vec<_> = prefix.iter().map(std::ffi::OsStr::new).chain([program.as_os_str()]).collect();
        let mut command = Command::new(words[0]);
        let out = command.args(&words[1..]).env("LD_LIBRARY_PATH", &ours().directory).output().expect("the program");
        let text = String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned();
        assert!(out.status.success() && text == "all batches as promised\n", "{prefix:?}: {}\n{text}", out.status);
    }
}

/// The program of `benches/whole.sh`, with the headers of each library, which it says that it runs on.
#[test]
fn the_load_of_the_whole_program_bench_runs_on_either_library_and_loses_nothing_on_ours() {
    for (library, headers) in [(debian(), PathBuf::from("/usr/include")), (ours(), root().join("include"))] {
        let program = scratch(&format!("c-programs-load-{}", library.name)).join("load");
        let sources = ["load", "measure", "receive", "send"];
        let sources = sources.map(|name| root().join("benches/whole").join(name).with_extension("c"));
        compile(library, &headers, &sources, &program);

        let ports = PortPair::new();
        let mut command = Command::new(&program);
        command.args("both --seconds 1 --rate 20 --buffer 500".split(' '));
        command.arg("--port").arg(ports.even().to_string());
        let out = command.env("LD_LIBRARY_PATH", &library.directory).output().expect("the load");
        let text = String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned();
        assert!(out.status.success(), "{}: {}\n{text}", library.name, out.status);
        let whole = if library.name == ours().name { "ended=1 lost=0 gaps=0 repeated=0 damaged=0" } else { "ended=1" };
        for (side, promises) in [("send", "refused=0"), ("receive", whole)] {
            let start = format!("{side} library={} packets=", library.file.display());
            let line = text.lines().find(|line| line.starts_with(&start));
            assert!(line.is_some_and(|line| line.contains(promises)), "{}: {side}\n{text}", library.name);
            assert!(!text.contains("packets=0 "), "{text}");
        }
    }
}
