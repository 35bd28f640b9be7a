//! Processes as the system sees them.

use crate::figures::median;
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

/// The processes it has started that live.
pub(crate) fn children(pid: i32) -> Vec<i32> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    text.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

/// The words it was started with.
pub(crate) fn words(pid: i32) -> Vec<String> {
    let all = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    all.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned()).collect()
}

/// What some processes spend.
#[derive(Debug, Default)]
pub(crate) struct Spent {
    /// Processor time for each eval, microseconds; one number for each block.
    us: Vec<f64>,
    /// How often one of them slept and had to be woken for each.
    sleeps: Vec<f64>,
}

/// What they have spent so far: processor time in nanoseconds, and sleeps.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SoFar(u64, u64);

impl SoFar {
    /// All their threads together.
    pub(crate) fn by(pids: &[i32]) -> Self {
        let mut spent = Self(0, 0);
        for pid in pids {
            let threads = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten();
            for thread in threads.filter_map(|found| found.ok()?.file_name().to_str()?.parse::<i32>().ok()) {
                let stat = std::fs::read_to_string(format!("/proc/{pid}/task/{thread}/schedstat")).unwrap_or_default();
                spent.0 += stat.split(' ').next().and_then(|ns| ns.parse::<u64>().ok()).unwrap_or_default();
                spent.1 += field(*pid, &format!("task/{thread}/status"), "voluntary_ctxt_switches").unwrap_or_default();
            }
        }
        spent
    }
}

impl Spent {
    /// Another block of so many evals.
    pub(crate) fn add(&mut self, from: SoFar, to: SoFar, evals: usize) {
        self.us.push((to.0 - from.0) as f64 / 1e3 / evals as f64);
        self.sleeps.push((to.1 - from.1) as f64 / evals as f64);
    }

    /// The medians.
    pub(crate) fn text(&mut self) -> String {
        format!("{:.1} us, {:.1} sleeps", median(&mut self.us), median(&mut self.sleeps))
    }
}
