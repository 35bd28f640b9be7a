//! What a dead supervisor's kernel left running, and how it is ended without ever ending a stranger.
//!
//! The kernel's process is written down when it starts. After the supervisor has died, this is what counts as left of it:
//!
//! 1. Nothing, if the machine has booted since.
//! 2. If the very process that was written down lives (same number, same start): its whole process group. While a process
//!    lives, the system gives its number to no other process and to no other group, so every member is its child or was put
//!    there by one.
//! 3. If that process is gone and others have the group's number: each of them that is ours, is in the same session (in the
//!    system's sense), started no earlier than the kernel, and has `RIALTO_SESSION` with this session's id in the environment
//!    it was started with. The number alone is no proof here: after the last member is gone the system may give it to
//!    anybody. A child that threw its environment away is left alone; runners watch a pipe that ends with the supervisor.

use super::process::{self, Process, Stat};
use super::{HomeError, SessionHome, ours};
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use std::path::Path;
use std::time::{Duration, Instant};

/// In a supervisor's environment, and so in its kernel's: the session's id.
pub const SESSION_VARIABLE: &str = "RIALTO_SESSION";

/// How long to wait for killed processes to be gone. Only one that hangs in the kernel (a dead disk, NFS) takes longer.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(5);

/// What became of the processes that were left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leftover {
    /// There was nothing.
    Nothing,
    /// They are gone.
    Ended,
    /// They were killed, and are still there.
    Stuck,
}

/// Writes down the kernel's process. Call it once the process is in its own group, before it runs anything.
///
/// # Errors
/// Where the file cannot be written. Where the process has ended already nothing is written.
pub fn note(session: &SessionHome, pid: u32) -> Result<(), HomeError> {
    let Some(process) = Process::of(pid) else { return forget(session) };
    let text = serde_json::to_string(&process).unwrap_or_default();
    ours::write(&session.leftover(), &text)
}

/// The kernel has ended and was collected.
///
/// # Errors
/// Where the file cannot be removed.
pub fn forget(session: &SessionHome) -> Result<(), HomeError> {
    ours::remove(&session.leftover())
}

/// The process that was written down, living or not.
#[must_use]
pub fn noted(session: &SessionHome) -> Option<Process> {
    let text = ours::read(&session.leftover(), 1000).ok()??;
    serde_json::from_str(&text).ok()
}

/// Ends what is left of the kernel, and waits until it is gone. The caller holds the session's lock. Blocks for up to five
/// seconds.
///
/// # Errors
/// Where the note cannot be removed.
pub fn end_leftover(session: &SessionHome) -> Result<Leftover, HomeError> {
    let Some(kernel) = noted(session) else { return Ok(Leftover::Nothing) };
    let until = Instant::now() + PATIENCE;
    let mut found = Leftover::Nothing;
    // More than once, because a group may be making children while it is killed.
    while strike(&kernel, session) {
        found = Leftover::Ended;
        if Instant::now() >= until {
            return Ok(Leftover::Stuck);
        }
        std::thread::sleep(PAUSE);
    }
    forget(session)?;
    Ok(found)
}

/// Kills what the rule above allows. False: there is nothing.
fn strike(kernel: &Process, session: &SessionHome) -> bool {
    // Not 0 or 1: to `kill` those mean our own group and everybody.
    if kernel.pgid <= 1 || process::boot_id().as_deref() != Some(kernel.boot_id.as_str()) {
        return false;
    }
    if kernel.lives() && kernel.pgid == kernel.pid {
        // It may end in this very moment; then there is nobody to receive the signal and the next round sees that.
        let _ = killpg(Pid::from_raw(kernel.pgid), Signal::SIGKILL);
        return true;
    }
    let members: Vec<Stat> = process::all().into_iter().filter(|stat| belongs(stat, kernel, session)).collect();
    for member in &members {
        let _ = kill(Pid::from_raw(member.pid), Signal::SIGKILL);
    }
    !members.is_empty()
}

