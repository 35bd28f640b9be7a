//! JavaScript as it is typed: what is open at its end, and `let`, `const` and `class` made so that they can be typed again.
//!
//! A tokeniser and no parser: it knows strings, templates, comments, regular expressions and brackets, which is enough for both.

/// What a text leaves open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Open {
    /// Nothing.
    Nothing,
    /// So many brackets, a template or a comment.
    Deep(usize),
    /// A string that ended with its line: it can never be right.
    Wrong,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bracket {
    Round,
    Square,
    Curly,
    /// `${` of a template.
    Template,
}

/// What stands before a token, as far as it says whether a statement or a regular expression may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Before {
    Nothing,
    /// A name, a number, a string, a closing bracket: a value.
    Value,
    /// A closing curly bracket.
    Curly,
    Semicolon,
    /// Anything else: an operator, an opening bracket, a word such as `return`.
    Operator,
}

const WORDS_BEFORE_A_VALUE: &[&str] =
    &["return", "typeof", "case", "in", "of", "new", "delete", "void", "throw", "else", "do", "await", "yield", "instanceof"];

struct Scan<'a> {
    code: &'a str,
    at: usize,
    brackets: Vec<Bracket>,
    before: Before,
    /// A line has ended since the last token.
    fresh: bool,
    /// What is to stand where, instead of so many bytes.
    edits: Vec<(usize, usize, String)>,
    wrong: bool,
    /// In a template or a comment at the end.
    inside: bool,
}

impl<'a> Scan<'a> {
    fn new(code: &'a str) -> Self {
        let (brackets, edits) = (Vec::new(), Vec::new());
        Self { code, at: 0, brackets, before: Before::Nothing, fresh: true, edits, wrong: false, inside: false }
    }

    fn rest(&self) -> &'a str {
        self.code.get(self.at..).unwrap_or_default()
    }

    fn run(mut self) -> Self {
        while let Some(c) = self.rest().chars().next() {
            self.token(c);
        }
        self
    }

    fn token(&mut self, c: char) {
        let rest = self.rest();
        match c {
            '\n' => (self.fresh, self.at) = (true, self.at + 1),
            c if c.is_whitespace() => self.at += c.len_utf8(),
            '/' if rest.starts_with("//") => self.at += rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => match rest.find("*/") {
                Some(end) => {
                    self.fresh |= rest.get(..end).is_some_and(|text| text.contains('\n'));
                    self.at += end + 2;
                }
                None => (self.inside, self.at) = (true, self.code.len()),
            },
            '/' if matches!(self.before, Before::Nothing | Before::Operator | Before::Semicolon) => self.regular(),
            '\'' | '"' => self.string(c),
            '`' => {
                self.at += 1;
                self.template();
            }
            '(' | '[' | '{' => {
                let bracket = if c == '(' {
                    Bracket::Round
                } else if c == '[' {
                    Bracket::Square
                } else {
                    Bracket::Curly
                };
                self.brackets.push(bracket);
                self.step(1, Before::Operator);
            }
            ')' | ']' | '}' => self.closes(c),
            ';' => self.step(1, Before::Semicolon),
            c if c.is_alphanumeric() || c == '_' || c == '$' || c == '#' => self.word(),
            _ => self.step(c.len_utf8(), Before::Operator),
        }
    }

    fn step(&mut self, bytes: usize, before: Before) {
        self.at += bytes;
        self.before = before;
        self.fresh = false;
    }

    fn closes(&mut self, c: char) {
        let last = self.brackets.pop();
        self.step(1, if c == '}' { Before::Curly } else { Before::Value });
        if c == '}' && last == Some(Bracket::Template) {
            self.template();
        }
    }

    /// To the end of a string, or of the line that it may not leave.
    fn string(&mut self, quote: char) {
        let mut escaped = false;
        for (i, c) in self.rest().char_indices().skip(1) {
            if escaped {
                escaped = false;
            } else if c == '\\' {
                escaped = true;
            } else if c == quote {
                return self.step(i + 1, Before::Value);
            } else if c == '\n' {
                break;
            }
        }
        (self.wrong, self.at) = (true, self.code.len());
    }

    /// On inside a template: to its end or to the next `${`.
    fn template(&mut self) {
        let rest = self.rest();
        let mut chars = rest.char_indices();
        while let Some((i, c)) = chars.next() {
            match c {
                '\\' => {
                    chars.next();
                }
                '`' => return self.step(i + 1, Before::Value),
                '$' if rest.get(i + 1..).is_some_and(|next| next.starts_with('{')) => {
                    self.brackets.push(Bracket::Template);
                    return self.step(i + 2, Before::Operator);
                }
                _ => {}
            }
        }
        (self.inside, self.at) = (true, self.code.len());
    }

    fn regular(&mut self) {
        let (mut escaped, mut class) = (false, false);
        for (i, c) in self.rest().char_indices().skip(1) {
            match c {
                '\n' => break,
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '[' => class = true,
                ']' => class = false,
                '/' if !class => return self.step(i + 1, Before::Value),
                _ => {}
            }
        }
        // No regular expression after all.
        self.step(1, Before::Operator);
    }

    fn word(&mut self) {
        let rest = self.rest();
        let len = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$' || c == '#')).unwrap_or(rest.len());
        let word = rest.get(..len).unwrap_or_default();
        let begins = match self.before {
            Before::Nothing | Before::Semicolon | Before::Curly => true,
            Before::Value => self.fresh,
            Before::Operator => false,
        };
        if begins && self.brackets.is_empty() {
            self.declares(word, rest.get(len..).unwrap_or_default());
        }
        let before = if WORDS_BEFORE_A_VALUE.contains(&word) { Before::Operator } else { Before::Value };
        self.step(len, before);
    }

    fn declares(&mut self, word: &str, rest: &str) {
        let next = rest.trim_start();
        let spaced = next.len() < rest.len();
        let name_len = next.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$')).unwrap_or(next.len());
        match word {
            // As long as what it replaces: errors name columns.
            "let" | "const" if name_len > 0 && spaced || next.starts_with(['{', '[']) && matches!(word, "let" | "const") => {
                self.edits.push((self.at, word.len(), format!("{:1$}", "var", word.len())));
            }
            "class" if spaced && name_len > 0 => {
                let name = next.get(..name_len).unwrap_or_default();
                self.edits.push((self.at, 0, format!("var {name} = ")));
            }
            _ => {}
        }
    }
}

