//! What is said of evals that ran again: where they differ, in a few lines each; or a JSON line for each.

use super::inputs::Input;
use super::shown::{Difference, Text, word};
use super::target::Again;
use crate::{paint, sanitise};
use serde_json::{Value, json};
use similar::{Algorithm, TextDiff};
use std::io::{self, Write};
use std::time::Duration;

/// Lines shown of one difference, and of each line so many characters.
const LINES: usize = 20;
const WIDTH: usize = 160;
/// Lines of code shown of an eval that differs.
const CODE: usize = 3;
/// Finding the shortest difference may take long; a longer one does.
const PATIENCE: Duration = Duration::from_millis(200);

pub(super) struct Report {
    json: bool,
}

impl Report {
    pub(super) const fn new(json: bool) -> Self {
        Self { json }
    }

    pub(super) fn ran(&self, input: &Input, again: &Again, differs: &[Difference]) -> io::Result<()> {
        if self.json {
            return line(&ran(input, again, differs));
        }
        if differs.is_empty() {
            return Ok(());
        }
        let mut out = anstream::stdout().lock();
        let what: Vec<&str> = differs.iter().map(|difference| difference.what).collect();
        writeln!(out, "#{} differs: {}", input.n(), what.join(", "))?;
        let code = input.accepted.code.as_deref().unwrap_or_default().trim_start_matches(['\r', '\n']);
        for text in code.trim_end().lines().take(CODE) {
            writeln!(out, "    {}", paint::paint(paint::DIM, cut(text)))?;
        }
        if code.trim_end().lines().count() > CODE {
            writeln!(out, "    {}", paint::paint(paint::DIM, "..."))?;
        }
        for difference in differs {
            let trimmed = if input.shown.trimmed > 0 { " (part of what it printed is no longer kept)" } else { "" };
            writeln!(out, "  {}{trimmed}", difference.what)?;
            for (sign, text) in diff(&difference.was, &difference.is) {
                let text = cut(&format!("{sign}{text}"));
                match sign {
                    '-' => writeln!(out, "    {}", paint::paint(paint::STDERR, text))?,
                    '+' => writeln!(out, "    {}", paint::paint(paint::GOOD, text))?,
                    _ => writeln!(out, "    {text}")?,
                }
            }
        }
        out.flush()
    }

    pub(super) fn skipped(&self, input: &Input, why: &str) -> io::Result<()> {
        if self.json { line(&json!({ "n": input.n(), "eval": input.accepted.eval, "skipped": why })) } else { Ok(()) }
    }

    pub(super) fn summary(&self, value: &Value, text: &str) -> io::Result<()> {
        if self.json {
            return line(&json!({ "summary": value }));
        }
        let mut out = anstream::stdout().lock();
        writeln!(out, "{text}")?;
        out.flush()
    }
}

fn line(value: &Value) -> io::Result<()> {
    let mut out = io::stdout().lock();
    serde_json::to_writer(&mut out, value)?;
    out.write_all(b"\n")?;
    out.flush()
}

fn ran(input: &Input, again: &Again, differs: &[Difference]) -> Value {
    let outcome = |shown: &super::Shown| shown.outcome().map(word);
    let mut line = json!({
        "n": input.n(),
        "eval": input.accepted.eval,
        "again": again.n,
        "same": differs.is_empty(),
        "was": outcome(&input.shown),
        "is": outcome(&again.shown),
    });
    let difference = |of: &Difference| json!({ "what": of.what, "was": of.was.text(), "is": of.is.text(), "was_bytes": of.was.bytes, "is_bytes": of.is.bytes });
    if let Some(map) = line.as_object_mut() {
        if !differs.is_empty() {
            map.insert("differs".to_owned(), differs.iter().map(difference).collect());
        }
        if input.shown.trimmed > 0 {
            map.insert("trimmed_events".to_owned(), input.shown.trimmed.into());
        }
    }
    line
}

/// The lines that went and came, with a few around them.
fn diff(was: &Text, is: &Text) -> Vec<(char, String)> {
    let (before, after) = (was.text(), is.text());
    let mut lines: Vec<(char, String)> = Vec::new();
    if before == after {
        lines.push((' ', format!("(differs after the first {})", crate::render::size(was.head.len() as u64))));
    } else {
        let diff = TextDiff::configure().algorithm(Algorithm::Myers).timeout(PATIENCE).diff_lines(&*before, &*after);
        for hunk in diff.unified_diff().context_radius(1).iter_hunks() {
            for change in hunk.iter_changes() {
                let mark = match change.tag() {
                    similar::ChangeTag::Delete => '-',
                    similar::ChangeTag::Insert => '+',
                    similar::ChangeTag::Equal => ' ',
                };
                lines.push((mark, change.value().trim_end_matches('\n').to_owned()));
                if lines.len() > LINES {
                    break;
                }
            }
        }
    }
    if lines.len() > LINES {
        lines.truncate(LINES);
        lines.push((' ', "...".to_owned()));
    }
    let bytes = |text: &Text| crate::render::size(text.bytes);
    // One that lacks only the newline at its end looks like the other.
    if before.trim_end_matches('\n') == after.trim_end_matches('\n') && before != after {
        lines.push((' ', format!("(one ends with a newline more: was {}, is {})", bytes(was), bytes(is))));
    }
    lines
}

/// A line for a terminal: nothing in it acts, and its end may be left out.
fn cut(line: &str) -> String {
    let clean = sanitise::text(line);
    match clean.char_indices().nth(WIDTH) {
        Some((at, _)) => format!("{}...", clean.get(..at).unwrap_or_default()),
        None => clean,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(was: &str, is: &str) -> Vec<String> {
        diff(&was.into(), &is.into()).into_iter().map(|(sign, text)| format!("{sign}{text}")).collect()
    }

    #[test]
    fn a_difference_is_shown_with_what_is_around_it_and_no_more() {
        assert_eq!(shown("a\nb\nc\nd\ne\n", "a\nb\nX\nd\ne\n"), [" b", "-c", "+X", " d"]);
        assert_eq!(shown("1", "2"), ["-1", "+2"]);
        let (many, none) = ("x\n".repeat(1_000), String::new());
        assert_eq!(shown(&many, &none).len(), LINES + 1);
        assert!(shown("a\n", "a").iter().any(|line| line.contains("newline")));
        let long = "x".repeat(100_000);
        assert_eq!(shown(&format!("{long}a"), &format!("{long}b")), [" (differs after the first 64.0 KiB)"]);
    }

    #[test]
    fn nothing_in_it_acts() {
        assert!(!cut("\x1b]52;c;eA==\x07\x1b[2Jx").contains('\x1b'));
        assert_eq!(cut(&"ü".repeat(500)).chars().count(), WIDTH + 3);
    }
}
