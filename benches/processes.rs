//! Processes as the system sees them.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

pub(crate) fn signal(pid: i32, signal: Signal) {
    assert!(pid > 1, "no process has number {pid}");
    // It may have ended by itself.
    let _ = kill(Pid::from_raw(pid), signal);
}

/// Every process that was started with this in its environment.
pub(crate) fn with_variable(entry: &str) -> Vec<i32> {
    let all = std::fs::read_dir("/proc").unwrap();
    let pids = all.filter_map(|found| found.ok()?.file_name().to_str()?.parse::<i32>().ok());
    let marked = |pid: &i32| {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|one| one == entry.as_bytes())
    };
    pids.filter(marked).collect()
}

/// Ends all of them, also those that are started meanwhile.
pub(crate) fn end_all(entry: &str) {
    crate::wait::look("the end of what was started", || {
        let left = with_variable(entry);
        left.iter().for_each(|pid| signal(*pid, Signal::SIGKILL));
        left.is_empty().then_some(())
    });
}

/// A number from a file of `/proc/PID`, such as `VmHWM` of `status` (KiB).
pub(crate) fn field(pid: i32, file: &str, name: &str) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/{file}")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

/// Processor time so far, in ticks of the system's clock.
pub(crate) fn ticks(pid: i32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let rest = text.rsplit_once(')').map_or("", |(_, rest)| rest);
    // The 14th and 15th fields of the line; the 3rd is the first after the name.
    rest.split_ascii_whitespace().skip(11).take(2).filter_map(|number| number.parse::<u64>().ok()).sum()
}
