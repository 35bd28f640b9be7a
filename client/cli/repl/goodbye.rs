//! Leaving: what still runs, and how to come back.

use super::{Repl, resume};
use std::time::Instant;

impl Repl {
    /// Says that we leave and nothing ends.
    pub(super) fn detached(&mut self) {
        let runs = match (self.evals.running().and_then(|n| self.evals.headline(n)), self.evals.waiting()) {
            (None, _) => "it lives on".to_owned(),
            (Some(line), 0) => format!("it lives on, and so does what runs in it: {line}"),
            (Some(line), waiting) => format!("it lives on, and so does what runs in it ({waiting} more wait): {line}"),
        };
        let runs = runs + &self.not_sent();
        let text = format!("detached from {}; {runs}. Come back with: {}", self.name, self.way_back());
        self.talk(&text);
    }

    /// The command that comes back here.
    fn way_back(&self) -> String {
        if let Some(way) = crate::facade::way_back(&self.name) {
            return way;
        }
        let at = self.place.at().filter(|at| std::env::var("RIALTO_AT").ok().as_deref() != Some(at.as_str()));
        let at = at.map_or_else(String::new, |at| if at.contains(' ') { format!("--at '{at}' ") } else { format!("--at {at} ") });
        format!("rialto {at}{}", self.name)
    }

    /// The terminal is left as it was found, and how far this user has seen is noted.
    pub(super) fn leave_terminal(&mut self) {
        let _ = self.screen.leave(Instant::now());
        self.note_seen();
        self.note_draft();
        self.leave_notes();
    }

    /// What the next terminal need not know is forgotten.
    pub(super) fn leave_notes(&self) {
        if let Some(kept) = &self.kept {
            kept.get().leave();
        }
    }

    pub(super) fn note_seen(&self) {
        if let (Some(id), Some(cursor)) = (self.session.id(), self.session.cursor()) {
            resume::note(&self.place, id, cursor);
        }
    }
}
