//! From code to the lines that are typed, and whether code is whole, as far as that can be told without running it.

/// What the lines of a program's language need.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Language {
    /// Nothing is known of it.
    #[default]
    Any,
    /// Statements end with a semicolon; a line that begins with this character is whole as it is.
    Sql(char),
    /// Blocks end with an empty line, which therefore cannot stand inside of one.
    Python,
}

impl Language {
    /// The lines to be typed.
    pub(super) fn lines(self, code: &str) -> Vec<String> {
        let code = code.strip_suffix('\n').unwrap_or(code);
        let lines: Vec<&str> = code.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)).collect();
        if self == Self::Python { blocks(&lines) } else { lines.into_iter().map(str::to_owned).collect() }
    }

    /// Whether it is whole. None: that cannot be told.
    pub(super) fn is_whole(self, code: &str) -> Option<bool> {
        match self {
            Self::Sql(command) => Some(sql(code, command)),
            Self::Any | Self::Python => None,
        }
    }

    /// An empty line can be what is missing.
    pub(super) const fn ends_with_nothing(self) -> bool {
        !matches!(self, Self::Sql(_))
    }
}

/// A block is closed before what does not belong to it, and empty lines in it are made not empty.
fn blocks(lines: &[&str]) -> Vec<String> {
    const GO_ON: [&str; 5] = ["else", "elif", "except", "finally", "case"];
    let mut typed: Vec<String> = Vec::new();
    let mut open = false;
    for (i, line) in lines.iter().enumerate() {
        if line.trim().is_empty() {
            let next = lines.get(i + 1..).unwrap_or_default().iter().find(|line| !line.trim().is_empty());
            let inside = open && next.is_some_and(|next| belongs(next, &GO_ON));
            // A line of one space says nothing and ends nothing.
            typed.push(if inside { " ".to_owned() } else { String::new() });
            open &= inside;
            continue;
        }
        if open && !belongs(line, &GO_ON) {
            typed.push(String::new());
            open = false;
        }
        open |= line.trim_end().ends_with(':');
        typed.push((*line).to_owned());
    }
    typed
}

fn belongs(line: &str, go_on: &[&str]) -> bool {
    let word: String = line.chars().take_while(char::is_ascii_alphabetic).collect();
    line.starts_with([' ', '\t', ')', ']', '}']) || go_on.contains(&word.as_str())
}

/// Whether statements of SQL end where this ends: nothing is open, and the last thing is a semicolon.
fn sql(code: &str, command: char) -> bool {
    let last_line = code.trim_end().lines().last().unwrap_or_default();
    let bytes = code.as_bytes();
    let at = |i: usize| bytes.get(i).copied().unwrap_or(0);
    let find = |from: usize, what: &str| code.get(from..).and_then(|rest| rest.find(what)).map(|n| from + n + what.len());
    let (mut i, mut ended) = (0, true);
    while i < bytes.len() {
        let begun = i;
        // A command of the program's own, which ends with its line.
        let begins_line = begun == 0 || at(begun - 1) == b'\n';
        if ended && begins_line && code.get(i..).is_some_and(|rest| rest.starts_with(command)) {
            i = find(i, "\n").unwrap_or(bytes.len());
            continue;
        }
        let end = match at(i) {
            b'-' if at(i + 1) == b'-' => Some(find(i, "\n").unwrap_or(bytes.len())),
            b'/' if at(i + 1) == b'*' => find(i + 2, "*/"),
            b'\'' => find(i + 1, "'"),
            b'"' => find(i + 1, "\""),
            b'`' if command == '.' => find(i + 1, "`"),
            b'$' if command == '\\' => match dollar(code.get(i..).unwrap_or_default()) {
                Some(tag) => find(i + tag.len(), tag),
                None => Some(i + 1),
            },
            _ => Some(i + 1),
        };
        let Some(end) = end else { return false };
        match at(begun) {
            b';' => ended = true,
            b'-' if at(begun + 1) == b'-' => {}
            b'/' if at(begun + 1) == b'*' => {}
            byte if byte.is_ascii_whitespace() => {}
            _ => ended = false,
        }
        i = end;
    }
    // `select 1 \g` and its like end a statement, too.
    ended || command == '\\' && last_line.contains('\\')
}

/// `$$`, `$tag$` at the beginning.
fn dollar(text: &str) -> Option<&str> {
    let end = text.get(1..)?.find('$')? + 2;
    let tag = text.get(..end)?;
    tag.get(1..end - 1)?.chars().all(|c| c.is_alphanumeric() || c == '_').then_some(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_end_with_a_semicolon() {
        let whole = [
            "",
            "select 1;",
            "select 1;\n.tables",
            ".tables\nselect 1;",
            "select ';';",
            ".tables",
            "select 1; -- so",
            "/* a; */ select 1 ;\n",
            "select \"a;b\";",
        ];
        let open = ["select 1", "select 'a;", "select 1; select", "/* a;", "select ';'", "-- a;\nselect", "select 1,\n.help"];
        for code in whole {
            assert_eq!(Language::Sql('.').is_whole(code), Some(true), "{code}");
        }
        for code in open {
            assert_eq!(Language::Sql('.').is_whole(code), Some(false), "{code}");
        }
        let psql = Language::Sql('\\');
        assert_eq!(psql.is_whole("do $x$ begin; end $x$;"), Some(true));
        assert_eq!(psql.is_whole("do $x$ begin;"), Some(false));
        assert_eq!(psql.is_whole("select 1 \\gx"), Some(true));
        assert_eq!(psql.is_whole("\\d t"), Some(true));
    }

    #[test]
    fn blocks_are_closed_by_an_empty_line() {
        let typed = Language::Python.lines("def f():\n    a = 1\n\n    return a\nif f():\n  g()\nelse:\n  h()\nprint(1)\n");
        assert_eq!(
            typed,
            ["def f():", "    a = 1", " ", "    return a", "", "if f():", "  g()", "else:", "  h()", "", "print(1)"]
        );
    }

    #[test]
    fn lines_are_lines_wherever_they_were_written() {
        assert_eq!(Language::Any.lines("a\r\nb\n"), ["a", "b"]);
    }
}
