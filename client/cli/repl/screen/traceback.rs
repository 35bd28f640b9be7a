//! A traceback with its places picked out: by what its lines look like, whatever language wrote it.

use anstyle::{AnsiColor, Color, Style};
use std::fmt::Write;

const fn colour(colour: AnsiColor) -> Style {
    Style::new().fg_color(Some(Color::Ansi(colour)))
}

const FILE: Style = colour(AnsiColor::Cyan);
const LINE: Style = colour(AnsiColor::Yellow);
const FUNCTION: Style = colour(AnsiColor::Magenta);
const MARK: Style = colour(AnsiColor::Red).bold();
const LAST: Style = colour(AnsiColor::Red).bold();
const REST: Style = Style::new().dimmed();

/// Paints it. One that has colours of its own keeps them.
pub(super) fn paint(text: &str) -> String {
    if text.contains('\x1b') {
        return text.to_owned();
    }
    let lines: Vec<&str> = text.lines().collect();
    // The error itself is the last line that begins at the left, and what belongs to it.
    let last = lines.iter().rposition(|line| !line.is_empty() && !line.starts_with([' ', '\t'])).unwrap_or(0);
    let mut out = String::with_capacity(text.len() * 2);
    for (i, line) in lines.iter().enumerate() {
        if i > 0 {
            out.push('\n');
        }
        if i >= last && !is_place(line) {
            let _ = write!(out, "{LAST}{line}{LAST:#}");
        } else {
            painted(line, &mut out);
        }
    }
    out
}

fn is_place(line: &str) -> bool {
    line.trim_start().starts_with("File \"")
}

fn painted(line: &str, out: &mut String) {
    let (indent, body) = line.split_at(line.len() - line.trim_start().len());
    if let Some((file, number, rest)) = place(body) {
        let (quote, function) = match rest.strip_prefix(", in ") {
            Some(function) => (", in ", function),
            None => (rest, ""),
        };
        let _ = write!(out, "{indent}File {FILE}\"{file}\"{FILE:#}, line {LINE}{number}{LINE:#}");
        let _ = write!(out, "{quote}{FUNCTION}{function}{FUNCTION:#}");
    } else if !body.is_empty() && body.chars().all(|c| matches!(c, '^' | '~' | ' ')) {
        let _ = write!(out, "{indent}{MARK}{body}{MARK:#}");
    } else if body.starts_with("Traceback ") || body.starts_with("[Previous line repeated") {
        let _ = write!(out, "{indent}{REST}{body}{REST:#}");
    } else {
        out.push_str(line);
    }
}

/// `File "FILE", line NUMBER REST`
fn place(body: &str) -> Option<(&str, &str, &str)> {
    let (file, rest) = body.strip_prefix("File \"")?.split_once("\", line ")?;
    let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, rest) = rest.split_at_checked(digits).filter(|(number, _)| !number.is_empty())?;
    Some((file, number, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_marks_and_the_error_stand_out() {
        let text = "Traceback (most recent call last):\n  File \"<stdin>#3\", line 12, in f\n    1/0\n    ~^~\nZeroDivisionError: division by zero\n  a note";
        let painted = paint(text);
        let expected = "\x1b[2mTraceback (most recent call last):\x1b[0m\n  \
            File \x1b[36m\"<stdin>#3\"\x1b[0m, line \x1b[33m12\x1b[0m, in \x1b[35mf\x1b[0m\n    1/0\n    \
            \x1b[1m\x1b[31m~^~\x1b[0m\n\x1b[1m\x1b[31mZeroDivisionError: division by zero\x1b[0m\n\x1b[1m\x1b[31m  a note\x1b[0m";
        assert_eq!(painted, expected);
    }

    #[test]
    fn nothing_is_added_to_the_text_and_nothing_lost() {
        for text in
            ["", "x", "File \"", "File \"a\", line ", "  File \"a\", line 3", "a\n\nb", "  ^^^\nSyntaxError: invalid syntax"]
        {
            let painted = paint(text);
            let mut plain = String::new();
            let mut rest = painted.as_str();
            while let Some((before, after)) = rest.split_once('\x1b') {
                plain.push_str(before);
                rest = after.split_once('m').unwrap().1;
            }
            assert_eq!(plain + rest, text);
        }
        assert_eq!(paint("\x1b[35mTraceback\x1b[0m\nx"), "\x1b[35mTraceback\x1b[0m\nx");
    }
}
