//! What the library may not leave behind: threads and descriptors.

use std::fs;

/// Our threads, and the sockets and wake-up descriptors of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Left {
    threads: usize,
    descriptors: usize,
}

impl Left {
    pub(super) fn now() -> Self {
        let ours = |name: &String| name.starts_with("rist-");
        // The rest of the process may open files and start threads meanwhile, but none of these.
        let kind = |link: &String| link.starts_with("socket:") || link.starts_with("anon_inode:");
        Self { threads: names().filter(ours).count(), descriptors: links().filter(kind).count() }
    }
}

fn names() -> impl Iterator<Item = String> {
    let tasks = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    tasks.filter_map(|task| fs::read_to_string(task.path().join("comm")).ok())
}

fn links() -> impl Iterator<Item = String> {
    let open = fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
    open.filter_map(|entry| Some(fs::read_link(entry.path()).ok()?.to_string_lossy().into_owned()))
}
