//! Colours for code, from the terminal's own palette, so that they fit a light screen as well as a dark one.
//!
//! The grammars take a moment to load, so a thread does that; until then, and for a language without a grammar, code is plain.

use super::marks;
use std::fmt::Write;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use syntect::parsing::{ParseState, ScopeStack, SyntaxReference, SyntaxSet};

/// More than this is drawn plain: it is parsed anew at each key. Bytes.
const LONGEST: usize = 8 * 1024;
/// The same for one line, whose grammar may take its time.
const LONGEST_LINE: usize = 1024;

static GRAMMARS: OnceLock<SyntaxSet> = OnceLock::new();

/// Which scopes get which colour (SGR), the innermost that is named here.
const COLOURS: &[(&str, &str)] = &[
    ("comment", "90"),
    ("punctuation.definition.comment", "90"),
    ("constant.character.escape", "36"),
    ("string", "32"),
    ("constant.numeric", "36"),
    ("constant.language", "36"),
    ("keyword.operator.logical", "35"),
    ("keyword.operator.word", "35"),
    ("keyword.operator", ""),
    ("keyword", "35"),
    ("storage", "35"),
    ("entity.name.function", "34"),
    ("entity.name.class", "34"),
    ("entity.name.type", "34"),
    ("variable.function", "34"),
    ("support", "34"),
    ("variable.annotation", "33"),
    ("variable.language", "33"),
    ("variable.parameter", ""),
];

/// Paints code of one language.
#[derive(Debug, Clone, Default)]
pub(crate) struct Painter {
    language: Arc<Mutex<String>>,
    lines: Arc<Mutex<Vec<Line>>>,
}

impl Painter {
    /// From now on code is of this language. Its grammar is loaded by a thread.
    pub(crate) fn speak(&self, language: &str) {
        language.to_lowercase().clone_into(&mut self.language.lock().unwrap_or_else(PoisonError::into_inner));
        let painter = self.clone();
        let load = move || {
            let grammars = GRAMMARS.get_or_init(SyntaxSet::load_defaults_newlines);
            // The first use compiles the expressions, which takes longer than all later ones.
            if let Some(grammar) = painter.grammar(grammars) {
                let _ = paint_with(
                    grammars,
                    grammar,
                    "def f(x, *a):\n    return x.y + 'z' % 1 # c\nfor i in [1, 2.0]: f(i)",
                    &mut Vec::new(),
                );
            }
        };
        let _ = std::thread::Builder::new().name("grammars".to_owned()).spawn(load);
    }

