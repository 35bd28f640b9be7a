//! One key without Enter: the answer to a question of ours. What was typed before the question came does not answer it.

use super::Typed;
use super::state::State;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::termios::{FlushArg, LocalFlags, SetArg, SpecialCharacterIndices as Special, tcflush, tcgetattr, tcsetattr};
use std::io::{PipeReader, Write, stdin, stdout};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Mutex, PoisonError};

/// The rest of a key that sends more than one byte comes within this. Milliseconds.
const REST_OF_KEY: u8 = 30;

/// No key sends more bytes.
const LONGEST_KEY: usize = 16;

/// The question that stands on the screen, by its lines. Whoever shows something meanwhile shows it above that.
#[derive(Debug, Default)]
pub(super) struct Standing(Mutex<Option<String>>);

impl Standing {
    /// False where no question stands.
    pub(super) fn above(&self, text: &str) -> bool {
        let standing = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(question) = standing.as_ref() else { return false };
        say(&format!("{}{text}{question}", erased(question)));
        true
    }

    fn put(&self, question: String) {
        let mut standing = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        say(&question);
        *standing = Some(question);
    }

    /// It was answered so; or it is moot, and goes.
    fn end(&self, answer: Option<String>) {
        let mut standing = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match (answer, standing.take()) {
            (Some(answer), _) => say(&(answer + "\n")),
            (None, Some(question)) => say(&erased(&question)),
            (None, None) => {}
        }
    }
}

/// Takes it from the screen: the cursor is behind it.
fn erased(question: &str) -> String {
    let rows = question.matches('\n').count();
    if rows > 0 { format!("\x1b[{rows}A\r\x1b[J") } else { "\r\x1b[J".to_owned() }
}

/// Asks, and waits for one of these. A capital letter is the answer of Enter and Esc; typed, it is the same as its small one.
pub(super) fn ask(question: &str, choices: &str, wake: &PipeReader, state: &State) -> Typed {
    // In lines of its own making: of those that a terminal makes nobody knows where they begin.
    let columns = super::columns();
    let asked = textwrap::fill(question.trim_end(), columns.saturating_sub(3).max(8)) + " ";
    let typed = read(asked, choices, wake, state).unwrap_or_else(|e| Typed::Failed(e.to_string()));
    state.standing.end(match &typed {
        Typed::Key(key) => Some(key.to_string()),
        Typed::Cancelled => None,
        _ => Some(String::new()),
    });
    typed
}

/// Nobody may hold the lock while a key is waited for: whoever gives the question up may have to show something first.
fn say(text: &str) {
    let mut out = stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

fn read(asked: String, choices: &str, wake: &PipeReader, state: &State) -> std::io::Result<Typed> {
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
    // Only now: whoever sees it may answer it.
    state.standing.put(asked);
    let typed = wait(fd, choices, wake, state);
    tcsetattr(fd, SetArg::TCSADRAIN, &before)?;
    typed
}

fn wait(fd: BorrowedFd<'_>, choices: &str, wake: &PipeReader, state: &State) -> std::io::Result<Typed> {
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
        let key = char::from(byte.first().copied().unwrap_or(0));
        match key {
            '\x03' => return Ok(Typed::Interrupted),
            '\x04' => return Ok(Typed::Eof),
            '\x1c' => return Ok(Typed::Quit),
            // An arrow begins as Esc does, and answers nothing.
            '\x1b' if more(fd)? => {}
            '\x1b' | '\r' | '\n' => {
                if let Some(key) = otherwise(choices) {
                    return Ok(Typed::Key(key));
                }
            }
            key => {
                if let Some(key) = chosen(choices, key) {
                    return Ok(Typed::Key(key));
                }
            }
        }
    }
}

/// Takes the rest of a key that is more than one byte, and no byte of the next one. False where there is none.
fn more(fd: BorrowedFd<'_>) -> std::io::Result<bool> {
    let mut rest = 0;
    loop {
        let mut fds = [PollFd::new(fd, PollFlags::POLLIN)];
        if rest >= LONGEST_KEY || !matches!(poll(&mut fds, REST_OF_KEY), Ok(1..)) {
            return Ok(rest > 0);
        }
        let mut byte = [0; 1];
        if nix::unistd::read(fd, &mut byte)? == 0 {
            return Ok(rest > 0);
        }
        rest += 1;
        // A letter or `~` ends it, unless it is the one that says that more comes.
        let [byte] = byte;
        if matches!(byte, 0x40..=0x7e) && !(rest == 1 && matches!(byte, b'[' | b'O')) {
            return Ok(true);
        }
    }
}

/// The choice of this key.
pub(super) fn chosen(choices: &str, key: char) -> Option<char> {
    let key = key.to_ascii_lowercase();
    choices.chars().map(|choice| choice.to_ascii_lowercase()).find(|choice| *choice == key)
}

/// What Enter stands for.
pub(super) fn otherwise(choices: &str) -> Option<char> {
    choices.chars().find(char::is_ascii_uppercase).map(|choice| choice.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_capital_letter_is_what_enter_says() {
        assert_eq!((chosen("Wifd", 'w'), chosen("Wifd", 'F'), chosen("Wifd", 'x')), (Some('w'), Some('f'), None));
        assert_eq!((otherwise("Wifd"), otherwise("yN"), otherwise("yn")), (Some('w'), Some('n'), None));
    }

    #[test]
    fn a_question_of_several_lines_goes_whole() {
        assert_eq!(erased("one line "), "\r\x1b[J");
        assert_eq!(erased("two\nlines "), "\x1b[1A\r\x1b[J");
    }
}
