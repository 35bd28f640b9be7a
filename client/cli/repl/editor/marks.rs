//! How the lines after the first keep in step with the prompt.
//!
//! The library that draws the entry knows no continuation prompt: it measures the text and begins every line at the left
//! edge. So the text that it edits has, after each newline, as many characters of width one as the prompt is wide. Nobody
//! types them (they are of the private use area); on the screen they are drawn as `... `, and what leaves the editor has none.
//! Nothing depends on where they are: a mark that an edit tears apart costs looks, never text.

use std::fmt::Write;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

const FILL: char = '\u{f1e00}';
/// The last of a mark, to which keys can move.
pub(super) const LAST: char = '\u{f1e01}';

fn of_a_mark(c: char) -> bool {
    c == FILL || c == LAST
}

/// The marks of one prompt.
#[derive(Debug, Clone, Default)]
pub(super) struct Marks {
    mark: String,
    shown: String,
}

impl Marks {
    /// Marks as wide as the prompt, drawn so.
    pub(super) fn new(shown: &str) -> Self {
        let width = shown.width();
        let mark = (0..width).map(|i| if i + 1 == width { LAST } else { FILL }).collect();
        Self { mark, shown: shown.to_owned() }
    }

    /// What follows a newline.
    pub(super) fn mark(&self) -> &str {
        &self.mark
    }

    /// The text as the editor holds it.
    pub(super) fn put(&self, text: &str) -> String {
        text.replace('\n', &format!("\n{}", self.mark))
    }

    /// The text as it is drawn; the style of the marks is for the caller.
    pub(super) fn draw(&self, held: &str, begin: &str, end: &str) -> String {
        let mut drawn = String::with_capacity(held.len() + 64);
        let mut shown = self.shown.chars();
        let mut inside = false;
        for c in held.chars() {
            if of_a_mark(c) {
                if !inside {
                    drawn.push_str(begin);
                }
                inside = true;
                let _ = drawn.write_char(shown.next().unwrap_or(' '));
            } else {
                if inside {
                    drawn.push_str(end);
                    inside = false;
                }
                if c == '\n' {
                    shown = self.shown.chars();
                }
                drawn.push(c);
            }
        }
        if inside {
            drawn.push_str(end);
        }
        drawn
    }
}

/// The text without marks.
pub(super) fn take(held: &str) -> String {
    held.chars().filter(|c| !of_a_mark(*c)).collect()
}

/// The text without marks, and where this place is in it.
pub(super) fn take_at(held: &str, pos: usize) -> (String, usize) {
    (take(held), take(held.get(..pos).unwrap_or(held)).len())
}

/// How many rows the library has drawn below the first. It counts like this.
pub(super) fn rows(prompt: usize, held: &str, columns: usize) -> usize {
    let (mut row, mut column) = (0, prompt);
    for c in held.chars() {
        if c == '\n' {
            (row, column) = (row + 1, 0);
            continue;
        }
        let width = if c == '\t' { 8 - column % 8 } else { c.width().unwrap_or(0) };
        column += width;
        if column > columns {
            (row, column) = (row + 1, width);
        }
    }
    if column == columns { row + 1 } else { row }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_come_and_go() {
        let marks = Marks::new("  ... ");
        let text = "def f():\n    return 'é'\n";
        let held = marks.put(text);
        assert_eq!(take(&held), text);
        assert_eq!(held.width(), text.width() + 2 * "  ... ".len());
        assert_eq!(marks.draw(&held, "<", ">"), "def f():\n<  ... >    return 'é'\n<  ... >");
        let at = held.find("return").unwrap();
        assert_eq!(take_at(&held, at), (text.to_owned(), text.find("return").unwrap()));
        // Torn apart by an edit: the text is what it was.
        assert_eq!(take(&held.replace(LAST, "x")), "def f():\nx    return 'é'\nx");
    }

    #[test]
    fn rows_are_counted_as_they_are_drawn() {
        assert_eq!(rows(6, "", 80), 0);
        assert_eq!(rows(6, "a\nb", 80), 1);
        assert_eq!(rows(6, &"x".repeat(73), 80), 0);
        // A full row makes the cursor wait on the next one.
        assert_eq!(rows(6, &"x".repeat(74), 80), 1);
        assert_eq!(rows(6, &"x".repeat(75), 80), 1);
        assert_eq!(rows(0, &"漢".repeat(41), 80), 1);
    }
}
