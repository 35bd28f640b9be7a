//! What keys mean while code is typed, where the library means something else.

use super::Typed;
use super::asks::asks_about;
use super::assist::STEP;
use super::marks;
use super::outdent::outdented;
use super::recall::{Shared, without_history};
use super::state::{Left, State};
use super::suspend::Before;
use super::{above::Above, ask::Asker, render};
use rialto_client::protocol::kernel::Completeness;
use rustyline::history::History;
use rustyline::{
    CharSearch, Cmd, ConditionalEventHandler, Editor, Event, EventContext, EventHandler, Helper, InputMode, KeyCode, KeyEvent,
    Modifiers, Movement,
};
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;

/// All that a key may look at.
#[derive(Clone)]
pub(super) struct Keys {
    pub(super) state: Arc<State>,
    pub(super) history: Shared,
    pub(super) asker: Asker,
    pub(super) above: Above,
    pub(super) before: Before,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Key {
    Enter,
    Force,
    Newline,
    Up,
    Down,
    /// Goes back in the history whatever stands there.
    Older,
    Left,
    Right,
    Home,
    End,
    Backspace,
    Delete,
    KillBack,
    KillOn,
    KillWord,
    Clear,
    Suspend,
    Quit,
    External,
    Back,
    Inspect,
    Paste,
    /// May move its line to the left.
    Outdents(char),
    /// In vi's command mode these are what `Left`, `Right`, `Home` are.
    ViLeft,
    ViRight,
    ViHome,
}

const BINDINGS: &[(KeyEvent, Key)] = &[
    (KeyEvent(KeyCode::Enter, Modifiers::NONE), Key::Enter),
    (KeyEvent(KeyCode::Char('J'), Modifiers::CTRL), Key::Enter),
    (KeyEvent(KeyCode::Enter, Modifiers::ALT), Key::Force),
    (KeyEvent(KeyCode::Char('J'), Modifiers::CTRL_ALT), Key::Force),
    (KeyEvent(KeyCode::Char('O'), Modifiers::CTRL), Key::Newline),
    (KeyEvent(KeyCode::Up, Modifiers::NONE), Key::Up),
    (KeyEvent(KeyCode::Down, Modifiers::NONE), Key::Down),
    (KeyEvent(KeyCode::Char('R'), Modifiers::CTRL), Key::Older),
    (KeyEvent(KeyCode::Char('P'), Modifiers::CTRL), Key::Older),
    (KeyEvent(KeyCode::Left, Modifiers::NONE), Key::Left),
    (KeyEvent(KeyCode::Char('B'), Modifiers::CTRL), Key::Left),
    (KeyEvent(KeyCode::Right, Modifiers::NONE), Key::Right),
    (KeyEvent(KeyCode::Char('F'), Modifiers::CTRL), Key::Right),
    (KeyEvent(KeyCode::Home, Modifiers::NONE), Key::Home),
    (KeyEvent(KeyCode::Char('A'), Modifiers::CTRL), Key::Home),
    (KeyEvent(KeyCode::End, Modifiers::NONE), Key::End),
    (KeyEvent(KeyCode::Char('E'), Modifiers::CTRL), Key::End),
    (KeyEvent(KeyCode::Backspace, Modifiers::NONE), Key::Backspace),
    (KeyEvent(KeyCode::Char('H'), Modifiers::CTRL), Key::Backspace),
    (KeyEvent(KeyCode::Delete, Modifiers::NONE), Key::Delete),
    (KeyEvent(KeyCode::Char('D'), Modifiers::CTRL), Key::Delete),
    (KeyEvent(KeyCode::Char('U'), Modifiers::CTRL), Key::KillBack),
    (KeyEvent(KeyCode::Char('K'), Modifiers::CTRL), Key::KillOn),
    (KeyEvent(KeyCode::Char('W'), Modifiers::CTRL), Key::KillWord),
    (KeyEvent(KeyCode::Char('C'), Modifiers::CTRL), Key::Clear),
    // Behind an Esc that was meant for something else.
    (KeyEvent(KeyCode::Char('C'), Modifiers::CTRL_ALT), Key::Clear),
    (KeyEvent(KeyCode::Char('Z'), Modifiers::CTRL), Key::Suspend),
    (KeyEvent(KeyCode::Char('\\'), Modifiers::CTRL), Key::Quit),
    (KeyEvent(KeyCode::F(2), Modifiers::NONE), Key::External),
    (KeyEvent(KeyCode::BackTab, Modifiers::NONE), Key::Back),
    // Ctrl-Space, as most terminals send it and as some do.
    (KeyEvent(KeyCode::Char('@'), Modifiers::CTRL), Key::Inspect),
    (KeyEvent(KeyCode::Char(' '), Modifiers::CTRL), Key::Inspect),
    (KeyEvent(KeyCode::BracketedPasteStart, Modifiers::NONE), Key::Paste),
    (KeyEvent(KeyCode::Char(':'), Modifiers::NONE), Key::Outdents(':')),
    (KeyEvent(KeyCode::Char(')'), Modifiers::NONE), Key::Outdents(')')),
    (KeyEvent(KeyCode::Char(']'), Modifiers::NONE), Key::Outdents(']')),
    (KeyEvent(KeyCode::Char('}'), Modifiers::NONE), Key::Outdents('}')),
    (KeyEvent(KeyCode::Char('h'), Modifiers::NONE), Key::ViLeft),
    (KeyEvent(KeyCode::Char('l'), Modifiers::NONE), Key::ViRight),
    (KeyEvent(KeyCode::Char('0'), Modifiers::NONE), Key::ViHome),
    (KeyEvent(KeyCode::Char('^'), Modifiers::NONE), Key::ViHome),
];

/// Binds all of them.
pub(super) fn bind<H: Helper, I: History>(editor: &mut Editor<H, I>, keys: &Keys) {
    let handler = |key| EventHandler::Conditional(Box::new(Bound { key, keys: keys.clone() }));
    for (event, key) in BINDINGS {
        editor.bind_sequence(*event, handler(*key));
    }
    let external = Event::KeySeq(vec![KeyEvent::ctrl('X'), KeyEvent::ctrl('E')]);
    editor.bind_sequence(external, handler(Key::External));
}

struct Bound {
    key: Key,
    keys: Keys,
}

impl ConditionalEventHandler for Bound {
    fn handle(&self, _: &Event, _: rustyline::RepeatCount, _: bool, ctx: &EventContext<'_>) -> Option<Cmd> {
        if !self.keys.state.code() {
            return (self.key == Key::Suspend).then(|| self.keys.suspend(ctx.line()));
        }
        let commands = ctx.input_mode() == InputMode::Command;
        self.keys.act(self.key, commands, ctx)
    }
}

impl Keys {
    fn act(&self, key: Key, commands: bool, ctx: &EventContext<'_>) -> Option<Cmd> {
        let (line, pos) = (ctx.line(), ctx.pos());
        match key {
            Key::Enter => Some(self.enter(line, pos)),
            Key::Force => Some(Cmd::AcceptLine),
            Key::Newline if line.is_empty() => Some(self.leave(Left::More)),
            Key::Newline => {
                let deeper = if line_begin(line, pos).trim_end().ends_with([':', '(', '[', '{']) { STEP } else { 0 };
                Some(self.newline(&format!("{}{}", indent_at(line, pos), " ".repeat(deeper))))
            }
            Key::Up => self.up(line, pos),
            Key::Down => self.down(line, pos),
            Key::Older => {
                self.catch_up(line);
                None
            }
            Key::Left => left(line, pos).map(Cmd::Move),
            Key::Right if ctx.has_hint() && pos == line.len() => Some(Cmd::CompleteHint),
            Key::Right => right(line, pos).map(Cmd::Move),
            Key::Home => home(line, pos).map(Cmd::Move),
            Key::End => (ctx.has_hint() && pos == line.len()).then_some(Cmd::CompleteHint),
            Key::Backspace => left(line, pos).map(Cmd::Kill).or_else(|| self.dedent(line, pos)),
            Key::Delete if line.is_empty() => None,
            Key::Delete => right(line, pos).map(kill_on),
            Key::KillBack => home(line, pos).map(Cmd::Kill),
            Key::KillOn => right(line, pos).map(kill_on),
            Key::KillWord => word(line, pos).map(Cmd::Kill),
            Key::Clear if line.is_empty() => {
                self.asker.say(Typed::NothingToClear);
                Some(Cmd::Noop)
            }
            Key::Clear => Some(Cmd::Kill(Movement::WholeBuffer)),
            Key::Suspend => Some(self.suspend(line)),
            Key::Quit => Some(self.leave(Left::Quit)),
            Key::External => {
                let drawn = format!("{line}{}", self.state.hint());
                Some(self.leave(Left::External { text: marks::take(line), drawn }))
            }
            Key::Back => self.dedent(line, pos).or_else(|| Some(self.inspect(line, pos))),
            Key::Inspect => Some(self.inspect(line, pos)),
            Key::Paste => {
                self.state.pasted.store(true, SeqCst);
                None
            }
            Key::Outdents(_) if commands || self.state.searching.load(SeqCst) => None,
            Key::Outdents(typed) => outdented(line, pos, typed).and_then(|text| self.instead(text)),
            Key::ViLeft if commands => left(line, pos).map(Cmd::Move),
            Key::ViRight if commands => right(line, pos).map(Cmd::Move),
            Key::ViHome if commands => home(line, pos).map(Cmd::Move),
            Key::ViLeft | Key::ViRight | Key::ViHome => None,
        }
    }

