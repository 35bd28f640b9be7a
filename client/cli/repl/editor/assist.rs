//! What helps while typing: completions, a suggestion from the history, colours.

use super::ask::Asker;
use super::highlight::Painter;
use super::marks;
use super::prompt::Looks;
use super::recall::Shared;
use super::state::{Left, State};
use super::{Kind, paste};
use rialto_client::protocol::kernel::Completion;
use rustyline::completion::{Candidate, Completer};
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::{Hint, Hinter};
use rustyline::{CompletionType, Context, Helper, Validator};
use std::borrow::Cow;
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use unicode_width::UnicodeWidthStr;

const DIM: &str = "\x1b[2m";
const PLAIN: &str = "\x1b[0m";
/// One step of indent.
pub(super) const STEP: usize = 4;
/// The widest candidate that is shown whole.
const WIDEST: usize = 60;

#[derive(Helper, Validator)]
pub(super) struct Assist {
    pub(super) asker: Asker,
    pub(super) history: Shared,
    pub(super) state: Arc<State>,
    pub(super) painter: Painter,
    pub(super) looks: Looks,
    pub(super) kind: Kind,
    /// Rows and columns of the screen, for a list that fits.
    pub(super) screen: (usize, usize),
}

/// A completion, and how it is listed.
#[derive(Debug)]
pub(super) struct Possible {
    text: String,
    listed: String,
}

impl Candidate for Possible {
    fn display(&self) -> &str {
        &self.listed
    }

    fn replacement(&self) -> &str {
        &self.text
    }
}

impl Completer for Assist {
    type Candidate = Possible;

    fn complete(&self, line: &str, pos: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<Possible>)> {
        if self.kind != Kind::Code {
            return Ok((pos, Vec::new()));
        }
        let (code, cursor) = marks::take_at(line, pos);
        let before = code.get(..cursor).unwrap_or_default();
        let line_before = before.rsplit('\n').next().unwrap_or_default();
        if let Some(spaces) = self.state.take_indent() {
            let text = " ".repeat(spaces);
            return Ok((pos.saturating_sub(line_before.len()), vec![Possible { listed: text.clone(), text }]));
        }
        // Tab where a line begins indents.
        if line_before.trim().is_empty() {
            let text = " ".repeat(STEP - line_before.len() % STEP);
            return Ok((pos, vec![Possible { listed: text.clone(), text }]));
        }
        let Some(found) = self.asker.complete(&code, cursor) else { return Ok((pos, Vec::new())) };
        // What is replaced may begin before the cursor, on its line; marks are counted where the library counts.
        let start = pos.saturating_sub(cursor.saturating_sub(found.start));
        let Some(typed) = line.get(start..pos) else { return Ok((pos, Vec::new())) };
        let listed = listed(&found.items, found.more, self.screen);
        let shared = shared(&found.items);
        let hidden = listed.len() < found.items.len() || found.more;
        let texts = found.items.into_iter().map(|item| item.text);
        let mut possible: Vec<Possible> = texts.zip(listed).map(|(text, listed)| Possible { text, listed }).collect();
        // What could not be listed still has a say in what they all begin with.
        if let Some(last) = possible.last_mut().filter(|_| hidden) {
            last.text = shared;
        }
        if possible.len() == 1 && possible.first().is_some_and(|p| p.text == typed) {
            possible.clear();
        }
        Ok((start, possible))
    }
}

/// What all of them begin with.
fn shared(items: &[Completion]) -> String {
    let mut texts = items.iter().map(|item| item.text.as_str());
    let first = texts.next().unwrap_or_default();
    let same = |a: &str, b: &str| {
        a.char_indices().zip(b.chars()).find(|((_, a), b)| a != b).map_or(a.len().min(b.len()), |((i, _), _)| i)
    };
    let length = texts.fold(first.len(), |length, text| length.min(same(first, text)));
    first.get(..length).unwrap_or_default().to_owned()
}

/// How completions are listed, no more than fit on the screen. A list that scrolls would ask to go on, and hold up all else.
fn listed(items: &[Completion], more: bool, (rows, columns): (usize, usize)) -> Vec<String> {
    let names = items.iter().map(|item| item.text.width()).max().unwrap_or(0).min(WIDEST);
    let column = |item: &Completion| format!("{:names$}  {}", item.text, item.kind).trim_end().to_owned();
    let mut listed: Vec<String> = items.iter().map(column).collect();
    let widest = listed.iter().map(|text| text.width()).max().unwrap_or(0) + 2;
    let fit = (columns / widest.clamp(1, columns.max(1))) * rows.saturating_sub(3).max(1);
    if listed.len() > fit || more {
        let hidden = listed.len().saturating_sub(fit.saturating_sub(1));
        listed.truncate(fit.saturating_sub(1));
        let many = if more { format!("{hidden} or more") } else { hidden.to_string() };
        listed.push(format!("… {many} others"));
    }
    listed
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
        self.state.set_line(line);
        if self.kind != Kind::Code {
            return None;
        }
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

    fn highlight_candidate<'c>(&self, candidate: &'c str, _: CompletionType) -> Cow<'c, str> {
        if !self.looks.colours {
            return Cow::Borrowed(candidate);
        }
        let (name, kind) = candidate.split_once("  ").unwrap_or((candidate, ""));
        let mut painted = name.to_owned();
        if !kind.is_empty() {
            let _ = write!(painted, "  {DIM}{kind}{PLAIN}");
        }
        Cow::Owned(painted)
    }

    fn highlight_char(&self, line: &str, _: usize, kind: CmdKind) -> bool {
        match self.kind {
            Kind::Secret => true,
            Kind::Code => kind != CmdKind::MoveCursor && (self.looks.colours || line.contains('\n')),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(n: usize) -> Vec<Completion> {
        (0..n).map(|i| Completion { text: format!("name_{i}"), kind: "function".to_owned() }).collect()
    }

    #[test]
    fn a_list_fits_on_the_screen() {
        assert_eq!(listed(&items(2), false, (24, 80)), ["name_0  function", "name_1  function"]);
        let many = listed(&items(500), false, (24, 80));
        // Four columns of 21 rows.
        assert_eq!((many.len(), many.last().unwrap().as_str()), (4 * 21, "… 417 others"));
        assert_eq!(listed(&items(3), true, (24, 80)).last().unwrap(), "… 0 or more others");
        assert!(!listed(&items(500), false, (1, 1)).is_empty());
        assert_eq!((shared(&items(3)).as_str(), shared(&items(1)).as_str(), shared(&[]).as_str()), ("name_", "name_0", ""));
    }
}
