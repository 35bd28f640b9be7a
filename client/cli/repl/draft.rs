//! What is typed and not entered, kept for the terminal that comes after one that was killed.

use super::{Doing, Repl};
use std::time::{Duration, Instant};

/// How long keys are gathered before they are noted: a note is one small write, and none of them waits for the disk.
const PAUSE: Duration = Duration::from_millis(100);

impl Repl {
    /// A key was pressed.
    pub(super) fn typing(&mut self, now: Instant) {
        self.note_draft_at.get_or_insert(now + PAUSE);
    }

    /// Notes what stands there, if it is time to.
    pub(super) fn tick_draft(&mut self, now: Instant) {
        if self.note_draft_at.take_if(|at| *at <= now).is_some() {
            self.note_draft();
        }
    }

    /// What stands there now outlives this terminal.
    pub(super) fn note_draft(&mut self) {
        self.note_draft_at = None;
        if let (Doing::Reading, Some(kept)) = (self.doing, &self.kept) {
            kept.get().draft(self.keyboard.draft.text());
        }
    }

    /// It was entered, or taken back.
    pub(super) fn no_draft(&mut self) {
        self.keyboard.draft.is(String::new());
        self.note_draft_at = None;
        if let Some(kept) = &self.kept {
            kept.get().draft(String::new());
        }
    }

    /// What stands there when a read begins: what the one before left half-typed, once, and what was typed ahead.
    pub(super) fn begun(&mut self) -> String {
        let text = std::mem::take(&mut self.unfinished.half_typed);
        if !text.is_empty() {
            self.talk("what was half-typed when the terminal ended stands here again; Ctrl-C clears it");
        }
        let text = text + &self.screen.typed();
        self.keyboard.draft.is(text.clone());
        text
    }
}
