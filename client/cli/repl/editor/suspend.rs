//! Ctrl-Z. The library signals the whole group and draws on: in a process of several threads it may have taken the terminal
//! again before it stops. A signal to this thread alone stops the process before the call returns.

use nix::sys::signal::{Signal, raise};
use nix::sys::termios::{SetArg, Termios, tcgetattr, tcsetattr};
use std::io::{Write, stdin, stdout};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, PoisonError};

/// The terminal as the shell had it.
#[derive(Clone, Default)]
pub(super) struct Before(Arc<Mutex<Option<Termios>>>);

impl Before {
    pub(super) fn here() -> Self {
        Self(Arc::new(Mutex::new(tcgetattr(stdin().as_fd()).ok())))
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
        let _ = raise(Signal::SIGTSTP);
        let _ = tcsetattr(stdin().as_fd(), SetArg::TCSADRAIN, &raw);
        say("\x1b[?2004h");
        say(&"\r\n".repeat(line.matches('\n').count()));
    }
}

fn say(text: &str) {
    let mut out = stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
