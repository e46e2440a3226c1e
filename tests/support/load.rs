//! What a running program costs, by /proc.

use std::fs;
use std::time::Duration;

/// Processor time of a thread or process, from the text of its `stat`.
fn processor_time(stat: &str) -> Duration {
    // The second field is a name in parentheses that may hold blanks (proc(5)).
    let fields: Vec<&str> = stat[stat.rfind(')').map_or(0, |end| end + 1)..].split_whitespace().collect();
    let ticks: u64 = fields[11..13].iter().map(|field| field.parse::<u64>().expect("a number")).sum();
    // USER_HZ is 100 on every Linux that programs see.
    Duration::from_millis(ticks * 10)
}

pub(crate) fn process_time(process: u32) -> Duration {
    processor_time(&fs::read_to_string(format!("/proc/{process}/stat")).expect("a running process"))
}

/// Processor time so far of the threads with a name.
pub(crate) fn thread_time(process: u32, name: &str) -> Duration {
    threads(process).iter().filter(|(known, _)| known == name).map(|(_, time)| *time).sum()
}

fn threads(process: u32) -> Vec<(String, Duration)> {
    let tasks = fs::read_dir(format!("/proc/{process}/task")).expect("a running process");
    let thread = |task: fs::DirEntry| {
        let stat = fs::read_to_string(task.path().join("stat")).ok()?;
        let name = fs::read_to_string(task.path().join("comm")).ok()?.trim().to_owned();
        Some((name, processor_time(&stat)))
    };
    tasks.flatten().filter_map(thread).collect()
}

/// What a process holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Holdings {
    pub(crate) rss_kb: u64,
    /// Of these, what is of no file.
    pub(crate) anonymous_kb: u64,
    pub(crate) threads: u64,
    pub(crate) files: usize,
}

pub(crate) fn holdings(process: u32) -> Holdings {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("a running process");
    let number = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a line of status");
        line.split_whitespace().next().and_then(|word| word.parse().ok()).expect("a number")
    };
    let files = fs::read_dir(format!("/proc/{process}/fd")).map_or(0, Iterator::count);
    let (rss_kb, anonymous_kb) = (number("VmRSS:"), number("RssAnon:"));
    Holdings { rss_kb, anonymous_kb, threads: number("Threads:"), files }
}

/// Datagrams that the kernel has dropped because nobody fetched them from the sockets of a port in time.
pub(crate) fn udp_drops(port: u16) -> u64 {
    let suffix = format!(":{port:04X}");
    let text = fs::read_to_string("/proc/self/net/udp").unwrap_or_default();
    let drops = |line: &str| {
        let mut words = line.split_whitespace();
        let ours = words.nth(1).is_some_and(|local| local.ends_with(&suffix));
        words.last().filter(|_| ours)?.parse::<u64>().ok()
    };
    text.lines().filter_map(drops).sum()
}
