//! Programs run with a chosen library: output captured, killed when dropped, the library proven by /proc.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use super::library::{Library, SONAME};
use super::wait_until;

const START_LIMIT: Duration = Duration::from_secs(20);
/// Programs that wait for the next packet may take a while to see a signal.
const STOP_LIMIT: Duration = Duration::from_secs(10);

/// A running program.
pub(crate) struct Program {
    name: String,
    id: u32,
    child: Mutex<Child>,
    output: Arc<Mutex<Vec<u8>>>,
    readers: Vec<JoinHandle<()>>,
}

impl Program {
    /// Starts a program that finds `library` first. Its standard output and standard error are kept together.
    pub(crate) fn start(mut command: Command, library: &Library) -> Program {
        let name = format!("{} ({})", Path::new(command.get_program()).display(), library.name);
        command.env("LD_LIBRARY_PATH", &library.directory);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        let output = Arc::new(Mutex::new(Vec::new()));
        let mut readers = Vec::new();
        if let Some(pipe) = child.stdout.take() {
            readers.push(capture(pipe, output.clone()));
        }
        if let Some(pipe) = child.stderr.take() {
            readers.push(capture(pipe, output.clone()));
        }
        Program { name, id: child.id(), child: Mutex::new(child), output, readers }
    }

    /// Fails unless the running program has mapped `library`, and no other librist.
    pub(crate) fn assert_uses(&self, library: &Library) {
        let maps = format!("/proc/{}/maps", self.id);
        let mapped = wait_until(
            &format!("{} maps {SONAME}", self.name),
            START_LIMIT,
            || {
                assert!(!self.has_ended(), "{} has ended: {}", self.name, self.text());
                Some(librist_files(&std::fs::read_to_string(&maps).ok()?)).filter(|files| !files.is_empty())
            },
            || self.text(),
        );
        assert_eq!(mapped, std::slice::from_ref(&library.file), "{} runs on another library", self.name);
    }

    /// Waits until the program has printed `text`.
    pub(crate) fn wait_for(&self, text: &str) {
        wait_until(
            &format!("{} prints {text:?}", self.name),
            START_LIMIT,
            || self.text().contains(text).then_some(()),
            || self.text(),
        );
    }

    /// Waits until the program ends by itself.
    pub(crate) fn wait_end(&mut self, limit: Duration) -> ExitStatus {
        let status = wait_until(&format!("{} ends", self.name), limit, || self.exit_status(), || self.text());
        self.join();
        status
    }

    /// Asks the program to end (SIGINT) and waits for it.
    pub(crate) fn interrupt(&mut self) -> ExitStatus {
        let id = self.id.to_string();
        assert!(Command::new("kill").args(["-INT", &id]).status().is_ok_and(|status| status.success()));
        self.wait_end(STOP_LIMIT)
    }

    /// Ends the program as a power failure would (SIGKILL).
    pub(crate) fn kill(mut self) {
        let child = self.child.get_mut().unwrap_or_else(|poisoned| poisoned.into_inner());
        let _ = child.kill();
    }

    pub(crate) fn id(&self) -> u32 {
        self.id
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.exit_status().is_some()
    }

    /// What the program has printed so far.
    pub(crate) fn text(&self) -> String {
        let output = self.output.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        format!("--- {}\n{}", self.name, String::from_utf8_lossy(&output))
    }

    /// The last lines it has printed.
    pub(crate) fn tail(&self, lines: usize) -> String {
        let text = self.text();
        let all: Vec<&str> = text.lines().collect();
        let start = all.len().saturating_sub(lines).max(1);
        let short = all[start.min(all.len())..].iter().map(|line| line.chars().take(400).collect::<String>() + "\n");
        format!("--- {}, last lines\n{}", self.name, short.collect::<String>())
    }

    fn exit_status(&self) -> Option<ExitStatus> {
        self.child.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).try_wait().ok().flatten()
    }

    fn join(&mut self) {
        for reader in self.readers.drain(..) {
            let _ = reader.join();
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let child = self.child.get_mut().unwrap_or_else(|poisoned| poisoned.into_inner());
        let _ = child.kill();
        let _ = child.wait();
        self.join();
    }
}

fn capture(mut pipe: impl Read + Send + 'static, output: Arc<Mutex<Vec<u8>>>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut buffer = [0; 8192];
        while let Ok(length @ 1..) = pipe.read(&mut buffer) {
            output.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).extend_from_slice(&buffer[..length]);
        }
    })
}

/// The files of a librist in the text of /proc/PID/maps.
fn librist_files(maps: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = maps
        .lines()
        .filter_map(|line| line.find('/').map(|start| PathBuf::from(&line[start..])))
        .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("librist.so")))
        .collect();
    files.dedup();
    files
}
