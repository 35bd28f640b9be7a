//! The terminal we are in: taken whole, and given back whatever happens.

use nix::sys::termios::{SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr};
use std::io::{IsTerminal, Write, stdin, stdout};
use std::os::fd::AsFd;

/// A screen of our own, empty: the one before is there again afterwards.
const TAKE: &str = "\x1b[?1049h\x1b[m\x1b[H\x1b[2J";
/// Modes that a program may have had set, and that no shell should find.
pub(super) const NO_MODES: &str =
    "\x1b[?9l\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1004l\x1b[?1005l\x1b[?1006l\x1b[?1015l\x1b[?2004l\x1b[?1l\x1b>\x1b[0 q";
const GIVE: &str = "\x1b[m\x1b[?25h\x1b[?1049l";

/// Ours until it is dropped, also where that is because of a panic.
pub(super) struct Taken {
    before: Termios,
}

/// Both ends are a terminal.
pub(super) fn is_here() -> bool {
    stdin().is_terminal() && stdout().is_terminal()
}

/// Its rows and columns.
pub(super) fn size() -> (u16, u16) {
    let size = rustix::termios::tcgetwinsize(stdout()).ok().filter(|size| size.ws_row > 0 && size.ws_col > 0);
    size.map_or((24, 80), |size| (size.ws_row, size.ws_col))
}

impl Taken {
    pub(super) fn take() -> std::io::Result<Self> {
        let taken = Self { before: tcgetattr(stdin().as_fd())? };
        taken.again()?;
        Ok(taken)
    }

    /// After it was somebody else's: we were stopped.
    pub(super) fn again(&self) -> std::io::Result<()> {
        let mut raw = self.before.clone();
        cfmakeraw(&mut raw);
        tcsetattr(stdin().as_fd(), SetArg::TCSADRAIN, &raw)?;
        say(TAKE)
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        let _ = say(NO_MODES).and_then(|()| say(GIVE));
        // What was typed and not read is for nobody: a shell would run it.
        let _ = tcsetattr(stdin().as_fd(), SetArg::TCSAFLUSH, &self.before);
    }
}

fn say(text: &str) -> std::io::Result<()> {
    let mut out = stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush())
}
