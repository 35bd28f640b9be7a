//! Rates: what changed between two looks. Processor time is read from the system, so only on this machine, and where there is
//! `/proc`; a session's is that of its supervisor and of everything that descends from it.

use rialto_client::protocol::message::Listed;
use std::collections::HashMap;
use std::time::Instant;

/// What one look saw of the machine's processes.
pub(super) struct Sample {
    at: Instant,
    /// Parent and processor time (in ticks) by process.
    processes: HashMap<u32, (u32, u64)>,
}

/// What is remembered of the last look.
#[derive(Default)]
pub(super) struct Load {
    last: Option<Sample>,
    /// By session: ticks of its processes, and bytes printed, by which supervisor.
    sessions: HashMap<String, (u64, u64, u32)>,
    now: HashMap<String, (u64, u64, u32)>,
}

/// What a session does per second.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Rates {
    /// Of one processor, in percent.
    pub(super) cpu: Option<f64>,
    /// Bytes of output per second.
    pub(super) output: Option<f64>,
}

impl Sample {
    pub(super) fn take(here: bool) -> Self {
        let processes = if here { processes() } else { HashMap::new() };
        Self { at: Instant::now(), processes }
    }

    /// Ticks of a process and of all that descend from it.
    fn ticks(&self, root: u32) -> Option<u64> {
        self.processes.get(&root)?;
        let of_it = |pid: u32| {
            let mut at = pid;
            // Deeper than any tree of processes; a loop there cannot be, but it is not ours to rely on.
            for _ in 0..256 {
                if at == root {
                    return true;
                }
                match self.processes.get(&at) {
                    Some((parent, _)) if *parent > 1 => at = *parent,
                    _ => return false,
                }
            }
            false
        };
        Some(self.processes.iter().filter(|(pid, _)| of_it(**pid)).map(|(_, (_, ticks))| ticks).sum())
    }
}

impl Load {
    pub(super) fn rates(&mut self, listed: &Listed, sample: &Sample) -> Rates {
        let Some(status) = &listed.status else { return Rates::default() };
        let (ticks, id) = (sample.ticks(status.pid), listed.session.to_string());
        let before = self.sessions.get(&id).filter(|(.., pid)| *pid == status.pid).copied();
        self.now.insert(id, (ticks.unwrap_or(0), status.printed, status.pid));
        let Some((last, before)) = self.last.as_ref().zip(before) else { return Rates::default() };
        let seconds = sample.at.duration_since(last.at).as_secs_f64().max(0.001);
        // A child that has ended takes its time with it.
        let cpu = ticks.map(|ticks| ticks.saturating_sub(before.0) as f64 / TICKS / seconds * 100.0);
        Rates { cpu, output: Some(status.printed.saturating_sub(before.1) as f64 / seconds) }
    }

    pub(super) fn turn(&mut self, sample: Sample) {
        self.last = Some(sample);
        self.sessions = std::mem::take(&mut self.now);
    }
}

/// Ticks of a second in `/proc`: 100 on every Linux there is, whatever the kernel counts in.
const TICKS: f64 = 100.0;

fn processes() -> HashMap<u32, (u32, u64)> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter_map(|pid| Some((pid, stat(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)?))).collect()
}

/// Parent and processor time of a line of `/proc/PID/stat`. The name in it may hold anything, brackets and spaces too.
fn stat(line: &str) -> Option<(u32, u64)> {
    let mut fields = line.get(line.rfind(')')? + 1..)?.split_whitespace();
    let parent = fields.nth(1)?.parse().ok()?;
    let (user, system): (u64, u64) = (fields.nth(9)?.parse().ok()?, fields.next()?.parse().ok()?);
    Some((parent, user + system))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_proc_is_read_whatever_its_name() {
        let line = "42 (a ) b) S 7 42 42 0 -1 4194560 1 2 3 4 150 25 0 0 20 0 1 0 9 9 9";
        assert_eq!(stat(line), Some((7, 175)));
        assert_eq!((stat(""), stat("42 (x) S")), (None, None));
    }

    #[test]
    fn a_session_is_its_supervisor_and_all_that_descends_from_it() {
        let processes = [(10, (1, 5)), (11, (10, 7)), (12, (11, 9)), (20, (1, 100)), (30, (31, 1)), (31, (30, 1))].into();
        let sample = Sample { at: Instant::now(), processes };
        assert_eq!((sample.ticks(10), sample.ticks(20), sample.ticks(99)), (Some(21), Some(100), None));
    }
}
