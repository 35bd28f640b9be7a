//! Whose the terminal is: the shell's before we came and while we are stopped, ours meanwhile. Where nothing is read it echoes
//! nothing: what is typed ahead waits, in the order it was typed, for whoever reads next, and stands in nobody's output.
//!
//! Ctrl-Z: the library signals the whole group and draws on: in a process of several threads it may have taken the terminal
//! again before it stops. A signal that cannot be caught, to this thread, stops the process before the call returns.

use nix::sys::signal::{Signal, raise};
use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};
use nix::unistd::{getpgrp, tcgetpgrp};
use std::io::{Write, stdin, stdout};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, PoisonError};

/// Asks for marks around what is pasted.
pub(super) const MARKS_OF_A_PASTE: &str = "\x1b[?2004h";

/// The terminal as the shell had it.
#[derive(Clone, Default)]
pub(crate) struct Before(Arc<Mutex<Option<Termios>>>);

impl Before {
    pub(super) fn here() -> Self {
        Self(Arc::new(Mutex::new(tcgetattr(stdin().as_fd()).ok())))
    }

    /// Takes it, to read no line: as the shell had it, but silent. A paste keeps its marks, so that it is one when it is read.
    pub(super) fn quiet(&self) {
        // A process in the background that touches the terminal is stopped.
        if !super::can_edit() || tcgetpgrp(stdin().as_fd()).is_ok_and(|front| front != getpgrp()) {
            return;
        }
        if let Some(before) = self.0.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            let mut quiet = before.clone();
            quiet.local_flags.remove(LocalFlags::ECHO | LocalFlags::ECHONL);
            let _ = tcsetattr(stdin().as_fd(), SetArg::TCSADRAIN, &quiet);
            say(MARKS_OF_A_PASTE);
        }
    }

    /// Ctrl-Z where no line is edited.
    pub(crate) fn stop(&self) {
        self.restore();
        let _ = raise(Signal::SIGSTOP);
        self.quiet();
    }

    /// Gives the terminal back, whatever has become of it.
    pub(super) fn restore(&self) {
        if let Some(before) = self.0.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            let _ = tcsetattr(stdin().as_fd(), SetArg::TCSADRAIN, before);
            say("\x1b[?2004l\x1b[?25h");
        }
    }

    /// Stops until the shell says to go on. What is drawn next clears as many rows above as the line has newlines.
    pub(super) fn suspend(&self, line: &str) {
        let Ok(raw) = tcgetattr(stdin().as_fd()) else { return };
        say("\r\n");
        self.restore();
        let _ = raise(Signal::SIGSTOP);
        let _ = tcsetattr(stdin().as_fd(), SetArg::TCSADRAIN, &raw);
        say(MARKS_OF_A_PASTE);
        say(&"\r\n".repeat(line.matches('\n').count()));
    }
}

pub(super) fn say(text: &str) {
    let mut out = stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
