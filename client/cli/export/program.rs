//! A program: the code of every eval that ran, with cell marks that editors know. What never ran or could not be read by the
//! interpreter is there as a comment, so that the file as a whole can be.

use super::cells::Cell;
use super::{About, Form};
use rialto_client::protocol::Outcome;
use std::io::{self, Write};

#[derive(Debug)]
pub(super) struct Program {
    /// What begins a comment.
    comment: &'static str,
}

impl Default for Program {
    fn default() -> Self {
        Self { comment: "#" }
    }
}

impl Form for Program {
    fn begin(&mut self, out: &mut dyn Write, about: &About) -> io::Result<()> {
        if matches!(about.language.as_str(), "javascript" | "typescript" | "js") {
            self.comment = "//";
        }
        writeln!(out, "{} Session {}, {} {}", self.comment, about.session, about.language, about.version)
    }

    fn cell(&mut self, out: &mut dyn Write, cell: &Cell) -> io::Result<()> {
        let by = cell.accepted.by.as_ref().map_or_else(String::new, |by| format!(" {}", crate::people::named(by)));
        let end = cell.end_in_words().map_or_else(String::new, |words| format!(" ({words})"));
        writeln!(out, "\n{} %% #{}{by}{end}", self.comment, cell.accepted.n)?;
        let runs = cell.ended.as_ref().is_none_or(|end| !matches!(end.outcome, Outcome::Cancelled | Outcome::NotRun));
        if cell.accepted.code.is_none() {
            return writeln!(out, "{} (its code is no longer kept)", self.comment);
        }
        if runs && !cell.unreadable {
            return writeln!(out, "{}", cell.code().trim_end());
        }
        cell.code().trim_end().lines().try_for_each(|line| writeln!(out, "{} {line}", self.comment))
    }

    fn end(&mut self, _: &mut dyn Write, _: &About) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::cells::tests::{accepted, cells, ended};
    use super::*;
    use rialto_client::protocol::Failure;

    #[test]
    fn what_cannot_run_is_a_comment() {
        let wrong = Failure { name: "SyntaxError".into(), ..Failure::default() };
        let cells = cells(vec![
            accepted(1, true, "x = 1"),
            ended(1, Outcome::Ok, None, None),
            accepted(2, true, "1 +* 2"),
            ended(2, Outcome::Error, None, Some(wrong)),
            accepted(3, false, "a\nb"),
            ended(3, Outcome::NotRun, None, None),
        ]);
        let mut out = Vec::new();
        cells.iter().for_each(|cell| Program::default().cell(&mut out, cell).unwrap());
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("\n# %% #1\nx = 1\n"), "{text}");
        assert!(text.contains("\n# %% #2 (ended with an error)\n# 1 +* 2\n"), "{text}");
        assert!(text.contains("\n# %% #3 (never ran)\n# a\n# b\n"), "{text}");
    }
}
