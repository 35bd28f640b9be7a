//! The screen of a program in a terminal, kept so that whoever comes later sees it: both screens, colours, cursor, margins, and the modes
//! that change what keys send.
//!
//! The grid is `avt`'s. What that leaves out because it shows nowhere (pasting, mouse, keypad, the cursor's form), and what a program
//! asks of its terminal, is read off the same sequences in `modes.rs`.

mod modes;

use avt::parser::{Function, State};
use avt::{InvalidSize, Parser, ScreenKind, Terminal};
use modes::{Asked, Modes};
use std::collections::VecDeque;
use unicode_width::UnicodeWidthChar;

/// The most cells a screen has. Each takes 20 bytes, and there are two of them.
pub const MAX_CELLS: usize = 128 * 1024;
/// What is kept of a sequence that has not ended; longer ones are texts for the terminal, and mean nothing here. Bytes.
const SEQUENCE: usize = 256;
/// Answers that may wait. Whoever asks for more is not answered.
const ANSWERS: usize = 64;

/// A terminal without a picture.
pub struct Screen {
    grid: Terminal,
    parser: Parser,
    modes: Modes,
    /// The sequence that has begun, from its first byte.
    sequence: Vec<u8>,
    /// The beginning of a character that has not come whole.
    cut: Vec<u8>,
    /// What came of a sequence that has begun: it may be the one that goes to the other screen.
    held: Vec<u8>,
    /// Bytes drawn on the other screen since it was entered.
    drew: u64,
    answers: VecDeque<Vec<u8>>,
    rang: bool,
}

impl std::fmt::Debug for Screen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Screen").field("size", &self.grid.size()).finish_non_exhaustive()
    }
}

/// What became of what was written.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Fed {
    /// What was written on the main screen: text that goes on, as of a program without a screen of its own.
    pub written: Vec<u8>,
    /// The other screen was left, after so many bytes had been drawn there.
    pub left: Option<u64>,
}

impl Screen {
    /// An empty one.
    ///
    /// # Errors
    /// Where there would be nothing of it.
    pub fn new(rows: u16, columns: u16) -> Result<Self, InvalidSize> {
        let (rows, columns) = bounded(rows, columns);
        Ok(Self {
            grid: Terminal::new(columns, rows)?,
            parser: Parser::new(),
            modes: Modes::default(),
            sequence: Vec::new(),
            cut: Vec::new(),
            held: Vec::new(),
            drew: 0,
            answers: VecDeque::new(),
            rang: false,
        })
    }

    /// The grid, for whoever draws it.
    #[must_use]
    pub const fn grid(&self) -> &Terminal {
        &self.grid
    }

    /// Rows and columns.
    #[must_use]
    pub fn size(&self) -> (u16, u16) {
        let (columns, rows) = self.grid.size();
        (u16::try_from(rows).unwrap_or(u16::MAX), u16::try_from(columns).unwrap_or(u16::MAX))
    }

    /// Gives it another size.
    pub fn resize(&mut self, rows: u16, columns: u16) {
        let (rows, columns) = bounded(rows, columns);
        self.grid.resize(columns, rows);
    }

    /// What sets the modes that show nowhere, in a terminal that was just reset.
    #[must_use]
    pub fn modes(&self) -> String {
        self.modes.dump()
    }

    /// A program that draws has the whole screen.
    #[must_use]
    pub fn is_drawn(&self) -> bool {
        self.grid.active_screen_kind() == ScreenKind::Alternate
    }

    /// What draws all of it in a terminal of this size that was just reset, and leaves that as this one is: also in the middle of a
    /// sequence or a character.
    #[must_use]
    pub fn dump(&self) -> Vec<u8> {
        let mut dump = self.grid.dump().into_bytes();
        dump.extend_from_slice(self.modes.dump().as_bytes());
        dump.extend_from_slice(&self.sequence);
        if self.sequence.len() >= SEQUENCE && self.parser.state == State::Escape {
            dump.push(0x1b);
        }
        dump.extend_from_slice(&self.cut);
        dump
    }

    /// The bell rang since this was asked last.
    pub const fn take_bell(&mut self) -> bool {
        std::mem::replace(&mut self.rang, false)
    }

    /// The next answer to what the program asked of its terminal.
    pub fn answer(&mut self) -> Option<Vec<u8>> {
        self.answers.pop_front()
    }