    /// One step of indent less. The library counts no characters for keys of ours, and puts the cursor before what replaces
    /// them; a completion may do both.
    fn dedent(&self, line: &str, pos: usize) -> Option<Cmd> {
        self.instead(" ".repeat(less(line, pos)?))
    }

    fn instead(&self, text: String) -> Option<Cmd> {
        self.state.put_instead(text);
        Some(Cmd::Complete)
    }

    fn suspend(&self, line: &str) -> Cmd {
        self.before.suspend(line);
        Cmd::Repaint
    }

    fn leave(&self, why: Left) -> Cmd {
        self.state.leaves(why);
        Cmd::Interrupt
    }

    fn newline(&self, indent: &str) -> Cmd {
        Cmd::Insert(1, format!("\n{}{indent}", self.history.lock().marks.mark()))
    }

    /// On the last line Enter runs what is complete; before it, it is a newline.
    fn enter(&self, line: &str, pos: usize) -> Cmd {
        if self.state.searching.load(SeqCst) {
            return Cmd::AcceptLine;
        }
        let (code, at) = marks::take_at(line, pos);
        if code.get(at..).is_some_and(|rest| rest.contains('\n')) {
            return self.newline(&indent_at(line, pos));
        }
        if for_nobody_to_judge(&code) {
            return Cmd::AcceptLine;
        }
        match self.asker.judge(to_judge(&code)) {
            Completeness::Incomplete { indent } if at == code.len() => self.newline(&indent),
            Completeness::Incomplete { .. } => self.newline(&indent_at(line, pos)),
            Completeness::Complete | Completeness::Invalid | Completeness::Unknown => Cmd::AcceptLine,
        }
    }

