//! Flow attributes as C programs use them: the schema, the callback, the example.

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use support::library::{ours, root, scratch};
use support::ports::PortPair;
use support::process::Program;
use support::{require_package, wait_until};

fn compile(source: &str) -> PathBuf {
    require_package("gcc");
    let source = root().join(source);
    let program = scratch("flow-attributes").join(source.file_stem().expect("a name"));
    let mut cc = Command::new("cc");
    cc.args(["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-g", "-I"]).arg(root().join("include"));
    cc.arg(&source).arg("-L").arg(&ours().directory).args(["-lrist", "-o"]).arg(&program);
    let out = cc.output().expect("cc");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    program
}

fn run(program: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let out =
        Command::new(program).args(arguments).env("LD_LIBRARY_PATH", &ours().directory).output().expect("started");
    (out.status.code(), String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned())
}

#[test]
fn a_c_program_writes_and_reads_the_schema() {
    let (code, text) = run(&compile("tests/flow_attributes/schema.c"), &[]);
    assert!(code == Some(0) && text.contains("all as promised"), "{code:?}\n{text}");
}

#[test]
fn the_example_explains_itself() {
    let program = compile("examples-c/flow_attributes.c");
    assert_eq!(run(&program, &["nonsense"]), (Some(2), "usage: flow_attributes send|receive URL\n".to_owned()));
    assert!(run(&program, &["--version"]).1.starts_with("0.2.20-ferrist-"));
}

#[test]
fn what_a_sender_says_of_its_flow_arrives() {
    let program = compile("examples-c/flow_attributes.c");
    let port = PortPair::new();
    let start = |what: &str, url: String| {
        let mut command = Command::new(&program);
        command.args([what, &url]);
        Program::start(command, ours())
    };
    let receiver = start("receive", format!("rist://@127.0.0.1:{}", port.even()));
    let sender = start("send", format!("rist://127.0.0.1:{}", port.even()));
    let expected = [
        "subflow session=1 flow=1968 id=0 name=Main feed priority=1 bitrate=5000000",
        "subflow session=1 flow=1968 id=1 name=Sign language",
    ];
    wait_until(
        "both subflows",
        Duration::from_secs(20),
        || expected.iter().all(|line| receiver.text().contains(line)).then_some(()),
        || format!("{}{}", sender.text(), receiver.text()),
    );
}
