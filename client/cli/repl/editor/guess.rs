//! Whether an entry is complete, where the kernel cannot be asked: it runs somebody else's eval, or is gone. A guess that
//! errs is mended by one more Enter, or by the error that the kernel then gives.

use rialto_client::protocol::kernel::Completeness;

/// One step of a block.
const STEP: &str = "    ";

pub(super) fn guess(code: &str) -> Completeness {
    let ended = code.ends_with('\n');
    let lines: Vec<&str> = code.lines().collect();
    let last = lines.last().copied().unwrap_or_default().trim_end();
    let indent: String = last.chars().take_while(|c| c.is_whitespace()).collect();
    let goes_on = open_brackets(code) || code.matches("\"\"\"").count() % 2 == 1 || code.matches("'''").count() % 2 == 1;
    // An empty line ends a block, and nothing else does.
    let in_block = !ended && lines.iter().any(|line| line.trim_end().ends_with(':'));
    if in_block && last.ends_with(':') {
        Completeness::Incomplete { indent: format!("{indent}{STEP}") }
    } else if in_block || goes_on || last.ends_with('\\') {
        Completeness::Incomplete { indent }
    } else {
        Completeness::Unknown
    }
}

/// Whether more brackets open than close, outside of strings that end on their line.
fn open_brackets(code: &str) -> bool {
    let mut open = 0_i32;
    for line in code.lines() {
        let mut quote = None;
        for c in line.chars() {
            match (quote, c) {
                (None, '#') => break,
                (None, '"' | '\'') => quote = Some(c),
                (Some(q), _) if q == c => quote = None,
                (None, '(' | '[' | '{') => open += 1,
                (None, ')' | ']' | '}') => open -= 1,
                _ => {}
            }
        }
    }
    open > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_stand_alone_goes_on() {
        let goes_on = |code: &str, with: &str| {
            assert_eq!(guess(code), Completeness::Incomplete { indent: with.to_owned() }, "{code:?}");
        };
        goes_on("def f():", "    ");
        goes_on("def f():\n    if x:", "        ");
        goes_on("def f():\n    return 1", "    ");
        goes_on("f(1,", "");
        goes_on("x = \"\"\"a", "");
        goes_on("1 + \\", "");
        for code in ["x", "f(1)", "print('(')", "x = 1  # (", "def f():\n    return 1\n", "x: int = 5", "{'a': 1}"] {
            assert_eq!(guess(code), Completeness::Unknown, "{code:?}");
        }
    }
}