    /// The program wrote this.
    pub fn feed(&mut self, bytes: &[u8]) -> Fed {
        let mut all = std::mem::take(&mut self.cut);
        all.extend_from_slice(bytes);
        let mut fed = Fed::default();
        let mut chunks = all.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            let mut buffer = [0; 4];
            for char in chunk.valid().chars() {
                self.char(char, char.encode_utf8(&mut buffer).as_bytes(), &mut fed);
            }
            let broken = chunk.invalid();
            if broken.is_empty() {
                continue;
            }
            let unfinished = std::str::from_utf8(broken).is_err_and(|why| why.error_len().is_none());
            if chunks.peek().is_none() && unfinished {
                self.cut = broken.to_vec();
            } else {
                self.char(char::REPLACEMENT_CHARACTER, broken, &mut fed);
            }
        }
        fed
    }

    /// Nothing more will come: what was held back.
    pub fn finish(&mut self) -> Fed {
        let mut written = std::mem::take(&mut self.held);
        written.append(&mut self.cut);
        if !self.is_drawn() {
            return Fed { written, left: None };
        }
        Fed { written: Vec::new(), left: Some(std::mem::take(&mut self.drew)) }
    }

    fn char(&mut self, char: char, bytes: &[u8], fed: &mut Fed) {
        let was_drawn = self.is_drawn();
        self.rang |= char == '\x07' && self.parser.state == State::Ground;
        // What takes no place of its own has none in a grid: the sign before it stands for both.
        if self.parser.state == State::Ground && char.width() == Some(0) {
            return self.put(was_drawn, bytes, fed);
        }
        let begun = !self.sequence.is_empty();
        if let Some(function) = self.parser.feed(char) {
            self.execute(function);
        }
        if self.parser.state != State::Ground {
            if self.sequence.len() < SEQUENCE {
                self.sequence.extend_from_slice(bytes);
            }
            if was_drawn || self.held.len() >= SEQUENCE {
                let held = std::mem::take(&mut self.held);
                self.put(was_drawn, &held, fed);
                return self.put(was_drawn, bytes, fed);
            }
            return self.held.extend_from_slice(bytes);
        }
        if begun {
            self.sequence.extend_from_slice(bytes);
            self.ended();
        }
        let held = std::mem::take(&mut self.held);
        match (was_drawn, self.is_drawn()) {
            (false, true) => self.drew += (held.len() + bytes.len()) as u64,
            (true, false) => {
                self.drew += (held.len() + bytes.len()) as u64;
                fed.left = Some(fed.left.unwrap_or(0) + std::mem::take(&mut self.drew));
            }
            (drawn, _) => {
                self.put(drawn, &held, fed);
                self.put(drawn, bytes, fed);
            }
        }
    }

    fn put(&mut self, drawn: bool, bytes: &[u8], fed: &mut Fed) {
        if drawn {
            self.drew += bytes.len() as u64;
        } else {
            fed.written.extend_from_slice(bytes);
        }
    }

    fn execute(&mut self, function: Function) {
        match function {
            // A few bytes must not be made many thousand characters: more than a screen of one of them changes nothing.
            Function::Rep(n) => {
                let (columns, rows) = self.grid.size();
                let most = u16::try_from(columns * rows).unwrap_or(u16::MAX);
                self.grid.execute(Function::Rep(n.min(most)));
            }
            Function::Ris => {
                self.modes = Modes::default();
                self.grid.execute(Function::Ris);
            }
            other => self.grid.execute(other),
        }
    }

    /// A sequence has come whole.
    fn ended(&mut self) {
        let sequence = std::mem::take(&mut self.sequence);
        let Some(asked) = self.modes.hear(&sequence) else { return };
        if self.answers.len() >= ANSWERS {
            return;
        }
        let answer = match asked {
            Asked::Fine => "\x1b[0n".to_owned(),
            Asked::Cursor => {
                let cursor = self.grid.cursor();
                format!("\x1b[{};{}R", cursor.row + 1, cursor.col.min(self.grid.size().0.saturating_sub(1)) + 1)
            }
            // A VT100 with its options, as the programs that sit between programs and terminals say.
            Asked::Kind => "\x1b[?1;2c".to_owned(),
            Asked::Version => "\x1b[>0;0;0c".to_owned(),
        };
        self.answers.push_back(answer.into_bytes());
    }
}

/// At least one cell, and no more than may be.
fn bounded(rows: u16, columns: u16) -> (usize, usize) {
    let columns = usize::from(columns.max(1));
    (usize::from(rows.max(1)).min((MAX_CELLS / columns).max(1)), columns)
}

#[cfg(test)]
mod tests;
