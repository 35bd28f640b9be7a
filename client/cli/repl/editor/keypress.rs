//! One key without Enter: the answer to a question of ours. What was typed before the question came does not answer it.

use super::Typed;
use super::state::State;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::termios::{FlushArg, LocalFlags, SetArg, SpecialCharacterIndices as Special, tcflush, tcgetattr, tcsetattr};
use std::io::{PipeReader, Write, stdin, stdout};
use std::os::fd::AsFd;

/// Asks, and waits for one of these; a capital letter and its small one are the same.
pub(super) fn ask(question: &str, choices: &str, wake: &PipeReader, state: &State) -> Typed {
    say(question);
    let typed = read(choices, wake, state).unwrap_or_else(|e| Typed::Failed(e.to_string()));
    let shown = if let Typed::Key(key) = &typed { key.to_string() } else { String::new() };
    say(&(shown + "\n"));
    typed
}

/// Nobody may hold the lock while a key is waited for: whoever gives the question up may have to show something first.
fn say(text: &str) {
    let mut out = stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

fn read(choices: &str, wake: &PipeReader, state: &State) -> std::io::Result<Typed> {
    let keyboard = stdin();
    let fd = keyboard.as_fd();
    let before = tcgetattr(fd)?;
    let mut raw = before.clone();
    raw.local_flags.remove(LocalFlags::ICANON | LocalFlags::ECHO | LocalFlags::ISIG);
    for (at, value) in [(Special::VMIN, 1), (Special::VTIME, 0)] {
        if let Some(control) = raw.control_chars.get_mut(at as usize) {
            *control = value;
        }
    }
    tcsetattr(fd, SetArg::TCSADRAIN, &raw)?;
    let _ = tcflush(fd, FlushArg::TCIFLUSH);
    let typed = wait(fd, choices, wake, state);
    tcsetattr(fd, SetArg::TCSADRAIN, &before)?;
    typed
}

fn wait(fd: std::os::fd::BorrowedFd<'_>, choices: &str, wake: &PipeReader, state: &State) -> std::io::Result<Typed> {
    loop {
        if state.cancelled() {
            return Ok(Typed::Cancelled);
        }
        let mut fds = [PollFd::new(fd, PollFlags::POLLIN), PollFd::new(wake.as_fd(), PollFlags::POLLIN)];
        match poll(&mut fds, PollTimeout::NONE) {
            Err(nix::errno::Errno::EINTR) => continue,
            Err(e) => return Err(e.into()),
            Ok(_) => {}
        }
        let [keys, woken] = fds.map(|fd| fd.any().unwrap_or(false));
        if woken {
            let _ = nix::unistd::read(wake, &mut [0; 64]);
        }
        if !keys {
            continue;
        }
        let mut byte = [0; 1];
        if nix::unistd::read(fd, &mut byte)? == 0 {
            return Ok(Typed::Eof);
        }
        let key = char::from(byte.first().copied().unwrap_or(0)).to_ascii_lowercase();
        match key {
            '\x03' => return Ok(Typed::Interrupted),
            '\x04' => return Ok(Typed::Eof),
            '\x1c' => return Ok(Typed::Quit),
            key if choices.contains(key) => return Ok(Typed::Key(key)),
            _ => {}
        }
    }
}
