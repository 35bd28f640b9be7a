//! What helps while typing: completions, a suggestion from the history, colours.

use super::ask::Asker;
use super::highlight::Painter;
use super::marks;
use super::prompt::Looks;
use super::recall::Shared;
use super::state::{Left, State};
use super::{Above, Kind, listing, paste, resize};
use rustyline::completion::Completer;
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::{Hint, Hinter};
use rustyline::{Context, Helper, Validator};
use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use unicode_width::UnicodeWidthStr;

pub(super) const DIM: &str = "\x1b[2m";
pub(super) const PLAIN: &str = "\x1b[0m";
/// One step of indent.
pub(super) const STEP: usize = 4;

#[derive(Helper, Validator)]
pub(super) struct Assist {
    pub(super) asker: Asker,
    pub(super) above: Above,
    pub(super) history: Shared,
    pub(super) state: Arc<State>,
    pub(super) painter: Painter,
    pub(super) looks: Looks,
    pub(super) kind: Kind,
    /// Rows and columns of the screen, for a list that fits.
    pub(super) screen: (usize, usize),
}

impl Completer for Assist {
    type Candidate = String;

    fn complete(&self, line: &str, pos: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<String>)> {
        if self.kind != Kind::Code {
            return Ok((pos, Vec::new()));
        }
        let (code, cursor) = marks::take_at(line, pos);
        let before = code.get(..cursor).unwrap_or_default();
        let line_before = before.rsplit('\n').next().unwrap_or_default();
        if let Some(text) = self.state.take_instead() {
            return Ok((pos.saturating_sub(line_before.len()), vec![text]));
        }
        // Tab where a line begins indents.
        if line_before.trim().is_empty() {
            return Ok((pos, vec![" ".repeat(STEP - line_before.len() % STEP)]));
        }
        let Some(found) = self.asker.complete(&code, cursor) else { return Ok((pos, Vec::new())) };
        // What is replaced may begin before the cursor, on its line; marks are counted where the library counts.
        let start = pos.saturating_sub(cursor.saturating_sub(found.start));
        let Some(typed) = line.get(start..pos) else { return Ok((pos, Vec::new())) };
        // Listed above the prompt, where a list that is long asks nothing and holds nothing up.
        if found.items.len() > 1 {
            self.above.show(&listing::lines(&found.items, found.more, self.screen, self.looks.colours));
        }
        let shared = listing::shared(&found.items);
        let longer = found.items.len() == 1 && shared != typed || shared.len() > typed.len();
        let possible = if longer { vec![shared.to_owned()] } else { Vec::new() };
        Ok((start, possible))
    }
}

/// The rest of an entry that begins like the line.
#[derive(Debug)]
pub(super) struct Suggestion {
    shown: String,
    rest: String,
}

impl Hint for Suggestion {
    fn display(&self) -> &str {
        &self.shown
    }

    fn completion(&self) -> Option<&str> {
        Some(&self.rest)
    }
}

impl Hinter for Assist {
    type Hint = Suggestion;

    fn hint(&self, line: &str, pos: usize, _: &Context<'_>) -> Option<Suggestion> {
        resize::before_drawing(&self.state, line, pos);
        self.state.set_line(line);
        if self.kind != Kind::Code {
            return None;
        }
        self.state.draft.is(marks::take(line));
        if self.state.pasted.swap(false, SeqCst) && self.pasted(line, pos) {
            return None;
        }
        let suggestion = self.suggestion(line, pos);
        self.state.set_hint(suggestion.as_ref().map_or("", |s| &s.shown));
        suggestion
    }
}

impl Assist {
    /// A paste has come into the line: taken out of its prompts, and brought in step with ours. True where that is to be drawn.
    fn pasted(&self, line: &str, pos: usize) -> bool {
        let (text, at) = marks::take_at(line, pos);
        let clean = paste::without_prompts(&text);
        let pos = if clean == text { at } else { clean.len() };
        let held = self.history.lock().marks.put(&clean);
        if held == line {
            return false;
        }
        self.state.set_hint("");
        self.state.leave(Left::Again { text: clean, pos, drawn: line.to_owned() });
        true
    }

    fn suggestion(&self, line: &str, pos: usize) -> Option<Suggestion> {
        if !self.looks.colours || pos < line.len() || line.trim().is_empty() {
            return None;
        }
        let history = self.history.lock();
        let rest = history.suggestion(&marks::take(line))?.to_owned();
        let shown = match rest.split_once('\n') {
            Some((first, _)) => format!("{first} …"),
            None => rest.clone(),
        };
        Some(Suggestion { shown, rest: history.marks.put(&rest) })
    }
}

impl Highlighter for Assist {
    fn highlight<'l>(&self, line: &'l str, _: usize) -> Cow<'l, str> {
        match self.kind {
            // As wide as what is typed, so that the library's sums are right; the cursor that would tell is hidden.
            Kind::Secret => Cow::Owned(" ".repeat(line.width())),
            Kind::Code => {
                let (dim, plain) = if self.looks.colours { (DIM, PLAIN) } else { ("", "") };
                let painted = if self.looks.colours { self.painter.paint(line) } else { None };
                Cow::Owned(self.history.lock().marks.draw(painted.as_deref().unwrap_or(line), dim, plain))
            }
            _ => Cow::Borrowed(line),
        }
    }

    fn highlight_prompt<'b, 's: 'b, 'p: 'b>(&'s self, prompt: &'p str, default: bool) -> Cow<'b, str> {
        self.state.searching.store(!default, SeqCst);
        Cow::Borrowed(prompt)
    }

    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        Cow::Owned(format!("{DIM}{hint}{PLAIN}"))
    }

    fn highlight_char(&self, line: &str, _: usize, kind: CmdKind) -> bool {
        match self.kind {
            Kind::Secret => true,
            Kind::Code => kind != CmdKind::MoveCursor && (self.looks.colours || line.contains('\n')),
            _ => false,
        }
    }
}
