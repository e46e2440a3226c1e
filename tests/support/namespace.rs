//! Network namespaces: machines of their own for tests. Needs root, and `ip` of the package iproute2.
#![allow(unsafe_code)] // A thread enters a namespace.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

use super::require_package;

/// Runs `ip`; its failure fails the test.
pub(crate) fn ip(arguments: &str) {
    let out = Command::new("ip").args(arguments.split(' ')).output().expect("ip of the package iproute2");
    assert!(out.status.success(), "ip {arguments}: {}", String::from_utf8_lossy(&out.stderr));
}

/// A network namespace, removed with everything in it, also when a test fails.
pub(crate) struct Namespace {
    name: String,
    hosts: Option<PathBuf>,
}

impl Namespace {
    pub(crate) fn new() -> Namespace {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        require_package("iproute2");
        require_package("iputils-ping");
        let name = format!("rist-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        ip(&format!("netns add {name}"));
        let namespace = Namespace { name, hosts: None };
        namespace.ip("link set lo up");
        namespace
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn ip(&self, arguments: &str) {
        ip(&format!("-n {} {arguments}", self.name));
    }

    /// Runs `tc`, of the same package.
    pub(crate) fn tc(&self, arguments: &str) {
        let out = self.run(&format!("tc {arguments}"));
        assert!(out.status.success(), "tc {arguments}: {}", String::from_utf8_lossy(&out.stderr));
    }

    /// Does something on a thread that is in the namespace; the sockets that it opens and the threads that it
    /// starts stay there.
    pub(crate) fn inside<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        let namespace = File::open(format!("/run/netns/{}", self.name)).expect("a namespace");
        let enter = move || {
            // SAFETY: takes no pointer; concerns this thread alone.
            let entered = unsafe { libc::setns(namespace.as_raw_fd(), libc::CLONE_NEWNET) };
            assert_eq!(entered, 0, "{}", io::Error::last_os_error());
            work()
        };
        std::thread::scope(|scope| scope.spawn(enter).join()).unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    /// A program that runs in the namespace, under the same process id.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name, program]);
        command
    }

    pub(crate) fn run(&self, program: &str) -> Output {
        let mut words = program.split(' ');
        let mut command = self.command(words.next().unwrap_or_default());
        command.args(words).output().expect("ip of the package iproute2")
    }

    /// What programs started from now on read as `/etc/hosts`, and see changed when it is written again.
    pub(crate) fn write_hosts(&mut self, text: &str) {
        let directory = PathBuf::from("/etc/netns").join(&self.name);
        std::fs::create_dir_all(&directory).expect("a directory in /etc/netns");
        // In place: the file is mounted over the original.
        std::fs::write(directory.join("hosts"), text).expect("a hosts file");
        self.hosts = Some(directory);
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.name]).status();
        if let Some(directory) = &self.hosts {
            let _ = std::fs::remove_dir_all(directory);
        }
    }
}

/// Two namespaces on one Ethernet: `network`.1 and `network`.2.
pub(crate) fn wire(left: &Namespace, right: &Namespace, network: &str) {
    left.ip(&format!("link add wire type veth peer name wire netns {}", right.name()));
    for (namespace, number) in [(left, 1), (right, 2)] {
        namespace.ip(&format!("addr add {network}.{number}/24 dev wire"));
        namespace.ip("link set wire up");
    }
}