fn belongs(stat: &Stat, kernel: &Process, session: &SessionHome) -> bool {
    use std::os::unix::fs::MetadataExt;
    let path = format!("/proc/{}", stat.pid);
    stat.pgid == kernel.pgid
        && stat.sid == kernel.sid
        && stat.start_time >= kernel.start_time
        && std::fs::metadata(&path).is_ok_and(|meta| meta.uid() == ours::uid())
        && has_variable(Path::new(&path), session)
}

/// Whether the process was started in this session's environment. The kernel shows it to its own user only.
fn has_variable(proc: &Path, session: &SessionHome) -> bool {
    let wanted = format!("{SESSION_VARIABLE}={}", session.id());
    let environment = std::fs::read(proc.join("environ")).unwrap_or_default();
    environment.split(|byte| *byte == 0).any(|entry| entry == wanted.as_bytes())
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::super::testing::{create, home};
    use super::*;
    use std::io::{BufRead, BufReader};
    use std::os::unix::process::CommandExt;
    use std::process::{Child, Command, Stdio};

    /// A shell in its own group with a child that outlives it, and a line once both are there.
    fn kernel(session: &SessionHome, script: &str, marked: bool) -> (Child, i32) {
        let mut command = Command::new("/bin/sh");
        command.arg("-c").arg(script).process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped());
        if marked {
            command.env(SESSION_VARIABLE, session.id().as_str());
        }
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        (child, line.trim().parse().unwrap())
    }

    const WITH_CHILD: &str = "sleep 100000 >/dev/null 2>&1 & echo $!; read gate";

    #[test]
    fn the_kernel_and_its_children_are_ended() {
        let (_temp, home) = home();
        let session = home.session(&home.claim(None, &create(1), "uid:0").unwrap().id);
        assert_eq!(end_leftover(&session).unwrap(), Leftover::Nothing);
        let (mut child, grandchild) = kernel(&session, WITH_CHILD, false);
        note(&session, child.id()).unwrap();
        assert_eq!(end_leftover(&session).unwrap(), Leftover::Ended);
        assert!(process::stat(grandchild).is_none() && noted(&session).is_none());
        child.wait().unwrap();
    }

    #[test]
    fn children_alone_are_ended_if_they_are_this_sessions_beyond_doubt() {
        let (_temp, home) = home();
        let session = home.session(&home.claim(None, &create(1), "uid:0").unwrap().id);
        for (marked, expected) in [(true, Leftover::Ended), (false, Leftover::Nothing)] {
            let (mut child, grandchild) = kernel(&session, WITH_CHILD, marked);
            note(&session, child.id()).unwrap();
            // The gate opens at the end of its stdin; the shell goes and its child stays.
            drop(child.stdin.take());
            child.wait().unwrap();
            assert_eq!(end_leftover(&session).unwrap(), expected);
            assert_eq!(process::stat(grandchild).is_none(), marked);
            let _ = kill(Pid::from_raw(grandchild), Signal::SIGKILL);
        }
    }

    #[test]
    fn a_stranger_with_the_same_number_is_left_alone() {
        let (_temp, home) = home();
        let session = home.session(&home.claim(None, &create(1), "uid:0").unwrap().id);
        let (mut child, _) = kernel(&session, "echo $$; exec sleep 100000", true);
        let truth = Process::of(child.id()).unwrap();
        let stories = [
            Process { boot_id: "another boot".into(), ..truth.clone() },
            Process { start_time: truth.start_time + 1, ..truth.clone() },
            Process { pgid: 1, ..truth.clone() },
            Process { pgid: 0, ..truth },
        ];
        for story in stories {
            ours::write(&session.leftover(), &serde_json::to_string(&story).unwrap()).unwrap();
            assert_eq!(end_leftover(&session).unwrap(), Leftover::Nothing, "{story:?}");
            assert!(child.try_wait().unwrap().is_none());
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
