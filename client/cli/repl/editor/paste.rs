//! Text that was copied from elsewhere: prompts in front of its lines, or all of it indented.

/// The text without the prompts it was copied with, where every line has one; else as it is.
pub(super) fn without_prompts(text: &str) -> String {
    let mut lines = Vec::new();
    for (i, line) in text.split('\n').enumerate() {
        match strip(line, i == 0) {
            Some(line) => lines.push(line),
            None if line.trim().is_empty() && i > 0 => lines.push(""),
            None => return text.to_owned(),
        }
    }
    lines.join("\n")
}

/// A line without its prompt: Python's, ours with its state, IPython's.
fn strip(line: &str, first: bool) -> Option<&str> {
    let bare = line.trim_start();
    let bare = ["● ", "◌ ", "⏸ ", "* ", "~ ", "= "].iter().find_map(|cell| bare.strip_prefix(cell)).unwrap_or(bare);
    for prompt in [">>>", "..."] {
        if let Some(rest) = bare.strip_prefix(prompt)
            && (!first || prompt == ">>>")
            && !rest.starts_with(':')
        {
            return rest.strip_prefix(' ').or_else(|| rest.is_empty().then_some(rest));
        }
    }
    if let Some(rest) = bare.strip_prefix("In [") {
        let (number, rest) = rest.split_once("]:")?;
        return number.chars().all(|c| c.is_ascii_digit()).then(|| rest.strip_prefix(' ').unwrap_or(rest));
    }
    let rest = bare.trim_start_matches('.').strip_prefix(':').filter(|_| !first && bare.starts_with("..."))?;
    Some(rest.strip_prefix(' ').unwrap_or(rest))
}

/// The text without the indent that all its lines share with the first.
pub(super) fn dedent(text: &str) -> String {
    let indent: &str = text.split(|c: char| c != ' ' && c != '\t').next().unwrap_or_default();
    let shared = |line: &str| line.trim().is_empty() || line.starts_with(indent);
    if indent.is_empty() || !text.lines().all(shared) {
        return text.to_owned();
    }
    let lines: Vec<&str> = text.split('\n').map(|line| line.strip_prefix(indent).unwrap_or(line.trim_start())).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prompts_are_taken_off() {
        for (text, code) in [
            (">>> 1 + 1", "1 + 1"),
            (">>> def f():\n...     return 1\n...\n>>> f()", "def f():\n    return 1\n\nf()"),
            ("● >>> def f():\n  ...     return 1", "def f():\n    return 1"),
            ("In [12]: for i in x:\n    ...:     print(i)\n    ...: ", "for i in x:\n    print(i)\n"),
            (">>> x\n\n>>> y\n", "x\n\ny\n"),
        ] {
            assert_eq!(without_prompts(text), code, "{text:?}");
        }
    }

    #[test]
    fn what_only_looks_like_it_stays() {
        for text in ["x >>> 1", "... ", ">>> 1 + 1\n2", "a\n>>> b", ">>>x", "In [x]: y", "", "def f():\n    ..."] {
            assert_eq!(without_prompts(text), text, "{text:?}");
        }
    }

    #[test]
    fn a_shared_indent_goes() {
        assert_eq!(dedent("    a\n      b\n\n    c"), "a\n  b\n\nc");
        assert_eq!(dedent("  a\n b"), "  a\n b");
        assert_eq!(dedent("a\n  b"), "a\n  b");
        assert_eq!(dedent(" x"), "x");
    }
}
