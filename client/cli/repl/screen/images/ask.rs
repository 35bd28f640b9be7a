//! Asks the terminal, on the terminal, while nobody else reads from it.

use super::detect::{QUESTIONS, Replies};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};
use std::io::{IsTerminal, Write};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

/// What it answers within this time. Nothing where it cannot be asked now: somebody has typed ahead, and what they typed stays
/// with the line editor as they typed it.
pub(super) fn ask(patience: Duration) -> Option<Replies> {
    let quiet = Quiet::new()?;
    if rustix::io::ioctl_fionread(std::io::stdin()).is_ok_and(|waiting| waiting > 0) {
        return None;
    }
    let mut out = std::io::stdout();
    out.write_all(QUESTIONS.as_bytes()).and_then(|()| out.flush()).ok()?;
    let mut replies = Replies::default();
    collect(&mut replies, patience);
    drop(quiet);
    Some(replies)
}

/// Listens on for answers that are late.
pub(super) fn listen(replies: &mut Replies, patience: Duration) {
    if let Some(_quiet) = Quiet::new() {
        collect(replies, patience);
    }
    replies.stop();
}

fn collect(replies: &mut Replies, patience: Duration) {
    let (stdin, end) = (std::io::stdin(), Instant::now() + patience);
    let mut bytes = [0; 1024];
    while !replies.over {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::ZERO);
        let mut ready = [PollFd::new(stdin.as_fd(), PollFlags::POLLIN)];
        if !matches!(poll(&mut ready, timeout), Ok(1..)) {
            return;
        }
        match rustix::io::read(&stdin, &mut bytes) {
            Ok(n @ 1..) => replies.feed(bytes.get(..n).unwrap_or_default()),
            _ => return,
        }
    }
    // What came behind the last answer was typed.
    replies.stop();
}

/// The terminal without echo and without lines, until this goes.
struct Quiet(Termios);

impl Quiet {
    fn new() -> Option<Self> {
        let stdin = std::io::stdin();
        if !stdin.is_terminal() {
            return None;
        }
        let before = tcgetattr(&stdin).ok()?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
        quiet.special_codes[SpecialCodeIndex::VMIN] = 0;
        quiet.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(&stdin, OptionalActions::Now, &quiet).ok()?;
        Some(Self(before))
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, &self.0);
    }
}
