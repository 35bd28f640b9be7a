//! What comes from the program: what was typed is taken off, whole lines are told, the rest is kept.

use super::super::plain::{is_echo, without_pasting};
use super::{EARLY, FENCE, LINE, SETTLE, State, Talk};
use rialto_protocol::data::{Run, Stream};
use rialto_protocol::kernel::{KernelEvent, OUTPUT_CHUNK};
use std::time::Duration;

impl Talk {
    /// The program wrote this.
    pub(in crate::pty) fn heard(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if std::mem::take(&mut self.held_return) && byte != b'\n' {
                self.line.push(b'\r');
            }
            match byte {
                b'\r' => self.held_return = true,
                3 if self.interrupts > 0 => self.interrupts -= 1,
                _ => self.line.push(byte),
            }
        }
        self.sort();
        self.reads = None;
        self.look_in = Some(SETTLE);
    }

    /// What it wrote just before it began to read may still be on its way through the system: it is to have come.
    pub(super) fn still_reads(&mut self, quiet: Duration) -> bool {
        let first = self.reads.map_or(quiet, |first| first.min(quiet));
        self.reads = Some(first);
        if quiet.saturating_sub(first) < FENCE {
            self.look_in = Some(FENCE);
            return false;
        }
        true
    }

    /// Takes off what was typed, tells whole lines, keeps the rest.
    pub(super) fn sort(&mut self) {
        while let Some(echo) = &mut self.echo {
            let Some(at) = self.line.iter().position(|byte| *byte == b'\n') else {
                if self.line.len() > LINE + echo.typed.len() * 4 {
                    self.echo = None;
                    break;
                }
                return;
            };
            let came = self.line.get(..at).unwrap_or_default();
            if is_echo(came, &echo.typed) {
                self.line.drain(..=at);
                self.echo = None;
                if let State::Starting { broke, .. } = &mut self.state {
                    *broke = true;
                }
                break;
            }
            // Something was written between.
            echo.lines -= 1;
            if echo.lines == 0 {
                self.echo = None;
            }
            let before: Vec<u8> = self.line.drain(..=at).collect();
            self.tell(&before);
        }
        if let Some(at) = self.line.iter().rposition(|byte| *byte == b'\n') {
            let whole: Vec<u8> = self.line.drain(..=at).collect();
            if let State::Starting { broke, .. } = &mut self.state {
                *broke = true;
            }
            self.tell(&whole);
        }
        if self.line.len() > LINE {
            self.tell_line(self.line.len() - LINE / 4);
        }
    }

    /// Tells so much of the line that has not ended, up to a border of characters.
    pub(super) fn tell_line(&mut self, upto: usize) {
        let mut end = upto.min(self.line.len());
        // A character has at most three bytes after its first.
        for _ in 0..3 {
            if self.line.get(end).is_some_and(|byte| byte & 0xc0 == 0x80) {
                end -= 1;
            }
        }
        let front: Vec<u8> = self.line.drain(..end).collect();
        self.tell(&front);
    }

    /// The line as it is, but for a character that has not come whole.
    pub(super) fn tell_partial(&mut self) {
        let whole = match std::str::from_utf8(&self.line) {
            Err(why) if why.error_len().is_none() => why.valid_up_to(),
            _ => self.line.len(),
        };
        self.tell_line(whole);
    }

    pub(super) fn tell(&mut self, bytes: &[u8]) {
        let bytes = &*without_pasting(bytes);
        if bytes.is_empty() {
            return;
        }
        if let State::Starting { begun, probed, .. } = &self.state {
            // What its first lines brought about is nobody's.
            if !begun && *probed == 0 {
                self.early.extend_from_slice(bytes);
                self.early.drain(..self.early.len().saturating_sub(EARLY));
            }
            return;
        }
        for piece in bytes.chunks(OUTPUT_CHUNK / 2) {
            let runs = vec![Run { stream: Stream::Stdout, data: piece.to_vec().into() }];
            self.told.push_back(KernelEvent::Output { n: self.n, background: self.background, runs });
        }
    }

    /// The last words of a program that has ended.
    pub(in crate::pty) fn ended(&mut self) {
        self.echo = None;
        self.sort();
        let all = std::mem::take(&mut self.line);
        self.tell(&all);
    }

    /// What it said, where it never became ready.
    pub(in crate::pty) fn said_early(&self) -> Option<String> {
        let State::Starting { .. } = self.state else { return None };
        Some(String::from_utf8_lossy(&self.early).trim().to_owned())
    }

    /// What has come of the line it is at.
    pub(in crate::pty) fn last_line(&self) -> Vec<u8> {
        self.line.clone()
    }
}
