//! Processes as the system sees them, signals by number, and the one place where these tests wait by looking again.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long something that must come may take, on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(40);
/// How long what was told to end may take.
const GRACE: Duration = Duration::from_secs(10);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(3);

/// Looks until there is something to see. For what other processes do and nobody announces: a file, a process, a line of
/// `/proc`. Fails, naming it, when it does not come.
pub(crate) async fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(Instant::now() < end, "did not come: {what}");
        tokio::time::sleep(LOOK).await;
    }
}

/// Looks until nothing is left, and gives what is left in the end. A process that was killed is there for a moment longer.
pub(crate) async fn left<T>(mut look: impl FnMut() -> Vec<T>) -> Vec<T> {
    let end = Instant::now() + GRACE;
    loop {
        let found = look();
        if found.is_empty() || Instant::now() >= end {
            return found;
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Two looks, a stretch of real time apart: where what did *not* happen in it is the question.
pub(crate) async fn over<T>(stretch: Duration, mut look: impl FnMut() -> T) -> (T, T) {
    let before = look();
    tokio::time::sleep(stretch).await;
    (before, look())
}

pub(crate) fn signal(pid: i32, signal: Signal) {
    assert!(pid > 1, "no process has number {pid}");
    // It may have ended by itself.
    let _ = kill(Pid::from_raw(pid), signal);
}

/// One process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) pid: i32,
    pub(crate) ppid: i32,
    pub(crate) pgid: i32,
    pub(crate) state: char,
    /// Ticks in user and in system mode.
    pub(crate) ticks: u64,
    pub(crate) command: String,
}

/// The process of a number, zombies excepted: nothing of them runs.
pub(crate) fn process(pid: i32) -> Option<Process> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let state = fields.first()?.chars().next()?;
    let number = |at: usize| fields.get(at - 3).and_then(|field| field.parse::<u64>().ok());
    let id = |at: usize| number(at).and_then(|n| i32::try_from(n).ok());
    if matches!(state, 'Z' | 'X') {
        return None;
    }
    let command = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let command = String::from_utf8_lossy(&command).replace('\0', " ").chars().take(120).collect();
    Some(Process { pid, ppid: id(4)?, pgid: id(5)?, state, ticks: number(14)? + number(15)?, command })
}

/// Every live process that was started with this in its environment.
pub(crate) fn with_variable(entry: &str) -> Vec<Process> {
    let all = std::fs::read_dir("/proc").unwrap();
    let pids = all.filter_map(|found| found.ok()?.file_name().to_str()?.parse::<i32>().ok());
    let marked = pids.filter(|pid| {
        let environment = std::fs::read(Path::new("/proc").join(pid.to_string()).join("environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|one| one == entry.as_bytes())
    });
    marked.filter_map(process).collect()
}

/// A number from `/proc/PID/status`, such as `VmHWM` (KiB).
pub(crate) fn status(pid: i32, field: &str) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    let number = line.and_then(|rest| rest.split_ascii_whitespace().next()?.parse().ok());
    number.unwrap_or_else(|| panic!("process {pid} has no {field}: it is gone"))
}

/// The most memory it ever had of its own. What it shares with every other process of the same file is left out: a binary that
/// is not optimised is many times as large as what is shipped. KiB.
pub(crate) fn most_of_its_own(pid: i32) -> u64 {
    most_memory(pid).saturating_sub(status(pid, "RssFile"))
}

/// The most memory it ever had. KiB.
pub(crate) fn most_memory(pid: i32) -> u64 {
    status(pid, "VmHWM")
}
