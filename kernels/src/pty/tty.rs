//! The terminal a program is in, as we hold it.

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use pty_process::{Pts, Pty, Size};
use rustix::termios::{InputModes, LocalModes, OptionalActions, tcgetattr, tcgetpgrp, tcsetattr};
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

pub(super) struct Tty {
    ours: Pty,
    /// The program's end: it tells what was typed and not yet read. Closed once the program has ended, so that the end shows.
    theirs: Option<OwnedFd>,
    name: PathBuf,
}

/// How the terminal treats what is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Modes {
    /// It gathers lines itself; otherwise the program has each key.
    pub(super) lines: bool,
    /// It shows what is typed.
    pub(super) shows: bool,
}

impl Tty {
    pub(super) fn open(rows: u16, columns: u16) -> io::Result<(Self, Pts)> {
        let other = |why: pty_process::Error| io::Error::other(why.to_string());
        let (ours, pts) = pty_process::open().map_err(other)?;
        ours.resize(Size::new(rows, columns)).map_err(other)?;
        let theirs = pts.as_fd().try_clone_to_owned()?;
        let mut modes = tcgetattr(&theirs)?;
        // An interrupt shows as the byte it is, which can be told from text; and no byte of code may stop the output.
        modes.local_modes.remove(LocalModes::ECHOCTL);
        modes.input_modes.remove(InputModes::IXON);
        #[cfg(target_os = "linux")]
        modes.input_modes.insert(InputModes::IUTF8);
        tcsetattr(&theirs, OptionalActions::Now, &modes)?;
        let name = std::fs::read_link(format!("/dev/fd/{}", theirs.as_raw_fd())).unwrap_or_default();
        Ok((Self { ours, theirs: Some(theirs), name }, pts))
    }

    /// Zero: nobody has the other end any more.
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<usize> {
        let mut into = ReadBuf::new(into);
        match Pin::new(&mut self.ours).poll_read(cx, &mut into) {
            Poll::Ready(Ok(())) => Poll::Ready(into.filled().len()),
            // Linux says so where nobody has the other end.
            Poll::Ready(Err(_)) => Poll::Ready(0),
            Poll::Pending => Poll::Pending,
        }
    }

    /// None: it will never take anything again.
    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Option<usize>> {
        Pin::new(&mut self.ours).poll_write(cx, bytes).map(Result::ok)
    }

    pub(super) fn modes(&self) -> Modes {
        let local = tcgetattr(&self.ours).map_or(LocalModes::empty(), |modes| modes.local_modes);
        Modes { lines: local.contains(LocalModes::ICANON), shows: local.contains(LocalModes::ECHO) }
    }

    /// The program is told by the system.
    pub(super) fn resize(&self, rows: u16, columns: u16) {
        // Where nobody has the other end any more there is nobody to tell.
        let _gone = self.ours.resize(Size::new(rows, columns));
    }

    /// Something was typed that the program has not read.
    pub(super) fn is_unread(&self) -> bool {
        self.theirs.as_ref().is_some_and(|theirs| rustix::io::ioctl_fionread(theirs).is_ok_and(|n| n > 0))
    }

    pub(super) fn foreground(&self) -> Option<i32> {
        tcgetpgrp(&self.ours).ok().map(|group| group.as_raw_nonzero().get())
    }

    pub(super) fn name(&self) -> &Path {
        &self.name
    }

    /// The program has ended: what it wrote last is read, and then the end.
    pub(super) fn let_go(&mut self) {
        self.theirs = None;
    }

    /// To whatever is in the foreground, where that is not the program itself.
    pub(super) fn signal_foreground(&self, signal: Signal, program: Option<u32>) {
        let group = self.foreground().filter(|group| *group > 1 && u32::try_from(*group).ok() != program);
        if let Some(group) = group {
            let _ = killpg(Pid::from_raw(group), signal);
        }
    }
}

/// Ends every process of the terminal's session (in the system's sense): a shell gives each command a group of its own.
pub(super) fn kill_session(leader: u32) {
    #[cfg(target_os = "linux")]
    {
        let session_of = |pid: i32| -> Option<u32> {
            let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            text.rsplit_once(')')?.1.split_whitespace().nth(3)?.parse().ok()
        };
        let Ok(processes) = std::fs::read_dir("/proc") else { return };
        let pids = processes.flatten().filter_map(|process| process.file_name().to_str()?.parse::<i32>().ok());
        for pid in pids.filter(|pid| *pid > 1 && session_of(*pid) == Some(leader)) {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = leader;
}
