//! Text that was copied from elsewhere: prompts in front of its lines with what was printed between them, or all of it
//! indented.

/// What a REPL says before its first prompt.
const BANNERS: [&str; 3] = ["Python ", "IPython ", "session "];

/// The code of a text that begins with a prompt: what stood behind its prompts, without what was printed in between. Any
/// other text is as it is.
pub(super) fn without_prompts(text: &str) -> String {
    let Some(first) = text.split('\n').find(|line| !line.trim().is_empty()) else { return text.to_owned() };
    let greeted = BANNERS.iter().any(|banner| first.starts_with(banner));
    if begins(first).is_none() && !(greeted && text.split('\n').any(|line| begins(line).is_some())) {
        return text.to_owned();
    }
    let mut lines: Vec<&str> = Vec::new();
    // Whether the line before is code: only there an entry goes on.
    let mut inside = false;
    for line in text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)) {
        if let Some(code) = begins(line).or_else(|| continues(line).filter(|_| inside)) {
            lines.push(code);
            inside = true;
        } else if line.trim().is_empty() && inside {
            lines.push("");
        } else {
            inside = false;
        }
    }
    // The prompt that waits for the next entry.
    if lines.len() > 1 && text.trim_end().ends_with(">>>") {
        lines.pop();
    }
    lines.join("\n")
}

/// The line behind a prompt that begins an entry: Python's, ours with its state, IPython's.
fn begins(line: &str) -> Option<&str> {
    let bare = line.trim_start();
    let bare = ["● ", "◌ ", "⏸ ", "* ", "~ ", "= "].iter().find_map(|cell| bare.strip_prefix(cell)).unwrap_or(bare);
    if let Some(rest) = bare.strip_prefix(">>>") {
        return rest.strip_prefix(' ').or_else(|| rest.trim().is_empty().then_some(""));
    }
    let (number, rest) = bare.strip_prefix("In [")?.split_once("]:")?;
    number.chars().all(|c| c.is_ascii_digit()).then(|| rest.strip_prefix(' ').unwrap_or(rest))
}

/// The line behind a prompt that goes on with one.
fn continues(line: &str) -> Option<&str> {
    let rest = line.trim_start().strip_prefix("...")?;
    let rest = rest.trim_start_matches('.');
    let rest = rest.strip_prefix(':').unwrap_or(rest);
    rest.strip_prefix(' ').or_else(|| rest.is_empty().then_some(""))
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
            ("    >>> x\r\n    >>> ", "x"),
        ] {
            assert_eq!(without_prompts(text), code, "{text:?}");
        }
    }

    #[test]
    fn what_was_printed_is_left_out() {
        for (text, code) in [
            (">>> 1 + 1\n2", "1 + 1"),
            (">>> for i in 'ab':\n...     print(i)\n...\na\nb\n>>> x\n5\n>>> ", "for i in 'ab':\n    print(i)\n\nx"),
            (">>> 1 / 0\nTraceback (most recent call last):\n  File \"<stdin>\"\n... more\n>>> y", "1 / 0\ny"),
            (
                "In [1]: def f():\n   ...:     return 1\n   ...:\n\nIn [2]: f()\nOut[2]: 1\n\nIn [3]: 2",
                "def f():\n    return 1\n\n\nf()\n2",
            ),
            ("Python 3.12.3 on linux\nType \"help\"\n>>> x\n", "x\n"),
        ] {
            assert_eq!(without_prompts(text), code, "{text:?}");
        }
    }

    #[test]
    fn what_only_looks_like_it_stays() {
        let doctest = "def f():\n    \"\"\"\n    >>> f()\n    1\n    \"\"\"";
        for text in ["x >>> 1", "... ", "a\n>>> b", ">>>x", "In [x]: y", "", "def f():\n    ...", "Python 3", doctest] {
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
