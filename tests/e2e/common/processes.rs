//! The processes of one world: all that were started with its state folder in their environment, however they detached.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::path::Path;

/// A process and the command line it shows.
#[derive(Clone)]
pub(crate) struct Found {
    pub(crate) pid: i32,
    pub(crate) command: String,
}

impl std::fmt::Debug for Found {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.pid, self.command)
    }
}

#[cfg(target_os = "linux")]
pub(crate) fn of(state: &Path) -> Vec<Found> {
    let mark = format!("RIALTO_STATE_DIR={}", state.display());
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok());
    let ours = pids.filter(|pid| {
        // Another user's, or one that has just ended, cannot be read and is not ours.
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|entry| entry == mark.as_bytes())
    });
    let command = |pid| std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    ours.map(|pid| Found { pid, command: String::from_utf8_lossy(&command(pid)).replace('\0', " ") }).collect()
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn of(state: &Path) -> Vec<Found> {
    let mark = format!("RIALTO_STATE_DIR={} ", state.display());
    let listing = std::process::Command::new("ps").args(["axeww", "-o", "pid=,command="]).output().unwrap().stdout;
    let lines = String::from_utf8_lossy(&listing).lines().map(str::to_owned).collect::<Vec<_>>();
    let ours = lines.into_iter().filter(|line| format!("{line} ").contains(&mark));
    ours.filter_map(|line| {
        let (pid, command) = line.trim().split_once(' ')?;
        Some(Found { pid: pid.parse().ok()?, command: command.to_owned() })
    })
    .collect()
}

pub(crate) fn signal(pid: i32, signal: Signal) {
    assert!(pid > 1, "{pid} is nobody's to signal");
    let _ = kill(Pid::from_raw(pid), signal);
}
