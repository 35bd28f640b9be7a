//! What is known of a name, as text.

use super::resize;
use crate::repl::screen::wrapped;
use rialto_client::protocol::Bundle;

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
