//! Who a process is. A pid alone is a number that the system hands out again; with the moment it started and the boot that
//! was in, it means one process for ever.

use serde::{Deserialize, Serialize};

/// One process, told apart from every other there will be on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Its number.
    pub pid: i32,
    /// Its process group.
    pub pgid: i32,
    /// The session (in the system's sense) that it is in.
    pub sid: i32,
    /// When it started: clock ticks since boot.
    pub start_time: u64,
    /// The boot.
    pub boot_id: String,
}

impl Process {
    /// The process of a number. None: there is none, it has ended and waits to be collected, or this system cannot say.
    #[must_use]
    pub fn of(pid: u32) -> Option<Self> {
        let pid = i32::try_from(pid).ok()?;
        let stat = stat(pid)?;
        Some(Self { pid, pgid: stat.pgid, sid: stat.sid, start_time: stat.start_time, boot_id: boot_id()? })
    }

    /// Whether this very process lives.
    #[must_use]
    pub fn lives(&self) -> bool {
        boot_id().as_deref() == Some(self.boot_id.as_str())
            && stat(self.pid).is_some_and(|stat| stat.start_time == self.start_time)
    }
}

/// What the system says of a live process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stat {
    pub(super) pid: i32,
    pub(super) pgid: i32,
    pub(super) sid: i32,
    pub(super) start_time: u64,
}

/// The boot we are in.
#[cfg(target_os = "linux")]
pub(super) fn boot_id() -> Option<String> {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(text.trim().to_owned())
}

/// A live process. Zombies are not: nothing of them runs, and whoever should collect them may never.
#[cfg(target_os = "linux")]
pub(super) fn stat(pid: i32) -> Option<Stat> {
    read_stat(pid, &std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// Every live process.
#[cfg(target_os = "linux")]
pub(super) fn all() -> Vec<Stat> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    entries.filter_map(|entry| stat(entry.ok()?.file_name().to_str()?.parse().ok()?)).collect()
}

/// Elsewhere there is no `/proc`: a process is never recognised, so none is ever ended by mistake, and what a dead supervisor
/// left is ended by the pipe that runners watch.
#[cfg(not(target_os = "linux"))]
pub(super) fn boot_id() -> Option<String> {
    None
}

#[cfg(not(target_os = "linux"))]
pub(super) fn stat(_pid: i32) -> Option<Stat> {
    None
}

#[cfg(not(target_os = "linux"))]
pub(super) fn all() -> Vec<Stat> {
    Vec::new()
}

/// Reads a line of `/proc/PID/stat`. The second field is the program's name in brackets, and may itself contain brackets and
/// spaces, so fields are counted from the last bracket.
#[cfg(target_os = "linux")]
fn read_stat(pid: i32, text: &str) -> Option<Stat> {
    let (_, rest) = text.rsplit_once(')')?;
    // The third field, the state, is the first here.
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let field = |number: usize| fields.get(number - 3);
    if matches!(field(3), Some(&("Z" | "X"))) {
        return None;
    }
    Some(Stat { pid, pgid: field(5)?.parse().ok()?, sid: field(6)?.parse().ok()?, start_time: field(22)?.parse().ok()? })
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_does_not_shift_the_fields() {
        let line = "7 (a) S 9 (b) R 1 70 700 34816 7 4194560 1 0 0 0 0 0 0 0 20 0 1 0 12345 8 9";
        assert_eq!(read_stat(7, line), Some(Stat { pid: 7, pgid: 70, sid: 700, start_time: 12345 }));
        assert_eq!(read_stat(7, &line.replace(") R", ") Z")), None);
        assert_eq!(read_stat(7, "7 (cut"), None);
    }

    #[test]
    fn a_process_is_more_than_its_number() {
        let me = Process::of(std::process::id()).unwrap();
        assert!(me.lives());
        assert!(!Process { start_time: me.start_time + 1, ..me.clone() }.lives());
        assert!(!Process { boot_id: "another".into(), ..me }.lives());
    }
}