    /// Up a line; on the first one back in the history: to what begins like the line, where something is typed.
    fn up(&self, line: &str, pos: usize) -> Option<Cmd> {
        let before = line.get(..pos)?;
        if !before.contains('\n') {
            self.catch_up(line);
        }
        let mut history = self.history.lock();
        let text = marks::take(line);
        if before.contains('\n') || before.trim().is_empty() || text == history.recalled {
            return None;
        }
        if text != history.found {
            history.found.clone_from(&text);
        }
        Some(Cmd::HistorySearchBackward)
    }

    /// What other terminals have added since, for somebody who begins to look for it.
    fn catch_up(&self, line: &str) {
        let mut history = self.history.lock();
        if self.state.searching.load(SeqCst) || history.walks(&marks::take(line)) {
            return;
        }
        if let Err(e) = history.catch_up() {
            self.above.show(&without_history(&e));
        }
    }

    fn down(&self, line: &str, pos: usize) -> Option<Cmd> {
        let rest = line.get(pos..)?;
        let found = { self.history.lock().found == marks::take(line) };
        (found && !line.is_empty() && (pos < line.len() || !rest.contains('\n'))).then_some(Cmd::HistorySearchForward)
    }

    /// What is known of the name at the cursor, above the prompt.
    fn inspect(&self, line: &str, pos: usize) -> Cmd {
        let (code, cursor) = marks::take_at(line, pos);
        // Inside of a call it is the called that is asked about.
        let places = [Some(cursor), call_around(&code, cursor)];
        let known = |at: usize| self.asker.inspect(&code, at).as_ref().and_then(render::text);
        if let Some(found) = places.into_iter().flatten().find_map(known) {
            self.above.show(&found);
        }
        Cmd::Noop
    }
}

/// The entry as it is to be judged: a last line of nothing but space is the empty line that ends a block.
pub(super) fn to_judge(code: &str) -> &str {
    match code.rfind('\n') {
        Some(at) if code.get(at..).is_some_and(|last| last.trim().is_empty()) => code.get(..=at).unwrap_or(code),
        _ => code,
    }
}

/// What is complete whatever the kernel says: nothing, a command, a question about a name.
pub(super) fn for_nobody_to_judge(code: &str) -> bool {
    code.trim().is_empty() || code.starts_with(':') && !code.contains('\n') || asks_about(code).is_some()
}

/// Where the bracket stands that is open here.
fn call_around(code: &str, cursor: usize) -> Option<usize> {
    let mut open = 0_u32;
    for (at, c) in code.get(..cursor)?.char_indices().rev() {
        match c {
            '(' if open == 0 => return Some(at),
            '(' => open -= 1,
            ')' => open += 1,
            _ => {}
        }
    }
    None
}

fn line_begin(line: &str, pos: usize) -> &str {
    line.get(..pos).unwrap_or_default().rsplit('\n').next().unwrap_or_default()
}

/// The white space at the beginning of this line.
fn indent_at(line: &str, pos: usize) -> String {
    marks::take(line_begin(line, pos)).chars().take_while(|c| *c == ' ' || *c == '\t').collect()
}

/// Left of a mark is the end of the line before.
fn left(line: &str, pos: usize) -> Option<Movement> {
    let back = Movement::ViCharSearch(1, CharSearch::Backward('\n'));
    line_begin(line, pos).ends_with(marks::LAST).then_some(back)
}

/// Right of the end of a line is what follows the mark of the next: found by the character that stands there, because a
/// count of characters is not passed on by the library.
fn right(line: &str, pos: usize) -> Option<Movement> {
    let rest = line.get(pos..)?.strip_prefix('\n')?;
    Some(match marks::take(rest).chars().next() {
        Some(c) => Movement::ViCharSearch(1, CharSearch::Forward(c)),
        None => Movement::EndOfBuffer,
    })
}

fn kill_on(to: Movement) -> Cmd {
    Cmd::Kill(match to {
        Movement::ViCharSearch(n, CharSearch::Forward(c)) => Movement::ViCharSearch(n, CharSearch::ForwardBefore(c)),
        other => other,
    })
}

fn home(line: &str, pos: usize) -> Option<Movement> {
    let to_mark = Movement::ViCharSearch(1, CharSearch::BackwardAfter(marks::LAST));
    line_begin(line, pos).contains(marks::LAST).then_some(to_mark)
}

/// A word that begins where the mark ends would take the mark with it.
fn word(line: &str, pos: usize) -> Option<Movement> {
    let begin = line_begin(line, pos).trim_end();
    (begin.contains(marks::LAST) && !begin.contains(char::is_whitespace)).then(|| home(line, pos)).flatten()
}

/// The spaces that one step of indent less leaves, where nothing but indent stands before the cursor.
fn less(line: &str, pos: usize) -> Option<usize> {
    let indent = marks::take(line_begin(line, pos));
    (indent.len() >= STEP && indent.chars().all(|c| c == ' ')).then(|| indent.len().saturating_sub(1) / STEP * STEP)
}

#[cfg(test)]
mod tests {
    use super::super::marks::Marks;
    use super::*;

