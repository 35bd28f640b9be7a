//! What the first process of a container owes the others: it collects every orphan, and passes signals on.
//!
//! The kernel gives PID 1 no default action for signals, and every process whose parent has gone. So this process does that
//! and nothing else, and the command itself runs as its child. When the command ends, the container does, and with it
//! everything in it: that is the container's law and nothing here changes it.

use crate::exit::{self, Failure};
use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use std::process::{Command, ExitCode};

/// Whether this is the first process of a container.
pub(crate) fn is_needed() -> bool {
    std::process::id() == 1
}

/// Runs this command as a child, to its end.
pub(crate) fn run() -> ExitCode {
    watch().unwrap_or_else(|failure| exit::code(Err(failure)))
}

fn watch() -> Result<ExitCode, Failure> {
    let failed = |what: &str, why: &dyn std::fmt::Display| {
        Failure::internal(format!("as the first process of a container: {what}: {why}"))
    };
    let mut mask = SigSet::empty();
    let passed = [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGQUIT, Signal::SIGUSR1, Signal::SIGUSR2];
    passed.into_iter().chain([Signal::SIGCHLD]).for_each(|signal| mask.add(signal));
    let exe = std::env::current_exe().map_err(|why| failed("which program this is", &why))?;
    let child = Command::new(exe).args(std::env::args_os().skip(1)).spawn().map_err(|why| failed("starting", &why))?;
    let child = Pid::from_raw(child.id().cast_signed());
    // Taken one by one below. Only now: a child would inherit it, and hear none of them.
    mask.thread_block().map_err(|why| failed("signals", &why))?;
    // Whoever ended before that has rung no bell.
    if let Some(code) = collect(child) {
        return Ok(ExitCode::from(code));
    }
    loop {
        match mask.wait() {
            Ok(Signal::SIGCHLD) => {
                if let Some(code) = collect(child) {
                    return Ok(ExitCode::from(code));
                }
            }
            Ok(signal) => drop(kill(child, signal)),
            Err(Errno::EINTR) => {}
            Err(why) => return Err(failed("waiting", &why)),
        }
    }
}

/// Collects everybody who has ended; the exit code, once it is the child.
fn collect(child: Pid) -> Option<u8> {
    let mut code = None;
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(pid, status)) if pid == child => code = Some(u8::try_from(status).unwrap_or(1)),
            Ok(WaitStatus::Signaled(pid, signal, _)) if pid == child => {
                code = Some(u8::try_from(128 + signal as i32).unwrap_or(1));
            }
            Ok(WaitStatus::StillAlive) | Err(_) => return code,
            Ok(_) => {}
        }
    }
}
