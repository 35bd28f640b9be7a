//! What is known of a name, as text.

use rialto_client::protocol::Bundle;

/// Lines of it that are shown while somebody types.
const LINES: usize = 20;

pub(super) fn text(found: &Bundle) -> Option<String> {
    let text = found.get("text/plain")?.lossy().into_owned();
    let plain = |c: &char| *c == '\n' || *c == '\t' || !c.is_control();
    let text: String = text.chars().filter(plain).collect();
    let mut lines: Vec<&str> = text.trim_end().lines().take(LINES + 1).collect();
    if lines.len() > LINES {
        lines.truncate(LINES);
        lines.push("…");
    }
    Some(lines.join("\n"))
}
