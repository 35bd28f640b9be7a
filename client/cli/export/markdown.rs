//! Prose: code and what it showed, in fences.

use super::cells::{Cell, Part};
use super::{About, Form};
use crate::render::{failed, value};
use data_encoding::BASE64;
use std::io::{self, Write};

/// An image larger than this is named and not written into the text. Bytes.
const IMAGE: usize = 1024 * 1024;

#[derive(Debug, Default)]
pub(super) struct Markdown {
    language: String,
}

impl Form for Markdown {
    fn begin(&mut self, out: &mut dyn Write, about: &About) -> io::Result<()> {
        self.language.clone_from(&about.language);
        writeln!(out, "# Session {}\n\n{} {}", about.session, about.language, about.version)
    }

    fn cell(&mut self, out: &mut dyn Write, cell: &Cell) -> io::Result<()> {
        let by = cell.accepted.by.as_ref().map_or_else(String::new, |by| format!(", {}", crate::people::named(by)));
        writeln!(out, "\n## #{}{by}\n", cell.accepted.n)?;
        if cell.accepted.code.is_some() {
            fenced(out, &self.language, cell.code())?;
        }
        for part in &cell.parts {
            writeln!(out)?;
            match part {
                Part::Text(_, text) => fenced(out, "text", text)?,
                Part::Failure(failure) => fenced(out, "text", &failed(failure))?,
                Part::Value(_, data) => match (data.get("text/markdown"), data.get("image/png")) {
                    (_, Some(image)) if image.0.len() <= IMAGE => {
                        writeln!(out, "![#{}](data:image/png;base64,{})", cell.accepted.n, BASE64.encode(&image.0))?;
                    }
                    (Some(prose), _) => writeln!(out, "{}", prose.lossy().trim_end())?,
                    (None, _) => fenced(out, "text", &value(data))?,
                },
            }
        }
        if let Some(missing) = cell.missing() {
            writeln!(out, "\n({missing})")?;
        }
        cell.end_in_words().map_or(Ok(()), |words| writeln!(out, "\n*#{} {words}*", cell.accepted.n))
    }

    fn end(&mut self, _: &mut dyn Write, _: &About) -> io::Result<()> {
        Ok(())
    }
}

/// Text between fences that are longer than any in it.
fn fenced(out: &mut dyn Write, language: &str, text: &str) -> io::Result<()> {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    writeln!(out, "{fence}{language}\n{}\n{fence}", text.trim_end_matches('\n'))
}

#[cfg(test)]
mod tests {
    use super::super::cells::tests::{accepted, cells, ended, printed};
    use super::*;
    use rialto_client::protocol::{Outcome, Stream};

    #[test]
    fn a_fence_holds_whatever_is_in_it() {
        let cells = cells(vec![
            accepted(1, true, "print('```')"),
            printed(1, Stream::Stdout, "```\n"),
            ended(1, Outcome::Interrupted, None, None),
        ]);
        let (mut out, mut form) = (Vec::new(), Markdown { language: "python".into() });
        cells.iter().for_each(|cell| form.cell(&mut out, cell).unwrap());
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("````python\nprint('```')\n````\n\n````text\n```\n````\n"), "{text}");
        assert!(text.ends_with("*#1 was interrupted*\n"), "{text}");
    }
}