    fn grammar<'g>(&self, grammars: &'g SyntaxSet) -> Option<&'g SyntaxReference> {
        let language = self.language.lock().unwrap_or_else(PoisonError::into_inner);
        match language.as_str() {
            "" => None,
            "node" | "js" | "javascript" | "typescript" => grammars.find_syntax_by_extension("js"),
            "ipython" | "python3" => grammars.find_syntax_by_extension("py"),
            name => grammars.find_syntax_by_token(name),
        }
    }

    /// The code in colours; nothing where it is to be plain.
    pub(crate) fn paint(&self, code: &str) -> Option<String> {
        if code.len() > LONGEST || code.starts_with(':') {
            return None;
        }
        let grammars = GRAMMARS.get()?;
        paint_with(grammars, self.grammar(grammars)?, code, &mut self.lines.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The end of names of files in this language.
    pub(super) fn extension(&self) -> String {
        let language = self.language.lock().unwrap_or_else(PoisonError::into_inner);
        match language.as_str() {
            "python" | "ipython" | "python3" => "py".to_owned(),
            "node" | "javascript" => "js".to_owned(),
            "bash" => "sh".to_owned(),
            "julia" => "jl".to_owned(),
            "rust" => "rs".to_owned(),
            "" => "txt".to_owned(),
            other => other.chars().filter(char::is_ascii_alphanumeric).collect(),
        }
    }
}

/// A painted line, and what the grammar knew before and after it: typing changes one line, and only that is parsed again.
#[derive(Debug)]
struct Line {
    text: String,
    painted: String,
    before: Known,
    after: Known,
}

type Known = (ParseState, ScopeStack);

fn paint_with(grammars: &SyntaxSet, grammar: &SyntaxReference, code: &str, lines: &mut Vec<Line>) -> Option<String> {
    let mut known = (ParseState::new(grammar), ScopeStack::new());
    let mut painted = String::with_capacity(code.len() * 2);
    let mut count = 0;
    for (n, text) in code.split('\n').enumerate() {
        if text.len() > LONGEST_LINE {
            return None;
        }
        if n > 0 {
            painted.push('\n');
        }
        if lines.get(n).is_none_or(|line| line.text != text || line.before != known) {
            let before = known.clone();
            let line = paint_line(grammars, text, &mut known)?;
            let line = Line { text: text.to_owned(), painted: line, before, after: known.clone() };
            match lines.get_mut(n) {
                Some(old) => *old = line,
                None => lines.push(line),
            }
        }
        let line = lines.get(n)?;
        painted.push_str(&line.painted);
        known.clone_from(&line.after);
        count = n + 1;
    }
    lines.truncate(count);
    Some(painted)
}

fn paint_line(grammars: &SyntaxSet, line: &str, (state, stack): &mut Known) -> Option<String> {
    // Marks are no code.
    let begin = line.rfind(marks::LAST).map_or(0, |at| at + marks::LAST.len_utf8());
    let (mark, text) = line.split_at_checked(begin)?;
    let mut painted = mark.to_owned();
    let whole = format!("{text}\n");
    let mut last = 0;
    for (at, op) in state.parse_line(&whole, grammars).ok()? {
        piece(&mut painted, whole.get(last..at)?, colour(stack));
        stack.apply(&op).ok()?;
        last = at;
    }
    piece(&mut painted, whole.get(last..)?, colour(stack));
    Some(painted)
}

fn piece(painted: &mut String, text: &str, colour: &str) {
    let text = text.trim_end_matches('\n');
    if text.is_empty() {
        return;
    }
    if colour.is_empty() {
        painted.push_str(text);
    } else {
        let _ = write!(painted, "\x1b[{colour}m{text}\x1b[0m");
    }
}

fn colour(stack: &ScopeStack) -> &'static str {
    let named = |name: &str| {
        let is =
            |prefix: &&(&str, &str)| name.strip_prefix(prefix.0).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        COLOURS.iter().find(is).map(|(_, colour)| *colour)
    };
    stack.as_slice().iter().rev().find_map(|scope| named(&scope.build_string())).unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn painted(language: &str, code: &str) -> Option<String> {
        GRAMMARS.get_or_init(SyntaxSet::load_defaults_newlines);
        let painter = Painter::default();
        language.clone_into(&mut painter.language.lock().unwrap());
        painter.paint(code)
    }

    #[test]
    fn each_language_has_its_colours() {
        assert_eq!(
            painted("python", "return 'a'").unwrap(),
            "\x1b[35mreturn\x1b[0m \x1b[32m'\x1b[0m\x1b[32ma\x1b[0m\x1b[32m'\x1b[0m"
        );
        for (language, code) in
            [("javascript", "return 1"), ("bash", "if true; then echo 'x'; fi"), ("r", "x <- 'a'"), ("sql", "select 1")]
        {
            assert!(painted(language, code).unwrap().contains("\x1b[3"), "{language}");
        }
        assert_eq!(painted("klingon", "x"), None);
        assert_eq!(painted("", "x"), None);
    }

    #[test]
    fn the_text_stays_the_text() {
        let code = marks::Marks::new("  ... ").put("def f(x: int):\n    '''doc\n    é'''\n    return f\"{x!r}\" # 漢\n");
        let painted = painted("python", &code).unwrap();
        let mut plain = String::new();
        let mut parts = painted.split('\x1b');
        plain.push_str(parts.next().unwrap());
        parts.for_each(|part| plain.push_str(part.split_once('m').unwrap().1));
        assert_eq!(plain, code);
    }

    #[test]
    fn a_changed_line_is_painted_as_if_all_were_new() {
        GRAMMARS.get_or_init(SyntaxSet::load_defaults_newlines);
        let painter = Painter::default();
        "python".clone_into(&mut painter.language.lock().unwrap());
        let whole = "x = 1\ny = 'a'\nz = 2";
        for code in [whole, "x = \"\"\"\ny = 'a'\nz = 2", "x = 1", whole, "x = 1\n\ny = 'a'\nz = 2"] {
            assert_eq!(painter.paint(code), painted("python", code), "{code:?}");
        }
    }

    #[test]
    fn what_is_too_long_is_plain() {
        assert_eq!(painted("python", &"x = 1\n".repeat(2_000)), None);
        assert_eq!(painted("python", &"x".repeat(2_000)), None);
    }
}
