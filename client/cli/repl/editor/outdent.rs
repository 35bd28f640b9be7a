//! Lines that stand further left than the one before: `else:` below its `if`, a closing bracket below its opening.

use super::marks;

/// What begins a line that goes on with a statement, and what may stand above it.
const CLAUSES: &[(&str, &[&str])] = &[
    ("elif", &["if", "elif"]),
    ("else", &["if", "elif", "for", "while", "try", "except", "async"]),
    ("except", &["try", "except"]),
    ("finally", &["try", "except", "else"]),
    ("case", &["case"]),
];

/// What the line up to the cursor becomes when this is typed behind it, where that moves it to the left.
pub(super) fn outdented(held: &str, pos: usize, typed: char) -> Option<String> {
    let (code, at) = marks::take_at(held, pos);
    let (before, rest) = code.split_at_checked(at)?;
    let (above, line) = before.rsplit_once('\n')?;
    if !rest.split('\n').next().unwrap_or_default().trim().is_empty() {
        return None;
    }
    let text = line.trim_start();
    let indent = line.len() - text.len();
    let to = match typed {
        ':' => below_its_statement(above, text, indent)?,
        ')' | ']' | '}' if text.is_empty() => below_its_bracket(above)?,
        _ => return None,
    };
    (to.len() < indent).then(|| format!("{to}{text}{typed}"))
}

/// The indent of what a clause belongs to.
fn below_its_statement<'a>(above: &'a str, clause: &str, indent: usize) -> Option<&'a str> {
    let (_, heads) = CLAUSES.iter().find(|(name, _)| first_word(clause) == *name)?;
    if matches!(first_word(clause), "else" | "finally") && clause.len() != first_word(clause).len() {
        return None;
    }
    let (mut level, mut closed) = (indent, false);
    for line in above.lines().rev().filter(|line| !line.trim().is_empty()) {
        let text = line.trim_start();
        let depth = line.len() - text.len();
        if depth > level {
            continue;
        }
        if depth < level {
            (level, closed) = (depth, false);
        }
        if !closed && heads.contains(&first_word(text)) && text.trim_end().ends_with(':') {
            return line.get(..depth);
        }
        if matches!(first_word(text), "def" | "class") {
            return None;
        }
        // Another statement stands between here and all that is above it on this level.
        closed = true;
    }
    None
}

/// The indent of the line that opened the bracket that is open last.
fn below_its_bracket(above: &str) -> Option<&str> {
    let mut open = Vec::new();
    for line in above.lines() {
        let mut quote = None;
        let mut escaped = false;
        for c in line.chars() {
            match (quote, c) {
                _ if std::mem::take(&mut escaped) => {}
                (Some(_), '\\') => escaped = true,
                (None, '#') => break,
                (None, '"' | '\'') => quote = Some(c),
                (Some(q), _) if q == c => quote = None,
                (None, '(' | '[' | '{') => open.push(line),
                (None, ')' | ']' | '}') => drop(open.pop()),
                _ => {}
            }
        }
    }
    let line = open.pop()?;
    line.get(..line.len() - line.trim_start().len())
}

fn first_word(text: &str) -> &str {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(text: &str, key: char) -> Option<String> {
        outdented(text, text.len(), key)
    }

    #[test]
    fn a_clause_goes_below_what_it_belongs_to() {
        let line = |text: &str| typed(text, ':');
        assert_eq!(line("if x:\n    y\n    else").as_deref(), Some("else:"));
        assert_eq!(line("if x:\n    y\n    elif z").as_deref(), Some("elif z:"));
        assert_eq!(
            line("def f():\n    try:\n        y\n        except OSError as e").as_deref(),
            Some("    except OSError as e:")
        );
        assert_eq!(line("try:\n    y\nexcept E:\n    z\n    finally").as_deref(), Some("finally:"));
        assert_eq!(line("for x in y:\n    if a:\n        b\n    c\n    else").as_deref(), Some("else:"));
        assert_eq!(line("if a:\n    with x:\n        y\n        else").as_deref(), Some("else:"));
        assert_eq!(line("match x:\n    case 1:\n        y\n        case 2").as_deref(), Some("    case 2:"));
    }

    #[test]
    fn what_stands_right_stays_there() {
        let stays = |text: &str| assert_eq!(typed(text, ':'), None, "{text:?}");
        stays("if a:\n    if b:\n        c\n    else");
        stays("else");
        stays("if a:\n    def f():\n        else");
        stays("match x:\n    case 1");
        stays("if a:\n    elsewhere");
        stays("if a:\n    x = {else");
        stays("if a:\n    y\n    lambda");
        // Something follows the cursor on its line.
        assert_eq!(outdented("if x:\n    else y", 14, ':'), None);
    }

    #[test]
    fn a_bracket_goes_below_the_line_that_opened_it() {
        assert_eq!(typed("f(\n    1,\n    ", ')').as_deref(), Some(")"));
        assert_eq!(typed("if x:\n    f([\n        '(',  # (\n        ", ']').as_deref(), Some("    ]"));
        assert_eq!(typed("f(\n    1", ')'), None);
        assert_eq!(typed("f(\n", ')'), None);
    }
}
