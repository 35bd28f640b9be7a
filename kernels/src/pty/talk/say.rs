//! What is typed, and when: the lines of an eval, an interrupt, an answer, a way out.

use super::super::tty::Modes;
use super::{BEFORE_ECHO, Echo, FENCE, Running, SETTLE, State, TYPED_LINE, Talk, unfinished};
use rialto_protocol::data::Failure;
use rialto_protocol::kernel::{DoneHow, Exec};
use std::collections::VecDeque;

impl Talk {
    pub(super) fn say(&mut self, line: &str, modes: Modes) {
        self.write(line);
        let seen = if modes.lines { modes.shows } else { self.echoes };
        let shown = self.echo_said.unwrap_or(seen);
        self.echo = shown.then(|| Echo { typed: line.to_owned(), lines: BEFORE_ECHO });
        self.at_prompt = false;
        self.reads = None;
        self.look_in = Some(SETTLE);
    }

    fn write(&mut self, line: &str) {
        for &byte in line.as_bytes() {
            // What steers the terminal or the program's own editor is quoted.
            if byte < 0x20 || byte == 0x7f {
                self.typed.push(0x16);
            }
            self.typed.push(byte);
        }
        self.typed.extend_from_slice(self.eol);
    }

    /// Begins an eval.
    pub(in crate::pty) fn exec(&mut self, exec: &Exec, modes: Modes) {
        if self.at_prompt {
            // What stands there came before.
            self.tell_partial();
        }
        self.next = Some(exec.n);
        if !(self.by_hand && self.prompts.known()) {
            self.begin_turn();
        }
        let lines: VecDeque<String> = self.known.language.lines(&exec.code).into();
        let mut running = Running {
            lines,
            code: exec.code.clone(),
            sent: false,
            interrupted: false,
            closed: false,
            cancelled: 0,
            failure: None,
            noted: false,
        };
        if exec.code.trim().is_empty() {
            running.lines.clear();
        }
        let nothing = running.lines.is_empty();
        self.state = State::Running(running);
        if self.known.language.is_whole(&exec.code) == Some(false) {
            self.remember(&exec.code);
            return self.end(DoneHow::Error(unfinished()), false);
        }
        if nothing {
            return self.end(DoneHow::Ok, false);
        }
        if self.at_prompt {
            self.next_line(modes);
        } else {
            self.look_in = Some(SETTLE);
        }
    }

    pub(super) fn next_line(&mut self, modes: Modes) {
        self.begin_turn();
        let State::Running(running) = &mut self.state else { return };
        running.sent = true;
        match running.lines.pop_front() {
            None => self.end_well(false),
            Some(line) if modes.lines && line.len() > TYPED_LINE => {
                let value = format!("a line has {} bytes, and this program reads at most {TYPED_LINE} in one", line.len());
                let failure = Failure { name: "LineTooLong".to_owned(), value, traceback: String::new() };
                running.lines.clear();
                if running.closed || self.at_prompt {
                    return self.end(DoneHow::Error(failure), false);
                }
                running.failure = Some(failure);
                self.take_back();
            }
            Some(line) => self.say(&line, modes),
        }
    }

    /// Takes back what is half typed.
    pub(super) fn take_back(&mut self) {
        let cancel = self.known.cancel;
        let State::Running(running) = &mut self.state else { return };
        running.cancelled += 1;
        match running.cancelled.checked_sub(2) {
            None => self.interrupt_key(),
            Some(n) if n < cancel.len().max(1) => {
                let line = cancel.get(n).copied().unwrap_or_default();
                self.write(line);
            }
            // It is not to be had back to its prompt. What comes next is typed nevertheless.
            Some(_) => {
                let failure = running.failure.take().unwrap_or_else(unfinished);
                self.end(DoneHow::Error(failure), true);
            }
        }
        self.look_in = Some(SETTLE);
    }

    fn interrupt_key(&mut self) {
        self.typed.clear();
        self.typed.push(3);
        self.interrupts = self.interrupts.saturating_add(1);
    }

    pub(in crate::pty) fn interrupt(&mut self) {
        if self.waits_for_hand() {
            return self.give_up_waiting();
        }
        let State::Running(running) = &mut self.state else { return };
        running.interrupted = true;
        running.lines.clear();
        self.asked = None;
        self.interrupt_key();
        self.look_in = Some(SETTLE);
    }

    pub(in crate::pty) fn fence(&mut self, number: u32) {
        self.fence = Some(number);
        self.look_in = Some(FENCE);
    }

    /// The answer to what the program reads.
    pub(in crate::pty) fn input(&mut self, ask: u64, data: &[u8], eof: bool, modes: Modes) {
        let Some((_, secret)) = self.asked.take_if(|(number, _)| *number == ask) else { return };
        if !data.is_empty() || !eof {
            let line = String::from_utf8_lossy(data).into_owned();
            self.say(&line, modes);
            if secret {
                self.echo = None;
            }
        }
        if eof {
            self.typed.push(4);
            self.reads = None;
        }
        self.look_in = Some(SETTLE);
    }

    /// Leaves the program in its own way.
    pub(in crate::pty) fn leave(&mut self) {
        match self.leave.clone().filter(|_| self.at_prompt) {
            Some(word) => self.write(&word),
            None => self.typed.push(4),
        }
    }
}