/// What the text leaves open at its end.
pub(super) fn open(code: &str) -> Open {
    let scan = Scan::new(code).run();
    match (scan.wrong, scan.brackets.len(), scan.inside) {
        (true, ..) => Open::Wrong,
        (false, 0, false) => Open::Nothing,
        (false, deep, _) => Open::Deep(deep),
    }
}

/// The same with declarations that may be repeated: in a session a name is declared as often as its line is run again.
pub(super) fn redeclarable(code: &str) -> String {
    let mut out = String::with_capacity(code.len() + 32);
    let mut from = 0;
    for (at, len, text) in Scan::new(code).run().edits {
        out.push_str(code.get(from..at).unwrap_or_default());
        out.push_str(&text);
        from = at + len;
    }
    out.push_str(code.get(from..).unwrap_or_default());
    out
}

/// `{a: 1}` typed alone is a value, although the language takes it for a block.
pub(super) fn as_value(code: &str) -> Option<String> {
    let text = code.trim();
    (text.starts_with('{') && text.ends_with('}')).then(|| format!("({text}\n)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_open_is_known() {
        for (code, open_) in [
            ("f(1)", Open::Nothing),
            ("function f() {", Open::Deep(1)),
            ("f({a: [1,", Open::Deep(3)),
            ("`a ${1 + `b`} c", Open::Deep(0)),
            ("`a ${1 +", Open::Deep(1)),
            ("/* a", Open::Deep(0)),
            ("x = /[/]\\/(/", Open::Nothing),
            ("a / b / (c", Open::Deep(1)),
            ("return /(/", Open::Nothing),
            ("'it\\'s ( fine'", Open::Nothing),
            ("'not", Open::Wrong),
            ("// {", Open::Nothing),
            ("é(", Open::Deep(1)),
        ] {
            assert_eq!(open(code), open_, "{code}");
        }
    }

    #[test]
    fn declarations_may_be_repeated() {
        for (code, now) in [
            ("let x = 1", "var x = 1"),
            ("const {a} = b", "var   {a} = b"),
            ("let [a]=b; let c", "var [a]=b; var c"),
            ("class A {}\nclass B extends A { x = 1 }", "var A = class A {}\nvar B = class B extends A { x = 1 }"),
            ("for (let i of x) { let y = i }", "for (let i of x) { let y = i }"),
            ("f(class A {})", "f(class A {})"),
            ("'let x'; `let y`; // let z", "'let x'; `let y`; // let z"),
            ("x = 1\nlet y = 2", "x = 1\nvar y = 2"),
            ("let.x", "let.x"),
            ("x = class A {}", "x = class A {}"),
        ] {
            assert_eq!(redeclarable(code), now);
        }
    }
}
