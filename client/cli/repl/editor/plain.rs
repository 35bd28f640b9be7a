//! Reading where no line can be edited: a pipe, or a terminal that knows no escape sequences (Emacs' comint). What is shown
//! is the prompt, and nothing moves.

use super::ask::Asker;
use super::keys::{for_nobody_to_judge, to_judge};
use super::prompt::continuation_alone;
use super::state::State;
use super::{Kind, Read, Typed, keypress};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::termios::{LocalFlags, SetArg, tcgetattr, tcsetattr};
use rialto_client::protocol::kernel::Completeness;
use std::io::{PipeReader, Write, stdin, stdout};
use std::os::fd::AsFd;

/// The longest line that is taken. Bytes.
const LONGEST: usize = 16 * 1024 * 1024;

/// Stdin, line by line.
pub(super) struct Plain {
    bytes: Vec<u8>,
    ended: bool,
    wake: PipeReader,
}

enum Line {
    Text(String),
    Eof,
    Cancelled,
}

impl Plain {
    pub(super) fn new(wake: PipeReader) -> Self {
        Self { bytes: Vec::new(), ended: false, wake }
    }

    pub(super) fn read(&mut self, read: &Read, asker: &Asker, state: &State) -> Typed {
        let prompt: String = read.prompt.chars().filter(|c| !c.is_control() || *c == '\t').collect();
        let typed = match &read.kind {
            Kind::Code => self.entry(&prompt, asker, state),
            Kind::Input => self.line(&prompt, state).map(|line| said(line, Typed::Line)),
            Kind::Secret => self.secret(&prompt, state),
            Kind::Key { question, choices } => self.line(question, state).map(|line| {
                let key = |text: String| {
                    let key = text.trim().chars().next();
                    key.map_or_else(|| keypress::otherwise(choices), |key| keypress::chosen(choices, key))
                };
                match line {
                    Line::Text(text) => key(text).map_or(Typed::Interrupted, Typed::Key),
                    other => said(other, Typed::Line),
                }
            }),
        };
        typed.unwrap_or_else(|e| Typed::Failed(e.to_string()))
    }

    /// Lines until they are complete. What a pipe holds at its end is run as it is.
    fn entry(&mut self, prompt: &str, asker: &Asker, state: &State) -> std::io::Result<Typed> {
        let mut entry = String::new();
        let mut shown = prompt.to_owned();
        loop {
            match self.line(&shown, state)? {
                Line::Cancelled => return Ok(Typed::Cancelled),
                Line::Eof if entry.trim().is_empty() => return Ok(Typed::Eof),
                Line::Eof => return Ok(Typed::Entry(entry)),
                Line::Text(line) => entry.push_str(&line),
            }
            let complete = for_nobody_to_judge(&entry)
                || entry.len() > LONGEST
                || !matches!(asker.judge(to_judge(&entry)), Completeness::Incomplete { .. });
            if complete {
                return Ok(Typed::Entry(entry));
            }
            entry.push('\n');
            shown = continuation_alone(prompt);
        }
    }

    /// A line that is not echoed, where it is a terminal that would.
    fn secret(&mut self, prompt: &str, state: &State) -> std::io::Result<Typed> {
        let keyboard = stdin();
        let Ok(before) = tcgetattr(keyboard.as_fd()) else {
            return self.line(prompt, state).map(|line| said(line, Typed::Line));
        };
        let mut hidden = before.clone();
        hidden.local_flags.remove(LocalFlags::ECHO);
        tcsetattr(keyboard.as_fd(), SetArg::TCSADRAIN, &hidden)?;
        let line = self.line(prompt, state);
        tcsetattr(keyboard.as_fd(), SetArg::TCSADRAIN, &before)?;
        let _ = writeln!(stdout());
        line.map(|line| said(line, Typed::Line))
    }

    fn line(&mut self, prompt: &str, state: &State) -> std::io::Result<Line> {
        let mut out = stdout().lock();
        out.write_all(prompt.as_bytes()).and_then(|()| out.flush())?;
        drop(out);
        loop {
            if let Some(end) = self.bytes.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.bytes.drain(..=end).collect();
                let line = String::from_utf8_lossy(&line).into_owned();
                return Ok(Line::Text(line.trim_end_matches(['\n', '\r']).to_owned()));
            }
            if self.ended || self.bytes.len() > LONGEST {
                // A terminal says its end once, for this read; a pipe's stays.
                self.ended &= tcgetattr(stdin().as_fd()).is_err();
                let rest = String::from_utf8_lossy(&std::mem::take(&mut self.bytes)).into_owned();
                return Ok(if rest.is_empty() { Line::Eof } else { Line::Text(rest) });
            }
            if state.cancelled() {
                if tcgetattr(stdin().as_fd()).is_ok() {
                    writeln!(stdout())?;
                }
                return Ok(Line::Cancelled);
            }
            self.more()?;
        }
    }

    fn more(&mut self) -> std::io::Result<()> {
        let keyboard = stdin();
        let mut fds = [PollFd::new(keyboard.as_fd(), PollFlags::POLLIN), PollFd::new(self.wake.as_fd(), PollFlags::POLLIN)];
        match poll(&mut fds, PollTimeout::NONE) {
            Err(nix::errno::Errno::EINTR) => return Ok(()),
            Err(e) => return Err(e.into()),
            Ok(_) => {}
        }
        let [keys, woken] = fds.map(|fd| fd.any().unwrap_or(false));
        if woken {
            let _ = nix::unistd::read(&self.wake, &mut [0; 64]);
        }
        if keys {
            let mut chunk = [0; 4096];
            let n = nix::unistd::read(keyboard.as_fd(), &mut chunk)?;
            self.ended = n == 0;
            self.bytes.extend_from_slice(chunk.get(..n).unwrap_or_default());
        }
        Ok(())
    }
}

fn said(line: Line, text: impl FnOnce(String) -> Typed) -> Typed {
    match line {
        Line::Text(line) => text(line),
        Line::Eof => Typed::Eof,
        Line::Cancelled => Typed::Cancelled,
    }
}
