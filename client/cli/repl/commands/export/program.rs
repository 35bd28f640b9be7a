//! A program: the code of every eval that ran, with cell marks that editors know. What never ran or could not be read by the
//! interpreter is there as a comment, so that the file as a whole can be.

use super::cells::{Cell, Part};
use super::{About, Form};
use rialto_client::protocol::Outcome;
use std::io::{self, Write};

#[derive(Debug, Default)]
pub(super) struct Program;

impl Form for Program {
    fn begin(&mut self, out: &mut dyn Write, about: &About) -> io::Result<()> {
        writeln!(out, "# Session {}, {} {}", about.session, about.language, about.version)
    }

    fn cell(&mut self, out: &mut dyn Write, cell: &Cell) -> io::Result<()> {
        let by = cell.accepted.by.as_ref().map_or_else(String::new, |by| format!(" {}", crate::repl::commands::named(by)));
        let end = cell.end_in_words().map_or_else(String::new, |words| format!(" ({words})"));
        writeln!(out, "\n# %% #{}{by}{end}", cell.accepted.n)?;
        let runs = cell.ended.as_ref().is_none_or(|end| !matches!(end.outcome, Outcome::Cancelled | Outcome::NotRun));
        let is_code = |part: &Part| !matches!(part, Part::Failure(f) if unreadable(&f.name));
        if runs && cell.parts.iter().all(is_code) {
            return writeln!(out, "{}", cell.code().trim_end());
        }
        cell.code().trim_end().lines().try_for_each(|line| writeln!(out, "# {line}"))
    }

    fn end(&mut self, _: &mut dyn Write, _: &About) -> io::Result<()> {
        Ok(())
    }
}

fn unreadable(error: &str) -> bool {
    matches!(error, "SyntaxError" | "IndentationError" | "TabError")
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
        cells.iter().for_each(|cell| Program.cell(&mut out, cell).unwrap());
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("\n# %% #1\nx = 1\n"), "{text}");
        assert!(text.contains("\n# %% #2 (ended with an error)\n# 1 +* 2\n"), "{text}");
        assert!(text.contains("\n# %% #3 (never ran)\n# a\n# b\n"), "{text}");
    }
}
