//! What is known of a name, as text.

use super::resize;
use rialto_client::protocol::Bundle;
use unicode_width::UnicodeWidthStr;

/// Lines of it that are shown while somebody types.
const LINES: usize = 20;

pub(super) fn text(found: &Bundle) -> Option<String> {
    let text = found.get("text/plain")?.lossy().into_owned();
    let plain = |c: &char| *c == '\n' || *c == '\t' || !c.is_control();
    let text = wrapped(&text.chars().filter(plain).collect::<String>(), resize::columns());
    let mut lines: Vec<&str> = text.trim_end().lines().take(LINES + 1).collect();
    if lines.len() > LINES {
        lines.truncate(LINES);
        lines.push("…");
    }
    Some(lines.join("\n"))
}

/// Lines that fit into the window, broken between words: what was written for 80 columns is read in 40 as well.
pub(crate) fn fitting(text: &str) -> String {
    wrapped(text, resize::columns())
}

fn wrapped(text: &str, columns: usize) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let indent = line.get(..line.len() - line.trim_start_matches(' ').len()).unwrap_or_default();
        // A table or a window of a few columns is not made better by breaking it.
        if line.trim_end().width() <= columns || indent.len() + 20 > columns {
            out.push_str(line);
            continue;
        }
        let mut filled = indent.len();
        out.push_str(indent);
        for (i, word) in line.trim().split(' ').enumerate() {
            if i > 0 && filled + 1 + word.width() > columns {
                out.push('\n');
                out.push_str(indent);
                filled = indent.len();
            } else if i > 0 {
                out.push(' ');
                filled += 1;
            }
            out.push_str(word);
            filled += word.width();
        }
        if line.ends_with('\n') {
            out.push('\n');
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_between_words() {
        let text = "join(a, *p)\n\n  Join two or more pathname components, in serting\n";
        assert_eq!(wrapped(text, 80), text);
        assert_eq!(wrapped(text, 30), "join(a, *p)\n\n  Join two or more pathname\n  components, in serting\n");
        assert_eq!(wrapped(&"x".repeat(50), 30), "x".repeat(50));
        assert_eq!(wrapped("a bb cc dd ee ff gg hh ii jj kk", 20), "a bb cc dd ee ff gg\nhh ii jj kk");
        assert_eq!(wrapped("a b", 2), "a b");
    }
}