    #[test]
    fn an_empty_last_line_ends_a_block() {
        assert_eq!(to_judge("if x:\n    y\n    "), "if x:\n    y\n");
        assert_eq!(to_judge("if x:\n    y"), "if x:\n    y");
        assert_eq!(to_judge("x"), "x");
    }

    #[test]
    fn keys_step_over_marks() {
        let marks = Marks::new("  ... ");
        let line = marks.put("if x:\n    y\nz");
        let y = line.find('y').unwrap();
        let z = line.find('z').unwrap();
        assert_eq!(left(&line, z), Some(Movement::ViCharSearch(1, CharSearch::Backward('\n'))));
        assert_eq!(left(&line, y), None);
        assert_eq!(right(&line, y + 1), Some(Movement::ViCharSearch(1, CharSearch::Forward('z'))));
        assert_eq!(right(&line, y), None);
        assert_eq!(home(&line, 3), None);
        assert_eq!((call_around("f(g(1), 2", 9), call_around("f(1)", 4), call_around("é(", 3)), (Some(1), None, Some(2)));
        assert!(home(&line, y).is_some());
        assert_eq!(indent_at(&line, y + 1), "    ");
        assert_eq!((less(&line, z), less(&line, y)), (None, Some(0)));
        assert_eq!((less("        ", 8), less("      ", 6), less("   ", 3), less("    x", 5)), (Some(4), Some(4), None, None));
    }
}
