//! An eval in one line: its number, who sent it, the beginning of its code.

use super::commands::text::head;
use crate::sanitise::Strip;
use rialto_client::protocol::EvalNumber;

/// Bytes of code shown.
const MOST: usize = 160;

/// `#12 anna/mcp ▸ first line … (+5 lines)`.
pub(super) fn headline(n: EvalNumber, author: &str, code: Option<&str>) -> String {
    format!("#{n} {author} ▸ {}", beginning(code))
}

/// The first line that says something, and how many follow.
pub(super) fn beginning(code: Option<&str>) -> String {
    let Some(code) = code else { return "(its text is no longer kept)".to_owned() };
    let code = code.trim();
    let mut lines = code.lines();
    let first = lines.next().unwrap_or_default().trim_end();
    let mut clean = String::new();
    Strip::default().clean(head(first, MOST), &mut clean);
    let clean = clean.replace(['\r', '\t', '\x08'], " ");
    match (lines.count(), first.len() > MOST) {
        (0, false) => clean,
        (0, true) => format!("{clean} …"),
        (1, _) => format!("{clean} … (+1 line)"),
        (more, _) => format!("{clean} … (+{more} lines)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_one_line() {
        assert_eq!(headline(12, "anna/mcp", Some("x = 1\n")), "#12 anna/mcp ▸ x = 1");
        assert_eq!(headline(1, "you", Some("\n\ndef f():\n    pass\n\nf()")), "#1 you ▸ def f(): … (+3 lines)");
        assert!(beginning(Some(&"é".repeat(500))).len() < 200);
        assert_eq!(beginning(Some("a\x1b]0;evil\x07\x1b[2Jb")), "ab");
        assert_eq!(beginning(None), "(its text is no longer kept)");
    }
}
