//! The process behind a runner: started in a group of its own, signalled as a group, watched until it ends.

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use rialto_protocol::kernel::{Death, Step};
use rustix::io::{FdFlags, fcntl_setfd};
use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::process::ExitStatusExt;
use std::pin::pin;
use std::process::ExitStatus;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};
use tokio::process::{Child, Command};

pub(crate) struct Process {
    child: Child,
    /// The number of the process and of its group.
    pid: i32,
    /// It has been reaped: its number may already be somebody else's.
    reaped: bool,
}

impl Process {
    /// Starts it with more descriptors open, under the numbers that they have here.
    pub(crate) fn start_with(command: &mut Command, inherited: &[BorrowedFd<'_>]) -> io::Result<Self> {
        // Only while nobody of this crate starts another process. Should another part do so in this moment, its child has a
        // pipe too many and nothing comes of it: no one waits for that pipe's end.
        static STARTING: Mutex<()> = Mutex::new(());
        let alone = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
        for fd in inherited {
            fcntl_setfd(fd, FdFlags::empty())?;
        }
        let started = Self::start(command);
        for fd in inherited {
            fcntl_setfd(fd, FdFlags::CLOEXEC)?;
        }
        drop(alone);
        started
    }

    fn start(command: &mut Command) -> io::Result<Self> {
        Ok(Self::of(command.process_group(0).kill_on_drop(false).spawn()?))
    }

    /// A child that leads a group of its own.
    pub(crate) fn of(child: Child) -> Self {
        let pid = child.id().and_then(|p| i32::try_from(p).ok()).unwrap_or(0);
        // When memory runs out the kernel shall go, and the supervisor that holds the history shall stay.
        #[cfg(target_os = "linux")]
        if let Err(error) = std::fs::write(format!("/proc/{pid}/oom_score_adj"), "500") {
            tracing::debug!(pid, %error, "the out-of-memory score was not raised");
        }
        Self { child, pid, reaped: false }
    }

    pub(crate) fn pid(&self) -> Option<u32> {
        if self.reaped { None } else { u32::try_from(self.pid).ok() }
    }

    pub(crate) fn signal(&self, step: Step) {
        let signal = match step {
            Step::Interrupt | Step::Again => Signal::SIGINT,
            Step::Terminate => Signal::SIGTERM,
            Step::Kill => Signal::SIGKILL,
        };
        if !self.reaped {
            self.send(signal);
        }
    }

    /// Kills what is in the group, also what the interpreter left behind: a group's number is not given to a new process
    /// as long as the group has a member, and where it has none the signal goes nowhere.
    pub(crate) fn kill_group(&self) {
        self.send(Signal::SIGKILL);
    }

    fn send(&self, signal: Signal) {
        // 0 would mean our own group.
        if self.pid > 1
            && let Err(error) = killpg(Pid::from_raw(self.pid), signal)
        {
            tracing::debug!(pid = self.pid, %signal, %error, "no signal was sent");
        }
    }

    /// How it ended, once it has.
    pub(crate) fn poll_exit(&mut self, cx: &mut Context<'_>) -> Poll<Death> {
        // The future holds no state of its own; what must survive between polls is in the child.
        let Poll::Ready(status) = pin!(self.child.wait()).poll(cx) else { return Poll::Pending };
        self.reaped = true;
        Poll::Ready(status.map_or_else(|_| Death::default(), death))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill_group();
    }
}

fn death(status: ExitStatus) -> Death {
    let signal = status.signal().map(|number| match Signal::try_from(number) {
        Ok(signal) => signal.as_str().to_owned(),
        Err(_) => format!("SIG{number}"),
    });
    Death { code: status.code(), signal, failed_start: None }
}
