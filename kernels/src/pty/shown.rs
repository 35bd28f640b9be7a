//! What the terminal shows, for whoever looks at it as it is, and what such a person types.

use super::PtyKernel;
use crate::screen::{Fed, Screen};
use rialto_protocol::kernel::{KernelEvent, Shown, ToTerminal};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Typed and not yet read by the program; what comes beyond is dropped with a beep, as terminals do. Bytes.
const MOST_TYPED: usize = 64 * 1024;

pub(super) struct Look {
    screen: Screen,
    /// Somebody looks.
    shown: bool,
}

impl Look {
    pub(super) fn new(rows: u16, columns: u16) -> Result<Self, String> {
        let screen = Screen::new(rows, columns).map_err(|why| why.to_string())?;
        Ok(Self { screen, shown: false })
    }

    pub(super) fn is_drawn(&self) -> bool {
        self.screen.is_drawn()
    }

    /// What programs write is the one input that nobody vouches for: a fault in reading it costs the picture, not the session.
    fn hear(&mut self, bytes: &[u8]) -> Fed {
        let screen = &mut self.screen;
        if let Ok(fed) = catch_unwind(AssertUnwindSafe(|| screen.feed(bytes))) {
            return fed;
        }
        let (rows, columns) = self.screen.size();
        if let Ok(empty) = Screen::new(rows, columns) {
            self.screen = empty;
        }
        Fed { written: bytes.to_vec(), left: None }
    }

    fn told(&self) -> KernelEvent {
        let (rows, columns) = self.screen.size();
        KernelEvent::Terminal(Shown::Screen { rows, columns, data: self.screen.dump() })
    }
}

impl PtyKernel {
    /// The program wrote this. What it draws on a screen of its own is state: it is shown, and is no output.
    pub(super) fn heard(&mut self, bytes: &[u8]) {
        let fed = self.seen.hear(bytes);
        if self.seen.shown {
            self.talk.told.push_back(KernelEvent::Terminal(Shown::Drawn(bytes.to_vec())));
        }
        self.tell(fed);
        while let Some(answer) = self.seen.screen.answer() {
            // Whoever has its lines gathered by the terminal does not read an answer: it would stand there as if it had been typed.
            if !self.tty.modes().lines && self.talk.typed.len() < MOST_TYPED {
                self.talk.typed.extend_from_slice(&answer);
            }
        }
    }

    pub(super) fn tell(&mut self, fed: Fed) {
        if let Some(drawn) = fed.left.filter(|drawn| *drawn > 0) {
            self.talk.drew(drawn);
        }
        self.talk.heard(&fed.written);
    }

    /// The program has ended.
    pub(super) fn last_words(&mut self) {
        let fed = self.seen.screen.finish();
        self.tell(fed);
    }

    pub(super) fn tell_terminal(&mut self, command: ToTerminal) {
        match command {
            ToTerminal::Keys(keys) if self.talk.typed.len() + keys.len() > MOST_TYPED => {
                if self.seen.shown {
                    self.talk.told.push_back(KernelEvent::Terminal(Shown::Drawn(b"\x07".to_vec())));
                }
            }
            ToTerminal::Keys(keys) => self.talk.keys(&keys),
            ToTerminal::Resize { rows, columns } => {
                self.seen.screen.resize(rows, columns);
                let (rows, columns) = self.seen.screen.size();
                self.tty.resize(rows, columns);
                if self.seen.shown {
                    self.talk.told.push_back(self.seen.told());
                }
            }
            ToTerminal::Show => {
                self.seen.shown = true;
                self.talk.told.push_back(self.seen.told());
            }
            ToTerminal::Hide => self.seen.shown = false,
        }
    }
}
